"""Outlines of cells around their nuclei: drawn cases, simulated fields, real cells, bad calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from monolayer.errors import ImageError
from monolayer.segment import segment_nuclei
from monolayer.segment.cells import (
    CellOutlineSettings,
    OutlinedCells,
    check_channels,
    outline_cells,
)
from monolayer.simulate.cells.field import SimulatedCellField, simulate_cell_field
from monolayer.simulate.cells.settings import CellFieldSettings
from monolayer.simulate.settings import NucleiSettings, SimulateSettings

Labels = NDArray[np.int32]
DIAMETER = 20.0


def _disc(shape: tuple[int, int], y: float, x: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside: NDArray[np.bool_] = np.hypot(rows - y, columns - x) < radius
    return inside


def _noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(100, 4, shape)


def _drawn(
    cells: list[tuple[float, float, float, float]], shape: tuple[int, int] = (200, 300)
) -> tuple[NDArray[np.uint16], Labels, list[NDArray[np.bool_]]]:
    """Round cells of (y, x, radius, height), each with a nucleus of 20 px in its middle."""
    image, nuclei = _noise(shape), np.zeros(shape, np.int32)
    masks = []
    for k, (y, x, radius, height) in enumerate(cells):
        masks.append(_disc(shape, y, x, radius))
        image += height * ndimage.gaussian_filter(masks[-1].astype(float), 1.2)
        nuclei[_disc(shape, y, x, DIAMETER / 2)] = k + 1
    return np.round(image).astype(np.uint16), nuclei, masks


def _iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("height", [60, 400, 5_000])
def test_a_cell_by_itself_is_outlined_at_half_its_height(height: float) -> None:
    image, nuclei, masks = _drawn([(100, 100, 40, height)])
    found = outline_cells(image, nuclei, DIAMETER)
    assert _iou(found.labels == 1, masks[0]) > 0.95
    assert (found.labels == 1).sum() == pytest.approx(masks[0].sum(), rel=0.03)
    assert found.stained.tolist() == [True]
    assert found.figures["cell_area_fraction"] == (found.labels > 0).mean()


def test_a_bright_cell_takes_nothing_from_a_dim_one_apart() -> None:
    image, nuclei, masks = _drawn([(100, 70, 40, 3_000), (100, 200, 45, 100)])
    found = outline_cells(
        image, nuclei, DIAMETER, CellOutlineSettings(min_relative_brightness=0.02)
    )
    assert _iou(found.labels == 1, masks[0]) > 0.93
    assert _iou(found.labels == 2, masks[1]) > 0.93


def test_cells_meet_in_the_valley_between_them() -> None:
    shape = (160, 240)
    y, x = np.mgrid[: shape[0], : shape[1]]
    # Two humps whose valley lies at x = 120, where the first ends within the second.
    hump = np.maximum(0, 1 - np.hypot((y - 80) / 60, (x - 70) / 50)) + np.maximum(
        0, 1 - np.hypot((y - 80) / 60, (x - 170) / 70)
    )
    nuclei = np.zeros(shape, np.int32)
    nuclei[_disc(shape, 80, 70, 10)], nuclei[_disc(shape, 80, 170, 10)] = 1, 2
    image = (_noise(shape) + 2_000 * hump).astype(np.uint16)
    labels = outline_cells(image, nuclei, DIAMETER).labels
    between = labels[80, 70:170]
    assert abs(70 + int(np.argmax(between == 2)) - 120) <= 2
    assert set(np.unique(between)) == {1, 2}


def test_a_hole_in_the_stain_is_the_cells() -> None:
    image, nuclei, _ = _drawn([(100, 100, 45, 500)])
    dark = _disc(image.shape, 100, 128, 6)
    image[dark] = _noise(image.shape, 1)[dark]
    assert (outline_cells(image, nuclei, DIAMETER).labels[dark] == 1).all()


def test_a_dark_nucleus_is_the_cells_own() -> None:
    image, nuclei, masks = _drawn([(100, 100, 45, 500)])
    image[nuclei > 0] = 100
    found = outline_cells(image, nuclei, DIAMETER)
    assert _iou(found.labels == 1, masks[0]) > 0.95


def test_a_nucleus_without_a_cell_is_said_to_be_so() -> None:
    image, nuclei, _ = _drawn([(100, 100, 40, 500), (100, 240, 40, 0)])
    found = outline_cells(image, nuclei, DIAMETER)
    assert found.stained.tolist() == [True, False]
    assert np.array_equal(found.labels == 2, nuclei == 2)
    covered = found.figures["cell_area_fraction"]
    assert covered == (found.labels == 1).mean()


@pytest.mark.parametrize(
    "image", [np.zeros((60, 60), np.uint8), np.full((60, 60), 7.5, np.float32)]
)
def test_a_flat_plane_holds_no_cell(image: NDArray[Any]) -> None:
    nuclei = np.zeros((60, 60), np.int32)
    nuclei[_disc((60, 60), 30, 30, 8)] = 1
    found = outline_cells(image, nuclei, 16)
    assert found.stained.tolist() == [False]
    assert np.array_equal(found.labels, nuclei)


def test_pure_noise_holds_no_cell() -> None:
    nuclei = _drawn([(100, 100, 40, 0), (60, 220, 40, 0)])[1]
    found = outline_cells(_noise((200, 300)).astype(np.uint16), nuclei, DIAMETER)
    assert not found.stained.any()


def test_without_nuclei_there_are_no_cells() -> None:
    found = outline_cells(_noise((50, 50)), np.zeros((50, 50), np.int32), None)
    assert not found.labels.any()
    assert found.stained.shape == (0,)
    assert found.figures == {
        "cell_background_noise": None, "cell_brightness": None, "cell_area_fraction": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_the_dtype_does_not_matter(dtype: type) -> None:
    image, nuclei, _ = _drawn([(100, 90, 40, 50), (100, 160, 40, 60)])
    expected = outline_cells(image, nuclei, DIAMETER)
    found = outline_cells(np.asfortranarray(image.astype(dtype)), nuclei, DIAMETER)
    assert np.array_equal(found.labels, expected.labels)
    assert found.figures == expected.figures


def test_an_offset_does_not_matter() -> None:
    image, nuclei, _ = _drawn([(100, 90, 40, 300), (100, 160, 40, 420)])
    before, after = (outline_cells(image + add, nuclei, DIAMETER) for add in (0, 1_000))
    assert np.array_equal(before.labels, after.labels)


def test_a_quarter_turn_turns_the_outlines() -> None:
    """But for who comes first where two cells meet over equal pixels."""
    image, nuclei, _ = _drawn([(100, 60, 40, 300), (100, 150, 45, 500), (60, 250, 30, 200)])
    straight = outline_cells(image, nuclei, DIAMETER).labels
    turned = outline_cells(np.rot90(image), np.rot90(nuclei), DIAMETER).labels
    assert np.mean(np.rot90(turned, -1) != straight) < 0.004


def test_a_lamps_unevenness_does_not_matter() -> None:
    image, nuclei, masks = _drawn([(100, 100, 40, 400), (100, 220, 40, 400)])
    slope = np.linspace(0, 80, 300)[None, :]
    found = outline_cells(image + slope, nuclei, DIAMETER)
    for k, mask in enumerate(masks):
        assert _iou(found.labels == k + 1, mask) > 0.93


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            {"pixels": np.zeros((3, 4, 5))},
            ValueError,
            r"2-D and not empty, not of shape \(3, 4, 5\)",
        ),
        ({"pixels": np.zeros((9, 8))}, ValueError, r"shape \(9, 8\), but nuclei \(8, 8\)"),
        ({"pixels": np.zeros((8, 8), complex)}, TypeError, "integers or floats, not complex128"),
        ({"pixels": np.full((8, 8), np.nan)}, ImageError, "64 pixels of the cell channel are NaN"),
        ({"nuclei": np.full((8, 8), 3, np.int32)}, ValueError, "numbered 1 to 1; the last is 3"),
        ({"nucleus_diameter_px": 0.0}, ValueError, "must be above 0, not 0.0"),
    ],
)
def test_bad_calls_are_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    good: dict[str, Any] = {
        "pixels": np.zeros((8, 8)), "nuclei": np.ones((8, 8), np.int32), "nucleus_diameter_px": 4.0,
    }  # fmt: skip
    with pytest.raises(error, match=words):
        outline_cells(**(good | change))


def test_channel_figures_by_hand() -> None:
    nuclei = np.zeros((40, 40), np.int32)
    cells = nuclei.copy()
    nuclei[10:20, 10:20], cells[5:25, 5:25] = 1, 1
    nuclear, cellular = (np.full((40, 40), 100.0) for _ in range(2))
    nuclear[cells > 0], nuclear[nuclei > 0] = 110, 200
    cellular[cells > 0], cellular[nuclei > 0] = 150, 200
    found = check_channels(nuclear, cellular, nuclei, cells)
    assert found.nuclear_share == 100 / 400
    assert found.light_ratio == pytest.approx((10 / 100) / (50 / 100), rel=1e-12)
    bare = check_channels(nuclear, cellular, nuclei, nuclei)
    assert (bare.nuclear_share, bare.light_ratio) == (1.0, None)
    none = check_channels(nuclear, cellular, cells * 0, cells * 0)
    assert (none.nuclear_share, none.light_ratio) == (None, None)
    assert check_channels(nuclear, cellular * 0, nuclei, cells).light_ratio is None


def _simulated(density: float, index: int) -> SimulatedCellField:
    nuclei = SimulateSettings(
        height_px=768,
        width_px=768,
        nuclei=NucleiSettings(density_cells_per_cm2=density, touching_fraction=0.08),
    )
    return simulate_cell_field(CellFieldSettings(nuclei=nuclei), seed=31, index=index)


def _matches(field: SimulatedCellField, nuclei: Labels, found: OutlinedCells) -> list[float]:
    """Overlap of each true cell clear of the border with the one grown from its nucleus."""
    overlaps = []
    for label in field.truth["label"][~field.truth["touches_border"]]:
        owners = nuclei[(field.nucleus_labels == label) & (nuclei > 0)]
        if owners.size:
            cell = found.labels == np.bincount(owners).argmax()
            overlaps.append(_iou(cell, field.labels == label))
    return overlaps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("density", "fields", "overlap", "found_share"),
    [(5_000, 3, 0.8, 0.9), (20_000, 2, 0.78, 0.9), (60_000, 1, 0.65, 0.78)],
)
def test_simulated_cells(density: float, fields: int, overlap: float, found_share: float) -> None:
    """From nuclei found in the nuclear channel; no real truth exists, and none is claimed."""
    overlaps: list[float] = []
    covered = []
    for index in range(fields):
        field = _simulated(density, index)
        nuclei = segment_nuclei(field.nuclei.pixels)
        found = outline_cells(field.pixels, nuclei.labels, nuclei.diameter_px)
        overlaps += _matches(field, nuclei.labels, found)
        covered.append((found.labels > 0).mean() / (field.labels > 0).mean())
    assert np.mean(overlaps) > overlap
    assert np.mean(np.array(overlaps) > 0.5) > found_share
    assert np.mean(covered) == pytest.approx(1.0, abs=0.05)


@pytest.mark.data
def test_real_cells(data_folder: Path) -> None:
    """Cells of CellProfiler's ExampleHuman: all nuclei within cells, and some known by eye."""
    stem = data_folder / "readers/cellprofiler_examplehuman/AS_09125_050116030001_D03f00d"
    dna, body = (tifffile.imread(f"{stem}{channel}.tif") for channel in (0, 2))
    nuclei = segment_nuclei(dna)
    found = outline_cells(body, nuclei.labels, nuclei.diameter_px)
    assert found.stained.mean() > 0.99
    assert np.array_equal(found.labels[nuclei.labels > 0], nuclei.labels[nuclei.labels > 0])
    assert found.figures["cell_area_fraction"] == pytest.approx(0.56, abs=0.04)
    # A wide cell by itself, about 48 x 46 px, brighter at its rim than in its middle.
    alone = found.labels == found.labels[121, 285]
    assert 1_500 < alone.sum() < 1_900
    # The bare corner between the colonies.
    assert not found.labels[185:250, 20:180].any()
