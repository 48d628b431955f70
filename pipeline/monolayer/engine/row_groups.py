"""A Parquet table written as its rows come, in row groups of a fixed size, whole or not at all."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.engine.files import file_beside

__all__ = ["ROWS_A_GROUP", "RowGroups"]

ROWS_A_GROUP = 4096


class RowGroups(ExitStack):
    """A table that grows on disk, and a row group at most in memory.

    Parameters
    ----------
    path : Path
        The file, which appears when the context is left.
    described : mapping of str to str
        The table's metadata.
    """

    def __init__(self, path: Path, described: Mapping[str, str]) -> None:
        super().__init__()
        self._described = dict(described)
        self._held: list[pa.Table] = []
        self._beside = self.enter_context(file_beside(path))
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; the first table's columns are those of all."""
        if self._writer is None:
            schema = table.schema.with_metadata(self._described)
            self._writer = self.enter_context(pq.ParquetWriter(self._beside, schema))
            self.callback(self._write_rest)
        self._held.append(table.replace_schema_metadata(self._described))
        while sum(map(len, self._held)) >= ROWS_A_GROUP:
            held = pa.concat_tables(self._held)
            self._write(held.slice(0, ROWS_A_GROUP))
            self._held = [held.slice(ROWS_A_GROUP).combine_chunks()]

    def _write_rest(self) -> None:
        rest = pa.concat_tables(self._held)
        if rest.num_rows:
            self._write(rest)

    def _write(self, table: pa.Table) -> None:
        assert self._writer is not None
        self._writer.write_table(table.combine_chunks(), row_group_size=ROWS_A_GROUP)
