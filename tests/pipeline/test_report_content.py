"""What a report chooses to show, against runs whose answers are known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.drawing.numbers import grouped
from monolayer.field import State
from monolayer.report import ReportContent, build_content
from monolayer.report.histograms import histograms
from monolayer.report.words import method_words
from monolayer.summarise.schema import (
    PLATE_HEAD,
    WELL_HEAD,
    field_schema,
    plate_schema,
    well_schema,
)

from .report_example import SENTENCE, SHOW, Example, disks, example, well_names

EXCLUDED = {
    "PLATE-7/A02/3": ("not_evaluable", "saturated"),
    "A03": ("failed", "truncated"),
    "PLATE-7/B01/1": ("missing", "missing"),
    "B02": ("missing", "missing"),
}


def built(run: Example, overlays: Any = lambda field_id: None) -> ReportContent:
    return build_content(*run.tables(), run.run, SHOW, overlays, run.objects)


@pytest.fixture(scope="module")
def content() -> ReportContent:
    return built(example(well_names(2, 3), excluded=EXCLUDED), disks)


def test_the_columns_it_reads_are_those_of_the_tables() -> None:
    names = {name for name, _ in field_schema(["DAPI"])}
    assert names >= {"n_objects", "n_unbiased", "n_unbiased_ci_low", "density_cells_per_cm2_ci_low"}
    wells = [*WELL_HEAD, *well_schema(["DAPI"])]
    for schema in (wells, [*PLATE_HEAD, *plate_schema(["DAPI"])]):
        names = {name for name, _ in schema}
        for column in ("density_cells_per_cm2", "n_unbiased_per_field"):
            assert {column, f"{column}_ci_low", f"{column}_ci_high", f"{column}_ci_method"} <= names
        assert {"n_fields_planned", "n_fields_ok", "n_objects", "nuclei_area_fraction"} <= names


def test_every_field_is_counted_once(content: ReportContent) -> None:
    assert len(content.points) == 24
    assert content.count(State.OK) == 24 - 1 - 4 - 1 - 4
    assert content.n_excluded == len(content.exclusions) == 5
    assert content.count(State.MISSING) == len(content.missing) == 5


def test_every_excluded_field_has_its_reason_and_sentence(content: ReportContent) -> None:
    reasons = {item.field_id: item.reason for item in content.exclusions}
    assert reasons == {
        "PLATE-7/A02/3": "saturated",
        **{f"PLATE-7/A03/{i}": "truncated" for i in range(1, 5)},
    }
    assert {item.detail for item in content.exclusions} == {SENTENCE}
    assert content.exclusions[0].paths == ("PLATE-7/A02_s3_w1.tif",)


def test_the_plate_shows_its_own_row(content: ReportContent) -> None:
    run = example(well_names(2, 3), excluded=EXCLUDED)
    assert content.plates[0].estimate.value == run.plates[0]["density_cells_per_cm2"]
    assert content.plates[0].estimate.low == run.plates[0]["density_cells_per_cm2_ci_low"]
    assert content.plates[0].beside[0] == sum(row["n_objects"] or 0 for row in run.fields)
    wells = {well.well: well for well in content.plates[0].wells}
    assert list(wells) == well_names(2, 3)
    assert wells["A03"].estimate.value is None
    assert wells["A03"].reasons == ("truncated",)
    assert (wells["B02"].n_missing, wells["B02"].n_planned) == (4, 4)
    assert wells["B02"].reasons == ()


def test_unknown_pixel_size_gives_counts_and_never_a_density() -> None:
    run = example(well_names(2, 3), pixel_size_um=None)
    content = built(run, disks)
    assert content.measure.unit == "cells/field"
    assert content.plates[0].estimate.value == run.plates[0]["n_unbiased_per_field"]
    assert content.points[0].estimate.value == run.fields[0]["n_unbiased"]
    assert [histogram.unit for histogram in content.histograms] == ["pixels", "grey values"]
    assert all(picture.scale_bar is None for picture in content.typical)


def test_plates_and_times_stay_apart() -> None:
    run = example(["A01", "A02"], plates=("P1", "P2"), times=("0", "1"))
    content = built(run)
    assert [p.name for p in content.plates] == ["P1, 0", "P1, 1", "P2, 0", "P2, 1"]
    for plate, row in zip(content.plates, run.plates, strict=True):
        assert plate.estimate.value == row["density_cells_per_cm2"]
        assert len(plate.wells) == 2
    assert content.title == "P1, P2"


def test_doubtful_fields_are_one_of_each_reason_then_the_lowest_score_and_extremes() -> None:
    excluded = {
        "PLATE-7/A01/1": ("not_evaluable", "saturated"),
        "PLATE-7/A02/1": ("not_evaluable", "saturated"),
        "PLATE-7/A03/1": ("not_evaluable", "blank"),
        "PLATE-7/A04/1": ("failed", "truncated"),
    }
    run = example(well_names(2, 6), excluded=excluded)
    worst = next(b for b in run.batches if b["field_id"][0] == "PLATE-7/B03/2")
    worst["segmentation_score"][:] = 0.31
    far = next(row for row in run.fields if row["field_id"] == "PLATE-7/B05/4")
    far["focus_log_log_slope"] = -4.0
    shown = built(run, disks).doubtful
    assert [p.field_id for p in shown[:4]] == [
        "PLATE-7/A01/1", "PLATE-7/A03/1", "PLATE-7/B03/2", "PLATE-7/B05/4",
    ]  # fmt: skip
    assert [p.why for p in shown[:4]] == [
        "excluded: saturated",
        "excluded: blank",
        "low mean segmentation score, 0.31",
        "focus below the run's other fields",
    ]
    assert len(shown) <= 6
    assert len({p.field_id for p in shown}) == len(shown)


def test_typical_fields_are_near_the_medians_and_of_different_wells() -> None:
    run = example(well_names(4, 6), fields_per_well=6)
    content = built(run, disks)
    density = {row["field_id"]: row["density_cells_per_cm2"] for row in run.fields}
    middle = np.quantile(list(density.values()), [0.25, 0.75])
    assert len(content.typical) == 3
    assert all(middle[0] < density[p.field_id] < middle[1] for p in content.typical)
    assert len({p.field_id.split("/")[1] for p in content.typical}) == 3


def test_images_that_are_gone_cost_their_picture_only() -> None:
    asked: list[str] = []

    def gone(field_id: str) -> None:
        asked.append(field_id)

    content = built(example(well_names(4, 6)), gone)
    assert content.typical == content.doubtful == ()
    assert 0 < len(asked) <= 27


def test_scores_are_means_over_objects_of_batches_that_cut_fields_apart() -> None:
    run = example(["A01"], fields_per_well=2)
    for batch, lowest in zip(run.batches, (0.2, 0.6), strict=True):
        batch["segmentation_score"] = np.linspace(lowest, 1.0, len(batch["weight"]))
    halves = [{k: v[part] for k, v in b.items()} for b in run.batches for part in _halves(b)]
    run.batches = halves
    whys = [p.why for p in built(run, disks).doubtful]
    assert whys == ["low mean segmentation score, 0.60"]


def test_equal_scores_single_nobody_out() -> None:
    run = example(["A01"], fields_per_well=6)
    for batch in run.batches:
        batch["segmentation_score"][:] = 1.0
    assert not [p for p in built(run, disks).doubtful if "score" in p.why]


def _halves(batch: dict[str, NDArray[Any]]) -> tuple[slice, slice]:
    middle = len(batch["weight"]) // 3
    return slice(None, middle), slice(middle, None)


def test_an_empty_run_has_content_too() -> None:
    run = example(["A01"], fields_per_well=1, excluded={"A01": ("failed", "truncated")})
    content = build_content(*run.tables(), run.run, SHOW, lambda field_id: None)
    assert content.plates[0].estimate.value is None
    assert content.histograms == ()
    assert content.plates[0].beside[1] is None


def test_notes_of_fields_are_given_once_with_their_number() -> None:
    run = example(["A01", "A02"], fields_per_well=2)
    for row in run.fields[:3]:
        row["notes"] = "Best of 5 planes used; Thumbnail ignored"
    notes = built(run).notes
    assert notes == ("Best of 5 planes used (3 of 4 fields)", "Thumbnail ignored (3 of 4 fields)")


def test_stamp_and_provenance_say_when_how_and_where(content: ReportContent) -> None:
    assert content.stamp == "2026-11-22 08:03 UTC, method nuclei 1 (3f2a3f2a)"
    rows = dict(content.provenance)
    assert rows["Images"] == "/data/plate7"
    assert rows["Version.numpy"] == "2.4.6"
    assert rows["Duration"] == "191.2 s with 2 workers"
    method = dict(content.method)
    assert method["segment.expected_diameter_um"] == "not set"
    assert method["segment.split"] == "yes"
    assert method["SHA-256 of the method"] == "3f2a" * 16


# --- histograms -------------------------------------------------------------------------------


def batches(values: NDArray[Any], weights: NDArray[Any] | None, cut: int) -> Any:
    parts = np.array_split(np.arange(values.size), cut)
    whole = {"x": values} | ({} if weights is None else {"weight": weights})
    return lambda: iter([{name: column[part] for name, column in whole.items()} for part in parts])


def test_histogram_equals_numpy_on_all_objects_at_once() -> None:
    random = np.random.default_rng(3)
    values = random.lognormal(5, 0.4, 20_000)
    weights = np.where(random.random(values.size) < 0.1, 0.0, 1 + random.random(values.size))
    (found,) = histograms(batches(values, weights, 7), [("x", "Size", "µm²")])
    use = weights > 0
    expected = np.histogram(values[use], found.edges, weights=weights[use])[0]
    assert found.n == use.sum()
    assert np.allclose(found.heights, expected, rtol=1e-12)
    inside = (values[use] >= found.edges[0]) & (values[use] <= found.edges[-1])
    assert found.n_outside == (~inside).sum()
    assert found.n_outside < 0.01 * found.n
    mean = np.average(values[use], weights=weights[use])
    assert found.mean == pytest.approx(mean, rel=1e-12)
    variance = np.average((values[use] - mean) ** 2, weights=weights[use])
    assert found.sd == pytest.approx(variance**0.5, rel=1e-9)
    order = np.argsort(values[use])
    share = np.cumsum(weights[use][order]) / weights[use].sum()
    for fraction, quantile in ((0.05, found.q05), (0.5, found.q50), (0.95, found.q95)):
        exact = values[use][order][np.searchsorted(share, fraction)]
        assert quantile == pytest.approx(exact, rel=0.003)


@pytest.mark.parametrize("cut", [1, 2, 50])
def test_histogram_does_not_depend_on_the_batches(cut: int) -> None:
    values = np.random.default_rng(5).integers(20, 900, 3000)
    (whole,) = histograms(batches(values, None, 1), [("x", "Size", "pixels")])
    (found,) = histograms(batches(values, None, cut), [("x", "Size", "pixels")])
    assert found == whole
    assert not found.weighted


def test_histogram_of_whole_numbers_has_whole_steps() -> None:
    # Steps of 1.5 would hold one number and two in turn: a comb that is not in the data.
    values = np.random.default_rng(5).integers(100, 180, 5000)
    (found,) = histograms(batches(values, None, 3), [("x", "Size", "pixels")])
    steps = np.diff(found.edges)
    assert np.all(steps == steps[0])
    assert steps[0] == int(steps[0])


@pytest.mark.parametrize(
    ("values", "n_expected"), [([7.0, 7.0, 7.0], 3), ([0.0, 0.0], 2), ([np.nan, 4.0], 1)]
)
def test_histogram_of_few_values(values: list[float], n_expected: int) -> None:
    (found,) = histograms(batches(np.array(values), None, 1), [("x", "Size", "")])
    assert found.n == n_expected
    assert sum(found.heights) == n_expected
    assert all(np.diff(found.edges) > 0)


def test_no_values_give_no_histogram() -> None:
    assert histograms(batches(np.array([np.nan]), None, 1), [("x", "Size", "")]) == ()
    assert histograms(lambda: iter([]), [("x", "Size", "")]) == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (41_284.4, "41,280"), (1_234_567.0, "1,235,000"), (0.0123456, "0.01235"), (0.0, "0"),
        (9.9996, "10"), (132.0, "132"), (-1.9, "−1.9"), (None, "–"), (float("nan"), "–"),
    ],
)  # fmt: skip
def test_numbers_are_rounded_to_four_digits_and_grouped(value: float | None, words: str) -> None:
    assert grouped(value) == words


def test_wells_to_image_again_are_named_in_the_table_and_in_the_notes() -> None:
    run = example(["A01", "A02"], fields_per_well=2)
    run.wells[0] |= {"quality_state": "reimage", "quality_reason": "1 of 2 fields was evaluated."}
    run.wells[1] |= {"quality_state": "ok", "quality_reason": None}
    content = built(run)
    assert [well.reasons for well in content.plates[0].wells] == [("image again",), ()]
    assert content.notes == ("Image again: PLATE-7 A01: 1 of 2 fields was evaluated.",)


def test_a_run_without_a_quality_reference_says_so() -> None:
    run = example(["A01"], fields_per_well=2)
    run.wells[0] |= {"quality_state": "no_reference", "quality_reason": "none"}
    assert "monolayer quality" in built(run).notes[0]


def test_a_trained_model_is_said_and_named() -> None:
    run = example(["A01"], fields_per_well=2)
    assert "no trained model" in method_words(built(run))
    run.run["segmenter"] = {"name": "onnx", "version": "1", "weights_sha256": "5d41" * 16}
    assert "5d415d415d41" in method_words(built(run))
