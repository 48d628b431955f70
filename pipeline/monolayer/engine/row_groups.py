"""A Parquet table written as its rows come, in row groups of a fixed size, whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.engine.files import file_beside

__all__ = ["RowGroups"]


class RowGroups(ExitStack):
    """A table that grows on disk, and a row group at most in memory.

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

    def add(self, table: pa.Table) -> None:
        """Add rows, which have the table's columns."""
        self._held.append(table.replace_schema_metadata(self._schema.metadata))
        while sum(map(len, self._held)) >= self._rows:
            held = pa.concat_tables(self._held)
            self._writer.write_table(held.slice(0, self._rows).combine_chunks())
            self._held = [held.slice(self._rows).combine_chunks()]

    def __exit__(self, *failure: Any) -> bool:
        rest = pa.concat_tables(self._held)
        if failure[0] is None and rest.num_rows:
            self._writer.write_table(rest.combine_chunks())
        return bool(super().__exit__(*failure))
