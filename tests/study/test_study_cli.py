"""``monolayer study`` and its page: what the page shows runs, and says what it should."""

import json
import re
import shlex
from pathlib import Path

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.study import Study
from monolayer.study.rows import fields_of
from monolayer.study.table_import import IMPORTED

PAGE = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")


@pytest.fixture
def page_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder in which the page's commands have run; said.txt is what they said."""
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"^```csv (\S+)\n(.*?)^```", PAGE, re.M | re.S):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    commands = [shlex.split(line)[1:] for line in block.splitlines()]
    assert [cli(command) for command in commands] == [0] * len(commands)
    (tmp_path / "said.txt").write_text(capsys.readouterr().out, encoding="utf-8")
    return tmp_path


def test_the_page_runs(page_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = (page_study / "said.txt").read_text(encoding="utf-8")
    assert "study.db: a new study; its first person is anna." in said
    assert "2026-11-13 14:00 +0100  78.0   0.630 (at least 0.600)" in said
    assert "1 of 10 layers imaged: lowest layer, validated in 2026-04" in said
    assert "vessel V-022: T-175, 700000 cells, from V-018." in said
    assert cli(["study", "show", "study.db", "V-018"]) == 0
    said = capsys.readouterr().out
    assert "passaged into V-021, V-022" in said
    assert "2.8e+06 viable cells (4.00-fold, 2.00 doublings)" in said
    assert cli(["study", "show", "study.db", "V-021", "--json"]) == 0
    child = json.loads(capsys.readouterr().out)
    assert child["parents"] == ["V-018"]
    assert child["vessel"]["passage"] == 3
    assert child["vessel"]["doublings_at_seeding"] == pytest.approx(11.4)
    assert child["vessel"]["lot"] == "L7"


def test_python_of_the_page_runs(page_study: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    exec(block, {})
    with Study.open(page_study / "study.db") as study:
        times = [exchange.time_h for exchange in study.history("V-017").exchanges]
    assert times == [48, 96]


def test_columns_of_the_page_are_those_of_the_tables() -> None:
    section = PAGE.split("## Tables")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.M))
    assert sorted(rows) == sorted(IMPORTED)
    for kind, text in rows.items():
        fields = fields_of(kind)
        told = {name for name in re.findall(r"`(\w+)`", text) if name in fields}
        needed = set(re.findall(r"\*\*`(\w+)`\*\*", text))
        assert needed == {name for name, field in fields.items() if field.needed}
        # What only the software fills in.
        own = {"run", "rollup", "supersedes", "superseded_at", "password", "failed_attempts"}
        own |= {"locked_at"} | ({"method_sha256"} if kind == "viabilities" else set())
        assert told == fields.keys() - own, kind


def test_a_second_init_changes_nothing(
    page_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (page_study / "study.db").read_bytes()
    assert cli(["study", "init", "study.db", "--as", "anna"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (page_study / "study.db").read_bytes() == before


BAD = {
    "signature": ("add study.db signatures subject=1 --as anna", "is not added by hand"),
    "no study": ("show none.db", "there is no study; 'monolayer study init' makes one."),
    "stranger": ("add study.db lots name=L9 --as hanna", "did you mean 'anna'?"),
    "pair": ("add study.db lots L9 --as anna", "'L9': give COLUMN=VALUE"),
    "table": ("add study.db lot name=L9 --as anna", "did you mean 'lots'?"),
    "vessel": ("show study.db V17", "did you mean 'V-017'?"),
    "kind": ("import study.db lots.csv vessels.csv --kind lots --as anna", "one table"),
    "again": ("import study.db lots.csv --as anna", "lots.csv, line 2: lots: 'L7' is there"),
    "run": ("import study.db . --as anna", "--vessel and --at say so"),
    "for runs": ("import study.db lots.csv --at 3 --as anna", "are for a run"),
    "cells": (
        "end study.db V-017 --how passaged --at 96 --cells-out 1e5 --into A:T-75:2e5 --as anna",
        "200000 cells were seeded from the 100000 that came out",
    ),
    "child": (
        "end study.db V-017 --how harvested --at 96 --into A:T-75:2e5 --as anna",
        "only a passage opens vessels",
    ),
    "into": ("end study.db V-017 --how passaged --at 96 --into A --as anna", "NAME:TYPE:CELLS"),
    "before": ("end study.db V-017 --how discarded --at 70 --as anna", "is after the end"),
    "when": ("end study.db V-017 --how discarded --at noon --as anna", "'noon' is no time"),
    "never": ("end study.db V-017 --how discarded --at 1e300 --as anna", "no time of a culture"),
    "out": (
        "end study.db V-017 --how harvested --at 96 --cells-out -5 --as anna",
        "cells_out -5 is impossible",
    ),
    "twice": ("end study.db V-018 --how discarded --at 100 --as anna", "it ends once"),
}


def test_bad_calls_say_what_to_mend_and_change_nothing(
    page_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (page_study / "study.db").read_bytes()
    for command, said in BAD.values():
        capsys.readouterr()
        assert cli(["study", *shlex.split(command)]) == 2, command
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert (page_study / "study.db").read_bytes() == before
