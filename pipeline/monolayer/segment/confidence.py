"""How sure each object is a nucleus, and which are left out.

The score is the probability that an expert outlined the same object (IoU above 0.5), given its
shape, sharpness and signal, its size and brightness relative to the field's typical nucleus, and
whether the border cuts it: a logistic regression on the objects found in three laboratories'
images, each laboratory weighing the same, rounded. 0.9 and more is an ordinary nucleus; a merged
pair, a fragment, a blob of debris is below 0.7: those come first in a review queue.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area, weighted_median
from monolayer.segment.found import Found, Relief
from monolayer_kernels.heights import grid_at
from monolayer_kernels.measure_runs import Runs, RunSums, sum_runs
from monolayer_kernels.objects import ellipse_scores, outline_falls, run_means

__all__ = ["Evidence", "Signs", "confidence", "glows", "vast_objects", "weigh_objects"]

_EDGE_REACH = 0.08
# A Gaussian blot of any width, outlined at half height, falls by 1.9 of its own mean height
# along one diameter; a disc blurred by a microscope in focus by 3 and more.
_BLOT = 2.1
# Components of the tree still have their skirts: a lone nucleus may fall by no more than 2.
_GLOW = 1.5
_SHARP = 2.75
_FAINT = 1.0
_VERY_SHARP = 3.2
_VERY_FAINT = 1 / 3
_VAST = 1 / 8


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each object, arrays of length n but for the brightness.

    Attributes
    ----------
    sums : RunSums
        Of the objects.
    brightness : float
        Typical height of a nucleus: as found, or the median of these, weighted by area.
    scores : ndarray float64
        Probability that an expert outlined the same object, see `confidence`.
    heights : ndarray float64
        Mean height above background.
    levels : ndarray float64
        Background at the object's centroid.
    slopes : ndarray float64
        Fall across the outline, in mean heights a width of the object.
    vast : ndarray bool
        Reaches from border to border, or covers an eighth of the field.
    """

    sums: RunSums
    brightness: float
    scores: NDArray[np.float64]
    heights: NDArray[np.float64]
    levels: NDArray[np.float64]
    slopes: NDArray[np.float64]
    vast: NDArray[np.bool_]

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each object."""
        return self.sums.moments[:, 0]

    def blots(self) -> NDArray[np.bool_]:
        """Soft and faint: dust out of focus, stains, unevenness of the background.

        Neither alone will do: small nuclei are as soft as a blot, dim ones as faint. Where most
        of the light comes from other objects the field is not empty, and what is faint there
        is judged by its score alone: a high camera offset made blots of dim nuclei.
        """
        faint = (self.slopes < _SHARP) & (self.heights < _FAINT * self.levels)
        very_faint = (self.slopes < _VERY_SHARP) & (self.heights < _VERY_FAINT * self.levels)
        uneven = self.vast & ((self.slopes < _BLOT) | (self.heights < _FAINT * self.levels))
        blots = faint | very_faint | uneven
        light = self.heights * self.areas
        return blots if 2 * light[blots].sum() > light.sum() else uneven


@dataclass(frozen=True, slots=True)
class Signs:
    """What the score is made of, arrays of length n.

    Attributes
    ----------
    shapes : ndarray float64
        Shape score, see `monolayer_kernels.runs.shape_scores`.
    relative_areas, relative_heights : ndarray float64
        Area and mean height above background over the typical nucleus's.
    slopes : ndarray float64
        Fall across the outline, in mean heights a width of the object.
    signals : ndarray float64
        Mean height in standard deviations of the background.
    cut_off : ndarray bool
        Touches the border of the image: its size and shape say little.
    """

    shapes: NDArray[np.float64]
    relative_areas: NDArray[np.float64]
    slopes: NDArray[np.float64]
    relative_heights: NDArray[np.float64]
    signals: NDArray[np.float64]
    cut_off: NDArray[np.bool_]


def confidence(signs: Signs) -> NDArray[np.float64]:
    """Score of objects from what is seen of each; rounded, as ``exp`` and ``log2`` may differ."""
    size = np.log2(np.maximum(signs.relative_areas, 1e-3))
    dimness = np.minimum(np.log2(np.maximum(signs.relative_heights, 1e-2)), 0)
    # Neither a ragged shape nor a small area says much of what the border cuts.
    whole = 2.4 * (signs.shapes - 0.9) + 1.8 * np.minimum(size, 0)
    odds = np.where(signs.cut_off, -0.45, whole) - 1.3 * np.maximum(size, 0) - 0.9
    odds += 1.05 * np.log2(np.maximum(signs.slopes, 0.3)) + dimness
    odds += 0.5 * np.log2(np.maximum(signs.signals, 1))
    return np.round(1 / (1 + np.exp(-odds)), 6)


def weigh_objects(found: Found) -> Evidence:
    """Evidence for each object, in the plane it was outlined in."""
    objects, contrast, diameter = found.objects, found.contrast, found.diameter
    sums = found.sums or sum_runs(objects)
    areas, box = sums.moments[:, 0], sums.bbox
    heights = run_means(objects, contrast.height)
    brightness = found.brightness
    if brightness is None:
        brightness = weighted_median(heights, areas.astype(np.float64))
    shape = contrast.height.shape
    signs = Signs(
        shapes=ellipse_scores(sums),
        relative_areas=areas / circle_area(diameter),
        slopes=_slopes(objects, contrast, diameter, heights, areas),
        relative_heights=heights / brightness,
        signals=heights / contrast.noise,
        cut_off=(box[:, :2] == 0).any(axis=1) | (box[:, 2:] == shape).any(axis=1),
    )
    return Evidence(
        sums=sums,
        brightness=brightness,
        scores=confidence(signs),
        heights=heights,
        levels=_levels(sums, contrast),
        slopes=signs.slopes,
        vast=vast_objects(sums, shape),
    )


def _levels(sums: RunSums, contrast: Relief) -> NDArray[np.float64]:
    """Background at the objects' centroids."""
    y, x = (sums.origin + sums.moments[:, 1:3] / sums.moments[:, :1]).T
    return grid_at(contrast.grid, contrast.block, y, x)


def glows(
    objects: Runs, contrast: Relief, diameter: float, heights: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which objects are unevenness of the background: vast and without an edge."""
    sums = sum_runs(objects)
    areas = sums.moments[:, 0]
    vast = vast_objects(sums, contrast.height.shape)
    if not vast.any():
        return vast
    soft: NDArray[np.bool_] = _slopes(objects, contrast, diameter, heights, areas) < _GLOW
    return vast & soft


def _slopes(
    objects: Runs,
    contrast: Relief,
    diameter: float,
    heights: NDArray[np.float64],
    areas: NDArray[np.int64],
) -> NDArray[np.float64]:
    # Its own width: dust found beside wider dust looked sharp against the typical width.
    widths = 2 * np.sqrt(areas / np.pi)
    reach = max(1, math.floor(_EDGE_REACH * diameter + 0.5))
    falls = outline_falls(objects, contrast.height, reach)
    slopes: NDArray[np.float64] = falls / np.maximum(heights, 1e-9) * widths / (2 * reach - 1)
    return slopes


def vast_objects(sums: RunSums, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which objects reach from border to border, or cover an eighth of the field."""
    sides, areas = sums.bbox[:, 2:] - sums.bbox[:, :2], sums.moments[:, 0]
    spans = (sides[:, 0] >= shape[0]) | (sides[:, 1] >= shape[1])
    vast: NDArray[np.bool_] = spans | (areas > _VAST * shape[0] * shape[1])
    return vast
