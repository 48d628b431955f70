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
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.runs import AREA, shape_scores
from monolayer_kernels.threshold import quantise
from monolayer_kernels.tree import (
    ComponentTree,
    branch_prominence,
    build_tree,
    choose_nodes,
    node_runs,
)

__all__ = [
    "Candidates",
    "choose_objects",
    "circle_area",
    "find_candidates",
    "log_levels",
    "shape_belief",
    "weighted_median",
]

# 24 merged more neighbours, 48 gained nothing more.
_LEVELS = 36
_LOWEST = 3.0
_SHAPE_MIDDLE = 0.90
_SHAPE_WIDTH = 0.05
# An exponent of 1 merges neighbours, 0 prefers fragments.
_AREA_EXPONENT = 0.4
_PROMINENCE_NOISE = 8.0
_PROMINENCE_PEAK = 0.1
_COST = 0.2
_SMALLEST = 0.03
_SMALLEST_PIXELS = 16


@dataclass(frozen=True, slots=True)
class Candidates:
    """Everything in a plane that might be an object: the nodes of its component tree.

    Attributes
    ----------
    tree : ComponentTree
    nodes : ndarray (n,) int
        Nodes whose branch rises well above the saddle to its neighbour, ascending: the others
        are worth nothing.
    shapes : ndarray (n,) float64
        How sure each of their shapes is that of one nucleus, 0 to 1.
    stature : ndarray (n,) float64
        Height of that branch above the saddle over its height above the background.
    """

    tree: ComponentTree
    nodes: NDArray[np.intp]
    shapes: NDArray[np.float64]
    stature: NDArray[np.float64]


def circle_area(diameter: float) -> float:
    """Area of a circle of this diameter."""
    return math.pi / 4 * diameter * diameter


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Least value at or below which lies half of the weight."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(total, total[-1] / 2))])


def log_levels(low: float, high: float, count: int) -> NDArray[np.float64]:
    """Levels from ``low`` to below ``high`` at equal steps of ``log(1 + level)``.

    Rounded to 4 decimals, because ``log`` may differ in its last bit between machines.
    """
    steps = np.linspace(math.log1p(low), math.log1p(high), count + 1)[:-1]
    return np.array([round(math.expm1(step), 4) for step in steps.tolist()])


def find_candidates(contrast: Contrast, floor: float, levels: int = _LEVELS) -> Candidates | None:
    """Component tree of a plane, and what can be said of its nodes without knowing a diameter.

    Parameters
    ----------
    contrast : Contrast
        Its noise must not be 0.
    floor : float
        Height below which nothing is looked at, in units of the plane.
    levels : int
        Number of levels.

    Returns
    -------
    Candidates or None
        None where nothing reaches the lowest level.
    """
    lowest = max(_LOWEST, floor / contrast.noise)
    highest = float(contrast.height.max()) / contrast.noise
    if highest <= lowest:
        return None
    thresholds = log_levels(lowest, highest, levels)
    tree = build_tree(quantise(contrast.height, thresholds * contrast.noise))
    prominence, peak = branch_prominence(tree, np.concatenate([[0.0], thresholds]))
    stands = (prominence >= _PROMINENCE_NOISE) & (prominence >= _PROMINENCE_PEAK * peak)
    nodes = np.flatnonzero(stands)
    shapes = shape_belief(shape_scores(tree.sums[nodes]))
    return Candidates(tree, nodes, shapes, prominence[nodes] / peak[nodes])


def choose_objects(
    candidates: Candidates, diameter: float | None
) -> tuple[Runs, NDArray[np.float64]]:
    """Best disjoint components, and how sure each one's shape is.

    Parameters
    ----------
    candidates : Candidates
    diameter : float or None
        Typical diameter in pixels of the plane; None while it is not known.
    """
    tree = candidates.tree
    areas, shapes = tree.sums[candidates.nodes, AREA].astype(np.float64), candidates.shapes
    if diameter is None:
        worth = shapes * np.where(areas < _SMALLEST_PIXELS, 0.0, areas**_AREA_EXPONENT)
    else:
        worth = _worth(shapes, areas / circle_area(diameter), candidates.stature)
    value = np.zeros(len(tree.parent))
    value[candidates.nodes] = worth
    chosen = choose_nodes(tree.parent, value)
    return node_runs(tree, np.flatnonzero(chosen)), shapes[chosen[candidates.nodes]]


def _worth(
    shape: NDArray[np.float64], size: NDArray[np.float64], stature: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability that a node is what an expert outlined, less the cost of choosing it.

    Rounded, because ``exp`` and ``log2`` may differ in their last bit between machines.
    """
    octaves = np.log2(np.maximum(size, _SMALLEST))
    odds = 3.2 + 2.7 * shape + 1.7 * np.minimum(octaves, 0) - 2.4 * np.maximum(octaves, 0)
    odds += 0.8 * np.log2(np.maximum(stature, 0.02))
    worth = np.maximum(np.round(1 / (1 + np.exp(-odds)), 6) - _COST, 0.0)
    worth[size < _SMALLEST] = 0.0
    return worth


def shape_belief(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure a shape score is that of one nucleus, 0 to 1."""
    z = (scores - _SHAPE_MIDDLE) / _SHAPE_WIDTH
    # Not the logistic function: square roots are the same on every machine, exp is not.
    return 0.5 * (1 + z / np.sqrt(1 + z * z))
