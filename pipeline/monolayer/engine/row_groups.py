"""A Parquet table written as its rows come, in row groups of a fixed size, whole or not at all."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.engine.files import file_beside

__all__ = ["RowGroups"]


class RowGroups(ExitStack):
    """A table that grows on disk; in memory a row group, and one that is being written.

    Parameters
    ----------
    path : Path
        The file, which appears when the context is left.
    schema : pyarrow.Schema
        Columns and metadata of the table.
    rows : int
        Of a row group.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows: int = 4096) -> None:
        super().__init__()
        self._rows, self._schema = rows, schema
        self._held = [schema.empty_table()]
        beside = self.enter_context(file_beside(path))
        self._writer = self.enter_context(pq.ParquetWriter(beside, schema))
        # Encoding a row group holds no lock of Python's: who makes the next rows goes on meanwhile.
        self._thread = self.enter_context(ThreadPoolExecutor(1))
        self._written: Future[None] | None = None
        self.push(self._finish)

    def add(self, table: pa.Table) -> None:
        """Add rows, which have the table's columns."""
        self._held.append(table.replace_schema_metadata(self._schema.metadata))
        while sum(map(len, self._held)) >= self._rows:
            held = pa.concat_tables(self._held)
            self._write(held.slice(0, self._rows).combine_chunks())
            self._held = [held.slice(self._rows).combine_chunks()]

    def _write(self, group: pa.Table) -> None:
        self._wait()
        self._written = self._thread.submit(self._writer.write_table, group)

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()

    def _finish(self, failure: type[BaseException] | None, *_: object) -> None:
        """Write what is left, before the file is closed; nothing more after a failure."""
        if failure is not None:
            return
        rest = pa.concat_tables(self._held)
        if rest.num_rows:
            self._write(rest.combine_chunks())
        self._wait()
