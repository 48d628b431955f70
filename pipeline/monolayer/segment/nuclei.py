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
from monolayer.segment.join import join_parts
from monolayer.segment.scale import (
    Scale,
    bin_factor,
    find_scales,
    look_at_scale,
    weighted_median,
)
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_clumps
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import fill_holes, label_boxes
from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.objects import keep_largest_patch, paint_runs, run_means, select_objects
from monolayer_kernels.refine import refine_labels
from monolayer_kernels.threshold import quantise

__all__ = ["FIGURES", "Segmentation", "segment_nuclei"]

FIGURES = ("segment_noise", "segment_brightness", "segment_mean_score")
"""Names of `Segmentation.figures`, the same whatever was found."""

_FLOOD_STEPS = 200
_ROUNDS = 3
# Outlined diameter over that of the components found at a scale, in the median of many images.
_OUTLINED = 0.75
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
    steps: NDArray[np.uint8]
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
    pyramid = Pyramid(image)
    for scale in _scales(pyramid, told):
        guess = told or _OUTLINED * scale.diameter
        look = _take_look(pyramid, guess, scale, settings)
        diameter, outlined = told, _outline(look, guess, settings)
        if diameter is None:
            look, diameter, outlined = _settle(pyramid, look, outlined, scale, settings)
        smallest = settings.min_relative_area * circle_area(diameter)
        smallest = max(smallest, side * side if side else 1)
        found = _finish(pyramid, look, outlined, (diameter, scale.brightness, smallest), settings)
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
    candidates = find_candidates(contrast, floor) if contrast.noise else None
    return _Look(factor, contrast, _flood_steps(contrast), candidates)


def _flood_steps(contrast: Contrast) -> NDArray[np.uint8]:
    noise = contrast.noise or 1.0
    top = max(float(contrast.height.max()) / noise, 1.0)
    return quantise(contrast.height, log_levels(0.5, top, _FLOOD_STEPS) * noise)


def _settle(
    pyramid: Pyramid, look: _Look, outlined: _Outlined, scale: Scale, settings: SegmentSettings
) -> tuple[_Look, float, _Outlined]:
    """Diameter of the objects as outlined; the scale's own includes their blurred skirts.

    Repeated while it still moves: a diameter that is too large leaves pairs uncut, whose own
    diameter is too large again, but less so.
    """
    diameter = _OUTLINED * scale.diameter
    for _ in range(_ROUNDS):
        before = diameter
        diameter = _outlined_diameter(look, outlined, before, scale.brightness, settings)
        if max(diameter / before, before / diameter) < _SETTLED:
            break
        if bin_factor(diameter) != look.factor:
            look = _take_look(pyramid, diameter, scale, settings)
        outlined = _outline(look, diameter, settings)
    return look, diameter, outlined


def _outlined_diameter(
    look: _Look, outlined: _Outlined, guess: float, brightness: float, settings: SegmentSettings
) -> float:
    # Uncut pairs would make a pair the typical nucleus of a field of pairs.
    guess /= look.factor
    objects = split_clumps(outlined.objects, look.contrast.height, guess, settings.split_bias)
    evidence = weigh_objects(objects, look.contrast, guess, brightness)
    keep = evidence.areas >= settings.min_relative_area * circle_area(guess)
    if not keep.any():
        return guess * look.factor
    diameters = 2 * np.sqrt(evidence.areas[keep] / np.pi)
    # Weighted, so that debris and fragments do not make the typical nucleus.
    return weighted_median(diameters, diameters * evidence.scores[keep]) * look.factor


def _outline(look: _Look, diameter: float, settings: SegmentSettings) -> _Outlined:
    """Outline the objects of a look, each at the same share of its own mean height."""
    height = look.contrast.height
    if look.candidates is None:
        return _Outlined(find_runs(np.zeros(height.shape, np.int32)), np.zeros(0, np.float32))
    objects, _ = choose_objects(look.candidates, diameter / look.factor)
    outline = (settings.contour_level * run_means(objects, height)).astype(np.float32)
    labels = grow_labels(objects, height, look.steps, outline)
    grown = find_runs(labels)
    joined = join_parts(labels, grown, look.contrast, diameter / look.factor)
    count = int(joined.max(initial=-1)) + 1
    if count < len(joined):
        labels = np.concatenate([[0], joined + 1]).astype(np.int32)[labels]
        outline = np.bincount(joined, outline, count) / np.bincount(joined, minlength=count)
    fill_holes(labels, label_boxes(labels, count))
    return _Outlined(find_runs(labels), outline.astype(np.float32))


def _finish(
    pyramid: Pyramid,
    look: _Look,
    outlined: _Outlined,
    typical: tuple[float, float, float],
    settings: SegmentSettings,
) -> Segmentation:
    """Carry the outlines to full resolution, cut clumps, leave out what is no nucleus."""
    diameter, brightness, smallest = typical
    shape, noise = pyramid.image.shape, look.contrast.noise
    if not outlined.objects.label.size:
        return _nothing(pyramid.image, diameter)
    objects, contrast = outlined.objects, pyramid.full(look.factor, diameter)
    if look.factor > 1:
        coarse = paint_runs(objects, look.contrast.height.shape)
        labels = refine_labels(coarse, look.factor, contrast.height, outlined.height)
        objects = keep_largest_patch(find_runs(labels))
    objects = split_clumps(objects, contrast.height, diameter, settings.split_bias)
    evidence = weigh_objects(objects, contrast, diameter, brightness)
    kept = _in_order(objects, _believed(evidence, smallest, noise, settings))
    scores = evidence.scores[kept]
    figures = {
        "segment_noise": noise,
        "segment_brightness": brightness,
        "segment_mean_score": float(scores.mean()) if scores.size else None,
    }
    labels = paint_runs(select_objects(objects, kept), shape)
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
