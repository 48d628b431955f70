"""Forecasts in sentences, the next visit, and the day's plan against plans made by trying all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from benchmarks.expansions import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.incubator import NOW, incubator

from monolayer.culture import growth_series
from monolayer.culture.day import day_plan_for, vessel_now
from monolayer.errors import InputError
from monolayer.grow import GrowthSeries, expected_widths_h, forecast, grow
from monolayer.grow.crossing import used_weights
from monolayer.grow.series import value_of
from monolayer.notice import (
    SiteSettings,
    Task,
    VesselNow,
    crossing_sentence,
    next_visit,
    plan_day,
    tasks_of,
)
from monolayer.recipe import Recipe

RECIPE = Recipe()
SITE = SiteSettings(time_zone="Europe/Paris")
SEEDED = datetime(2026, 11, 19, 12, tzinfo=UTC)


def vessel(**changes: Any) -> VesselNow:
    """V-017, 90 h after seeding, on track, crossing 31 to 37 h from now; 06:00 UTC on a Monday."""
    usual: dict[str, Any] = {
        "vessel": "V-017",
        "seeded_at": SEEDED,
        "at_h": 90.0,
        "action": "CONTINUE",
        "code": "ON_TRACK",
        "expires_h": 102.0,
        "target": 0.80,
        "confidence": 0.95,
        "confluence": 0.63,
        "last_image_h": 90.0,
        "crossing_h": 124.0,
        "prediction_low_h": 121.2,
        "prediction_high_h": 126.6,
        "reason": None,
        "feed_due_h": 138.0,
        "image_due_h": 114.0,
    }
    return VesselNow(**(usual | changes))


# --- the sentence -----------------------------------------------------------------------------


def test_a_forecast_is_a_sentence() -> None:
    assert crossing_sentence(vessel(), SITE) == (
        "vessel V-017 crosses 80 % between 14:10 and 19:40 tomorrow (95 %, UTC+01:00)"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"prediction_low_h": 106.0},
            "crosses 80 % between 23:00 today and 19:40 tomorrow (95 %, UTC+01:00)",
        ),
        (
            {"prediction_low_h": 160.0, "prediction_high_h": 167.3},
            "between 05:00 and 12:20 on Thu 2026-11-26",
        ),
        (
            {"prediction_high_h": None, "reason": "the laws disagree"},
            "does not cross 80 % before 14:10 tomorrow (97.5 %, UTC+01:00); its later end is "
            "open: the laws disagree",
        ),
        (
            {"prediction_low_h": None, "prediction_high_h": None, "reason": "too few points"},
            "vessel V-017: no forecast, too few points",
        ),
        ({"confluence": 0.8}, "vessel V-017 is at 80 %, at or above 80 %"),
        ({"target": 0.825}, "crosses 82.5 %"),
        (
            {"prediction_low_h": 70.0, "prediction_high_h": 80.0},
            "was to cross 80 % between 11:00 and 21:00 yesterday",
        ),
    ],
)
def test_what_else_a_sentence_says(changes: dict[str, Any], said: str) -> None:
    assert said in crossing_sentence(vessel(**changes), SITE)


def test_a_sentence_for_any_day_has_dates() -> None:
    assert crossing_sentence(vessel(), SITE, dated=True) == (
        "vessel V-017 crosses 80 % between 14:10 and 19:40 on Tue 2026-11-24 (95 %, UTC+01:00)"
    )


def test_clocks_that_are_changed_are_told() -> None:
    """At 03:00 on 25 October 2026 Paris goes back to 02:00."""
    seeded = datetime(2026, 10, 20, 12, tzinfo=UTC)
    at = vessel(seeded_at=seeded, prediction_low_h=107.0, prediction_high_h=112.0, at_h=90.0)
    assert crossing_sentence(at, SITE).endswith(
        "between 01:00 and 05:00 tomorrow (95 %, UTC+02:00, then UTC+01:00)"
    )


@given(low=st.floats(91, 130), width=st.floats(0.01, 40), step=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_rounding_only_widens(low: float, width: float, step: int) -> None:
    from monolayer.notice.sentence import _rounded

    site = SITE.model_copy(update={"round_minutes": step})
    moment = vessel().clock(low)
    down, up = _rounded(moment, site, up=False), _rounded(moment, site, up=True)
    assert down <= moment <= up
    assert up - down <= timedelta(minutes=step)
    assert down.timestamp() % (60 * step) == 0
    said = crossing_sentence(vessel(prediction_low_h=low, prediction_high_h=low + width), site)
    assert said.startswith("vessel V-017 crosses 80 % between ")


# --- the next visit ---------------------------------------------------------------------------


def test_the_visit_before_the_crossing_sharpens_most() -> None:
    """The later the narrower, up to the earliest crossing; within what is allowed and worked."""
    asked: list[float] = []

    def widths(times_h: Sequence[float]) -> list[float]:
        asked.extend(times_h)
        return [5.4 - 0.2 * (time_h - 91) for time_h in times_h]

    found = next_visit(vessel(), SITE, widths)
    assert found is not None
    # Work ends at 17:00 in Paris, ten minutes after 15:50 UTC.
    assert found.at.astimezone(UTC) == datetime(2026, 11, 23, 15, 50, tzinfo=UTC)
    assert found.by == vessel().clock(114.0)
    assert not found.late
    assert found.width_h == pytest.approx(5.4)
    assert found.expected_width_h == pytest.approx(5.4 - 0.2 * (8 + 5 / 6))
    assert min(asked) >= 91
    assert max(asked) <= 114


def test_an_earlier_visit_is_chosen_where_it_sharpens_as_well() -> None:
    found = next_visit(vessel(), SITE, lambda times_h: [3.0 for _ in times_h])
    assert found is not None
    # Not within the hour after the last visit, nor before 08:00 in Paris.
    assert found.at == vessel().clock(91.0)


def test_a_visit_that_sharpens_nothing_waits() -> None:
    found = next_visit(vessel(), SITE, lambda times_h: [5.35 for _ in times_h])
    assert found is not None
    assert found.at.astimezone(UTC) == datetime(2026, 11, 23, 15, 50, tzinfo=UTC)
    assert "hardly sharper" in found.why


@pytest.mark.parametrize(
    ("changes", "at", "late", "why"),
    [
        (
            {"action": "REIMAGE", "code": "CONFIRM_TARGET", "confirm_by_h": 114.0},
            datetime(2026, 11, 23, 7, tzinfo=UTC),
            False,
            "confirm the last visit",
        ),
        (
            {"action": "REIMAGE", "code": "IMAGE_QC", "at_h": 101.0, "last_image_h": 101.0},
            datetime(2026, 11, 24, 7, tzinfo=UTC),
            True,
            "image again",
        ),
        (
            {"action": "REIMAGE", "confirm_by_h": 96.0, "at_h": 95.5, "last_image_h": 95.5},
            datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
            True,
            "too late to confirm",
        ),
        (
            {"prediction_low_h": None, "prediction_high_h": None},
            datetime(2026, 11, 23, 15, 50, tzinfo=UTC),
            False,
            "no forecast",
        ),
        (
            {"prediction_low_h": 90.2, "at_h": 100.5, "last_image_h": 90.0},
            datetime(2026, 11, 24, 7, tzinfo=UTC),
            True,
            "may have crossed the target, but nobody works",
        ),
    ],
)
def test_other_visits(changes: dict[str, Any], at: datetime, late: bool, why: str) -> None:
    found = next_visit(vessel(**changes), SITE)
    assert found is not None
    assert (found.at.astimezone(UTC), found.late) == (at, late)
    assert why in found.why


@pytest.mark.parametrize("action", ["PASSAGE", "HARVEST", "HOLD", "ESCALATE"])
def test_a_vessel_that_is_moved_or_looked_at_is_not_imaged(action: str) -> None:
    assert next_visit(vessel(action=action), SITE) is None


def test_the_expected_width_is_what_more_visits_really_give() -> None:
    """The oracle draws a visit from the laws, fits all anew and forecasts again.

    SIMULATED. Refits choose among the laws anew and find another scatter, which the linear update
    does not: theirs are about a tenth wider.
    """
    expansion = simulate(8_000_000)
    series = growth_series(expansion.history.until(expansion.culture.crossing_h() - 20), RECIPE)
    assert series is not None
    growth = grow(series, RECIPE.grow)
    assert growth.last_h is not None
    times_h = [growth.last_h + 2, growth.last_h + 18]
    ours = expected_widths_h(growth, 0.80, times_h, RECIPE.grow)
    now = forecast(growth, 0.80, RECIPE.grow)
    assert now.prediction_high_h is not None
    assert now.prediction_low_h is not None
    refitted = [_refitted_width(series, time_h, 40) for time_h in times_h]
    assert ours == pytest.approx(refitted, rel=0.2)
    assert ours[1] < ours[0] < now.prediction_high_h - now.prediction_low_h


def _refitted_width(series: GrowthSeries, time_h: float, n: int) -> float:
    rng = np.random.default_rng(1)
    growth = grow(series, RECIPE.grow)
    widths = []
    for _ in range(n):
        fit = growth.fits[rng.choice(len(growth.fits), p=used_weights(growth, RECIPE.grow))]
        drawn = replace(fit, parameters=rng.multivariate_normal(fit.parameters, fit.covariance))
        scatter = np.hypot(fit.residual_sd, RECIPE.grow.law_error_sd)
        ln_u = drawn.curve(np.array([time_h]))[0] + rng.normal(0, scatter)
        times, values = np.append(series.times_h, time_h), np.append(series.values, 0.0)
        values[-1] = float(value_of("confluence", ln_u))
        again = grow(GrowthSeries("V", "confluence", times, values), RECIPE.grow)
        found = forecast(again, 0.80, RECIPE.grow)
        if found.prediction_low_h is not None and found.prediction_high_h is not None:
            widths.append(found.prediction_high_h - found.prediction_low_h)
    return float(np.mean(widths))


# --- the day ----------------------------------------------------------------------------------

DAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 23, 7, tzinfo=UTC)


def task(name: str, minutes: int, finish_h: float, earliest_h: float = 0.0) -> Task:
    return Task(
        name,
        "feed",
        "FEED_RULE",
        "",
        BEGIN + timedelta(hours=earliest_h),
        BEGIN + timedelta(hours=finish_h),
        minutes,
        BEGIN + timedelta(hours=24),
    )


@given(st.lists(st.tuples(st.integers(5, 90), st.integers(1, 12)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_other_order_makes_the_latest_less_late(jobs: list[tuple[int, int]]) -> None:
    tasks = [task(f"V-{n}", minutes, hours / 2) for n, (minutes, hours) in enumerate(jobs)]
    plan = plan_day(DAY, BEGIN, tasks, SITE)
    assert len(plan.planned) == len(tasks)
    ours = max(each.end - each.task.finish_by for each in plan.planned)
    assert ours == min(_worst(order) for order in permutations(tasks))


def _worst(order: Sequence[Task]) -> timedelta:
    end, worst = BEGIN, timedelta.min
    for each in order:
        end += timedelta(minutes=each.minutes)
        worst = max(worst, end - each.finish_by)
    return worst


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Task], SiteSettings]:
    kinds = st.sampled_from(SITE.equal_first)
    found = []
    for n in range(draw(st.integers(0, 25))):
        earliest = draw(st.integers(-300, 700))
        base = task(f"V-{n:02d}", draw(st.integers(0, 200)), draw(st.integers(0, 40)) / 2)
        found.append(replace(base, task=draw(kinds), earliest=BEGIN + timedelta(minutes=earliest)))
    site = SITE.model_copy(
        update={"operators": draw(st.integers(1, 4)), "microscopes": draw(st.integers(1, 2))}
    )
    return found, site


@given(day=days(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_day_keeps_the_rules(day: tuple[list[Task], SiteSettings], data: st.DataObject) -> None:
    tasks, site = day
    plan = plan_day(DAY, BEGIN, tasks, site)
    end = datetime(2026, 11, 23, 16, tzinfo=UTC)
    placed = {each.task.vessel for each in plan.planned}
    left = {each.task.vessel for each in plan.unplaced}
    later = {each.vessel for each in tasks if each.earliest >= end}
    assert placed | left | later == {each.vessel for each in tasks}
    assert len(placed) + len(left) + len(later) == len(tasks)
    for each in plan.planned:
        first = each.task.not_before or each.task.earliest
        assert max(BEGIN, min(first, each.task.earliest)) <= each.start <= each.end <= end
        assert each.late == (each.end > each.task.finish_by)
    for who in range(1, site.operators + 1):
        _no_overlap([each for each in plan.planned if each.operator == who], 1)
    _no_overlap([each for each in plan.planned if each.task.task == "image"], site.microscopes)
    shuffled = data.draw(st.permutations(tasks))
    assert plan_day(DAY, BEGIN, shuffled, site) == plan


def _no_overlap(planned: Sequence[Any], at_once: int) -> None:
    for each in planned:
        during = [other for other in planned if other.start <= each.start < other.end]
        assert len(during) <= at_once


def test_what_does_not_fit_is_named() -> None:
    long, late = task("V-1", 500, 9), task("V-2", 90, 10, earliest_h=8)
    plan = plan_day(DAY, BEGIN, [long, late], SITE)
    assert [each.task.vessel for each in plan.planned] == ["V-1"]
    (left,) = plan.unplaced
    assert (left.task.vessel, left.reason) == (
        "V-2",
        "cannot be finished before the working day ends",
    )
    full = plan_day(DAY, BEGIN, [long, task("V-3", 90, 10)], SITE)
    assert full.unplaced[0].reason == "no operator or microscope has time left"
    assert (full.minutes_available, full.minutes_unplaced) == (540, 90)


def test_a_day_without_work_and_a_day_after() -> None:
    saturday = plan_day(date(2026, 11, 28), BEGIN, [task("V-1", 10, 9)], SITE)
    assert saturday.unplaced[0].reason == "nobody works on that day"
    over = plan_day(DAY, BEGIN + timedelta(hours=10), [task("V-1", 10, 9)], SITE)
    assert over.unplaced[0].reason == "the working day is over"
    tuesday = plan_day(date(2026, 11, 24), BEGIN, [task("V-1", 10, 9)], SITE)
    assert [each.vessel for each in tuesday.earlier] == ["V-1"]
    # On Friday evening nothing can be done before Monday, so Monday does it.
    friday = datetime(2026, 11, 20, 17, tzinfo=UTC)
    before = replace(task("V-1", 10, 9), earliest=friday)
    monday = plan_day(DAY, friday, [before], SITE)
    assert monday.planned[0].start == BEGIN


def test_a_recommendation_that_has_ended_is_asked_for_again() -> None:
    short = replace(task("V-1", 10, 9), valid_until=BEGIN)
    assert plan_day(DAY, BEGIN, [short], SITE).planned[0].renew
    assert not plan_day(DAY, BEGIN, [task("V-1", 10, 9)], SITE).planned[0].renew


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        ({}, [("feed", "FEED_DUE")]),
        ({"action": "FEED", "code": "FEED_RULE"}, [("feed", "FEED_RULE")]),
        ({"action": "ESCALATE", "code": "SENSOR_PH"}, [("review", "SENSOR_PH")]),
        ({"action": "HOLD", "code": "HETEROGENEOUS"}, [("review", "HETEROGENEOUS")]),
        ({"action": "PASSAGE"}, [("passage", "ON_TRACK")]),
        ({"action": "HARVEST"}, [("harvest", "ON_TRACK")]),
        ({"action": "REIMAGE"}, []),
    ],
)
def test_tasks_of_each_recommendation(
    changes: dict[str, Any], tasks: list[tuple[str, str]]
) -> None:
    now = vessel(**changes)
    assert [(each.task, each.code) for each in tasks_of(now, None, SITE)] == tasks


def test_a_feed_to_come_waits_until_it_is_near() -> None:
    (feed,) = tasks_of(vessel(), None, SITE)
    assert feed.earliest == vessel().clock(134.0)
    assert feed.finish_by == vessel().clock(146.0)


# --- an incubator -----------------------------------------------------------------------------


def test_an_incubators_day() -> None:
    plan = day_plan_for(incubator(), RECIPE, SITE, at=NOW)
    done = [(each.task.task, each.task.vessel) for each in plan.planned]
    assert done[:5] == [
        ("review", "V-05"),
        ("image", "V-02"),
        ("harvest", "V-04"),
        ("passage", "V-03"),
        ("feed", "V-01"),
    ]
    assert set(done[5:]) == {("image", "V-01"), ("image", "V-06")}
    assert plan.minutes_by_task == {
        "feed": 15,
        "harvest": 90,
        "image": 30,
        "passage": 60,
        "review": 10,
    }
    assert [(each.vessel, each.task) for each in plan.may_follow] == [("V-02", "passage")]
    again = day_plan_for(list(reversed(incubator())), RECIPE, SITE, at=NOW)
    assert again.planned == plan.planned


def test_visits_whose_best_time_is_taken_are_made_before_it() -> None:
    """Three vessels are best imaged in the day's last ten minutes; there is one microscope."""
    best = BEGIN + timedelta(minutes=530)
    base = replace(task("", 10, 24), task="image", earliest=best, not_before=BEGIN)
    plan = plan_day(DAY, BEGIN, [replace(base, vessel=f"V-{n}") for n in range(3)], SITE)
    assert [each.start for each in plan.planned] == [
        best - timedelta(minutes=minutes) for minutes in (20, 10, 0)
    ]
    strict = [replace(base, vessel=f"V-{n}", not_before=None) for n in range(3)]
    assert len(plan_day(DAY, BEGIN, strict, SITE).unplaced) == 2


def test_vessels_that_have_ended_or_not_begun_are_left_out() -> None:
    first, second = incubator()[:2]
    ended = replace(first, ended_as="harvested", ended_h=90.0)
    to_come = replace(second, vessel=replace(second.vessel, seeded_at=NOW + timedelta(hours=1)))
    plan = day_plan_for([ended, to_come], RECIPE, SITE, at=NOW)
    assert (plan.planned, plan.notices) == ((), ())


def test_what_no_day_can_be_planned_of_is_one_sentence() -> None:
    (first, *_) = incubator()
    undated = replace(first, vessel=replace(first.vessel, seeded_at=None))
    for histories, day, said in (
        ([undated], None, "vessel V-01: has no seeded_at"),
        ([], None, "there are no vessels"),
        ([first], date(2026, 11, 22), "2026-11-22 is before 2026-11-23"),
    ):
        with pytest.raises(InputError, match=said):
            day_plan_for(histories, RECIPE, SITE, at=NOW if histories == [first] else None, day=day)


def test_what_falls_due_comes_from_the_recipe() -> None:
    from monolayer.culture import recommend_for

    (first, *_) = incubator()
    now = vessel_now(first, RECIPE, recommend_for(first, RECIPE))
    assert now.feed_due_h == 15.0 + RECIPE.decide.feed_every_h
    assert now.image_due_h == 90.0 + RECIPE.decide.max_image_age_h
    assert now.target == RECIPE.decide.target_confluence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_zone": "Europe/Pars"}, "IANA name"),
        ({"working_from": 1020}, "in quotes"),
        ({"working_from": "18:00"}, "must be before working_until"),
        ({"working_until": "17:00+01:00"}, "local time"),
        ({"operators": 0}, "greater than or equal to 1"),
        ({"equal_first": ["feed"]}, "must name review"),
    ],
)
def test_impossible_sites_are_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SiteSettings.model_validate(changes)
