"""Replays see only what was known then; verdicts follow from the record; recipes are compared."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.expansions import Expansion, simulate
from tests.pipeline.incubator import write_histories
from tests.pipeline.vessel_histories import history, visits

from monolayer.backtest import (
    Backtest,
    BacktestSettings,
    Judgement,
    Replay,
    Retrospect,
    Step,
    backtest,
    backtest_page,
    judge,
    replay,
)
from monolayer.backtest.replays import outlooks_of
from monolayer.cli import _exit_code as cli
from monolayer.culture import outlook_key, recommend_for
from monolayer.decide import DecideSettings
from monolayer.grow import GrowSettings
from monolayer.history import Vessel, VesselHistory
from monolayer.recipe import Recipe

RECIPE = Recipe()
EARLY = Recipe(name="early", decide=DecideSettings(target_confluence=0.70, leave_target_below=0.65))
SETTINGS = BacktestSettings()


def finished(expansion: Expansion, confluence: float) -> VesselHistory:
    """A simulated vessel, harvested at that true confluence."""
    end = expansion.culture.crossing_h(confluence)
    return replace(expansion.history.until(end), ended_as="harvested", ended_h=end)


@pytest.fixture(scope="module")
def expansions() -> list[Expansion]:
    return [simulate(seed) for seed in range(9_000_000, 9_000_004)]


@pytest.fixture(scope="module")
def late(expansions: list[Expansion]) -> list[VesselHistory]:
    return [finished(each, 0.945) for each in expansions]


@pytest.fixture(scope="module")
def compared(late: list[VesselHistory]) -> Backtest:
    return backtest(late, [RECIPE, EARLY], SETTINGS)


# --- what was known then ----------------------------------------------------------------------


def test_each_step_is_what_decide_would_have_said_then(late: list[VesselHistory]) -> None:
    """Against the slow way: cut the record at the visit, fit, and ask."""
    whole = late[0]
    found = replay(whole, RECIPE)
    assert [step.time_h for step in found.steps] == [v.time_h for v in whole.acquisitions]
    for step in (found.steps[7], found.steps[20], found.steps[-1]):
        kept = [visit for visit in whole.acquisitions if visit.time_h <= step.time_h]
        fed = [each for each in whole.exchanges if each.time_h <= step.time_h]
        then = VesselHistory(whole.vessel, tuple(kept), exchanges=tuple(fed))
        said = recommend_for(then, RECIPE, at_h=step.time_h)
        assert (step.action, step.code, step.state) == (said.action, said.code, said.state)
        assert step.crossing_h == said.outlook.crossing_h
        assert step.prediction_high_h == said.outlook.prediction_high_h


def test_what_came_later_changes_no_step(late: list[VesselHistory]) -> None:
    whole = late[1]
    half = whole.until(whole.acquisitions[15].time_h)
    assert replay(half, RECIPE).steps == replay(whole, RECIPE).steps[:16]


def test_a_visit_at_the_end_itself_is_still_replayed() -> None:
    seen = history()
    ended = replace(seen, ended_as="harvested", ended_h=seen.acquisitions[-1].time_h)
    assert replay(ended, RECIPE).steps[-1].code == "ON_TRACK"


def test_recipes_that_see_growth_alike_share_fits(late: list[VesselHistory]) -> None:
    other = Recipe(name="other", decide=DecideSettings(max_doublings=12))
    assert outlook_key(other) == outlook_key(RECIPE)
    assert outlooks_of(late[0], other) == outlooks_of(late[0], RECIPE)
    for changed in (
        EARLY,
        Recipe(grow=GrowSettings(max_ahead_h=24)),
        Recipe(decide=DecideSettings(min_fields_ok=12)),
    ):
        assert outlook_key(changed) != outlook_key(RECIPE)


# --- looking back -----------------------------------------------------------------------------


def test_looking_back_is_exact_where_growth_is() -> None:
    """Exponential growth is a straight line on the scale, so any time comes out to the digits."""
    grown = VesselHistory(Vessel("V"), tuple(visits(90, 0.63, 32, 6, 11)))
    seen = Retrospect.of(grown, SETTINGS)
    assert seen.confluence_at(90) == pytest.approx(0.63, abs=1e-12)
    later = 1 - (1 - 0.63) ** 2 ** (5 / 32)
    assert seen.confluence_at(95) == pytest.approx(later, abs=1e-12)
    assert seen.confluence_at(103) is None  # 13 h from the nearest visit
    assert Retrospect((), (), 5, 12.0).confluence_at(1) is None


def test_looking_back_is_near_the_truth(expansions: list[Expansion]) -> None:
    """SIMULATED; at the end of the record, where it errs most. A visit errs by 0.7 points."""
    off = []
    for each in expansions:
        whole = finished(each, 0.88)
        last_h = whole.acquisitions[-1].time_h
        told = Retrospect.of(whole, SETTINGS).confluence_at(last_h)
        assert told is not None
        off.append(told - float(each.culture.confluence(np.array([last_h]))[0]))
    assert max(map(abs, off)) < 0.02


# --- verdicts ---------------------------------------------------------------------------------


def course(
    *actions: str, done_h: float | None = None, end: float = 0.86
) -> tuple[Replay, Retrospect]:
    """Visits six hours apart, the last at that confluence, and what was said at each."""
    seen = visits(90, end, 32, 6, len(actions))
    steps = tuple(
        Step(visit.time_h, action, "X", "EXPANDING", 0.5, 0.5, None, None, None, ())  # type: ignore[arg-type]
        for visit, action in zip(seen, actions, strict=True)
    )
    done = None if done_h is None else "harvested"
    found = Replay("V", "r 1", "", "", steps, done, done_h)  # type: ignore[arg-type]
    return found, Retrospect.of(VesselHistory(Vessel("V"), tuple(seen)), SETTINGS)


@pytest.mark.parametrize(
    ("actions", "end", "timing", "moved_h"),
    [
        (("CONTINUE", "CONTINUE", "HARVEST"), 0.86, "in_window", 90),
        (("CONTINUE", "HARVEST", "HARVEST"), 0.80, "too_early", 84),
        (("CONTINUE", "CONTINUE", "PASSAGE"), 0.93, "too_late", 90),
        (("CONTINUE", "CONTINUE", "REIMAGE"), 0.93, "missed", None),
        (("CONTINUE", "CONTINUE", "REIMAGE"), 0.86, "open", None),
        (("CONTINUE", "CONTINUE", "CONTINUE"), 0.70, "not_due", None),
    ],
)
def test_verdicts(actions: tuple[str, ...], end: float, timing: str, moved_h: float | None) -> None:
    judged, done = judge(*course(*actions, end=end), SETTINGS)
    assert (judged.timing, judged.moved_h) == (timing, moved_h)
    assert done is None


def test_a_record_that_ends_in_the_window_is_open_even_without_a_last_visit() -> None:
    """78 % at the last visit, moved eight hours later at 84 %: no recipe could have said more."""
    judged, done = judge(*course("CONTINUE", "CONTINUE", "CONTINUE", end=0.78, done_h=98), SETTINGS)
    assert judged.timing == "open"
    assert done is not None
    assert (done.timing, done.moved_h) == ("in_window", 98)


def test_an_end_long_after_the_last_visit_is_unknown() -> None:
    _, done = judge(*course("CONTINUE", "CONTINUE", done_h=120), SETTINGS)
    assert done == Judgement("unknown", 120, "harvested", None, 0.0)


def test_costs_are_mistakes_visits_and_calls() -> None:
    """Two visits asked for, two calls (held, then escalated after a pause), and too late."""
    said = ("REIMAGE", "HOLD", "HOLD", "CONTINUE", "ESCALATE", "REIMAGE", "HARVEST", "REIMAGE")
    found, seen = course(*said, end=0.96)
    judged, _ = judge(found, seen, SETTINGS)
    assert (found.n_images_asked, found.n_calls) == (2, 2)
    assert judged.timing == "too_late"
    assert judged.cost == 4000 + 2 * 20 + 2 * 100


# --- two recipes ------------------------------------------------------------------------------


def test_an_early_recipe_is_found_to_be_early(compared: Backtest) -> None:
    usual, early = compared.totals
    n = len(compared.rows)
    assert usual.timings["in_window"] == n
    assert early.timings["too_early"] >= n - 1
    assert compared.done is not None
    assert compared.done.timings["too_late"] == n
    assert sum(usual.timings.values()) == sum(early.timings.values()) == n
    assert usual.cost < early.cost
    assert compared.only_second_in_window == 0
    assert compared.p_value == pytest.approx(0.5 ** (early.timings["too_early"] - 1))
    assert all(row.differs for row in compared.rows)


def test_one_recipe_against_itself_differs_in_nothing(late: list[VesselHistory]) -> None:
    found = backtest(late[:2], [RECIPE, RECIPE], SETTINGS)
    assert not any(row.differs for row in found.rows)
    assert (found.only_first_in_window, found.only_second_in_window, found.p_value) == (0, 0, None)
    assert backtest(late[:2], [RECIPE], SETTINGS).p_value is None


def test_the_page_stands_alone_and_escapes(compared: Backtest) -> None:
    row = replace(compared.rows[0], vessel="<b>V</b>")
    page = backtest_page(replace(compared, rows=(row, *compared.rows[1:])), SETTINGS)
    assert "<b>V</b>" not in page.replace("<b>&lt;b&gt;", "")
    assert "&lt;b&gt;V&lt;/b&gt;" in page
    assert "http" not in page
    assert "<script" not in page
    assert page.count("<svg") == len(compared.rows)
    assert "McNemar" in page


def test_a_vessel_without_visits_is_unknown() -> None:
    empty = VesselHistory(Vessel("V"), ended_as="discarded", ended_h=30.0)
    found = backtest([empty], [RECIPE], SETTINGS)
    assert found.rows[0].judgements[0].timing == "unknown"
    assert found.done is None
    assert "never moved; unknown at the last visit" in backtest_page(found, SETTINGS)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="must be below window_high"):
        BacktestSettings(window_low=0.9, window_high=0.8)


# --- the command line -------------------------------------------------------------------------


def test_the_command_line(
    late: list[VesselHistory], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_histories(tmp_path / "done.yaml", late[:2])
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    costs = tmp_path / "costs.yaml"
    costs.write_text("cost_too_late: 1\ncurrency: CHF\n")
    arguments = ["backtest", str(path), "--settings", str(costs), "--csv", str(table)]
    assert cli([*arguments, "--html", str(page), "--vessel", late[0].vessel.name]) == 0
    said = capsys.readouterr().out
    assert f"{late[0].vessel.name}, done: too late, harvested at" in said
    assert re.search(r"\d+\.\d h +\d+\.\d%  HARVEST \(TARGET_REACHED\)", said)
    assert "done: too late 1; cost 1 CHF" in said
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["timing"], row["done_timing"]) == ("in_window", "too_late")
    assert row["recipe_sha256"] == RECIPE.sha256
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backtest"], "give either HISTORY.yaml or --study STUDY."),
        (["backtest", "V", "--vessel", "V-9"], "--vessel V-9: is not in"),
        (["backtest", "V", "--settings", "S"], "'window_hi'"),
        (["backtest", "none.yaml"], "cannot be read"),
        (["backtest", "E"], "holds no vessel"),
    ],
)
def test_bad_options_are_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.yaml").write_text("vessels: []\n")
    names: dict[str, Any] = {
        "E": str(tmp_path / "e.yaml"),
        "V": str(write_histories(tmp_path / "v.yaml", [history()])),
        "S": str(tmp_path / "s.yaml"),
    }
    (tmp_path / "s.yaml").write_text("window_hi: 0.9\n")
    assert cli([names.get(each, each) for each in arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
