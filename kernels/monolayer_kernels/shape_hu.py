"""Hu's seven invariant moments of labelled objects.

Accumulators: third-order sums of an object of 30,000 x 30,000 pixels reach 10**21, beyond int64.
They are taken from the pixel nearest the centroid, where one run's share is a closed form that
still fits, and each sum is kept in two int64 words, high and low 24 bits: exact for all images
that are let in (65,535 pixels a side), in any order. Floating point begins after the last addition.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_sums
from monolayer_kernels.measure_runs import Int64, Runs, RunSums
from monolayer_kernels.shape import central_moments, nearest

__all__ = ["measure_hu"]

Float64 = NDArray[np.float64]

_LOW_BITS = 24
_LOW = (1 << _LOW_BITS) - 1


def measure_hu(runs: Runs, sums: RunSums) -> dict[str, Float64]:
    """Measure Hu's moments of each object's shape (Hu 1962), as scikit-image numbers them.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``moments_hu_0`` to ``moments_hu_6``, without unit. The last changes its sign in a mirror.

    Raises
    ------
    ValueError
        Sums of other objects.
    """
    check_sums(runs, sums)
    n = sums.moments[:, 0].astype(np.float64)
    var_y, var_x, cov = (moment / n for moment in central_moments(sums))
    scale = n * n * np.sqrt(n)
    yyy, yyx, yxx, xxx = (moment / scale for moment in _third(runs, sums))
    p, q = yyy + yxx, yyx + xxx
    u, v = yyy - 3 * yxx, 3 * yyx - xxx
    gap, cross = p * p - q * q, var_y - var_x
    p3, q3 = p * (p * p - 3 * q * q), q * (3 * p * p - q * q)
    found = (
        var_y + var_x,
        cross * cross + 4 * cov * cov,
        u * u + v * v,
        p * p + q * q,
        u * p3 + v * q3,
        cross * gap + 4 * cov * p * q,
        v * p3 - u * q3,
    )
    return {f"moments_hu_{i}": column for i, column in enumerate(found)}


def _third(runs: Runs, sums: RunSums) -> tuple[Float64, Float64, Float64, Float64]:
    """Third central moments y y y, y y x, y x x and x x x, not divided by the area."""
    n, sy, sx, syy, sxx, sxy = sums.moments.T
    my, mx = nearest(sy, n), nearest(sx, n)
    words = np.zeros((2, 4, n.size), np.int64)
    _sum_cubes(runs, sums.origin + np.stack((my, mx), axis=1), words)
    yyy, yyx, yxx, xxx = words[0] * float(_LOW + 1) + words[1]
    # From the pixel nearest the centroid to the centroid: (ty, tx) is less than a pixel away.
    ty, tx = (sy - my * n) / n, (sx - mx * n) / n
    yy = syy - 2 * my * sy + my * my * n
    xx = sxx - 2 * mx * sx + mx * mx * n
    xy = sxy - my * sx - mx * sy + my * mx * n
    return (
        yyy - 3 * ty * yy + 2 * n * ty * ty * ty,
        yyx - tx * yy - 2 * ty * xy + 2 * n * ty * ty * tx,
        yxx - ty * xx - 2 * tx * xy + 2 * n * tx * tx * ty,
        xxx - 3 * tx * xx + 2 * n * tx * tx * tx,
    )


@kernel
def _sum_cubes(runs: Runs, centre: Int64, words: Int64) -> None:
    """Add each run's closed forms, from the centre, to the high and low words."""
    for k in range(runs.label.size):
        yyy = yyx = yxx = xxx = low_yyy = low_yyx = low_yxx = low_xxx = np.int64(0)
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i] - centre[k, 0]
            a, b = runs.start[i] - centre[k, 1], runs.stop[i] - 1 - centre[k, 1]
            m = b - a + 1
            # Even numbers and multiples of six: shifts, and one division without a rest.
            x = ((a + b) * m) >> 1
            xx = (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) // 6
            upper, lower = (b * (b + 1)) >> 1, ((a - 1) * a) >> 1
            # y cubed is split before it is multiplied: with a wide run the product has 65 bits.
            cube = y * y * y
            yyy += (cube >> _LOW_BITS) * m
            low_yyy += (cube & _LOW) * m
            share = y * y * x
            yyx += share >> _LOW_BITS
            low_yyx += share & _LOW
            share = y * xx
            yxx += share >> _LOW_BITS
            low_yxx += share & _LOW
            share = upper * upper - lower * lower
            xxx += share >> _LOW_BITS
            low_xxx += share & _LOW
        words[0, 0, k], words[0, 1, k], words[0, 2, k], words[0, 3, k] = yyy, yyx, yxx, xxx
        words[1, 0, k], words[1, 1, k] = low_yyy, low_yyx
        words[1, 2, k], words[1, 3, k] = low_yxx, low_xxx
