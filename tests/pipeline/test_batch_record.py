"""What a batch record says, before it is drawn: decisions, deviations, yields, its hash."""

import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monolayer.batch import BatchSettings, record_sha256
from monolayer.batch.content import (
    BatchRecord,
    Deviation,
    Disposition,
    Document,
    Lot,
    Signature,
    Step,
    VisitPicture,
    Yield,
)
from monolayer.batch.lot import lot_doublings, lot_yield, worst_cases
from monolayer.culture import recommend_for
from monolayer.dossier import Recorded, RecordedVessel, batch_record
from monolayer.history import Exchange, SensorEvent, SensorReading, VesselHistory
from monolayer.recipe import Recipe

from .vessel_histories import SEEDED, history, ready

RECIPE = Recipe(batch=BatchSettings(theoretical_density_cells_per_cm2=50_000))


def named(found: VesselHistory, name: str = "V-017", **vessel: Any) -> VesselHistory:
    changes: dict[str, Any] = {
        "name": name, "growth_area_cm2": 636.0, "seeding_density_cells_per_cm2": 4000.0,
        "doublings_at_seeding": 9.5, "lot": "L-1", "donor": "D-7",
    }  # fmt: skip
    return replace(found, vessel=replace(found.vessel, **(changes | vessel)))


def made(*histories: VesselHistory, pictures: Any = None, **recorded: Any) -> BatchRecord:
    return batch_record(
        histories or (named(history(every_h=12, n=6)),), RECIPE, Recorded(**recorded), pictures
    )


def kinds(record: BatchRecord) -> list[str]:
    return [each.kind for each in record.all_deviations]


def told(record: BatchRecord, kind: str) -> str:
    (found,) = (each.what for each in record.all_deviations if each.kind == kind)
    return found


def test_recommendations_are_those_of_their_time() -> None:
    kept = named(ready(n=8))
    record = made(replace(kept, ended_as="passaged", ended_h=kept.last_h))
    decisions = record.vessels[0].decisions
    assert [d.at_h for d in decisions] == [v.time_h for v in kept.acquisitions]
    for decision in decisions:
        again = recommend_for(kept, RECIPE, at_h=decision.at_h)
        assert (decision.action, decision.code) == (again.action, again.code)
        assert decision.history_sha256 == again.history_sha256
        assert decision.origin == "recomputed"
    assert decisions[-1].action == "PASSAGE"
    assert decisions[-1].evidence[0].threshold == 0.75


def test_forecast_then_is_not_the_forecast_now() -> None:
    decisions = made(named(history(every_h=6))).vessels[0].decisions
    assert decisions[0].forecast.median_h is None
    assert decisions[0].forecast.reason is not None
    assert decisions[-1].forecast.median_h is not None


def test_a_persons_decision_stands_beside_its_recommendation() -> None:
    kept = named(ready(n=8))
    at = SEEDED + timedelta(hours=kept.last_h + 1)
    accepted = Disposition("V-017", at, "A. Person", "accept", "PASSAGE")
    record = made(kept, dispositions=(accepted,))
    assert [d.disposition for d in record.vessels[0].decisions[:-1]] == [None] * 7
    assert record.vessels[0].decisions[-1].disposition == accepted
    assert "override" not in kinds(record)
    assert "expired" not in kinds(record)


def test_overrides_and_late_acceptance_are_deviations() -> None:
    kept = named(ready(n=8))
    at = SEEDED + timedelta(hours=kept.last_h + 13)
    late = made(kept, dispositions=(Disposition("V-017", at, "A. P", "accept", "PASSAGE"),))
    assert "accepted after it had expired" in told(late, "expired")
    other = Disposition("V-017", at, "A. P", "override", "HOLD", "STAFF", "nobody to passage it")
    record = made(kept, dispositions=(other,))
    assert told(record, "override") == (
        "A. P decided HOLD instead of PASSAGE (TARGET_REACHED): nobody to passage it"
    )


def test_what_was_done_against_the_recommendation_is_told() -> None:
    kept = named(history(every_h=12, n=6))
    moved = replace(kept, ended_as="harvested", ended_h=kept.last_h + 1)
    assert "it was CONTINUE (ON_TRACK)" in told(made(moved), "not as recommended")
    reached = named(ready(n=8))
    assert "not as recommended" not in kinds(
        made(replace(reached, ended_as="passaged", ended_h=reached.last_h + 1))
    )


def reading(time_h: float, quantity: Any, value: float) -> SensorReading:
    return SensorReading(time_h, quantity, value)


def test_an_excursion_is_one_with_its_span_and_its_worst() -> None:
    readings = tuple(
        reading(h, "ph", value)
        for h, value in ((30, 7.3), (36, 6.95), (42, 6.9), (48, 7.2), (54, 7.7))
    )
    kept = replace(named(history(ph=None, every_h=12, n=6)), readings=readings)
    found = [d.what for d in made(kept).all_deviations if d.kind == "excursion"]
    assert found == ["pH below 7: 2 readings over 6.0 h, worst 6.9", "pH above 7.6: 7.7"]


def test_what_sensors_saw_is_told_with_whether_it_was_assessed() -> None:
    events = (
        SensorEvent(31, "ph", "alert", 30, 40, reason="alert_low"),
        SensorEvent(31, "ph", "action", 30.5, 33, 6.85, 0.2, "action_low", 50),
        SensorEvent(40, "dissolved_oxygen_percent", "fault", 36, reason="stuck"),
    )
    kept = replace(named(history(every_h=12, n=6)), sensor_events=events)
    found = [(d.kind, d.what) for d in made(kept).all_deviations if d.kind.startswith("sensor")]
    assert found == [
        ("sensor excursion", "pH, action low: 2.5 h, worst 6.85; assessed"),
        ("sensor fault", "dissolved_oxygen_percent, stuck: not over; not assessed"),
    ]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"n_fields_ok": 6}, "visit not evaluable", "6 of 20 fields evaluable; the recipe asks"),
        ({"n_fields_ok": 18}, "fields excluded", "at 1 of 6 visits, at most 2 of 20"),
        ({"image_sha256_found": "other"}, "image integrity", "not those recorded"),
        ({"contamination": True}, "contamination", "signs of contamination"),
        ({"n_fields_ok": 6}, "re-imaging", "recommended REIMAGE (IMAGE_QC)"),
    ],
)
def test_visits_that_went_wrong(changes: dict[str, Any], kind: str, words: str) -> None:
    assert words in told(made(named(history(every_h=12, n=6, last=changes))), kind)


def test_missed_visits_and_late_feeds() -> None:
    kept = named(history(every_h=12, n=6))
    gap = replace(kept, acquisitions=(*kept.acquisitions[:1], *kept.acquisitions[4:]))
    assert "no image for 48.0 h" in told(made(gap), "missed visit")
    assert "missed visit" not in kinds(made(kept))
    fed = replace(kept, exchanges=(Exchange(80.0, 50.0),))
    assert "80.0 h on one medium" in told(made(fed), "late feed")


def test_a_run_that_says_otherwise_is_told() -> None:
    kept = named(history(every_h=12, n=6))
    visit = kept.acquisitions[0]
    other = VisitPicture(visit.time_h, None, 0.30, None, "gone", 0.35)
    assert "30.0 %, the run" in told(made(kept, pictures={"V-017": (other,)}), "run differs")
    same = replace(other, run_confluence=0.3)
    assert "run differs" not in kinds(made(kept, pictures={"V-017": (same,)}))


def test_yield_and_doublings_to_the_digits() -> None:
    """Example W1: 2.0e6 seeded, 1.6e7 harvested."""
    kept = named(history(every_h=12, n=6))
    its = RecordedVessel(cells_seeded=2.0e6, cells_harvested=1.6e7)
    (vessel,) = made(kept, vessels={"V-017": its}).vessels
    assert vessel.doublings == pytest.approx(3.0, abs=1e-12)
    assert vessel.cumulative_doublings == pytest.approx(12.5)
    assert vessel.yielded.theoretical == 636 * 50_000
    assert vessel.yielded.percent == pytest.approx(100 * 1.6e7 / 3.18e7)


def test_seeded_cells_by_density_and_recovery_by_image() -> None:
    kept = named(history(every_h=12, n=6, last={"density_cells_per_cm2": 30_000.0}))
    (vessel,) = made(kept, vessels={"V-017": RecordedVessel(cells_harvested=1.7e7)}).vessels
    assert vessel.yielded.seeded == 636 * 4000
    assert vessel.yielded.recovery_percent == pytest.approx(100 * 1.7e7 / (636 * 30_000))


@pytest.mark.parametrize(
    ("vessel", "recipe", "basis"),
    [
        ({}, Recipe(), "the recipe gives no theoretical density"),
        ({"growth_area_cm2": None}, RECIPE, "the growth area is not recorded"),
    ],
)
def test_an_unknown_yield_is_none_and_says_why(
    vessel: dict[str, Any], recipe: Recipe, basis: str
) -> None:
    record = batch_record((named(history(every_h=12, n=6), **vessel),), recipe)
    found = record.vessels[0].yielded
    assert (found.actual, found.theoretical, found.percent) == (None, None, None)
    assert found.basis == basis


def test_a_yield_outside_its_limits_is_a_deviation() -> None:
    recipe = Recipe(
        batch=BatchSettings(
            theoretical_density_cells_per_cm2=50_000,
            min_percent_of_theoretical=60,
            max_percent_of_theoretical=110,
        )
    )
    kept = named(history(every_h=12, n=6))
    for harvested, words in ((1.6e7, "50.3 % of theoretical yield, below 60 %"), (3e7, "")):
        its = {"V-017": RecordedVessel(cells_harvested=harvested)}
        record = batch_record((kept,), recipe, Recorded(vessels=its))
        assert [d.what for d in record.all_deviations if d.kind == "yield"] == [words] * bool(words)


def test_a_discarded_vessel_gave_nothing_and_an_unrecorded_one_is_unknown() -> None:
    kept = named(history(every_h=12, n=6))
    gone = replace(named(kept, "V-018"), ended_as="discarded", ended_h=kept.last_h + 1)
    its = {"V-017": RecordedVessel(cells_harvested=2e7)}
    record = made(kept, gone, vessels=its)
    total = lot_yield(record.vessels)
    assert total.actual == 2e7
    assert total.theoretical == 2 * 636 * 50_000
    assert total.basis == total.actual_basis == "sum of 2 vessels"
    bases = [vessel.yielded.actual_basis for vessel in record.vessels]
    assert bases == ["harvested, as recorded", "discarded: it gave nothing"]
    open_end = made(kept, named(kept, "V-019"), vessels=its)
    total = lot_yield(open_end.vessels)
    assert total.actual is None
    assert total.percent is None
    assert lot_doublings(total) is None
    assert total.basis == "sum of 2 vessels"
    lacks = "actual yield not recorded for V-019; the others gave 2.000 × 10⁷"
    assert total.actual_basis == lacks
    assert open_end.vessels[1].yielded.actual_basis == "no harvest is recorded"


def test_limits_of_each_sensor_have_a_line() -> None:
    record = made(named(history(every_h=12, n=2)))
    (settings,) = [dict(each.settings) for each in record.documents if each.settings]
    assert "alert_low: 7.1, alert_high: 7.5" in settings["sensors.limits.ph"]
    assert "sensors.limits" not in settings


def test_worst_case_names_its_vessel_and_who_is_unknown() -> None:
    slow = named(history(every_h=12, n=6, doubling_time_h=45), "V-2", passage=3)
    record = made(named(history(every_h=12, n=6), "V-1"), slow)
    worst = {each.label: each for each in worst_cases(record.vessels)}
    assert worst["Highest passage"].vessel == "V-2"
    assert worst["Slowest doubling time, h"].vessel == "V-2"
    assert worst["Lowest viability, lower bound"].value == ""
    assert worst["Lowest viability, lower bound"].unknown == ("V-1", "V-2")


def test_lot_and_donor_come_from_vessels_that_agree() -> None:
    assert made().lot == Lot(name="L-1", donor="D-7")
    kept = named(history(every_h=12, n=6))
    two = made(kept, named(kept, "V-2", lot="L-2"))
    assert (two.lot.name, two.lot.donor) == (None, "D-7")
    assert two.title == "Lot not recorded"
    assert made().title == "Vessel V-017, lot L-1"


def test_steps_stand_in_time_with_their_persons() -> None:
    checked = Step("acquisition", 90.0, None, "", automated=True, checked_by="A. Checker")
    extra = Step("transfer", 50.0, None, "moved to incubator 2", "B. Operator")
    record = made(steps=(("V-017", checked), ("V-017", extra)))
    steps = record.vessels[0].steps
    assert [s.at_h for s in steps] == sorted(s.at_h or 0.0 for s in steps)
    assert steps[0].what == "seeded at 4,000 viable cells/cm²"
    (last,) = (s for s in steps if s.kind == "acquisition" and s.at_h == 90.0)
    assert (last.what, last.checked_by) == ("imaged and evaluated, 20 of 20 fields", "A. Checker")
    assert sum(s.automated for s in steps) == 6
    assert extra in steps


SIGNED = Signature("A. B", SEEDED, "approval", "batch record", "0" * 64)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda r: replace(r, issued_at=SEEDED), True),
        (lambda r: replace(r, signatures=(SIGNED,)), True),
        (lambda r: replace(r, audit_head_sha256="0" * 64, audit_entries=9), True),
        (lambda r: replace(r, lot=replace(r.lot, product="other")), False),
        (lambda r: replace(r, deviations=(Deviation("x", None, None, None, "y"),)), False),
        (lambda r: replace(r, documents=(*r.documents, Document("method", "m"))), False),
        (lambda r: replace(r, simulated=True), False),
        (lambda r: replace(r, vessels=r.vessels * 2), False),
    ],
)
def test_the_hash_is_of_the_record_and_of_nothing_else(change: Any, same: bool) -> None:
    record = made()
    assert (record_sha256(change(record)) == record_sha256(record)) == same


def test_the_hash_is_another_after_any_change_of_a_visit() -> None:
    kept = named(history(every_h=12, n=6))
    first = kept.acquisitions[0]
    assert first.confluence is not None
    changed = replace(first, confluence=math.nextafter(first.confluence, 1.0))
    other = replace(kept, acquisitions=(changed, *kept.acquisitions[1:]))
    assert record_sha256(made(kept)) != record_sha256(made(other))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(1e5, 1e8)), st.one_of(st.none(), st.floats(1e5, 1e9))
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_lots_sum_is_known_only_where_every_part_is(
    parts: list[tuple[float | None, float | None]],
) -> None:
    (one,) = made(named(history(every_h=12, n=2))).vessels
    vessels = [replace(one, yielded=Yield(seeded, out)) for seeded, out in parts]
    total = lot_yield(vessels)
    seeded = [each for each, _ in parts]
    assert (total.seeded is None) == (None in seeded)
    if total.seeded is not None:
        assert total.seeded == pytest.approx(sum(each for each in seeded if each is not None))
    assert json.dumps(total.percent) == "null"
