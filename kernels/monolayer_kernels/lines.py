"""Straight lines along the rows and columns of a plane, such as a counting chamber's grid.

Along a line the grey value stays; across whatever is short it does not. The median over a stretch
along the row, or down the column, that is more than twice as long as any object is therefore the
line's own value where there is a line, and the background's elsewhere. Two tricks: the median is
moved with the window, from a count of 256 levels, whatever the window's length (Huang), and a row
no window of which is mostly darker or mostly brighter than the background is not looked at further.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["line_levels"]

UInt8 = NDArray[np.uint8]


def line_levels(levels: UInt8, reach: int, zero: int, least: int = 1) -> UInt8:
    """Level of the line that each pixel lies on.

    Parameters
    ----------
    levels : ndarray (H, W) of uint8
        The plane in 256 steps.
    reach : int
        Pixels of the stretch on either side, at least 1. Near the border the stretch is moved
        inwards, not cut or mirrored: what lies on the border must not count for more. A plane
        that is shorter than the stretch is taken as a whole.
    zero : int
        Level of the background.
    least : int
        Levels from the background, at least 1, that are a line: medians nearer to it are ``zero``.

    Returns
    -------
    ndarray (H, W) of uint8
        The median along the row or down the column (the lower one of an even number), whichever
        is farther from ``zero``; of equals the one down the column. The exact crossing of two
        lines has the level of both.

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, or a number that cannot be.

    Notes
    -----
    Huang, Yang & Tang (1979), IEEE Trans. Acoust. Speech Signal Process. 27:13.
    """
    _check(levels, reach, zero, least)
    along = np.empty(levels.shape, np.uint8)
    down = np.empty(levels.shape[::-1], np.uint8)
    _row_medians(np.ascontiguousarray(levels), reach, (zero, least), along)
    _row_medians(np.ascontiguousarray(levels.T), reach, (zero, least), down)
    _farther(along, np.ascontiguousarray(down.T), zero, along)
    return along


def _check(levels: NDArray[Any], reach: int, zero: int, least: int) -> None:
    if levels.dtype != np.uint8:
        raise TypeError(f"levels must be uint8, not {levels.dtype}")
    if levels.ndim != 2 or levels.size == 0:
        raise ValueError(f"levels must be 2-D and not empty, not of shape {levels.shape}")
    if reach < 1:
        raise ValueError(f"reach must be at least 1, not {reach}")
    if not 0 <= zero <= 255:
        raise ValueError(f"zero must be 0 to 255, not {zero}")
    if least < 1:
        raise ValueError(f"least must be at least 1, not {least}")


@kernel
def _row_medians(levels: UInt8, reach: int, line: tuple[int, int], out: UInt8) -> None:
    zero, least = line
    side = min(2 * reach + 1, levels.shape[1])
    for y in range(levels.shape[0]):
        if _has_line(levels[y], side, zero - least, zero + least):
            _medians(levels[y], reach, side, out[y])
            for x in range(levels.shape[1]):
                if abs(int(out[y, x]) - zero) < least:
                    out[y, x] = zero
        else:
            out[y] = zero


@kernel
def _has_line(row: UInt8, side: int, dark: int, bright: int) -> bool:
    """Whether the lower median of any window is at most ``dark`` or at least ``bright``."""
    rank = (side - 1) // 2
    darker = brighter = 0
    for x in range(len(row)):
        darker += int(row[x] <= dark)
        brighter += int(row[x] >= bright)
        if x >= side:
            darker -= int(row[x - side] <= dark)
            brighter -= int(row[x - side] >= bright)
        if x >= side - 1 and (darker > rank or brighter >= side - rank):
            return True
    return False


@kernel
def _medians(row: UInt8, reach: int, side: int, line: UInt8) -> None:
    width, rank = len(row), (side - 1) // 2
    counts = np.zeros(256, np.int64)
    for x in range(side):
        counts[row[x]] += 1
    # `below` counts what is smaller than `middle`; the median is where rank falls within.
    middle, below = 0, 0
    for x in range(width):
        last = x + reach
        if (last >= side) & (last < width):
            gone, come = row[last - side], row[last]
            counts[gone] -= 1
            counts[come] += 1
            below += int(come < middle) - int(gone < middle)
        while below > rank:
            middle -= 1
            below -= counts[middle]
        while below + counts[middle] <= rank:
            below += counts[middle]
            middle += 1
        line[x] = middle


@kernel
def _farther(along: UInt8, down: UInt8, zero: int, out: UInt8) -> None:
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            a, b = along[y, x], down[y, x]
            out[y, x] = a if abs(int(a) - zero) > abs(int(b) - zero) else b
