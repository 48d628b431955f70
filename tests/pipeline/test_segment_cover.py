"""Cover found in drawn, simulated and disturbed images, and that nothing else is cover."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from monolayer.errors import ImageError
from monolayer.evaluate.confluence import spearman
from monolayer.evaluate.manifest import read_mask
from monolayer.segment.cover import FIGURES, REASONS, ConfluenceSettings, segment_cover
from monolayer.segment.cover.bare import pixel_noise
from monolayer.segment.cover.texture import sharpest_binning
from monolayer.simulate.phase.field import SimulatedPhaseField, simulate_phase_field
from monolayer.simulate.phase.settings import (
    MICROSCOPES,
    AdherentSettings,
    PhaseArtefactSettings,
    PhaseSettings,
)
from monolayer_kernels.smooth import gaussian

SIZE = 0.65


def surface(size: int = 256, seed: int = 3) -> Any:
    """Bare surface: level 1000, noise of 8, a little uneven."""
    y, _ = np.mgrid[:size, :size]
    return np.random.default_rng(seed).normal(1000, 8, (size, size)) + 20 * y / size


def with_cells(size: int = 256, seed: int = 3) -> Any:
    """Three ragged patches of contrast; the image and the truth."""
    image, y, x = surface(size, seed), *np.mgrid[:size, :size]
    truth = np.zeros((size, size), bool)
    for cy, cx in ((60, 70), (170, 150), (90, 200)):
        truth |= np.hypot(y - cy, x - cx) < 30
    rng = np.random.default_rng(seed + 1)
    image[truth] += rng.normal(-60, 120, int(truth.sum()))
    return np.clip(image.round(), 0, 65535).astype(np.uint16), truth


def test_patches_of_contrast_are_found_to_the_pixel_or_two() -> None:
    image, truth = with_cells()
    cover = segment_cover(image, None, SIZE)
    assert cover.covered.dtype == np.bool_
    assert (cover.covered & truth).sum() / (cover.covered | truth).sum() > 0.85
    assert cover.confluence == pytest.approx(truth.mean(), abs=0.02)
    assert cover.usable.all()
    assert tuple(cover.figures) == FIGURES
    assert cover.unusable_fractions == dict.fromkeys(REASONS, 0.0)
    assert (cover.labels() == cover.covered).all()


def test_a_body_is_where_cover_is_darkest() -> None:
    image, truth = with_cells()
    y, x = np.mgrid[:256, :256]
    places = [(60, 70), (90, 200), (170, 150)]
    dark = image.astype(np.float32)
    for cy, cx in places:
        dark -= 250 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 200).astype(np.float32)
    bodies = segment_cover(dark, None, SIZE).bodies
    assert bodies is not None
    assert bodies.shape == (3, 2)
    assert np.abs(bodies - places).max() < 8
    assert truth[tuple(bodies.astype(int).T)].all()
    near = segment_cover(dark, ConfluenceSettings(body_spacing_um=120), SIZE).bodies
    assert near is not None
    assert len(near) < 3
    nothing = segment_cover(surface().astype(np.float32), None, SIZE).bodies
    assert nothing is not None
    assert nothing.shape == (0, 2)


def test_bare_surface_is_a_confluence_of_zero() -> None:
    assert segment_cover(surface().astype(np.float32), None, SIZE).confluence == 0
    assert segment_cover(np.full((100, 120), 7, np.uint8), None, SIZE).confluence == 0
    assert segment_cover(np.zeros((100, 120), np.float32), None, None).confluence == 0


def test_small_debris_is_no_cell() -> None:
    image = surface()
    rng = np.random.default_rng(6)
    for cy, cx in rng.integers(8, 240, (40, 2)):
        image[cy : cy + 6, cx : cx + 6] += rng.normal(-200, 200, (6, 6))
    assert segment_cover(image.astype(np.float32), None, SIZE).confluence == 0


def test_faint_rings_far_out_of_focus_are_no_cells() -> None:
    y, x = np.mgrid[:512, :512]
    ring = 25 * np.exp(-(((np.hypot(y - 250, x - 260) - 120) / 12) ** 2))
    assert segment_cover((surface(512) + ring).astype(np.float32), None, SIZE).confluence == 0


def test_the_halo_is_taken_off() -> None:
    image, truth = with_cells()
    y, x = np.mgrid[:256, :256]
    haloed = image.astype(np.float32)
    for cy, cx in ((60, 70), (170, 150), (90, 200)):
        far = np.hypot(y - cy, x - cx)
        haloed[(far >= 30) & (far < 36)] += 300
    without = segment_cover(haloed, ConfluenceSettings(halo_width_um=0), SIZE).confluence
    corrected = segment_cover(haloed, None, SIZE).confluence
    assert without is not None
    assert corrected is not None
    assert without - truth.mean() > 0.04
    assert abs(corrected - truth.mean()) < 0.015


@pytest.mark.parametrize("size", [SIZE, None])
def test_dtype_and_memory_order_do_not_matter(size: float | None) -> None:
    image, _ = with_cells()
    expected = segment_cover(image, None, size)
    for same in (image.astype(np.float32), image.astype(np.int32), np.asfortranarray(image)):
        found = segment_cover(same, None, size)
        assert (found.covered == expected.covered).all()


def test_turned_images_have_the_same_cover() -> None:
    image, _ = with_cells()
    expected = segment_cover(image, None, SIZE).covered
    for quarter in (1, 2, 3):
        turned = segment_cover(np.rot90(image, quarter), None, SIZE).covered
        assert (np.rot90(turned, -quarter) != expected).mean() < 0.002


def test_brightness_and_gain_do_not_matter() -> None:
    image, _ = with_cells()
    expected = segment_cover(image, None, SIZE).covered
    assert (segment_cover(image.astype(np.float32) * 4, None, SIZE).covered == expected).all()


def test_odd_and_tiny_images_are_taken() -> None:
    image, _ = with_cells()
    for shape in ((255, 201), (33, 20), (3, 2), (1, 1)):
        cover = segment_cover(image[: shape[0], : shape[1]], None, None)
        assert cover.covered.shape == cover.usable.shape == shape


def test_bad_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        segment_cover(np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(TypeError, match="complex64"):
        segment_cover(np.zeros((9, 9), np.complex64))
    with pytest.raises(ImageError, match="1 pixels are NaN"):
        segment_cover(np.where(np.eye(20) > 0, 1.0, np.nan)[:1, :2])


def test_noise_is_the_pixels_and_not_the_cells() -> None:
    rng = np.random.default_rng(9)
    noise = rng.normal(0, 20, (512, 512))
    seen = pixel_noise((3000 + noise).astype(np.float32))
    assert seen.finest == pytest.approx(20, rel=0.25)
    assert seen.white == pytest.approx(20, rel=0.25)
    # Detail as fine as the pixels but not white, as of cells under a low objective.
    detail = np.cumsum(np.cumsum(rng.normal(0, 1, (512, 512)), axis=0), axis=1)
    assert pixel_noise(detail.astype(np.float32)).white < 0.5


def test_binning_follows_the_sharpness() -> None:
    fine = np.random.default_rng(10).normal(0, 1, (512, 512))
    for blur, factor in ((0.3, 1), (0.7, 1), (1.2, 2), (2.4, 4)):
        smooth = gaussian(fine.astype(np.float32), blur)
        image = 1000 + smooth * np.float32(100 / smooth.std())
        assert sharpest_binning(image, 0.1) == factor


def simulated(percent: float, seed: int, **artefacts: Any) -> SimulatedPhaseField:
    return simulate_phase_field(
        PhaseSettings(
            height_px=512,
            width_px=512,
            cells=AdherentSettings(confluence_pct=percent),
            artefacts=PhaseArtefactSettings(**artefacts),
        ),
        seed,
    )


def test_simulated_fields_from_5_to_100_percent() -> None:
    """Reached on twelve fields of 1024 x 1024: mean error 2.0 points, Spearman 1.000."""
    true, found = [], []
    for seed, percent in enumerate((5, 15, 30, 45, 60, 75, 90, 100)):
        field = simulated(percent, seed)
        true.append(100 * field.confluence)
        found.append(100 * (segment_cover(field.pixels, None, SIZE).confluence or 0.0))
    errors = np.abs(np.subtract(found, true))
    assert errors.mean() <= 3.0
    assert errors.max() <= 8.0
    rank = spearman(true, found)
    assert rank is not None
    assert rank >= 0.99


@pytest.mark.parametrize("name", ["strong-contrast", "wide-halo"])
def test_a_dense_layer_is_neither_wall_nor_bubble(name: str) -> None:
    """Where cells are dark, 81 to 100 % of a full layer was once taken for wall or bubble."""
    settings = PhaseSettings(
        height_px=512,
        width_px=512,
        optics=MICROSCOPES[name],
        cells=AdherentSettings(confluence_pct=98),
    )
    field = simulate_phase_field(settings, 5)
    cover = segment_cover(field.pixels, None, SIZE)
    assert cover.usable.all()
    assert cover.confluence == pytest.approx(field.confluence, abs=0.05)


@pytest.mark.slow
def test_every_simulated_microscope_from_5_to_100_percent() -> None:
    """Reached, at 768 pixels: mean error 2.0 points, largest 7.1, Spearman 0.992 over all."""
    true: dict[str, list[float]] = {}
    found: dict[str, list[float]] = {}
    for k, percent in enumerate((5, 20, 40, 60, 75, 88, 100)):
        for name, optics in MICROSCOPES.items():
            size = {"20x": 1024, "4x": 384}.get(name, 512)
            cells = AdherentSettings(confluence_pct=percent)
            settings = PhaseSettings(height_px=size, width_px=size, optics=optics, cells=cells)
            field = simulate_phase_field(settings, 50 + k)
            cover = segment_cover(field.pixels, None, optics.pixel_size_um)
            assert cover.usable.all()
            true.setdefault(name, []).append(100 * field.confluence)
            found.setdefault(name, []).append(100 * (cover.confluence or 0.0))
    for name, values in true.items():
        rank = spearman(values, found[name])
        assert rank is not None
        assert rank >= 0.96, name
    every = [[value for row in part.values() for value in row] for part in (true, found)]
    errors = np.abs(np.subtract(every[0], every[1]))
    assert errors.mean() <= 2.8
    assert errors.max() <= 10.0
    rank = spearman(every[0], every[1])
    assert rank is not None
    assert rank >= 0.98


def test_a_simulated_wall_is_not_usable_and_its_roughness_no_cells() -> None:
    field = simulated(40, 8, channel_wall=True)
    cover = segment_cover(field.pixels, None, SIZE)
    both = (~field.usable & ~cover.usable).sum() / (~field.usable | ~cover.usable).sum()
    assert both > 0.7
    assert cover.unusable_fractions["wall"] == pytest.approx((~cover.usable).mean(), abs=0.01)
    assert cover.confluence == pytest.approx(field.confluence, abs=0.06)
    assert not (cover.covered & ~cover.usable).any()
    assert set(np.unique(cover.labels())) == {0, 1, 2}
    told = segment_cover(field.pixels, ConfluenceSettings(find_walls=False), SIZE)
    assert told.usable.all()


def test_a_bubble_is_a_ring_with_all_it_holds() -> None:
    image = surface(512).astype(np.float32)
    y, x = np.mgrid[:512, :512]
    far = np.hypot(y - 250, x - 260)
    image[(far > 80) & (far < 110)] *= 0.3
    cover = segment_cover(image, None, SIZE)
    assert (far < 110).mean() <= cover.unusable_fractions["bubble"] <= (far < 142).mean()
    assert not cover.usable[250, 260]
    assert cover.usable[20, 20]


def test_dark_corners_of_the_lamp_are_no_wall() -> None:
    y, x = np.mgrid[:512, :512]
    fall = 1 - 0.5 * ((y - 256) ** 2 + (x - 256) ** 2) / (2 * 256**2)
    assert segment_cover((surface(512) * fall).astype(np.float32), None, SIZE).usable.all()


def test_shining_cells_are_covered_where_they_shine() -> None:
    y, x = np.mgrid[:400, :400]
    rng = np.random.default_rng(2)
    image, truth = np.full((400, 400), 200.0) + 0.05 * x, np.zeros((400, 400), bool)
    for cy, cx in rng.uniform(0, 400, (12, 2)):
        cell = ((y - cy) / 50) ** 2 + ((x - cx) / 18) ** 2 < 1
        truth |= cell
        image[cell] = np.maximum(image[cell], 200 + rng.uniform(60, 300))
    pixels = rng.poisson(image).astype(np.uint16)
    settings = ConfluenceSettings(source="fluorescence")
    cover = segment_cover(pixels, settings, SIZE)
    assert (cover.covered & truth).sum() / (cover.covered | truth).sum() > 0.85
    assert cover.confluence == pytest.approx(truth.mean(), abs=0.03)
    assert segment_cover(rng.poisson(np.full((200, 200), 90)), settings, SIZE).confluence == 0


def test_a_full_fluorescent_field_needs_the_background_told() -> None:
    rng = np.random.default_rng(4)
    pixels = rng.poisson(600 + 40 * np.sin(np.arange(300) / 9), (300, 300)).astype(np.uint16)
    told = ConfluenceSettings(source="fluorescence", background_level=210.0)
    assert segment_cover(pixels, told, SIZE).confluence == 1


@pytest.mark.data
def test_annotated_fields_at_half_the_resolution(data_folder: Path) -> None:
    """The scale is found by itself: the same errors, at twice the pixel size."""
    folder = data_folder / "phase" / "usiigaci"
    errors = []
    for name in ("set01", "set16", "set24", "set48"):
        pixels = tifffile.imread(folder / "images" / f"{name}.tif")
        halved = pixels.reshape(511, 2, 512, 2).mean(axis=(1, 3)).astype(np.uint16)
        truth = read_mask(folder / "masks" / f"{name}.png")[::2, ::2] > 0
        cover = segment_cover(halved)
        assert cover.figures["cover_working_pixel_px"] == 1
        errors.append(abs(100 * ((cover.confluence or 0.0) - truth.mean())))
    assert np.mean(errors) <= 2.5


@pytest.mark.data
def test_ring_artefacts_and_floating_debris_of_a_real_field_are_no_cells(
    data_folder: Path,
) -> None:
    folder = data_folder / "phase" / "usiigaci" / "images"
    pixels = tifffile.imread(folder / "set30.tif")[300:620, 720:1010]
    # Two clumps of debris of some 350 um2 remain; half of the field's width is cropped off.
    for size in (SIZE, None):
        found = segment_cover(pixels, None, size).confluence
        assert found is not None
        assert found <= 0.02
    wall = segment_cover(tifffile.imread(folder / "set04.tif"), None, SIZE)
    assert not wall.usable[992:].any()
    assert wall.usable[:900].all()
