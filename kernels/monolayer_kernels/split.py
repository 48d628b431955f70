"""Cutting objects in two where two ellipses fill them best.

Two full ellipses are fitted to the object's pixels, see `ellipses`. The cut is where both are
equally deep, hence a smooth line through the neck. (Basins of the distance transform cut at the
neck as well, but raggedly, and a nucleus with a dent gained a basin of its own.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.ellipses import fit_two
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.pieces import PART, count_chords, cut_runs, join_strays, sum_parts
from monolayer_kernels.runs import (
    AREA,
    N_SUMS,
    crofton_perimeter,
    second_moments,
    shape_score,
    sum_components,
)

__all__ = ["Cuts", "part_runs", "propose_cuts"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

_SQRT_HALF = 0.5**0.5
_SMALLEST = 16
_SMALLEST_PART = 8
_PARTS = 2
# Directions of the first line, as weights of the long and the short axis. (Lines off the centre
# and one along the long axis were tried as well: twice the time, F1 within .001 either way.)
_STARTS = np.array([[1.0, 0.0], [_SQRT_HALF, _SQRT_HALF], [_SQRT_HALF, -_SQRT_HALF]])


class Cuts(NamedTuple):
    """The best way found to cut each of n objects in two.

    Attributes
    ----------
    found : ndarray (n,) bool
        False where the object is too small or no line leaves two ellipses; the figures are 0.
    whole_score, parts_score : ndarray (n,) float64
        Shape score of the object, and of its parts weighted by their areas.
    neck : ndarray (n,) float64
        Length of the cut over the shorter part's minor axis.
    area, smaller_area : ndarray (n,) float64
        Pixels of the object and of its smaller part.
    part_scores : ndarray (n, 2) float64
        Shape scores of the two parts.
    first : ndarray (n + 1,) int64
        Object i owns the pieces ``first[i]`` to ``first[i + 1] - 1``.
    pieces : ndarray (number of pieces, 4) int32
        Row, first column, column after the last, and part (1 or 2), in row-major order within
        an object. Each part is 4-connected.
    """

    found: NDArray[np.bool_]
    whole_score: Float64
    parts_score: Float64
    neck: Float64
    area: Float64
    smaller_area: Float64
    part_scores: Float64
    first: Int64
    pieces: Int32


class Work(NamedTuple):
    """Room for one object at a time.

    Attributes
    ----------
    rows : ndarray (3, m) int32
        Row, first column and column after the last of its runs.
    tables : ndarray (3, 3 m + 1, 4) int32
        The same as a table of pieces; pieces of the cut on trial, and of the best.
    ends : ndarray (number of starts, 2, m) int32
        Where each start divided the runs, see `ellipses.fit_two`.
    inner : ndarray (number of starts,) int64
        Part that lies within these ends.
    patch : ndarray (3 m + 1,) int32
        Of each piece of the cut on trial another one of its patch.
    """

    rows: Int32
    tables: Int32
    ends: Int32
    inner: Int64
    patch: Int32


def propose_cuts(runs: Runs) -> Cuts:
    """Find the best cut of every object.

    Parameters
    ----------
    runs : Runs
        Of 4-connected objects, see `monolayer_kernels.measure_runs.find_runs`.
    """
    n = runs.label.size
    counts = np.diff(runs.first)
    most = int(counts.max()) if n else 0
    # Rows with a dent are cut more than twice only by strays, so three pieces a run are enough.
    pieces = np.empty((3 * int(runs.first[-1]), 4), np.int32)
    figures = np.zeros((n, 7))
    first = np.zeros(n + 1, np.int64)
    _propose_all(runs, _STARTS, _room(most), first, pieces, figures)
    whole, parts, neck, area, smaller = figures.T[:5]
    used = pieces[: first[-1]]
    return Cuts(area > 0, whole, parts, neck, area, smaller, figures[:, 5:], first, used)


def _room(most: int) -> Work:
    return Work(
        np.empty((3, most), np.int32),
        np.empty((3, 3 * most + 1, 4), np.int32),
        np.empty((len(_STARTS), 2, most), np.int32),
        np.empty(len(_STARTS), np.int64),
        np.empty(3 * most + 1, np.int32),
    )


def part_runs(cuts: Cuts, accept: NDArray[np.bool_]) -> Runs:
    """The parts of the accepted cuts, two objects each, labelled from 1.

    Raises
    ------
    ValueError
        A cut is accepted that was not found.
    """
    if len(accept) != len(cuts.found) or (accept & ~cuts.found).any():
        raise ValueError(f"accept must name some of the {int(cuts.found.sum())} cuts found")
    n = 2 * int(accept.sum())
    first = np.zeros(n + 1, np.int64)
    table = np.empty((3, int(np.diff(cuts.first)[accept].sum())), np.int32)
    _take_parts(cuts.first, cuts.pieces, accept, (first, table))
    return Runs(np.arange(1, n + 1, dtype=np.int32), first, table[0], table[1], table[2])


@kernel
def _propose_all(
    runs: Runs, starts: Float64, work: Work, first: Int64, pieces: Int32, figures: Float64
) -> None:
    own, best = work.tables[0], work.tables[2]
    for k in range(runs.label.size):
        i, n = runs.first[k], runs.first[k + 1] - runs.first[k]
        top, left = runs.row[i], runs.start[i]
        for j in range(n):
            own[j, 0] = work.rows[0, j] = runs.row[i + j] - top
            own[j, 1] = work.rows[1, j] = runs.start[i + j] - left
            own[j, 2] = work.rows[2, j] = runs.stop[i + j] - left
            own[j, PART] = 1
        m = _propose(own[:n], starts, work, figures[k])
        to = first[k]
        for j in range(m):
            pieces[to + j, 0] = best[j, 0] + top
            pieces[to + j, 1] = best[j, 1] + left
            pieces[to + j, 2] = best[j, 2] + left
            pieces[to + j, PART] = best[j, PART]
        first[k + 1] = to + m


@kernel
def _propose(own: Int32, starts: Float64, work: Work, figures: Float64) -> int:
    """Try every start; return the number of pieces of the best cut, 0 for none."""
    n, trial, best = len(own), work.tables[1], work.tables[2]
    rows = work.rows[0, :n], work.rows[1, :n], work.rows[2, :n]
    sums = np.zeros((3, N_SUMS), np.int64)
    sum_components(own, own[:, PART] - np.int32(1), sums[2:])
    area = sums[2, AREA]
    found = 0
    if area < _SMALLEST:
        return found
    y, x, ay, ax = _long_axis(sums[2])
    around = crofton_perimeter(sums[2])
    for s in range(len(starts)):
        uy = starts[s, 0] * ay + starts[s, 1] * ax
        ux = starts[s, 0] * ax - starts[s, 1] * ay
        low, high = work.ends[s, 0, :n], work.ends[s, 1, :n]
        low[:] = 0
        high[:] = 0
        inner = fit_two(rows, sums[2], (uy, ux, uy * y + ux * x), (low, high))
        work.inner[s] = inner
        if inner == 0 or _known(work, s, n):
            continue
        m = cut_runs(own, (low, high), inner, trial)
        sums[:2] = 0
        if count_chords(trial[:m], work.patch, sums) == _PARTS:
            sum_parts(rows[0], (low, high), inner, sums)
        else:
            m = join_strays(trial, m)
            sums[:2] = 0
            sum_components(trial[:m], trial[:m, PART] - np.int32(1), sums)
        a, b = sums[0, AREA], sums[1, AREA]
        if min(a, b) < _SMALLEST_PART:
            continue
        one, two = shape_score(sums[0]), shape_score(sums[1])
        score = (one * a + two * b) / area
        # Of equals the first start wins; a last bit must not decide.
        if not found or score > figures[1] + 1e-9:
            found = m
            best[:m] = trial[:m]
            neck = 0.5 * (crofton_perimeter(sums[0]) + crofton_perimeter(sums[1]) - around)
            figures[0], figures[1] = shape_score(sums[2]), score
            figures[2] = neck / min(_minor_axis(sums[0]), _minor_axis(sums[1]))
            figures[3], figures[4] = area, min(a, b)
            figures[5], figures[6] = one, two
    return found


@kernel
def _long_axis(sums: Int64) -> tuple[float, float, float, float]:
    """Centre and direction of the long axis, y before x."""
    y, x, yy, xx, xy = second_moments(sums)
    spread = np.sqrt((yy - xx) * (yy - xx) + 4 * xy * xy)
    major = 0.5 * (yy + xx + spread)
    # Eigenvector of the larger eigenvalue, from the better conditioned of its two forms.
    ay, ax = (major - xx, xy) if yy >= xx else (xy, major - yy)
    length = np.sqrt(ay * ay + ax * ax)
    ay, ax = (ay / length, ax / length) if length > 0 else (1.0, 0.0)
    return y, x, ay, ax


@kernel
def _known(work: Work, s: int, n: int) -> bool:
    """Whether an earlier start ended in the same cut."""
    own = work.ends[s]
    for k in range(s):
        other = work.ends[k]
        i = 0 if work.inner[k] == work.inner[s] else n + 1
        while i < n and other[0, i] == own[0, i] and other[1, i] == own[1, i]:
            i += 1
        if i == n:
            return True
    return False


@kernel
def _minor_axis(sums: Int64) -> float:
    _, _, yy, xx, xy = second_moments(sums)
    spread = np.sqrt((yy - xx) * (yy - xx) + 4 * xy * xy)
    return float(4 * np.sqrt(max(0.5 * (yy + xx - spread), 1 / 12)))


@kernel
def _take_parts(
    cut_first: Int64, pieces: Int32, accept: NDArray[np.bool_], out: tuple[Int64, Int32]
) -> None:
    first, table = out
    n, to = 0, 0
    for k in range(len(accept)):
        if not accept[k]:
            continue
        for part in (1, 2):
            for i in range(cut_first[k], cut_first[k + 1]):
                if pieces[i, PART] == part:
                    for j in range(3):
                        table[j, to] = pieces[i, j]
                    to += 1
            n += 1
            first[n] = to
