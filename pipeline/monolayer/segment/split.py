"""Cutting clumps that brightness alone did not part.

A cut is made if the evidence for two nuclei outweighs that for one: the whole is less, the
parts are more like ellipses, the neck is short, the whole is larger than a typical nucleus.
The weights are a logistic regression on the annotated cuts of three laboratories' images,
rounded; fitted on any two of them it held on the third, and without the size it did not. (A dip
of brightness along the cut added nothing: where there is one, the tree has cut already.)
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
    shape = 37 * (cuts.parts_score - 0.94) - 18 * (cuts.whole_score - 0.90)
    neck = 2.4 * (np.minimum(cuts.neck, 2.5) - 1.2)
    odds: NDArray[np.float64] = np.round(shape - neck - 3 * smaller + 5 * whole - 5.2, 6)
    return odds
