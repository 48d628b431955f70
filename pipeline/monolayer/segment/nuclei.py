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
from monolayer.segment.confidence import Evidence, weigh_objects
from monolayer.segment.contrast import Contrast, Pyramid
from monolayer.segment.detect import (
    Candidates,
    choose_objects,
    circle_area,
    find_candidates,
    log_levels,
)
from monolayer.segment.scale import (
    Scale,
    bin_factor,
    find_scales,
    look_at_scale,
    weighted_median,
)
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_clumps
from monolayer.segment.threshold import find_by_threshold
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import fill_holes, label_boxes
from monolayer_kernels.measure_runs import Runs, find_runs, sum_runs
from monolayer_kernels.objects import keep_largest_patch, paint_runs, run_means, select_objects
from monolayer_kernels.refine import refine_labels
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
class _Look:
    """The image binned so that a nucleus is 10 to 20 pixels wide, and what may be nuclei in it."""

    factor: int
    contrast: Contrast
    candidates: Candidates | None


@dataclass(frozen=True, slots=True)
class _Outlined:
    """Objects outlined in a look, and the height of each one's outline."""

    objects: Runs
    height: NDArray[np.float32]


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
    if settings.method == "threshold":
        return _by_threshold(image, told, side or 0, settings)
    pyramid = Pyramid(image)
    for scale in _scales(pyramid, told):
        look = _take_look(pyramid, told or scale.diameter, scale, settings)
        diameter, outlined = told, _outline(look, told or scale.diameter, settings)
        if diameter is None:
            look, diameter, outlined = _settle(pyramid, look, outlined, scale, settings)
        smallest = settings.min_relative_area * circle_area(diameter)
        smallest = max(smallest, side * side if side else 1)
        found = _finish(pyramid, look, outlined, (diameter, smallest), settings)
        if found.scores.size:
            found.figures["segment_brightness"] = scale.brightness
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


def _scales(pyramid: Pyramid, told: float | None) -> list[Scale]:
    """Scales to try: those believed where none is told, as a wrong one finds nuclei in noise."""
    if told is None:
        scales = find_scales(pyramid)
        return [scale for scale in scales if scale.rank[0]] or scales[:1]
    scale = look_at_scale(pyramid, bin_factor(told))
    return [scale] if scale else []


def _take_look(pyramid: Pyramid, diameter: float, scale: Scale, settings: SegmentSettings) -> _Look:
    factor = bin_factor(diameter)
    contrast = pyramid.contrast(factor)
    floor = settings.min_relative_brightness * scale.brightness
    return _Look(factor, contrast, find_candidates(contrast, floor) if contrast.noise else None)


def _settle(
    pyramid: Pyramid, look: _Look, outlined: _Outlined, scale: Scale, settings: SegmentSettings
) -> tuple[_Look, float, _Outlined]:
    """Diameter of the objects as outlined; the scale's own includes their blurred skirts.

    Repeated while it still moves: a diameter that is too large leaves pairs uncut, whose own
    diameter is too large again, but less so.
    """
    diameter = scale.diameter
    for _ in range(_ROUNDS):
        before, diameter = diameter, _outlined_diameter(look, outlined, diameter, settings)
        if max(diameter / before, before / diameter) < _SETTLED:
            break
        if bin_factor(diameter) != look.factor:
            look = _take_look(pyramid, diameter, scale, settings)
        outlined = _outline(look, diameter, settings)
    return look, diameter, outlined


def _outlined_diameter(
    look: _Look, outlined: _Outlined, guess: float, settings: SegmentSettings
) -> float:
    # Uncut pairs would make a pair the typical nucleus of a field of pairs.
    objects = split_clumps(outlined.objects, guess / look.factor, settings.split_bias)
    areas = sum_runs(objects).moments[:, 0]
    areas = areas[areas >= settings.min_relative_area * circle_area(guess / look.factor)]
    if not areas.size:
        return guess
    diameters = 2 * np.sqrt(areas / np.pi)
    # Weighted, so that debris does not make the typical nucleus.
    return weighted_median(diameters, diameters) * look.factor


def _outline(look: _Look, diameter: float, settings: SegmentSettings) -> _Outlined:
    """Outline the objects of a look, each at the same share of its own mean height."""
    height, noise = look.contrast.height, look.contrast.noise
    if look.candidates is None:
        return _Outlined(find_runs(np.zeros(height.shape, np.int32)), np.zeros(0, np.float32))
    objects, _ = choose_objects(look.candidates, diameter / look.factor)
    outline = (settings.contour_level * run_means(objects, height)).astype(np.float32)
    top = max(float(height.max()) / noise, 1.0)
    steps = quantise(height, log_levels(0.5, top, _FLOOD_STEPS) * noise)
    labels = grow_labels(paint_runs(objects, height.shape), height, steps, outline)
    fill_holes(labels, label_boxes(labels, len(outline)))
    return _Outlined(find_runs(labels), outline)


def _finish(
    pyramid: Pyramid,
    look: _Look,
    outlined: _Outlined,
    sizes: tuple[float, float],
    settings: SegmentSettings,
) -> Segmentation:
    """Carry the outlines to full resolution, cut clumps, leave out what is no nucleus."""
    diameter, smallest = sizes
    if not outlined.objects.label.size:
        return _nothing(pyramid.image, diameter)
    objects, contrast = outlined.objects, pyramid.full(look.factor, diameter)
    if look.factor > 1:
        coarse = paint_runs(objects, look.contrast.height.shape)
        labels = refine_labels(coarse, look.factor, contrast.height, outlined.height)
        objects = keep_largest_patch(find_runs(labels))
    objects = split_clumps(objects, diameter, settings.split_bias)
    return _judge(objects, contrast, (diameter, smallest), settings)


def _by_threshold(
    image: NDArray[np.float32], told: float | None, side: float, settings: SegmentSettings
) -> Segmentation:
    found = find_by_threshold(image, told, settings)
    if found.diameter is None or found.contrast.noise == 0:
        return _nothing(image, told)
    smallest = max(settings.min_relative_area * circle_area(found.diameter), side * side, 1)
    return _judge(found.objects, found.contrast, (found.diameter, smallest), settings)


def _judge(
    objects: Runs, contrast: Contrast, sizes: tuple[float, float], settings: SegmentSettings
) -> Segmentation:
    """Score the objects and leave out what is no nucleus."""
    diameter, smallest = sizes
    noise = contrast.noise
    evidence = weigh_objects(objects, contrast, diameter)
    kept = _in_order(objects, _believed(evidence, smallest, noise, settings))
    heights = evidence.heights[kept]
    scores = evidence.scores[kept]
    figures = {
        "segment_noise": noise,
        "segment_brightness": float(np.median(heights)) if heights.size else None,
        "segment_mean_score": float(scores.mean()) if scores.size else None,
    }
    labels = paint_runs(select_objects(objects, kept), contrast.height.shape)
    return Segmentation(labels, scores, diameter, figures)


def _believed(
    evidence: Evidence, smallest: float, noise: float, settings: SegmentSettings
) -> NDArray[np.bool_]:
    keep = (evidence.areas >= smallest) & (evidence.scores >= settings.min_score)
    keep &= evidence.heights >= settings.min_signal_to_noise * noise
    return keep & ~evidence.blots()


def _in_order(objects: Runs, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which objects stay, in the row-major order of their first pixels."""
    kept = np.flatnonzero(keep)
    first = objects.first[kept]
    return kept[np.lexsort((objects.start[first], objects.row[first]))]


def _nothing(image: NDArray[np.float32], diameter: float | None) -> Segmentation:
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    return Segmentation(np.zeros(image.shape, np.int32), np.zeros(0), diameter, figures)
