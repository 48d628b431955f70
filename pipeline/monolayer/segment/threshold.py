"""Nuclei by one threshold: two to five times as fast as the tree, for fields that are even.

1. Levels: the plane as 16-bit counts with a few bits to spare, smoothed in 16 bits.
2. Height above the background of a coarse grid, on a pedestal, still in 16 bits: its histogram
   gives the threshold, and the background's peak in it zero and noise.
3. Runs above the threshold, connected, holes filled, clumps cut as in the tree method. No label
   image is made on the way.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area, weighted_median
from monolayer.segment.found import Found
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_summed
from monolayer_kernels.background import estimate_background, subtract_background_levels
from monolayer_kernels.boxes import gaussian_boxes
from monolayer_kernels.label import label_above
from monolayer_kernels.measure_runs import RunSums, sum_runs
from monolayer_kernels.objects import Levels, ellipse_scores
from monolayer_kernels.smooth import binomial_levels
from monolayer_kernels.threshold import (
    Histogram,
    histogram,
    threshold_li,
    threshold_local,
    threshold_otsu,
    threshold_triangle,
)

__all__ = ["common_level", "find_by_threshold"]

_METHODS = {"otsu": threshold_otsu, "li": threshold_li, "triangle": threshold_triangle}
_BITS = 15
_PEDESTAL = 4096
_WINDOW = 5.0
# Of the shorter side, where no diameter is told.
_WINDOW_SHARE = 0.25
_WIDEST_BINOMIAL = 4.0
_LEAST_NOISES = 3.0
# Shape score of a nucleus by itself; of two that touch it is lower.
_LONE = 0.9


@dataclass(frozen=True, slots=True)
class _Heights:
    """Heights above a background on a pedestal, all in counts, and how wide it was looked for."""

    counts: NDArray[np.uint16]
    step: float
    low: float
    grid: NDArray[np.float32]
    block: int
    window: float

    def background(self, zero: float) -> NDArray[np.float32]:
        """The background in grey values, where heights begin at ``zero``."""
        return np.float32(self.low) + np.float32(self.step) * (
            self.grid + np.float32(zero - _PEDESTAL)
        )


@dataclass(frozen=True, slots=True)
class _Relief:
    """Heights as counts: in float32 the planes alone took as long as all the rest."""

    height: Levels
    noise: float
    grid: NDArray[np.float32]
    block: int


def find_by_threshold(
    image: NDArray[np.float32] | NDArray[np.uint16], told: float | None, settings: SegmentSettings
) -> Found | None:
    """Find everything brighter than the field's threshold; None where nothing is.

    Parameters
    ----------
    image : ndarray (H, W) of float32 or uint16
        Finite.
    told : float or None
        Typical diameter in pixels, if known.
    settings : SegmentSettings
    """
    found = _heights(image, told, settings)
    heights, step = found.counts, found.step
    levels = histogram(heights)
    zero, noise = _background_peak(levels)
    # Never within the background's own noise.
    least = zero + _LEAST_NOISES * noise
    level: float | NDArray[np.float32]
    if settings.threshold == "local":
        radius = round(told or found.window / _WINDOW)
        level = np.maximum(threshold_local(heights, radius, zero - least), np.float32(least))
    else:
        level = max(_level(levels, zero, step, settings.threshold), least)
    objects = label_above(heights, level, fill_holes=True)
    if not objects.label.size or not noise:
        return None
    height = Levels(heights, step, -zero * step)
    sums = sum_runs(objects)
    diameter = told or _typical_diameter(sums, settings.min_relative_area)
    if settings.threshold_split:
        objects, sums = split_summed(objects, sums, height, diameter, settings.split_bias)
        diameter = told or _typical_diameter(sums, settings.min_relative_area)
    relief = _Relief(height, noise * step, found.background(zero), found.block)
    return Found(objects, relief, diameter, sums=sums)


def common_level(
    samples: Sequence[NDArray[np.uint16]], told: float | None, settings: SegmentSettings
) -> float | None:
    """Threshold of several samples of one plane together, grey values above the background.

    Parameters
    ----------
    samples : sequence of ndarray (H, W) uint16
    told : float or None
        Typical diameter in pixels, if known.
    settings : SegmentSettings
        Its ``threshold`` is the name of a method, and not local.

    Returns
    -------
    float or None
        None where the samples hold one grey level only.
    """
    counted: dict[float, int] = {}
    for sample in samples:
        found = _heights(sample, told, settings)
        levels = histogram(found.counts)
        zero, _ = _background_peak(levels)
        above = (levels.levels() - zero) * found.step
        for height, count in zip(above.tolist(), levels.counts.tolist(), strict=True):
            counted[height] = counted.get(height, 0) + count
    # Steps are powers of two: sums of whole numbers of the finest one are exact.
    finest = min((b - a for a, b in itertools.pairwise(sorted(counted))), default=0.0)
    if not finest:
        return None
    low = min(counted)
    counts = np.zeros(round((max(counted) - low) / finest) + 1, np.int64)
    for height, count in counted.items():
        counts[round((height - low) / finest)] += count
    assert isinstance(settings.threshold, str)
    return _METHODS[settings.threshold](Histogram(counts, low, finest))


def _heights(
    image: NDArray[np.float32] | NDArray[np.uint16], told: float | None, settings: SegmentSettings
) -> _Heights:
    smooth = _smooth(image, settings.threshold_smoothing_px)
    window = _WINDOW * told if told else _WINDOW_SHARE * min(image.shape)
    grid, block = estimate_background(smooth.counts, window)
    # Its own plane: whatever the smoothing, it is not the image.
    heights = subtract_background_levels(smooth.counts, grid, block, _PEDESTAL, in_place=True)
    return _Heights(heights, smooth.step, smooth.low, grid, block, window)


def _smooth(image: NDArray[np.float32] | NDArray[np.uint16], sigma: float) -> Levels:
    """Counts stay counts, times a power of two; anything else is stretched to 15 bits."""
    counts = _counts(image)
    if counts is not None:
        smooth, shift = _smooth_counts(counts, sigma, _BITS)
        return Levels(smooth, 1 / (1 << shift), 0.0)
    low, high = float(image.min()), float(image.max())
    scale = ((1 << _BITS) - 1) / (high - low) if high > low else 1.0
    counts = np.rint((image.astype(np.float64) - low) * scale).astype(np.uint16)
    return Levels(_smooth_counts(counts, sigma, 1)[0], 1 / scale, low)


def _counts(image: NDArray[np.float32] | NDArray[np.uint16]) -> NDArray[np.uint16] | None:
    """The image's own counts, or None where it holds anything else."""
    if image.dtype == np.uint16:
        return image.astype(np.uint16, copy=False)
    if image.min() < 0 or image.max() >= 1 << 16:
        return None
    counts = image.astype(np.uint16)
    return counts if bool((counts == image).all()) else None


def _smooth_counts(
    counts: NDArray[np.uint16], sigma: float, bits: int
) -> tuple[NDArray[np.uint16], int]:
    """Smoothed, and by how many bits shifted: as many of these bits as the counts leave."""
    order = 2 * round(2 * sigma * sigma)
    if order and sigma <= _WIDEST_BINOMIAL:
        return binomial_levels(counts, order, bits)
    shift = max(0, bits - int(counts.max()).bit_length())
    shifted = np.left_shift(counts, np.uint16(shift))
    return np.rint(gaussian_boxes(shifted, sigma)).astype(np.uint16) if order else shifted, shift


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


def _level(levels: Histogram, zero: float, step: float, threshold: str | float) -> float:
    if isinstance(threshold, str):
        return _METHODS[threshold](levels)
    return zero + threshold / step


def _typical_diameter(sums: RunSums, least_share: float) -> float:
    """Median diameter, weighted by diameter, so that debris does not make the typical nucleus.

    Of those that look like one nucleus. To cut the clumps for it took as long as all the rest,
    and 9 of 10 fields got a diameter within 6 % of this one.
    """
    areas = sums.moments[:, 0]
    diameters = 2 * np.sqrt(areas / np.pi)
    median = weighted_median(diameters, diameters)
    lone = areas >= least_share * circle_area(median)
    lone &= ellipse_scores(sums) >= _LONE
    return weighted_median(diameters[lone], diameters[lone]) if lone.any() else median
