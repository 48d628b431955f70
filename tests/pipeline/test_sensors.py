"""Sensors: faults, gaps and excursions against slow oracles; alignment; what decisions get."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.vessel_histories import history

from monolayer.culture import recommend_for
from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.recipe import Recipe
from monolayer.sensors import (
    QUANTITIES,
    Excursion,
    Findings,
    QuantityLimits,
    SensorSeries,
    SensorSettings,
    align,
    examine,
    with_sensors,
)

HIGH = QuantityLimits(action_high=7.6)


def series(
    times_h: Any, values: Any, quantity: ReadingName = "ph", good: Any = None, vessel: str = "V-017"
) -> SensorSeries:
    times_h, values = np.array(times_h, dtype=float), np.array(values, dtype=float)
    good = np.ones(len(times_h), dtype=bool) if good is None else np.array(good, dtype=bool)
    return SensorSeries(vessel, quantity, times_h, values, good)


def found(values: Any, limits: QuantityLimits = HIGH, step_h: float = 0.5, **more: Any) -> Findings:
    values = np.array(values, dtype=float)
    exchanges = more.pop("exchanges", ())
    here = SensorSettings(limits={"ph": limits}, **more)
    return examine(series(np.arange(len(values)) * step_h, values), here, exchanges)


def only(findings: Findings) -> Excursion:
    (one,) = findings.excursions
    return one


# --- excursions -------------------------------------------------------------------------------


def test_magnitude_duration_and_area_of_a_triangle() -> None:
    """7.4, 7.8, 7.4: half an hour's rise and fall; 0.2 above the limit over half an hour."""
    one = only(found([7.4, 7.8, 7.4, 7.4]))
    assert one.since_h == pytest.approx(0.25)
    assert one.ended_h == pytest.approx(0.75)
    assert one.duration_h(0) == pytest.approx(0.5)
    assert one.magnitude == pytest.approx(0.2)
    assert (one.extreme, one.extreme_h, one.n) == (7.8, 0.5, 1)
    assert one.area == pytest.approx(0.5 * 0.5 * 0.2)
    assert one.beyond_h == pytest.approx(0.5)


def test_a_low_limit_is_the_mirror_of_a_high_one() -> None:
    values = np.array([7.3, 7.5, 7.9, 7.7, 7.4, 7.3])
    high = only(found(values))
    low = only(found(14 - values, QuantityLimits(action_low=14 - 7.6)))
    for name in ("since_h", "ended_h", "magnitude", "area", "beyond_h", "n"):
        assert getattr(low, name) == pytest.approx(getattr(high, name)), name
    assert (low.side, high.side) == ("low", "high")


def test_the_deadband_keeps_chatter_one_excursion() -> None:
    chatter = [7.4, 7.7, 7.58, 7.7, 7.58, 7.7, 7.4, 7.4]
    assert len(found(chatter).excursions) == 3
    banded = only(found(chatter, QuantityLimits(action_high=7.6, deadband=0.05)))
    # From the crossing of the limit to the crossing of the limit less the deadband.
    assert banded.since_h == pytest.approx(0.5 * 0.2 / 0.3)
    assert banded.ended_h == pytest.approx(2.5 + 0.5 * 0.15 / 0.3)
    assert banded.beyond_h < banded.duration_h(0)


def test_delays() -> None:
    delayed = QuantityLimits(action_high=7.6, on_delay_h=0.75)
    brief = found([7.4, 7.8, 7.4, 7.4], delayed)
    assert (brief.excursions, brief.fleeting) == ((), 1)
    long = only(found([7.4, 7.8, 7.8, 7.8, 7.4, 7.4], delayed))
    assert [long.since_h, long.known_h] == pytest.approx([0.25, 1.0])
    # A return that does not last is none.
    off = QuantityLimits(action_high=7.6, off_delay_h=1.0)
    assert only(found([7.4, 7.8, 7.5, 7.8, 7.5, 7.5, 7.5], off)).ended_h == pytest.approx(
        1.5 + 0.5 * 0.2 / 0.3
    )
    assert only(found([7.4, 7.8, 7.5, 7.5], off)).ended_h is None


def test_an_open_excursion_has_no_end() -> None:
    one = only(found([7.4, 7.8, 7.9]))
    assert one.ended_h is None
    assert one.duration_h(10) == pytest.approx(9.75)


def test_nothing_is_integrated_over_a_gap() -> None:
    here = SensorSettings(limits={"ph": HIGH}, max_gap_h=2)
    through = examine(series([0, 1, 11, 12, 13], [7.8, 7.8, 7.8, 7.8, 7.4]), here)
    one = only(through)
    assert one.area == pytest.approx(0.2 + 0.2 + 0.05)
    assert one.unknown_h == 10
    assert [(gap.from_h, gap.to_h) for gap in through.gaps] == [(1, 11)]
    # Beyond before the gap and inside behind it: it ends with the first reading inside.
    assert only(examine(series([0, 1, 11], [7.8, 7.8, 7.4]), here)).ended_h == 11
    # Inside before and beyond behind: it began, as far as is known, with the first beyond.
    assert only(examine(series([0, 1, 11], [7.4, 7.4, 7.8]), here)).since_h == 11


def test_sampled_quantities_have_no_gaps() -> None:
    here = SensorSettings()
    daily = series([0, 24, 48, 72], [5.5, 3.0, 0.5, 5.0], "glucose_mmol_per_l")
    result = examine(daily, here)
    assert result.gaps == ()
    assert {each.level for each in result.excursions} == {"alert", "action"}
    (action,) = [each for each in result.excursions if each.level == "action"]
    assert action.since_h == pytest.approx(24 + 24 * 2.0 / 2.5)


def oracle(times_h: list[float], values: list[float], limit: float) -> tuple[float, float]:
    """Area and hours beyond a limit by a fine grid over straight lines."""
    fine = np.linspace(times_h[0], times_h[-1], 200_001)
    deviation = np.interp(fine, times_h, values) - limit
    step = fine[1] - fine[0]
    return float(np.maximum(deviation, 0).sum() * step), float((deviation > 0).sum() * step)


@given(values=st.lists(st.floats(7.0, 8.2), min_size=3, max_size=25), deadband=st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_areas_are_those_of_the_straight_lines(values: list[float], deadband: float) -> None:
    """The sum over excursions is the whole integral above the limit, whatever the deadband."""
    values = [7.0, *values, 7.0, 7.0]
    result = found(values, QuantityLimits(action_high=7.6, deadband=deadband))
    area, beyond_h = oracle([0.5 * n for n in range(len(values))], values, 7.6)
    assert math.fsum(each.area for each in result.excursions) == pytest.approx(area, abs=2e-3)
    assert math.fsum(e.beyond_h for e in result.excursions) == pytest.approx(beyond_h, abs=5e-3)
    for one in result.excursions:
        assert one.ended_h is not None
        assert one.since_h <= one.known_h <= one.ended_h
        assert one.beyond_h <= one.duration_h(0) + 1e-9
        assert one.area <= one.magnitude * one.beyond_h + 1e-9


# --- faults -----------------------------------------------------------------------------------


def test_a_spike_costs_itself_and_not_its_neighbours() -> None:
    limits = QuantityLimits(max_rate_per_h=0.2)
    result = found([7.4, 7.4, 9.0, 7.4, 7.4], limits)
    assert result.believed.tolist() == [True, True, False, True, True]
    (fault,) = result.faults
    assert (fault.kind, fault.since_h, fault.ended_h, fault.n) == ("impossible_rate", 1.0, 1.5, 1)


def test_a_new_level_is_believed_once_there_was_time_for_it() -> None:
    result = found([7.4, 7.4, *[7.0] * 6], QuantityLimits(max_rate_per_h=0.21))
    assert result.believed.tolist() == [True, True, False, False, False, True, True, True]


def test_an_exchange_is_a_true_jump() -> None:
    limits = QuantityLimits(max_rate_per_h=0.1)
    jump = [7.0, 7.0, 7.4, 7.4]
    assert not found(jump, limits).believed.all()
    assert found(jump, limits, exchanges=[0.75]).believed.all()
    assert not found(jump, limits, exchanges=[0.25]).believed.all()


def test_out_of_range_and_bad_status() -> None:
    here = SensorSettings(limits={"ph": QuantityLimits(sensor_low=4, sensor_high=10)})
    result = examine(series([0, 1, 2, 3], [7.4, 0.0, math.nan, 7.4], good=[1, 1, 0, 1]), here)
    assert [(f.kind, f.since_h, f.ended_h) for f in result.faults] == [
        ("out_of_range", 1, 3),
        ("bad_status", 2, 3),
    ]
    assert result.believed.tolist() == [True, False, False, True]
    # A bad status needs no limits.
    assert examine(series([0, 1], [7.4, math.nan], good=[1, 0]), SensorSettings(limits={})).faults


def test_a_stuck_sensor_is_stuck_from_its_first_still_reading() -> None:
    limits = QuantityLimits(stuck_h=2.0)
    result = found([7.40, 7.41, 7.42, 7.42, 7.42, 7.42, 7.42, 7.43], limits)
    (fault,) = result.faults
    assert (fault.kind, fault.since_h, fault.known_h, fault.ended_h) == ("stuck", 1.0, 3.0, 3.5)
    assert result.believed.tolist() == [True, True, False, False, False, False, False, True]
    assert found([7.40, 7.42, 7.42, 7.42, 7.42, 7.43], limits).faults == ()  # 1.5 h only


@given(
    steps=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, -0.01, 0.05]), min_size=2, max_size=30),
    spread=st.sampled_from([0.0, 0.015, 0.03]),
)
@settings(max_examples=80, deadline=None)
def test_stuck_is_every_stretch_within_the_spread(steps: list[float], spread: float) -> None:
    """Against all stretches, one by one."""
    values = np.round(7.4 + np.cumsum(steps), 4)
    stuck = ~found(values, QuantityLimits(stuck_h=2.0, stuck_within=spread)).believed
    expected = np.zeros(len(values), dtype=bool)
    for start in range(len(values)):
        for end in range(start + 1, len(values)):
            part = values[start : end + 1]
            if (end - start) * 0.5 >= 2.0 and part.max() - part.min() <= spread:
                expected[start : end + 1] = True
    assert stuck.tolist() == expected.tolist()


def test_faulty_readings_are_in_no_excursion() -> None:
    limits = QuantityLimits(action_high=7.6, max_rate_per_h=0.2)
    assert found([7.4, 7.4, 9.0, 7.4, 7.4], limits).excursions == ()


def test_a_quantity_without_limits_is_not_watched() -> None:
    result = examine(series([0, 1], [7.4, 9.0]), SensorSettings(limits={}))
    assert result.limits is None
    assert result.excursions == ()


def test_readings_of_a_minute_for_two_weeks_are_examined_at_once() -> None:
    """20,160 readings: loops over believed readings only, no table of all pairs."""
    rng = np.random.default_rng(3)
    times = np.arange(20_160) / 60
    values = 7.3 + 0.005 * rng.standard_normal(len(times))
    values[9_000:9_120] = 7.7
    result = examine(series(times, values), SensorSettings())
    # The probe's noise is no fault; the jump of 0.4 in a minute is doubted until there was time.
    assert 9_000 < result.faults[0].since_h * 60 + 1 < 9_003
    assert len(result.faults) <= 4
    assert {each.level for each in result.excursions} == {"alert", "action"}
    assert only_action(result).duration_h(0) == pytest.approx(2.0, abs=0.5)


def only_action(result: Findings) -> Excursion:
    (one,) = [each for each in result.excursions if each.level == "action"]
    return one


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action_low": 7.8, "action_high": 7.6}, "must be below"),
        ({"alert_high": 7.7, "action_high": 7.6}, "must be below"),
        ({"deadband": -1.0}, "greater than or equal to 0"),
    ],
)
def test_limits_that_contradict_one_another_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        QuantityLimits(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"times_h": [0, 1, 1]}, "does not rise"),
        ({"times_h": [-1, 0, 1]}, "before seeding"),
        ({"values": [7.4, -0.1, 7.4]}, "impossible"),
        ({"values": [7.4, math.nan, 7.4]}, "impossible"),
        ({"values": [7.4, 7.4]}, "differ in number"),
        ({"quantity": "turbidity"}, "not known"),
    ],
)
def test_impossible_series_are_refused(changes: dict[str, Any], said: str) -> None:
    usual: dict[str, Any] = {
        "times_h": [0, 1, 2], "values": [7.4, 7.4, 7.4], "good": [True] * 3
    }  # fmt: skip
    with pytest.raises(InputError, match=said):
        series(**(usual | changes))


def test_every_quantity_has_a_name_a_history_knows() -> None:
    from typing import get_args

    assert tuple(QUANTITIES) == get_args(ReadingName)


# --- alignment, and what decisions get --------------------------------------------------------


def test_alignment_is_a_median_of_what_is_believed() -> None:
    limits = QuantityLimits(sensor_high=10)
    result = found([7.40, 7.42, 12.0, 7.44, 7.9], limits)
    at_1_5, at_9 = align(result, [1.5, 9.0], SensorSettings(align_before_h=1.5))
    assert (at_1_5.value, at_1_5.low, at_1_5.high) == (7.42, 7.40, 7.44)
    assert (at_1_5.n, at_1_5.n_not_believed) == (3, 1)
    assert (at_9.value, at_9.n) == (None, 0)


def probe(values: Any, step_h: float = 0.25, quantity: ReadingName = "ph") -> Findings:
    values = np.array(values, dtype=float)
    return examine(series(np.arange(len(values)) * step_h, values, quantity), Recipe().sensors)


def quiet(n: int = 361) -> Any:
    return 7.3 + 0.01 * np.sin(np.arange(n))


def test_decisions_get_readings_and_events() -> None:
    values = quiet()
    values[100:112] = 7.8  # beyond the action limit for three hours, and back
    base = history(ph=None)
    limits = Recipe().sensors.limits["ph"].model_copy(update={"max_rate_per_h": None})
    own = SensorSettings(limits={"ph": limits})
    result = examine(series(np.arange(361) * 0.25, values), own)
    told = with_sensors(base, [result], own)
    assert len(told.readings) == 91  # one an hour, the latest of each
    assert {event.kind for event in told.sensor_events} == {"alert", "action"}
    answer = recommend_for(told, Recipe(), at_h=90)
    assert (answer.action, answer.code) == ("ESCALATE", "SENSOR_EXCURSION")
    # The hour before, nobody could know.
    assert recommend_for(told, Recipe(), at_h=24.9).code != "SENSOR_EXCURSION"


def test_a_probe_that_sticks_is_believed_until_that_is_known() -> None:
    values = quiet()
    values[300:] = 7.3
    told = with_sensors(history(ph=None), [probe(values)], Recipe().sensors)
    (fault,) = told.sensor_events
    assert (fault.kind, fault.reason, fault.since_h) == ("fault", "stuck", 75.0)
    before, after = (recommend_for(told, Recipe(), at_h=at) for at in (80.0, 90.0))
    assert "ph" not in before.not_evaluated["sensors"]
    assert "ph" in after.not_evaluated["sensors"]
    assert "SENSOR_FAULT" in after.warnings


def test_another_vessels_sensor_is_refused() -> None:
    other = examine(series([0, 1], [7.3, 7.31], vessel="V-2"), Recipe().sensors)
    with pytest.raises(InputError, match="sensor of vessel V-2 is not its own"):
        with_sensors(history(), [other], Recipe().sensors)


def test_what_a_history_held_stays() -> None:
    base = history(ph=7.2)
    told = with_sensors(base, [probe(quiet())], Recipe().sensors)
    assert set(base.readings) <= set(told.readings)
    assert told == with_sensors(base, [probe(quiet())], Recipe().sensors)
    assert replace(told, readings=base.readings, sensor_events=()) == base
