"""Smoothing and block means of one plane.

The Gaussian is a plain finite sum: the widths wanted here are a few pixels at most, because
large objects are looked at in a binned image. Its rows are added as whole slices, so that the
inner loops vectorise without fastmath and the order of every sum is fixed.

Two faster ones stand beside it: `binomial` for counts, in 16 bits throughout, and
`gaussian_boxes`, whose cost does not depend on the width.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["bin_mean", "binomial", "box_mean", "gaussian", "gaussian_boxes", "gaussian_weights"]

Plane = NDArray[np.float32]
Row16 = NDArray[np.uint16]

_TAIL = 3.0
_UNIT = 1 << 20
_LARGEST_ORDER = 64
_COUNTS = (np.uint8, np.uint16)


def gaussian_weights(sigma: float) -> NDArray[np.float32]:
    """Half of the Gaussian's weights, from the centre outwards, cut at 3 sigma.

    ``exp`` may differ in its last bit between libraries of mathematics, so the weights are
    rounded to multiples of 2^-20, and the centre takes what is left of 1.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma must be a finite number >= 0, not {sigma!r}")
    radius = math.ceil(_TAIL * sigma)
    raw = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(1, radius + 1)] if sigma else []
    total = 1.0 + 2.0 * sum(raw)
    tail = [round(w / total * _UNIT) for w in raw]
    units = [_UNIT - 2 * sum(tail), *tail]
    return np.array(units, dtype=np.float32) / np.float32(_UNIT)


def gaussian(image: NDArray[np.generic], sigma: float) -> Plane:
    """Smooth with a Gaussian; beyond the border the image is repeated as in a mirror.

    Parameters
    ----------
    image : ndarray (H, W)
        Any real dtype; it is taken as float32.
    sigma : float
        Standard deviation in pixels; 0 gives a copy.

    Returns
    -------
    ndarray (H, W) float32
        Equal to ``scipy.ndimage.gaussian_filter(mode="mirror", truncate=3)`` to 1e-5 of the
        image's range.

    Raises
    ------
    ValueError
        ``image`` is not 2-D or is empty, or ``sigma`` is negative or not finite.
    """
    source = _plane(image)
    weights = gaussian_weights(sigma)
    if weights.size == 1:
        return source.copy()
    if weights.size % 2 == 0:
        # Taps are taken in pairs; one of weight zero adds nothing to the last bit.
        weights = np.append(weights, np.float32(0))
    out = np.empty_like(source)
    _smooth(source, weights, out)
    return out


def binomial(image: NDArray[Any], order: int, shift: int = 0) -> NDArray[np.uint16]:
    """Smooth counts with the binomial weights of an even order, in 16 bits.

    ``order`` averages of neighbours a direction, rounded down and up in turn: a Gaussian of
    standard deviation ``sqrt(order) / 2``. Beyond the border the image is repeated as in a
    mirror.

    Parameters
    ----------
    image : ndarray (H, W) of uint8 or uint16
    order : int
        Even, 2 to 64.
    shift : int
        The image is taken ``2 ** shift`` times, so that what is lost by rounding is a smaller
        share of a grey level: up to ``order / 8`` counts of the result, 0.5 in the mean.

    Returns
    -------
    ndarray (H, W) uint16
        In ``2 ** -shift`` grey levels.

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, an order that is odd or not within 2 to 64, or a shift by
        which the brightest pixel does not fit 16 bits.
    """
    if image.dtype.type not in _COUNTS or not image.dtype.isnative:
        raise TypeError(f"image must be uint8 or uint16, not {image.dtype.str}")
    _check_plane(image)
    if order % 2 or not 2 <= order <= _LARGEST_ORDER:
        raise ValueError(f"order must be an even number of 2 to {_LARGEST_ORDER}, not {order}")
    if shift < 0 or (shift and int(image.max()) >> (16 - shift)):
        raise ValueError(f"pixels up to {image.max()} shifted by {shift} do not fit 16 bits")
    out = np.empty(image.shape, dtype=np.uint16)
    _binomial(np.ascontiguousarray(image), order, shift, out)
    return out


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
    """
    if image.dtype.type not in (np.uint8, np.uint16, np.float32) or not image.dtype.isnative:
        raise TypeError(f"image must be uint8, uint16 or float32, not {image.dtype.str}")
    _check_plane(image)
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    out = np.empty(image.shape, dtype=np.float32)
    total = np.float64 if image.dtype.kind == "f" else np.int64
    columns = np.zeros(image.shape[1], dtype=total)
    sums = np.zeros(image.shape[1] + 2 * radius + 1, dtype=total)
    _box_mean(np.ascontiguousarray(image), radius, columns, sums, out)
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


def bin_mean(image: NDArray[np.generic], factor: int) -> Plane:
    """Mean of each ``factor`` x ``factor`` block; blocks at the far edges hold what there is.

    Parameters
    ----------
    image : ndarray (H, W)
        Any real dtype; it is taken as float32.
    factor : int
        Side of a block in pixels, at least 1.

    Returns
    -------
    ndarray (ceil(H / factor), ceil(W / factor)) float32

    Raises
    ------
    ValueError
        ``image`` is not 2-D or is empty, or ``factor`` is below 1.
    """
    if factor < 1:
        raise ValueError(f"factor must be at least 1, not {factor}")
    if factor == 1:
        return _plane(image).copy()
    # The sums turn pixels into float32 one row at a time: no copy of the image is made.
    source = np.ascontiguousarray(image) if image.dtype.type in _COUNTS else _plane(image)
    _check_plane(source)
    height, width = source.shape
    out = np.empty((-(-height // factor), -(-width // factor)), dtype=np.float32)
    _bin(source, factor, out)
    return out


def _check_plane(image: NDArray[Any]) -> None:
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"image must be 2-D and not empty, not of shape {image.shape}")


def _plane(image: NDArray[np.generic]) -> Plane:
    _check_plane(image)
    return np.ascontiguousarray(image, dtype=np.float32)


@kernel
def _mirror(i: int, n: int) -> int:
    # The loop serves images smaller than the kernel.
    while i < 0 or i >= n:
        if n == 1:
            return 0
        i = -i if i < 0 else 2 * n - 2 - i
    return i


@kernel
def _row_at(source: Plane, y: int) -> Plane:
    row: Plane = source[_mirror(y, source.shape[0])]
    return row


@kernel
def _sum_five(
    lines: tuple[Plane, Plane, Plane, Plane, Plane], weights: NDArray[np.float32], out: Plane
) -> None:
    """The centre and two taps on either side in one pass: each line is read once."""
    centre, low, high, lower, higher = lines
    own, near, far = weights[0], weights[1], weights[2]
    for x in range(out.size):
        out[x] = (centre[x] * own + near * (low[x] + high[x])) + far * (lower[x] + higher[x])


@kernel
def _add_four(
    lines: tuple[Plane, Plane, Plane, Plane], weights: NDArray[np.float32], out: Plane
) -> None:
    low, high, lower, higher = lines
    near, far = weights[0], weights[1]
    for x in range(out.size):
        out[x] = (out[x] + near * (low[x] + high[x])) + far * (lower[x] + higher[x])


@kernel
def _smooth(source: Plane, weights: NDArray[np.float32], out: Plane) -> None:
    height, width = source.shape
    r = weights.size - 1
    line = np.empty(width + 2 * r, dtype=np.float32)
    centre = line[r : r + width]
    for y in range(height):
        up, down = _row_at(source, y - 1), _row_at(source, y + 1)
        upper, lower = _row_at(source, y - 2), _row_at(source, y + 2)
        _sum_five((source[y], up, down, upper, lower), weights, centre)
        for k in range(3, r, 2):
            up, down = _row_at(source, y - k), _row_at(source, y + k)
            upper, lower = _row_at(source, y - k - 1), _row_at(source, y + k + 1)
            _add_four((up, down, upper, lower), weights[k:], centre)
        for k in range(1, r + 1):
            line[r - k] = centre[_mirror(-k, width)]
            line[r + width - 1 + k] = centre[_mirror(width - 1 + k, width)]
        row = out[y]
        near = (centre, line[r - 1 :], line[r + 1 :], line[r - 2 :], line[r + 2 :])
        _sum_five(near, weights, row)
        for k in range(3, r, 2):
            far = (line[r - k :], line[r + k :], line[r - k - 1 :], line[r + k + 1 :])
            _add_four(far, weights[k:], row)


@kernel
def _take_row(row: NDArray[Any], shift: int, out: Row16) -> None:
    for x in range(row.size):
        out[x] = np.uint16(row[x]) << shift


@kernel
def _average_with(above: Row16, row: Row16, up: bool) -> None:
    """Mean of two rows into the second, halves rounded up or down; a sum would need 17 bits."""
    if up:
        for x in range(row.size):
            row[x] = (above[x] | row[x]) - ((above[x] ^ row[x]) >> 1)
    else:
        for x in range(row.size):
            row[x] = (above[x] & row[x]) + ((above[x] ^ row[x]) >> 1)


@kernel
def _average_next(line: Row16, n: int, up: bool) -> None:
    if up:
        for x in range(n):
            line[x] = (line[x] | line[x + 1]) - ((line[x] ^ line[x + 1]) >> 1)
    else:
        for x in range(n):
            line[x] = (line[x] & line[x + 1]) + ((line[x] ^ line[x + 1]) >> 1)


@kernel
def _average_along(row: Row16, order: int, line: Row16, out: Row16) -> None:
    half, width = order // 2, row.size
    _take_row(row, 0, line[half:])
    for k in range(1, half + 1):
        line[half - k] = row[_mirror(-k, width)]
        line[half + width - 1 + k] = row[_mirror(width - 1 + k, width)]
    for k in range(order):
        _average_next(line, width + order - 1 - k, k % 2 == 0)
    _take_row(line[:width], 0, out)


@kernel
def _binomial(image: NDArray[Any], order: int, shift: int, out: Row16) -> None:
    """Row by row: ``held[slot[k]]`` is the newest row after k averages downwards."""
    height, width = image.shape
    half = order // 2
    held = np.zeros((order + 1, width + 96), dtype=np.uint16)
    line = np.empty(width + order, dtype=np.uint16)
    slot = np.arange(order)
    free = order
    for y in range(-half, height + half):
        _take_row(image[_mirror(y, height)], shift, held[free, :width])
        for k in range(order):
            # The older row after k averages makes way for the one after k + 1.
            _average_with(held[free, :width], held[slot[k], :width], k % 2 == 1)
            slot[k], free = free, slot[k]
        if y >= half:
            _average_along(held[free, :width], order, line, out[y - half])


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


@kernel
def _bin(source: NDArray[Any], factor: int, out: Plane) -> None:
    height, width = source.shape
    rows = out.shape[0]
    line = np.empty(width, dtype=np.float32)
    for r in range(rows):
        top = r * factor
        bottom = min(top + factor, height)
        _copy(source[top], line)
        for y in range(top + 1, bottom):
            _add(source[y], line)
        whole = width // factor
        # With the factor in the code the loads of neighbouring blocks are shuffled as vectors.
        if factor == 2:
            _pairs(line, np.float32(2 * (bottom - top)), out[r, :whole])
        elif factor == 4:
            _fours(line, np.float32(4 * (bottom - top)), out[r, :whole])
        else:
            _sides(line, factor, np.float32(factor * (bottom - top)), out[r, :whole])
        _blocks(line, factor, bottom - top, whole, out[r])


@kernel
def _copy(source: NDArray[Any], line: Plane) -> None:
    for x in range(line.size):
        line[x] = source[x]


@kernel
def _add(source: NDArray[Any], line: Plane) -> None:
    for x in range(line.size):
        line[x] += source[x]


@kernel
def _pairs(line: Plane, n: np.float32, out: Plane) -> None:
    for c in range(out.size):
        out[c] = (line[2 * c] + line[2 * c + 1]) / n


@kernel
def _fours(line: Plane, n: np.float32, out: Plane) -> None:
    for c in range(out.size):
        pair = line[4 * c] + line[4 * c + 1]
        out[c] = (pair + line[4 * c + 2] + line[4 * c + 3]) / n


@kernel
def _sides(line: Plane, factor: int, n: np.float32, out: Plane) -> None:
    """Sums from left to right, of all blocks side by side: no sum waits for itself."""
    for c in range(out.size):
        out[c] = line[c * factor] + line[c * factor + 1]
    for k in range(2, factor):
        for c in range(out.size):
            out[c] += line[c * factor + k]
    for c in range(out.size):
        out[c] /= n


@kernel
def _blocks(line: Plane, factor: int, rows: int, first: int, out: Plane) -> None:
    for c in range(first, out.size):
        left = c * factor
        right = min(left + factor, line.size)
        total = np.float32(0)
        for x in range(left, right):
            total += line[x]
        out[c] = total / np.float32(rows * (right - left))
