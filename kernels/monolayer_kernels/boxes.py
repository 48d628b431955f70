"""Means over boxes, and of three boxes a wide Gaussian: the cost does not depend on the width.

Running sums: down the columns by adding the row that enters the box and taking off the one that
leaves it, along the row by differences of sums.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import check_plane

__all__ = ["box_mean", "gaussian_boxes"]

Plane = NDArray[np.float32]


def box_mean(image: NDArray[Any], radius: int) -> Plane:
    """Mean over the square of side ``2 radius + 1``, at a cost that does not depend on it.

    Running sums: exact integers for integers, float64 for floats. Beyond the border the image
    is repeated as in a mirror that repeats the border's pixels, as in
    ``scipy.ndimage.uniform_filter``.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32
    radius : int
        In pixels, at least 0.

    Returns
    -------
    ndarray (H, W) float32

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, not finite, or a negative radius.
    """
    if image.dtype.type not in (np.uint8, np.uint16, np.float32) or not image.dtype.isnative:
        raise TypeError(f"image must be uint8, uint16 or float32, not {image.dtype.str}")
    check_plane(image)
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    out = np.empty(image.shape, dtype=np.float32)
    total = np.float64 if image.dtype.kind == "f" else np.int64
    columns = np.zeros(image.shape[1], dtype=total)
    sums = np.zeros(image.shape[1] + 2 * radius + 1, dtype=total)
    _box_mean(np.ascontiguousarray(image), radius, columns, sums, out)
    # What is not finite stays in the running sums as NaN, to the last pixel.
    if not np.isfinite(out[-1, -1]):
        raise ValueError("image must be finite; it holds NaN or infinity")
    return out


def gaussian_boxes(image: NDArray[Any], sigma: float) -> Plane:
    """Smooth with three boxes of together a Gaussian's variance, for large widths.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32
    sigma : float
        Standard deviation in pixels, at least 2: below, boxes have too few widths to choose
        from.

    Returns
    -------
    ndarray (H, W) float32
        Within 4 % of an edge's height of a true Gaussian.

    Raises
    ------
    TypeError, ValueError
        As `box_mean`; or a width below 2.
    """
    if not (math.isfinite(sigma) and sigma >= 2):
        raise ValueError(f"sigma must be a finite number >= 2, not {sigma!r}")
    # Radii r and r + 1: a box of side w has the variance (w w - 1) / 12.
    radius = math.floor((math.sqrt(4 * sigma * sigma + 1) - 1) / 2)
    variances = [((2 * r + 1) ** 2 - 1) / 12 for r in (radius, radius + 1)]
    larger = round((sigma * sigma - 3 * variances[0]) / (variances[1] - variances[0]))
    out = image
    for i in range(3):
        out = box_mean(out, radius + (i < larger))
    return out


@kernel
def _box_mean(
    image: NDArray[Any], radius: int, columns: NDArray[Any], sums: NDArray[Any], out: Plane
) -> None:
    """``columns`` holds the sum of each column over the rows of the box."""
    height = image.shape[0]
    side = 2 * radius + 1
    for y in range(-radius, radius):
        _add_row(image[_reflect(y, height)], columns)
    for y in range(height):
        _add_row(image[_reflect(y + radius, height)], columns)
        _add_up(columns, radius, sums)
        _differences(sums, sums[side:], 1 / (side * side), out[y])
        _take_off_row(image[_reflect(y - radius, height)], columns)


@kernel
def _add_up(columns: NDArray[Any], radius: int, sums: NDArray[Any]) -> None:
    """Running sums from ``radius`` columns before the row to as many after it."""
    width = columns.size
    total = sums[0]
    for i in range(-radius, 0):
        total += columns[_reflect(i, width)]
        sums[i + radius + 1] = total
    inner = sums[radius + 1 :]
    for x in range(width):
        total += columns[x]
        inner[x] = total
    for i in range(width, width + radius):
        total += columns[_reflect(i, width)]
        sums[i + radius + 1] = total


@kernel
def _differences(before: NDArray[Any], after: NDArray[Any], factor: float, out: Plane) -> None:
    for x in range(out.size):
        out[x] = (after[x] - before[x]) * factor


@kernel
def _reflect(i: int, n: int) -> int:
    i = i % (2 * n)
    return i if i < n else 2 * n - 1 - i


@kernel
def _add_row(row: NDArray[Any], columns: NDArray[Any]) -> None:
    for x in range(row.size):
        columns[x] += row[x]


@kernel
def _take_off_row(row: NDArray[Any], columns: NDArray[Any]) -> None:
    for x in range(row.size):
        columns[x] -= row[x]
