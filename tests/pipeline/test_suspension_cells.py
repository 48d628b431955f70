"""Cells in suspension found in simulated chambers and in images drawn for the purpose."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.evaluate.suspension import Box, pool_suspension, score_suspension
from monolayer.segment.suspension import (
    ChamberPlane,
    Suspension,
    SuspensionSettings,
    segment_suspension,
)
from monolayer.simulate import (
    ChamberFieldSettings,
    SimulatedChamberField,
    simulate_chamber_field,
)

FIELD = ChamberFieldSettings(height_px=500, width_px=600, viability=0.75)


def centres(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    numbers = range(1, int(labels.max()) + 1)
    return np.array([np.argwhere(labels == k).mean(axis=0) for k in numbers]).reshape(-1, 2)


def score(simulated: SimulatedChamberField, found: Suspension) -> dict[str, Any]:
    """Boxes of the cells of which two fifths are seen: of a sliver nobody could tell what it is."""
    truth = simulated.truth
    seen = np.bincount(simulated.labels.ravel(), minlength=len(truth["label"]) + 1)[1:]
    boxes = [
        Box(x - d / 2, y - d / 2, x + d / 2, y + d / 2, bool(live))
        for y, x, d, live, area in zip(
            *(truth[n] for n in ("y_px", "x_px", "diameter_px", "live")), seen, strict=True
        )
        if area > 0.4 * np.pi * d * d / 4
    ]
    return {"dataset": "", **score_suspension(boxes, centres(found.labels), found.live)}


def pooled(
    settings: ChamberFieldSettings,
    method: SuspensionSettings,
    size: float | None = None,
    n: int = 3,
) -> dict[str, Any]:
    rows = []
    for index in range(n):
        simulated = simulate_chamber_field(settings, 11, index)
        rows.append(score(simulated, segment_suspension(simulated.pixels, method, size)))
    return pool_suspension(rows)[0]


@pytest.mark.parametrize("mode", ["refractile", "trypan_blue"])
@pytest.mark.parametrize("grid", [True, False])
def test_simulated_chambers(mode: Any, grid: bool) -> None:
    found = pooled(
        FIELD.model_copy(update={"stain": mode, "grid": grid}), SuspensionSettings(mode=mode)
    )
    assert found["n_true_live"] + found["n_true_dead"] >= 50
    assert found["f1_centre"] >= 0.95
    assert found["f1_centre_class"] >= 0.94
    assert abs(found["viability_error_points"]) <= 3


@pytest.mark.parametrize("viability", [1.0, 0.0])
@pytest.mark.parametrize("mode", ["refractile", "trypan_blue"])
def test_all_alive_and_all_dead(mode: Any, viability: float) -> None:
    """No threshold is taken from the image, so that one kind alone is not split in two."""
    settings = FIELD.model_copy(update={"stain": mode, "viability": viability, "grid": False})
    found = pooled(settings, SuspensionSettings(mode=mode), n=2)
    assert found["viability"] == pytest.approx(viability, abs=0.06)


@pytest.mark.parametrize("diameter_um", [9, 18, 26])
def test_the_size_is_found_and_told(diameter_um: float) -> None:
    settings = FIELD.model_copy(
        update={"diameter_um": diameter_um, "height_px": 600, "width_px": 600, "clumped": 0.05}
    )
    told = SuspensionSettings(expected_diameter_um=diameter_um)
    assert pooled(settings, told, 0.65, n=1)["f1_centre"] >= 0.92
    assert pooled(settings, SuspensionSettings(), n=1)["f1_centre"] >= 0.92


def test_a_clump_is_parted_and_a_lone_cell_is_not() -> None:
    simulated = simulate_chamber_field(
        FIELD.model_copy(update={"clumped": 0.6, "grid": False, "specks_per_mm2": 0}), 4
    )
    truth, found = simulated.truth, segment_suspension(simulated.pixels)
    for clump in (True, False):
        chosen = (truth["in_clump"] == clump) & truth["inside"]
        places = np.column_stack([truth["y_px"], truth["x_px"]])[chosen].round().astype(int)
        owners = found.labels[places[:, 0].clip(0, 499), places[:, 1].clip(0, 599)]
        assert len(np.unique(owners[owners > 0])) >= 0.85 * chosen.sum()
    assert score(simulated, found)["n_matched"] >= 0.95 * len(found.scores)


def test_a_grid_alone_is_no_cell() -> None:
    empty = {"concentration_cells_per_ml": 0, "specks_per_mm2": 0, "shadows_per_mm2": 0}
    for index in range(4):
        settings = FIELD.model_copy(update=empty | {"grid_spacing_um": 40.0 + 45 * index})
        found = segment_suspension(simulate_chamber_field(settings, 2, index).pixels)
        assert not found.labels.any()
        assert found.scores.size == found.live.size == 0


def test_specks_and_shadows_are_no_cells() -> None:
    dirt = {"concentration_cells_per_ml": 0, "specks_per_mm2": 300, "shadows_per_mm2": 60}
    pixels = simulate_chamber_field(FIELD.model_copy(update=dirt), 2).pixels
    assert segment_suspension(pixels).scores.size <= 2


def test_an_even_image_holds_nothing() -> None:
    assert segment_suspension(np.full((100, 120), 90, np.uint8)).labels.max() == 0
    assert segment_suspension(np.full((1, 1), 90, np.uint8)).labels.shape == (1, 1)


def test_numbers_do_not_depend_on_how_pixels_are_stored() -> None:
    pixels = simulate_chamber_field(FIELD, 6).pixels
    first = segment_suspension(pixels)
    assert first.scores.size > 10
    wide = np.zeros((1000, 1200), np.uint8)
    wide[::2, ::2] = pixels
    for same in (
        pixels.astype(np.uint16),
        pixels.astype(np.float64),
        np.asfortranarray(pixels),
        pixels.astype(">u2"),
        wide[::2, ::2],
    ):
        again = segment_suspension(same)
        np.testing.assert_array_equal(again.labels, first.labels)
        np.testing.assert_array_equal(again.scores, first.scores)
        np.testing.assert_array_equal(again.live, first.live)


def test_lamp_and_exposure_do_not_matter() -> None:
    """Relative contrast: a power of two changes no rounding, so the result is the same."""
    pixels = simulate_chamber_field(FIELD, 6).pixels
    first = segment_suspension(pixels)
    brighter = segment_suspension(pixels.astype(np.uint16) * 128)
    np.testing.assert_array_equal(brighter.labels, first.labels)
    np.testing.assert_array_equal(brighter.scores, first.scores)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_chamber_has_the_same_cells(turns: int) -> None:
    pixels = simulate_chamber_field(FIELD, 8).pixels
    first, turned = (segment_suspension(np.rot90(pixels, k)) for k in (0, turns))
    assert first.scores.size == turned.scores.size
    assert first.live.sum() == turned.live.sum()


def test_labels_are_numbered_by_their_first_pixels_and_belong_to_the_scores() -> None:
    found = segment_suspension(simulate_chamber_field(FIELD, 9).pixels)
    values, first = np.unique(found.labels, return_index=True)
    assert values.tolist() == list(range(len(found.scores) + 1))
    assert (np.diff(first[1:]) > 0).all()
    strict = SuspensionSettings(min_score=0.9)
    kept = segment_suspension(simulate_chamber_field(FIELD, 9).pixels, strict)
    assert kept.scores.tolist() == found.scores[found.scores >= 0.9].tolist()


def test_the_settings_of_the_class() -> None:
    pixels = simulate_chamber_field(FIELD, 9).pixels
    loose = segment_suspension(pixels, SuspensionSettings(min_live_probability=0))
    assert loose.live.all()
    dyed = SuspensionSettings(mode="trypan_blue", max_dye_contrast=0)
    found = segment_suspension(pixels, dyed)
    np.testing.assert_array_equal(found.live, found.centre_contrasts >= 0)


def test_binned_labels_lie_on_the_cells() -> None:
    settings = FIELD.model_copy(
        update={"diameter_um": 40, "height_px": 701, "width_px": 803, "clumped": 0, "grid": False,
                "concentration_cells_per_ml": 4e5}
    )  # fmt: skip
    simulated = simulate_chamber_field(settings, 3)
    found = segment_suspension(simulated.pixels, SuspensionSettings(expected_diameter_um=40), 0.65)
    assert found.labels.shape == (701, 803)
    both = np.count_nonzero((found.labels > 0) & (simulated.labels > 0))
    either = np.count_nonzero((found.labels > 0) | (simulated.labels > 0))
    assert both / either > 0.8


@pytest.mark.parametrize(
    ("pixels", "error", "words"),
    [
        (np.zeros((2, 3, 4)), ValueError, r"shape \(2, 3, 4\)"),
        (np.zeros((0, 4)), ValueError, r"shape \(0, 4\)"),
        (np.zeros((4, 4), complex), TypeError, "complex128"),
        (np.full((4, 4), np.nan), ImageError, "16 pixels are NaN"),
        (np.zeros((40, 40), np.uint8), ImageError, "background is 0 or below"),
        (np.full((40, 40), -3.0), ImageError, "background is 0 or below"),
    ],
)
def test_bad_images(pixels: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        segment_suspension(pixels)


def test_a_size_in_um_needs_the_pixel_size() -> None:
    with pytest.raises(ImageError, match="pixel size is unknown; give --pixel-size-um"):
        segment_suspension(np.ones((40, 40)), SuspensionSettings(expected_diameter_um=12))


def test_a_plane_that_was_seen_before_gives_what_a_new_one_gives() -> None:
    """Settings back and forth, more scales than a plane keeps: never another result."""
    simulated = simulate_chamber_field(FIELD, 7)
    plane = ChamberPlane(simulated.pixels)
    told = [SuspensionSettings(expected_diameter_um=um) for um in range(9, 20)]
    others = [SuspensionSettings(min_score=score) for score in (0.1, 0.4, 0.8)]
    for settings in (*others, *told[::2], *others, SuspensionSettings(min_live_probability=0.9)):
        size = FIELD.pixel_size_um
        known = plane.segment(settings, size)
        new = segment_suspension(simulated.pixels, settings, size)
        for name in ("labels", "scores", "live", "live_probabilities", "centre_contrasts"):
            np.testing.assert_array_equal(getattr(known, name), getattr(new, name))
        assert known.diameter_px == new.diameter_px
