"""Nuclei by one threshold: several times as fast as the tree, for fields that are even.

1. Levels: the plane as 16-bit counts with a few bits to spare, smoothed in 16 bits.
2. Height above the background of a coarse grid, on a pedestal, still in 16 bits: its histogram
   gives the threshold, and the background's peak in it zero and noise.
3. Runs above the threshold, connected, holes filled, clumps cut as in the tree method. No label
   image is made on the way.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import Contrast
from monolayer.segment.detect import circle_area
from monolayer.segment.found import Found
from monolayer.segment.scale import weighted_median
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_clumps
from monolayer_kernels.background import estimate_background, subtract_background_levels
from monolayer_kernels.label import label_above
from monolayer_kernels.measure_runs import Runs, sum_runs
from monolayer_kernels.objects import run_means
from monolayer_kernels.smooth import binomial, gaussian_boxes
from monolayer_kernels.threshold import (
    Histogram,
    histogram,
    threshold_li,
    threshold_local,
    threshold_otsu,
    threshold_triangle,
)

__all__ = ["find_by_threshold"]

_METHODS = {"otsu": threshold_otsu, "li": threshold_li, "triangle": threshold_triangle}
_BITS = 15
_PEDESTAL = 4096
_WINDOW = 5.0
# Of the shorter side, where no diameter is told.
_WINDOW_SHARE = 0.25
_WIDEST_BINOMIAL = 4.0
_LEAST_NOISES = 3.0
_PEAK_BINS = 9


@dataclass(frozen=True, slots=True)
class _Levels:
    """Counts of 16 bits; a grey value is ``scale`` of them, and level 0 is ``low``."""

    counts: NDArray[np.uint16]
    scale: float
    low: float


def find_by_threshold(
    image: NDArray[np.float32], told: float | None, settings: SegmentSettings
) -> Found | None:
    """Find everything brighter than the field's threshold; None where nothing is.

    Parameters
    ----------
    image : ndarray (H, W) float32
        Finite.
    told : float or None
        Typical diameter in pixels, if known.
    settings : SegmentSettings
    """
    smooth = _smooth(_levels(image), settings.threshold_smoothing_px)
    window = _WINDOW * told if told else _WINDOW_SHARE * min(image.shape)
    grid, block = estimate_background(smooth.counts, window)
    heights = subtract_background_levels(smooth.counts, grid, block, _PEDESTAL)
    zero, noise = _background_peak(histogram(heights))
    contrast = _contrast(smooth, heights, (zero, noise), (grid, block))
    objects = _label(heights, zero, noise, smooth.scale, (told or window / _WINDOW), settings)
    if not objects.label.size or not noise:
        return None
    diameter = told or _typical_diameter(objects, contrast.height, settings)
    if settings.threshold_split:
        objects = split_clumps(objects, contrast.height, diameter, settings.split_bias)
    areas = sum_runs(objects).moments[:, 0]
    brightness = weighted_median(run_means(objects, contrast.height), areas.astype(np.float64))
    return Found(objects, contrast, diameter, brightness)


def _levels(image: NDArray[np.float32]) -> _Levels:
    """Counts stay counts, times a power of two; anything else is stretched to 15 bits."""
    low, high = float(image.min()), float(image.max())
    whole = low >= 0 and high < 1 << 16
    counts = image.astype(np.uint16) if whole else np.zeros(0, np.uint16)
    if whole and bool((counts == image).all()):
        shift = max(0, _BITS - int(high).bit_length())
        return _Levels(np.left_shift(counts, np.uint16(shift)), float(1 << shift), 0.0)
    scale = ((1 << _BITS) - 1) / (high - low) if high > low else 1.0
    stretched = np.rint((image.astype(np.float64) - low) * scale)
    return _Levels(stretched.astype(np.uint16), scale, low)


def _smooth(levels: _Levels, sigma: float) -> _Levels:
    order = 2 * round(2 * sigma * sigma)
    if sigma > _WIDEST_BINOMIAL:
        counts = np.rint(gaussian_boxes(levels.counts, sigma)).astype(np.uint16)
        return _Levels(counts, levels.scale, levels.low)
    counts = binomial(levels.counts, order) if order else levels.counts
    return _Levels(counts, levels.scale, levels.low)


def _background_peak(heights: Histogram) -> tuple[float, float]:
    """Level of the background's peak, and its half-width downwards, both in levels."""
    levels = heights.levels()
    total = np.cumsum(heights.counts)
    # Levels lie closer than the noise is wide: a peak is looked for in a thousandth of them.
    width = max(1, int(np.searchsorted(total, total[-1] // 2)) // 64)
    peaks = np.convolve(heights.counts, np.ones(width, dtype=np.int64), "same")
    zero = float(levels[int(np.argmax(peaks))])
    below = levels < zero
    counts = heights.counts[below]
    if not counts.sum():
        return zero, 0.0
    return zero, math.sqrt(float((counts * (zero - levels[below]) ** 2).sum() / counts.sum()))


def _contrast(
    smooth: _Levels,
    heights: NDArray[np.uint16],
    peak: tuple[float, float],
    background: tuple[NDArray[np.float32], int],
) -> Contrast:
    grey = np.float32(1 / smooth.scale)
    grid, block = background
    return Contrast(
        smooth=smooth.counts * grey + np.float32(smooth.low),
        height=(heights.astype(np.float32) - np.float32(peak[0])) * grey,
        noise=peak[1] / smooth.scale,
        grid=(grid + np.float32(peak[0] - _PEDESTAL)) * grey + np.float32(smooth.low),
        block=block,
    )


def _label(
    heights: NDArray[np.uint16],
    zero: float,
    noise: float,
    scale: float,
    diameter: float,
    settings: SegmentSettings,
) -> Runs:
    """Objects above the threshold, which is never within the background's own noise."""
    least = zero + _LEAST_NOISES * noise
    if settings.threshold == "local":
        around = threshold_local(heights, round(diameter), -_LEAST_NOISES * noise)
        return label_above(heights, np.maximum(around, np.float32(least)), fill_holes=True)
    if isinstance(settings.threshold, str):
        level = _METHODS[settings.threshold](histogram(heights))
    else:
        level = zero + settings.threshold * scale
    return label_above(heights, max(level, least), fill_holes=True)


def _typical_diameter(
    objects: Runs, height: NDArray[np.float32], settings: SegmentSettings
) -> float:
    """Median diameter, weighted by diameter, so that debris does not make the typical nucleus.

    Twice: with the first one known, clumps are cut before the second is taken.
    """
    diameters = 2 * np.sqrt(sum_runs(objects).moments[:, 0] / np.pi)
    first = weighted_median(diameters, diameters)
    areas = sum_runs(split_clumps(objects, height, first, settings.split_bias)).moments[:, 0]
    areas = areas[areas >= settings.min_relative_area * circle_area(first)]
    diameters = 2 * np.sqrt(areas / np.pi)
    return weighted_median(diameters, diameters) if areas.size else first
