"""Like with like or not at all: wells held against the process's own reference."""

from typing import Any

import pytest

from monolayer.errors import ConfigError
from monolayer.summarise.reference import (
    STATES,
    ReferenceRun,
    build_reference,
    compare_well,
    comparison_schema,
    robust_z,
)
from monolayer.summarise.reference_settings import (
    CultureSettings,
    Reference,
    ReferenceLimits,
    content_sha256,
)

CULTURE = CultureSettings(donor_type="bone marrow", medium="alpha-MEM + 5 % hPL", day=3)
DIGEST = "a" * 64


def _well(area: float | None, density: float | None = 5_000, **more: Any) -> dict[str, Any]:
    return {
        "plate": "P1", "well": "B02", "time": None, "morphology_object": "cell",
        "n_objects": 100, "n_border_objects": 10, "density_cells_per_cm2": density,
        "cell_area_um2_q50": area, "nucleus_area_um2_q50": 200.0, "spindle_index": 0.3, **more,
    }  # fmt: skip


def _run(wells: list[dict[str, Any]], **more: Any) -> ReferenceRun:
    known: dict[str, Any] = {
        "name": "run1", "seen": "cell", "culture": CULTURE, "measuring_sha256": DIGEST,
    }  # fmt: skip
    return ReferenceRun(wells=wells, **(known | more))


# Median 2,100; deviations 0, 202.347, 202.347, 300, 400: their median is 300 / 1.4826.
AREAS = (2_100.0, 2_100 - 300 / 1.4826, 2_100 + 300 / 1.4826, 1_700.0, 2_600.0)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return build_reference("early", "3", [_run([_well(area) for area in AREAS])], [4_000, 8_000])


def _compare(row: dict[str, Any], reference: Reference | None, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "culture": CULTURE, "limits": ReferenceLimits(), "measuring_sha256": DIGEST,
    }  # fmt: skip
    return compare_well(row, reference, **(known | more))


def test_worked_example_w26(reference: Reference) -> None:
    found = _compare(_well(3_200.0), reference)
    assert found["cell_area_um2_q50_reference_median"] == 2_100
    assert found["cell_area_um2_q50_reference_scaled_mad"] == pytest.approx(300, rel=1e-12)
    assert round(found["cell_area_um2_q50_robust_z"], 4) == 3.6667
    assert round(found["cell_area_um2_q50_reference_ratio"], 4) == 1.5238
    assert found["morphology_state"] == "alert"
    assert found["morphology_reason"] == (
        "cell area 1.52 times the reference; cell area 3.7 scaled MADs above the reference"
    )


@pytest.mark.parametrize(
    ("area", "state"),
    [(2_100.0, "ok"), (500.0, "ok"), (3_000.0, "ok"), (3_001.0, "alert"), (3_149.0, "alert"),
     (3_150.0, "alert"), (4_199.0, "alert"), (4_200.0, "action"), (9_999.0, "action")],
)  # fmt: skip
def test_states_by_area(reference: Reference, area: float, state: str) -> None:
    found = _compare(_well(area), reference)
    assert found["morphology_state"] == state
    assert (found["morphology_reason"] is None) == (state == "ok")


def test_a_large_nucleus_alerts_by_its_ratio_where_the_reference_had_no_spread(
    reference: Reference,
) -> None:
    found = _compare(_well(2_100.0, nucleus_area_um2_q50=310.0), reference)
    assert found["nucleus_area_um2_q50_robust_z"] is None
    assert found["nucleus_area_um2_q50_reference_ratio"] == pytest.approx(1.55)
    assert found["morphology_state"] == "alert"
    assert found["morphology_reason"] == "nucleus area 1.55 times the reference"


def test_limits_are_the_sites(reference: Reference) -> None:
    loose = ReferenceLimits(alert_robust_z=5, alert_area_ratio=1.6, action_area_ratio=3)
    assert _compare(_well(3_200.0), reference, limits=loose)["morphology_state"] == "ok"
    with pytest.raises(ValueError, match=r"action_area_ratio 1.2 is below alert_area_ratio 1.5"):
        ReferenceLimits(action_area_ratio=1.2)


def test_without_a_reference_nothing_is_said() -> None:
    found = _compare(_well(3_200.0), None)
    assert found.pop("morphology_state") == "no_reference"
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("row", "more", "reason"),
    [
        ({"density": 3_999}, {}, "no band of the reference holds 3999 cells per cm2"),
        ({"density": 8_000}, {}, "no band of the reference holds 8000 cells per cm2"),
        ({"density": None}, {}, "the pixel size is unknown"),
        ({"n_objects": 0}, {}, "no cells were measured"),
        ({"n_objects": None}, {}, "no cells were measured"),
        ({"n_objects": 39}, {}, "29 objects clear of the border are fewer than 30"),
        ({"morphology_object": "nucleus"}, {}, "the reference holds no nucleus of donor type bone "
         "marrow, medium alpha-MEM + 5 % hPL, day 3.0"),
        ({}, {"measuring_sha256": "b" * 64},
         "the reference was segmented and measured with other settings"),
        ({}, {"limits": ReferenceLimits(min_wells=6)}, "the band rests on 5 wells, fewer than 6"),
        ({}, {"culture": CULTURE.model_copy(update={"medium": "alpha-MEM + 10 % FBS"})},
         "the reference holds no cell of donor type bone marrow, medium alpha-MEM + 10 % FBS, "
         "day 3.0"),
        ({}, {"culture": CULTURE.model_copy(update={"day": 3.6})},
         "the reference holds no cell of donor type bone marrow, medium alpha-MEM + 5 % hPL, "
         "day 3.6"),
        ({}, {"culture": CultureSettings()},
         "the reference holds no cell of donor type unknown, medium unknown, day unknown"),
    ],
)  # fmt: skip
def test_what_is_not_alike_is_not_compared(
    reference: Reference, row: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    found = _compare(_well(9_999.0, **row), reference, **more)
    assert (found["morphology_state"], found["morphology_reason"]) == ("not_matched", reason)
    compared = ("_z", "_ratio", "_median", "_mad", "_wells")
    assert not [name for name in found if name.endswith(compared) and found[name] is not None]
    assert found["reference_name"] == "early"


def test_days_within_the_tolerance_are_alike(reference: Reference) -> None:
    near = CULTURE.model_copy(update={"day": 3.5})
    assert _compare(_well(2_100.0), reference, culture=near)["morphology_state"] == "ok"


def test_unknown_area_is_not_ok(reference: Reference) -> None:
    found = _compare(_well(None, nucleus_area_um2_q50=None), reference)
    assert found["morphology_state"] == "not_matched"


@pytest.mark.parametrize("seen", ["cell", "nucleus"])
def test_columns_are_those_of_the_schema(reference: Reference, seen: str) -> None:
    names = [name for name, _ in comparison_schema(seen)]
    for given in (reference, None):
        assert list(_compare(_well(2_100.0, morphology_object=seen), given)) == names


def test_bands_part_the_densities_and_cultures() -> None:
    other = CULTURE.model_copy(update={"day": 5.0})
    runs = [
        _run([_well(1_000.0, 1_000), _well(1_200.0, 1_999), _well(2_000.0, 2_000)]),
        _run([_well(3_000.0, 1_500)], culture=other, name="run2"),
    ]
    made = build_reference("r", "1", runs, [1_000, 2_000, 4_000])
    found = {
        (band.culture.day, band.density_low_cells_per_cm2): band.figures["cell_area_um2_q50"]
        for band in made.bands
    }
    assert {key: (figure.median, figure.n) for key, figure in found.items()} == {
        (3.0, 1_000.0): (1_100.0, 2), (5.0, 1_000.0): (3_000.0, 1), (3.0, 2_000.0): (2_000.0, 1),
    }  # fmt: skip
    assert made.sources == ("run1", "run2")


def test_same_wells_in_any_order_make_the_same_bands() -> None:
    wells = [_well(area) for area in AREAS]
    forth, back = (
        build_reference("r", "1", [_run(rows)], [0, 1e5]) for rows in (wells, wells[::-1])
    )
    assert forth.sha256 == back.sha256


def test_a_well_of_few_cells_is_not_taken_up() -> None:
    made = build_reference(
        "r", "1", [_run([_well(2_000.0), _well(9_000.0, n_objects=12)])], [0, 1e5]
    )
    assert made.bands[0].n_wells == 1


def test_an_edited_reference_is_refused(reference: Reference) -> None:
    data = reference.model_dump(mode="json")
    assert Reference.model_validate(data) == reference
    data["bands"][0]["figures"]["cell_area_um2_q50"]["median"] = 4_000.0
    with pytest.raises(ValueError, match="reference 'early' was altered after it was made"):
        Reference.model_validate(data)
    assert content_sha256(data) != reference.sha256


@pytest.mark.parametrize(
    ("runs", "edges", "words"),
    [
        ([], [0, 1], "at least one run"),
        ([_run([_well(1.0)])], [0], "must rise from 0 or more"),
        ([_run([_well(1.0)])], [5, 5], "must rise from 0 or more"),
        ([_run([_well(1.0)])], [0, 100], "no well of the runs has 30 objects clear of the border"),
        ([_run([_well(1.0)]), _run([_well(1.0)], measuring_sha256="c", name="run2")], [0, 1e5],
         "run2: was segmented and measured with other settings than run1"),
        ([_run([_well(1.0, time="1"), _well(1.0, time="2")])], [0, 1e5],
         "run1: holds several times"),
    ],
)  # fmt: skip
def test_bad_references_are_refused(
    runs: list[ReferenceRun], edges: list[float], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        build_reference("r", "1", runs, edges)


def test_robust_z_of_a_reference_without_spread_is_unknown() -> None:
    assert robust_z(3_200, 2_100, 300) == pytest.approx(11 / 3, rel=1e-15)
    assert robust_z(3_200, 2_100, 0.0) is None


def test_states_are_all_there_are() -> None:
    assert STATES == ("ok", "alert", "action", "not_matched", "no_reference")
