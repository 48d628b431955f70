"""Two full ellipses fitted to an object that is a list of runs.

Two steps in turn: every pixel joins the ellipse it lies deeper in, every ellipse takes the first
and second moments of its pixels. Along a row the difference of two depths is a parabola, so each
run is divided at its two roots, and moments of runs are closed forms. A fit costs the object's
height, not its area; pixel by pixel it took ten times as long.

The one trick: a run's ends lie in columns of their own and nothing in the two loops depends on
the run before, so both are done several runs at once. Run by run, with a branch for each kind of
parabola, the same took seven times as long. (Therefore `np.divide`, which is not checked for 0
as ``/`` is.)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.runs import AREA, SUM_X, SUM_XX, SUM_XY, SUM_Y, SUM_YY

__all__ = ["fit_two", "sum_between"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Rows = tuple[Int32, Int32, Int32]
Ends = tuple[Int32, Int32]
Sums = tuple[Any, Any, Any, Any, Any, Any]
Ellipse = tuple[float, float, float, float, float]
# Weights of xx, x, xy, yy, y and 1.
Depth = tuple[float, float, float, float, float, float]

_ITERATIONS = 12
_LEAST = 3


@kernel
def fit_two(rows: Rows, whole: Int64, line: tuple[float, float, float], ends: Ends) -> int:
    """Fit both ellipses from a first line.

    Parameters
    ----------
    rows : tuple of ndarray (n,) int32
        Row, first column and column after the last of each run.
    whole : ndarray (N_SUMS,) int64
        Sums of the runs about the origin of rows and columns.
    line : tuple of float
        Of the pixels of the first part: weight of y, weight of x, and the largest sum.
    ends : tuple of ndarray (n,) int32
        Written: the columns of each run from where to before where one part lies.

    Returns
    -------
    int
        The part (1 or 2) that lies within ``ends``; 0 where a part vanished.
    """
    total = whole[AREA], whole[SUM_Y], whole[SUM_X], whole[SUM_YY], whole[SUM_XX], whole[SUM_XY]
    # The line as a difference of two depths that has no square term.
    _divide(rows, (0.0, line[1], 0.0, 0.0, line[0], -line[2]), ends)
    inner = 1
    for _ in range(_ITERATIONS):
        sums = sum_between(rows[0], ends)
        rest = _minus(total, sums)
        if sums[0] < _LEAST or rest[0] < _LEAST:
            return 0
        one, two = (_fit(sums), _fit(rest)) if inner == 1 else (_fit(rest), _fit(sums))
        before, inner = inner, 1 if one[3] >= two[3] else 2
        if not _divide(rows, _difference(one, two), ends) and inner == before:
            break
    return inner


@kernel
def _minus(a: Sums, b: Sums) -> Sums:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4], a[5] - b[5]


@kernel
def _fit(sums: Sums) -> Ellipse:
    """Centre y and x, and the weights of yy, xx and xy in the depth."""
    n = float(sums[0])
    y, x = sums[1] / n, sums[2] / n
    yy = sums[3] / n - y * y + 1 / 12
    xx = sums[4] / n - x * x + 1 / 12
    xy = sums[5] / n - y * x
    det = yy * xx - xy * xy
    return y, x, xx / det, yy / det, -2 * xy / det


@kernel
def _difference(one: Ellipse, two: Ellipse) -> Depth:
    """Depth in the first ellipse minus that in the second."""
    a, b = _depth(one), _depth(two)
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4], a[5] - b[5]


@kernel
def _depth(ellipse: Ellipse) -> Depth:
    """Weights of xx, x, xy, yy, y and 1."""
    y, x, yy, xx, xy = ellipse
    centre = yy * y * y + xx * x * x + xy * y * x
    return xx, -2 * xx * x - xy * y, xy, yy, -2 * yy * y - xy * x, centre


@kernel
def _divide(rows: Rows, d: Depth, ends: Ends) -> bool:
    """Find the columns of each run where the difference is <= 0; return whether one moved.

    Where the parabola opens downwards, those where it is > 0.
    """
    if d[0] == 0:
        return _divide_straight(rows, d, ends) > 0
    return _divide_curved(rows, d, ends) > 0


@kernel
def _divide_straight(rows: Rows, d: Depth, ends: Ends) -> int:
    moved = 0
    for i in range(rows[0].size):
        y, start, stop = np.float64(rows[0][i]), np.float64(rows[1][i]), np.float64(rows[2][i])
        b, c = d[1] + d[2] * y, (d[3] * y + d[4]) * y + d[5]
        first, last = start, stop
        if b > 0:
            last = np.floor(-c / b) + 1
        elif b < 0:
            first = np.ceil(-c / b)
        elif c > 0:
            last = start
        first = min(max(first, start), stop)
        a, e = np.int32(first), np.int32(max(min(last, stop), first))
        moved += (ends[0][i] != a) | (ends[1][i] != e)
        ends[0][i], ends[1][i] = a, e
    return moved


@kernel
def _divide_curved(rows: Rows, d: Depth, ends: Ends) -> int:
    (of, start, stop), (low, high) = rows, ends
    up, moved = d[0] > 0, 0
    for i in range(of.size):
        y, left, right = np.float64(of[i]), np.float64(start[i]), np.float64(stop[i])
        b, c = d[1] + d[2] * y, (d[3] * y + d[4]) * y + d[5]
        square = b * b - 4 * d[0] * c
        # Neither root is a difference of near equals (Numerical Recipes, section 5.6).
        q = -0.5 * (b + np.copysign(np.sqrt(max(square, 0.0)), b))
        one = np.divide(q, d[0])
        other = np.divide(c, q if q != 0 else 1.0)
        two = other if q != 0 else one
        least, most = min(one, two), max(one, two)
        first = np.ceil(least) if up else np.floor(least) + 1
        last = np.floor(most) + 1 if up else np.ceil(most)
        first = min(max(first, left), right)
        last = max(min(last, right), first)
        a = np.int32(first if square >= 0 else left)
        e = np.int32(last if square >= 0 else left)
        moved += (low[i] != a) | (high[i] != e)
        low[i], high[i] = a, e
    return moved


@kernel
def sum_between(of: Int32, ends: Ends) -> Sums:
    """Area and sums of y, x, yy, xx and xy of the pixels between the ends.

    Halves and sixths are taken once, of the sums: they are whole numbers, and a division a run
    would be the dearest step. They fit 64 bits up to 65,535 pixels a side, if barely.
    """
    low, high = ends
    area = sum_y = sum_x = sum_yy = sum_xx = sum_xy = cubes = np.int64(0)
    for i in range(of.size):
        y, a, e = np.int64(of[i]), np.int64(low[i]), np.int64(high[i])
        n = e - a
        ramp = (a + e - 1) * n
        area += n
        sum_y += y * n
        sum_x += ramp
        sum_yy += y * y * n
        sum_xx += n * a * (e - 1)
        sum_xy += y * ramp
        cubes += (n * (n - 1) >> 1) * (2 * n - 1)
    sum_xx += np.int64(np.uint64(cubes) // np.uint64(3))
    return area, sum_y, sum_x // 2, sum_yy, sum_xx, sum_xy // 2
