"""Where the nuclei are: the best set of disjoint components of a tree of levels.

Each node of the component tree gets a value; dynamic programming takes the disjoint nodes whose
values add up to the most. A node is worth something if it is shaped like an ellipse, is about
as large as a nucleus, and stands on a branch that rises well above the saddle to its neighbour.

What failed: without the demand on the saddle, every local maximum of the noise in a patch of
cytoplasm was a branch, and ten worthless children outvoted their parent.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import Contrast
from monolayer_kernels.runs import AREA, shape_scores
from monolayer_kernels.threshold import quantise
from monolayer_kernels.tree import branch_prominence, build_tree, choose_nodes, paint_nodes

__all__ = ["Detection", "circle_area", "detect", "log_levels"]

# 24 merged more neighbours, 48 gained nothing more.
_LEVELS = 36
_LOWEST = 3.0
_SHAPE_MIDDLE = 0.90
_SHAPE_WIDTH = 0.05
# An exponent of 1 merges neighbours, 0 prefers fragments.
_AREA_EXPONENT = 0.4
_PROMINENCE_NOISE = 8.0
_PROMINENCE_PEAK = 0.1
_SMALLEST = 0.03
_SMALLEST_PIXELS = 16


@dataclass(frozen=True, slots=True)
class Detection:
    """Chosen components of one plane.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        Each chosen component's pixels, 1 to n.
    areas : ndarray (n,) int64
        Pixels.
    shapes : ndarray (n,) float64
        How sure the shape is that of one nucleus, 0 to 1.
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    shapes: NDArray[np.float64]


def circle_area(diameter: float) -> float:
    """Area of a circle of this diameter."""
    return math.pi / 4 * diameter * diameter


def log_levels(low: float, high: float, count: int) -> NDArray[np.float64]:
    """Levels from ``low`` to below ``high`` at equal steps of ``log(1 + level)``.

    Rounded to 4 decimals, because ``log`` may differ in its last bit between machines.
    """
    steps = np.linspace(math.log1p(low), math.log1p(high), count + 1)[:-1]
    return np.array([round(math.expm1(step), 4) for step in steps.tolist()])


def detect(contrast: Contrast, floor: float, diameter: float | None) -> Detection:
    """Best disjoint components.

    Parameters
    ----------
    contrast : Contrast
        Its noise must not be 0.
    floor : float
        Height below which nothing is looked at, in units of the plane.
    diameter : float or None
        Typical diameter in pixels of this plane; None while it is not known.
    """
    lowest = max(_LOWEST, floor / contrast.noise)
    highest = float(contrast.height.max()) / contrast.noise
    if highest <= lowest:
        return Detection(
            np.zeros(contrast.height.shape, np.int32), np.zeros(0, np.int64), np.zeros(0)
        )
    thresholds = log_levels(lowest, highest, _LEVELS)
    image = quantise(contrast.height, thresholds * contrast.noise)
    tree = build_tree(image)
    shape = _sigmoid((shape_scores(tree.sums) - _SHAPE_MIDDLE) / _SHAPE_WIDTH)
    prominence, peak = branch_prominence(tree, np.concatenate([[0.0], thresholds]))
    value = shape * _size_value(tree.sums[:, AREA].astype(np.float64), diameter)
    value[(prominence < _PROMINENCE_NOISE) | (prominence < _PROMINENCE_PEAK * peak)] = 0.0
    nodes = np.flatnonzero(choose_nodes(tree.parent, value))
    labels = paint_nodes(tree, nodes, image.shape)
    return Detection(labels, tree.sums[nodes, AREA], shape[nodes])


def _size_value(areas: NDArray[np.float64], diameter: float | None) -> NDArray[np.float64]:
    value = areas**_AREA_EXPONENT
    if diameter is None:
        value[areas < _SMALLEST_PIXELS] = 0.0
        return value
    relative = areas / circle_area(diameter)
    # Halved at half and at twice the typical area: nuclei of a field are of a kind.
    value /= 1 + np.log2(relative) ** 2
    value[relative < _SMALLEST] = 0.0
    return value


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    # Not the logistic function: square roots are the same on every machine, exp is not.
    return 0.5 * (1 + z / np.sqrt(1 + z * z))
