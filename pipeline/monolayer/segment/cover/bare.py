"""Pixel noise, and the local contrast of bare surface: what cover is held against.

The trick: the lowest frequent contrast of an image is bare surface's, unless nothing is bare.
What bare surface can have at most is known without seeing any: the noise of its pixels, and a
hundredth of its brightness for dirt and mottle. The lower of the two is taken.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.cover import finest_noise
from monolayer_kernels.smooth import bin_mean

__all__ = ["Noise", "bare_deviation", "pixel_noise"]

Plane = NDArray[np.float32]

_BLOCK = 16
_QUIET = 0.05
_ROUNDING = 12**-0.5
# White noise loses three quarters of its variance when binned by two; in the quietest blocks,
# chosen for how little they have, a little less. Detail of cells at least doubles its variance.
_WHITE = 0.5
_DETAIL = 2.0
_MOTTLE = 0.012
# Contrasts are counted in eighths of an octave, by the upper bits of the numbers themselves.
_SHIFT = 20
_SMOOTH = 5
_REACH = 4
_RIPPLE = 0.1


class Noise(NamedTuple):
    """What the pixels of the quietest blocks differ by.

    Attributes
    ----------
    finest : float
        Standard deviation of their finest detail, whatever it is.
    white : float
        That of it which is noise; at most as large.
    """

    finest: float
    white: float


def pixel_noise(pixels: NDArray[np.generic]) -> Noise:
    """Finest detail and noise of the quietest blocks.

    Only what is white is noise: under a low objective cells have detail as fine as the pixels, and
    a field full of them has no quiet block. Rounding to whole counts is noise too.
    """
    least = _ROUNDING if pixels.dtype.kind in "ui" else 0.0
    if min(pixels.shape) < 2 * _BLOCK:
        return Noise(least, least)
    fine = finest_noise(pixels, _BLOCK)
    coarse = finest_noise(bin_mean(pixels, 2), _BLOCK // 2)
    fine = fine[: coarse.shape[0], : coarse.shape[1]]
    coarse = coarse[: fine.shape[0], : fine.shape[1]]
    # Blocks without any are saturated or were never exposed.
    exposed = fine > 0
    if not exposed.any():
        return Noise(least, least)
    low = float(np.quantile(fine[exposed], _QUIET))
    quiet = exposed & (fine <= low)
    growth = float(np.median(coarse[quiet] / fine[quiet]))
    white = min(max((_DETAIL - growth) / (_DETAIL - _WHITE), 0.0), 1.0)
    finest = max(least, float(np.sqrt(low)))
    return Noise(finest, max(least, float(np.sqrt(white * low))))


def bare_deviation(deviation: Plane, noise: float, brightness: float) -> float:
    """Local contrast of bare surface.

    Parameters
    ----------
    deviation : ndarray (h, w) float32
        Standard deviation around each pixel.
    noise : float
        What of it is pixel noise.
    brightness : float
        Typical brightness of the image.
    """
    limit = float(np.hypot(noise, _MOTTLE * brightness))
    return max(min(_lowest_peak(deviation[::2, ::2]), limit), noise)


def _lowest_peak(deviation: Plane) -> float:
    """First peak of the histogram that is no mere ripple."""
    keys = np.ascontiguousarray(deviation).view(np.int32).reshape(-1) >> _SHIFT
    low = int(keys.min())
    counts = np.convolve(np.bincount(keys - low), np.ones(_SMOOTH, dtype=np.int64), "same")
    padded = np.pad(counts, _REACH)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH + 1).max(axis=1)
    peak = low + int(np.argmax((counts == around) & (counts >= _RIPPLE * counts.max())))
    middle = np.array([(peak << _SHIFT) + (1 << (_SHIFT - 1))], dtype=np.int32)
    return float(middle.view(np.float32)[0])
