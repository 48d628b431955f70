"""The pages of growth, decisions, the day's plan and backtests: what they show runs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.pipeline.incubator import incubator, write_histories
from tests.pipeline.test_grow_cli import rows_of, write
from tests.pipeline.vessel_histories import history

from monolayer.backtest import BacktestSettings
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
    (vessels,) = blocks("decisions.md", "yaml")
    (tmp_path / "vessels.yaml").write_text(vessels, encoding="utf-8")
    assert [cli(command) for command in commands("decisions.md")] == [0, 0, 0]


def test_commands_of_the_day_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_histories(tmp_path / "vessels.yaml", incubator())
    assert [cli(command) for command in commands("day-plan.md")] == [0, 0, 0]
    assert (tmp_path / "plan.ics").is_file()


def test_commands_of_the_backtest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = replace(history(), ended_as="passaged", ended_h=95.0)
    write_histories(tmp_path / "vessels.yaml", [one])
    assert [cli(command) for command in commands("backtest.md")] == [0, 0, 0, 0]
    (costs,) = blocks("backtest.md", "yaml")
    assert BacktestSettings.model_validate(yaml.safe_load(costs)) == BacktestSettings()
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("page", ["growth.md", "decisions.md", "day-plan.md", "backtest.md"])
def test_python_of_the_page_runs(page: str) -> None:
    for block in blocks(page, "python"):
        names: dict[str, object] = {}
        exec(block, names)
        assert any(names.get(name) for name in ("crossing", "found", "plan"))


def test_rules_of_the_page_are_the_rules() -> None:
    text = (DOCS / "decisions.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \d+ \| `(\w+)`", text, re.M) == list(RULES)
