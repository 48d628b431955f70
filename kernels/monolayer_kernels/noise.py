"""The noise of a plane's pixels, and the median it is told by.

The median is found by counting, because a sort of all pixels took longer than everything else
that is asked of a plane.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import check_plane

__all__ = ["estimate_noise", "median"]

Plane = NDArray[np.float32]

_GAUSSIAN_OF_MAD = 1.4826
_LAPLACIAN_GAIN = 36.0**0.5
# Upper halves of the keys of the least finite float32, and of the one after the largest.
_FINITE_KEYS = 0x0080, 0xFF80


def estimate_noise(image: NDArray[np.generic], dark: NDArray[np.bool_]) -> float:
    """Standard deviation of the pixel noise: median absolute Laplacian over dark pixels.

    The 3 x 3 Laplacian with weights 1, -2, 4 is blind to planes and slopes (Immerkaer 1996,
    https://doi.org/10.1006/cviu.1996.0060); the median is blind to the edges of objects.

    Parameters
    ----------
    image : ndarray (H, W)
        Any real dtype; it is taken as float32. Finite where it is dark.
    dark : ndarray (H, W) bool
        The pixels to look at; those at the image's border are left out.

    Returns
    -------
    float
        In grey levels; 0 where no pixel is dark.

    Raises
    ------
    TypeError, ValueError
        A mask that is not bool or not of the image's shape, an image that is not 2-D, is empty or
        not finite.
    """
    source = np.ascontiguousarray(image, dtype=np.float32)
    check_plane(source)
    if dark.dtype != np.bool_:
        raise TypeError(f"dark must be bool, not {dark.dtype}")
    if source.shape != dark.shape:
        raise ValueError(f"dark must have the image's shape {source.shape}, not {dark.shape}")
    values = np.empty(source.size + 1, dtype=np.float32)
    n = _laplacian(source, np.ascontiguousarray(dark), values)
    if n == 0:
        return 0.0
    return median(values[:n]) * _GAUSSIAN_OF_MAD / _LAPLACIAN_GAIN


def median(values: NDArray[np.float32]) -> float:
    """Median of finite float32 numbers, equal to ``numpy.median``.

    Found by counting: a histogram of the upper half of the bits, whose order is that of the
    numbers, leaves only the few values of one or two bins to be sorted.

    Raises
    ------
    ValueError
        ``values`` is empty, not float32 or not finite.
    """
    if values.dtype != np.float32 or values.size == 0:
        raise ValueError(f"values must be float32 and not empty, not {values.dtype} {values.shape}")
    flat = np.ascontiguousarray(values).reshape(-1)
    tables = np.zeros((2, 1 << 16), dtype=np.int64)
    _count_keys(flat, tables)
    counts = tables.sum(axis=0)
    # Infinities and NaN have the keys at both ends.
    strange = int(counts[: _FINITE_KEYS[0]].sum() + counts[_FINITE_KEYS[1] :].sum())
    if strange:
        raise ValueError(f"values must be finite; {strange} of {flat.size} are not")
    total = np.cumsum(counts)
    ranks = np.array([(flat.size - 1) // 2, flat.size // 2])
    low, high = np.searchsorted(total, ranks, side="right").tolist()
    below = int(total[low] - counts[low])
    found = np.empty(int(total[high]) - below + 1, dtype=np.float32)
    _values_between(flat, *_bounds(low, high), found)
    return float(np.mean(np.partition(found[:-1], ranks - below)[ranks - below]))


def _bounds(low: int, high: int) -> tuple[np.float32, np.float32]:
    """Least and largest number whose keys' upper halves are these."""
    keys = np.array([low << 16, (high << 16) + 0xFFFF]) - (1 << 31)
    bits = np.where(keys < 0, keys ^ 0x7FFFFFFF, keys).astype(np.int32)
    least, largest = np.nan_to_num(bits.view(np.float32), nan=np.inf)
    return np.float32(least), np.float32(largest)


@kernel
def _laplacian(source: Plane, dark: NDArray[np.bool_], values: Plane) -> int:
    height, width = source.shape
    line = np.empty(max(width - 2, 0), dtype=np.float32)
    n = 0
    for y in range(1, height - 1):
        _laplacian_row(source[y - 1], source[y], source[y + 1], line)
        inner = dark[y, 1:]
        # Written always, kept only where dark: no branch to guess.
        for x in range(line.size):
            values[n] = line[x]
            n += inner[x]
    return n


@kernel
def _laplacian_row(above: Plane, row: Plane, below: Plane, line: Plane) -> None:
    above_right, right, below_right = above[2:], row[2:], below[2:]
    above_centre, centre, below_centre = above[1:], row[1:], below[1:]
    for x in range(line.size):
        corners = above[x] + above_right[x]
        corners += below[x] + below_right[x]
        sides = above_centre[x] + below_centre[x]
        sides += row[x] + right[x]
        line[x] = abs(corners - np.float32(2) * sides + np.float32(4) * centre[x])


@kernel
def _count_keys(values: Plane, counts: NDArray[np.int64]) -> None:
    """Two tables in turn: counting the same key twice in a row in one of them has to wait."""
    bits = values.view(np.int32)
    odd, even = counts[0], counts[1]
    for i in range(0, bits.size - 1, 2):
        even[_key(bits[i]) >> 16] += 1
        odd[_key(bits[i + 1]) >> 16] += 1
    if bits.size % 2:
        even[_key(bits[bits.size - 1]) >> 16] += 1


@kernel
def _key(bits: int) -> int:
    """Bits of a float32 in the order of the numbers, from 0."""
    wide = np.int64(bits)
    return int((wide ^ ((wide >> 31) & 0x7FFFFFFF)) + (1 << 31))


@kernel
def _values_between(values: Plane, low: np.float32, high: np.float32, found: Plane) -> None:
    n = 0
    # Written always, kept only where it belongs: no branch to guess.
    for i in range(values.size):
        value = values[i]
        found[n] = value
        n += (value >= low) & (value <= high)
