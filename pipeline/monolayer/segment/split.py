"""Cutting clumps that brightness alone did not part.

A cut is made if the evidence for two nuclei outweighs that for one: the whole is less, the
parts are more like ellipses, the neck is short, the whole is larger than a typical nucleus.
The weights are a logistic regression on the cuts proposed in three laboratories' images, each
weighed by the matched objects it wins or loses, rounded; fitted on any two of them it held on
the third, and without the size it did not. (Weighing all cuts alike made twice as many in lobed
nuclei. A dip of brightness along the cut and unlike halves added nothing that held: where there
are any, the tree has cut already.)
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area
from monolayer_kernels.measure_runs import Runs, sum_runs
from monolayer_kernels.objects import ellipse_scores, join_objects, select_objects
from monolayer_kernels.split import Cuts, part_runs, propose_cuts

__all__ = ["cut_evidence", "split_clumps"]

_ELLIPSE = 0.96
_SMALLEST = 0.6


def split_clumps(objects: Runs, diameter: float, bias: float) -> Runs:
    """Cut clumps until no cut has evidence."""
    done: list[Runs] = []
    while objects.label.size:
        sums = sum_runs(objects)
        clump = sums.moments[:, 0] > _SMALLEST * circle_area(diameter)
        clump &= ellipse_scores(sums) < _ELLIPSE
        waiting = select_objects(objects, np.flatnonzero(clump))
        cuts = propose_cuts(waiting)
        accept = cuts.found & (cut_evidence(cuts, diameter) + bias > 0)
        done.append(select_objects(objects, np.flatnonzero(~clump)))
        done.append(select_objects(waiting, np.flatnonzero(~accept)))
        objects = part_runs(cuts, accept)
    return join_objects(done)


def cut_evidence(cuts: Cuts, diameter: float) -> NDArray[np.float64]:
    """Log odds that each cut parts two nuclei, rounded to 1e-6 so that no last bit decides."""
    typical = circle_area(diameter)
    smaller = np.log2(np.maximum(cuts.smaller_area / typical, 0.1))
    whole = np.log2(np.clip(cuts.area / typical, 0.5, 4.0))
    shape = 22.6 * (cuts.parts_score - 0.94) - 7.6 * (cuts.whole_score - 0.90)
    size = 0.7 * smaller + 1.9 * whole
    odds: NDArray[np.float64] = 2.25 + shape - 2.8 * np.minimum(cuts.neck, 2.5) + size
    return np.round(odds, 6)
