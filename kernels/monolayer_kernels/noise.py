"""The noise of a plane's pixels, the median it is told by, and where the background's peak lies.

The median is found without sorting: a sort of all pixels took longer than everything else that is
asked of a plane, and counting them by their upper bits two to three times as long as a bracket.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import check_plane

__all__ = ["bin_counts", "estimate_noise", "median", "spread_below"]

Plane = NDArray[np.float32]
Counts = NDArray[np.int64]

_GAUSSIAN_OF_MAD = 1.4826
_LAPLACIAN_GAIN = 36.0**0.5
_LARGEST = np.float32(np.finfo(np.float32).max)
_SAMPLE = 8192
_BLOCK = 4096


def estimate_noise(image: NDArray[np.generic], dark: NDArray[np.bool_], every: int = 1) -> float:
    """Standard deviation of the pixel noise: median absolute Laplacian over dark pixels.

    The 3 x 3 Laplacian with weights 1, -2, 4 is blind to planes and slopes (Immerkaer 1996,
    https://doi.org/10.1006/cviu.1996.0060); the median is blind to the edges of objects.

    Parameters
    ----------
    image : ndarray (H, W)
        Any real dtype; it is taken as float32. Finite where it is dark.
    dark : ndarray (H, W) bool
        The pixels to look at; those at the image's border are left out.
    every : int
        Only every so many rows are looked at: of a large image some are enough for a median.

    Returns
    -------
    float
        In grey levels; 0 where no pixel is dark.

    Raises
    ------
    TypeError, ValueError
        A mask that is not bool or not of the image's shape, an image that is not 2-D, is empty or
        not finite, or less than every row.
    """
    source = np.ascontiguousarray(image, dtype=np.float32)
    check_plane(source)
    if dark.dtype != np.bool_:
        raise TypeError(f"dark must be bool, not {dark.dtype}")
    if source.shape != dark.shape:
        raise ValueError(f"dark must have the image's shape {source.shape}, not {dark.shape}")
    _check_every(every)
    values = np.empty(source.size + 1, dtype=np.float32)
    n = _laplacian(source, np.ascontiguousarray(dark), every, values)
    if n == 0:
        return 0.0
    return median(values[:n]) * _GAUSSIAN_OF_MAD / _LAPLACIAN_GAIN


def median(values: NDArray[np.float32]) -> float:
    """Median of finite float32 numbers, equal to ``numpy.median``.

    A sorted sample tells between which two numbers it lies; one walk counts what is less and
    keeps what lies between, and only that is sorted.

    Raises
    ------
    ValueError
        ``values`` is empty, not float32 or not finite.
    """
    if values.dtype != np.float32 or values.size == 0:
        raise ValueError(f"values must be float32 and not empty, not {values.dtype} {values.shape}")
    flat = np.ascontiguousarray(values).reshape(-1)
    low, high = _bracket(flat)
    finite, below = _count_values(flat, low)
    if finite < flat.size:
        strange = flat.size - finite
        raise ValueError(f"values must be finite; {strange} of {flat.size} are not")
    found = np.empty(flat.size + 1, dtype=np.float32)
    found = found[: _values_between(flat, low, high, found)]
    first, second = (flat.size - 1) // 2 - below, flat.size // 2 - below
    if first < 0 or second >= found.size:
        # The sample was not like the rest.
        return float(np.median(flat))
    found.partition(second)
    lower = found[second] if first == second else found[:second].max()
    return float(np.mean(np.array([lower, found[second]])))


def _bracket(flat: Plane) -> tuple[np.float32, np.float32]:
    """Two values of a sample, 3.5 standard errors of its median's rank to either side."""
    sample = np.sort(flat[:: max(1, flat.size // _SAMPLE)])
    reach = int(1.75 * sample.size**0.5) + 1
    middle = sample.size // 2
    return sample[max(middle - reach, 0)], sample[min(middle + reach, sample.size - 1)]


def bin_counts(plane: Plane, low: float, width: float, bins: int, every: int = 1) -> Counts:
    """How many pixels lie in each of so many bins from ``low`` on, each of this width.

    Parameters
    ----------
    plane : ndarray (H, W) float32
        Pixels below ``low`` and beyond the last bin are not counted.
    low, width : float
    bins : int
    every : int
        Only every so many pixels of every so many rows are looked at.

    Returns
    -------
    ndarray (bins,) int64

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, a width that is not above 0, no bins, less than every
        pixel, or a pixel that is NaN.
    """
    _check_plain_plane(plane, every)
    if not width > 0 or bins < 1:
        raise ValueError(f"width must be above 0 and bins at least 1, not {width} and {bins}")
    # The bins, what lies beyond them, what lies below, and NaN.
    counts = np.zeros(bins + 3, dtype=np.int64)
    _count_bins(np.ascontiguousarray(plane), np.float32(low), np.float32(width), every, counts)
    _refuse_nan(int(counts[-1]))
    return counts[:bins]


def spread_below(plane: Plane, zero: float, every: int = 1) -> float:
    """Root mean square distance from ``zero`` of the pixels below it; 0 where there are none.

    Parameters
    ----------
    plane : ndarray (H, W) float32
    zero : float
    every : int
        Only every so many pixels of every so many rows are looked at.

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, less than every pixel, or a pixel that is NaN.
    """
    _check_plain_plane(plane, every)
    total, n, strange = _sum_below(np.ascontiguousarray(plane), np.float32(zero), every)
    _refuse_nan(strange)
    return float((total / n) ** 0.5) if n else 0.0


def _check_plain_plane(plane: Plane, every: int) -> None:
    if plane.dtype != np.float32:
        raise TypeError(f"plane must be float32, not {plane.dtype}")
    check_plane(plane)
    _check_every(every)


def _refuse_nan(pixels: int) -> None:
    if pixels:
        raise ValueError(f"plane must be finite; {pixels} of the pixels looked at are NaN")


def _check_every(every: int) -> None:
    if every < 1:
        raise ValueError(f"every must be at least 1, not {every}")


@kernel
def _laplacian(source: Plane, dark: NDArray[np.bool_], every: int, values: Plane) -> int:
    height, width = source.shape
    line = np.empty(max(width - 2, 0), dtype=np.float32)
    n = 0
    for y in range(1, height - 1, every):
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
def _count_values(values: Plane, low: np.float32) -> tuple[int, int]:
    """How many are finite, and how many are less than this; blocks, as 32 bits are added faster."""
    finite = below = 0
    for first in range(0, values.size, _BLOCK):
        block = values[first : first + _BLOCK]
        some, less = np.int32(0), np.int32(0)
        for value in block:
            some += np.int32(abs(value) <= _LARGEST)
            less += np.int32(value < low)
        finite += int(some)
        below += int(less)
    return finite, below


@kernel
def _values_between(values: Plane, low: np.float32, high: np.float32, found: Plane) -> int:
    """List what lies from low to high; return how many that are."""
    n = 0
    # Written always, kept only where it belongs: no branch to guess.
    for value in values:
        found[n] = value
        n += (value >= low) & (value <= high)
    return n


@kernel
def _count_bins(
    plane: Plane, low: np.float32, width: np.float32, every: int, counts: Counts
) -> None:
    beyond = counts.size - 3
    last = np.float32(beyond)
    for y in range(0, plane.shape[0], every):
        for x in range(0, plane.shape[1], every):
            place = (plane[y, x] - low) / width
            if place >= 0:
                counts[np.uintp(min(place, last))] += 1
            else:
                counts[beyond + (1 if place < 0 else 2)] += 1


@kernel
def _sum_below(plane: Plane, zero: np.float32, every: int) -> tuple[float, int, int]:
    """Sum of squared distances, how many pixels lie below, and how many are NaN."""
    total, n, strange = np.float64(0), np.int64(0), np.int64(0)
    for y in range(0, plane.shape[0], every):
        part = np.float64(0)
        for x in range(0, plane.shape[1], every):
            above = np.float64(plane[y, x] - zero)
            strange += above != above
            n += above < 0
            part += above * above if above < 0 else 0.0
        total += part
    return float(total), int(n), int(strange)
