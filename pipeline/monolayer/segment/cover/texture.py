"""Local contrast of an image at its working scale, and what of it is bare surface."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.cover.settings import ConfluenceSettings
from monolayer_kernels.cover import finest_noise, local_deviation
from monolayer_kernels.focus import block_statistics
from monolayer_kernels.smooth import bin_mean

__all__ = ["Texture", "measure_texture"]

Plane = NDArray[np.float32]

_RADIUS = 2
_NOISE_BLOCK = 16
_QUIET = 0.05
_MOST_NOISE = 3.0
_LEAST_CONTRAST = 0.012
_ROUNDING = 12**-0.5
_LARGEST_FACTOR = 8
_SHARP = 2.0
# Contrasts are counted in eighths of an octave, by the upper bits of the numbers themselves.
_SHIFT = 20
_SMOOTH = 5
_REACH = 4
_RIPPLE = 0.1


@dataclass(frozen=True, slots=True)
class Texture:
    """An image at its working scale.

    Attributes
    ----------
    image : ndarray (h, w) float32
        Binned.
    deviation : ndarray (h, w) float32
        Standard deviation in the square of 5 x 5 around each pixel.
    factor : int
        Pixels a working pixel.
    working_pixel : float
        Side of a working pixel in um; as set where the pixel size is unknown.
    noise : float
        Deviation that the quietest parts' pixel noise alone would give.
    bare_deviation : float
        Deviation of bare surface; 0 for an image without variation.
    """

    image: Plane
    deviation: Plane
    factor: int
    working_pixel: float
    noise: float
    bare_deviation: float


def measure_texture(
    pixels: NDArray[np.generic], settings: ConfluenceSettings, pixel_size_um: float | None
) -> Texture:
    """Bin, measure local contrast, and find that of bare surface."""
    factor = _factor(pixels, settings, pixel_size_um)
    size = settings.working_pixel_um if pixel_size_um is None else factor * pixel_size_um
    image = bin_mean(pixels, factor)
    deviation = local_deviation(image, _RADIUS)
    noise = _noise(pixels) / factor
    bare = _bare_deviation(deviation, noise, float(np.median(image[::4, ::4])))
    return Texture(image, deviation, factor, size, noise, bare)


def _factor(
    pixels: NDArray[np.generic], settings: ConfluenceSettings, pixel_size_um: float | None
) -> int:
    if pixel_size_um is not None:
        return max(1, round(settings.working_pixel_um / pixel_size_um))
    return _sharpness(pixels)


def _sharpness(pixels: NDArray[np.generic]) -> int:
    """Binning at which neighbouring pixels begin to differ as much as they ever will.

    While binning by two makes neighbours differ twice as much, the optics and not the pixels
    limit the detail; noise is taken off, because it falls with binning.
    """
    noise = _noise(pixels) ** 2
    image, factor = bin_mean(pixels, 1), 1
    before = _detail(image, noise)
    while factor < _LARGEST_FACTOR and min(image.shape) > 4 * _NOISE_BLOCK:
        image = bin_mean(image, 2)
        after = _detail(image, noise / (2 * factor) ** 2)
        if after < _SHARP**2 * before or before == 0:
            break
        before, factor = after, 2 * factor
    return factor


def _detail(image: Plane, noise: float) -> float:
    """Mean square difference of neighbours beyond the noise's."""
    if min(image.shape) < _NOISE_BLOCK:
        return 0.0
    return max(float(block_statistics(image, _NOISE_BLOCK)[1].mean()) - noise, 0.0)


def _noise(pixels: NDArray[np.generic]) -> float:
    """Pixel noise in the quietest blocks; rounding to whole counts is noise too."""
    least = _ROUNDING if pixels.dtype.kind in "ui" else 0.0
    if min(pixels.shape) < _NOISE_BLOCK + 4:
        return least
    variances = finest_noise(pixels, _NOISE_BLOCK)
    # Blocks without any are saturated or were never exposed.
    variances = variances[variances > 0]
    return max(least, float(np.sqrt(np.quantile(variances, _QUIET)))) if variances.size else least


def _bare_deviation(deviation: Plane, noise: float, brightness: float) -> float:
    """Lowest frequent contrast, if it can be that of bare surface.

    What is more than a few times the noise and more than a hundredth of the brightness is
    texture of cells: nothing is bare then, and the limit stands for what bare would be.
    """
    limit = max(_MOST_NOISE * noise, _LEAST_CONTRAST * abs(brightness))
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
