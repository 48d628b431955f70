"""A cut on trial: the pieces into which it divides the runs of one object.

Pieces lie in row-major order: row, first column, column after the last, and part, 1 or 2.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.ellipses import sum_between
from monolayer_kernels.runs import (
    AREA,
    CHORDS_ANTIDIAGONAL,
    CHORDS_DIAGONAL,
    CHORDS_HORIZONTAL,
    CHORDS_VERTICAL,
    FIRST_X,
    FIRST_Y,
    SUM_X,
    SUM_XX,
    SUM_XY,
    SUM_Y,
    SUM_YY,
)
from monolayer_kernels.union import find_root

__all__ = ["PART", "count_chords", "cut_runs", "join_strays", "sum_parts"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

# Column of a piece's part.
PART = 3


@kernel
def cut_runs(own: Int32, ends: tuple[Int32, Int32], inner: int, pieces: Int32) -> int:
    """Up to three pieces of each run, with their part; neighbours in a row differ in part."""
    m = 0
    for i in range(len(own)):
        a, b = ends[0][i], ends[1][i]
        for start, stop, part in (
            (own[i, 1], a, 3 - inner),
            (a, b, inner),
            (b, own[i, 2], 3 - inner),
        ):
            if stop > start:
                joins = m > 0 and pieces[m - 1, 2] == start and pieces[m - 1, 0] == own[i, 0]
                if joins and pieces[m - 1, PART] == part:
                    pieces[m - 1, 2] = stop
                else:
                    pieces[m, 0], pieces[m, 1], pieces[m, 2] = own[i, 0], start, stop
                    pieces[m, PART] = part
                    m += 1
    return m


@kernel
def count_chords(pieces: Int32, parent: Int32, sums: Int64) -> int:
    """Count both parts' chords; return of how many 4-connected patches they are.

    In one walk, as nearly all cuts have two patches: one for the patches and one for the sums
    took a third of a proposal's time.
    """
    j, patches = 0, len(pieces)
    for i in range(len(pieces)):
        parent[i] = i
        y, start, stop, part = pieces[i, 0], pieces[i, 1], pieces[i, 2], pieces[i, PART]
        while pieces[j, 0] < y - 1 or (pieces[j, 0] == y - 1 and pieces[j, 2] < start):
            j += 1
        k = j
        down = right = left = np.int64(0)
        while pieces[k, 0] == y - 1 and pieces[k, 1] <= stop:
            if pieces[k, PART] == part:
                s, e = pieces[k, 1], pieces[k, 2]
                shared = min(stop, e) - max(start, s)
                right += max(0, min(stop, e + 1) - max(start, s + 1))
                left += max(0, min(stop, e - 1) - max(start, s - 1))
                if shared > 0:
                    down += shared
                    a, b = find_root(parent, i), find_root(parent, k)
                    parent[max(a, b)] = min(a, b)
                    patches -= int(a != b)
            k += 1
        own, n = sums[part - 1], stop - start
        if own[AREA] == 0:
            own[FIRST_Y], own[FIRST_X] = y, start
        own[AREA] += n
        own[CHORDS_HORIZONTAL] += 1
        own[CHORDS_VERTICAL] += n - down
        own[CHORDS_DIAGONAL] += n - right
        own[CHORDS_ANTIDIAGONAL] += n - left
    return patches


@kernel
def sum_parts(of: Int32, ends: tuple[Int32, Int32], inner: int, sums: Int64) -> None:
    """Moments of both parts from their first pixels: of one from its ends, of the other the rest.

    Moved from the whole object's first pixel in whole numbers, hence exact.
    """
    within = sum_between(of, ends)
    for part in (1, 2):
        own = sums[part - 1]
        fy, fx = own[FIRST_Y], own[FIRST_X]
        n, y, x = within[0], within[1], within[2]
        yy, xx, xy = within[3], within[4], within[5]
        if part != inner:
            n, y, x = sums[2, AREA] - n, sums[2, SUM_Y] - y, sums[2, SUM_X] - x
            yy, xx, xy = sums[2, SUM_YY] - yy, sums[2, SUM_XX] - xx, sums[2, SUM_XY] - xy
        own[SUM_YY] = yy - 2 * fy * y + fy * fy * n
        own[SUM_XX] = xx - 2 * fx * x + fx * fx * n
        own[SUM_XY] = xy - fx * y - fy * x + fy * fx * n
        own[SUM_Y], own[SUM_X] = y - fy * n, x - fx * n


@kernel
def join_strays(pieces: Int32, m: int) -> int:
    """Leave each part its largest patch; its other patches go to the other part."""
    for part in (1, 2):
        patch = _patches(pieces[:m])
        area = np.zeros(m, np.int64)
        largest = -1
        for i in range(m):
            if pieces[i, PART] == part:
                area[patch[i]] += pieces[i, 2] - pieces[i, 1]
        for i in range(m):
            if area[i] > 0 and (largest < 0 or area[i] > area[largest]):
                largest = i
        stray = False
        for i in range(m):
            if pieces[i, PART] == part and patch[i] != largest:
                pieces[i, PART] = 3 - part
                stray = True
        if stray:
            m = _merge(pieces, m)
    return m


@kernel
def _patches(pieces: Int32) -> Int64:
    """First piece of each piece's 4-connected patch of the same part."""
    n = len(pieces)
    parent = np.arange(n)
    j = 0
    for i in range(n):
        y = pieces[i, 0]
        while pieces[j, 0] < y - 1 or (pieces[j, 0] == y - 1 and pieces[j, 2] <= pieces[i, 1]):
            j += 1
        k = j
        while pieces[k, 0] == y - 1 and pieces[k, 1] < pieces[i, 2]:
            if pieces[k, PART] == pieces[i, PART]:
                a, b = find_root(parent, i), find_root(parent, k)
                parent[max(a, b)] = min(a, b)
            k += 1
    for i in range(n):
        # A parent comes before its child, so its own parent is the root already.
        parent[i] = parent[parent[i]]
    return parent


@kernel
def _merge(pieces: Int32, m: int) -> int:
    """Join neighbours of one part within a row."""
    n = 0
    for i in range(m):
        joins = n > 0 and pieces[n - 1, 0] == pieces[i, 0] and pieces[n - 1, 2] == pieces[i, 1]
        if joins and pieces[n - 1, PART] == pieces[i, PART]:
            pieces[n - 1, 2] = pieces[i, 2]
        else:
            pieces[n] = pieces[i]
            n += 1
    return n
