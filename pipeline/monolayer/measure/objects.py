"""Measure objects: one walk over the labels, then columns under scikit-image's names.

1. Runs of the label image give every shape (kernels), row i for the i-th label present.
2. Each channel adds its intensities over the same runs, row by row of the image.
3. Position in the field gives border contact, the Miles-Lantuejoul weight and neighbours.
4. Lengths and areas are repeated in micrometres; all NaN where the pixel size is unknown.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.measure.channels import checked_channel, measure_channel
from monolayer.measure.settings import MeasureSettings
from monolayer_kernels.checks import check_inside, check_plain, check_sums
from monolayer_kernels.measure_neighbours import count_within_radius, nearest_distance
from monolayer_kernels.measure_runs import Runs, RunSums, find_runs, order_by_row, sum_runs
from monolayer_kernels.shape import measure_axes, measure_extents, measure_outline
from monolayer_kernels.shape_border import find_border, measure_perimeters
from monolayer_kernels.shape_fill import fill_areas
from monolayer_kernels.shape_hu import measure_hu
from monolayer_kernels.shape_hull import measure_hulls

__all__ = [
    "border_weights",
    "check_pixel_size",
    "find_neighbours",
    "in_micrometres",
    "measure_objects",
    "measure_runs",
]

Columns = dict[str, NDArray[Any]]

_LENGTHS = (
    "axis_major_length",
    "axis_minor_length",
    "equivalent_diameter_area",
    "feret_diameter_max",
    "feret_diameter_min",
    "perimeter",
    "perimeter_crofton",
    "nearest_neighbour_distance",
)
_AREAS = ("area", "area_filled", "area_convex")


def measure_objects(
    labels: NDArray[Any],
    channels: Mapping[str, NDArray[Any]],
    settings: MeasureSettings,
    pixel_size_um: float | None,
) -> Columns:
    """Measure every labelled object of a field.

    Parameters
    ----------
    labels : ndarray of int, shape (height, width)
        0 is background. Labels need not be consecutive; an object need not be connected.
    channels : mapping of str to ndarray, shape (height, width)
        Images to measure; NaN and infinity are refused.
    settings : MeasureSettings
        Groups of columns, neighbourhood and local background.
    pixel_size_um : float or None
        Micrometres per pixel; None gives NaN in every um column.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Column by column in a fixed order; row i belongs to the i-th label present in ascending
        order, which ``label`` (int32) names. Counts of pixels, bounding boxes and
        ``euler_number`` are int64, ``touches_border`` is bool, all else float64.
        `monolayer.measure.DEFINITIONS` says what each is.

    Raises
    ------
    TypeError
        Labels or a channel that are no array, have a mask, or whose dtype is no number (labels: no
        integer).
    ValueError
        Shapes that differ, an empty image, negative or too large labels, a channel that is not
        finite, a pixel size that is not above 0.
    """
    runs = find_runs(_checked_labels(labels))
    return measure_runs(runs, labels.shape, channels, settings, pixel_size_um)


def measure_runs(
    runs: Runs,
    shape: tuple[int, ...],
    channels: Mapping[str, NDArray[Any]],
    settings: MeasureSettings,
    pixel_size_um: float | None,
    *,
    sums: RunSums | None = None,
) -> Columns:
    """Measure every object of a field from its runs, without a label image.

    Parameters
    ----------
    runs : Runs
        Of objects that do not overlap, as `monolayer_kernels.measure_runs.find_runs` gives them.
    shape : tuple of int
        Height and width of the field.
    channels, settings, pixel_size_um
        As for `measure_objects`.
    sums : RunSums, optional
        `monolayer_kernels.measure_runs.sum_runs` of the runs, where whoever found them knows it.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        As `measure_objects` of the same labels.

    Raises
    ------
    TypeError, ValueError
        As `measure_objects`; runs that leave the field, or sums of other runs.
    """
    check_pixel_size(pixel_size_um)
    check_inside(runs, shape)
    if sums is None:
        sums = sum_runs(runs)
    else:
        check_sums(runs, sums)
    asked = settings.groups if channels else ()
    order = order_by_row(runs.first, runs.row, shape) if "background" in asked else None
    border = find_border(runs, sums) if "edge" in asked else None
    columns: Columns = {"label": runs.label, **measure_extents(sums)}
    columns |= _shapes(runs, sums, settings)
    if "outline" in settings.groups:
        columns["perimeter_px"] = (
            measure_perimeters(runs, sums) if border is None else border.perimeter_px
        )
    columns |= _position(columns, sums, shape, settings, pixel_size_um)
    for name, channel in channels.items():
        pixels = checked_channel(name, channel, shape)
        measured = measure_channel((runs, sums, order, border), pixels, settings)
        columns |= {f"{key}_{name}": values for key, values in measured.items()}
    return columns | in_micrometres(columns, pixel_size_um)


def _shapes(runs: Runs, sums: RunSums, settings: MeasureSettings) -> Columns:
    """Groups of shape that were asked for, in the columns' order."""
    columns: Columns = {}
    if "hull" in settings.groups:
        hulls = measure_hulls(runs)
        columns |= {**hulls, "solidity": sums.moments[:, 0] / hulls["area_convex_px"]}
    if "axes" in settings.groups:
        columns |= measure_axes(sums)
    if "outline" in settings.groups:
        columns |= measure_outline(sums, np.diff(runs.first))
        columns["area_filled_px"] = fill_areas(runs, sums)
    if "hu" in settings.groups:
        columns |= measure_hu(runs, sums)
    return columns


def _position(
    columns: Columns,
    sums: RunSums,
    shape: tuple[int, ...],
    settings: MeasureSettings,
    pixel_size_um: float | None,
) -> Columns:
    """Border contact, weight and neighbours."""
    touches, weight = border_weights(sums.bbox, (shape[0], shape[1]))
    position: Columns = {"touches_border": touches, "weight": weight}
    if "neighbours" not in settings.groups:
        return position
    y, x = columns["centroid_y_px"], columns["centroid_x_px"]
    return position | find_neighbours(y, x, settings, pixel_size_um)


def find_neighbours(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    settings: MeasureSettings,
    pixel_size_um: float | None,
) -> Columns:
    """Columns of neighbours, without those in micrometres, from centroids in pixels."""
    within = np.full(y.size, np.nan)
    if pixel_size_um is not None:
        within[:] = count_within_radius(y, x, settings.neighbour_radius_um / pixel_size_um)
    return {
        "nearest_neighbour_distance_px": nearest_distance(y, x),
        "neighbours_within_radius": within,
    }


def border_weights(
    bbox: NDArray[np.int64], shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Miles-Lantuejoul weights: what each object stands for among those that the border cut.

    An object of w x h pixels lies wholly inside a field of W x H with probability proportional
    to p = (W - w)(H - h) / (W H); each object that does not touch the border counts 1 / p, and
    each that does counts 0, so that their sum estimates the objects that belong to the field's
    area without bias for their size (Miles 1978; Lantuejoul 1980).

    Parameters
    ----------
    bbox : ndarray of int64, shape (n, 4)
        First row, first column, row after the last, column after the last.
    shape : tuple of int
        Height and width of the field in pixels.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Whether each object touches the border (bool), and its weight (float64).
    """
    height, width = shape
    top, left, bottom, right = bbox.T
    touches = (top == 0) | (left == 0) | (bottom == height) | (right == width)
    inside = (width - (right - left)) * (height - (bottom - top)) / (height * width)
    return touches, np.where(touches, 0.0, 1.0 / np.where(touches, 1.0, inside))


def in_micrometres(columns: Columns, pixel_size_um: float | None) -> Columns:
    """Lengths and areas that are among the columns, in micrometres."""
    size = math.nan if pixel_size_um is None else float(pixel_size_um)
    lengths = [name for name in _LENGTHS if f"{name}_px" in columns]
    areas = [name for name in _AREAS if f"{name}_px" in columns]
    scaled = {f"{name}_um": columns[f"{name}_px"] * size for name in lengths}
    return scaled | {f"{name}_um2": columns[f"{name}_px"] * (size * size) for name in areas}


def check_pixel_size(pixel_size_um: float | None) -> None:
    """Raise unless a pixel size is above 0 or unknown.

    Raises
    ------
    ValueError
        It is neither.
    """
    if pixel_size_um is not None and not (math.isfinite(pixel_size_um) and pixel_size_um > 0):
        msg = f"pixel_size_um must be above 0, or None where it is unknown; got {pixel_size_um}."
        raise ValueError(msg)


def _checked_labels(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Labels as C-contiguous int32, copied only where they are not."""
    check_plain("labels", labels)
    if labels.dtype.kind not in "iu":
        msg = f"labels must be integers; got {labels.dtype}."
        raise TypeError(msg)
    if labels.size and not np.can_cast(labels.dtype, np.int32):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high > np.iinfo(np.int32).max:
            msg = f"labels must lie in 0 to 2147483647; found {low} to {high}."
            raise ValueError(msg)
    return np.ascontiguousarray(labels, dtype=np.int32)
