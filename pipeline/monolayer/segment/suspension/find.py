"""Objects in a plane of contrast: what differs from the empty chamber, cut where two touch.

A cell is dark at its rim and may be bright within: the absolute contrast, capped so that the
brightest lens weighs no more than a dull cell, is smoothed until rim and centre hang together.
"""

import math

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.detect import circle_area
from monolayer_kernels.label import fill_gaps, find_above, label_above
from monolayer_kernels.measure_runs import Runs, sum_runs
from monolayer_kernels.objects import ellipse_scores, join_objects, select_objects
from monolayer_kernels.smooth import gaussian
from monolayer_kernels.split import Cuts, part_runs, propose_cuts

__all__ = ["find_objects"]

# Contrast that counts as different, and the share of it that is left after smoothing.
_LEAST = 0.2
_LEFT = 0.7
_CAP = 2 * _LEAST
_SMOOTH = 0.04  # of a typical diameter
_STRIP = 1.5  # diameters along the border in which objects that it cuts are closed

# Areas in typical cells'.
_SMALLEST = 0.16
_SMALLEST_PART = 0.25
_SMALLEST_PAIR = 1.0

# Two cells that touch: unlike one ellipse, like two, with a neck not longer than they are wide.
_LONE = 0.9
_GAIN = 0.02
_NECK = 1.1


def find_objects(contrast: NDArray[np.float32], diameter: float) -> Runs:
    """Find what may be a cell.

    Parameters
    ----------
    contrast : ndarray (H, W) float32
        Relative contrast without lines, see `monolayer.segment.suspension.contrast`.
    diameter : float
        Typical diameter of a cell, pixels.
    """
    capped = np.minimum(np.abs(contrast), np.float32(_CAP))
    activity = gaussian(capped, _SMOOTH * diameter)
    level = _LEFT * _LEAST
    for side in (activity, activity[::-1], activity.T, activity.T[::-1]):
        _fill_from_border(side[: math.ceil(_STRIP * diameter)], level)
    objects = label_above(activity, level, connectivity=4, fill_holes=True)
    typical = circle_area(diameter)
    large = sum_runs(objects).moments[:, 0] >= _SMALLEST * typical
    return _part(select_objects(objects, np.flatnonzero(large)), typical)


def _fill_from_border(strip: NDArray[np.float32], level: float) -> None:
    """Raise, in place, what objects and the strip's first row enclose: half of a lens's centre."""
    framed = np.pad(strip, ((1, 0), (0, 0)), constant_values=np.float32(2 * level))
    rows = fill_gaps(find_above(np.ascontiguousarray(framed), level), 4)
    edges = np.zeros((framed.shape[0], framed.shape[1] + 1), np.int8)
    row = np.repeat(np.arange(framed.shape[0]), np.diff(rows.first))
    edges[row, rows.start] += 1
    edges[row, rows.stop] -= 1
    inside = np.cumsum(edges, axis=1, dtype=np.int8)[1:, :-1] > 0
    np.copyto(strip, np.float32(2 * level), where=inside & (strip <= level))


def _part(objects: Runs, typical: float) -> Runs:
    done: list[Runs] = []
    while objects.label.size:
        accept = np.zeros(objects.label.size, bool)
        likely = np.flatnonzero(_may_be_two(objects, typical))
        cuts = propose_cuts(select_objects(objects, likely))
        taken = _two_cells(cuts, typical)
        accept[likely] = taken
        done.append(select_objects(objects, np.flatnonzero(~accept)))
        objects = part_runs(cuts, taken)
    return join_objects(done)


def _may_be_two(objects: Runs, typical: float) -> NDArray[np.bool_]:
    """What is seen of an object before its cuts are proposed, which takes most of the time."""
    sums = sum_runs(objects)
    large = sums.moments[:, 0] >= _SMALLEST_PAIR * typical
    # Nearly: of sums from another origin the last bits are others, and the cut's own decide.
    return large & (ellipse_scores(sums) < _LONE + 1e-6)


def _two_cells(cuts: Cuts, typical: float) -> NDArray[np.bool_]:
    accept = cuts.found & (cuts.whole_score < _LONE) & (cuts.neck < _NECK)
    accept &= cuts.parts_score - cuts.whole_score > _GAIN
    return accept & (cuts.smaller_area >= _SMALLEST_PART * typical)
