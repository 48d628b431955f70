"""Filled area of labelled objects, from the gaps between their runs.

A hole is what cannot reach the outside through pixels that touch by sides or corners, as in
scikit-image's ``area_filled``. The one trick: an object with one run in each row has no hole, which
is told from its number of runs; of the others only the gaps between runs of a row are looked at.
"""

import numpy as np

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_sums
from monolayer_kernels.measure_runs import Int64, Runs, RunSums
from monolayer_kernels.union import find_root

__all__ = ["fill_areas"]


def fill_areas(runs: Runs, sums: RunSums) -> Int64:
    """Count each object's pixels and those of its holes.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    ndarray of int64, shape (n,)
        scikit-image's ``area_filled``.

    Raises
    ------
    ValueError
        Sums of other objects.
    """
    check_sums(runs, sums)
    filled = sums.moments[:, 0].copy()
    n_runs = np.diff(runs.first)
    several = np.flatnonzero(n_runs > sums.bbox[:, 2] - sums.bbox[:, 0])
    most = int(n_runs[several].max(initial=0))
    work = np.empty((5, most + 1), np.int64)
    _fill(runs, several, work, filled)
    return filled


@kernel
def _list_gaps(runs: Runs, k: int, gaps: Int64) -> int:
    """List row, start, stop and the run before each gap between two runs of one row."""
    n = 0
    for i in range(runs.first[k] + 1, runs.first[k + 1]):
        if runs.row[i] == runs.row[i - 1]:
            gaps[0, n] = runs.row[i]
            gaps[1, n] = runs.stop[i - 1]
            gaps[2, n] = runs.start[i]
            gaps[3, n] = i - 1
            n += 1
    return n


@kernel
def _covers(runs: Runs, k: int, i: int, step: int, gap: Int64) -> bool:
    """Whether the row beside a gap (step -1 above, 1 below) spans it and both its corners.

    Searches from run `i` of the gap's row.
    """
    y, first, last = gap[0] + step, runs.first[k], runs.first[k + 1] - 1
    while first <= i <= last and runs.row[i] == gap[0]:
        i += step
    if not first <= i <= last or runs.row[i] != y:
        return False
    near = i
    while first <= i + step <= last and runs.row[i + step] == y:
        i += step
    left, right = runs.start[min(near, i)], runs.stop[max(near, i)]
    return bool(left < gap[1] and right > gap[2])


@kernel
def _join(gaps: Int64, n: int, parent: Int64) -> None:
    """Join gaps of neighbouring rows that touch by sides or corners."""
    above = 0
    for i in range(n):
        y = gaps[0, i] - 1
        while gaps[0, above] < y or (gaps[0, above] == y and gaps[2, above] < gaps[1, i]):
            above += 1
        j = above
        while gaps[0, j] == y and gaps[1, j] <= gaps[2, i]:
            a, b = find_root(parent, i), find_root(parent, j)
            parent[max(a, b)] = min(a, b)
            j += 1


@kernel
def _fill(runs: Runs, several: Int64, work: Int64, filled: Int64) -> None:
    """Join each object's gaps; those that touch the outside, directly or not, are no holes."""
    gaps, parent = work[:4], work[4]
    outside = np.empty(parent.size, np.bool_)
    for k in several:
        n = _list_gaps(runs, k, gaps)
        for i in range(n + 1):
            parent[i] = i
            outside[i] = False
        _join(gaps, n, parent)
        for i in range(n):
            gap = gaps[:, i]
            if not (_covers(runs, k, gap[3], -1, gap) and _covers(runs, k, gap[3], 1, gap)):
                outside[find_root(parent, i)] = True
        for i in range(n):
            if not outside[find_root(parent, i)]:
                filled[k] += gaps[2, i] - gaps[1, i]
