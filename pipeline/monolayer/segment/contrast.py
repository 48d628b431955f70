"""A plane as height above its background, in known noise: what all later steps look at.

1. Bin the plane so that a nucleus is 10 to 20 pixels wide, and smooth a little: 0.04 of a
   diameter, taken as 13 pixels, so that each binning is looked at once, whatever the diameter
   found in it. (Anew for each diameter cost twice the time, F1 within .003 either way.)
2. Take off the background: a grey opening five such diameters wide.
3. Find the peak of background pixels in the histogram. It becomes zero, because an opening
   runs along the lower edge of the noise, and its lower half-width becomes the noise where that
   is wider than the pixel noise, because haze and cytoplasm are not objects either.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.background import estimate_background, subtract_background
from monolayer_kernels.heights import smooth_heights, smooth_levels
from monolayer_kernels.noise import bin_counts, estimate_noise, median, spread_below
from monolayer_kernels.objects import Plane
from monolayer_kernels.smooth import bin_mean, gaussian, gaussian_weights

__all__ = [
    "Contrast",
    "FullContrast",
    "Pyramid",
    "background_peak",
    "grey_step",
    "measure_contrast",
]

_DIAMETER = 13.0
# Unbinned objects may be smaller than 10 pixels, and 8 were measured as 9.
_DIAMETER_UNBINNED = 10.0
_SMOOTHING = 0.04
_WINDOW = 5.0
_DARK_ROWS = 256
# A drawing: fewer values than of the dimmest real images (29 to 40 steps), in stretches longer
# than theirs where they are as plain (4 pixels).
_FEW = 16
_STRETCH_PX = 5
_SHADES = 256
# Uniform rounding to whole grey steps has this standard deviation, in steps.
_ROUNDING = 12**-0.5
_PEAK_BINS_A_NOISE = 2
_PEAK_REACH = 25
_RIPPLE = 0.1
# A median over a quarter of the pixels is as good and took a quarter of the time.
_EVERY = 2
_PLENTY = 1 << 19
_ROWS_ENOUGH = 1 << 18
# Of a noise width: counts of heights may be as coarse as this.
_COARSEST_STEP = 1 / 8


@dataclass(frozen=True, slots=True)
class Contrast:
    """Height above background.

    Attributes
    ----------
    height : ndarray (H, W) float32
        The smoothed plane minus its background.
    noise : float
        Standard deviation of ``height`` where there is only background; 0 for a plane without
        any variation.
    grid, block : ndarray float32, int
        The background on a coarse grid, and the side of its blocks in pixels.
    """

    height: NDArray[np.float32]
    noise: float
    grid: NDArray[np.float32]
    block: int


@dataclass(frozen=True, slots=True)
class FullContrast:
    """Height of every pixel of the full plane; the rest as in `Contrast`.

    Attributes
    ----------
    height : ndarray (H, W) float32, or Levels
        Counts where their step is small against the noise.
    noise, grid, block
    """

    height: Plane
    noise: float
    grid: NDArray[np.float32]
    block: int


def grey_step(image: NDArray[Any]) -> float:
    """Smallest difference between neighbouring pixels: 1 for counts, 16 for 12 bits in 16.

    Quantisation is noise that no estimate from differences sees where the background is black;
    taken from the values and not from the dtype, it is the same for counts stored as floats.
    A drawing (a few values in long stretches: discs, a mask) is not quantised, however far apart
    its values are; it is taken as if it had 256 of them.
    """
    # A copy: what follows looks at each pixel four times.
    rows = np.array(image[:_DARK_ROWS])
    gaps = np.maximum(rows[:, 1:], rows[:, :-1]) - np.minimum(rows[:, 1:], rows[:, :-1])
    least = _least_gap(gaps)
    if least == 0 and len(image) > _DARK_ROWS:
        return grey_step(image[_DARK_ROWS:])
    darkest = rows.min()
    span = float(rows.max()) - float(darkest)
    if span < _FEW * least and _in_stretches(rows > darkest, gaps):
        return span / _SHADES
    return least


def _least_gap(gaps: NDArray[Any]) -> float:
    """Smallest gap that is none; 0 for a plane of one value."""
    if gaps.dtype.kind == "u":
        # One less: what is 0 becomes the largest, and need not be sorted out.
        least = int((gaps - gaps.dtype.type(1)).min(initial=np.iinfo(gaps.dtype).max)) + 1
        return float(least) if least <= np.iinfo(gaps.dtype).max else 0.0
    gaps = gaps.astype(np.float32, copy=False)[gaps > 0]
    return float(gaps.min()) if gaps.size else 0.0


def _in_stretches(bright: NDArray[np.bool_], gaps: NDArray[Any]) -> bool:
    """Whether what is not darkest lies in stretches of one value: noise is single pixels."""
    return 2 * int(np.count_nonzero(bright)) >= _STRETCH_PX * int(np.count_nonzero(gaps))


class Pyramid:
    """A plane binned by powers of two; the contrast of each is measured once, when asked for.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32
    """

    def __init__(self, image: NDArray[Any]) -> None:
        self.image = image
        self._step = grey_step(image)
        self._made: dict[int, Contrast] = {}

    def contrast(self, factor: int) -> Contrast:
        """Contrast of the plane binned by ``factor``."""
        if factor not in self._made:
            binned = bin_mean(self.image, factor) if factor > 1 else self.image
            sigma = _SMOOTHING * (_DIAMETER if factor > 1 else _DIAMETER_UNBINNED)
            self._made[factor] = measure_contrast(binned, self._step / factor, sigma)
        return self._made[factor]

    def full(self, factor: int, diameter: float) -> Contrast | FullContrast:
        """Height of every pixel of the full plane, with background and noise of the binned one.

        Parameters
        ----------
        factor : int
        diameter : float
            Typical diameter of the objects, pixels of the full plane.
        """
        binned = self.contrast(factor)
        if factor == 1:
            return binned
        block = binned.block * factor
        levels = smooth_levels(self.image, _SMOOTHING * diameter, binned.grid, block)
        if levels.step <= _COARSEST_STEP * binned.noise:
            return FullContrast(levels, binned.noise, binned.grid, block)
        # One hot pixel makes the steps coarse; it is rare, and so is the second walk.
        height = smooth_heights(self.image, _SMOOTHING * diameter, binned.grid, block)
        return FullContrast(height, binned.noise, binned.grid, block)


def measure_contrast(image: NDArray[Any], step: float, sigma: float) -> Contrast:
    """Height of every pixel above the background, and the background's noise.

    Parameters
    ----------
    image : ndarray (H, W) float32
        Binned so that the objects are 10 to 20 pixels wide.
    step : float
        Grey step of the image, see `grey_step`.
    sigma : float
        Standard deviation of the smoothing, pixels.
    """
    smooth = gaussian(image, sigma)
    grid, block = estimate_background(smooth, _WINDOW * _DIAMETER)
    height = subtract_background(smooth, grid, block)
    weights = gaussian_weights(sigma).astype(np.float64)
    gain = float(weights[0] ** 2 + 2 * (weights[1:] ** 2).sum())
    dark = height <= np.float32(median(height[::_EVERY, ::_EVERY]))
    pixel_noise = estimate_noise(image, dark, max(1, height.size // _ROWS_ENOUGH)) * gain
    noise = max(pixel_noise, step * _ROUNDING)
    if noise == 0:
        return Contrast(height, 0.0, grid, block)
    zero, spread = background_peak(height, noise)
    height -= np.float32(zero)
    return Contrast(height, max(noise, spread), grid + np.float32(zero), block)


def background_peak(height: NDArray[np.float32], noise: float) -> tuple[float, float]:
    """Position of the background's peak in the histogram, and its half-width downwards."""
    low = float(height.min())
    every = _EVERY if height.size > _PLENTY else 1
    width = noise / _PEAK_BINS_A_NOISE
    counts = bin_counts(height, low, width, _PEAK_REACH * _PEAK_BINS_A_NOISE, every)
    smooth = np.convolve(counts, np.ones(5, dtype=np.int64), "same")
    zero = low + (_lowest_peak(smooth) + 0.5) * width
    return zero, spread_below(height, zero, every)


def _lowest_peak(counts: NDArray[np.int64]) -> int:
    """First bin that is the highest within 3 noise widths and no mere ripple.

    The highest of all is the nuclei's own peak where they cover most of the field.
    """
    reach = 3 * _PEAK_BINS_A_NOISE
    padded = np.pad(counts, reach)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return int(np.argmax((counts == around) & (counts >= _RIPPLE * counts.max())))
