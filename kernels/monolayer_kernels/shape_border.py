"""Border pixels of labelled objects and the 4-neighbour perimeter of scikit-image.

A pixel is border where one of its four neighbours does not belong to its object. The perimeter
adds a weight for each border pixel that depends on how many border pixels of the same object lie
beside and diagonal to it (Benkrid and Crookes, Queen's University of Belfast, 2000).

The one trick: each object is drawn from its runs into a small canvas of 64 pixels a word, framed
by zeros, on which erosion and the counts of border neighbours are a few logical operations for a
whole row of the object. A canvas of bytes took four times as long, and reading neighbours from the
label image eight times. Rows follow one another with an empty word between, so that an object is
one line of words, whose neighbours above and below lie a fixed step away: one loop an object.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_sums
from monolayer_kernels.flags import count_bits, lowest_bit
from monolayer_kernels.measure_runs import Int32, Int64, Runs, RunSums

__all__ = ["Border", "find_border", "measure_perimeters"]

UInt64 = NDArray[np.uint64]
Float64 = NDArray[np.float64]

_ONE = np.uint64(1)
_LAST = np.uint64(63)
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Border(NamedTuple):
    """Border pixels of n objects.

    Attributes
    ----------
    first : ndarray of int64, shape (n + 1,)
        Object i owns the pixels ``first[i]`` to ``first[i + 1] - 1``, at least one.
    row, column : ndarray of int32, shape (number of border pixels,)
        Object by object, in row and then column order.
    perimeter_px : ndarray of float64, shape (n,)
        ``skimage.measure.perimeter`` with 4-neighbourhood: the sum of three exact counts times
        1, sqrt(2) and (1 + sqrt(2)) / 2.
    """

    first: Int64
    row: Int32
    column: Int32
    perimeter_px: Float64


def find_border(runs: Runs, sums: RunSums) -> Border:
    """Find the border pixels of all objects, and their perimeters.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    Border
        Border pixels of objects; the image's edge counts as another object.

    Raises
    ------
    ValueError
        Sums of other objects.
    """
    # No object has more border pixels than pixels, nor more than a few a run where it is smooth.
    capacity = 4 * runs.row.size + 1024
    while True:
        pixels = np.empty((2, capacity), np.int32)
        first, kinds = _measure(runs, sums, pixels)
        if first[-1] <= capacity:
            # Copies: the list was made longer than most need.
            row, column = pixels[:, : first[-1]].copy()
            return Border(first, row, column, _lengths(kinds))
        capacity = int(first[-1])


def measure_perimeters(runs: Runs, sums: RunSums) -> Float64:
    """Perimeters alone, as `Border.perimeter_px` has them, without the list of border pixels.

    Raises
    ------
    ValueError
        Sums of other objects.
    """
    _, kinds = _measure(runs, sums, np.empty((2, 0), np.int32))
    return _lengths(kinds)


def _measure(runs: Runs, sums: RunSums, pixels: Int32) -> tuple[Int64, Int64]:
    """Draw on a canvas for the largest object."""
    check_sums(runs, sums)
    sides = sums.bbox[:, 2:] - sums.bbox[:, :2]
    height, width = sides.max(axis=0, initial=1)
    canvas = np.zeros((2, (height + 2) * ((width + 63) // 64 + 1) + 2), np.uint64)
    first = np.zeros(runs.label.size + 1, np.int64)
    kinds = np.zeros((runs.label.size, 3), np.int64)
    _borders(runs, sums.bbox, canvas, (first, pixels), kinds)
    return first, kinds


def _lengths(kinds: Int64) -> Float64:
    root = np.sqrt(2.0)
    lengths: Float64 = kinds[:, 0] + kinds[:, 1] * root + kinds[:, 2] * ((1 + root) / 2)
    return lengths


@kernel
def _draw(runs: Runs, k: int, box: Int64, stride: int, inside: UInt64) -> None:
    """Set the bits of one object; row y of its box begins at ``(y + 1) * stride + 1``."""
    for i in range(runs.first[k], runs.first[k + 1]):
        line = inside[(runs.row[i] - box[0] + 1) * stride + 1 :]
        start, stop = runs.start[i] - box[1], runs.stop[i] - box[1]
        for w in range(start // 64, (stop - 1) // 64 + 1):
            low, high = max(start - 64 * w, 0), min(stop - 64 * w, 64)
            line[w] |= (_ALL << np.uint64(low)) & (_ALL >> np.uint64(64 - high))


@kernel
def _erode(inside: UInt64, stride: int, n: int, edge: UInt64) -> int:
    """Keep the pixels with a 4-neighbour outside; return how many there are."""
    above, own = inside[1 : n + 1], inside[stride : stride + n + 2]
    below, out = inside[2 * stride + 1 :], edge[stride + 1 :]
    count = _ONE - _ONE
    for i in range(n):
        word = own[i + 1]
        left, right = (word << _ONE) | (own[i] >> _LAST), (word >> _ONE) | (own[i + 2] << _LAST)
        word &= ~(above[i] & below[i] & left & right)
        out[i] = word
        count += count_bits(word)
    return int(count)


@kernel
def _add_four(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Add four bits at each of 64 places: ones, twos and fours of the sums."""
    low, high = a ^ b, c ^ d
    twos = (a & b) ^ (c & d) ^ (low & high)
    return low ^ high, twos, a & b & c & d


@kernel
def _beside(line: UInt64, i: int) -> tuple[np.uint64, np.uint64]:
    """Left and right neighbours of the pixels of word ``i + 1``."""
    left = (line[i + 1] << _ONE) | (line[i] >> _LAST)
    right = (line[i + 1] >> _ONE) | (line[i + 2] << _LAST)
    return left, right


@kernel
def _count_kinds(edge: UInt64, stride: int, n: int, kinds: Int64) -> None:
    """Count border pixels by weight, from how many lie beside (b) and diagonal (d) to each.

    1 for b = 2 or 3 and d <= 2; sqrt(2) for b, d = 0, 2 or 1, 3; their mean for b = 1 and d = 1
    or 2; else none.
    """
    above, line = edge[: n + 2], edge[stride : stride + n + 2]
    below = edge[2 * stride : 2 * stride + n + 2]
    straight = slanted = mixed = _ONE - _ONE
    for i in range(n):
        left, right = _beside(line, i)
        b1, b2, b4 = _add_four(above[i + 1], below[i + 1], left, right)
        upper, lower = _beside(above, i), _beside(below, i)
        d1, d2, d4 = _add_four(upper[0], upper[1], lower[0], lower[1])
        own = line[i + 1]
        single = own & b1 & ~b2
        alone = own & ~(b1 | b2 | b4)
        straight += count_bits(own & b2 & ~(d4 | (d1 & d2)))
        slanted += count_bits((alone & d2 & ~d1) | (single & d1 & d2))
        mixed += count_bits(single & (d1 ^ d2))
    kinds[0], kinds[1], kinds[2] = straight, slanted, mixed


@kernel
def _list_bits(line: UInt64, words: int, left: int, columns: Int32) -> int:
    """List the columns of a row's set bits; `columns` is long enough."""
    n = 0
    for w in range(words):
        word = line[w]
        while word != 0:
            columns[n] = left + 64 * w + int(lowest_bit(word))
            word &= word - _ONE
            n += 1
    return n


@kernel
def _borders(
    runs: Runs, bbox: Int64, canvas: UInt64, found: tuple[Int64, Int32], kinds: Int64
) -> None:
    """Draw, erode, count, list (while the list has room) and wipe each object."""
    first, pixels = found
    inside, edge = canvas[0], canvas[1]
    for k in range(runs.label.size):
        top, left = bbox[k, 0], bbox[k, 1]
        rows, stride = bbox[k, 2] - top, (bbox[k, 3] - left + 63) // 64 + 1
        _draw(runs, k, bbox[k], stride, inside)
        first[k + 1] = first[k] + _erode(inside, stride, rows * stride, edge)
        _count_kinds(edge, stride, rows * stride, kinds[k])
        if first[k + 1] <= pixels.shape[1]:
            n = first[k]
            for y in range(rows):
                line = edge[(y + 1) * stride + 1 :]
                m = _list_bits(line, stride - 1, left, pixels[1, n:])
                pixels[0, n : n + m] = top + y
                n += m
        # Only what was drawn: the canvas is as large as the largest object.
        inside[: (rows + 2) * stride + 2] = 0
        edge[: (rows + 2) * stride + 2] = 0
