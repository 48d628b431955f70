"""One field's objects become one row: count, density and distributions.

The trick: an object that touches the border weighs 0 and any other 1/p, where p is the chance
that an object of its size does not touch. The sum of the weights is then the unbiased number of
objects that the field's area holds; dropping the border and dividing by the full area is not.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.summarise.distributions import describe, measure_names
from monolayer.summarise.estimates import Cell, interval_columns
from monolayer.summarise.intervals import no_interval, weighted_poisson_interval
from monolayer.summarise.settings import SummariseSettings

__all__ = ["count_field", "summarise_field"]

_CM2_PER_UM2 = 1e-8
_INTENSITY = "intensity_mean_"


def summarise_field(
    columns: Mapping[str, NDArray[Any]],
    shape: tuple[int, int],
    pixel_size_um: float | None,
    settings: SummariseSettings,
    labelled_fraction: float | None,
) -> dict[str, Cell]:
    """Return the figures of one evaluated field; their order is `field_schema`'s.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Measured columns, one row an object; ``weight`` and ``touches_border`` are needed.
    shape : (int, int)
        Height and width of the field in pixels.
    pixel_size_um : float or None
        Micrometres per pixel; None gives null for the area and the density.
    settings : SummariseSettings
        Confidence and quantiles.
    labelled_fraction : float or None
        Share of the field's pixels that carry a label, objects on the border included.

    Returns
    -------
    dict
        One value a column. The intervals are of the culture's expected count and density if
        cells lie at random; clustering only shows between fields, so a well's interval is the
        one to decide by.

    Raises
    ------
    ValueError
        If a needed column is missing, columns differ in length, or a weight, the shape or the
        pixel size is impossible.
    """
    channels = [name[len(_INTENSITY) :] for name in columns if name.startswith(_INTENSITY)]
    return {
        **count_field(columns, shape, pixel_size_um, settings, labelled_fraction),
        **describe(columns, measure_names(channels), settings),
    }


def count_field(
    columns: Mapping[str, NDArray[Any]],
    shape: tuple[int, int],
    pixel_size_um: float | None,
    settings: SummariseSettings,
    labelled_fraction: float | None,
) -> dict[str, Cell]:
    """Return the counts and densities of `summarise_field` alone."""
    n_objects = _checked_length(columns)
    area_cm2 = _area_cm2(shape, pixel_size_um)
    count = weighted_poisson_interval(columns["weight"], settings.confidence)
    n_unbiased = math.fsum(columns["weight"])
    density = no_interval("pixel size unknown", settings.confidence)
    if area_cm2 is not None:
        density = count.scaled(1 / area_cm2)
    return {
        "n_objects": n_objects,
        "n_border_objects": int(np.count_nonzero(columns["touches_border"])),
        "n_unbiased": n_unbiased,
        **interval_columns("n_unbiased", count),
        "area_cm2": area_cm2,
        "density_cells_per_cm2": None if area_cm2 is None else n_unbiased / area_cm2,
        **interval_columns("density_cells_per_cm2", density),
        "nuclei_area_fraction": labelled_fraction,
    }


def _checked_length(columns: Mapping[str, NDArray[Any]]) -> int:
    for needed in ("weight", "touches_border"):
        if needed not in columns:
            raise ValueError(f"column {needed!r} is missing: measure_objects gives it")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    return lengths["weight"]


def _area_cm2(shape: tuple[int, int], pixel_size_um: float | None) -> float | None:
    if min(shape) < 1:
        raise ValueError(f"shape {shape} holds no pixel")
    if pixel_size_um is None:
        return None
    if not (math.isfinite(pixel_size_um) and pixel_size_um > 0):
        raise ValueError(f"pixel size {pixel_size_um} um must be above 0, or None if unknown")
    return shape[0] * shape[1] * pixel_size_um**2 * _CM2_PER_UM2
