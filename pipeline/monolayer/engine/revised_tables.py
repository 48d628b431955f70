"""Wells and plates with corrected fields in them, by the assay's own summary; and differences.

Only wells and plates that hold a corrected field are made again: the others' rows are the
automatic ones as they are.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.engine.reviewing import RunReview, columns_of
from monolayer.inspect import plate_quality, well_quality
from monolayer.revise import Revised
from monolayer.summarise import plates_table, wells_table
from monolayer.summarise.schema import PLATE_HEAD, WELL_HEAD

__all__ = ["well_of", "with_revised_plates", "with_revised_wells", "with_rows"]

Row = dict[str, Any]
Key = tuple[str | None, ...]
Columns = dict[str, NDArray[Any]]

WELL, PLATE = ("plate", "well", "time"), ("plate", "time")


def well_of(row: Mapping[str, Any]) -> Key:
    """A row's plate, well and time."""
    return tuple(row[name] for name in WELL)


def with_rows(table: pa.Table, rows: Mapping[Key, Row], names: tuple[str, ...]) -> pa.Table:
    """Put rows in the place of those with the same key."""
    keys = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    changed = [place for place, key in enumerate(keys) if key in rows]
    if not changed:
        return table
    fresh = pa.Table.from_pylist([rows[keys[place]] for place in changed], table.schema)
    order = np.arange(len(table))
    order[changed] = len(table) + np.arange(len(changed))
    return pa.concat_tables([table, fresh]).take(pa.array(order)).combine_chunks()


def rows_of(table: pa.Table, keys: set[Key], names: tuple[str, ...]) -> dict[Key, Row]:
    """Rows of some keys."""
    rows = _of_keys(table, keys, names).to_pylist()
    return {tuple(row[name] for name in names): row for row in rows}


def with_revised_wells(
    run: RunReview, fields: pa.Table, revised: Mapping[str, Revised], wells: pa.Table
) -> tuple[pa.Table, dict[Key, Row]]:
    """Make again the wells that hold a corrected field.

    Parameters
    ----------
    run : RunReview
        The run.
    fields : pyarrow.Table
        Its fields table, corrected rows in their place.
    revised : mapping of str to Revised
        Corrected fields by their id.
    wells : pyarrow.Table
        The automatic wells table.

    Returns
    -------
    (pyarrow.Table, dict)
        The wells table, and the wells that were made again by plate, well and time.
    """
    keys = {well_of(each.row) for each in revised.values()}
    assay, method = assay_of(run.method), run.method
    table = wells_table(
        _of_keys(fields, keys, WELL),
        lambda key: _objects_of(run, fields, key, revised),
        lambda rows, objects: {
            **well_quality(rows, method.inspect.gate),
            **assay.summarise_well(rows, objects, method),
        },
        _own_columns(wells, WELL_HEAD),
    )
    rows = {well_of(row): row for row in table.to_pylist()}
    return with_rows(wells, rows, WELL), rows


def with_revised_plates(
    run: RunReview, wells: pa.Table, changed: set[Key], plates: pa.Table
) -> tuple[pa.Table, dict[Key, Row]]:
    """Make again the plates of changed wells, from the whole wells table."""
    keys: set[Key] = {(key[0], key[2]) for key in changed}
    assay, method = assay_of(run.method), run.method
    table = plates_table(
        _of_keys(wells, keys, PLATE),
        lambda rows: {**plate_quality(rows), **assay.summarise_plate(rows, method)},
        _own_columns(plates, PLATE_HEAD),
    )
    rows: dict[Key, Row] = {(row["plate"], row["time"]): row for row in table.to_pylist()}
    return with_rows(plates, rows, PLATE), rows


def _own_columns(table: pa.Table, head: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Columns that the assay and the quality gate filled, with their types."""
    taken = {name for name, _ in head}
    return [(field.name, str(field.type)) for field in table.schema if field.name not in taken]


def _of_keys(table: pa.Table, keys: set[Key], names: tuple[str, ...]) -> pa.Table:
    found = zip(*(table[name].to_pylist() for name in names), strict=True)
    return table.filter(pa.array([key in keys for key in found], pa.bool_()))


def _objects_of(
    run: RunReview, fields: pa.Table, key: Key, revised: Mapping[str, Revised]
) -> Columns:
    """A well's objects in the order of its fields, corrected ones in their place."""
    rows = _of_keys(fields, {key}, WELL)
    ids = rows["field_id"].to_pylist()
    plain = [name for name in ids if name not in revised]
    table = run.objects(str(key[0]), plain)
    of_field = table["field_id"].to_pylist()
    automatic = columns_of(table)
    parts: list[Mapping[str, NDArray[Any]]] = []
    for name in ids:
        if name in revised:
            parts.append(revised[name].objects)
        else:
            mine = np.flatnonzero([name == other for other in of_field])
            parts.append({column: values[mine] for column, values in automatic.items()})
    filled = [part for part in parts if part]
    return {
        field.name: np.concatenate([part[field.name] for part in filled])
        for field in table.schema
        if filled and not pa.types.is_string(field.type)
    }
