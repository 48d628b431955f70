"""The fields table as the report reads it: columns at once, rows one by one.

A row as a dict takes some kilobytes, so a run of 100,000 fields is never all rows: what must look
at every field (medians, extremes) takes a column, what shows a field takes its row.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monolayer.field import State

__all__ = ["FieldRows"]

_AT_ONCE = 1024


class FieldRows:
    """Rows of the fields table, and columns computed beside it.

    Parameters
    ----------
    table : pyarrow.Table
        The columns that a report reads.
    beside : mapping of str to ndarray of float64
        Further columns, one value a row, NaN where unknown.
    """

    def __init__(self, table: pa.Table, beside: Mapping[str, NDArray[np.float64]]) -> None:
        self._table, self._beside = table, dict(beside)
        self.names = [*table.column_names, *self._beside]
        states = table["state"].cast(pa.string())
        self._places = {
            state: np.flatnonzero(
                pc.call_function("equal", [states, str(state)]).to_numpy(zero_copy_only=False)
            )
            for state in State
        }

    def __len__(self) -> int:
        return len(self._table)

    def places(self, state: State) -> NDArray[np.int64]:
        """Rows of the fields in a state, in the table's order."""
        return self._places[state]

    def column(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where a field has none or the table has no such column."""
        if name in self._beside:
            return self._beside[name]
        if name not in self._table.column_names:
            return np.full(len(self), np.nan)
        values = self._table[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, np.float64)

    def at(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Rows at these places, one after the other."""
        # A slice of one row costs as much as one of a hundred: places near each other share one.
        for block, near in groupby(map(int, places), key=lambda place: place // _AT_ONCE):
            start = block * _AT_ONCE
            yield from self._rows(start, np.fromiter(near, np.int64) - start)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.at(range(len(self)))

    def _rows(self, start: int, within: NDArray[np.int64]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._table.slice(start, _AT_ONCE).take(within).to_pylist()
        for name, values in self._beside.items():
            for row, value in zip(rows, values[start + within].tolist(), strict=True):
                row[name] = None if np.isnan(value) else value
        return rows
