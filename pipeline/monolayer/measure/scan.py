"""Objects of a scan as columns: those of `measure_objects` that sums alone can tell.

A scan's pixels and runs are gone by the time an object is known to be finished. So there is no
convex hull, no 4-neighbour perimeter, no local background, no edge and no neighbour; the other
columns have the names, the formulas and the last bit of `measure_objects`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.measure.objects import (
    border_weights,
    check_pixel_size,
    in_micrometres,
    measure_runs,
)
from monolayer.measure.settings import GROUPS, MeasureSettings
from monolayer_kernels.measure_intensity import intensity_moments
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.objects import join_objects
from monolayer_kernels.shape import measure_axes, measure_extents, measure_outline
from monolayer_kernels.stream import ScanSums

__all__ = ["measure_band", "measure_scan", "measure_window", "reach_px"]

Columns = dict[str, NDArray[Any]]

# What lies around an object may belong to one in rows that are not looked at yet.
_IN_A_BAND = MeasureSettings(
    groups=tuple(group for group in GROUPS if group not in ("neighbours", "background"))
)


def measure_scan(
    found: ScanSums,
    shape: tuple[int, int],
    pixel_size_um: float | None,
    channel: str,
    first_label: int = 1,
) -> Columns:
    """Measure a batch of a scan's objects.

    Parameters
    ----------
    found : ScanSums
        Objects in the order of their first pixels.
    shape : tuple of int
        Height and width of the whole scan in pixels.
    pixel_size_um : float or None
        Micrometres per pixel; None gives NaN in every um column.
    channel : str
        Name at the end of the intensity columns.
    first_label : int
        Label of the first object of the batch.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``label`` (int32), then columns of `monolayer.measure.measure_objects`.

    Raises
    ------
    ValueError
        A pixel size that is not above 0.
    """
    check_pixel_size(pixel_size_um)
    n = len(found.n_runs)
    touches, weight = border_weights(found.sums.bbox, shape)
    columns: Columns = {
        "label": np.arange(first_label, first_label + n, dtype=np.int32),
        **measure_extents(found.sums),
        **measure_axes(found.sums),
        **measure_outline(found.sums, found.n_runs),
        "touches_border": touches,
        "weight": weight,
    }
    grey: Columns = {
        **intensity_moments(found.sums, found.grey.base, found.grey.added),
        "intensity_min": found.grey.extremes[:, 0].astype(np.float64),
        "intensity_max": found.grey.extremes[:, 1].astype(np.float64),
    }
    columns |= {f"{name}_{channel}": values for name, values in grey.items()}
    return columns | in_micrometres(columns, pixel_size_um)


def measure_band(
    runs: Runs,
    pixels: NDArray[Any],
    top: int,
    shape: tuple[int, int],
    pixel_size_um: float | None,
    channel: str,
) -> Columns:
    """Measure objects of a plane from the rows that hold them.

    Parameters
    ----------
    runs : Runs
        Objects in the plane's coordinates.
    pixels : ndarray, shape (rows, width)
        Rows of the plane that hold all of the objects.
    top : int
        Row of the plane that is the first of `pixels`.
    shape : tuple of int
        Height and width of the plane.
    pixel_size_um, channel
        As for `measure_scan`.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        The columns of `monolayer.measure.measure_objects` but those of neighbours and of the
        local background.
    """
    here = runs._replace(row=(runs.row - top).astype(np.int32))
    columns = measure_runs(here, pixels.shape, {channel: pixels}, _IN_A_BAND, pixel_size_um)
    weighted = f"centroid_weighted_y_px_{channel}"
    for name in ("bbox_min_y_px", "bbox_max_y_px", "centroid_y_px", weighted):
        columns[name] = columns[name] + top
    sides = ("bbox_min_y_px", "bbox_min_x_px", "bbox_max_y_px", "bbox_max_x_px")
    bbox = np.stack([columns[side] for side in sides], axis=1)
    columns["touches_border"], columns["weight"] = border_weights(bbox, shape)
    return columns


def reach_px(settings: MeasureSettings) -> int:
    """Pixels around an object that say something of it: its background's frame, its border."""
    return settings.background_gap_px + settings.background_width_px + 1


def measure_window(
    runs: Runs,
    around: Runs,
    pixels: Mapping[str, NDArray[Any]],
    corner: tuple[int, int],
    shape: tuple[int, int],
    settings: MeasureSettings,
    pixel_size_um: float | None,
) -> Columns:
    """Measure some objects of a plane, beside others that only stand around them.

    Parameters
    ----------
    runs, around : Runs
        In the plane's coordinates, none upon another.
    pixels : mapping of str to ndarray, shape (rows, columns)
        A part of each channel that holds `runs`, and `reach_px` more as far as the plane reaches.
    corner : tuple of int
        Row and column of the part's first pixel.
    shape : tuple of int
        Height and width of the plane.
    settings, pixel_size_um
        As for `monolayer.measure.measure_objects`.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Row i for the i-th of `runs`, with the columns of `measure_objects` in their order. Those
        of neighbours count these objects only: neighbours may be in any other part.
    """
    height, width = next(iter(pixels.values())).shape
    box = _box_around(runs, reach_px(settings), (corner[0], corner[1], height, width))
    n = runs.label.size
    everything = _within(join_objects([runs, around]), n, box)
    # The box follows from the objects: what else was read must not move the last bit.
    rows = slice(box[0] - corner[0], box[2] - corner[0])
    across = slice(box[1] - corner[1], box[3] - corner[1])
    part = {name: image[rows, across] for name, image in pixels.items()}
    size = (box[2] - box[0], box[3] - box[1])
    columns = measure_runs(everything, size, part, settings, pixel_size_um)
    columns = {name: values[:n] for name, values in columns.items()}
    for name in columns:
        if name.startswith(("bbox_", "centroid_")):
            columns[name] = columns[name] + (box[0] if "_y_px" in name else box[1])
    sides = ("bbox_min_y_px", "bbox_min_x_px", "bbox_max_y_px", "bbox_max_x_px")
    bbox = np.stack([columns[side] for side in sides], axis=1)
    columns["touches_border"], columns["weight"] = border_weights(bbox, shape)
    return columns | {"label": runs.label}


def _box_around(
    runs: Runs, margin: int, part: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Box of objects and a margin, within a part of top, left, height and width."""
    top, left, height, width = part
    if not runs.row.size:
        return top, left, top + min(height, 1), left + min(width, 1)
    return (
        max(top, int(runs.row.min()) - margin),
        max(left, int(runs.start.min()) - margin),
        min(top + height, int(runs.row.max()) + 1 + margin),
        min(left + width, int(runs.stop.max()) + margin),
    )


def _within(runs: Runs, n: int, box: tuple[int, int, int, int]) -> Runs:
    """Runs in a box's coordinates; of the objects from the n-th on only what lies within it."""
    top, left, bottom, right = box
    owner = np.repeat(np.arange(runs.label.size), np.diff(runs.first))
    start, stop = np.maximum(runs.start, left), np.minimum(runs.stop, right)
    seen = (runs.row >= top) & (runs.row < bottom) & (start < stop)
    counts = np.bincount(owner[seen], minlength=runs.label.size)
    there = (counts > 0) | (np.arange(counts.size) < n)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[there])])
    return Runs(
        np.arange(1, first.size, dtype=np.int32),
        first,
        (runs.row[seen] - top).astype(np.int32),
        (start[seen] - left).astype(np.int32),
        (stop[seen] - left).astype(np.int32),
    )
