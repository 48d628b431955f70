"""The page docs/batch-report.md: its commands run, its files load, its kinds are the kinds."""

import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from monolayer.cli import _exit_code as cli
from monolayer.dossier import deviations
from monolayer.recipe import Recipe
from monolayer.study import Study

from .test_growth_docs import blocks, commands

SEEDED = datetime.fromisoformat("2026-11-10T08:00:00+01:00")


def test_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("weasyprint", exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    (history,) = blocks("decisions.md", "yaml")
    Path("history.yaml").write_text(history, encoding="utf-8")
    recipe, record = blocks("batch-report.md", "yaml")
    Path("record.yaml").write_text(record, encoding="utf-8")
    with (
        Study.create("study.db", actor="anna", at=SEEDED) as study,
        study.change("anna", "seeding", SEEDED) as change,
    ):
        change.add("lots", name="L-2026-11")
        change.add("vessels", name="V-1", type="T-75", lot="L-2026-11", seeded_at=SEEDED)
    assert [cli(command) for command in commands("batch-report.md")] == [0, 0, 0, 0]
    assert Path("lot.pdf").read_bytes().startswith(b"%PDF")
    text = Path("V-017.html").read_text(encoding="utf-8")
    for words in ("nobody to passage it", "4 minutes without power", "C. Checker", "CellSTACK-10"):
        assert words in text
    assert "Vessel V-017, lot L-2026-11" in text
    assert "V-1, lot L-2026-11" in Path("from-study.html").read_text(encoding="utf-8")
    assert Recipe.model_validate(yaml.safe_load(recipe)).batch.min_percent_of_theoretical == 70


def test_deviations_of_the_page_are_the_deviations() -> None:
    page = Path(__file__).parents[2] / "docs/batch-report.md"
    section = page.read_text(encoding="utf-8").split("## Deviations")[1].split("\n## ")[0]
    told = set(re.findall(r"`([a-z -]+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.M))))
    source = Path(deviations.__file__).read_text(encoding="utf-8")
    found = set(re.findall(r'yield \(?\s*"([a-z ]+)"', source))
    found |= set(deviations._ANSWERS.values()) | {"excursion"}
    assert told == found
