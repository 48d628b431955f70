"""Local contrast, finest noise and growing masks, against slow obvious versions."""

from typing import Any

import numpy as np
import pytest

from monolayer_kernels.cover import (
    draw_patches,
    enlarge,
    finest_noise,
    local_deviation,
    reaching,
    spread,
)
from monolayer_kernels.label import label_above

RNG = np.random.default_rng(41)
DOUBLES: Any = np.zeros((4, 4))


def slow_deviation(image: Any) -> Any:
    padded = np.pad(image.astype(np.float64), 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    return windows.std(axis=(2, 3))


def slow_spread(mask: Any, over: Any, steps: int) -> Any:
    mask = mask.astype(bool)
    for step in range(steps):
        padded = np.pad(mask, 1)
        reach = [(0, 1), (1, 0), (1, 2), (2, 1)]
        if step % 2:
            reach += [(0, 0), (0, 2), (2, 0), (2, 2)]
        height, width = mask.shape
        near = np.any([padded[y : y + height, x : x + width] for y, x in reach], axis=0)
        mask = mask | (near & over.astype(bool))
    return mask.astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2), (33, 47)])
@pytest.mark.parametrize("offset", [0, 30_000])
def test_deviation_equals_numpy(shape: Any, offset: int) -> None:
    image = (RNG.integers(0, 4000, shape) / 4 + offset).astype(np.float32)
    np.testing.assert_allclose(local_deviation(image), slow_deviation(image), rtol=1e-6, atol=1e-3)


def test_deviation_of_nothing_is_nothing_whatever_the_level() -> None:
    # Running sums that are not exact would leave a remainder below bright rows.
    image = np.full((64, 64), 17.25, np.float32)
    image[:8] = 60_000.75
    assert (local_deviation(image)[12:] == 0).all()


def test_deviation_does_not_ask_for_a_memory_order() -> None:
    image = RNG.normal(1000, 20, (21, 34)).astype(np.float32)
    assert (local_deviation(np.asfortranarray(image)) == local_deviation(image)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_white_noise_is_told_in_every_dtype(dtype: Any) -> None:
    noise = np.clip(RNG.normal(120, 9, (516, 516)), 0, 255).round().astype(dtype)
    variances = finest_noise(noise, 16)
    assert variances.shape == (32, 32)
    # 9 squared, and 1/12 of rounding.
    assert variances.mean() == pytest.approx(81.08, rel=0.02)


def test_finest_noise_equals_the_convolution() -> None:
    image = RNG.integers(0, 4096, (24, 40)).astype(np.uint16)
    weights = np.array([1, -4, 6, -4, 1])
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.int64), (5, 5))
    bends = np.einsum("yxij,i,j->yx", windows, weights, weights)
    blocks = (bends[:16:2, :32].astype(np.float64) ** 2).reshape(2, 4, 4, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(finest_noise(image, 8), blocks / 4900, rtol=1e-5)


def test_finest_noise_is_blind_to_slopes_and_bends() -> None:
    y, x = np.mgrid[:68, :68].astype(np.float32)
    assert finest_noise(np.float32(3) * y + x * x + y * x, 16).max() < 1e-9


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (20, 31)])
def test_spread_equals_a_slow_walk(shape: Any, steps: int) -> None:
    mask = (RNG.random(shape) < 0.05).astype(np.uint8)
    over = (RNG.random(shape) < 0.7).astype(np.uint8)
    assert (spread(mask, over, steps) == slow_spread(mask, over, steps)).all()
    everywhere = np.ones_like(mask)
    assert (spread(mask, None, steps) == slow_spread(mask, everywhere, steps)).all()


def test_spread_in_the_open_is_an_octagon() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[4, 4] = 1
    assert spread(mask, None, 3).sum(axis=1).tolist() == [0, 3, 5, 7, 7, 7, 5, 3, 0]
    assert mask.sum() == 1


def test_patches_that_reach_a_level_are_drawn() -> None:
    image = np.array([[0, 2, 0, 3, 3], [0, 2, 0, 0, 5], [0, 0, 0, 0, 0], [4, 0, 1, 0, 1]])
    plane = image.astype(np.float32)
    patches = label_above(plane, 1.5)
    bold = reaching(patches, plane, 3.0)
    assert bold.tolist() == [False, True, True]
    drawn = draw_patches(patches, bold, (4, 5))
    assert drawn.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0] * 5, [1, 0, 0, 0, 0]]


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6, 6), (5, 4), (4, 5)])
def test_enlarged_is_repeated(shape: tuple[int, int], factor: int) -> None:
    mask = RNG.integers(0, 2, (6, 6)).astype(np.uint8)
    expected = mask.repeat(factor, axis=0).repeat(factor, axis=1)[: shape[0], : shape[1]] == 1
    found = enlarge(mask, factor, shape)
    assert found.dtype == np.bool_
    assert (found == expected).all()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: local_deviation(DOUBLES), TypeError, "float64"),
        (lambda: local_deviation(np.zeros((0, 4), np.float32)), ValueError, "0"),
        (lambda: finest_noise(np.zeros((40, 40)), 16), TypeError, "float64"),
        (lambda: finest_noise(np.zeros((40, 40), np.uint8).T[::2], 4), ValueError, "C-contiguous"),
        (lambda: finest_noise(np.zeros((40, 40), np.uint8), 15), ValueError, "15"),
        (lambda: finest_noise(np.zeros((18, 40), np.uint8), 16), ValueError, "at most 14"),
        (lambda: spread(np.zeros((3, 3), np.bool_), None, 1), TypeError, "uint8"),
        (lambda: spread(np.zeros((3, 3), np.uint8), None, -1), ValueError, "-1"),
        (
            lambda: spread(np.zeros((3, 3), np.uint8), np.zeros((3, 4), np.uint8), 1),
            ValueError,
            "shapes differ",
        ),
        (lambda: enlarge(np.zeros((3, 3), np.uint8), 2, (7, 6)), ValueError, "does not reach"),
    ],
)
def test_bad_calls_name_the_culprit(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        call()
