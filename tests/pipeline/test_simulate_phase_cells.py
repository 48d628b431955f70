"""What a simulated phase-contrast field is made of: cells, places, layers, optics, realism."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from monolayer.simulate import (
    AdherentSettings,
    PhaseOpticsSettings,
    PhaseSettings,
    simulate_phase_field,
)
from monolayer.simulate.draws import Draws
from monolayer.simulate.phase.cells import AdherentCell, draw_adherent, paint_cell, squeezed
from monolayer.simulate.phase.layer import lay_cells
from monolayer.simulate.phase.optics import phase_contrast, phase_delay
from monolayer.simulate.phase.place import (
    Floor,
    area_of_coverage,
    coverage_of_area,
    outline_noise,
    place_adherent,
)

PIXEL = 0.65
SMOOTH = np.ones((512, 512))


def cells(n: int, **settings: float) -> list[AdherentCell]:
    chosen = AdherentSettings(rounded_fraction=0).model_copy(update=settings)
    draws = Draws(11, 0)
    return [draw_adherent(chosen, draws, PIXEL, draws.angle()) for _ in range(n)]


def moment_aspect(mask: NDArray[np.bool_]) -> float:
    covariance = np.cov(np.nonzero(mask))
    low, high = np.linalg.eigvalsh(covariance)
    return math.sqrt(high / low)


def test_cells_have_the_area_and_the_aspect_ratio_asked_for() -> None:
    spindles = cells(150, stellate_fraction=0.0, flat_fraction=0.0)
    masks = [paint_cell(cell, SMOOTH, PIXEL).inside for cell in spindles]
    areas = [PIXEL**2 * int(mask.sum()) for mask in masks]
    assert np.median(areas) == pytest.approx(2_000, rel=0.1)
    assert np.std(areas) / np.mean(areas) == pytest.approx(0.35, abs=0.08)
    aspects = [moment_aspect(mask) for mask in masks]
    assert 3 < np.median(aspects) < 6
    flat = cells(60, stellate_fraction=0.0, flat_fraction=1.0)
    flat_masks = [paint_cell(cell, SMOOTH, PIXEL).inside for cell in flat]
    assert np.median([moment_aspect(mask) for mask in flat_masks]) < 2


def test_thickness_adds_up_to_the_volume() -> None:
    for cell in cells(10):
        sprite = paint_cell(cell, SMOOTH, PIXEL)
        assert sprite.thickness_um.sum() * PIXEL**2 == pytest.approx(cell.volume_um3)
        assert (sprite.thickness_um[~sprite.inside] == 0).all()


@pytest.mark.parametrize("turn", [0.0, 0.7, 2.0, 4.5])
def test_no_cell_reaches_the_edge_of_its_box(turn: float) -> None:
    ragged = outline_noise(Draws(2, 0), PIXEL)
    for cell in cells(40):
        inside = paint_cell(replace(cell, angle=cell.angle + turn), ragged, PIXEL).inside
        assert not inside[[0, -1]].any()
        assert not inside[:, [0, -1]].any()
        assert inside.sum() > 0.2 * cell.nucleus.major * cell.nucleus.minor


def test_a_quarter_turn_turns_the_cell() -> None:
    for cell in cells(10):
        here = paint_cell(replace(cell, angle=0.3), SMOOTH, PIXEL).inside
        turned = paint_cell(replace(cell, angle=0.3 + math.pi / 2), SMOOTH, PIXEL).inside
        # y points down: from x to y is a turn to the right on the screen.
        same = np.count_nonzero(crop(np.rot90(here, -1)) != crop(turned))
        assert same <= 0.01 * here.sum()


def crop(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = np.nonzero(mask)
    out = np.zeros((600, 600), bool)
    part = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def test_coarse_steps_are_pixels_of_the_whole() -> None:
    ragged = outline_noise(Draws(2, 0), PIXEL)
    for cell in cells(10):
        whole, coarse = (paint_cell(cell, ragged, PIXEL, step) for step in (1, 3))
        for i, j in np.ndindex(coarse.inside.shape):
            y, x = 3 * (coarse.top + i) - whole.top, 3 * (coarse.left + j) - whole.left
            if 0 <= y < whole.inside.shape[0] and 0 <= x < whole.inside.shape[1]:
                assert coarse.inside[i, j] == whole.inside[y, x]


def test_a_squeezed_cell_has_that_share_of_its_area() -> None:
    for cell in cells(10):
        before, after = (
            int(paint_cell(c, SMOOTH, PIXEL).inside.sum()) for c in (cell, squeezed(cell, 0.6))
        )
        assert after == pytest.approx(0.6 * before, rel=0.03)


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.6, 0.9, 1.0])
def test_coverage_lies_between_no_overlap_and_random_overlap(ratio: float) -> None:
    # domain: C = 1 - exp(-x) under random placement, C = x without overlap (W6: 0.40 -> 0.32968).
    coverage = coverage_of_area(ratio)
    assert 1 - math.exp(-ratio) < coverage <= min(1, ratio)
    assert area_of_coverage(coverage) == pytest.approx(ratio)


def test_what_leaves_the_floor_was_never_there() -> None:
    floor, ragged = Floor((300, 300)), outline_noise(Draws(2, 0), PIXEL)
    one, other = (paint_cell(cell, ragged, PIXEL, 3) for cell in cells(2))
    assert floor.crowding(one, 50, 50) == 0
    floor.take(other, 50, 52)
    covered, crowding = floor.covered, floor.crowding(one, 50, 50)
    assert crowding > 0
    floor.take(one, 50, 50)
    floor.leave(one, 50, 50)
    assert (floor.covered, floor.crowding(one, 50, 50)) == (covered, crowding)
    floor.leave(other, 50, 52)
    assert (floor.covered, floor.crowding(one, 50, 50)) == (0, 0)


def _layer(confluence_pct: float) -> tuple[list[AdherentCell], NDArray[np.float64]]:
    draws = Draws(4, 0)
    ragged = outline_noise(draws, PIXEL)
    settings = AdherentSettings(confluence_pct=confluence_pct)
    return place_adherent(settings, draws, ragged, PIXEL, (720, 720)), ragged


def test_contact_inhibited_cells_overlap_little_and_keep_their_nuclei_apart() -> None:
    placed, ragged = _layer(60)
    area = sum(int(paint_cell(cell, ragged, PIXEL).inside.sum()) for cell in placed)
    union = np.count_nonzero(lay_cells(placed, ragged, PIXEL, (1400, 1400), 0).labels[:720, :720])
    # Random placement of so much cell would cover 1 - exp(-x), and 20 % or more would overlap.
    assert union / 720**2 == pytest.approx(0.6, abs=0.03)
    assert area / 720**2 < 0.9
    distances = [
        math.hypot(one.y - other.y, one.x - other.x)
        for k, one in enumerate(placed)
        for other in placed[:k]
    ]
    assert np.mean(np.array(distances) < 12 / PIXEL) < 0.01 / len(placed) * 20


def test_spreading_reaches_the_target_exactly_and_leaves_no_cell_out() -> None:
    placed, ragged = _layer(80)
    layer = lay_cells(placed, ragged, PIXEL, (720, 720), 0.93)
    assert np.count_nonzero(layer.labels) / 720**2 == pytest.approx(0.93, abs=0.005)
    assert (layer.thickness_um[layer.labels == 0] == 0).mean() > 0.99
    assert len(np.unique(layer.labels)) - 1 >= 0.9 * len(placed)


def test_a_layer_lies_where_its_cells_lie() -> None:
    cell = cells(1)[0].placed(200.0, 180.0)
    layer = lay_cells([cell], SMOOTH, PIXEL, (400, 400), 0)
    sprite = paint_cell(cell, SMOOTH, PIXEL)
    assert np.count_nonzero(layer.labels) == np.count_nonzero(sprite.inside)
    assert layer.nucleus[200, 180] < 0.1


def test_no_cell_no_contrast() -> None:
    flat = phase_contrast(PhaseOpticsSettings(), np.full((64, 80), 0.7))
    np.testing.assert_allclose(flat, 1, atol=1e-12)


@pytest.mark.parametrize("waves", [2, 5, 12])
def test_weak_objects_have_the_contrast_of_the_formula(waves: int) -> None:
    """To first order a delay a cos(2 pi f x) gives 1 - 2 a lens(f) (1 - ring(f)) / t cos."""
    settings, n, weak = PhaseOpticsSettings(), 240, 1e-4
    f = waves / (n * settings.pixel_size_um)
    wave = np.cos(2 * math.pi * waves * np.arange(n) / n)
    intensity = phase_contrast(settings, np.tile(weak * wave, (16, 1)))

    def low_pass(sigma_um: float) -> float:
        return math.exp(-2 * (math.pi * sigma_um * f) ** 2)

    share = settings.wide_halo_share
    ring = (1 - share) * low_pass(settings.halo_um) + share * low_pass(settings.wide_halo_um)
    lens = low_pass(0.21 * 0.55 / settings.numerical_aperture)
    expected = 2 * weak * lens * (1 - ring) / settings.ring_transmission
    np.testing.assert_allclose(intensity - 1, np.tile(-expected * wave, (16, 1)), atol=2e-7)


def test_a_cell_is_dark_in_a_bright_halo() -> None:
    y, x = np.mgrid[-64:64, -64:64] * PIXEL
    ball = np.sqrt(np.maximum(1 - (y**2 + x**2) / 8**2, 0))
    settings = PhaseOpticsSettings()
    intensity = phase_contrast(settings, phase_delay(settings, 2 * ball))
    assert intensity[64, 64] < 0.8
    assert intensity[64, 64 + round(9.5 / PIXEL)] > 1.05
    assert intensity[64, 64 + round(35 / PIXEL)] == pytest.approx(1, abs=0.02)


def test_one_turn_of_the_delay_is_one_wavelength() -> None:
    settings = PhaseOpticsSettings(index_difference=0.022, wavelength_nm=550)
    delay = phase_delay(settings, np.array([25.0]))
    assert delay[0] == pytest.approx(2 * math.pi)


Figures = dict[str, float]


def _figures(pixels: NDArray[np.float64], covered: NDArray[np.bool_]) -> Figures:
    """Noise, halo and spread of the grey levels of cells, relative to the bare plastic's."""
    outside = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, 5)
    bare = outside > 15
    level = float(np.median(pixels[bare]))
    fine = 4 * pixels[1:-1, 1:-1] - pixels[:-2, 1:-1] - pixels[2:, 1:-1]
    fine = fine - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    noise = 1.4826 * float(np.median(np.abs(fine[bare[1:-1, 1:-1]]))) / math.sqrt(20)
    low, high = np.percentile(pixels[covered], [10, 90])
    # Not the unevenness: these real images were flattened before they were published.
    return {
        "noise": noise / level,
        "halo": float(np.mean(pixels[(outside > 0.5) & (outside < 4)])) / level,
        "dark": float(low) / level,
        "bright": float(high) / level,
    }


@pytest.mark.data
def test_simulated_contrast_is_like_that_of_real_images(data_folder: Path) -> None:
    """Each figure of simulated fields lies within, or within a fifth of, the real ones' range."""
    folder = data_folder / "phase" / "usiigaci"
    real = []
    for path in sorted((folder / "images").glob("*.tif")):
        mask = cv2.imread(str(folder / "masks" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        assert mask is not None
        real.append(_figures(tifffile.imread(path).astype(float), np.asarray(mask) > 0))
    assert len(real) == 12
    for seed in range(3):
        settings = PhaseSettings(
            height_px=512, width_px=512, cells=AdherentSettings(confluence_pct=20)
        )
        field = simulate_phase_field(settings, seed)
        for name, figure in _figures(field.pixels.astype(float), field.covered).items():
            low, high = min(f[name] for f in real), max(f[name] for f in real)
            assert 0.8 * low < figure < 1.2 * high, (name, figure, low, high)
