"""A table on disk, read when it is asked for, in the form that is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monolayer.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A table of a run, on disk until it is asked for.

    Attributes
    ----------
    paths : tuple of Path
        Parquet files, in the order of their rows.
    """

    paths: tuple[Path, ...]

    def arrow(self, columns: list[str] | None = None) -> "pa.Table":
        """Read as a pyarrow table; only some columns if they are named."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        tables = [pq.read_table(path, columns=columns) for path in self.paths]
        return pa.concat_tables(tables) if tables else pa.table({})

    def pandas(self, columns: list[str] | None = None) -> "pd.DataFrame":
        """Read as a pandas data frame.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise MissingExtraError.named("pandas", "notebook") from None
        frame: pd.DataFrame = self.arrow(columns).to_pandas()
        return frame

    def polars(self) -> "pl.LazyFrame":
        """Scan as a polars lazy frame: nothing is read before ``collect``.

        Raises
        ------
        MissingExtraError
            polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise MissingExtraError.named("polars", "notebook") from None
        return polars.scan_parquet(list(self.paths))

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, without reading the rows."""
        import pyarrow.parquet as pq

        return list(pq.read_schema(self.paths[0]).names) if self.paths else []

    def __len__(self) -> int:
        import pyarrow.parquet as pq

        return sum(int(pq.read_metadata(path).num_rows) for path in self.paths)

    def __repr__(self) -> str:
        return f"<Table: {len(self)} rows x {len(self.column_names)} columns>"
