"""How large and how bright the nuclei of a plane are, found by looking at it at several scales.

Each pass halves the image again and looks for objects about 16 pixels wide. A pass is believed
if what it finds is indeed about that wide; of the believed ones the one whose objects explain
most light wins. (Light alone was fooled by tissue: at 1/8 the whole section was one object.)

Of a large plane, strips of rows are enough for medians: every pass looks at the same ones, so that
their lights can be compared, and counts the objects that lie in a strip's middle, so that none is
cut. Where these are few, the whole plane is looked at.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.confidence import glows, vast_objects
from monolayer.segment.contrast import Contrast, Pyramid
from monolayer.segment.detect import choose_objects, find_candidates, weighted_median
from monolayer_kernels.measure_runs import sum_runs
from monolayer_kernels.objects import run_means

__all__ = ["Scale", "bin_factor", "find_scales", "look_at_scale"]

_DIAMETER = 16.0
_FACTORS = (8, 4, 2, 1)
# Enough for a median; the objects themselves are chosen among more.
_LEVELS = 12
_MISFIT = 2.2
_SMALLEST_SIDE = 16
_COARSEST = 10.0
# Full resolution is looked at only where the halved image saw nothing wider than this: the
# pass costs as much as all the others together.
_NEEDS_FULL = 22.0
# Rows of the full plane: of each period a strip is counted, with a margin of two diameters (in
# rows of the binned plane) on either side.
_LARGE = 3_000_000
_PERIOD = 1024
_STRIP = 192
_MARGIN = 32
_ENOUGH = 64


@dataclass(frozen=True, slots=True)
class Scale:
    """What one pass found.

    Attributes
    ----------
    diameter : float
        Median diameter, pixels of the full image, objects weighted by their light.
    brightness : float
        Median height above background, weighted likewise.
    light : float
        Light explained: sum of height over all pixels of objects, times their shape's worth.
    misfit : float
        Ratio of the diameter to the one looked for, or its inverse; at least 1.
    objects : int
        How many this was taken from.
    vast : bool
        Most of the light is that of objects that fill the field.
    """

    diameter: float
    brightness: float
    light: float
    misfit: float
    objects: int
    vast: bool = False

    @property
    def rank(self) -> tuple[bool, float]:
        """Order of belief."""
        return (self.misfit <= _MISFIT, self.light if self.misfit <= _MISFIT else -self.misfit)


def find_scales(pyramid: Pyramid) -> list[Scale]:
    """Diameter and brightness of the plane's typical object, most believed first.

    The first is nearly always right. It is not where a few separate nuclei blur into one blot at
    1/8, which explains 5 % more light than they do; the blot then does not stand up at full
    resolution, and the caller goes on to the next.
    """
    scales = _all_passes(pyramid, strips=True) if _is_large(pyramid) else []
    if not _enough(scales):
        scales = _all_passes(pyramid, strips=False)
    return sorted(
        scales, key=lambda scale: (not _outshone(scale, scales), *scale.rank), reverse=True
    )


def _all_passes(pyramid: Pyramid, *, strips: bool) -> list[Scale]:
    scales: list[Scale] = []
    for factor in _FACTORS:
        best = max(scales, key=lambda scale: scale.rank, default=None)
        found = best is not None and best.rank[0] and best.diameter > _NEEDS_FULL
        if factor == 1 and found and pyramid.image.size > 1 << 18:
            break
        scale = _take_pass(pyramid, factor, strips=strips)
        scales += [scale] if scale else []
    return scales


def _is_large(pyramid: Pyramid) -> bool:
    return pyramid.image.size > _LARGE and pyramid.image.shape[0] >= _PERIOD


def _enough(scales: list[Scale]) -> bool:
    """Whether the best of what strips showed is believed, and not the chance of a few objects."""
    best = max(scales, key=lambda scale: scale.rank, default=None)
    return best is not None and best.rank[0] and best.objects >= _ENOUGH


def _outshone(scale: Scale, scales: list[Scale]) -> bool:
    """Whether a vast object is a glow on which brighter, smaller ones lie.

    The texture of a nucleus that fills the field is fainter than the nucleus.
    """
    return scale.vast and any(
        other.rank[0]
        and other.diameter < scale.diameter / 2
        and other.brightness > scale.brightness
        for other in scales
    )


def look_at_scale(pyramid: Pyramid, factor: int) -> Scale | None:
    """One pass over the image binned by ``factor``; None where it finds nothing."""
    if _is_large(pyramid):
        scale = _take_pass(pyramid, factor, strips=True)
        if scale and _enough([scale]):
            return scale
    return _take_pass(pyramid, factor, strips=False)


def _take_pass(pyramid: Pyramid, factor: int, *, strips: bool) -> Scale | None:
    if factor > 1 and -(-min(pyramid.image.shape) // factor) < _SMALLEST_SIDE:
        return None
    contrast = pyramid.contrast(factor)
    if contrast.noise == 0:
        return None
    counted = np.ones(contrast.height.shape[0], np.bool_)
    if strips:
        contrast, counted = _cut_strips(contrast, factor)
    candidates = find_candidates(contrast, 0.0, _LEVELS)
    if candidates is None:
        return None
    objects, shapes = choose_objects(candidates, None)
    if not len(shapes):
        return None
    sums = sum_runs(objects)
    areas = sums.moments[:, 0]
    means = run_means(objects, contrast.height)
    diameters = 2 * np.sqrt(areas / np.pi)
    weights = means * areas * shapes
    middle = sums.origin[:, 0] + sums.moments[:, 1] // areas
    weights[~counted[middle]] = 0.0
    # A lamp's glow on a corner is one vast object, and explains most light of all.
    weights[glows(objects, contrast, _DIAMETER, means)] = 0.0
    if not weights.any():
        return None
    diameter = weighted_median(diameters, weights)
    return Scale(
        diameter=diameter * factor,
        brightness=weighted_median(means, weights),
        light=float(weights.sum()) * factor * factor,
        misfit=max(diameter / _DIAMETER, _DIAMETER / diameter),
        objects=int(np.count_nonzero(weights)),
        vast=bool(2 * weights[vast_objects(sums, contrast.height.shape)].sum() > weights.sum()),
    )


def _cut_strips(contrast: Contrast, factor: int) -> tuple[Contrast, NDArray[np.bool_]]:
    """Strips of the plane below one another, a dark row between; and which rows are counted."""
    height, width = contrast.height.shape
    rows, periods = _STRIP // factor, max(1, round(height * factor / _PERIOD))
    planes, counted = [], []
    for i in range(periods):
        top = (2 * i + 1) * height // (2 * periods) - rows // 2
        first, last = max(top - _MARGIN, 0), min(top + rows + _MARGIN, height)
        planes += [contrast.height[first:last], np.zeros((1, width), np.float32)]
        inner = np.arange(first, last + 1)
        counted.append((inner >= top) & (inner < top + rows))
    return replace(contrast, height=np.concatenate(planes)), np.concatenate(counted)


def bin_factor(diameter: float) -> int:
    """Power of two by which an image is binned so that objects are 10 to 20 pixels wide."""
    factor = 1
    while diameter / (2 * factor) >= _COARSEST:
        factor *= 2
    return factor
