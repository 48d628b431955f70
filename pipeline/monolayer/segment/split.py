"""Cutting clumps that brightness alone did not part.

A cut is made if the evidence for two nuclei outweighs that for one: the whole is less, the
parts are more like ellipses and unlike in brightness, the neck is short, the whole is larger
than a typical nucleus.
The weights are a logistic regression on the cuts proposed in three laboratories' images, each
weighed by the matched objects it wins or loses, rounded; fitted on any two of them it held on
the third, and without the size it did not. (Weighing all cuts alike made twice as many in lobed
nuclei. A dip of brightness along the cut and how concave the outline is at its two ends added
nothing that held: the tree has cut at dips already.)
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area
from monolayer_kernels.measure_runs import Runs, RunSums, sum_runs
from monolayer_kernels.objects import (
    Plane,
    ellipse_scores,
    join_objects,
    run_means,
    select_objects,
)
from monolayer_kernels.split import Cuts, part_runs, propose_cuts

__all__ = ["cut_evidence", "split_clumps", "split_summed"]

_ELLIPSE = 0.96
_SMALLEST = 0.6


def split_clumps(objects: Runs, height: Plane, diameter: float, bias: float) -> Runs:
    """`split_summed` of objects whose sums are not known, without the sums."""
    return split_summed(objects, sum_runs(objects), height, diameter, bias)[0]


def split_summed(
    objects: Runs, sums: RunSums, height: Plane, diameter: float, bias: float
) -> tuple[Runs, RunSums]:
    """Cut clumps until no cut has evidence.

    Parameters
    ----------
    objects, sums : Runs, RunSums
    height : ndarray (H, W) float32, or Levels
        The plane they were outlined in.
    diameter : float
        Typical diameter of a nucleus, pixels of that plane.
    bias : float
        Added to the evidence.

    Returns
    -------
    tuple of Runs and RunSums
        What is left whole and the parts, in the order of their first pixels; and their sums.
    """
    if not objects.label.size:
        return objects, sums
    rounds: list[tuple[Runs, RunSums, NDArray[np.bool_]]] = []
    while objects.label.size:
        clump = sums.moments[:, 0] > _SMALLEST * circle_area(diameter)
        clump &= ellipse_scores(sums) < _ELLIPSE
        cuts = propose_cuts(select_objects(objects, np.flatnonzero(clump)))
        accept = _accepted(cuts, diameter, bias, height)
        stays = ~clump
        stays[clump] = ~accept
        rounds.append((objects, sums, stays))
        objects = part_runs(cuts, accept)
        sums = sum_runs(objects)
    tried, known, stayed = zip(*rounds, strict=True)
    sums = RunSums(*(np.concatenate(each) for each in zip(*known, strict=True)))
    order = np.flatnonzero(np.concatenate(stayed))
    # By rows again: whatever walks over the plane next would begin anew with each round's parts.
    order = order[np.lexsort((sums.origin[order, 1], sums.origin[order, 0]))]
    left = select_objects(join_objects(tried), order)
    return left, RunSums(*(each[order] for each in sums))


def _accepted(cuts: Cuts, diameter: float, bias: float, height: Plane) -> NDArray[np.bool_]:
    """Which cuts have evidence; that of brightness speaks for a cut or says nothing."""
    unlike = np.ones(len(cuts.found))
    accept: NDArray[np.bool_] = cuts.found & (cut_evidence(cuts, diameter, unlike) + bias > 0)
    # For two cuts in five the heights need not be looked at, which cost as much as a round's sums.
    open_ = cuts.found & ~accept
    unlike[open_] = _unlikeness(cuts, open_, height)
    return cuts.found & (cut_evidence(cuts, diameter, unlike) + bias > 0)


def cut_evidence(cuts: Cuts, diameter: float, unlike: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds that each cut parts two nuclei, rounded to 1e-6 so that no last bit decides.

    ``unlike`` is the ratio of the parts' mean heights, 1 or more.
    """
    typical = circle_area(diameter)
    smaller = np.log2(np.maximum(cuts.smaller_area / typical, 0.1))
    whole = np.log2(np.clip(cuts.area / typical, 0.5, 4.0))
    odds = 2.1 + 23 * (cuts.parts_score - 0.94) - 8 * (cuts.whole_score - 0.90)
    odds += 3 * np.log2(np.minimum(unlike, 8.0)) - 2.55 * np.minimum(cuts.neck, 2.5)
    return np.round(odds + smaller + 1.5 * whole, 6)


def _unlikeness(cuts: Cuts, which: NDArray[np.bool_], height: Plane) -> NDArray[np.float64]:
    """Ratio of the mean heights of the parts of some cuts, 1 or more."""
    means = np.maximum(run_means(part_runs(cuts, which), height), 1e-6).reshape(-1, 2)
    unlike: NDArray[np.float64] = means.max(axis=1) / means.min(axis=1)
    return unlike
