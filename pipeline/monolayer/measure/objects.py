"""Measure objects: one walk over the labels, then columns under scikit-image's names.

1. Runs of the label image give every shape (kernels), row i for the i-th label present.
2. Each channel adds its intensities over the same runs.
3. Position in the field gives border contact, the Miles-Lantuejoul weight and neighbours.
4. Lengths and areas are repeated in micrometres; all NaN where the pixel size is unknown.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.measure.settings import MeasureSettings
from monolayer_kernels.measure_intensity import measure_intensity
from monolayer_kernels.measure_neighbours import count_within_radius, nearest_distance
from monolayer_kernels.measure_runs import Runs, RunSums, find_runs, sum_runs
from monolayer_kernels.shape import measure_shapes
from monolayer_kernels.shape_border import Border, find_border

__all__ = ["measure_objects"]

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
_AREAS = ("area", "area_convex")


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
        Neighbourhood and local background.
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
        Labels or a channel of a dtype that is not a number (labels: not an integer).
    ValueError
        Shapes that differ, an empty image, negative or too large labels, a channel that is not
        finite, a pixel size that is not above 0.
    """
    image = _checked_labels(labels)
    check_pixel_size(pixel_size_um)
    runs = find_runs(image)
    sums = sum_runs(runs)
    border = find_border(runs, sums)
    columns: Columns = {"label": runs.label, **measure_shapes(runs, sums)}
    columns["perimeter_px"] = border.perimeter_px
    columns |= _position(columns, sums, image.shape, settings, pixel_size_um)
    for name, channel in channels.items():
        pixels = _checked_channel(name, channel, image.shape)
        measured = _channel(image, (runs, sums, border), pixels, settings)
        columns |= {f"{key}_{name}": values for key, values in measured.items()}
    return columns | in_micrometres(columns, pixel_size_um)


def _position(
    columns: Columns,
    sums: RunSums,
    shape: tuple[int, ...],
    settings: MeasureSettings,
    pixel_size_um: float | None,
) -> Columns:
    """Border contact, weight and neighbours."""
    y, x = columns["centroid_y_px"], columns["centroid_x_px"]
    touches, weight = border_weights(sums.bbox, (shape[0], shape[1]))
    within = np.full(y.size, np.nan)
    if pixel_size_um is not None:
        within[:] = count_within_radius(y, x, settings.neighbour_radius_um / pixel_size_um)
    return {
        "touches_border": touches,
        "weight": weight,
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


def _channel(
    labels: NDArray[np.int32],
    found: tuple[Runs, RunSums, Border],
    pixels: NDArray[Any],
    settings: MeasureSettings,
) -> Columns:
    """Intensities of one channel, without its name."""
    gap, width = settings.background_gap_px, settings.background_width_px
    columns: Columns = dict(measure_intensity(labels, found, pixels, gap, width))
    contrast = columns["intensity_mean"] - columns["intensity_local_background"]
    sharpness = columns["edge_gradient_per_px"] / np.where(contrast == 0, np.nan, contrast)
    return columns | {"intensity_contrast": contrast, "edge_sharpness_per_px": sharpness}


def in_micrometres(columns: Columns, pixel_size_um: float | None) -> Columns:
    """Lengths and areas among the columns once more, in micrometres."""
    size = math.nan if pixel_size_um is None else float(pixel_size_um)
    lengths = {f"{name}_um": (f"{name}_px", size) for name in _LENGTHS}
    areas = {f"{name}_um2": (f"{name}_px", size * size) for name in _AREAS}
    wanted = (lengths | areas).items()
    return {name: columns[of] * factor for name, (of, factor) in wanted if of in columns}


def check_pixel_size(pixel_size_um: float | None) -> None:
    """Refuse a pixel size that is not above 0."""
    if pixel_size_um is not None and not (math.isfinite(pixel_size_um) and pixel_size_um > 0):
        msg = f"pixel_size_um must be above 0, or None where it is unknown; got {pixel_size_um}."
        raise ValueError(msg)


def _checked_labels(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Labels as C-contiguous int32, copied only where they are not."""
    if labels.dtype.kind not in "iu":
        msg = f"labels must be integers; got {labels.dtype}."
        raise TypeError(msg)
    if labels.size and not np.can_cast(labels.dtype, np.int32):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high > np.iinfo(np.int32).max:
            msg = f"labels must lie in 0 to 2147483647; found {low} to {high}."
            raise ValueError(msg)
    return np.ascontiguousarray(labels, dtype=np.int32)


def _checked_channel(name: str, pixels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Pixels in a dtype that the kernels sum; exact where they are uint8 or uint16."""
    if pixels.dtype.kind not in "iuf":
        msg = f"channel {name!r} must hold numbers; got {pixels.dtype}."
        raise TypeError(msg)
    if pixels.shape != shape:
        msg = f"channel {name!r} has shape {pixels.shape}, but labels have {shape}."
        raise ValueError(msg)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        msg = f"channel {name!r} holds NaN or infinity: replace or mask those pixels first."
        raise ValueError(msg)
    exact = pixels.dtype in (np.uint8, np.uint16, np.float32)
    return np.ascontiguousarray(pixels, dtype=pixels.dtype if exact else np.float64)
