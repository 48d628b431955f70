"""Thresholds from a plane's histogram, local thresholds, and cutting a range into steps.

Integers are counted level by level, all 65,536 of them: nothing is rescaled, so that a
threshold does not depend on the brightest pixel. Each method is a short sum over the histogram;
one walk over the image serves them all.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.boxes import box_mean
from monolayer_kernels.checks import finite_range
from monolayer_kernels.smooth import check_plane

__all__ = [
    "Histogram",
    "histogram",
    "quantise",
    "threshold_li",
    "threshold_local",
    "threshold_otsu",
    "threshold_triangle",
]

_BINS = 1 << 16


class Histogram(NamedTuple):
    """How often each grey level occurs.

    Attributes
    ----------
    counts : ndarray (n,) int64
        The first and the last are not 0.
    low, step : float
        Bin i stands for the grey level ``low + i * step``: the level itself for integers, the
        centre of a bin for floats.
    """

    counts: NDArray[np.int64]
    low: float
    step: float

    def levels(self) -> NDArray[np.float64]:
        """Grey level of each bin."""
        return self.low + self.step * np.arange(self.counts.size, dtype=np.float64)


def histogram(image: NDArray[Any]) -> Histogram:
    """Count grey levels: every one of them for integers, in 65,536 bins for floats.

    Parameters
    ----------
    image : ndarray of uint8, uint16 or float32, any shape
        Floats must be finite.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Empty, or not finite.
    """
    if image.dtype.type not in (np.uint8, np.uint16, np.float32) or not image.dtype.isnative:
        raise TypeError(f"image must be uint8, uint16 or float32, not {image.dtype.str}")
    if image.size == 0:
        raise ValueError(f"image must not be empty; it has shape {image.shape}")
    flat = np.ascontiguousarray(image).reshape(-1)
    counts = np.zeros((4, _BINS), dtype=np.uint32)
    low, step = 0.0, 1.0
    if flat.dtype.kind == "f":
        low, high = finite_range(flat)
        step = (high - low) / (_BINS - 1)
        if step == 0:
            return Histogram(np.array([flat.size], dtype=np.int64), low, 0.0)
        flat = np.rint((flat - np.float32(low)) * np.float32(1 / step)).astype(np.uint16)
    _count_levels(flat, counts)
    first, last = _occurring(counts)
    total = counts[:, first : last + 1].sum(axis=0, dtype=np.int64)
    return Histogram(total, low + step * first, step)


def _occurring(counts: NDArray[np.uint32]) -> tuple[int, int]:
    """First and last level that occur."""
    occurs = np.bitwise_or.reduce(counts, axis=0) != 0
    return int(np.argmax(occurs)), _BINS - 1 - int(np.argmax(occurs[::-1]))


def threshold_otsu(levels: Histogram) -> float:
    """The level that parts two classes with the largest variance between them (Otsu 1979).

    The class above is what is larger than the level. Of equally good levels the lowest. The
    only level of an image without variation is that of all its pixels.
    """
    if levels.counts.size == 1:
        return levels.low
    counts = levels.counts.astype(np.float64)
    index = np.arange(counts.size)
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * index)
    above = counts.sum() - below
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    return levels.low + levels.step * int(np.argmax(below * above * gap * gap))


def threshold_li(levels: Histogram) -> float:
    """The level of least cross-entropy between image and classes, by iteration (Li & Tam 1998).

    https://doi.org/10.1016/S0167-8655(98)00057-9. From the mean grey level on, until a step is
    shorter than half the smallest gap between levels that occur. Grey levels count from the
    lowest that occurs, because the logarithm needs an origin.
    """
    occurring = np.flatnonzero(levels.counts)
    if occurring.size == 1:
        return levels.low
    counts = np.cumsum(levels.counts)
    sums = np.cumsum(levels.counts * np.arange(levels.counts.size))
    tolerance = 0.5 * int(np.diff(occurring).min())
    before, level = -math.inf, float(sums[-1] / counts[-1])
    while abs(level - before) > tolerance:
        before = level
        last = int(level)
        dark = float(sums[last] / counts[last])
        bright = float((sums[-1] - sums[last]) / (counts[-1] - counts[last]))
        if dark == 0:
            break
        level = (dark - bright) / (math.log(dark) - math.log(bright))
    # ``log`` may differ in its last bit between libraries of mathematics.
    return levels.low + levels.step * round(level, 6)


def threshold_triangle(levels: Histogram) -> float:
    """The level farthest below the line from the histogram's peak to its longer tail's end.

    Zack, Rogers & Latt 1977, https://doi.org/10.1177/25.7.70454. Of equally far levels the one
    nearest the end of the tail.
    """
    counts = levels.counts
    peak = int(np.argmax(counts))
    end = counts.size - 1 if counts.size - 1 - peak > peak else 0
    steps = abs(peak - end)
    if steps == 0:
        return levels.low
    towards = 1 if peak > end else -1
    along = np.arange(steps)
    # Integers: twice the area of the triangle of peak, end and the level in question.
    far = int(counts[peak]) * along - steps * counts[end + towards * along]
    return levels.low + levels.step * (end + towards * int(np.argmax(far)))


def threshold_local(image: NDArray[Any], radius: int, offset: float = 0.0) -> NDArray[np.float32]:
    """Mean of the square of side ``2 radius + 1`` around each pixel, minus an offset.

    Beyond the border the image is repeated as in a mirror that repeats the border's pixels.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32
    radius : int
        In pixels, at least 0.
    offset : float
        In grey levels.

    Returns
    -------
    ndarray (H, W) float32

    Raises
    ------
    TypeError, ValueError
        As `monolayer_kernels.boxes.box_mean`; or an offset that is not finite.
    """
    if not math.isfinite(offset):
        raise ValueError(f"offset must be finite, not {offset}")
    return box_mean(image, radius) - np.float32(offset)


def quantise(image: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.uint8]:
    """How many of the thresholds each pixel reaches.

    A table of 65,536 equal bins from the first to the last threshold stands for the thresholds
    (searching them pixel by pixel took 30 times as long), so each is moved down by at most
    1/65,536 of that range.

    Parameters
    ----------
    image : ndarray (H, W) float32
        NaN reaches none.
    thresholds : ndarray (n,) float64
        Ascending and finite, at most 255.

    Returns
    -------
    ndarray (H, W) uint8

    Raises
    ------
    ValueError
        Not 2-D, empty, or thresholds that are too many, not finite or not ascending.
    """
    check_plane(image)
    n = len(thresholds)
    if not (1 <= n <= 255 and np.isfinite(thresholds).all() and (np.diff(thresholds) >= 0).all()):
        raise ValueError(f"thresholds must be 1 to 255 ascending numbers, not {thresholds!r}")
    low, high = float(thresholds[0]), float(thresholds[-1])
    out = np.empty(image.shape, dtype=np.uint8)
    if high <= low:
        out[:] = np.where(image >= np.float32(low), n, 0)
        return out
    scale = (_BINS - 1) / (high - low)
    bins = np.floor((thresholds - low) * scale).astype(np.int64)
    steps = np.diff(bins, append=_BINS)
    table = np.repeat(np.arange(n + 1, dtype=np.uint8), np.append(1, steps))
    _look_up(np.ascontiguousarray(image), np.float32(low), np.float32(scale), table, out)
    return out


@kernel
def _count_levels(levels: NDArray[Any], counts: NDArray[np.uint32]) -> None:
    """Four tables in turn: counting the same level twice in a row in one of them has to wait."""
    a, b, c, d = counts[0], counts[1], counts[2], counts[3]
    whole = levels.size // 4 * 4
    for i in range(0, whole, 4):
        a[levels[i]] += np.uint32(1)
        b[levels[i + 1]] += np.uint32(1)
        c[levels[i + 2]] += np.uint32(1)
        d[levels[i + 3]] += np.uint32(1)
    for i in range(whole, levels.size):
        a[levels[i]] += np.uint32(1)


@kernel
def _look_up(
    image: NDArray[np.float32],
    low: np.float32,
    scale: np.float32,
    table: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    last = np.float32(len(table) - 2)
    place = np.empty(image.shape[1], np.int32)
    for y in range(image.shape[0]):
        _places(image[y], low, scale, last, place)
        row = out[y]
        for x in range(place.size):
            row[x] = table[np.uintp(place[x])]


@kernel
def _places(
    row: NDArray[np.float32],
    low: np.float32,
    scale: np.float32,
    last: np.float32,
    place: NDArray[np.int32],
) -> None:
    """Places in the table, 0 for what is too low; a loop of its own, as it has no branch."""
    for x in range(row.size):
        above = (row[x] - low) * scale
        # Asked in this way NaN finds the first place instead of one beyond the table's end.
        reached = min(above, last) if above >= 0 else np.float32(-1)
        place[x] = np.int32(reached) + 1
