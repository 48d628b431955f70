"""Smoothing and block means of one plane.

The Gaussian is a plain finite sum: the widths wanted here are a few pixels at most, because
large objects are looked at in a binned image. Its rows are added as whole slices, so that the
inner loops vectorise without fastmath and the order of every sum is fixed.

A faster one for counts stands beside it, `binomial`, in 16 bits throughout; and for large widths
`monolayer_kernels.boxes`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = [
    "bin_mean",
    "bin_rows",
    "binomial",
    "binomial_levels",
    "check_plane",
    "gaussian",
    "gaussian_weights",
    "paired_weights",
    "smooth_row",
]

Plane = NDArray[np.float32]
Image = NDArray[Any]
Row16 = NDArray[np.uint16]

_TAIL = 3.0
_UNIT = 1 << 20
_LARGEST_ORDER = 64
_MOST_BITS = 16
_COUNTS = (np.uint8, np.uint16)


def gaussian_weights(sigma: float) -> NDArray[np.float32]:
    """Half of the Gaussian's weights, from the centre outwards, cut at 3 sigma.

    ``exp`` may differ in its last bit between libraries of mathematics, so the weights are
    rounded to multiples of 2^-20, and the centre takes what is left of 1.

    Raises
    ------
    ValueError
        Negative or not finite.
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
        ``scipy.ndimage.gaussian_filter(mode="mirror", truncate=3)`` to 1e-5 of the image's range;
        what is not finite spreads as far as the weights reach.

    Raises
    ------
    ValueError
        ``image`` is not 2-D or is empty, or ``sigma`` is negative or not finite.
    """
    source = _plane(image)
    weights = paired_weights(sigma)
    if weights.size == 1:
        return source.copy()
    out = np.empty_like(source)
    _smooth(source, weights, out)
    return out


def paired_weights(sigma: float) -> NDArray[np.float32]:
    """`gaussian_weights` as `smooth_row` takes them: an odd number.

    Taps are taken in pairs; one of weight zero adds nothing to the last bit.
    """
    weights = gaussian_weights(sigma)
    return weights if weights.size % 2 else np.append(weights, np.float32(0))


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
    _check_counts(image, order)
    if shift < 0 or (shift and int(image.max()) >> (16 - shift)):
        raise ValueError(f"pixels up to {image.max()} shifted by {shift} do not fit 16 bits")
    return _binomial_of(image, order, shift)


def binomial_levels(image: NDArray[Any], order: int, bits: int) -> tuple[NDArray[np.uint16], int]:
    """`binomial` with the largest shift by which the brightest pixel fits so many bits, and it.

    Parameters
    ----------
    image : ndarray (H, W) of uint8 or uint16
    order : int
        As `binomial` takes it.
    bits : int
        1 to 16.

    Returns
    -------
    tuple of ndarray (H, W) uint16 and int
        In ``2 ** -shift`` grey levels; and the shift, 0 where the image needs more bits.

    Raises
    ------
    TypeError, ValueError
        As `binomial`, or bits that are none of 1 to 16.
    """
    _check_counts(image, order)
    if not 1 <= bits <= _MOST_BITS:
        raise ValueError(f"bits must be 1 to {_MOST_BITS}, not {bits}")
    shift = max(0, bits - int(image.max()).bit_length())
    return _binomial_of(image, order, shift), shift


def _check_counts(image: NDArray[Any], order: int) -> None:
    if image.dtype.type not in _COUNTS or not image.dtype.isnative:
        raise TypeError(f"image must be uint8 or uint16, not {image.dtype.str}")
    check_plane(image)
    if order % 2 or not 2 <= order <= _LARGEST_ORDER:
        raise ValueError(f"order must be an even number of 2 to {_LARGEST_ORDER}, not {order}")


def _binomial_of(image: NDArray[Any], order: int, shift: int) -> NDArray[np.uint16]:
    out = np.empty(image.shape, dtype=np.uint16)
    _binomial(np.ascontiguousarray(image), order, shift, out)
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
    check_plane(source)
    height, width = source.shape
    out = np.empty((-(-height // factor), -(-width // factor)), dtype=np.float32)
    bin_rows(source, factor, out)
    return out


def check_plane(image: NDArray[Any]) -> None:
    """Raise ValueError where a plane is not 2-D or holds nothing."""
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"image must be 2-D and not empty, not of shape {image.shape}")


def _plane(image: NDArray[np.generic]) -> Plane:
    check_plane(image)
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
def _row_at(source: Image, y: int) -> Image:
    row: Image = source[_mirror(y, source.shape[0])]
    return row


@kernel
def _sum_five(
    lines: tuple[Image, Image, Image, Image, Image], weights: NDArray[np.float32], out: Plane
) -> None:
    """The centre and two taps on either side in one pass: each line is read once."""
    centre, low, high, lower, higher = lines
    own, near, far = weights[0], weights[1], weights[2]
    for x in range(out.size):
        # Counts become float32 here, where they would become float64 by themselves.
        beside = np.float32(low[x]) + np.float32(high[x])
        beyond = np.float32(lower[x]) + np.float32(higher[x])
        out[x] = (np.float32(centre[x]) * own + near * beside) + far * beyond


@kernel
def _add_four(
    lines: tuple[Image, Image, Image, Image], weights: NDArray[np.float32], out: Plane
) -> None:
    low, high, lower, higher = lines
    near, far = weights[0], weights[1]
    for x in range(out.size):
        beside = np.float32(low[x]) + np.float32(high[x])
        beyond = np.float32(lower[x]) + np.float32(higher[x])
        out[x] = (out[x] + near * beside) + far * beyond


@kernel
def _smooth(source: Plane, weights: NDArray[np.float32], out: Plane) -> None:
    line = np.empty(source.shape[1] + 2 * weights.size, dtype=np.float32)
    for y in range(source.shape[0]):
        smooth_row(source, y, weights, line, out[y])


@kernel
def smooth_row(
    source: Image, y: int, weights: NDArray[np.float32], line: Plane, row: Plane
) -> None:
    """Row y of the smoothed source; ``line`` is room for a row and the weights on each side.

    ``weights`` are `paired_weights`, more than one.
    """
    width = row.size
    r = weights.size - 1
    centre = line[r : r + width]
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
    near = (centre, line[r - 1 :], line[r + 1 :], line[r - 2 :], line[r + 2 :])
    _sum_five(near, weights, row)
    for k in range(3, r, 2):
        far = (line[r - k :], line[r + k :], line[r - k - 1 :], line[r + k + 1 :])
        _add_four(far, weights[k:], row)


@kernel
def _take_row(row: NDArray[Any], times: np.uint16, held: Row16) -> None:
    for x in range(row.size):
        held[x] = row[x] * times


@kernel
def _up(a: np.uint16, b: np.uint16) -> np.uint16:
    """Mean, halves rounded up; a sum would need 17 bits. One packed instruction."""
    return np.uint16((a | b) - ((a ^ b) >> 1))


@kernel
def _down(a: np.uint16, b: np.uint16) -> np.uint16:
    return np.uint16((a & b) + ((a ^ b) >> 1))


@kernel
def _average_rows(held: NDArray[np.uint16], rows: tuple[int, int, int], to: int, n: int) -> None:
    """Two averages of neighbouring rows at once: a third of the loads and stores."""
    a, b, c = rows
    for x in range(n):
        held[to, x] = _up(_down(held[a, x], held[b, x]), _down(held[b, x], held[c, x]))


@kernel
def _average_along(line: Row16, n: int, out: Row16) -> None:
    """Two averages of neighbours in a row at once."""
    for x in range(n):
        out[x] = _down(_up(line[x], line[x + 1]), _up(line[x + 1], line[x + 2]))


@kernel
def _mirror_ends(row: Row16, half: int, line: Row16) -> None:
    """The row, with what lies beyond its ends."""
    width = line.size - 2 * half
    centre = line[half:]
    for x in range(width):
        centre[x] = row[x]
    for i in range(1, half + 1):
        line[half - i] = row[_mirror(-i, width)]
        line[half + width - 1 + i] = row[_mirror(width - 1 + i, width)]


@kernel
def _binomial(image: NDArray[Any], order: int, shift: int, out: Row16) -> None:
    """Row by row; of each pair of averages downwards the last three rows are held."""
    height, width = image.shape
    half, times = order // 2, np.uint16(1 << shift)
    # The odd length keeps the rows from sharing cache sets where the width is a power of two.
    held = np.zeros((3 * half + 3, width + 96), dtype=np.uint16)
    line = np.empty(width + order, dtype=np.uint16)
    other = np.empty(width + order, dtype=np.uint16)
    for y in range(height + order):
        new, last, oldest = y % 3, (y + 2) % 3, (y + 1) % 3
        _take_row(image[_mirror(y - half, height)], times, held[new])
        for k in range(0, 3 * half, 3):
            _average_rows(held, (k + oldest, k + last, k + new), k + 3 + new, width)
        if y >= order:
            _mirror_ends(held[3 * half + new], half, line)
            for k in range(1, half):
                _average_along(line, width + order - 2 * k, other)
                line, other = other, line
            _average_along(line, width, out[y - order])


@kernel
def bin_rows(source: NDArray[Any], factor: int, out: Plane) -> None:
    """Means of blocks, of a side of 2 or more."""
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
        elif factor == 3:
            _threes(line, np.float32(3 * (bottom - top)), out[r, :whole])
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
        # A count plus a float32 would be a float64.
        line[x] += np.float32(source[x])


@kernel
def _pairs(line: Plane, n: np.float32, out: Plane) -> None:
    for c in range(out.size):
        out[c] = (line[2 * c] + line[2 * c + 1]) / n


@kernel
def _threes(line: Plane, n: np.float32, out: Plane) -> None:
    for c in range(out.size):
        out[c] = (line[3 * c] + line[3 * c + 1] + line[3 * c + 2]) / n


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
