"""From parts to tables: rows in the plan's order, whoever did the work and when.

1. fields.parquet    one row a planned field, whatever became of it
2. objects/          one file a plate, written well by well: memory holds a well, not a plate
3. wells.parquet, plates.parquet

Nothing that a clock or a machine says goes in, so equal work gives equal files. What only the
fields together can tell (doubles, a blurred field among sharp ones) is marked here: see `marks`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.engine.files import labels_path, write_file
from monolayer.engine.ledger import ledger_of
from monolayer.engine.marks import mark_blurred, mark_doubles, mark_incomplete
from monolayer.engine.parts import identity_columns, read_part
from monolayer.engine.plan import Plan
from monolayer.engine.schema import fields_schema, objects_schema
from monolayer.field import State
from monolayer.inspect import PLATE_QUALITY, WELL_QUALITY, plate_quality, well_quality
from monolayer.summarise import plates_table, wells_table

__all__ = ["collect", "objects_path"]

Row = dict[str, Any]
ObjectsOf = Callable[[Sequence[Row]], pa.Table]
ObjectsOfWell = Callable[[tuple[str | None, ...]], dict[str, NDArray[Any]]]


def collect(plan: Plan, folder: Path, signatures: dict[str, str]) -> dict[str, int]:
    """Make the run's tables from its parts; return the number of fields in each state.

    Parameters
    ----------
    plan : Plan
        Fields and their order.
    folder : Path
        The run's folder.
    signatures : dict of str to str
        Signature of each field's work, by field id.
    """
    ledger = ledger_of(folder)
    parts = {f.field_id: ledger[signatures[f.field_id]].part for f in plan.fields}
    rows = _field_rows(plan, folder, parts)
    for row in rows:
        if row["state"] != State.OK:  # an image that changed for the worse left its labels
            (folder / labels_path(row["field_id"])).unlink(missing_ok=True)
    rows = mark_blurred(mark_doubles(rows), plan.method.inspect)
    rows = mark_incomplete(rows, dict(plan.listing.incomplete), plan.method.inspect)
    fields = pa.Table.from_pylist(rows, fields_schema(plan))
    objects_of = _object_source(folder, parts)
    _write_objects(folder, rows, objects_of, plan)
    for name, table in _tables(fields, _by_well(rows, objects_of), plan).items():
        _write(folder / f"{name}.parquet", table, plan)
    states = [row["state"] for row in rows]
    return {str(state): states.count(state) for state in State}


def _tables(fields: pa.Table, objects_of: ObjectsOfWell, plan: Plan) -> dict[str, pa.Table]:
    method, channels = plan.method, plan.channels
    assay, gate = assay_of(method), plan.method.inspect.gate
    wells = wells_table(
        fields,
        objects_of,
        lambda rows, objects: {
            **well_quality(rows, gate),
            **assay.summarise_well(rows, objects, method),
        },
        [*WELL_QUALITY, *assay.well_columns(channels, method)],
    )
    plates = plates_table(
        wells,
        lambda rows: {**plate_quality(rows), **assay.summarise_plate(rows, method)},
        [*PLATE_QUALITY, *assay.plate_columns(channels, method)],
    )
    return {"fields": fields, "wells": wells, "plates": plates}


def objects_path(plate: str) -> str:
    """Path of a plate's objects below the run's folder."""
    return f"objects/{quote(plate, safe=' ()+,=@')}.parquet"


def _field_rows(plan: Plan, folder: Path, parts: dict[str, str]) -> list[Row]:
    """Rows of the fields, found and missing, in the order of the tables."""

    @lru_cache(maxsize=8)
    def rows_of(part: str) -> dict[str, Row]:
        rows = read_part(folder, part, "fields").to_pylist()
        return {row["field_id"]: row for row in rows}

    lacks = dict(plan.listing.incomplete)
    found = [
        (field.sort_key, _noted(rows_of(parts[field.field_id])[field.field_id], lacks))
        for field in plan.fields
    ]
    absent = [
        (
            field.sort_key,
            identity_columns(field)
            | {"state": str(State.MISSING), "reason": "missing", "detail": field.problem[1]},
        )
        for field in plan.missing
        if field.problem
    ]
    return [row for _, row in sorted([*found, *absent], key=lambda item: item[0])]


def _noted(row: Row, lacks: dict[str, str]) -> Row:
    """Say in the row which of its neighbours' channels a field lacks."""
    notes = [text for text in (row.get("notes"), lacks.get(row["field_id"])) if text]
    return row | {"notes": "; ".join(notes) or None}


def _object_source(folder: Path, parts: dict[str, str]) -> ObjectsOf:
    """Give the objects of any fields' rows, from the parts that hold them."""
    schema = objects_schema(folder / "parts" / part for part in sorted(set(parts.values())))

    @lru_cache(maxsize=8)
    def objects_in(part: str) -> pa.Table:
        return read_part(folder, part, "objects")

    def objects_of(rows: Sequence[Row]) -> pa.Table:
        tables = [schema.empty_table()]
        for row in rows:
            if row["state"] == State.OK and row.get("n_objects"):
                table = objects_in(parts[row["field_id"]])
                tables.append(table.filter(pc.field("field_id") == row["field_id"]))
        joined = pa.concat_tables(tables, promote_options="permissive")
        return joined.select(schema.names).cast(schema).combine_chunks()

    return objects_of


def _write_objects(folder: Path, rows: list[Row], objects_of: ObjectsOf, plan: Plan) -> None:
    schema = objects_of([]).schema.with_metadata(_producer(plan))
    written = set()
    for plate, members in groupby(rows, key=lambda row: str(row["plate"])):
        wells = [list(well) for _, well in groupby(members, key=_well)]

        def write(beside: Path, wells: list[list[Row]] = wells) -> None:
            with pq.ParquetWriter(beside, schema) as writer:
                for well in wells:
                    if (table := objects_of(well)).num_rows:
                        writer.write_table(table.cast(schema))

        path = folder / objects_path(plate)
        write_file(path, write)
        written.add(path)
    for stale in set((folder / "objects").glob("*.parquet")) - written:
        stale.unlink()


def _by_well(rows: list[Row], objects_of: ObjectsOf) -> ObjectsOfWell:
    wells: dict[tuple[str | None, ...], list[Row]] = {}
    for row in rows:
        wells.setdefault(_well(row), []).append(row)

    def columns_of(key: tuple[str | None, ...]) -> dict[str, NDArray[Any]]:
        table = objects_of(wells[key])
        return {
            name: np.asarray(table[name].to_numpy(zero_copy_only=False))
            for name in table.column_names
            if not pa.types.is_string(table.schema.field(name).type)
        }

    return columns_of


def _well(row: Row) -> tuple[str | None, ...]:
    return row["plate"], row["well"], row["time"]


def _producer(plan: Plan) -> dict[str, str]:
    """Who made a table; no clock, so that equal tables are equal files."""
    return {
        "data-producer": "monolayer",
        "data-producer-version": version("monolayer"),
        "method": f"{plan.method.name} {plan.method.version}",
        "method_sha256": plan.method.sha256,
    }


def _write(path: Path, table: pa.Table, plan: Plan) -> None:
    described = table.replace_schema_metadata(_producer(plan))
    write_file(path, lambda beside: pq.write_table(described, beside))
