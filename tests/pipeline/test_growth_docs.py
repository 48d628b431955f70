"""The pages docs/growth.md and docs/decisions.md: what they show runs."""

import re
from pathlib import Path

import pytest
from tests.pipeline.test_grow_cli import rows_of, write

from monolayer.cli import _exit_code as cli
from monolayer.decide.rules import RULES

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(
        rf"^```{kind}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S
    )


def commands(page: str) -> list[list[str]]:
    (block,) = blocks(page, "sh")
    return [line.removeprefix("monolayer ").split() for line in block.splitlines()]


def test_commands_of_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "growth.csv", "vessel,time_h,confluence", rows_of("V-017"))
    assert [cli(command) for command in commands("growth.md")] == [0]


def test_commands_of_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (history,) = blocks("decisions.md", "yaml")
    (tmp_path / "vessels.yaml").write_text(history, encoding="utf-8")
    assert [cli(command) for command in commands("decisions.md")] == [0, 0, 0]


@pytest.mark.parametrize("page", ["growth.md", "decisions.md"])
def test_python_of_the_page_runs(page: str) -> None:
    for block in blocks(page, "python"):
        names: dict[str, object] = {}
        exec(block, names)
        assert names.get("crossing") or names.get("found")


def test_rules_of_the_page_are_the_rules() -> None:
    text = (DOCS / "decisions.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \d+ \| `(\w+)`", text, re.M) == list(RULES)
