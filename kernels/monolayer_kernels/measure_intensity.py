"""Intensities of labelled objects: sums, extremes and weighted centroid of one channel.

Accumulators: for uint8 and uint16 int64, of differences from the object's first pixel, hence
exact; squares may wrap, but the centred sum that is kept fits and wrapping is exact up to
65,535 pixels a side. Floating-point images are summed in float64, run by run and runs in row-major
order, again from the first pixel, so that a large offset does not cancel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import InRows, Int64, Runs, RunSums

__all__ = ["check_image", "intensity_moments", "measure_intensity", "sum_dtype", "widen"]

Image = NDArray[Any]
# int64 beside uint8 and uint16 images, float64 beside the others.
Sums = NDArray[Any]
Float64 = NDArray[np.float64]

_DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


def measure_intensity(runs: Runs, sums: RunSums, order: InRows, image: Image) -> dict[str, Float64]:
    """Measure each object's intensities in one channel.

    Parameters
    ----------
    runs, sums, order : Runs, RunSums, InRows
        From `find_runs`, `sum_runs` and `order_by_row` of `monolayer_kernels.measure_runs`.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``intensity_mean``, ``intensity_std`` (of the population), ``intensity_min``,
        ``intensity_max``, ``intensity_sum``; ``centroid_weighted_y_px`` and
        ``centroid_weighted_x_px`` (NaN where the sum is 0).

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another layout, or an image that does not hold all objects.
    """
    check_image(image, sums.bbox, order)
    added = np.zeros((runs.label.size, 4), sum_dtype(image))
    base = image[sums.origin[:, 0], sums.origin[:, 1]].astype(added.dtype)
    extremes = np.stack((base, base), axis=1)
    wide = np.empty(image.shape[1], added.dtype)
    _add_rows(runs, order, image, wide, (sums.origin, base, added, extremes))
    return {
        **intensity_moments(sums, base, added),
        "intensity_min": extremes[:, 0].astype(np.float64),
        "intensity_max": extremes[:, 1].astype(np.float64),
    }


def check_image(image: Image, bbox: Int64, order: InRows) -> None:
    """Raise unless the kernels can sum the image and it holds all objects."""
    if image.dtype.type not in _DTYPES:
        msg = f"image must be uint8, uint16, float32 or float64; got {image.dtype}."
        raise TypeError(msg)
    shape = (order.first.size - 1, order.width)
    if image.shape != shape:
        msg = f"image has shape {image.shape}, but labels have {shape}."
        raise ValueError(msg)
    if bbox.size and int(bbox[:, 3].max()) > image.shape[1]:
        msg = (
            f"image has shape {image.shape}, but objects reach column {int(bbox[:, 3].max()) - 1}."
        )
        raise ValueError(msg)
    if not image.flags.c_contiguous:
        msg = f"image must be C-contiguous; got strides {image.strides}: np.ascontiguousarray."
        raise ValueError(msg)


def sum_dtype(image: Image) -> np.dtype[Any]:
    """Accumulator of an image's sums."""
    return np.dtype(np.int64 if image.dtype.kind == "u" else np.float64)


def intensity_moments(sums: RunSums, base: Sums, added: Sums) -> dict[str, Float64]:
    """Means, deviations and weighted centroids from sums of differences.

    Parameters
    ----------
    sums : RunSums
        Of the n objects.
    base : ndarray of int64 or float64, shape (n,)
        Grey level from which the differences d are taken.
    added : ndarray of the same dtype, shape (n, 4)
        Sums of d, d d, d y and d x, y and x from the object's first pixel.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        Columns of `measure_intensity` but the extremes.
    """
    n, offset_y, offset_x = sums.moments[:, 0], sums.moments[:, 1], sums.moments[:, 2]
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
def widen(line: Image, wide: Sums) -> None:
    """Copy a row into the sums' dtype.

    The whole row, although only parts are read: reading it in one stroke brings it into the
    processor's cache, where run by run each would wait for memory (1.2 ms against 5 on a field).
    """
    for x in range(line.size):
        wide[x] = line[x]


@kernel
def _add_rows(
    runs: Runs, order: InRows, image: Image, wide: Sums, table: tuple[Int64, Sums, Sums, Sums]
) -> None:
    """Add d, d d, d y and d x of each pixel; d, y and x count from the object's first pixel.

    One loop in one function: a call with a slice for each run cost as much as the sums.
    """
    origin, bases, added, extremes = table
    for y in range(image.shape[0]):
        if order.first[y] == order.first[y + 1]:
            continue
        widen(image[y], wide)
        for j in range(order.first[y], order.first[y + 1]):
            i, k = order.item[j], order.owner[j]
            line, base = wide[runs.start[i] : runs.stop[i]], bases[k]
            low, high = extremes[k, 0], extremes[k, 1]
            total = square = ramp = base - base
            for x in range(line.size):
                d = line[x] - base
                total += d
                square += d * d
                ramp += d * x
                low = min(low, line[x])
                high = max(high, line[x])
            extremes[k, 0], extremes[k, 1] = low, high
            added[k, 0] += total
            added[k, 1] += square
            added[k, 2] += total * (y - origin[k, 0])
            added[k, 3] += ramp + total * (runs.start[i] - origin[k, 1])
