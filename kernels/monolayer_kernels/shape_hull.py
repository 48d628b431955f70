"""Convex hulls and Feret diameters from runs, in exact integers.

The hull of an object is that of the midpoints of its pixels' edges, and its convex area counts the
pixel centres in it: scikit-image's ``convex_hull_image`` and ``area_convex``. Feret diameters are
taken over the edge midpoints of that convex image, as scikit-image's ``feret_diameter_max`` does
through ``find_contours``; the minimum is the least distance of two parallel lines that enclose
the same points.

The one trick: in doubled coordinates every edge midpoint is an integer point, and every half row
holds one leftmost and one rightmost of them. Which of them can be corners is told from the pixel
beside, above and below, so that the few that can are all that is ever written. The right side is
kept negated, so that one function serves both sides.

Each step is one walk over all objects: object by object, the calls and the views of arrays took as
long as the work.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Int32, Int64, Runs

__all__ = ["measure_hulls"]

Float64 = NDArray[np.float64]

# Marks a row without pixels; far beyond the largest image side.
_NONE = 1 << 24


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
    heights = runs.row[runs.first[1:] - 1] - runs.row[runs.first[:-1]] + 1
    # One row without pixels before each object, and one at the end.
    place = np.ones(n + 1, np.int64)
    np.cumsum(heights + 1, out=place[1:])
    place[1:] += 1
    edges = np.full((2, place[-1]), _NONE, np.int32)
    chains = np.empty((2, 2, 2 * place[-1]), np.int32)
    ends = np.empty((2, n), np.int64)
    area = heights.astype(np.int64)
    _outermost(runs, place, edges)
    for edge, chain, end in zip(edges, chains, ends, strict=True):
        _corners(edge, place, chain, end)
        _fill(edge, place, chain, area)
        _corners(edge, place, chain, end)
    feret = np.empty((2, n))
    corners = np.empty((2, 4 * int(heights.max(initial=0)) + 3), np.int64)
    _diameters(place, chains, ends, corners, feret)
    return {
        "area_convex_px": area,
        "feret_diameter_max_px": feret[0],
        "feret_diameter_min_px": feret[1],
    }


def _corners(edge: Int32, place: Int64, chain: Int32, end: Int64) -> None:
    """Corners of one side of each hull: object k's are `chain` from twice its place to its end."""
    _list_corners(edge, place, chain, end)
    _keep_outer(place, chain, end)
    _close(place, chain, end)


@kernel
def _outermost(runs: Runs, place: Int64, edges: Int32) -> None:
    """Find the outermost pixel of each row of each object on both sides."""
    first, row, start, stop = runs.first, runs.row, runs.start, runs.stop
    left, right = edges[0], edges[1]
    for k in range(first.size - 1):
        shift = place[k] - row[first[k]]
        for i in range(first[k], first[k + 1]):
            y = row[i] + shift
            left[y] = min(left[y], start[i])
            right[y] = min(right[y], 1 - stop[i])


@kernel
def _list_corners(edge: Int32, place: Int64, chain: Int32, end: Int64) -> None:
    """List half row and place of the midpoints that may be corners, from top to bottom.

    The midpoint beside a row's outermost pixel stands out from its neighbours where the rows above
    and below do not reach further; that between two rows where they differ by two pixels or more.
    """
    half, out = chain[0], chain[1]
    for k in range(place.size - 1):
        n, y = 2 * place[k], 0
        before, own = np.int64(_NONE), np.int64(edge[place[k]])
        # Without a branch: what does not stand out is written over.
        for i in range(place[k], place[k + 1] - 1):
            after = np.int64(edge[i + 1])
            half[n], out[n] = y, 2 * min(before, own)
            n += int(abs(before - own) >= 2)
            half[n], out[n] = y + 1, 2 * own - 1
            n += int((before >= own) & (after >= own) & (own < _NONE))
            before, own, y = own, after, y + 2
        half[n], out[n] = y, 2 * before
        end[k] = n + 1


@kernel
def _keep_outer(place: Int64, chain: Int32, end: Int64) -> None:
    """Keep what stands out from the line between its neighbours in the list: about half of it.

    Without a branch, so that `_close` seldom goes back: a wrong guess costs more than this walk.
    """
    half, out = chain[0], chain[1]
    for k in range(place.size - 1):
        m, last = 2 * place[k] + 1, end[k] - 1
        ya, xa = np.int64(half[m - 1]), np.int64(out[m - 1])
        y, x = np.int64(half[m]), np.int64(out[m])
        for j in range(m, last):
            yb, xb = np.int64(half[j + 1]), np.int64(out[j + 1])
            half[m], out[m] = y, x
            m += int((x - xa) * (yb - ya) < (xb - xa) * (y - ya))
            ya, xa, y, x = y, x, yb, xb
        half[m], out[m] = y, x
        end[k] = m + 1


@kernel
def _close(place: Int64, chain: Int32, end: Int64) -> None:
    """Monotone chain (Andrew 1979): the corners of the hull, in place."""
    half, out = chain[0], chain[1]
    for k in range(place.size - 1):
        m = 2 * place[k] + 1
        for j in range(m, end[k]):
            y, x = np.int64(half[j]), np.int64(out[j])
            while m >= 2 * place[k] + 2:
                a, b = m - 2, m - 1
                if (out[b] - out[a]) * (y - half[a]) < (x - out[a]) * (half[b] - half[a]):
                    break
                m -= 1
            half[m], out[m] = y, x
            m += 1
        end[k] = m


@kernel
def _fill(edge: Int32, place: Int64, chain: Int32, area: Int64) -> None:
    """Find each row's outermost pixel whose centre lies in or on the hull; add it to the area.

    The quotient is exact where it is whole, and too near to none to be rounded to one where not:
    both terms stay far below 2**53.
    """
    half, out = chain[0], chain[1]
    for k in range(place.size - 1):
        i, bottom, total = place[k], place[k + 1] - 1, 0
        # Half row of the centre of row i.
        y = 1
        for c in range(2 * place[k], 2 * place[k] + 2 * (bottom - i)):
            if i == bottom:
                break
            rise, run, reach = out[c + 1] - out[c], half[c + 1] - half[c], half[c + 1]
            over, divisor = out[c] * run + rise * (y - half[c]), 2.0 * run
            while y <= reach:
                found = int(np.ceil(over / divisor))
                edge[i] = found
                total += found
                over += 2 * rise
                y += 2
                i += 1
        area[k] -= total


@kernel
def _polygon(chains: Int32, first: int, left: int, right: int, corners: Int64) -> int:
    """Corners in order: down the left side, up the right side."""
    y, x = corners[0], corners[1]
    n = 0
    for c in range(first, left):
        y[n], x[n] = chains[0, 0, c], chains[0, 1, c]
        n += 1
    for c in range(right - 1, first - 1, -1):
        y[n], x[n] = chains[1, 0, c], -chains[1, 1, c]
        n += int((y[n - 1] != y[n]) | (x[n - 1] != x[n]))
    return n - int((y[0] == y[n - 1]) & (x[0] == x[n - 1]))


@kernel
def _diameters(place: Int64, chains: Int32, ends: Int64, corners: Int64, feret: Float64) -> None:
    """Largest and smallest caliper width, by walking two parallel lines round each hull.

    The walk passes every pair of corners between which parallel lines fit (Shamos 1978), and the
    farthest two are such a pair.
    """
    ys, xs = corners[0], corners[1]
    for k in range(place.size - 1):
        n = _polygon(chains, 2 * place[k], ends[0, k], ends[1, k], corners)
        largest, smallest = np.int64(0), np.inf
        j = 1
        for i in range(n):
            after = i + 1 if i + 1 < n else 0
            y, x = ys[i], xs[i]
            ey, ex = ys[after] - y, xs[after] - x
            # Twice the triangle's area: positive, as the corners go round one way.
            best = ey * (xs[j] - x) - ex * (ys[j] - y)
            largest = max(largest, (ys[j] - y) ** 2 + (xs[j] - x) ** 2)
            for _ in range(n):
                following = j + 1 if j + 1 < n else 0
                reach = ey * (xs[following] - x) - ex * (ys[following] - y)
                if reach < best:
                    break
                best, j = reach, following
                largest = max(largest, (ys[j] - y) ** 2 + (xs[j] - x) ** 2)
            smallest = min(smallest, float(best) * float(best) / float(ey * ey + ex * ex))
        feret[0, k] = np.sqrt(float(largest)) / 2.0
        feret[1, k] = np.sqrt(smallest) / 2.0
