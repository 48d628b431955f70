"""Shape properties of labelled objects under scikit-image's names, from exact sums.

All formulas are numpy over the objects; the loops over pixels and runs are in ``measure_runs``,
``shape_hull`` and ``shape_border``.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.measure_runs import Int64, RunSums

__all__ = ["measure_axes", "measure_extents", "measure_outline"]

Float64 = NDArray[np.float64]
Column = NDArray[np.int64 | np.float64]


def _centroid(sums: RunSums) -> tuple[Float64, Float64]:
    n, sy, sx = sums.moments[:, :3].T
    return sums.origin[:, 0] + sy / n, sums.origin[:, 1] + sx / n


def central_moments(sums: RunSums) -> tuple[Float64, Float64, Float64]:
    """Variances of row and column, and their covariance.

    The sums are first moved, still in integers, to the pixel nearest the centroid; int64 products
    may wrap on the way, but the results fit and wrapping is exact. What is left to subtract in
    floating point is below a quarter of a pixel squared, so nothing cancels.
    """
    n, sy, sx, syy, sxx, sxy = sums.moments[:, :6].T
    my, mx = nearest(sy, n), nearest(sx, n)
    ty, tx = (sy - my * n) / n, (sx - mx * n) / n
    var_y = (syy - 2 * my * sy + my * my * n) / n - ty * ty
    var_x = (sxx - 2 * mx * sx + mx * mx * n) / n - tx * tx
    cov = (sxy - my * sx - mx * sy + my * mx * n) / n - ty * tx
    return var_y, var_x, cov


def nearest(total: Int64, n: Int64) -> Int64:
    """Whole number nearest to ``total / n``."""
    return (2 * total + n) // (2 * n)


def measure_extents(sums: RunSums) -> dict[str, Column]:
    """Measure each object's size and place, in pixels.

    Parameters
    ----------
    sums : RunSums
        From `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        scikit-image's properties with a unit suffix. ``bbox_max`` is the first row or column
        after the object.
    """
    area = sums.moments[:, 0]
    top, left, bottom, right = sums.bbox.T
    box = (bottom - top) * (right - left)
    y, x = _centroid(sums)
    return {
        "area_px": area,
        "area_bbox_px": box,
        "extent": area / box,
        "equivalent_diameter_area_px": np.sqrt(4 * area / np.pi),
        "bbox_min_y_px": top,
        "bbox_min_x_px": left,
        "bbox_max_y_px": bottom,
        "bbox_max_x_px": right,
        "centroid_y_px": y,
        "centroid_x_px": x,
    }


def measure_axes(sums: RunSums) -> dict[str, Column]:
    """Measure each object's moment ellipse, in pixels.

    Parameters
    ----------
    sums : RunSums
        From `sum_runs` of `monolayer_kernels.measure_runs`.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        scikit-image's properties with a unit suffix. The smaller eigenvalue is determinant /
        larger: its relative error is 1e-16 times the square of the axes' ratio.
    """
    var_y, var_x, cov = central_moments(sums)
    half_gap = np.hypot((var_x - var_y) / 2, cov)
    large = (var_x + var_y) / 2 + half_gap
    divisor = np.where(large > 0, large, 1.0)
    small = np.maximum((var_x * var_y - cov * cov) / divisor, 0.0)
    return {
        "axis_major_length_px": 4 * np.sqrt(large),
        "axis_minor_length_px": 4 * np.sqrt(small),
        # Not 1 - small / large: of a square that left 1e-8 where 0 is meant.
        "eccentricity": np.sqrt(np.minimum(2 * half_gap / divisor, 1.0)),
        "orientation_rad": _orientation(var_y, var_x, cov),
        "inertia_tensor_eigvals_0_px2": large,
        "inertia_tensor_eigvals_1_px2": small,
    }


def _orientation(var_y: Float64, var_x: Float64, cov: Float64) -> Float64:
    """Angle of the long axis to axis 0; scikit-image's -pi/4 where both axes are equal."""
    even = var_y == var_x
    angle: Float64 = 0.5 * np.arctan2(2 * cov, var_y - var_x)
    return np.where(even, np.where(cov > 0, np.pi / 4, -np.pi / 4), angle)


def measure_outline(sums: RunSums, n_runs: Int64) -> dict[str, Column]:
    """Measure each object's outline, in pixels.

    Parameters
    ----------
    sums : RunSums
        From `sum_runs` of `monolayer_kernels.measure_runs`.
    n_runs : ndarray of int64, shape (n,)
        Runs of each object.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``perimeter_crofton`` uses four directions: a direction's intercepts are the pixels
        without a neighbour along it. ``form_factor`` is 4 pi area / perimeter_crofton squared,
        which is above 1 for shapes of few pixels. ``euler_number`` is for 8-connectivity.
    """
    area = sums.moments[:, 0]
    gaps = area[:, np.newaxis] - sums.pairs[:, :4]
    axial, diagonal = gaps[:, 0] + gaps[:, 1], gaps[:, 2] + gaps[:, 3]
    crofton = np.pi / 4 * (axial + diagonal / np.sqrt(2.0))
    return {
        "perimeter_crofton_px": crofton,
        "form_factor": 4 * np.pi * area / crofton**2,
        "euler_number": n_runs - sums.pairs[:, 4],
    }
