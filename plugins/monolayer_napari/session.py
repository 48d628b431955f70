"""An opened run, without a screen: its fields, wells and states, and one field's pixels at a time.

1. The tables say what became of every field. A run without tables yet, still being written or
   stopped, is told by its finished parts instead.
2. Images, label images and objects are read when a field is asked for, and never before.
3. What cannot be read is a sentence in `Session.problems` or beside the field, and the rest opens.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import MonolayerError, RunFolderError
from monolayer.field import FieldImage, natural_key
from monolayer_napari.rows import (
    IDENTITY,
    SAID,
    FieldRow,
    field_row,
    finished_rows,
    objects_of,
    table_rows,
)

if TYPE_CHECKING:
    from monolayer.assays.contract import Assay
    from monolayer.method import Method

__all__ = ["Session", "folder_of"]


class Session:
    """An opened run.

    Parameters
    ----------
    path : str or Path
        The run's folder, or the ``run.json`` in it.
    images : str, optional
        Where its images lie now, if not where the run found them.

    Raises
    ------
    RunFolderError
        It is no run's folder, or a newer monolayer wrote it.
    """

    def __init__(self, path: str | Path, images: str | None = None) -> None:
        from monolayer.results import open_run

        self.images = images

        self.run = open_run(folder_of(path))
        self.folder = self.run.folder
        self.problems: list[str] = []
        self.has_tables = (self.folder / "fields.parquet").is_file()
        self.fields: Mapping[str, FieldRow] = {row.field_id: row for row in self._read_fields()}
        if not self.has_tables:
            n = len(self.fields)
            self.problems.append(
                f"{self.folder.name}: has no tables yet, so {n} finished fields are shown and no "
                "wells; open it again when 'monolayer run' has ended."
            )

    @cached_property
    def method(self) -> "Method":
        """The method of the run."""
        from monolayer.method import Method, load_method

        if "method" in self.run.record:
            return Method.model_validate(self.run.record["method"])
        return load_method(self.folder / "method.yaml")

    @cached_property
    def assay(self) -> "Assay":
        """The assay of the run."""
        from monolayer.assays import assay_of

        return assay_of(self.method)

    def __len__(self) -> int:
        return len(self.fields)

    def image(self, field_id: str) -> FieldImage:
        """Pixels of a field as the run read them; `Run.image` says what may go wrong."""
        return self._reader(field_id)

    def labels(self, field_id: str) -> NDArray[np.unsignedinteger[Any]]:
        """Automatic label image of a field."""
        return self.run.labels(field_id)

    def objects(self, field_id: str) -> dict[str, NDArray[Any]]:
        """Columns of a field's objects, all of one length; empty where it has none."""
        return objects_of(self.folder, self.fields[field_id], self.has_tables)

    @cached_property
    def wells(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the wells table; none where there is no table yet."""
        if not (self.folder / "wells.parquet").is_file():
            return []
        rows: list[dict[str, Any]] = self.run.wells.arrow().to_pylist()
        return rows

    @cached_property
    def plates(self) -> tuple[str, ...]:
        """Names of the plates, in natural order."""
        return tuple(sorted({row.plate for row in self.fields.values()}, key=natural_key))

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Acquisitions, in natural order; one empty name where the images know no time."""
        return tuple(sorted({row.time for row in self.fields.values()}, key=natural_key))

    def fields_of(self, plate: str, well: str, time: str = "") -> list[FieldRow]:
        """Fields of a well at a time, in the order of the tables."""
        return self._by_well.get((plate, well, time), [])

    @cached_property
    def _by_well(self) -> dict[tuple[str, str, str], list[FieldRow]]:
        found: dict[tuple[str, str, str], list[FieldRow]] = {}
        for row in self.fields.values():
            found.setdefault((row.plate, row.well, row.time), []).append(row)
        return found

    @cached_property
    def _reader(self) -> Callable[[str], FieldImage]:
        from monolayer.engine.reporting import field_reader
        from monolayer.read import root_of

        try:
            record = self.run.record | {"method": self.method.used()}
            moved_to = root_of(self.images) if self.images else None
            return field_reader(self.folder, record, moved_to)
        except (MonolayerError, OSError) as error:
            sentence = (
                f"{self.folder.name}: its images cannot be opened ({error}); 'monolayer review "
                "RUN --images FOLDER' says where they lie now."
            )

            def refuse(field_id: str) -> FieldImage:
                del field_id
                raise RunFolderError(sentence)

            return refuse

    def _read_fields(self) -> list[FieldRow]:
        if not self.has_tables and not (self.folder / "parts").is_dir():
            return []  # of an older version, or not begun
        lead = [each.in_fields for each in self.assay.presentation(self.method).leads]
        columns = (*IDENTITY, *SAID, *lead)
        rows = table_rows if self.has_tables else finished_rows
        return [field_row(row, lead) for row in rows(self.folder, columns)]


def folder_of(path: str | Path) -> Path:
    """Folder of a run that was given by its folder or its ``run.json``."""
    given = Path(path)
    return given.parent if given.name == "run.json" else given
