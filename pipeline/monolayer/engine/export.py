"""Tables of a run as files for other programs, a row group at a time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from monolayer.engine.files import write_file
from monolayer.table import Table

__all__ = ["export_table"]


def export_table(table: Table, path: Path, file_format: str) -> int:
    """Write a table as ``csv``, ``jsonl`` or ``arrow``; return the number of rows."""
    writers = {"csv": _write_csv, "jsonl": _write_jsonl, "arrow": _write_arrow}
    write_file(path, lambda beside: writers[file_format](table, beside))
    return len(table)


def _schema(table: Table) -> pa.Schema:
    return pq.read_schema(table.paths[0])


def _batches(table: Table) -> Iterator[pa.RecordBatch]:
    for path in table.paths:
        yield from pq.ParquetFile(path).iter_batches()


def _write_csv(table: Table, path: Path) -> None:
    with pyarrow.csv.CSVWriter(path, _schema(table)) as writer:
        for batch in _batches(table):
            writer.write_batch(batch)


def _write_arrow(table: Table, path: Path) -> None:
    with pa.ipc.new_file(path, _schema(table)) as writer:
        for batch in _batches(table):
            writer.write_batch(batch)


def _write_jsonl(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in _batches(table):
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
