"""Nearest neighbour and number of neighbours of points, by a sweep along one axis.

Points are sorted along the axis of their larger extent; each looks both ways only as far as its
nearest neighbour so far (or the radius) reaches, so the cost grows with n times the points in such
a band, not with n squared.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["count_within_radius", "nearest_distance"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def nearest_distance(y: Float64, x: Float64) -> Float64:
    """Distance from each point to the nearest other one.

    Parameters
    ----------
    y, x : ndarray of float64, shape (n,)
        Coordinates in one unit, finite.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the coordinates' unit; NaN for a point that is alone.

    Raises
    ------
    ValueError
        Different lengths, or a coordinate that is not finite.
    """
    order, along, across = _sorted(y, x)
    found = np.empty(order.size)
    _nearest(along, across, found)
    distance = np.empty(order.size)
    distance[order] = np.where(np.isinf(found), np.nan, np.sqrt(found))
    return distance


def count_within_radius(y: Float64, x: Float64, radius: float) -> Int64:
    """Count the other points within a radius, the rim included.

    Parameters
    ----------
    y, x : ndarray of float64, shape (n,)
        Coordinates in one unit, finite.
    radius : float
        In the same unit, above 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        Neighbours of each point.

    Raises
    ------
    ValueError
        Different lengths, a coordinate that is not finite, or a radius that is not above 0.
    """
    if not radius > 0:
        msg = f"radius must be above 0; got {radius}."
        raise ValueError(msg)
    order, along, across = _sorted(y, x)
    found = np.zeros(order.size, np.int64)
    _count(along, across, radius, found)
    count = np.empty(order.size, np.int64)
    count[order] = found
    return count


def _sorted(y: Float64, x: Float64) -> tuple[Int64, Float64, Float64]:
    """Order along the longer axis, and both coordinates in that order."""
    if y.shape != x.shape or y.ndim != 1:
        msg = f"y and x must be 1-D of equal length; got shapes {y.shape} and {x.shape}."
        raise ValueError(msg)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        msg = "y and x must be finite; found NaN or infinity."
        raise ValueError(msg)
    along, across = (y, x) if y.size == 0 or np.ptp(y) >= np.ptp(x) else (x, y)
    order = np.argsort(along, kind="stable")
    return order, along[order].astype(np.float64), across[order].astype(np.float64)


@kernel
def _nearest(along: Float64, across: Float64, found: Float64) -> None:
    """Squared distance to the nearest other point; infinity where there is none."""
    n = along.size
    for i in range(n):
        best = np.inf
        for step in (-1, 1):
            j = i + step
            while 0 <= j < n:
                a, b = along[j] - along[i], across[j] - across[i]
                if a * a >= best:
                    break
                best = min(best, a * a + b * b)
                j += step
        found[i] = best


@kernel
def _count(along: Float64, across: Float64, radius: float, found: Int64) -> None:
    """Count pairs once, for both of their points."""
    n = along.size
    for i in range(n):
        for j in range(i + 1, n):
            a, b = along[j] - along[i], across[j] - across[i]
            if a > radius:
                break
            if a * a + b * b <= radius * radius:
                found[i] += 1
                found[j] += 1
