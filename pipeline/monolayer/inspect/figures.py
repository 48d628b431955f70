"""Figures of one channel's image quality; each is None where the image cannot give it."""

import math
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from monolayer.inspect.blocks import (
    Blocks,
    fit_surface,
    measure_background,
    tile_levels,
    to_blocks,
)
from monolayer.inspect.settings import FIGURES
from monolayer_kernels.focus import bin_means, edge_figures, ring_sums

__all__ = [
    "FIGURES",
    "level_figures",
    "quality_figures",
    "saturated_fraction_of_levels",
]

_TILES = 8
# Blocks a side of a tile below which a single cell may fill it; 512 px a side of the field.
_LEAST_BLOCKS = 8
_PILE_UP_PIXELS = 16


def quality_figures(pixels: NDArray[Any]) -> dict[str, float | None]:
    """Background, noise, signal, focus and illumination of one image.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous, finite, at least 16 x 16.

    Returns
    -------
    dict of str to float or None
        ``background_level`` and ``noise_level`` (standard deviation of white noise) in grey
        levels; ``signal_level``, the 99th percentile of block means above the background, and
        ``signal_to_noise``, its ratio to the noise; ``focus_log_log_slope``;
        ``focus_laplacian_variance`` and ``focus_tenengrad`` (mean squared Sobel gradient) in
        squared grey levels, and ``_over_noise``, divided by what the noise alone would give (1:
        nothing but noise); `illumination_figures` of the background, with the camera's offset
        left in.
    """
    blocks = to_blocks(pixels)
    background = measure_background(blocks)
    signal, noise = background.bright - background.level, background.noise**2
    laplacian, gradient = edge_figures(pixels)
    return {
        "background_level": background.level,
        "noise_level": background.noise,
        "signal_level": signal,
        "signal_to_noise": _ratio(signal, background.noise),
        "focus_log_log_slope": log_log_slope(pixels),
        "focus_laplacian_variance": laplacian,
        "focus_laplacian_over_noise": _ratio(laplacian, 20 * noise),
        "focus_tenengrad": gradient,
        "focus_tenengrad_over_noise": _ratio(gradient, 24 * noise),
        **illumination_figures(blocks),
    }


def level_figures(pixels: NDArray[Any], full_scale: float | None) -> dict[str, float | None]:
    """Least and greatest level of one image, and the share of pixels at the detector's limit.

    Parameters
    ----------
    pixels : ndarray, shape (height, width)
        Finite.
    full_scale : float or None
        Largest value that the detector can give, where known.

    Returns
    -------
    dict of str to float
        ``intensity_min``, ``intensity_max``, and ``saturated_fraction``: the share at or above
        `full_scale`; or, if larger, of a pile-up: 16 pixels or more at the image's maximum, and
        more than in the hundredth of the grey range just below it. A pile-up shows saturation of
        a 12-bit camera whose files say 16 bits.
    """
    top, bottom = pixels.max(), pixels.min()
    reach = max((float(top) - float(bottom)) / 100, 1.0 if pixels.dtype.kind == "u" else 0.0)
    at_top = int(np.count_nonzero(pixels == top))
    if at_top >= _PILE_UP_PIXELS:
        below = _count_from(pixels, float(top) - reach) - at_top
        at_top = at_top if at_top > below else 0
    else:
        at_top = 0
    if full_scale is not None and float(top) >= full_scale:
        at_top = max(at_top, _count_from(pixels, full_scale))
    saturated = at_top / pixels.size
    return {
        "intensity_min": float(bottom),
        "intensity_max": float(top),
        "saturated_fraction": saturated,
    }


def saturated_fraction_of_levels(counts: NDArray[np.int64], full_scale: float | None) -> float:
    """Saturated fraction as `level_figures` has it, from how often each grey level occurs.

    Parameters
    ----------
    counts : ndarray of int64, shape (levels,)
        Pixels of each grey level from 0.
    full_scale : float or None
        As for `level_figures`.
    """
    levels = np.flatnonzero(counts)
    bottom, top = int(levels[0]), int(levels[-1])
    reach = max((float(top) - float(bottom)) / 100, 1.0)
    at_top = int(counts[top])
    below = int(counts[max(0, math.ceil(top - reach)) : top].sum())
    at_top = at_top if at_top >= _PILE_UP_PIXELS and at_top > below else 0
    if full_scale is not None and top >= full_scale:
        at_top = max(at_top, int(counts[math.ceil(full_scale) :].sum()))
    return at_top / int(counts.sum())


def _count_from(pixels: NDArray[Any], least: float) -> int:
    """Pixels of at least so much; integers are not compared as floats, which takes five times."""
    whole = pixels.dtype.kind == "u"
    return int(np.count_nonzero(pixels >= (math.ceil(least) if whole else least)))


def log_log_slope(pixels: NDArray[Any]) -> float | None:
    """Slope of log power on log spatial frequency (Bray et al. 2012); blur makes it steeper.

    Power is summed over rings of one cycle per shorter side, as CellProfiler's PowerLogLogSlope
    does, from 2 cycles to an eighth of the shorter side; white noise therefore gives +1. Fields
    above 1,024 pixels are averaged over 2 x 2 or 4 x 4 pixels first, which keeps these rings.

    Returns
    -------
    float or None
        None below 64 pixels, where fewer than six rings are left, or without any power.
    """
    side = min(pixels.shape)
    bin_px = 4 if side >= 2048 else 2 if side >= 1024 else 1
    rings = np.arange(2, side // 8 + 1)
    if side < 64:
        return None
    binned = bin_means(pixels, bin_px) if bin_px > 1 else pixels.astype(np.float64)
    transformed = scipy.fft.rfft2(binned - binned.mean(), overwrite_x=True, workers=1)
    spectrum: NDArray[np.complex128] = np.asarray(transformed, np.complex128)
    power = spectrum.real**2 + spectrum.imag**2
    steps = (side / (binned.shape[0] * bin_px), side / (binned.shape[1] * bin_px))
    sums = ring_sums(power, steps, int(rings[-1]) + 1)[rings]
    if not (sums > 0).all():
        return None
    x, y = np.log(rings), np.log(sums)
    away = x - x.mean()
    return float((away * y).sum() / (away * away).sum())


def illumination_figures(blocks: Blocks) -> dict[str, float | None]:
    """Shape of the background over the field.

    Returns
    -------
    dict of str to float or None
        ``illumination_ratio``, mean of the background at the four corners divided by that at the
        centre; ``illumination_tilt_x`` and ``illumination_tilt_y``, right less left edge and
        bottom less top edge, over the centre. The background is a quadratic surface through the
        lower quartiles of 8 x 8 tiles; all are None below 512 pixels a side.
    """
    names = ("illumination_ratio", "illumination_tilt_x", "illumination_tilt_y")
    if min(blocks.mean.shape) < _LEAST_BLOCKS * _TILES:
        return dict.fromkeys(names)
    surface = fit_surface(tile_levels(blocks.mean, _TILES, 0.25), 2)
    centre = float(surface[0, 0])
    # At the corners |y| = |x| = 1, and odd powers cancel over the four.
    corners = float(surface[0, 0] + surface[0, 2] + surface[2, 0])
    ratio = _ratio(corners, centre) if corners > 0 else None
    tilts = (_ratio(2 * float(surface[place]), centre) for place in ((0, 1), (1, 0)))
    return dict(zip(names, (ratio, *tilts), strict=True))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
