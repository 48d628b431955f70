"""Nuclei by a tree of levels: the method that needs to be told nothing.

1. `scale`: how large and how bright nuclei are here, where nobody said.
2. `contrast`: height above the background, in units of its noise, on the image binned so that a
   nucleus is 10 to 20 pixels wide.
3. `detect`: the best disjoint components of a tree of levels.
4. Outline: each at the same share of its own mean height, so that dim and bright nuclei are
   outlined alike; `join` parts of one nucleus; at full resolution only the seams are looked at
   again. Then `split` what is still a clump.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import Contrast, FullContrast, Pyramid
from monolayer.segment.detect import (
    Candidates,
    choose_objects,
    circle_area,
    find_candidates,
    log_levels,
    shape_belief,
    weighted_median,
)
from monolayer.segment.found import Found
from monolayer.segment.join import join_parts
from monolayer.segment.scale import (
    Scale,
    bin_factor,
    find_scales,
    look_at_scale,
)
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.split import split_clumps
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import fill_holes
from monolayer_kernels.measure_runs import Runs, find_runs, sum_runs
from monolayer_kernels.objects import (
    ellipse_scores,
    keep_largest_patch,
    repaint_runs,
    run_means,
)
from monolayer_kernels.refine import refine_labels
from monolayer_kernels.threshold import quantise

__all__ = ["find_by_tree"]

_FLOOD_STEPS = 200
_ROUNDS = 3
# Outlined diameter over that of the components found at a scale, in the median of many images.
_OUTLINED = 0.75
_SETTLED = 1.25


@dataclass(frozen=True, slots=True)
class _Look:
    """The image binned so that a nucleus is 10 to 20 pixels wide, and what may be nuclei in it."""

    factor: int
    contrast: Contrast
    steps: NDArray[np.uint8]
    candidates: Candidates | None


@dataclass(frozen=True, slots=True)
class _Outlined:
    """Objects outlined in a look, their label image, and the height of each one's outline."""

    objects: Runs
    labels: NDArray[np.int32]
    height: NDArray[np.float32]


def find_by_tree(
    image: NDArray[Any], told: float | None, settings: SegmentSettings
) -> Iterator[Found]:
    """Find what stands out at the likeliest scale; asked again, at the next one.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32
        Finite.
    told : float or None
        Typical diameter in pixels, if known.
    settings : SegmentSettings
    """
    pyramid = Pyramid(image)
    for scale in _scales(pyramid, told):
        look, diameter, outlined = _outline_typical(pyramid, scale, told, settings)
        if outlined.objects.label.size:
            objects, contrast = _carry(pyramid, look, outlined, diameter)
            objects = split_clumps(objects, contrast.height, diameter, settings.split_bias)
            yield Found(objects, contrast, diameter, scale.brightness)


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


def _outline_typical(
    pyramid: Pyramid, scale: Scale, told: float | None, settings: SegmentSettings
) -> tuple[_Look, float, _Outlined]:
    """Outlined objects of a scale, and the typical one's diameter."""
    guess = told or _OUTLINED * scale.diameter
    look = _take_look(pyramid, guess, scale, settings)
    outlined = _outline(look, guess, settings)
    if told:
        return look, told, outlined
    if not outlined.objects.label.size and bin_factor(scale.diameter) != look.factor:
        # Dim nuclei stand out only where enough pixels are taken together.
        guess = scale.diameter
        look = _take_look(pyramid, guess, scale, settings)
        outlined = _outline(look, guess, settings)
    return _settle(pyramid, look, outlined, (guess, scale), settings)


def _settle(
    pyramid: Pyramid,
    look: _Look,
    outlined: _Outlined,
    guessed: tuple[float, Scale],
    settings: SegmentSettings,
) -> tuple[_Look, float, _Outlined]:
    """Diameter of the objects as outlined, repeated while it still moves.

    A diameter that is too large leaves pairs uncut, whose own diameter is too large again, but
    less so.
    """
    diameter, scale = guessed
    for _ in range(_ROUNDS):
        before = diameter
        diameter = _outlined_diameter(look, outlined, before, settings)
        if max(diameter / before, before / diameter) < _SETTLED:
            break
        if bin_factor(diameter) != look.factor:
            look = _take_look(pyramid, diameter, scale, settings)
        outlined = _outline(look, diameter, settings)
    return look, diameter, outlined


def _outlined_diameter(
    look: _Look, outlined: _Outlined, guess: float, settings: SegmentSettings
) -> float:
    guess /= look.factor
    sums = sum_runs(outlined.objects)
    areas = sums.moments[:, 0]
    keep = areas >= settings.min_relative_area * circle_area(guess)
    if not keep.any():
        return guess * look.factor
    diameters = 2 * np.sqrt(areas[keep] / np.pi)
    # Weighted, so that neither debris nor uncut pairs make the typical nucleus.
    sure = shape_belief(ellipse_scores(sums)[keep])
    return weighted_median(diameters, diameters * sure) * look.factor


def _outline(look: _Look, diameter: float, settings: SegmentSettings) -> _Outlined:
    """Outline the objects of a look, each at the same share of its own mean height."""
    height = look.contrast.height
    if look.candidates is None:
        nothing = np.zeros(height.shape, np.int32)
        return _Outlined(find_runs(nothing), nothing, np.zeros(0, np.float32))
    objects, _ = choose_objects(look.candidates, diameter / look.factor)
    outline = settings.contour_level * run_means(objects, height)
    labels = grow_labels(objects, height, look.steps, outline.astype(np.float32))
    grown = find_runs(labels)
    joined = join_parts(labels, grown, look.contrast, diameter / look.factor)
    count = int(joined.max(initial=-1)) + 1
    if count < len(joined):
        repaint_runs(grown._replace(label=(joined + 1).astype(np.int32)), labels)
        outline = np.bincount(joined, outline, count) / np.bincount(joined, minlength=count)
        grown = find_runs(labels)
    return _Outlined(_filled(grown, labels), labels, outline.astype(np.float32))


def _filled(objects: Runs, labels: NDArray[np.int32]) -> Runs:
    """The objects without their holes, which are filled in the label image as well."""
    boxes = sum_runs(objects).bbox.astype(np.int32)
    # With one run a row nothing can be enclosed.
    hollow = np.diff(objects.first) > boxes[:, 2] - boxes[:, 0]
    if not hollow.any():
        return objects
    fill_holes(labels, np.where(hollow[:, None], boxes, 0))
    return find_runs(labels)


def _carry(
    pyramid: Pyramid, look: _Look, outlined: _Outlined, diameter: float
) -> tuple[Runs, Contrast | FullContrast]:
    """The outlined objects at full resolution, and the contrast there."""
    contrast = pyramid.full(look.factor, diameter)
    if look.factor == 1:
        return outlined.objects, contrast
    refined = refine_labels(outlined.labels, look.factor, contrast.height, outlined.height)
    return keep_largest_patch(refined), contrast
