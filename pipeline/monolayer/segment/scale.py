"""How large and how bright the nuclei of a plane are, found by looking at it at several scales.

Each pass halves the image again and looks for objects about 16 pixels wide. A pass is believed
if what it finds is indeed about that wide; of the believed ones the one whose objects explain
most light wins. (Light alone was fooled by tissue: at 1/8 the whole section was one object.)
"""

from dataclasses import dataclass

import numpy as np

from monolayer.segment.confidence import glows, vast_objects
from monolayer.segment.contrast import Pyramid
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
    vast : bool
        Most of the light is that of objects that fill the field.
    """

    diameter: float
    brightness: float
    light: float
    misfit: float
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
    scales: list[Scale] = []
    for factor in _FACTORS:
        best = max(scales, key=lambda scale: scale.rank, default=None)
        found = best is not None and best.rank[0] and best.diameter > _NEEDS_FULL
        if factor == 1 and found and pyramid.image.size > 1 << 18:
            break
        scale = look_at_scale(pyramid, factor)
        scales += [scale] if scale else []
    return sorted(
        scales, key=lambda scale: (not _outshone(scale, scales), *scale.rank), reverse=True
    )


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
    if factor > 1 and -(-min(pyramid.image.shape) // factor) < _SMALLEST_SIDE:
        return None
    contrast = pyramid.contrast(factor)
    if contrast.noise == 0:
        return None
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
        vast=bool(2 * weights[vast_objects(sums, contrast.height.shape)].sum() > weights.sum()),
    )


def bin_factor(diameter: float) -> int:
    """Power of two by which an image is binned so that objects are 10 to 20 pixels wide."""
    factor = 1
    while diameter / (2 * factor) >= _COARSEST:
        factor *= 2
    return factor
