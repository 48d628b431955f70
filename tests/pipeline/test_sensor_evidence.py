"""Sensors in decisions: a faulty one is never good, an excursion that is over is evidence still."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.vessel_histories import history, ready

from monolayer.culture import recommend_for
from monolayer.decide import DecideSettings, Outlook, recommend
from monolayer.decide.rules import RULES
from monolayer.errors import InputError
from monolayer.history import SensorEvent, SensorReading, VesselHistory
from monolayer.recipe import Recipe

RECIPE = Recipe()
WATCHED = Recipe(
    decide=DecideSettings(needed_to_move=(*DecideSettings().needed_to_move, "sensors"))
)
OUTLOOK = Outlook(32.0, True, 200.0)


def event(**changes: Any) -> SensorEvent:
    usual: dict[str, Any] = {"time_h": 50, "quantity": "ph", "kind": "action", "since_h": 49.5}
    return SensorEvent(**(usual | changes))


def with_events(*events: SensorEvent, base: VesselHistory | None = None) -> VesselHistory:
    return replace(base or history(), sensor_events=events)


def answer(base: VesselHistory, recipe: Recipe = RECIPE, at_h: float = 90.0) -> Any:
    return recommend_for(base, recipe, at_h=at_h)


def test_an_excursion_that_goes_on_escalates() -> None:
    found = answer(with_events(event()))
    assert (found.action, found.code) == ("ESCALATE", "SENSOR_EXCURSION")
    (check,) = (check for check in found.evidence if check.name == "ph_excursion_h")
    assert (check.value, check.limit, check.margin) == (40.5, 1.0, -39.5)


def test_one_that_ended_is_evidence_still() -> None:
    long = answer(with_events(event(ended_h=51)))
    assert (long.action, long.code) == ("ESCALATE", "SENSOR_EXCURSION")
    short = answer(with_events(event(ended_h=50.2)))
    assert (short.action, short.warnings) == ("CONTINUE", ("SENSOR_EXCURSION",))
    # Many short ones add up.
    twice = answer(with_events(event(ended_h=50.2), event(time_h=60, since_h=59.5, ended_h=60.2)))
    assert twice.code == "SENSOR_EXCURSION"


def test_what_a_person_assessed_stops_nothing_and_is_told() -> None:
    found = answer(with_events(event(ended_h=53, assessed_h=55)))
    assert (found.action, found.warnings) == ("CONTINUE", ("SENSOR_EXCURSION",))
    # Asked about the hour before, nobody had.
    assert answer(with_events(event(ended_h=53, assessed_h=55)), at_h=54).action == "ESCALATE"


def test_the_past_does_not_know_how_an_excursion_ends() -> None:
    then = with_events(event(ended_h=53, extreme=6.1, area=3.0)).until(51)
    (known,) = then.sensor_events
    assert (known.ended_h, known.extreme, known.area) == (None, None, None)
    assert with_events(event()).until(49.9).sensor_events == ()


def test_an_alert_warns() -> None:
    assert answer(with_events(event(kind="alert"))).warnings == ("SENSOR_ALERT",)
    assert answer(with_events(event(kind="alert", ended_h=60))).warnings == ()


def test_a_faulty_sensor_is_not_evaluated_and_never_good() -> None:
    fault = event(kind="fault", time_h=80, since_h=80, reason="stuck")
    warm = SensorReading(89, "temperature_c", 37.0)
    base = ready(readings=())
    sound = replace(base, readings=(warm, *base.readings))
    assert answer(sound, WATCHED).action == "PASSAGE"
    found = answer(with_events(fault, base=sound), WATCHED)
    assert (found.action, found.code) == ("HOLD", "EVIDENCE_MISSING")
    assert found.not_evaluated["sensors"] == ("ph",)
    assert found.warnings == ("SENSOR_FAULT",)
    # Over before the latest reading, or assessed by a person: that reading counts.
    for mended in (replace(fault, ended_h=85), replace(fault, assessed_h=85)):
        assert answer(with_events(mended, base=sound), WATCHED).action == "PASSAGE"


def test_bad_news_of_a_faulty_sensor_counts() -> None:
    fault = event(kind="fault", time_h=89, since_h=86)
    assert answer(with_events(fault, base=history(ph=6.8))).code == "SENSOR_PH"
    # A good reading that the fault voids does not clear the bad one before it.
    bad_then_stuck = (SensorReading(80, "ph", 6.8), SensorReading(90, "ph", 7.3))
    base = replace(history(ph=None), readings=bad_then_stuck)
    assert answer(base).action == "CONTINUE"
    assert answer(with_events(fault, base=base)).code == "SENSOR_PH"


def test_a_faulty_glucose_sensor_does_not_say_that_there_is_enough() -> None:
    low, fine = (
        replace(history(ph=None), readings=(SensorReading(88, "glucose_mmol_per_l", value),))
        for value in (1.0, 3.0)
    )
    fault = event(quantity="glucose_mmol_per_l", kind="fault", time_h=85, since_h=85)
    assert "glucose_mmol_per_l" not in answer(fine).not_evaluated["feed"]
    assert "glucose_mmol_per_l" in answer(with_events(fault, base=fine)).not_evaluated["feed"]
    assert answer(with_events(fault, base=low)).code == "FEED_RULE"


def rank(base: VesselHistory) -> int:
    """Place of the rule that decides, the last where none does."""
    rule = recommend(base, WATCHED.decide, OUTLOOK, at_h=90).rule
    return list(RULES).index(rule) if rule else len(RULES)


KINDS = st.sampled_from(["alert", "action", "fault"])


@given(
    kind=KINDS,
    quantity=st.sampled_from(["ph", "temperature_c", "glucose_mmol_per_l"]),
    since=st.floats(0, 88),
    ended=st.one_of(st.none(), st.floats(88.5, 90)),
    values=st.lists(st.floats(6.0, 8.0), max_size=4),
)
@settings(max_examples=120, deadline=None)
def test_one_more_event_never_moves_the_answer_to_a_later_rule(
    kind: Any, quantity: Any, since: float, ended: float | None, values: list[float]
) -> None:
    readings = tuple(SensorReading(70 + 5 * n, "ph", value) for n, value in enumerate(values))
    base = replace(ready(ph=None), readings=readings)
    more = with_events(SensorEvent(since + 0.5, quantity, kind, since, ended), base=base)
    assert rank(more) <= rank(base)
    before, after = (
        recommend(each, WATCHED.decide, OUTLOOK, at_h=90).not_evaluated for each in (base, more)
    )
    assert set(before.get("sensors", ())) <= set(after.get("sensors", ())) | (
        set() if rank(more) > list(RULES).index("sensors") else {"ph", "temperature_c"}
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"since_h": 51}, "known before it began"),
        ({"ended_h": 49}, "before it began"),
        ({"assessed_h": 49}, "assessed before it was known"),
        ({"since_h": -1}, "impossible"),
        ({"area": -1.0}, "impossible"),
    ],
)
def test_impossible_events_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        event(**changes)


def test_events_are_part_of_the_hash() -> None:
    assert with_events(event()).sha256 != history().sha256
    assert with_events(event()).sha256 != with_events(event(assessed_h=52)).sha256
    assert with_events(event(ended_h=95)).last_h == 95
