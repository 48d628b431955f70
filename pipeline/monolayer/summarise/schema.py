"""Columns of the fields, wells and plates tables that this stage fills, with their types.

The engine builds the rows of fields that gave no figures from these lists, so that every table
of a run has the same columns whatever became of its fields. Types are Arrow's aliases.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from monolayer.field import State
from monolayer.summarise.distributions import measure_names
from monolayer.summarise.estimates import Columns, estimate_columns, interval_schema
from monolayer.summarise.settings import SummariseSettings

__all__ = [
    "PLATE_HEAD",
    "WELL_HEAD",
    "channels_of",
    "count_schema",
    "field_schema",
    "plate_schema",
    "schema_of",
    "well_schema",
]

_INTENSITY, _SD = "intensity_mean_", "_sd"

_COUNTS_OF_FIELDS: Columns = [
    (f"n_fields_{name}", "int64") for name in ("planned", *(state.value for state in State))
]
WELL_HEAD: Columns = [
    *((name, "string") for name in ("plate", "well", "time")),
    *_COUNTS_OF_FIELDS,
]
"""First columns of every assay's wells table: keys, and what became of the fields."""

PLATE_HEAD: Columns = [
    *((name, "string") for name in ("plate", "time")),
    ("n_wells", "int64"),
    ("n_wells_ok", "int64"),
    *_COUNTS_OF_FIELDS,
]
"""First columns of every assay's plates table."""

_COUNTS_OF_OBJECTS: Columns = [
    ("n_objects", "int64"),
    ("n_border_objects", "int64"),
    ("n_unbiased", "float64"),
]

ESTIMATES = ("n_unbiased_per_field", "density_cells_per_cm2", "nuclei_area_fraction")
"""What wells and plates estimate, under the bare name, with its spread and interval beside."""


def field_schema(channels: Sequence[str], settings: SummariseSettings | None = None) -> Columns:
    """Return name and type of every column of `summarise_field`, in order.

    Parameters
    ----------
    channels : sequence of str
        Channels whose intensities were measured.
    settings : SummariseSettings, optional
        Its quantiles name columns.
    """
    return [*count_schema(), *_distributions(channels, settings or SummariseSettings())]


def count_schema() -> Columns:
    """Return name and type of every column of `count_field`, in order."""
    return [
        *_COUNTS_OF_OBJECTS,
        *interval_schema("n_unbiased"),
        ("area_cm2", "float64"),
        ("density_cells_per_cm2", "float64"),
        *interval_schema("density_cells_per_cm2"),
        ("nuclei_area_fraction", "float64"),
    ]


def well_schema(channels: Sequence[str], settings: SummariseSettings | None = None) -> Columns:
    """Return name and type of every column of `summarise_well`, in order."""
    return [
        *_COUNTS_OF_OBJECTS,
        *(column for name in ESTIMATES for column in estimate_columns(name)),
        ("dispersion_index", "float64"),
        ("dispersion_p", "float64"),
        ("fields_needed_for_cv", "int64"),
        *_distributions(channels, settings or SummariseSettings()),
    ]


def plate_schema(channels: Sequence[str]) -> Columns:
    """Return name and type of every column of `summarise_plate`, in order."""
    means = (*ESTIMATES, *(f"{measure}_mean" for measure in measure_names(channels)))
    return [
        *_COUNTS_OF_OBJECTS,
        *(column for name in means for column in estimate_columns(name)),
    ]


def channels_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the channels whose ``intensity_mean_<channel>_sd`` is among the column names."""
    return tuple(
        name[len(_INTENSITY) : -len(_SD)]
        for name in names
        if name.startswith(_INTENSITY) and name.endswith(_SD)
    )


def _distributions(channels: Sequence[str], settings: SummariseSettings) -> Columns:
    suffixes = ("mean", "sd", *settings.quantile_names)
    measures = measure_names(channels)
    return [(f"{measure}_{suffix}", "float64") for measure in measures for suffix in suffixes]


def schema_of(columns: Columns) -> pa.Schema:
    """Arrow's schema of columns with their types' aliases."""
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
