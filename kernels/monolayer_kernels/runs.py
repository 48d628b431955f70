"""Connected components as runs: a run is a stretch of set pixels in one row.

A component's area, second moments and Crofton perimeter are sums over its runs and over the
overlaps of runs with the row above, so no label image is needed to know a shape. All sums are
integers about a local origin (the component's first pixel): exact, and the same in any order.

Runs lie in row-major order as columns of an int32 table: row, first column, column after the
last, and the run of the level below that holds it.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = [
    "AREA",
    "CHORDS_ANTIDIAGONAL",
    "CHORDS_DIAGONAL",
    "CHORDS_HORIZONTAL",
    "CHORDS_VERTICAL",
    "FIRST_X",
    "FIRST_Y",
    "N_SUMS",
    "SUM_X",
    "SUM_XX",
    "SUM_XY",
    "SUM_Y",
    "SUM_YY",
    "shape_scores",
]

Runs = NDArray[np.int32]

# Columns of the table of sums, one row a component. A chord is a stretch of the component
# along a line; the number of chords in four directions gives Crofton's perimeter.
AREA = 0
SUM_Y = 1
SUM_X = 2
SUM_YY = 3
SUM_XX = 4
SUM_XY = 5
CHORDS_HORIZONTAL = 6
CHORDS_VERTICAL = 7
CHORDS_DIAGONAL = 8
CHORDS_ANTIDIAGONAL = 9
FIRST_Y = 10
FIRST_X = 11
N_SUMS = 12

_SQRT_HALF = 0.5**0.5


def shape_scores(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """How close each shape is to an ellipse, 0 to about 1.

    ``q = E R``: ``E`` is the area over the area of the ellipse with the same second moments
    (1 for ellipses, lower for all else), ``R`` that ellipse's perimeter over the shape's own
    Crofton perimeter (lower for ragged or bent outlines). Only additions, products, quotients
    and square roots occur, which IEEE 754 defines to the last bit.
    """
    scores = np.empty(len(sums), dtype=np.float64)
    _score(np.ascontiguousarray(sums), scores)
    return scores


@kernel
def sum_components(runs: Runs, components: NDArray[np.int32], sums: NDArray[np.int64]) -> None:
    """Add every run to its component's sums; runs of a component must not touch in a row."""
    j, zero = 0, np.int64(0)
    for i in range(runs.shape[0]):
        c = np.int64(components[i])
        y, start, end = np.int64(runs[i, 0]), np.int64(runs[i, 1]), np.int64(runs[i, 2])
        if sums[c, AREA] == 0:
            sums[c, FIRST_Y], sums[c, FIRST_X] = y, start
        n = end - start
        # Sums of x and x squared over the run, about the component's first pixel.
        a, b = start - sums[c, FIRST_X], end - 1 - sums[c, FIRST_X]
        dy = y - sums[c, FIRST_Y]
        sum_x = ((a + b) * n) >> 1
        sums[c, AREA] += n
        sums[c, SUM_Y] += dy * n
        sums[c, SUM_X] += sum_x
        sums[c, SUM_YY] += dy * dy * n
        sums[c, SUM_XX] += a * a * n + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        sums[c, SUM_XY] += dy * sum_x
        while runs[j, 0] < y - 1 or (runs[j, 0] == y - 1 and runs[j, 2] < start):
            j += 1
        k = j
        vertical = diagonal = antidiagonal = n
        while runs[k, 0] == y - 1 and runs[k, 1] <= end:
            if components[k] == c:
                s, e = np.int64(runs[k, 1]), np.int64(runs[k, 2])
                vertical -= max(zero, min(end, e) - max(start, s))
                diagonal -= max(zero, min(end, e + 1) - max(start, s + 1))
                antidiagonal -= max(zero, min(end, e - 1) - max(start, s - 1))
            k += 1
        sums[c, CHORDS_HORIZONTAL] += 1
        sums[c, CHORDS_VERTICAL] += vertical
        sums[c, CHORDS_DIAGONAL] += diagonal
        sums[c, CHORDS_ANTIDIAGONAL] += antidiagonal


@kernel
def second_moments(sums: NDArray[np.int64]) -> tuple[float, float, float, float, float]:
    """Mean y and x about the local origin, and the central moments yy, xx, xy of one component."""
    n = float(sums[AREA])
    y, x = sums[SUM_Y] / n, sums[SUM_X] / n
    # A pixel is a square, not a point: its own second moment is 1/12.
    yy = sums[SUM_YY] / n - y * y + 1 / 12
    xx = sums[SUM_XX] / n - x * x + 1 / 12
    return y, x, yy, xx, sums[SUM_XY] / n - x * y


@kernel
def crofton_perimeter(sums: NDArray[np.int64]) -> float:
    """Crofton's perimeter of one component from its chords in four directions, pixels."""
    slanted = float(sums[CHORDS_DIAGONAL] + sums[CHORDS_ANTIDIAGONAL])
    straight = float(sums[CHORDS_HORIZONTAL] + sums[CHORDS_VERTICAL])
    return np.pi / 4 * (straight + slanted * _SQRT_HALF)


@kernel
def shape_score(sums: NDArray[np.int64]) -> float:
    """How close one component is to an ellipse, see `shape_scores`."""
    if sums[AREA] == 0:
        return 0.0
    _, _, yy, xx, xy = second_moments(sums)
    root = np.sqrt(max(yy * xx - xy * xy, 1 / 144))
    spread = np.sqrt((yy - xx) * (yy - xx) + 4 * xy * xy)
    a = np.sqrt(2 * (yy + xx + spread))
    b = np.sqrt(max(2 * (yy + xx - spread), 0.0))
    # Ramanujan's first approximation of an ellipse's perimeter.
    around = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))
    return float(sums[AREA] / (4 * np.pi * root) * around / crofton_perimeter(sums))


@kernel
def _score(sums: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    for i in range(len(sums)):
        scores[i] = shape_score(sums[i])
