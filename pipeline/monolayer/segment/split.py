"""Cutting clumps that brightness alone did not part.

A cut is made if the evidence for two nuclei outweighs that for one: the whole is less, the
parts are more like ellipses, the neck is short, the whole is larger than a typical nucleus.
The weights are a logistic regression on the annotated cuts of three laboratories' images,
rounded; fitted on any two of them it held on the third, and without the size it did not. (A dip
of brightness along the cut added nothing: where there is one, the tree has cut already.)
"""

import math

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area
from monolayer_kernels.labels import label_boxes, label_runs
from monolayer_kernels.runs import AREA, shape_scores, sum_runs
from monolayer_kernels.split import Cut, propose_cut

__all__ = ["cut_evidence", "split_clumps"]

_ELLIPSE = 0.96
_SMALLEST = 0.6


def split_clumps(labels: NDArray[np.int32], count: int, diameter: float, bias: float) -> int:
    """Cut clumps in place until no cut has evidence; the new number of labels."""
    runs, components = label_runs(labels)
    sums = sum_runs(runs, components, count)
    clump = (shape_scores(sums) < _ELLIPSE) & (sums[:, AREA] > _SMALLEST * circle_area(diameter))
    boxes = label_boxes(labels, count).tolist()
    waiting = [(int(i) + 1, *boxes[i]) for i in np.flatnonzero(clump)]
    while waiting:
        label, top, left, bottom, right = waiting.pop()
        window = labels[top:bottom, left:right]
        cut = propose_cut(window == label)
        if cut is None or cut_evidence(cut, diameter) + bias <= 0:
            continue
        count += 1
        window[cut.parts == 2] = count
        box = (top, left, bottom, right)
        halves = zip((label, count), cut.part_scores, strict=True)
        waiting += [(part, *box) for part, score in halves if score < _ELLIPSE]
    return count


def cut_evidence(cut: Cut, diameter: float) -> float:
    """Log odds that a cut parts two nuclei, rounded to 1e-6 so that no last bit decides."""
    typical = circle_area(diameter)
    smaller = math.log2(max(cut.smaller_area / typical, 0.1))
    whole = math.log2(min(max(cut.area / typical, 0.5), 4.0))
    shape = 37 * (cut.parts_score - 0.94) - 18 * (cut.whole_score - 0.90)
    return round(shape - 2.4 * (min(cut.neck, 2.5) - 1.2) - 3 * smaller + 5 * whole - 5.2, 6)
