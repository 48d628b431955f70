"""Smoothing, binning, background, noise and quantising against scipy and slow obvious versions."""

from typing import Any, cast

import numpy as np
import pytest
from scipy import ndimage

from monolayer_kernels.background import (
    estimate_background,
    grey_opening,
    subtract_background,
    subtract_background_levels,
)
from monolayer_kernels.heights import grid_at, smooth_heights, smooth_levels
from monolayer_kernels.noise import bin_counts, estimate_noise, median, spread_below
from monolayer_kernels.smooth import bin_mean, gaussian, gaussian_weights
from monolayer_kernels.threshold import quantise

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.7])
@pytest.mark.parametrize("shape", [(40, 61), (5, 3), (1, 30), (30, 1)])
def test_gaussian_equals_scipy(sigma: Any, shape: Any) -> None:
    image = RNG.random(shape).astype(np.float32)
    radius = gaussian_weights(sigma).size - 1
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="mirror", radius=radius)
    np.testing.assert_allclose(gaussian(image, sigma), expected, atol=2e-5)


def test_gaussian_weights_add_up_to_one_exactly() -> None:
    for sigma in (0.3, 1.1, 4.0):
        weights = gaussian_weights(sigma).astype(float)
        assert weights[0] + 2 * weights[1:].sum() == 1.0
    assert gaussian_weights(0.0).tolist() == [1.0]


def test_gaussian_of_zero_width_is_a_copy() -> None:
    image = RNG.random((4, 5)).astype(np.float32)
    out = gaussian(image, 0.0)
    assert out is not image
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_bin_mean_is_the_mean_of_each_block(factor: Any) -> None:
    image = RNG.integers(0, 4096, (17, 22)).astype(np.uint16)
    out = bin_mean(image, factor)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            rows = slice(r * factor, (r + 1) * factor)
            block = image[rows, c * factor : (c + 1) * factor]
            assert out[r, c] == pytest.approx(block.mean(), rel=1e-6)


def test_grey_opening_equals_scipy() -> None:
    image = RNG.random((30, 41)).astype(np.float32)
    for radius in (0, 1, 4):
        size = 2 * radius + 1
        # Borders are clipped, which for extremes is to pad with what never wins.
        low = ndimage.minimum_filter(image, size, mode="constant", cval=np.inf)
        expected = ndimage.maximum_filter(low, size, mode="constant", cval=-np.inf)
        np.testing.assert_array_equal(grey_opening(image, radius), expected)


def test_background_follows_a_slope_and_ignores_objects() -> None:
    y, x = np.mgrid[:200, :240]
    slope = (100 + 0.2 * x + 0.1 * y).astype(np.float32)
    image = slope.copy()
    for cy, cx in ((40, 60), (120, 120), (150, 200)):
        image[(y - cy) ** 2 + (x - cx) ** 2 < 100] += 500
    rest = subtract_background(image, *estimate_background(image, 100.0))
    inner = (image == slope) & (y > 30) & (y < 170) & (x > 30) & (x < 210)
    # An opening lags a slope by half a window at most: 0.3 a pixel over 50 pixels.
    assert np.abs(rest[inner]).max() < 15
    assert rest[120, 120] > 485


def test_background_is_found_in_the_narrow_gaps_of_a_covered_field() -> None:
    image = np.full((200, 200), 900.0, np.float32)
    image[::25] = image[1::25] = image[2::25] = 100.0
    image[:, ::25] = image[:, 1::25] = image[:, 2::25] = 100.0
    rest = subtract_background(image, *estimate_background(image, 100.0))
    assert np.median(rest[image > 800]) > 500


def test_subtract_background_refuses_a_grid_of_another_image() -> None:
    with pytest.raises(ValueError, match="grid must have shape"):
        subtract_background(np.zeros((8, 8)), np.zeros((2, 3), np.float32), 4)


def test_noise_is_that_of_the_pixels_and_not_of_a_slope() -> None:
    slope = np.linspace(0, 500, 300)[None, :] * np.ones((200, 1))
    image = slope + RNG.normal(0, 7, slope.shape)
    noise = estimate_noise(image, np.ones(image.shape, bool))
    assert noise == pytest.approx(7, rel=0.03)
    assert estimate_noise(slope, np.zeros(slope.shape, bool)) == 0.0


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1001, 40_000])
def test_median_equals_numpy_to_the_last_bit(size: int) -> None:
    for values in (
        RNG.normal(0, 1e3, size),
        RNG.integers(-3, 4, size),
        np.zeros(size),
        RNG.normal(0, 1, size) * 10.0 ** RNG.integers(-20, 20, size),
    ):
        image = values.astype(np.float32)
        assert median(image) == float(np.median(image))


def test_noise_from_every_fourth_row_is_that_of_all() -> None:
    image = RNG.normal(0, 7, (400, 500))
    dark = np.ones(image.shape, bool)
    dark[1::4] = False
    assert estimate_noise(image, ~dark, 4) == pytest.approx(7, rel=0.03)
    assert estimate_noise(image, dark, 4) == 0.0  # the rows looked at are not dark


def test_median_of_values_whose_sample_is_not_like_the_rest() -> None:
    values = RNG.normal(0, 1, 40_000).astype(np.float32)
    values[:: len(values) // 8192] += 100
    assert median(values) == float(np.median(values))


@pytest.mark.parametrize("every", [1, 2, 5])
def test_bins_and_spread_are_those_of_numpy(every: int) -> None:
    plane = RNG.normal(3, 10, (41, 67)).astype(np.float32)
    some = plane[::every, ::every]
    edges = -4 + 0.5 * np.arange(41)
    counts = bin_counts(plane, -4, 0.5, 40, every)
    # The last of numpy's bins holds its far edge; no pixel lies there.
    assert counts.tolist() == np.histogram(some, edges)[0].tolist()
    below = some[some < 1].astype(np.float64) - 1
    assert spread_below(plane, 1, every) == pytest.approx(np.sqrt(np.mean(below**2)), rel=1e-6)
    assert spread_below(plane, -1e3, every) == 0.0


def test_bins_are_of_float32() -> None:
    with pytest.raises(TypeError, match="plane must be float32, not float64"):
        bin_counts(cast("Any", np.zeros((3, 3))), 0, 1, 4)


def test_median_takes_any_memory_order() -> None:
    image = RNG.random((31, 40)).astype(np.float32)
    assert median(image[::2, ::3]) == float(np.median(image[::2, ::3]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (37, 9), (64, 130)])
@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_subtract_background_draws_straight_lines_between_block_centres(
    shape: tuple[int, int], block: int
) -> None:
    image = RNG.random(shape).astype(np.float32)
    grid = RNG.random([-(-side // block) for side in shape]).astype(np.float32)
    at = [(np.arange(side) + 0.5) / block - 0.5 for side in shape]
    where = np.meshgrid(*at, indexing="ij")
    expected = image - ndimage.map_coordinates(grid, where, order=1, mode="nearest")
    np.testing.assert_allclose(subtract_background(image, grid, block), expected, atol=1e-5)


def test_background_is_taken_off_levels_within_16_bits() -> None:
    levels = RNG.integers(0, 65_536, (40, 51)).astype(np.uint16)
    grid = (RNG.random((5, 7)) * 30_000).astype(np.float32)
    rest = subtract_background(levels, grid, 8)
    expected = np.clip(np.floor(rest + 4096.5), 0, 65_535)
    found = subtract_background_levels(levels, grid, 8, 4096)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01
    turned = np.asfortranarray(levels)
    assert (subtract_background_levels(turned, grid, 8, 4096) == found).all()
    with pytest.raises(ValueError, match="to be overwritten"):
        subtract_background_levels(turned, grid, 8, 4096, in_place=True)
    before = levels.copy()
    assert subtract_background_levels(before, grid, 8, 4096, in_place=True) is before
    assert (before == found).all()
    assert (levels != found).any()
    with pytest.raises(TypeError, match="int64"):
        subtract_background_levels(levels.astype(np.int64), grid, 8, 0)
    with pytest.raises(ValueError, match="not -1"):
        subtract_background_levels(levels, grid, 8, -1)


def test_quantise_counts_thresholds_reached() -> None:
    image = RNG.random((30, 30)).astype(np.float32) * 100
    thresholds = np.array([10.0, 11.5, 40.0, 90.0])
    found = quantise(image, thresholds)
    expected = (image[..., None] >= thresholds).sum(axis=-1)
    # The table's bins are 80 / 65,535 wide: pixels that near a threshold may round up.
    near = (np.abs(image[..., None] - thresholds) < 80 / 65535 * 1.01).any(axis=-1)
    np.testing.assert_array_equal(found[~near], expected[~near])
    assert (~near).sum() > 800


def test_quantise_with_one_threshold() -> None:
    assert quantise(np.array([[1, 2, 3]], np.float32), np.array([2.0])).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian(np.zeros(3), 1.0), "2-D"),
        (lambda: gaussian(np.zeros((0, 3)), 1.0), "not empty"),
        (lambda: gaussian(np.zeros((3, 3)), -1.0), "-1.0"),
        (lambda: gaussian(np.zeros((3, 3)), float("nan")), "nan"),
        (lambda: bin_mean(np.zeros((3, 3)), 0), "not 0"),
        (lambda: grey_opening(np.zeros((3, 3), np.float32), -1), "not -1"),
        (lambda: estimate_noise(np.zeros((3, 3)), np.zeros((2, 3), bool)), "(3, 3)"),
        (lambda: estimate_noise(np.zeros((3, 3)), np.zeros((3, 3), bool), 0), "every .* not 0"),
        (lambda: bin_counts(np.zeros((3, 3), np.float32), 0, 0, 4), "width .* not 0 and 4"),
        (lambda: bin_counts(np.zeros((3, 3), np.float32), 0, 1, 4, -1), "not -1"),
        (lambda: bin_counts(np.full((3, 3), np.nan, np.float32), 0, 1, 4), "9 of .* NaN"),
        (lambda: spread_below(np.full((3, 3), np.nan, np.float32), 0), "9 of .* NaN"),
        (lambda: spread_below(np.zeros((0, 3), np.float32), 0), "not empty"),
        (lambda: median(np.zeros(0, np.float32)), "not empty"),
        (lambda: median(np.zeros(3, np.float64)), "float64"),
        (lambda: quantise(np.zeros((3, 3), np.float32), np.array([3.0, 1.0])), "ascending"),
    ],
)
def test_bad_calls_name_the_value(call: Any, words: Any) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()


@pytest.mark.parametrize("shape", [(7, 10), (8, 8), (3, 2), (9, 4)])
def test_the_lowest_tile_of_each_block_speaks_for_it(shape: Any) -> None:
    image = np.random.default_rng(5).integers(0, 900, shape).astype(np.uint16)
    lowest = [
        [image[y : y + 4, x : x + 4].min() for x in range(0, shape[1], 4)]
        for y in range(0, shape[0], 4)
    ]
    # A window of 4: tiles of one pixel, blocks of four.
    grid, block = estimate_background(image, 4.0)
    assert block == 4
    expected = gaussian(grey_opening(np.array(lowest, np.float32), 1), 0.25)
    np.testing.assert_array_equal(grid, expected)


# Heights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int64])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.2, 2.5])
def test_heights_in_one_walk_are_those_of_two_to_the_last_bit(dtype: Any, sigma: Any) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (37, 50)).astype(dtype)
    grid = rng.normal(100, 20, (5, 7)).astype(np.float32)
    expected = subtract_background(gaussian(image, sigma), grid, 8)
    np.testing.assert_array_equal(smooth_heights(image, sigma, grid, 8), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("sigma", [0.0, 1.2])
def test_heights_in_steps_are_those_in_float_to_half_a_step(dtype: Any, sigma: Any) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (37, 50)).astype(dtype)
    grid = rng.normal(100, 20, (5, 7)).astype(np.float32)
    found = smooth_levels(image, sigma, grid, 8)
    assert found.step < 0.01
    values = found.low + found.step * found.counts.astype(np.float64)
    np.testing.assert_allclose(values, smooth_heights(image, sigma, grid, 8), atol=found.step)
    flat = smooth_levels(np.full((9, 9), 7, dtype), sigma, np.full((2, 2), 7, np.float32), 8)
    assert flat.step == 1.0
    assert not flat.counts.any()


def test_the_grid_at_a_pixel_is_what_is_taken_off_there() -> None:
    rng = np.random.default_rng(4)
    for shape, block in (((37, 50), 8), ((9, 5), 16), ((3, 4), 1)):
        grid = rng.normal(100, 20, tuple(-(-n // block) for n in shape)).astype(np.float32)
        expected = -subtract_background(np.zeros(shape, np.float32), grid, block)
        y, x = (np.ravel(i).astype(np.float64) for i in np.indices(shape))
        np.testing.assert_allclose(grid_at(grid, block, y, x), expected.ravel(), rtol=1e-5)


def test_heights_above_a_grid_that_does_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3\) for blocks of 8, not \(1, 1\)"):
        smooth_heights(np.zeros((9, 20), np.uint16), 1.0, np.zeros((1, 1), np.float32), 8)
