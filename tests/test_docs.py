"""The assays' own pages: columns that tables have, settings that load, commands that run."""

import re
from pathlib import Path

import pytest
import yaml

from monolayer.assays import assay_of
from monolayer.cli import _exit_code as cli
from monolayer.method import Method
from monolayer.summarise.schema import PLATE_HEAD, WELL_HEAD

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("confluence", "viability", "suspension")


def text_of(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_columns_of_the_page_are_columns_of_the_tables(name: str) -> None:
    method = Method.model_validate({"assay": name})
    assay = assay_of(method)
    tables = {
        "fields": dict(assay.field_columns(("w1", "w2"), method)),
        "wells": dict([*WELL_HEAD, *assay.well_columns(("w1", "w2"), method)]),
        "plates": dict([*PLATE_HEAD, *assay.plate_columns(("w1", "w2"), method)]),
    }
    section = text_of(name).split("## What the tables say")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", section, re.M)
    assert len(rows) >= 5
    for columns, where in rows:
        for column in re.findall(r"`([a-z0-9_]+)`", columns):
            for table in where.split(", "):
                assert column in tables[table.strip()], f"{column} in {table}"


@pytest.mark.parametrize("name", PAGES)
def test_settings_of_the_page_load(name: str) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", text_of(name), re.M | re.S):
        Method.model_validate({"assay": name} | yaml.safe_load(block))


@pytest.mark.slow
def test_commands_of_viability_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the other two pages stand in the README as well and are run there."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```sh\n(.*?)^```", text_of("viability"), re.M | re.S)
    codes = [cli(line.removeprefix("monolayer ").split()) for line in block.splitlines()]
    # The well of one dye alone cannot be judged, and says so; that is no failure.
    assert codes == [0, 0, 0]
    assert (tmp_path / "VIABILITY" / "report.html").is_file()


@pytest.mark.parametrize("name", PAGES)
def test_the_readme_links_the_page(name: str) -> None:
    assert f"docs/{name}.md" in (DOCS.parent / "README.md").read_text(encoding="utf-8")
