"""Morphology of a field, a well and a plate: distributions, shares, order, neighbours.

Cells where a cell channel was given, nuclei alone where not; ``morphology_object`` says which.
Shares and distributions of a well are those of all its objects together, each with the weight
that makes up for the border; intervals are between fields, because cells of one field are alike.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.summarise.estimates import (
    Cell,
    Columns,
    estimate_between,
    estimate_columns,
    interval_columns,
    interval_schema,
    known,
    ok_rows,
    total,
)
from monolayer.summarise.fields import count_field
from monolayer.summarise.intervals import no_interval
from monolayer.summarise.schema import count_schema
from monolayer.summarise.settings import SummariseSettings
from monolayer.summarise.shape_settings import ShapeSettings
from monolayer.summarise.shapes import (
    clark_evans,
    describe_shape,
    median_interval,
    orientation_order,
    quantile_names,
    ratio_interval,
    weighted_share,
)

__all__ = [
    "NEIGHBOUR_WEIGHT",
    "field_schema",
    "measures_of",
    "plate_schema",
    "summarise_field",
    "summarise_plate",
    "summarise_well",
    "well_schema",
]

Objects = Mapping[str, NDArray[Any]]
Row = Mapping[str, Any]
Seen = Literal["cell", "nucleus"]

NEIGHBOUR_WEIGHT = "nearest_neighbour_weight"

_SHAPES = ("area_px", "area_um2", "aspect_ratio", "form_factor", "solidity")
_NEIGHBOUR = ("nearest_neighbour_distance_px", "nearest_neighbour_distance_um")
_SHARES = ("spindle_index", "flattened_fraction")
_ORIENTATION: Columns = [
    ("orientation_order", "float64"),
    ("orientation_mean_rad", "float64"),
    ("orientation_n", "int64"),
    ("orientation_p", "float64"),
]
_ESTIMATES: dict[str, tuple[str, float]] = {
    "n_unbiased_per_field": ("n_unbiased", math.inf),
    "density_cells_per_cm2": ("density_cells_per_cm2", math.inf),
    "nuclei_area_fraction": ("nuclei_area_fraction", 1.0),
    "cell_area_fraction": ("cell_area_fraction", 1.0),
    "orientation_order_per_field": ("orientation_order", 1.0),
    "clark_evans_ratio": ("clark_evans_ratio", math.inf),
}
_TOTALS: Columns = [
    ("n_objects", "int64"),
    ("n_border_objects", "int64"),
    ("n_unbiased", "float64"),
    ("n_cells_unstained", "int64"),
    ("n_shaped", "float64"),
]


def measures_of(seen: Seen) -> dict[str, str]:
    """Columns of the objects table that are described, each with the column of its weights."""
    of_nucleus = {f"nucleus_{name}": "nucleus_weight" for name in _SHAPES}
    of_cell = {f"cell_{name}": "cell_weight" for name in _SHAPES}
    of_cell |= dict.fromkeys(("cytoplasm_area_um2", "nuclear_cell_area_ratio"), "cell_weight")
    neighbours = dict.fromkeys(_NEIGHBOUR, NEIGHBOUR_WEIGHT)
    return of_nucleus | (of_cell if seen == "cell" else {}) | neighbours


def summarise_field(
    objects: Objects,
    shape: tuple[int, int],
    pixel_size_um: float | None,
    settings: SummariseSettings,
    shapes: ShapeSettings,
    nuclei_area_fraction: float,
) -> dict[str, Cell]:
    """Return the figures of one field; their order is `field_schema`'s.

    Parameters
    ----------
    objects : mapping of str to ndarray, shape (n,)
        One row a cell: ``nucleus_...`` columns, and ``cell_...`` columns where a cell channel was
        given; ``orientation_rad`` and ``aspect_ratio`` after each prefix are needed.
    shape : (int, int)
        Height and width of the field in pixels.
    pixel_size_um : float or None
        Micrometres per pixel; None gives null for all that needs it, the shares included.
    settings : SummariseSettings
        Confidence and quantiles.
    shapes : ShapeSettings
        Limits of shape.
    nuclei_area_fraction : float
        Share of the field's pixels that lie in a nucleus.
    """
    seen: Seen = "cell" if "cell_weight" in objects else "nucleus"
    counted = {"weight": objects["nucleus_weight"]}
    counted["touches_border"] = objects["nucleus_touches_border"]
    distances = objects["nearest_neighbour_distance_px"]
    pattern = clark_evans(distances, shape[0] * shape[1], 2 * (shape[0] + shape[1]))
    return {
        "morphology_object": seen,
        **count_field(counted, shape, pixel_size_um, settings, nuclei_area_fraction),
        **_shares(objects, seen, shapes),
        **_orientation(objects, seen, shapes),
        "clark_evans_ratio": pattern.ratio,
        "clark_evans_z": pattern.z,
        **_distributions(objects, seen, settings),
    }


def field_schema(seen: Seen, settings: SummariseSettings) -> Columns:
    """Return name and type of every column of `summarise_field`, in order."""
    return [
        ("morphology_object", "string"),
        *count_schema(),
        ("n_cells_unstained", "int64"),
        ("n_shaped", "float64"),
        *((name, "float64") for name in _SHARES),
        *_ORIENTATION,
        ("clark_evans_ratio", "float64"),
        ("clark_evans_z", "float64"),
        *_distribution_schema(seen, settings),
    ]


def summarise_well(
    field_rows: Sequence[Row],
    objects: Objects,
    seen: Seen,
    settings: SummariseSettings,
    shapes: ShapeSettings,
) -> dict[str, Cell]:
    """Return one well's figures at one time; their order is `well_schema`'s.

    Parameters
    ----------
    field_rows : sequence of mapping
        Rows of the fields table, one for every planned field whatever became of it.
    objects : mapping of str to ndarray, shape (n,)
        Object columns of all the well's ok fields, in the fields' order.
    seen : {'cell', 'nucleus'}
        Whose morphology it is.
    settings : SummariseSettings
        Confidence and quantiles.
    shapes : ShapeSettings
        Limits of shape.

    Returns
    -------
    dict
        A well without an ok field, or without objects, has nulls and never zeros for what is said
        of objects.

    Raises
    ------
    ValueError
        The objects are not those of the ok fields.
    """
    ok = ok_rows(field_rows)
    owners = _owners(ok, objects)
    row: dict[str, Cell] = {"morphology_object": seen}
    row |= {name: total(ok, name) for name, _ in _TOTALS}
    for name, (source, high) in _ESTIMATES.items():
        row |= estimate_between(name, known(ok, source), "field", settings, high=high)
    for name in _SHARES:
        row |= _pooled_share(name, ok, settings)
    if ok:
        row |= _orientation(_whole(objects, seen), seen, shapes)
        row |= _distributions(_whole(objects, seen), seen, settings)
    for name in _areas(seen):
        weights = objects.get(measures_of(seen)[name], np.empty(0))
        values = objects.get(name, np.empty(0))
        interval = median_interval(values, weights, owners, settings.confidence)
        row |= interval_columns(f"{name}_q50", interval)
    return row


def well_schema(seen: Seen, settings: SummariseSettings) -> Columns:
    """Return name and type of every column of `summarise_well`, in order."""
    shares = [column for name in _SHARES for column in ((name, "float64"), *interval_schema(name))]
    return [
        ("morphology_object", "string"),
        *_TOTALS,
        *(column for name in _ESTIMATES for column in estimate_columns(name)),
        *shares,
        *_ORIENTATION,
        *_distribution_schema(seen, settings),
        *(column for name in _areas(seen) for column in interval_schema(f"{name}_q50")),
    ]


def summarise_plate(
    well_rows: Sequence[Row], seen: Seen, settings: SummariseSettings
) -> dict[str, Cell]:
    """Return one plate's figures: means of the wells' values, each well counting the same."""
    ok = [row for row in well_rows if row["n_fields_ok"]]
    row: dict[str, Cell] = {"morphology_object": seen}
    row |= {name: total(ok, name) for name, _ in _TOTALS}
    for name, high in _plate_estimates(seen).items():
        row |= estimate_between(name, known(ok, name), "well", settings, high=high)
    return row


def plate_schema(seen: Seen) -> Columns:
    """Return name and type of every column of `summarise_plate`, in order."""
    return [
        ("morphology_object", "string"),
        *_TOTALS,
        *(column for name in _plate_estimates(seen) for column in estimate_columns(name)),
    ]


def _plate_estimates(seen: Seen) -> dict[str, float]:
    """Wells' columns that a plate averages, with the highest value the truth can take."""
    highest = {name: high for name, (_, high) in _ESTIMATES.items()}
    medians = {f"{measure}_q50": math.inf for measure in measures_of(seen)}
    return highest | dict.fromkeys(_SHARES, 1.0) | {"orientation_order": 1.0} | medians


def _shares(objects: Objects, seen: Seen, shapes: ShapeSettings) -> dict[str, Cell]:
    """Spindles and flattened cells; nulls for bare nuclei, whose sizes the limits are not for."""
    if seen == "nucleus":
        return {"n_cells_unstained": None, "n_shaped": None, **dict.fromkeys(_SHARES)}
    area, ratio = objects["cell_area_um2"], objects["cell_aspect_ratio"]
    weights = np.where(np.isfinite(area) & np.isfinite(ratio), objects["cell_weight"], 0.0)
    spindle = (ratio > shapes.spindle_min_aspect_ratio) & (area < shapes.spindle_max_area_um2)
    flat = (area > shapes.flattened_min_area_um2) & (ratio < shapes.flattened_max_aspect_ratio)
    return {
        "n_cells_unstained": int(np.count_nonzero(~objects["cell_stained"])),
        "n_shaped": math.fsum(weights),
        "spindle_index": weighted_share(spindle, weights),
        "flattened_fraction": weighted_share(flat, weights),
    }


def _orientation(objects: Objects, seen: Seen, shapes: ShapeSettings) -> dict[str, Cell]:
    angles = np.asarray(objects[f"{seen}_orientation_rad"], np.float64)
    long = np.asarray(objects[f"{seen}_aspect_ratio"]) >= shapes.orientation_min_aspect_ratio
    weights = np.where(long & np.isfinite(angles), objects[f"{seen}_weight"], 0.0)
    found = orientation_order(angles, weights)
    return {
        "orientation_order": found.order,
        "orientation_mean_rad": found.direction,
        "orientation_n": found.n,
        "orientation_p": found.p,
    }


def _distributions(
    objects: Objects, seen: Seen, settings: SummariseSettings
) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for name, weight in measures_of(seen).items():
        values = objects.get(name, np.full(len(objects[weight]), np.nan))
        row |= describe_shape(name, np.asarray(values), objects[weight], settings.quantiles)
    return row


def _distribution_schema(seen: Seen, settings: SummariseSettings) -> Columns:
    suffixes = ("mean", "sd", "skew", *(name for _, name in quantile_names(settings.quantiles)))
    return [(f"{name}_{suffix}", "float64") for name in measures_of(seen) for suffix in suffixes]


def _areas(seen: Seen) -> tuple[str, ...]:
    """Areas whose median leads, and has an interval."""
    owners = dict.fromkeys((seen, "nucleus"))
    return tuple(f"{owner}_area_{unit}" for owner in owners for unit in ("px", "um2"))


def _owners(ok: Sequence[Row], objects: Objects) -> NDArray[np.int64]:
    """Number of each object's field: objects come in the order of the fields."""
    counts = [row["n_objects"] for row in ok]
    given = len(objects.get("nucleus_weight", ()))
    if sum(counts) != given:
        raise ValueError(f"the well's ok fields count {sum(counts)} objects but {given} were given")
    return np.repeat(np.arange(len(ok)), counts)


def _whole(objects: Objects, seen: Seen) -> Objects:
    """The columns needed, empty where a well's ok fields hold no object at all."""
    needed = set(measures_of(seen).values())
    needed |= {f"{seen}_{name}" for name in ("orientation_rad", "aspect_ratio", "weight")}
    return {name: np.empty(0) for name in needed} | dict(objects)


def _pooled_share(name: str, ok: Sequence[Row], settings: SummariseSettings) -> dict[str, Cell]:
    """Share of the well's cells, with the interval of a ratio of sums between fields."""
    rows = [row for row in ok if row[name] is not None and row["n_shaped"]]
    sizes = [row["n_shaped"] for row in rows]
    if not rows:
        return {name: None, **interval_columns(name, no_interval("unknown", settings.confidence))}
    chosen = [row[name] * size for row, size in zip(rows, sizes, strict=True)]
    interval = ratio_interval(chosen, sizes, settings.confidence)
    return {name: math.fsum(chosen) / math.fsum(sizes), **interval_columns(name, interval)}
