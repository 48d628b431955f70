"""Nuclei in a fluorescence plane, in five steps.

1. `scale`: how large and how bright nuclei are here, where nobody said.
2. `contrast`: height above the background, in units of its noise.
3. `detect`: the best disjoint components of a tree of levels, on an image binned so that a
   nucleus is 10 to 20 pixels wide.
4. Outline: at full resolution, each at the same share of its own mean height, so that dim and
   bright nuclei are outlined alike. Then `split` what is still a clump.
5. `confidence`: a score each, and out with what is too small, too faint or too soft.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.confidence import weigh_objects
from monolayer.segment.contrast import Contrast, grey_step, measure_contrast
from monolayer.segment.detect import circle_area, detect, log_levels
from monolayer.segment.scale import Scale, bin_factor, find_scales, look_at_scale
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_clumps
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import (
    enlarge_labels,
    fill_holes,
    label_boxes,
    label_means,
    renumber_labels,
)
from monolayer_kernels.smooth import bin_mean
from monolayer_kernels.threshold import quantise

__all__ = ["FIGURES", "Segmentation", "segment_nuclei"]

FIGURES = ("segment_noise", "segment_brightness", "segment_mean_score")
"""Names of `Segmentation.figures`, the same whatever was found."""

_FLOOD_STEPS = 200
_ROUNDS = 3
_SETTLED = 1.25


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Nuclei of one plane.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        0 for background; objects are 1 to n in the row-major order of their first pixels.
    scores : ndarray (n,) float64
        Confidence of each object, 0 to 1: the estimated probability that an expert would have
        outlined the same object. Low scores come first in a review queue.
    diameter_px : float or None
        Typical diameter: as given, or found; None where nothing was found.
    figures : dict of str to float or None
        ``segment_noise`` (standard deviation of the background after smoothing, grey values),
        ``segment_brightness`` (typical height of a nucleus above it), ``segment_mean_score``.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float64]
    diameter_px: float | None
    figures: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Typical:
    """Diameter in pixels and height in grey values of this image's typical nucleus."""

    diameter: float
    brightness: float


def segment_nuclei(
    pixels: NDArray[np.generic],
    settings: SegmentSettings | None = None,
    pixel_size_um: float | None = None,
) -> Segmentation:
    """Find and outline the nuclei of one fluorescence plane.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or floats, nuclei brighter than the background; any memory order. Counts give
        the same result whatever dtype they are stored in, up to 24 bits.
    settings : SegmentSettings, optional
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by settings in um.

    Returns
    -------
    Segmentation
        The same to the last bit for the same pixels and settings.

    Raises
    ------
    ImageError
        A setting is in um and the pixel size is not known, or pixels are not finite.
    ValueError, TypeError
        ``pixels`` is not 2-D, is empty or does not hold real numbers.
    """
    settings = settings or SegmentSettings()
    image = _checked(pixels)
    told = _in_pixels("expected_diameter_um", settings.expected_diameter_um, pixel_size_um)
    side = _in_pixels("min_area_um2", settings.min_area_um2, pixel_size_um, root=True)
    step = grey_step(image)
    for scale in _scales(image, step, told):
        diameter = told or _settle_diameter(image, step, scale, settings)
        smallest = settings.min_relative_area * circle_area(diameter)
        smallest = max(smallest, side * side if side else 1)
        typical = _Typical(diameter, scale.brightness)
        found = _segment(image, step, typical, smallest, settings)
        if found.scores.size:
            return found
    return _nothing(image, told)


def _checked(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    if pixels.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError("not_finite", f"{bad} pixels are NaN or infinite; export the image anew.")
    return image


def _in_pixels(name: str, um: float | None, size: float | None, root: bool = False) -> float | None:
    """Pixels for um; with ``root`` the side of a square of so many um2."""
    if um is None:
        return None
    if size is None:
        raise ImageError(
            "pixel_size_unknown",
            f"{name} is {um:g} but the pixel size is unknown; give --pixel-size-um.",
        )
    return (math.sqrt(um) if root else um) / size


def _scales(image: NDArray[np.float32], step: float, told: float | None) -> list[Scale]:
    """Scales to try: those believed where none is told, as a wrong one finds nuclei in noise."""
    if told is None:
        scales = find_scales(image, step)
        return [scale for scale in scales if scale.rank[0]] or scales[:1]
    scale = look_at_scale(image, step, bin_factor(told))
    return [scale] if scale else []


def _settle_diameter(
    image: NDArray[np.float32], step: float, scale: Scale, settings: SegmentSettings
) -> float:
    """Diameter of the objects as outlined; the scale's own includes their blurred skirts.

    Repeated while it still moves: a diameter that is too large leaves pairs uncut, whose own
    diameter is too large again, but less so.
    """
    diameter = scale.diameter
    for _ in range(_ROUNDS):
        before = diameter
        diameter = _outlined_diameter(image, step, _Typical(before, scale.brightness), settings)
        if max(diameter / before, before / diameter) < _SETTLED:
            break
    return diameter


def _outlined_diameter(
    image: NDArray[np.float32], step: float, guess: _Typical, settings: SegmentSettings
) -> float:
    factor = bin_factor(guess.diameter)
    typical = _Typical(guess.diameter / factor, guess.brightness)
    contrast = measure_contrast(bin_mean(image, factor), typical.diameter, step / factor)
    labels, count = _outline(contrast, contrast, 1, typical, settings)
    # Uncut pairs would make a pair the typical nucleus of a field of pairs.
    count = split_clumps(labels, count, typical.diameter, settings.split_bias)
    evidence = weigh_objects(labels, count, contrast, typical.diameter)
    keep = evidence.areas >= settings.min_relative_area * circle_area(typical.diameter)
    diameters = np.sort(2 * np.sqrt(evidence.areas[keep] / np.pi))
    if not diameters.size:
        return guess.diameter
    # Weighted, so that debris does not make the typical nucleus.
    total = np.cumsum(diameters)
    return float(diameters[int(np.searchsorted(total, total[-1] / 2))]) * factor


def _outline(
    coarse: Contrast, fine: Contrast, factor: int, typical: _Typical, settings: SegmentSettings
) -> tuple[NDArray[np.int32], int]:
    """Objects found in ``coarse``, outlined in ``fine``, and their number.

    ``typical`` is in pixels of ``coarse``, which is ``fine`` binned by ``factor``.
    """
    floor = settings.min_relative_brightness * typical.brightness
    found = detect(coarse, floor, typical.diameter)
    count = len(found.areas)
    seeds = enlarge_labels(found.labels, factor, fine.height.shape)
    if count == 0:
        return seeds, 0
    means, _ = label_means(seeds, fine.height, count)
    outline = (settings.contour_level * means).astype(np.float32)
    top = max(float(fine.height.max()) / coarse.noise, 1.0)
    steps = quantise(fine.height, log_levels(0.5, top, _FLOOD_STEPS) * coarse.noise)
    labels = grow_labels(seeds, fine.height, steps, outline)
    fill_holes(labels, label_boxes(labels, count))
    return labels, count


def _segment(
    image: NDArray[np.float32],
    step: float,
    typical: _Typical,
    smallest: float,
    settings: SegmentSettings,
) -> Segmentation:
    diameter = typical.diameter
    factor = bin_factor(diameter)
    coarse = measure_contrast(bin_mean(image, factor), diameter / factor, step / factor)
    if coarse.noise == 0:
        return _nothing(image, diameter)
    fine = coarse if factor == 1 else measure_contrast(image, diameter, step)
    binned = _Typical(diameter / factor, typical.brightness)
    labels, count = _outline(coarse, fine, factor, binned, settings)
    count = split_clumps(labels, count, diameter, settings.split_bias)
    evidence = weigh_objects(labels, count, fine, diameter)
    keep = (evidence.areas >= smallest) & (evidence.scores >= settings.min_score)
    keep &= evidence.heights >= settings.min_signal_to_noise * coarse.noise
    keep &= ~evidence.blots()
    order = renumber_labels(labels, keep)
    scores = evidence.scores[order]
    figures = {
        "segment_noise": coarse.noise,
        "segment_brightness": typical.brightness,
        "segment_mean_score": float(scores.mean()) if scores.size else None,
    }
    return Segmentation(labels, scores, diameter, figures)


def _nothing(image: NDArray[np.float32], diameter: float | None) -> Segmentation:
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    return Segmentation(np.zeros(image.shape, np.int32), np.zeros(0), diameter, figures)
