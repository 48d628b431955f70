"""Confluence from the images of its assay to the rows of wells and plates, and its scores."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monolayer.assays import assay_of
from monolayer.engine.work import process_field
from monolayer.errors import ConfigError
from monolayer.evaluate.confluence import pool_confluence, score_confluence, spearman
from monolayer.evaluate.manifest import read_mask
from monolayer.field import Field, FieldImage, Plane
from monolayer.method import Method
from monolayer.segment.cover import ConfluenceSettings, CoverCalibration
from monolayer.summarise.confluence import (
    confluence_field_columns,
    confluence_plate_columns,
    confluence_well_columns,
    summarise_confluence_field,
    summarise_confluence_plate,
    summarise_confluence_well,
)
from monolayer.summarise.settings import SummariseSettings

SETTINGS = SummariseSettings()
CALIBRATION = CoverCalibration(
    version="T98G 3",
    cell_area_um2=2_000,
    n_fields=10,
    rmse_cells_per_cm2=1_500,
    confluence_low=0.1,
    confluence_high=0.8,
)
METHOD = Method(assay="confluence")
ASSAY = assay_of(METHOD)


def field_row(
    confluence: float | None, state: str = "ok", more: dict[str, Any] | None = None
) -> dict[str, Any]:
    row = dict.fromkeys(name for name, _ in confluence_field_columns(("wall",)))
    method = "none: no calibration"
    figures = {"confluence": confluence, "usable_fraction": 1.0}
    return {**row, "state": state, "indirect_density_cells_per_cm2_ci_method": method} | (
        figures | (more or {}) if state == "ok" else {}
    )


def test_w20_a_vessels_confluence_and_its_lower_bound() -> None:
    points = [62, 70, 75, 58, 68, 72, 80, 65, 71, 69]
    well = summarise_confluence_well([field_row(p / 100) for p in points], SETTINGS)
    assert well["confluence"] == pytest.approx(0.690, abs=5e-9)
    assert well["confluence_sd"] == pytest.approx(0.06306963, abs=5e-9)
    assert well["confluence_cv"] == pytest.approx(0.06306963 / 0.69, abs=5e-8)
    assert well["confluence_ci_low"] == pytest.approx(0.6448827, abs=5e-8)
    assert well["confluence_ci_high"] == pytest.approx(0.7351173, abs=5e-8)
    assert well["confluence_lower_bound"] == pytest.approx(0.6534397, abs=5e-8)
    assert well["confluence_lower_bound_method"] == "t, one-sided lower"
    assert (well["confluence_min"], well["confluence_q05"]) == (0.58, 0.58)


def test_the_lowest_twentieth_is_a_field_that_was_seen() -> None:
    rows = [field_row(k / 100) for k in range(1, 41)]
    assert summarise_confluence_well(rows, SETTINGS)["confluence_q05"] == 0.02
    assert summarise_confluence_well(rows[:20], SETTINGS)["confluence_q05"] == 0.01
    assert summarise_confluence_well(rows[:21], SETTINGS)["confluence_q05"] == 0.02


@pytest.mark.parametrize(
    ("rows", "method"),
    [
        ([], "none: unknown"),
        ([field_row(None, "not_evaluable")] * 3, "none: unknown"),
        ([field_row(0.4)], "none: one field"),
        ([field_row(0.4), field_row(0.4)], "none: fields without spread"),
    ],
)
def test_no_bound_without_spread_and_null_is_not_zero(rows: list[Any], method: str) -> None:
    well = summarise_confluence_well(rows, SETTINGS)
    assert well["confluence_lower_bound"] is None
    assert well["confluence_lower_bound_method"] == method
    assert well["confluence_ci_low"] is None
    assert well["confluence"] == (0.4 if any(r["state"] == "ok" for r in rows) else None)


def test_bounds_stay_within_a_share() -> None:
    well = summarise_confluence_well([field_row(0.02), field_row(0.9)], SETTINGS)
    assert (well["confluence_ci_low"], well["confluence_ci_high"]) == (0.0, 1.0)
    assert well["confluence_lower_bound"] == 0.0


def test_field_figures_by_hand() -> None:
    row = summarise_confluence_field(
        3_000, 9_000, (100, 100), {"wall": 0.1}, 2.0, CALIBRATION, SETTINGS, n_bodies=18
    )
    assert row["confluence"] == pytest.approx(1 / 3)
    assert (row["usable_fraction"], row["unusable_wall_fraction"]) == (0.9, 0.1)
    assert (row["covered_area_px"], row["covered_area_um2"]) == (3_000, 12_000.0)
    assert row["usable_area_cm2"] == pytest.approx(3.6e-4)
    assert row["indirect_density_cells_per_cm2"] == pytest.approx(-math.log(2 / 3) / 2e-5)
    assert row["n_bodies"] == 18
    assert row["body_density_cells_per_cm2"] == pytest.approx(50_000)
    assert [name for name, _ in confluence_field_columns(("wall",))] == list(row)


def test_unknown_pixel_size_gives_null_and_not_pixels_for_um() -> None:
    row = summarise_confluence_field(10, 100, (10, 10), {"wall": 0.0}, None, None, SETTINGS)
    assert (row["covered_area_px"], row["covered_area_um2"], row["usable_area_cm2"]) == (
        10,
        None,
        None,
    )
    assert row["indirect_density_cells_per_cm2"] is None
    assert row["indirect_density_cells_per_cm2_ci_method"] == "none: no calibration"
    assert (row["n_bodies"], row["body_density_cells_per_cm2"]) == (None, None)


def test_nothing_usable_has_no_confluence() -> None:
    row = summarise_confluence_field(0, 0, (10, 10), {"wall": 1.0}, 0.65, CALIBRATION, SETTINGS)
    assert row["confluence"] is None
    assert row["indirect_density_cells_per_cm2_ci_method"] == "none: no usable area"
    with pytest.raises(ValueError, match="11 covered of 10 usable"):
        summarise_confluence_field(11, 10, (10, 10), {}, 0.65, None, SETTINGS)


def test_a_well_with_a_field_beyond_the_calibration_has_no_density() -> None:
    name = "indirect_density_cells_per_cm2"
    beyond = f"confluence outside the calibrated {0.1} to {0.8}"
    rows = [
        field_row(0.5, more={name: 3e4}),
        field_row(0.9, more={f"{name}_ci_method": f"none: {beyond}"}),
    ]
    well = summarise_confluence_well(rows, SETTINGS)
    assert well[name] is None
    assert well[f"{name}_ci_method"] == f"none: 1 of 2 fields: {beyond}"
    within = summarise_confluence_well([rows[0], field_row(0.6, more={name: 4e4})], SETTINGS)
    assert within[name] == 3.5e4


def test_plates_are_means_over_wells() -> None:
    def well(name: str, points: list[float]) -> dict[str, Any]:
        rows = [field_row(p) for p in points]
        return {
            "well": name,
            "n_fields_ok": len(rows),
            **summarise_confluence_well(rows, SETTINGS),
        }

    plate = summarise_confluence_plate([well("A01", [0.2, 0.4]), well("A02", [0.5])], SETTINGS)
    assert plate["confluence"] == pytest.approx(0.4)
    assert plate["confluence_min"] == 0.2
    assert plate["confluence_ci_method"] == "t between wells"
    assert list(plate) == [name for name, _ in confluence_plate_columns()]
    lone = well("", [0.2, 0.4])
    alone = summarise_confluence_plate([lone], SETTINGS)
    assert alone["confluence_ci_method"] == "t between fields"
    assert list(lone)[2:] == [name for name, _ in confluence_well_columns()]


def test_the_channel_is_chosen_by_name_or_asked_for() -> None:
    assert ASSAY.roles(["ch1"], METHOD) == {"cells": "ch1"}
    assert ASSAY.roles(["DAPI", "Phase"], METHOD) == {"cells": "Phase"}
    assert ASSAY.roles(["w1", "BF"], METHOD) == {"cells": "BF"}
    shining = METHOD.model_copy(update={"confluence": ConfluenceSettings(source="fluorescence")})
    assert ASSAY.roles(["DAPI", "Calcein"], shining) == {"cells": "Calcein"}
    with pytest.raises(ConfigError, match=r"found \(w1, w2\).*--channel"):
        ASSAY.roles(["w2", "w1"], METHOD)
    asked = METHOD.with_options(None, "w2")
    assert ASSAY.roles(["w2", "w1"], asked) == {"cells": "w2"}
    with pytest.raises(ConfigError, match="'w2' is not among"):
        ASSAY.roles(["w1"], asked)


def cells_image(seed: int = 3) -> Any:
    """Ragged dark patches on a quiet surface."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    image = rng.normal(1000, 8, (256, 256))
    for cy, cx in ((60, 70), (170, 150), (90, 200)):
        inside = np.hypot(y - cy, x - cx) < 30
        image[inside] += rng.normal(-60, 120, int(inside.sum()))
    return np.clip(image, 0, 65535).astype(np.uint16)


def test_every_column_is_filled_and_named() -> None:
    image = FieldImage({"Phase": cells_image()}, 0.65)
    found = ASSAY.evaluate(image, {"cells": "Phase"}, METHOD)
    assert [name for name, _ in ASSAY.field_columns(["Phase"], METHOD)] == list(found.row)
    assert found.labels is not None
    assert found.labels.dtype == np.int32
    assert set(np.unique(found.labels)) == {0, 1}
    assert found.row["covered_area_px"] == np.count_nonzero(found.labels == 1)
    assert found.problem is None
    row = {**found.row, "state": "ok"}
    well = ASSAY.summarise_well([row], {}, METHOD)
    assert [name for name, _ in ASSAY.well_columns(["Phase"], METHOD)] == list(well)
    leads = ASSAY.presentation(METHOD).leads
    assert all(lead.column in well for lead in leads)
    assert ASSAY.presentation(METHOD).caveats


def test_a_calibrated_method_names_its_calibration() -> None:
    settings = ConfluenceSettings(calibration=CALIBRATION)
    method = METHOD.model_copy(update={"confluence": settings})
    found = ASSAY.evaluate(FieldImage({"Phase": cells_image()}, 0.65), {"cells": "Phase"}, method)
    assert found.row["calibration_version"] == "T98G 3"
    assert found.row["indirect_density_cells_per_cm2"] is not None
    (caveat,) = ASSAY.presentation(method).caveats
    assert "bodies" in caveat
    assert len(ASSAY.presentation(METHOD).caveats) == 2
    with pytest.raises(ValueError, match="must lie below"):
        CoverCalibration(**(CALIBRATION.model_dump() | {"confluence_low": 0.9}))


def test_a_field_that_is_mostly_wall_is_not_evaluable() -> None:
    settings = ConfluenceSettings(min_usable_fraction=0.9)
    method = METHOD.model_copy(update={"confluence": settings})
    pixels = cells_image()
    rough = np.random.default_rng(5).integers(100, 900, (16, 64))
    pixels[:64] = rough.repeat(4, axis=0).repeat(4, axis=1)
    image = FieldImage({"Phase": pixels}, 0.65)
    found = ASSAY.evaluate(image, {"cells": "Phase"}, method)
    assert found.problem is not None
    assert found.problem[0] == "no_usable_area"
    assert 0.2 <= found.row["unusable_wall_fraction"] <= 0.4  # type: ignore[operator]


def test_scores_by_hand() -> None:
    truth = np.zeros((10, 10), np.uint16)
    truth[:4, :5], truth[4:, 5:] = 3, 7
    labels = np.zeros((10, 10), np.int32)
    labels[:4, :6], labels[9] = 1, 2
    score = score_confluence(truth, labels)
    assert score["true_confluence"] == 0.5
    assert score["true_usable_confluence"] == pytest.approx(45 / 90)
    assert score["confluence"] == pytest.approx(24 / 90)
    assert score["error_points"] == pytest.approx(-100 * 21 / 90)
    assert score["error_whole_points"] == pytest.approx(100 * (24 / 90 - 0.5))
    assert score["cover_iou"] == pytest.approx(20 / 49)
    assert score["usable_fraction"] == 0.9
    assert score_confluence(truth, None)["confluence"] is None
    assert score_confluence(np.zeros((2, 2)), np.full((2, 2), 2))["error_points"] is None
    with pytest.raises(ValueError, match=r"\(10, 10\).*\(9, 10\)"):
        score_confluence(truth, labels[:9])


def test_rank_correlation() -> None:
    assert spearman([1, 2, 3], [10, 20, 21]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # Ties share their mean rank: 1.5, 1.5, 3 against 1, 2, 3 gives 1.5 / sqrt(1.5 x 2).
    assert spearman([1, 1, 2], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))
    assert spearman([1, 1], [1, 2]) is None
    with pytest.raises(ValueError, match="cannot be paired"):
        spearman([1], [1, 2])


def test_pooled_over_each_dataset() -> None:
    rows = [
        {"dataset": "a", **score_confluence(np.eye(4), labels)}
        for labels in (np.eye(4, dtype=np.int32), np.ones((4, 4), np.int32), None)
    ]
    (pooled,) = pool_confluence(rows)
    assert (pooled["n_images"], pooled["n_failed"]) == (3, 1)
    assert pooled["mean_absolute_error_points"] == pytest.approx(37.5)
    assert pooled["largest_error_points"] == pytest.approx(75)
    assert pooled["mean_cover_iou"] == pytest.approx((1 + 0.25) / 2)
    assert pool_confluence([{"dataset": "b", "error_points": None}])[0]["spearman"] is None


@pytest.mark.data
def test_annotated_phase_contrast(data_folder: Path) -> None:
    """Reached: mean absolute error 1.4 points, largest 3.5, rank correlation 0.93.

    Cell bodies: median absolute error 7 %, mean 13 %: a third too few in the four fields of
    thin spindle-shaped cells.
    """
    folder = data_folder / "phase" / "usiigaci"
    rows, count_errors = [], []
    for path in sorted((folder / "images").glob("*.tif")):
        field = Field("usiigaci", "", path.stem, "", {"image": (Plane(path.name),)})
        found = process_field(field, path.parent, METHOD)
        truth = read_mask(folder / "masks" / f"{path.stem}.png")
        rows.append({"dataset": "usiigaci", **score_confluence(truth, found.labels)})
        assert found.labels is not None
        n_true = np.unique(truth[(truth > 0) & (found.labels != 2)]).size
        count_errors.append(abs(found.row["n_bodies"] - n_true) / n_true)
    (pooled,) = pool_confluence(rows)
    assert pooled["n_images"] == 12
    assert pooled["mean_absolute_error_points"] <= 1.8
    assert pooled["largest_error_points"] <= 4.2
    assert pooled["spearman"] >= 0.9
    assert np.median(count_errors) <= 0.08
    assert np.mean(count_errors) <= 0.15
    walls = [row["usable_fraction"] < 1 for row in rows]
    assert [i for i, wall in enumerate(walls) if wall] == [1, 10]


@pytest.mark.parametrize("shape", [(16, 16), (63, 400), (400, 63)])
def test_an_image_too_small_to_tell_noise_from_cells_is_refused(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).poisson(500, shape).astype(np.uint16)
    method = Method.model_validate({"assay": "confluence"})
    found = ASSAY.evaluate(FieldImage({"phase": pixels}), {"cells": "phase"}, method)
    assert found.problem is not None
    assert found.problem[0] == "too_small"


@pytest.mark.parametrize("shape", [(64, 64), (64, 3000), (300, 300)])
@pytest.mark.parametrize("size", [None, 0.3, 0.65, 1.3])
def test_noise_alone_is_bare(shape: tuple[int, int], size: float | None) -> None:
    pixels = np.random.default_rng(0).poisson(500, shape).astype(np.uint16)
    method = Method.model_validate({"assay": "confluence"})
    found = ASSAY.evaluate(FieldImage({"phase": pixels}, size), {"cells": "phase"}, method)
    assert found.problem is None
    assert found.row["confluence"] == 0
