"""The two tables of a part: written field after field, read for some neighbours at a time."""

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from monolayer.engine.ledger import intact

__all__ = ["FIELDS", "OBJECTS", "OpenPart", "aligned", "write_objects_of", "write_table"]

FIELDS, OBJECTS = "fields.arrow", "objects.arrow"
# A batch a field took 0.07 ms a field to read, were its objects three or none.
ROWS_A_BATCH = 4096
_COUNTS = b"rows"


class OpenPart:
    """A part that is read from: its fields' rows at once, objects when asked for.

    Parameters
    ----------
    run_folder : Path
        The run's folder.
    name : str
        The part's.
    schema : pyarrow.Schema
        Columns that its fields' rows are given.
    """

    def __init__(self, run_folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._schema = run_folder / "parts" / name, schema
        self._last: tuple[int, Any] = (-1, None)

    @cached_property
    def fields(self) -> pa.Table:
        """Rows of its fields."""
        with intact(self._folder), pa.OSFile(str(self._folder / FIELDS)) as file:
            return aligned(ipc.open_file(file).read_all(), self._schema)

    def figures(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns of its fields' rows."""
        with intact(self._folder), pa.OSFile(str(self._folder / FIELDS)) as file:
            schema = ipc.open_file(file).schema
            places = [schema.get_field_index(name) for name in columns]
            wanted = ipc.IpcReadOptions(included_fields=[at for at in places if at >= 0])
            rows: list[dict[str, Any]] = ipc.open_file(file, options=wanted).read_all().to_pylist()
        return rows

    @cached_property
    def objects(self) -> ipc.RecordBatchFileReader:
        """Its fields' objects, in batches of `ROWS_A_BATCH`; a scan's in batches of any size."""
        with intact(self._folder):
            return ipc.open_file(pa.OSFile(str(self._folder / OBJECTS)))

    def objects_of(self, first: int, n: int = 1) -> pa.Table:
        """Objects of some neighbours, the first of which is in this row."""
        with intact(self._folder):
            start, stop = self._starts[first], self._starts[first + n]
            at = range(start // ROWS_A_BATCH, -(-stop // ROWS_A_BATCH))
            batches = list(map(self._batch, at))
            table = pa.Table.from_batches(batches, self.objects.schema)
            return table.slice(start - at.start * ROWS_A_BATCH, stop - start)

    def all_objects(self) -> pa.Table:
        """Objects of all its fields, also of a scan, whose file does not say how many it has."""
        with intact(self._folder):
            return self.objects.read_all()

    @cached_property
    def _starts(self) -> list[int]:
        """First row of each field's objects, and the end of the last one's."""
        counts = json.loads(self.objects.schema.metadata[_COUNTS])
        return list(accumulate(counts, initial=0))

    def _batch(self, at: int) -> pa.RecordBatch:
        if self._last[0] != at:  # neighbours that are asked for one by one share it
            self._last = at, self.objects.get_batch(at)
        return self._last[1]


def write_objects_of(path: Path, tables: Sequence[pa.Table]) -> None:
    """Write objects, a table a field, all with the same columns."""
    together = pa.concat_tables(tables).combine_chunks()
    write_table(path, together.replace_schema_metadata({_COUNTS: json.dumps([*map(len, tables)])}))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table in Arrow's own format."""
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=ROWS_A_BATCH)


def aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table exactly the columns of a schema; null where it has none."""
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    names = set(table.schema.names)
    columns = [
        table.column(name).cast(kind) if name in names else pa.nulls(table.num_rows, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
