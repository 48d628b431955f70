"""Convex hulls and Feret diameters from runs, in exact integers.

The hull of an object is that of the midpoints of its pixels' edges, and its convex area counts the
pixel centres in it: scikit-image's ``convex_hull_image`` and ``area_convex``. Feret diameters are
taken over the edge midpoints of that convex image, as scikit-image's ``feret_diameter_max`` does
through ``find_contours``; the minimum is the least distance of two parallel lines that enclose
the same points.

The one trick: in doubled coordinates every edge midpoint is an integer point, and every half row
holds one leftmost and one rightmost of them. The right side is kept negated, so that one function
serves both sides.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Runs

__all__ = ["measure_hulls"]

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

# Marks a row without pixels; far beyond the largest image side.
_NONE = 1 << 40


def measure_hulls(runs: Runs) -> dict[str, NDArray[np.int64 | np.float64]]:
    """Measure each object's convex hull.

    Parameters
    ----------
    runs : Runs
        From `monolayer_kernels.measure_runs.find_runs`.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``area_convex_px`` (int64), ``feret_diameter_max_px``, ``feret_diameter_min_px`` (float64).
    """
    n = runs.label.size
    last = runs.first[1:] - 1
    rows = runs.row[last].astype(np.int64) - runs.row[runs.first[:-1]] + 1
    tallest = int(rows.max()) if n else 0
    area = np.zeros(n, np.int64)
    feret = np.zeros((n, 2))
    work = np.empty((6, 2 * tallest + 1), np.int64)
    _hulls(runs, work, area, feret)
    return {
        "area_convex_px": area,
        "feret_diameter_max_px": feret[:, 0],
        "feret_diameter_min_px": feret[:, 1],
    }


@kernel
def _outermost(runs: Runs, k: int, edges: Int64) -> None:
    """Find the outermost pixel of each row of an object on both sides."""
    edges[:] = _NONE
    top = runs.row[runs.first[k]]
    for i in range(runs.first[k], runs.first[k + 1]):
        y = runs.row[i] - top
        edges[0, y] = min(edges[0, y], np.int64(runs.start[i]))
        edges[1, y] = min(edges[1, y], np.int64(1 - runs.stop[i]))


@kernel
def _midpoints(edges: Int64, sides: Int64) -> None:
    """Outermost midpoints of each half row: of outer edges, and of edges above and below."""
    for s in range(2):
        before = np.int64(_NONE)
        for i in range(edges.shape[1]):
            own = edges[s, i]
            sides[s, 2 * i] = 2 * min(before, own)
            sides[s, 2 * i + 1] = 2 * own - int(own < _NONE)
            before = own
        sides[s, 2 * edges.shape[1]] = 2 * before


@kernel
def _corners(side: Int64, kept: Int64) -> int:
    """List half rows that may be corners: both ends, and what stands out from its neighbours."""
    last = side.size - 1
    kept[0] = 0
    n = 1
    for i in range(1, last):
        kept[n] = i
        # Without a branch; a half row without points never stands out.
        n += int(2 * side[i] < side[i - 1] + side[i + 1])
    kept[n] = last
    return n + 1


@kernel
def _chain(side: Int64, chain: Int64) -> int:
    """Monotone chain (Andrew 1979) over the half rows: positions of the hull's corners."""
    n = 0
    # In place: a corner is written no later than it is read.
    for place in range(_corners(side, chain)):
        i = chain[place]
        while n >= 2:
            a, b = chain[n - 2], chain[n - 1]
            if (side[b] - side[a]) * (i - a) < (side[i] - side[a]) * (b - a):
                break
            n -= 1
        chain[n] = i
        n += 1
    return n


@kernel
def _fill(side: Int64, chain: Int64, edge: Int64) -> None:
    """Find the outermost pixel of each row whose centre lies in or on the hull.

    The quotient is exact where it is whole, and too near to none to be rounded to one where not:
    both terms stay far below 2**53.
    """
    c = i = 0
    while i < edge.size:
        a, b = chain[c], chain[c + 1]
        base, rise, run = side[a], side[b] - side[a], b - a
        while 2 * i + 1 <= b and i < edge.size:
            over = base * run + rise * (2 * i + 1 - a)
            edge[i] = int(np.ceil(over / (2.0 * run)))
            i += 1
        c += 1


@kernel
def _polygon(sides: Int64, chains: Int64, n0: int, n1: int, corners: Int64) -> int:
    """Corners in order: down the left side, up the right side."""
    n = 0
    for c in range(n0):
        corners[n, 0] = chains[0, c]
        corners[n, 1] = sides[0, chains[0, c]]
        n += 1
    for c in range(n1 - 1, -1, -1):
        y, x = chains[1, c], -sides[1, chains[1, c]]
        if corners[n - 1, 0] != y or corners[n - 1, 1] != x:
            corners[n, 0] = y
            corners[n, 1] = x
            n += 1
    if corners[0, 0] == corners[n - 1, 0] and corners[0, 1] == corners[n - 1, 1]:
        n -= 1
    return n


@kernel
def _diameters(corners: Int64, n: int, feret: Float64) -> None:
    """Largest and smallest caliper width, by walking two parallel lines round the hull.

    The walk passes every pair of corners between which parallel lines fit (Shamos 1978), and the
    farthest two are such a pair.
    """
    largest = np.int64(0)
    smallest = np.inf
    j = 1
    for i in range(n):
        after = i + 1 if i + 1 < n else 0
        y, x = corners[i, 0], corners[i, 1]
        ey, ex = corners[after, 0] - y, corners[after, 1] - x
        best = abs(ey * (corners[j, 1] - x) - ex * (corners[j, 0] - y))
        largest = max(largest, (y - corners[j, 0]) ** 2 + (x - corners[j, 1]) ** 2)
        for _ in range(n):
            k = j + 1 if j + 1 < n else 0
            reach = abs(ey * (corners[k, 1] - x) - ex * (corners[k, 0] - y))
            if reach < best:
                break
            best, j = reach, k
            largest = max(largest, (y - corners[j, 0]) ** 2 + (x - corners[j, 1]) ** 2)
        smallest = min(smallest, best / np.sqrt(float(ey * ey + ex * ex)))
    feret[0] = np.sqrt(float(largest)) / 2.0
    feret[1] = smallest / 2.0


@kernel
def _hulls(runs: Runs, work: Int64, area: Int64, feret: Float64) -> None:
    """Hull, filled hull and hull of the filled hull, object by object."""
    corners = np.empty((2 * work.shape[1] + 2, 2), np.int64)
    for k in range(runs.label.size):
        first, last = runs.first[k], runs.first[k + 1] - 1
        height = runs.row[last] - runs.row[first] + 1
        sides, chains = work[0:2, : 2 * height + 1], work[2:4, : 2 * height + 1]
        edges = work[4:6, :height]
        _outermost(runs, k, edges)
        _midpoints(edges, sides)
        for s in range(2):
            _chain(sides[s], chains[s])
            _fill(sides[s], chains[s], edges[s])
        _midpoints(edges, sides)
        for i in range(height):
            area[k] += 1 - edges[0, i] - edges[1, i]
        n0, n1 = _chain(sides[0], chains[0]), _chain(sides[1], chains[1])
        n = _polygon(sides, chains, n0, n1, corners)
        _diameters(corners, n, feret[k])
