"""Rows of a run's tables, or of its finished parts while there are no tables yet."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as of_each
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monolayer.field import State, natural_key

if TYPE_CHECKING:
    import pyarrow as pa

    from monolayer.engine.open_part import OpenPart

__all__ = ["IDENTITY", "SAID", "FieldRow", "field_row", "finished_rows", "objects_of", "table_rows"]

Row = dict[str, Any]

IDENTITY = ("field_id", "plate", "well", "field", "time")
SAID = ("state", "reason", "detail", "image_sha256", "height_px", "width_px", "pixel_size_um")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A planned field and what became of it; attributes are columns of the fields table."""

    field_id: str
    plate: str
    well: str
    field: str
    time: str
    state: str
    reason: str | None = None
    detail: str | None = None
    image_sha256: str | None = None
    height_px: int | None = None
    width_px: int | None = None
    pixel_size_um: float | None = None
    figures: Mapping[str, float | None] = of_each(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether it has a result."""
        return self.state == State.OK

    @property
    def why(self) -> str:
        """What became of it in words: ``not evaluable: out_of_focus: ...``."""
        parts = (self.state.replace("_", " "), self.reason, self.detail)
        return ": ".join(part for part in parts if part)


def field_row(row: Mapping[str, Any], figures: Sequence[str]) -> FieldRow:
    """A field from a row of the fields table; `figures` are columns beside what all fields say."""
    named: dict[str, Any] = {name: row.get(name) or "" for name in IDENTITY}
    said: dict[str, Any] = {name: row.get(name) for name in SAID}
    return FieldRow(**named, **said, figures={name: row.get(name) for name in figures})


def table_rows(folder: Path, columns: Sequence[str]) -> list[Row]:
    """Rows of the fields table with those of the columns that it has."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / "fields.parquet") as file:
        names = [name for name in columns if name in file.schema_arrow.names]
        rows: list[Row] = file.read(columns=names).to_pylist()
    return rows


def finished_rows(folder: Path, columns: Sequence[str]) -> list[Row]:
    """Rows of every field that is finished so far, in natural order."""
    found = {row["field_id"]: row for _, rows in _parts(folder, columns) for row in rows}
    return [found[field_id] for field_id in sorted(found, key=natural_key)]


def objects_of(folder: Path, row: FieldRow, has_tables: bool) -> dict[str, NDArray[Any]]:
    """Columns of the objects of one field.

    Parameters
    ----------
    folder : Path
        The run's folder.
    row : FieldRow
        The field.
    has_tables : bool
        Whether the run's tables are there; else its finished parts are looked through.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Without the columns that only name the field; NaN where a number is not known.
    """
    table = _from_table(folder, row) if has_tables else _from_parts(folder, row.field_id)
    if table is None or "label" not in table.column_names:
        return {}
    own = [name for name in table.column_names if name not in IDENTITY]
    return {name: np.asarray(table[name].to_numpy(zero_copy_only=False)) for name in own}


def _from_table(folder: Path, row: FieldRow) -> "pa.Table | None":
    """Only the row groups that may hold the field are read: a plate's objects are many."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from monolayer.engine.files import objects_path

    path = folder / objects_path(row.plate)
    if not path.is_file():
        return None
    found = []
    with pq.ParquetFile(path) as file:
        at = file.schema_arrow.names.index("field_id")
        for group in range(file.num_row_groups):
            bounds = file.metadata.row_group(group).column(at).statistics
            if bounds and bounds.has_min_max and not bounds.min <= row.field_id <= bounds.max:
                continue
            names = file.read_row_group(group, columns=["field_id"])["field_id"]
            mine = pc.call_function("equal", [names, row.field_id])
            if pc.call_function("any", [mine]).as_py():
                found.append(file.read_row_group(group).filter(mine))
        return pa.concat_tables(found) if found else file.schema_arrow.empty_table()


def _from_parts(folder: Path, field_id: str) -> "pa.Table | None":
    for part, rows in _parts(folder, ["field_id"]):
        ids = [row["field_id"] for row in rows]
        if field_id in ids:
            with suppress(FileNotFoundError):  # taken away by a retry since it was listed
                # A scan's part holds one field, and does not say how many objects it has.
                return part.all_objects() if len(ids) == 1 else part.objects_of(ids.index(field_id))
    return None


def _parts(folder: Path, columns: Sequence[str]) -> Iterator[tuple["OpenPart", list[Row]]]:
    """Each finished part, and rows of its fields."""
    import pyarrow as pa

    from monolayer.engine.ledger import part_names
    from monolayer.engine.open_part import OpenPart

    for name in part_names(folder):
        part = OpenPart(folder, name, pa.schema([]))
        try:
            yield part, part.figures(columns)
        except FileNotFoundError:
            continue  # taken away by a retry since it was listed
