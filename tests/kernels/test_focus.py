"""Block statistics, Laplacian, ring sums and flat-field division against slow numpy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import laplace, sobel

from monolayer_kernels.focus import (
    bin_means,
    block_statistics,
    edge_figures,
    laplacian_variance,
    ring_sums,
    tenengrad,
)
from monolayer_kernels.illumination import apply_flat_field

DTYPES = [np.uint8, np.uint16, np.float32, np.float64]


def noise(dtype: Any, shape: tuple[int, int], seed: int = 0) -> NDArray[Any]:
    top = 256 if dtype is np.uint8 else 65536
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def slow_blocks(image: NDArray[Any], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, columns = image.shape[0] // side, image.shape[1] // side
    mean, variance = np.zeros((rows, columns)), np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            block = image[i * side : (i + 1) * side, j * side : (j + 1) * side].astype(float)
            cross = block[::2, :-1] - block[::2, 1:] - block[1::2, :-1] + block[1::2, 1:]
            mean[i, j], variance[i, j] = block.mean(), (cross**2).mean() / 4
    return mean, variance


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "side"), [((2, 2), 2), ((17, 23), 4), ((16, 40), 8), ((9, 33), 6)]
)
def test_blocks_equal_the_slow_version(dtype: Any, shape: tuple[int, int], side: int) -> None:
    image = noise(dtype, shape)
    for found, slow in zip(block_statistics(image, side), slow_blocks(image, side), strict=True):
        np.testing.assert_allclose(found, slow, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "side"), [((2, 2), 2), ((17, 23), 2), ((18, 43), 4)])
def test_small_blocks_have_the_same_means(dtype: Any, shape: tuple[int, int], side: int) -> None:
    image = (noise(dtype, shape) / 3).astype(dtype)
    found = bin_means(image, side)
    np.testing.assert_array_equal(found, block_statistics(image, side)[0])
    np.testing.assert_allclose(found, slow_blocks(image, side)[0], rtol=1e-12)


def test_block_variance_is_that_of_white_noise_and_blind_to_slopes() -> None:
    rng = np.random.default_rng(1)
    slope = np.add.outer(3.0 * np.arange(512), 5.0 * np.arange(512))
    _, variance = block_statistics(slope + rng.normal(0, 7, slope.shape), 8)
    assert variance.mean() == pytest.approx(49, rel=0.02)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (3, 20), (31, 17)])
def test_laplacian_variance_equals_scipy(dtype: Any, shape: tuple[int, int]) -> None:
    image = noise(dtype, shape)
    slow = laplace(image.astype(float))[1:-1, 1:-1].var()
    assert laplacian_variance(image) == pytest.approx(slow, rel=1e-9, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 3), (3, 40), (41, 5), (64, 64)])
def test_tenengrad_equals_scipy(dtype: Any, shape: tuple[int, int]) -> None:
    image = (np.random.default_rng(6).random(shape) * 255).astype(dtype)
    wide = image.astype(np.float64)
    squared = sum(sobel(wide, axis) ** 2 for axis in (0, 1))
    slow = np.asarray(squared)[1:-1, 1:-1].mean()
    assert tenengrad(image) == pytest.approx(slow, rel=1e-9)
    assert tenengrad(np.ascontiguousarray(image.T)) == pytest.approx(slow, rel=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (3, 40), (41, 5), (40, 64)])
def test_edges_in_one_walk_are_the_same_to_the_last_bit(dtype: Any, shape: tuple[int, int]) -> None:
    image = noise(dtype, shape, seed=8)
    image[1:, ::2] = image.max()
    image[:2, 1:3] = image.min()
    assert edge_figures(image) == (laplacian_variance(image), tenengrad(image))


def test_white_noise_has_24_times_its_variance_of_tenengrad() -> None:
    noise = np.random.default_rng(7).normal(100, 3, (500, 500))
    assert tenengrad(noise) == pytest.approx(24 * 9, rel=0.02)


@pytest.mark.parametrize("shape", [(32, 32), (33, 48), (40, 31)])
def test_rings_equal_a_full_spectrum(shape: tuple[int, int]) -> None:
    image = noise(np.float64, shape)
    side, rings = min(shape), min(shape) // 2
    full = np.abs(np.fft.fft2(image)) ** 2
    y, x = (np.rint(np.fft.fftfreq(n) * n) * (side / n) for n in shape)
    radius = np.hypot(y[:, np.newaxis], x).astype(int)
    slow = np.bincount(radius.ravel(), full.ravel())[:rings]
    half = np.abs(np.fft.rfft2(image)) ** 2
    found = ring_sums(half, (side / shape[0], side / shape[1]), rings)
    np.testing.assert_allclose(found, slow, rtol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_flat_field_division_equals_numpy(dtype: Any) -> None:
    pixels = noise(dtype, (40, 50))
    flat = np.random.default_rng(1).uniform(0.3, 1.7, pixels.shape).astype(np.float32)
    wanted = (pixels.astype(float) - 10.0) / flat + 10.0
    if np.dtype(dtype).kind == "u":
        wanted = np.clip(np.rint(wanted), 0, np.iinfo(dtype).max)
    found = apply_flat_field(pixels, flat, 10.0)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_flat_field_division_never_wraps() -> None:
    pixels = np.array([[0, 255, 3]], np.uint8)
    assert apply_flat_field(pixels, np.full((1, 3), 0.5, np.float32), 0.0).tolist() == [[0, 255, 6]]
    assert apply_flat_field(pixels, np.full((1, 3), 0.5, np.float32), 9.0).tolist() == [[0, 255, 0]]


FLAT = np.ones((3, 3), np.float32)
WIDE: Any = np.ones((3, 3))


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: block_statistics(np.zeros((8, 8), np.int16), 2), TypeError, "int16"),
        (lambda: block_statistics(np.zeros((8, 8), np.uint8), 3), ValueError, "got 3"),
        (lambda: block_statistics(np.zeros((8, 6), np.uint8), 8), ValueError, "6 px; got 8"),
        (lambda: block_statistics(np.zeros((8, 8), np.uint8)[:, ::2], 2), ValueError, "contig"),
        (lambda: laplacian_variance(np.zeros((2, 8), np.uint8)), ValueError, r"\(2, 8\)"),
        (lambda: edge_figures(np.zeros((2, 8), np.uint8)), ValueError, r"\(2, 8\)"),
        (lambda: bin_means(np.zeros((8, 8), np.uint8), 8), ValueError, "got 8"),
        (lambda: bin_means(np.zeros((8, 3), np.uint8), 4), ValueError, "3 px; got 4"),
        (lambda: tenengrad(np.zeros((8, 2), np.uint8)), ValueError, r"\(8, 2\)"),
        (lambda: apply_flat_field(np.zeros((3, 3), np.int32), FLAT, 0.0), TypeError, "int32"),
        (lambda: apply_flat_field(FLAT, WIDE, 0.0), TypeError, "float64"),
        (lambda: apply_flat_field(FLAT[:2], FLAT, 0.0), ValueError, r"\(2, 3\)"),
        (lambda: apply_flat_field(FLAT, FLAT * 0, 0.0), ValueError, "0.0"),
        (lambda: apply_flat_field(FLAT, FLAT * np.float32(np.nan), 0.0), ValueError, "nan"),
        (lambda: apply_flat_field(FLAT, FLAT / np.float32(1e-45), 0.0), ValueError, "finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_bad_calls_are_named(call: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        call()
