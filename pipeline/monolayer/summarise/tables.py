"""The wells and plates tables: thin loops over `summarise_well` and `summarise_plate`.

Rows come in natural order of plate, well and time. Objects are asked for one well at a time, so
that a run with more objects than memory can give them from its part files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.field import natural_key
from monolayer.summarise.distributions import measure_names
from monolayer.summarise.schema import Columns, channels_of, plate_schema, well_schema
from monolayer.summarise.settings import SummariseSettings
from monolayer.summarise.wells import summarise_plate, summarise_well

__all__ = ["ObjectsOf", "objects_by_well", "summarise_plates", "summarise_wells"]

Key = tuple[str | None, ...]

ObjectsOf = Callable[[Key], Mapping[str, NDArray[Any]]]
"""Gives the object columns of one well, asked for by (plate, well, time)."""

_WELL: tuple[str, ...] = ("plate", "well", "time")
_PLATE: tuple[str, ...] = ("plate", "time")


def summarise_wells(
    fields: pa.Table, objects: pa.Table | ObjectsOf, settings: SummariseSettings
) -> pa.Table:
    """Return one row a plate, well and time.

    Parameters
    ----------
    fields : pyarrow.Table
        The fields table: one row for every planned field, whatever became of it.
    objects : pyarrow.Table or callable
        The objects table, or what gives one well's columns by (plate, well, time).
    settings : SummariseSettings
        Confidence, wanted CV and quantiles.

    Returns
    -------
    pyarrow.Table
        Columns of `well_schema`.
    """
    objects_of = objects_by_well(objects) if isinstance(objects, pa.Table) else objects
    rows = [
        {**dict(zip(_WELL, key, strict=True)), **summarise_well(group, objects_of(key), settings)}
        for key, group in _grouped(fields, _WELL)
    ]
    return _table(rows, well_schema(channels_of(fields.column_names), settings))


def summarise_plates(wells: pa.Table, settings: SummariseSettings) -> pa.Table:
    """Return one row a plate and time from the wells table; columns of `plate_schema`."""
    rows = [
        {**dict(zip(_PLATE, key, strict=True)), **summarise_plate(group, settings)}
        for key, group in _grouped(wells, _PLATE)
    ]
    return _table(rows, plate_schema(channels_of(wells.column_names)))


def objects_by_well(objects: pa.Table) -> ObjectsOf:
    """Return what gives each well's rows of an objects table that fits into memory."""
    places = _places(objects)
    wanted = {"weight", *measure_names(_object_channels(objects.column_names))}
    columns = {
        name: objects.column(name).to_numpy() for name in objects.column_names if name in wanted
    }

    def objects_of(key: Key) -> Mapping[str, NDArray[Any]]:
        rows = np.asarray(places.get(key, ()), dtype=np.int64)
        return {name: values[rows] for name, values in columns.items()}

    return objects_of


def _places(objects: pa.Table) -> dict[Key, NDArray[np.int64]]:
    """Row numbers of each well, in the table's order."""
    if len(objects) == 0:
        return {}
    columns = [objects.column(name).cast("string").combine_chunks() for name in _WELL]
    encoded = [column.dictionary_encode(null_encoding="encode") for column in columns]
    codes = np.stack([column.indices.to_numpy() for column in encoded])
    found, group = np.unique(codes, axis=1, return_inverse=True)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(group))[:-1])
    words = [column.dictionary.to_pylist() for column in encoded]
    keys = [tuple(word[code] for word, code in zip(words, key, strict=True)) for key in found.T]
    return dict(zip(keys, parts, strict=True))


def _object_channels(names: Iterable[str]) -> list[str]:
    prefix = "intensity_mean_"
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _grouped(table: pa.Table, names: Sequence[str]) -> list[tuple[Key, list[dict[str, Any]]]]:
    """Rows by key, keys in natural order, rows of a key in the table's order."""
    groups: dict[Key, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return sorted(groups.items(), key=lambda item: [natural_key(part or "") for part in item[0]])


def _table(rows: list[dict[str, Any]], columns: Columns) -> pa.Table:
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
    return pa.Table.from_pylist(rows, schema=schema)
