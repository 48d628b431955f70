"""The wells and plates tables of any assay: thin loops over what summarises one well or plate.

Rows come in natural order of plate, well and time. Objects are asked for one well at a time, so
that a run with more objects than memory can give them from its part files.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.field import natural_key
from monolayer.summarise.distributions import measure_names
from monolayer.summarise.estimates import Cell, Columns, count_states
from monolayer.summarise.schema import (
    PLATE_HEAD,
    WELL_HEAD,
    channels_of,
    plate_schema,
    schema_of,
    well_schema,
)
from monolayer.summarise.settings import SummariseSettings
from monolayer.summarise.wells import summarise_plate, summarise_well

__all__ = [
    "ObjectsOf",
    "objects_by_well",
    "plates_table",
    "summarise_plates",
    "summarise_wells",
    "wells_table",
]

Key = tuple[str | None, ...]

ObjectsOf = Callable[[Key], Mapping[str, NDArray[Any]]]
"""Gives the object columns of one well, asked for by (plate, well, time)."""

Row = Mapping[str, Any]
Summarise = Callable[[Sequence[Row], Mapping[str, NDArray[Any]]], Mapping[str, Cell]]

_FIELDS = tuple(name for name, _ in WELL_HEAD if name.startswith("n_fields_"))
_WELL: tuple[str, ...] = ("plate", "well", "time")
# Columns as lists are some megabytes; above that only a key's rows are taken at a time.
_ROWS_AT_ONCE = 4096
_PLATE: tuple[str, ...] = ("plate", "time")


def wells_table(
    fields: pa.Table, objects: pa.Table | ObjectsOf, summarise: Summarise, columns: Columns
) -> pa.Table:
    """Return one row a plate, well and time.

    Parameters
    ----------
    fields : pyarrow.Table
        The fields table: one row for every planned field, whatever became of it.
    objects : pyarrow.Table or callable
        The objects table, or what gives one well's columns by (plate, well, time).
    summarise : callable
        Gives a well's own columns from its rows of fields and its objects.
    columns : list of (str, str)
        Those columns with their types.

    Returns
    -------
    pyarrow.Table
        `WELL_HEAD`, then `columns`.
    """
    objects_of = objects_by_well(objects) if isinstance(objects, pa.Table) else objects
    rows = [
        {
            **dict(zip(_WELL, key, strict=True)),
            **count_states(group),
            **summarise(group, objects_of(key)),
        }
        for key, group in _grouped(fields, _WELL)
    ]
    return _table(rows, [*WELL_HEAD, *columns])


def plates_table(
    wells: pa.Table, summarise: Callable[[Sequence[Row]], Mapping[str, Cell]], columns: Columns
) -> pa.Table:
    """Return one row a plate and time from the wells table: `PLATE_HEAD`, then `columns`."""
    rows = [
        {**dict(zip(_PLATE, key, strict=True)), **_count_wells(group), **summarise(group)}
        for key, group in _grouped(wells, _PLATE)
    ]
    return _table(rows, [*PLATE_HEAD, *columns])


def summarise_wells(
    fields: pa.Table, objects: pa.Table | ObjectsOf, settings: SummariseSettings
) -> pa.Table:
    """Return the wells table of counted nuclei; see `wells_table`."""
    columns = well_schema(channels_of(fields.column_names), settings)
    return wells_table(fields, objects, lambda *of: summarise_well(of[0], of[1], settings), columns)


def summarise_plates(wells: pa.Table, settings: SummariseSettings) -> pa.Table:
    """Return the plates table of counted nuclei; see `plates_table`."""
    columns = plate_schema(channels_of(wells.column_names))
    return plates_table(wells, lambda rows: summarise_plate(rows, settings), columns)


def _count_wells(well_rows: Sequence[Row]) -> dict[str, int]:
    named = [row for row in well_rows if row["well"]]
    return {
        "n_wells": len(named),
        "n_wells_ok": sum(bool(row["n_fields_ok"]) for row in named),
        **{name: sum(row[name] for row in well_rows) for name in _FIELDS},
    }


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


class _Columns:
    """A table's columns as lists, each made when it is first asked for: most never are."""

    def __init__(self, table: pa.Table) -> None:
        self._table, self.names = table, tuple(table.column_names)
        self._lists: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._lists:
            self._lists[name] = self._table[name].to_pylist()
        return self._lists[name]

    def rows(self, places: Iterable[int]) -> list[Row]:
        return [_Row(self, place) for place in places]


class _Row(Mapping[str, Any]):
    """One row of columns."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: _Columns, place: int) -> None:
        self._columns, self._place = columns, place

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


def _grouped(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[Key, list[Row]]]:
    """Rows by key, keys in natural order, rows of a key in the table's order, a key at a time."""
    places: dict[Key, list[int]] = {}
    columns = _Columns(table)
    keys = zip(*(columns[name] for name in names), strict=True)
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    for key in sorted(places, key=lambda key: [natural_key(part or "") for part in key]):
        if len(table) <= _ROWS_AT_ONCE:
            yield key, columns.rows(places[key])
        else:
            taken = _Columns(table.take(pa.array(places[key])))
            yield key, taken.rows(range(len(places[key])))


def _table(rows: list[dict[str, Any]], columns: Columns) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema_of(columns))
