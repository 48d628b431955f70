"""The page docs/correct.md: its commands run, its tables are the code's, its speed is reached."""

import json
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import yaml
from benchmarks.review import opened, time_acts, time_previews

from monolayer.cli import _exit_code as cli
from monolayer.review import Act, QueueSettings

PROJECT = Path(__file__).parent.parent
PAGE = (PROJECT / "docs" / "correct.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def test_the_page_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(PROJECT / "sample_data")
    (acts,) = blocks("jsonl")
    (tmp_path / "acts.jsonl").write_text(acts)
    for line in "".join(blocks("sh")).splitlines():
        if not line.startswith("monolayer corrections recompute"):
            assert cli(shlex.split(line)[1:]) == 0, line
            continue
        capsys.readouterr()
        assert cli([*shlex.split(line)[1:], "--json"]) == 0
        told = json.loads(capsys.readouterr().out)["differences"]
        by_name = {(row["level"], row["field_id"], row["column"]): row for row in told}
        merged = by_name[("field", "sample/B03/1", "n_objects")]
        assert merged["difference"] == -2  # a merge and a delete; the added one was undone
        assert by_name[("field", "sample/B03/2", "n_objects")]["corrected"] is None
    (code,) = blocks("python")
    exec(compile(code, "docs/correct.md", "exec"), {})
    assert (tmp_path / "tables" / "wells.csv").is_file()


def test_every_kind_of_event_is_on_the_page_and_no_other() -> None:
    section = PAGE.split("## What can be corrected")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.M)
    named = {kind for row in rows for kind in re.findall(r"`(\w+)`", row)} - {"kind"}
    union = get_args(get_args(Act)[0])
    assert named == {model.model_fields["kind"].default for model in union}


def test_the_settings_of_the_page_load() -> None:
    (settings,) = blocks("yaml")
    assert QueueSettings.model_validate(yaml.safe_load(settings)).min_score == 0.8


def test_the_keys_of_the_page_are_the_widget_s() -> None:
    pytest.importorskip("qtpy", reason="qtpy comes with napari (extra 'gui')")
    from monolayer_napari.correct_widget import KEYS

    section = PAGE.split("one key an act")[1]
    shown = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| `.*$", section, re.M))))
    keys = {key.replace("+", "-") for key, _ in KEYS.values()}
    assert keys <= shown
    assert shown - keys <= {".", ","}


def test_a_field_follows_its_reviewer(tmp_path: Path) -> None:
    """A quarter of 2048 x 2048 in twice a quarter of 200 ms of one processor.

    Twice, since whoever else is at work on the machine takes caches and clock away.
    """
    review, _ = opened(tmp_path, 1024)
    spent = {name: own for name, (_, own) in time_acts(review, 2).items()}
    previews = {name: own for name, (_, own) in time_previews(review.image, 2).items()}
    assert max((spent | previews).values()) < 0.1, (spent, previews)


def test_the_readme_links_the_page() -> None:
    assert "docs/correct.md" in (PROJECT / "README.md").read_text(encoding="utf-8")
