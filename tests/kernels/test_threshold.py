"""Histograms and thresholds against scikit-image, and against the definitions written out."""

from typing import Any

import numpy as np
import pytest
import skimage.filters
from numpy.typing import NDArray
from scipy import ndimage

from monolayer_kernels.boxes import box_mean, gaussian_boxes
from monolayer_kernels.smooth import binomial, binomial_levels
from monolayer_kernels.threshold import (
    histogram,
    threshold_li,
    threshold_local,
    threshold_otsu,
    threshold_triangle,
)

# Untyped.
filters: Any = skimage.filters


def nuclei(seed: int, bits: int, dtype: Any) -> NDArray[Any]:
    """Blobs of unequal brightness on noise."""
    rng = np.random.default_rng(seed)
    scene = np.zeros((90, 110))
    for y, x in rng.integers(5, 85, (int(rng.integers(2, 25)), 2)):
        scene[y - 3 : y + 4, x - 3 : x + 4] = rng.uniform(0.2, 0.8)
    scene = ndimage.gaussian_filter(scene, 1.2) + rng.normal(0.1, 0.02, scene.shape)
    image: NDArray[Any] = np.rint(np.clip(scene, 0, 1) * (2**bits - 1)).astype(dtype)
    return image


IMAGES = [nuclei(seed, 8, np.uint8) for seed in range(15)]
IMAGES += [nuclei(seed, bits, np.uint16) for seed in range(15) for bits in (12, 16)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 101)])
def test_every_level_of_integers_is_counted(dtype: Any, shape: Any) -> None:
    image = np.random.default_rng(1).integers(7, 250, shape).astype(dtype)
    levels = histogram(image)
    values, counts = np.unique(image, return_counts=True)
    occurs = levels.counts > 0
    np.testing.assert_array_equal(levels.levels()[occurs], values)
    np.testing.assert_array_equal(levels.counts[occurs], counts)


def test_the_ends_of_16_bits_are_counted() -> None:
    levels = histogram(np.array([0, 65_535, 65_535], np.uint16))
    assert levels.counts.size == 65_536
    assert levels.counts[[0, -1]].tolist() == [1, 2]


def test_floats_are_counted_in_bins_from_least_to_largest() -> None:
    image = np.random.default_rng(2).normal(-5, 3, (50, 60)).astype(np.float32)
    levels = histogram(image)
    assert levels.counts.sum() == image.size
    assert levels.levels()[[0, -1]] == pytest.approx([image.min(), image.max()])
    assert threshold_otsu(levels) == pytest.approx(
        filters.threshold_otsu(image, nbins=65_536), abs=2 * levels.step
    )


@pytest.mark.parametrize("image", IMAGES)
def test_otsu_equals_scikit_image(image: NDArray[Any]) -> None:
    assert threshold_otsu(histogram(image)) == filters.threshold_otsu(image)


@pytest.mark.parametrize("image", IMAGES)
def test_triangle_equals_scikit_image(image: NDArray[Any]) -> None:
    # scikit-image compares lengths that were rounded by a square root: where two levels are
    # equally far, it may take either.
    found, expected = threshold_triangle(histogram(image)), filters.threshold_triangle(image)
    assert found == expected


@pytest.mark.parametrize("image", IMAGES)
def test_li_equals_scikit_image(image: NDArray[Any]) -> None:
    # scikit-image adds up in float32.
    assert threshold_li(histogram(image)) == pytest.approx(filters.threshold_li(image), rel=1e-4)


def test_li_stops_where_all_the_dark_class_is_the_origin_itself() -> None:
    image = np.array([[5, 5, 5, 9]], np.uint8)
    assert 5 <= threshold_li(histogram(image)) < 9


def test_otsu_by_its_definition() -> None:
    image = np.random.default_rng(3).integers(0, 40, 300).astype(np.uint8)
    image = np.concatenate([image, image[:90] // 4 + 60])
    best = max(
        range(int(image.min()), int(image.max())),
        key=lambda t: (
            (image <= t).mean()
            * (image > t).mean()
            * (image[image > t].mean() - image[image <= t].mean()) ** 2
        ),
    )
    assert threshold_otsu(histogram(image)) == best


@pytest.mark.parametrize("method", [threshold_otsu, threshold_li, threshold_triangle])
def test_an_image_without_variation_has_its_own_level(method: Any) -> None:
    for image in (np.full((4, 5), 7, np.uint16), np.full((4, 5), -2.5, np.float32)):
        assert method(histogram(image)) == image[0, 0]


@pytest.mark.parametrize("method", [threshold_otsu, threshold_li, threshold_triangle])
def test_a_threshold_moves_with_an_offset(method: Any) -> None:
    image = nuclei(4, 12, np.uint16)
    moved = method(histogram(image + np.uint16(1000)))
    assert moved == pytest.approx(method(histogram(image)) + 1000, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("radius", [0, 1, 4, 30])
@pytest.mark.parametrize("shape", [(1, 1), (40, 53), (1, 20)])
def test_box_mean_equals_scipy(dtype: Any, radius: int, shape: Any) -> None:
    image = np.random.default_rng(radius).integers(0, 255, shape).astype(dtype)
    expected = ndimage.uniform_filter(image.astype(float), 2 * radius + 1, mode="reflect")
    np.testing.assert_allclose(box_mean(image, radius), expected, rtol=1e-6)


def test_local_threshold_equals_scikit_image() -> None:
    image = nuclei(5, 12, np.uint16)
    expected = filters.threshold_local(image.astype(float), 21, "mean", offset=12)
    np.testing.assert_allclose(threshold_local(image, 10, 12), expected, rtol=1e-6)


@pytest.mark.parametrize("sigma", [2.0, 2.5, 8.0, 30.0])
def test_gaussian_by_boxes_is_near_a_gaussian(sigma: float) -> None:
    image = np.zeros((150, 200), np.uint16)
    image[40:90, 60:140] = 10_000
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=8)
    assert np.abs(gaussian_boxes(image, sigma) - expected).max() < 0.04 * 10_000


@pytest.mark.parametrize("order", [2, 6, 16, 64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (50, 70), (70, 3)])
def test_binomial_is_within_rounding_of_the_weights(order: int, shape: Any) -> None:
    image = np.random.default_rng(order).integers(0, 65_536, shape).astype(np.uint16)
    weights = np.array([1.0])
    for _ in range(order):
        weights = np.convolve(weights, [0.5, 0.5])
    expected = ndimage.correlate1d(image.astype(float), weights, 0, mode="mirror")
    expected = ndimage.correlate1d(expected, weights, 1, mode="mirror")
    error = binomial(image, order).astype(float) - expected
    assert np.abs(error).max() <= 1.5 + order / 8
    if image.size > 100:
        assert abs(error.mean()) < 0.6


def test_a_shift_makes_the_rounding_finer() -> None:
    image = np.random.default_rng(8).integers(0, 256, (40, 50)).astype(np.uint8)
    fine = binomial(image, 6, 8) / 256
    coarse = binomial(image, 6).astype(float)
    assert 0 < np.abs(fine - coarse).max() <= 2
    assert np.array_equal(binomial(image, 6, 8), binomial(image.astype(np.uint16) << 8, 6))
    brightest = int(image.max())
    for bits in range(1, 17):
        levels, shift = binomial_levels(image, 6, bits)
        assert np.array_equal(levels, binomial(image, 6, shift))
        assert brightest << shift < 1 << bits <= brightest << shift + 1 or shift == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: histogram(np.zeros((3, 3), int)), TypeError, "i8"),
        (lambda: histogram(np.zeros((3, 3), ">u2")), TypeError, ">u2"),
        (lambda: histogram(np.zeros((0, 3), np.uint8)), ValueError, "empty"),
        (lambda: histogram(np.array([0, np.inf], np.float32)), ValueError, "inf"),
        (lambda: histogram(np.array([0, np.nan], np.float32)), ValueError, "nan"),
        (lambda: threshold_local(np.zeros((3, 3), np.uint8), -1), ValueError, "not -1"),
        (lambda: box_mean(np.zeros((3, 3)), 1), TypeError, "f8"),
        (lambda: box_mean(np.zeros(3, np.uint8), 1), ValueError, "2-D"),
        (lambda: gaussian_boxes(np.zeros((3, 3), np.uint8), 1.5), ValueError, "1.5"),
        (lambda: binomial(np.zeros((3, 3), np.float32), 2), TypeError, "f4"),
        (lambda: binomial(np.zeros(3, np.uint8), 2), ValueError, "2-D"),
        (lambda: binomial(np.zeros((3, 3), np.uint8), 3), ValueError, "not 3"),
        (lambda: binomial(np.zeros((3, 3), np.uint8), 66), ValueError, "not 66"),
        (lambda: binomial(np.full((3, 3), 4096, np.uint16), 2, 4), ValueError, "4096"),
        (lambda: binomial_levels(np.zeros((3, 3), np.uint8), 2, 17), ValueError, "not 17"),
    ],
)
def test_bad_calls_name_the_value(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
