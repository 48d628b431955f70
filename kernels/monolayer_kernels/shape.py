"""Shape properties of labelled objects under scikit-image's names, from exact sums.

All formulas are numpy over the objects; the loops over pixels and runs are in ``measure_runs``,
``shape_hull`` and ``shape_border``.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.measure_runs import Int64, Runs, RunSums
from monolayer_kernels.shape_hull import measure_hulls

__all__ = ["measure_shapes", "measure_sums"]

Float64 = NDArray[np.float64]
Column = NDArray[np.int64 | np.float64]


def measure_shapes(runs: Runs, sums: RunSums) -> dict[str, Column]:
    """Measure each object's shape, in pixels.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        scikit-image's properties with a unit suffix. ``bbox_max`` is the first row or column
        after the object. ``perimeter_crofton`` uses four directions, ``euler_number``
        8-connectivity, ``form_factor`` is 4 pi area / perimeter_crofton squared, which is
        above 1 for shapes of few pixels.
    """
    hulls = measure_hulls(runs)
    area = sums.moments[:, 0]
    return {
        **measure_sums(sums, np.diff(runs.first)),
        **hulls,
        "solidity": area / hulls["area_convex_px"],
    }


def measure_sums(sums: RunSums, n_runs: Int64) -> dict[str, Column]:
    """Measure what needs no more than each object's sums and its number of runs, in pixels.

    These columns of `measure_shapes` are all that is known of a scan's objects, whose runs are
    not kept (``monolayer_kernels.stream``).
    """
    return {**_extents(sums), **_axes(sums), **_intercepts(sums, n_runs)}


def central_moments(sums: RunSums) -> tuple[Float64, Float64, Float64, Float64, Float64]:
    """Centroid row and column, and variances of row, column and their covariance.

    The sums are first moved, still in integers, to the pixel nearest the centroid; int64 products
    may wrap on the way, but the results fit and wrapping is exact. What is left to subtract in
    floating point is below a quarter of a pixel squared, so nothing cancels.
    """
    n, sy, sx, syy, sxx, sxy = sums.moments.T
    my, mx = _nearest(sy, n), _nearest(sx, n)
    ry, rx = sy - my * n, sx - mx * n
    ty, tx = ry / n, rx / n
    var_y = (syy - 2 * my * sy + my * my * n) / n - ty * ty
    var_x = (sxx - 2 * mx * sx + mx * mx * n) / n - tx * tx
    cov = (sxy - my * sx - mx * sy + my * mx * n) / n - ty * tx
    return sums.origin[:, 0] + my + ty, sums.origin[:, 1] + mx + tx, var_y, var_x, cov


def _nearest(total: Int64, n: Int64) -> Int64:
    return (2 * total + n) // (2 * n)


def _extents(sums: RunSums) -> dict[str, Column]:
    area = sums.moments[:, 0]
    top, left, bottom, right = sums.bbox.T
    box = (bottom - top) * (right - left)
    return {
        "area_px": area,
        "area_bbox_px": box,
        "extent": area / box,
        "equivalent_diameter_area_px": np.sqrt(4 * area / np.pi),
        "bbox_min_y_px": top,
        "bbox_min_x_px": left,
        "bbox_max_y_px": bottom,
        "bbox_max_x_px": right,
    }


def _axes(sums: RunSums) -> dict[str, Column]:
    """Moment ellipse; the smaller eigenvalue is determinant / larger, free of cancellation."""
    y, x, var_y, var_x, cov = central_moments(sums)
    half_gap = np.hypot((var_x - var_y) / 2, cov)
    large = (var_x + var_y) / 2 + half_gap
    divisor = np.where(large > 0, large, 1.0)
    small = np.maximum((var_x * var_y - cov * cov) / divisor, 0.0)
    return {
        "centroid_y_px": y,
        "centroid_x_px": x,
        "axis_major_length_px": 4 * np.sqrt(large),
        "axis_minor_length_px": 4 * np.sqrt(small),
        # Of a circle the smaller may come out larger in the last bit.
        "eccentricity": np.sqrt(np.where(large > 0, np.maximum(1 - small / divisor, 0.0), 0.0)),
        "orientation_rad": _orientation(var_y, var_x, cov),
        "inertia_tensor_eigvals_0_px2": large,
        "inertia_tensor_eigvals_1_px2": small,
    }


def _orientation(var_y: Float64, var_x: Float64, cov: Float64) -> Float64:
    """Angle of the long axis to axis 0; scikit-image's -pi/4 where both axes are equal."""
    even = var_y == var_x
    angle: Float64 = 0.5 * np.arctan2(2 * cov, var_y - var_x)
    return np.where(even, np.where(cov > 0, np.pi / 4, -np.pi / 4), angle)


def _intercepts(sums: RunSums, n_runs: Int64) -> dict[str, Column]:
    """Crofton: a direction's intercepts are the pixels without a neighbour along it."""
    area = sums.moments[:, 0]
    gaps = area[:, np.newaxis] - sums.pairs[:, :4]
    axial, diagonal = gaps[:, 0] + gaps[:, 1], gaps[:, 2] + gaps[:, 3]
    crofton = np.pi / 4 * (axial + diagonal / np.sqrt(2.0))
    return {
        "perimeter_crofton_px": crofton,
        "form_factor": 4 * np.pi * area / crofton**2,
        "euler_number": n_runs - sums.pairs[:, 4],
    }
