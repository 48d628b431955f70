"""Cutting a plane's range into a few steps."""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["quantise"]

_BINS = 1 << 16


def quantise(image: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.uint8]:
    """How many of the thresholds each pixel reaches.

    A table of 65,536 equal bins from the first to the last threshold stands for the thresholds
    (searching them pixel by pixel took 30 times as long), so each is moved down by at most
    1/65,536 of that range.

    Parameters
    ----------
    image : ndarray (H, W) float32
    thresholds : ndarray (n,) float64
        Ascending, at most 255.
    """
    n = len(thresholds)
    if not 1 <= n <= 255 or not (np.diff(thresholds) >= 0).all():
        raise ValueError(f"thresholds must be 1 to 255 ascending numbers, not {thresholds!r}")
    low, high = float(thresholds[0]), float(thresholds[-1])
    out = np.empty(image.shape, dtype=np.uint8)
    if high <= low:
        out[:] = np.where(image >= np.float32(low), n, 0)
        return out
    scale = (_BINS - 1) / (high - low)
    bins = np.floor((thresholds - low) * scale).astype(np.int64)
    table = np.zeros(_BINS, dtype=np.uint8)
    for k, first in enumerate(bins.tolist(), start=1):
        table[first:] = k
    _look_up(np.ascontiguousarray(image), np.float32(low), np.float32(scale), table, out)
    return out


@kernel
def _look_up(
    image: NDArray[np.float32],
    low: np.float32,
    scale: np.float32,
    table: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    height, width = image.shape
    last = np.float32(len(table) - 1)
    for y in range(height):
        for x in range(width):
            above = image[y, x] - low
            if above < 0:
                out[y, x] = 0
            else:
                out[y, x] = table[np.int32(min(above * scale, last))]
