"""How sure each object is a nucleus, and which are left out.

The score is the probability that an expert outlined the same object (IoU above 0.5), given its
shape and its size relative to the field's typical nucleus: a logistic regression on the objects
found in three laboratories' images, rounded. 0.9 and more is an ordinary nucleus; a merged
pair, a fragment, a blob of debris is below 0.7: those come first in a review queue.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import Contrast
from monolayer.segment.detect import circle_area
from monolayer_kernels.measure_runs import Runs, sum_runs
from monolayer_kernels.objects import ellipse_scores, outline_falls, run_means

__all__ = ["Evidence", "confidence", "weigh_objects"]

_EDGE_REACH = 0.08
# A Gaussian blot of any width, outlined at half height, falls by 1.9 of its own mean height
# along one diameter; a disc blurred by a microscope in focus by 3 and more.
_BLOT = 2.1
_SHARP = 2.75
_FAINT = 1.0
_VERY_SHARP = 3.2
_VERY_FAINT = 1 / 3
_VAST = 1 / 8


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each object, arrays of length n.

    Attributes
    ----------
    areas : ndarray int64
        Pixels.
    scores : ndarray float64
        Probability of a nucleus from shape and size.
    heights : ndarray float64
        Mean height above background.
    levels : ndarray float64
        Background below the object.
    slopes : ndarray float64
        Fall across the outline, in mean heights a width of the object.
    vast : ndarray bool
        Reaches from border to border, or covers an eighth of the field.
    """

    areas: NDArray[np.int64]
    scores: NDArray[np.float64]
    heights: NDArray[np.float64]
    levels: NDArray[np.float64]
    slopes: NDArray[np.float64]
    vast: NDArray[np.bool_]

    def blots(self) -> NDArray[np.bool_]:
        """Soft and faint: dust out of focus, stains, unevenness of the background.

        Neither alone will do: small nuclei are as soft as a blot, dim ones as faint.
        """
        faint = (self.slopes < _SHARP) & (self.heights < _FAINT * self.levels)
        very_faint = (self.slopes < _VERY_SHARP) & (self.heights < _VERY_FAINT * self.levels)
        uneven = self.vast & ((self.slopes < _BLOT) | (self.heights < _FAINT * self.levels))
        return uneven | faint | very_faint


def confidence(shapes: NDArray[np.float64], relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score of objects from their shape scores and their areas over the typical area."""
    size = np.log2(np.maximum(relative, 1e-6))
    odds = 3.0 + 10.6 * (shapes - 0.9) + 1.63 * np.minimum(size, 0) - 1.14 * np.maximum(size, 0)
    return np.round(1 / (1 + np.exp(-odds)), 6)


def weigh_objects(objects: Runs, contrast: Contrast, diameter: float) -> Evidence:
    """Evidence for each object, in the plane it was outlined in."""
    sums = sum_runs(objects)
    areas = sums.moments[:, 0]
    heights = run_means(objects, contrast.height)
    # Its own width: dust found beside wider dust looked sharp against the typical width.
    widths = 2 * np.sqrt(areas / np.pi)
    reach = max(1, math.floor(_EDGE_REACH * diameter + 0.5))
    falls = outline_falls(objects, contrast.height, reach)
    return Evidence(
        areas=areas,
        scores=confidence(ellipse_scores(sums), areas / circle_area(diameter)),
        heights=heights,
        levels=run_means(objects, contrast.smooth) - heights,
        slopes=falls / np.maximum(heights, 1e-9) * widths / (2 * reach - 1),
        vast=_vast(sums.bbox[:, 2:] - sums.bbox[:, :2], areas, contrast.height.shape),
    )


def _vast(
    sides: NDArray[np.int64], areas: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    spans = (sides[:, 0] >= shape[0]) | (sides[:, 1] >= shape[1])
    vast: NDArray[np.bool_] = spans | (areas > _VAST * shape[0] * shape[1])
    return vast
