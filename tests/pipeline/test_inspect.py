"""The inspect stage: states, figures on known images, and the flat field."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monolayer.errors import InputError
from monolayer.field import FieldImage, State
from monolayer.inspect import (
    IlluminationSettings,
    Inspection,
    InspectSettings,
    correct_illumination,
    estimate_flat_field,
    inspect_field,
)
from monolayer.inspect.figures import FIGURES, level_figures

SETTINGS = InspectSettings()


def inspected(
    pixels: NDArray[Any], settings: InspectSettings = SETTINGS, full_scale: float | None = None
) -> Inspection:
    scales = {} if full_scale is None else {"dna": full_scale}
    return inspect_field(FieldImage({"dna": pixels}, full_scale=scales), settings, "dna")


def vignette(shape: tuple[int, int], depth: float) -> NDArray[np.float64]:
    """Illumination that falls off towards the corners, darkest off centre."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    fall = ((y[:, np.newaxis] - 0.1) ** 2 + (x + 0.15) ** 2) / 2
    lit = 1 - depth * fall + 0.05 * y[:, np.newaxis]
    relative: NDArray[np.float64] = lit / lit.mean()
    return relative


def field(
    seed: int,
    *,
    shape: tuple[int, int] = (512, 640),
    cells: int = 60,
    light: NDArray[np.float64] | None = None,
) -> NDArray[np.uint16]:
    """Discs of a radius of 12 px on an even background of 200 with a noise of 6."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    clean = np.full(shape, 200.0)
    for cy, cx, level in rng.random((cells, 3)):
        near = (y - cy * shape[0]) ** 2 + (x - cx * shape[1]) ** 2 < 144
        clean[near] = 800 + 1200 * level
    lit = gaussian_filter(clean, 1.0) * (1.0 if light is None else light)
    noisy = np.rint(lit + rng.normal(0, 6, shape)).clip(0, 65535)
    return np.asarray(noisy, np.uint16)


def figure(inspection: Inspection, name: str) -> float:
    value = inspection.figures[name]
    assert value is not None
    return value


def test_ordinary_field_is_ok_and_its_figures_are_right() -> None:
    found = inspected(field(0), full_scale=65535)
    assert (found.state, found.reason, found.detail) == (State.OK, "", "")
    assert tuple(found.figures) == FIGURES
    assert figure(found, "background_level") == pytest.approx(200, abs=2)
    assert figure(found, "noise_level") == pytest.approx(6, rel=0.1)
    assert figure(found, "saturated_fraction") == 0
    assert figure(found, "signal_to_noise") > 100
    assert figure(found, "illumination_ratio") == pytest.approx(1, abs=0.05)
    assert -2.6 < figure(found, "focus_log_log_slope") < -1.2


def test_field_without_cells_is_ok() -> None:
    empty = field(1, cells=0, light=vignette((512, 640), 0.3))
    strict = InspectSettings(min_focus_log_log_slope=-1.0)
    found = inspected(empty, strict, 65535)
    assert found.state is State.OK
    assert figure(found, "signal_to_noise") < 10
    assert figure(found, "focus_laplacian_over_noise") == pytest.approx(1, rel=0.1)
    assert figure(found, "focus_tenengrad_over_noise") == pytest.approx(1, rel=0.1)


def test_white_noise_has_a_slope_of_one() -> None:
    pixels = np.random.default_rng(3).integers(0, 65536, (512, 512)).astype(np.uint16)
    assert figure(inspected(pixels), "focus_log_log_slope") == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("side", [1024, 2048])
def test_binning_large_fields_keeps_the_slope(side: int) -> None:
    """A field of power 1 / f**3 has ring sums of slope -2 at any size."""
    rng = np.random.default_rng(4)
    y, x = np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)
    amplitude = np.maximum(np.hypot(y, x), 1e-9) ** -1.5
    amplitude[0, 0] = 0
    phases = np.exp(2j * np.pi * rng.random(amplitude.shape))
    image = np.fft.irfft2(amplitude * phases, (side, side)).astype(np.float32)
    assert figure(inspected(image), "focus_log_log_slope") == pytest.approx(-2, abs=0.15)


def test_blur_lowers_every_focus_figure_and_a_limit_refuses_it() -> None:
    sharp = field(5)
    blurred = np.rint(gaussian_filter(sharp.astype(float), 5)) + np.random.default_rng(0).normal(
        0, 6, sharp.shape
    )
    limit = InspectSettings(min_focus_log_log_slope=-2.6)
    first, second = inspected(sharp, limit), inspected(blurred.astype(np.uint16), limit)
    for name in ("focus_log_log_slope", "focus_laplacian_over_noise", "focus_tenengrad"):
        assert figure(second, name) < figure(first, name), name
    assert first.state is State.OK
    assert (second.state, second.reason) == (State.NOT_EVALUABLE, "out_of_focus")
    assert "min_focus_log_log_slope is -2.6" in second.detail
    assert inspected(blurred.astype(np.uint16)).state is State.OK


@pytest.mark.parametrize("value", [0, 37])
def test_constant_image_is_blank(value: int) -> None:
    found = inspected(np.full((64, 64), value, np.uint16), full_scale=65535)
    assert (found.state, found.reason) == (State.NOT_EVALUABLE, "blank")
    assert str(value) in found.detail
    assert found.figures["background_level"] is None


def test_constant_image_at_full_scale_is_saturated() -> None:
    found = inspected(np.full((64, 64), 255, np.uint8), full_scale=255)
    assert (found.reason, found.figures["saturated_fraction"]) == ("saturated", 1.0)


@pytest.mark.parametrize("shape", [(1, 1), (15, 400), (400, 15)])
def test_small_image_is_refused(shape: tuple[int, int]) -> None:
    found = inspected(np.ones(shape, np.uint8))
    assert (found.state, found.reason) == (State.NOT_EVALUABLE, "too_small")
    assert f"{shape[0]} x {shape[1]}" in found.detail
    assert set(found.figures.values()) == {None}


@pytest.mark.parametrize("side", [16, 17, 31, 64, 100])
def test_smallest_images_give_the_figures_they_can(side: int) -> None:
    found = inspected(np.random.default_rng(0).integers(0, 99, (side, side + 3)).astype(np.uint8))
    assert found.state is State.OK
    assert figure(found, "noise_level") > 10
    assert (found.figures["focus_log_log_slope"] is None) == (side < 64)
    assert found.figures["illumination_ratio"] is None


def test_nan_is_refused() -> None:
    pixels = np.ones((32, 32), np.float32)
    pixels[3, 4], pixels[5, 5] = np.nan, np.inf
    found = inspected(pixels)
    assert (found.reason, found.detail) == ("not_finite", "2 of 1024 pixels are NaN or infinite.")


def test_over_exposure_is_refused_and_a_site_may_be_stricter() -> None:
    bright = np.minimum(field(6).astype(int) * 80, 65535).astype(np.uint16)
    share = float(np.mean(bright == 65535))
    assert share > 0.05
    found = inspected(bright, full_scale=65535)
    assert (found.state, found.reason) == (State.NOT_EVALUABLE, "saturated")
    assert figure(found, "saturated_fraction") == share
    slight = field(6)
    slight[:16, :32] = 65535
    assert inspected(slight, full_scale=65535).state is State.OK
    strict = InspectSettings(max_saturated_fraction=0.001)
    assert inspected(slight, strict, 65535).reason == "saturated"


def test_pile_up_of_a_12_bit_camera_is_seen_in_16_bits() -> None:
    clipped = np.minimum(field(7).astype(int) * 3, 4095).astype(np.uint16)
    share = float(np.mean(clipped == 4095))
    assert share > 0.01
    assert level_figures(clipped, 65535)["saturated_fraction"] == share
    assert level_figures(clipped, None)["saturated_fraction"] == share
    assert level_figures(clipped, 4095)["saturated_fraction"] == share
    assert level_figures(field(7), None)["saturated_fraction"] == 0


def test_dim_image_of_few_grey_levels_is_not_saturated() -> None:
    dim = np.random.default_rng(1).binomial(20, 0.3, (200, 200)).astype(np.uint8)
    assert level_figures(dim, 255)["saturated_fraction"] == 0


def test_vignette_shows_in_the_ratio() -> None:
    light = vignette((512, 640), 0.4)
    corners = np.mean([light[0, 0], light[0, -1], light[-1, 0], light[-1, -1]])
    found = inspected(field(8, light=light))
    expected = corners / light[256, 320]
    assert figure(found, "illumination_ratio") == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("tilt", [-0.4, 0.0, 0.3])
def test_a_slant_of_the_light_shows_in_the_tilt_and_turns_with_the_image(tilt: float) -> None:
    light = np.broadcast_to(1 + tilt / 2 * np.linspace(-1, 1, 640), (512, 640))
    pixels = field(8, light=light)
    found = inspected(pixels)
    assert figure(found, "illumination_tilt_x") == pytest.approx(tilt, abs=0.03)
    assert figure(found, "illumination_tilt_y") == pytest.approx(0, abs=0.03)
    assert figure(found, "illumination_ratio") == pytest.approx(1, abs=0.05)
    turned = inspected(np.ascontiguousarray(pixels.T))
    assert figure(turned, "illumination_tilt_y") == pytest.approx(tilt, abs=0.03)


def test_a_small_field_has_no_shape_of_light() -> None:
    small = inspected(field(8, shape=(256, 256), cells=10))
    for name in ("illumination_ratio", "illumination_tilt_x", "illumination_tilt_y"):
        assert small.figures[name] is None


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_dtype_and_memory_order_change_no_figure(dtype: Any, order: Any) -> None:
    expected = inspected(field(9)).figures
    found = inspected(np.asarray(field(9), dtype, order=order)).figures
    assert found == pytest.approx(expected, rel=1e-9)


def test_unknown_channel_is_named() -> None:
    with pytest.raises(ValueError, match="'rna' is not one of this field's: dna"):
        inspect_field(FieldImage({"dna": field(0)}), SETTINGS, "rna")


FLAT = IlluminationSettings()


def unevenness(light: NDArray[np.float64], flat: NDArray[np.float32]) -> float:
    left = light / flat
    return float(np.ptp(left) / left.mean())


@pytest.mark.parametrize("depth", [0.2, 0.45])
@pytest.mark.parametrize("cells", [0, 60, 250])
def test_flat_field_leaves_less_than_two_percent(depth: float, cells: int) -> None:
    light = vignette((512, 640), depth)
    fields = [field(seed, cells=cells, light=light) for seed in range(9)]
    flat = estimate_flat_field(fields, FLAT)
    assert flat.dtype == np.float32
    assert flat.shape == (512, 640)
    assert float(flat.mean()) == pytest.approx(1, abs=1e-6)
    assert unevenness(light, np.ones_like(flat)) > 0.15
    assert unevenness(light, flat) < 0.02


def test_dark_level_is_not_divided() -> None:
    light = vignette((512, 640), 0.4)
    fields = [(field(seed, light=light) + 500).astype(np.uint16) for seed in range(5)]
    flat = estimate_flat_field(fields, IlluminationSettings(dark_level=500))
    assert unevenness(light, flat) < 0.02
    assert unevenness(light, estimate_flat_field(fields, FLAT)) > 0.1
    corrected = correct_illumination(fields[0], flat, 500)
    ratio = figure(inspected(corrected), "illumination_ratio")
    assert ratio == pytest.approx(1, abs=0.02)


def test_order_of_fields_and_brightness_of_one_change_nothing() -> None:
    light = vignette((512, 640), 0.3)
    fields: list[NDArray[Any]] = [field(seed, light=light) for seed in range(5)]
    flat = estimate_flat_field(fields, FLAT)
    assert np.array_equal(flat, estimate_flat_field(reversed(fields), FLAT))
    brighter = [*fields[:4], fields[4].astype(np.float64) * 40]
    np.testing.assert_allclose(estimate_flat_field(brighter, FLAT), flat, rtol=1e-6)


def test_correction_keeps_the_dtype_and_makes_the_field_even() -> None:
    light = vignette((512, 640), 0.4)
    flat = estimate_flat_field((field(seed, light=light) for seed in range(5)), FLAT)
    pixels = field(20, cells=0, light=light)
    before = pixels.copy()
    corrected = correct_illumination(pixels, flat)
    assert corrected.dtype == np.uint16
    assert np.array_equal(pixels, before)
    tiles = corrected.reshape(8, 64, 8, 80).mean(axis=(1, 3))
    assert np.ptp(tiles) / tiles.mean() < 0.02


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ([], "got 0 of 0"),
        ([np.zeros((64, 64), np.uint8)] * 6, "got 0 of 6"),
        ([np.ones((64, 64), np.uint8), np.ones((64, 65), np.uint8)], r"\(64, 64\) and \(64, 65\)"),
        ([np.ones((31, 64), np.uint8)], r"got \(31, 64\)"),
    ],
)
def test_fields_that_give_no_flat_field_are_named(fields: list[Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        estimate_flat_field(fields, FLAT)


def annotated(folder: Path) -> Iterator[tuple[str, NDArray[Any], float]]:
    with (folder / "manifest.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith("nuclei_fluo")]
    for row in rows:
        path = str(folder / row["path"])
        image = tifffile.imread(path) if path.endswith("tif") else cv2.imread(path, -1)
        assert image is not None
        yield row["path"], image, 255.0 if image.dtype == np.uint8 else 65535.0


@pytest.mark.data
def test_no_annotated_field_is_refused(data_folder: Path) -> None:
    refused = {}
    for path, image, top in annotated(data_folder):
        found = inspected(image, full_scale=top)
        if found.state is not State.OK:
            refused[path] = found.detail
    assert refused == {}


@pytest.mark.data
def test_blurred_annotated_fields_are_told_apart(data_folder: Path) -> None:
    """One limit for a set's own instrument separates a defocus of 4 px from every sharp field."""
    limit = InspectSettings(min_focus_log_log_slope=-2.4)
    for path, image, top in annotated(data_folder):
        if "bbbc039" not in path:
            continue
        assert inspected(image, limit, top).state is State.OK, path
        noise = np.random.default_rng(0).normal(0, 4.7, image.shape)
        blurred = np.rint(gaussian_filter(image.astype(float), 4) + noise).astype(np.uint16)
        assert inspected(blurred, limit, top).reason == "out_of_focus", path
