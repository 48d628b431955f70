"""Intensities of labelled objects: sums, local background and edge gradient of one channel.

Accumulators: for uint8 and uint16 int64, of differences from the object's first pixel, hence
exact; squares may wrap, but the centred sum that is kept fits and wrapping is exact up to
65,535 pixels a side. Floating-point images are summed in float64 in row-major order, again from
the first pixel, so that a large offset does not cancel.

All three are taken object by object, while the object's pixels are still in the processor's
cache: as three walks over all objects they took twice as long.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Int32, Int64, Runs, RunSums
from monolayer_kernels.shape_border import Border

__all__ = ["measure_intensity"]

Image = NDArray[Any]
# int64 beside uint8 and uint16 images, float64 beside the others.
Sums = NDArray[Any]
Float64 = NDArray[np.float64]

_DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


def measure_intensity(
    labels: Int32,
    found: tuple[Runs, RunSums, Border],
    image: Image,
    gap_px: int = 2,
    width_px: int = 5,
) -> dict[str, Float64]:
    """Measure each object's intensities in one channel.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width), C-contiguous
        0 is background.
    found : tuple of Runs, RunSums, Border
        From `find_runs`, `sum_runs` and `find_border` of these labels.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.
    gap_px, width_px : int
        The frame for the local background begins `gap_px` beyond the object's bounding box,
        clear of its blurred edge, and is `width_px` wide.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``intensity_mean``, ``intensity_std`` (of the population), ``intensity_min``,
        ``intensity_max``, ``intensity_sum``; ``centroid_weighted_y_px`` and
        ``centroid_weighted_x_px`` (NaN where the sum is 0); ``intensity_local_background``, the
        mean of the frame's unlabelled pixels (NaN where it has none);
        ``edge_gradient_per_px``, the mean length of the gradient over the border pixels, by
        central differences, one-sided at the image's edge (``numpy.gradient``).

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another shape or layout, a negative gap or a width below 1.
    """
    _check(labels, image, gap_px, width_px)
    runs, sums, border = found
    n = runs.label.size
    dtype = np.dtype(np.int64 if image.dtype.kind == "u" else np.float64)
    added = np.zeros((n, 5), dtype)
    extremes = np.zeros((n, 2), image.dtype)
    free, gradient = np.zeros(n, np.int64), np.zeros(n)
    margins = np.array([gap_px, gap_px + width_px])
    _measure(labels, (runs, sums.bbox, border), image, margins, (added, extremes, free, gradient))
    known = np.where(free == 0, np.nan, free.astype(np.float64))
    background: Float64 = added[:, 4].astype(np.float64) / known
    return {
        **_moments(sums, image, added),
        "intensity_min": extremes[:, 0].astype(np.float64),
        "intensity_max": extremes[:, 1].astype(np.float64),
        "intensity_local_background": background,
        "edge_gradient_per_px": gradient,
    }


def _check(labels: Int32, image: Image, gap_px: int, width_px: int) -> None:
    if image.dtype.type not in _DTYPES:
        msg = f"image must be uint8, uint16, float32 or float64; got {image.dtype}."
        raise TypeError(msg)
    if image.shape != labels.shape:
        msg = f"image has shape {image.shape}, but labels have {labels.shape}."
        raise ValueError(msg)
    if not image.flags.c_contiguous:
        msg = f"image must be C-contiguous; got strides {image.strides}: np.ascontiguousarray."
        raise ValueError(msg)
    if gap_px < 0 or width_px < 1:
        msg = f"the frame needs gap_px >= 0 and width_px >= 1; got {gap_px} and {width_px}."
        raise ValueError(msg)


def _moments(sums: RunSums, image: Image, added: Sums) -> dict[str, Float64]:
    """Means, deviations and weighted centroids from sums of differences."""
    n, offset_y, offset_x = sums.moments[:, 0], sums.moments[:, 1], sums.moments[:, 2]
    base = image[sums.origin[:, 0], sums.origin[:, 1]].astype(added.dtype)
    linear, along_y, along_x = added[:, 0], added[:, 2], added[:, 3]
    total = linear + base * n
    weight = np.where(total == 0, np.nan, total.astype(np.float64))
    return {
        "intensity_mean": base + linear / n,
        "intensity_std": np.sqrt(_variance(linear, added[:, 1], n)),
        "intensity_sum": total.astype(np.float64),
        "centroid_weighted_y_px": sums.origin[:, 0] + (along_y + base * offset_y) / weight,
        "centroid_weighted_x_px": sums.origin[:, 1] + (along_x + base * offset_x) / weight,
    }


def _variance(linear: Sums, square: Sums, n: Int64) -> Float64:
    """Variance from sums of differences, moved to within one grey level of the mean first."""
    near = linear // n
    rest = (linear - n * near) / n
    centred = square - 2 * near * linear + n * near * near
    variance: Float64 = np.maximum(centred / n - rest * rest, 0.0)
    return variance


@kernel
def _add_object(runs: Runs, k: int, image: Image, added: Sums, extremes: Image) -> None:
    """Add d, d d, d y and d x of each pixel; d, y and x count from the object's first pixel."""
    i = runs.first[k]
    oy, ox = runs.row[i], runs.start[i]
    low = high = image[oy, ox]
    # Zeros of the table's own dtype: int64 for integer images, float64 for others.
    linear = square = along_y = along_x = zero = added[0]
    base = zero + image[oy, ox]
    for i in range(runs.first[k], runs.first[k + 1]):
        line = image[runs.row[i], runs.start[i] : runs.stop[i]]
        total = ramp = zero
        for x in range(line.size):
            d = line[x] - base
            total += d
            square += d * d
            ramp += d * x
            low = min(low, line[x])
            high = max(high, line[x])
        linear += total
        along_x += ramp + total * (runs.start[i] - ox)
        along_y += total * (runs.row[i] - oy)
    extremes[0] = low
    extremes[1] = high
    added[0] = linear
    added[1] = square
    added[2] = along_y
    added[3] = along_x


@kernel
def _add_stretch(labels: Int32, image: Image, added: Sums) -> int:
    """Add the unlabelled pixels of one stretch of a row; return how many there are."""
    total, n = added[0], 0
    for x in range(labels.size):
        if labels[x] == 0:
            total += image[x]
            n += 1
    added[0] = total
    return n


@kernel
def _add_frame(labels: Int32, box: Int64, image: Image, margins: Int64, added: Sums) -> int:
    """Add the unlabelled pixels of one frame, row by row: left of the box, then right of it."""
    height, width = labels.shape
    gap, reach = margins[0], margins[1]
    left, right = max(0, box[1] - gap), min(width, box[3] + gap)
    first, last = max(0, box[1] - reach), min(width, box[3] + reach)
    n = 0
    for y in range(max(0, box[0] - reach), min(height, box[2] + reach)):
        if box[0] - gap <= y < box[2] + gap:
            n += _add_stretch(labels[y, first:left], image[y, first:left], added)
            n += _add_stretch(labels[y, right:last], image[y, right:last], added)
        else:
            n += _add_stretch(labels[y, first:last], image[y, first:last], added)
    return n


@kernel
def _mean_gradient(border: Border, k: int, image: Image) -> float:
    """Average the gradient's length over one object's border pixels."""
    bottom, right = image.shape[0] - 1, image.shape[1] - 1
    total = 0.0
    for i in range(border.first[k], border.first[k + 1]):
        y, x = border.row[i], border.column[i]
        up, down = max(y - 1, 0), min(y + 1, bottom)
        before, after = max(x - 1, 0), min(x + 1, right)
        gy = (float(image[down, x]) - float(image[up, x])) / max(down - up, 1)
        gx = (float(image[y, after]) - float(image[y, before])) / max(after - before, 1)
        total += np.sqrt(gy * gy + gx * gx)
    mean: float = total / (border.first[k + 1] - border.first[k])
    return mean


@kernel
def _measure(
    labels: Int32,
    found: tuple[Runs, Int64, Border],
    image: Image,
    margins: Int64,
    out: tuple[Sums, Image, Int64, Float64],
) -> None:
    """Take each object in turn."""
    runs, bbox, border = found
    added, extremes, free, gradient = out
    for k in range(runs.label.size):
        _add_object(runs, k, image, added[k], extremes[k])
        free[k] = _add_frame(labels, bbox[k], image, margins, added[k, 4:])
        gradient[k] = _mean_gradient(border, k, image)
