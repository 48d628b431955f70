"""Covered area in a channel in which whole cells shine: what stands above the background.

The background is sought in a coarse image, within a window wider than cells and their clusters,
and its noise in the fine one. A field without bare surface has no background to be found: its
dimmest cells pass for it, and the cover comes out far too low (0.72 for 0.77, 0.16 for 0.94 in
drawn fields). `ConfluenceSettings.background_level`, from a blank image, is the way out.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import grey_step, measure_contrast
from monolayer.segment.cover.masks import Mask, drop_small, fill_small
from monolayer.segment.cover.settings import ConfluenceSettings
from monolayer_kernels.background import subtract_background
from monolayer_kernels.noise import estimate_noise
from monolayer_kernels.smooth import bin_mean, gaussian, gaussian_weights

__all__ = ["shining_cells"]

_SMOOTHING = 0.7
_COARSE = 5
_COARSE_SMOOTHING = 0.5
_ROUNDING = 12**-0.5
_EVERY = 4


def shining_cells(
    image: NDArray[np.float32], working_pixel: float, settings: ConfluenceSettings
) -> tuple[Mask, float]:
    """Mask of what shines, and the noise it is held against.

    Parameters
    ----------
    image : ndarray (h, w) float32
        At the working scale.
    working_pixel : float
        Side of a pixel, um.
    settings : ConfluenceSettings
    """
    step = grey_step(image)
    height = _above_background(image, step, settings.background_level)
    dark = height <= np.float32(np.median(height[::_EVERY, ::_EVERY]))
    weights = gaussian_weights(_SMOOTHING).astype(np.float64)
    gain = float(weights[0] ** 2 + 2 * (weights[1:] ** 2).sum())
    noise = max(estimate_noise(image, dark), step * _ROUNDING) * gain
    level = settings.min_signal_to_noise * noise
    shining = height[height > np.float32(level)]
    if shining.size:
        # The blurred skirts of bright cells stand above the noise far outside of them.
        level = max(level, settings.min_relative_brightness * float(np.median(shining)))
    bright = (height > np.float32(level)).astype(np.uint8)
    area = working_pixel**2
    filled = fill_small(bright, settings.max_hole_um2 / area)
    return drop_small(filled, settings.min_area_um2 / area), noise


def _above_background(
    image: NDArray[np.float32], step: float, level: float | None
) -> NDArray[np.float32]:
    smooth = gaussian(image, _SMOOTHING)
    if level is not None:
        return smooth - np.float32(level)
    coarse = measure_contrast(bin_mean(image, _COARSE), step / _COARSE, _COARSE_SMOOTHING)
    return subtract_background(smooth, coarse.grid, coarse.block * _COARSE)
