"""Lines along rows and columns: the slow median beside the moved one, and drawn cases."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer_kernels.lines import line_levels


def slow_medians(levels: NDArray[np.uint8], reach: int) -> NDArray[np.int64]:
    """Lower median of the window of each pixel along its row, moved inwards at the border."""
    width = levels.shape[1]
    side = min(2 * reach + 1, width)
    out = np.empty(levels.shape, np.int64)
    for x in range(width):
        first = min(max(0, x - reach), width - side)
        out[:, x] = np.sort(levels[:, first : first + side], axis=1)[:, (side - 1) // 2]
    return out


def slow_lines(levels: NDArray[np.uint8], reach: int, zero: int) -> NDArray[np.int64]:
    along, down = slow_medians(levels, reach), slow_medians(levels.T, reach).T
    return np.where(np.abs(along - zero) > np.abs(down - zero), along, down)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (23, 31), (40, 12)])
@pytest.mark.parametrize("reach", [1, 4, 30])
@pytest.mark.parametrize("spread", [2, 256])
def test_equal_to_the_slow_medians(shape: tuple[int, int], reach: int, spread: int) -> None:
    rng = np.random.default_rng(reach + shape[1])
    levels = (rng.integers(0, spread, shape) + (128 - spread // 2)).astype(np.uint8)
    np.testing.assert_array_equal(line_levels(levels, reach, 128), slow_lines(levels, reach, 128))


@pytest.mark.parametrize("shape", [(1, 40), (23, 31), (40, 12)])
@pytest.mark.parametrize("least", [1, 3, 128])
def test_medians_near_the_background_are_the_background(shape: tuple[int, int], least: int) -> None:
    rng = np.random.default_rng(least)
    levels = rng.normal(128, 4, shape).round().astype(np.uint8)
    levels[:, :3], levels[-1:] = 100, 140
    for zero in (128, 126):
        slow = np.stack([slow_medians(levels, 4), slow_medians(levels.T, 4).T])
        slow = np.where(np.abs(slow - zero) < least, zero, slow)
        expected = np.where(np.abs(slow[0] - zero) > np.abs(slow[1] - zero), *slow)
        np.testing.assert_array_equal(line_levels(levels, 4, zero, least), expected)


def test_a_grid_is_found_whole_and_a_disc_is_not() -> None:
    levels = np.full((80, 90), 128, np.uint8)
    levels[30:33], levels[:, 50:52] = 60, 200
    levels[31, 50:52] = 60
    drawn = levels.copy()
    y, x = np.mgrid[:80, :90]
    disc = np.hypot(y - 55, x - 20) < 6
    drawn[disc] = 20
    found = line_levels(drawn, 15, 128)
    assert (found[30:33, :48] == 60).all()
    assert (found[:28, 50:52] == 200).all()
    assert (found[disc] == 128).all()
    assert (found[:28, :48] == 128).all()


def test_what_the_border_cuts_counts_no_more_than_it_shows() -> None:
    """Mirrored or repeated, four dark pixels at the border would fill half of a window."""
    levels = np.full((1, 41), 128, np.uint8)
    levels[0, :4] = 10
    assert (line_levels(np.repeat(levels, 3, axis=0), 5, 128)[1, 4:] == 128).all()
    assert (line_levels(levels, 5, 128)[0, :4] == 10).all()  # one row: a line down the column
    tall = np.full((41, 41), 128, np.uint8)
    tall[20, :4] = 10
    assert (line_levels(tall, 5, 128) == 128).all()


def test_memory_order_does_not_matter() -> None:
    levels = np.random.default_rng(3).integers(0, 256, (30, 40)).astype(np.uint8)
    expected = line_levels(levels, 4, 128)
    np.testing.assert_array_equal(line_levels(np.asfortranarray(levels), 4, 128), expected)
    wide = np.zeros((60, 80), np.uint8)
    wide[::2, ::2] = levels
    np.testing.assert_array_equal(line_levels(wide[::2, ::2], 4, 128), expected)


@pytest.mark.parametrize(
    ("levels", "reach", "zero", "error", "words"),
    [
        (np.zeros((3, 3), np.uint16), 1, 0, TypeError, "not uint16"),
        (np.zeros(3, np.uint8), 1, 0, ValueError, r"shape \(3,\)"),
        (np.zeros((0, 3), np.uint8), 1, 0, ValueError, r"shape \(0, 3\)"),
        (np.zeros((3, 3), np.uint8), 0, 0, ValueError, "at least 1, not 0"),
        (np.zeros((3, 3), np.uint8), 1, 256, ValueError, "0 to 255, not 256"),
    ],
)
def test_bad_calls(levels: Any, reach: int, zero: int, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        line_levels(levels, reach, zero)


def test_a_line_differs_from_the_background() -> None:
    with pytest.raises(ValueError, match="least must be at least 1, not 0"):
        line_levels(np.zeros((3, 3), np.uint8), 1, 0, 0)
