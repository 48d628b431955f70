"""A finished run, as its user meets it: tables, images and labels, read when asked for.

run = monolayer.open_run("RUN")
run.wells.pandas()
run.labels("P1/B03/1")
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import RunFolderError
from monolayer.table import Table

if TYPE_CHECKING:
    from monolayer.field import FieldImage

__all__ = ["Run", "open_run"]


class Run:
    """A run's folder.

    Parameters
    ----------
    folder : Path
        The folder that ``monolayer run`` made.

    Raises
    ------
    RunFolderError
        It is no run's folder, or a newer monolayer wrote it.
    """

    def __init__(self, folder: Path) -> None:
        from monolayer.engine.runfolder import read_record

        self.folder = folder
        self.record: dict[str, Any] = read_record(folder)

    @property
    def fields(self) -> Table:
        """One row a planned field, whatever became of it."""
        return self._table("fields")

    @property
    def wells(self) -> Table:
        """One row a well and time, with intervals."""
        return self._table("wells")

    @property
    def plates(self) -> Table:
        """One row a plate and time, with intervals."""
        return self._table("plates")

    @cached_property
    def objects(self) -> Table:
        """One row an object of every evaluated field."""
        from monolayer.engine.files import objects_path

        plates = self.fields.arrow(["plate"])["plate"].unique().to_pylist()
        return Table(tuple(self.folder / objects_path(plate) for plate in plates))

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    def labels(self, field_id: str) -> NDArray[np.unsignedinteger[Any]]:
        """Label image of an evaluated field, shape (height, width), 0 for background.

        Raises
        ------
        RunFolderError
            The run has no label image of that field.
        """
        import tifffile

        from monolayer.engine.files import labels_path

        path = self.folder / labels_path(field_id)
        if not path.is_file():
            raise RunFolderError(
                f"{self.folder}: has no label image of field '{field_id}'; run.fields lists the "
                "fields, and only those that are ok have labels."
            )
        pixels: NDArray[np.unsignedinteger[Any]] = tifffile.imread(path)
        return pixels

    def image(self, field_id: str) -> "FieldImage":
        """A field's pixels as the run read them.

        Raises
        ------
        RunFolderError
            The run has no such field, or its images are not where they were.
        ImageError
            The files cannot be read any more.
        """
        from monolayer.engine.reporting import field_reader

        return field_reader(self.folder, self.record)(field_id)

    def __repr__(self) -> str:
        counts = self.record.get("counts", {})
        return f"<Run {self.folder}: {counts.get('ok', 0)} of {sum(counts.values())} fields ok>"

    def _table(self, name: str) -> Table:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise RunFolderError(
                f"{self.folder}: has no {name} table yet; run 'monolayer run' again to finish it."
            )
        return Table((path,))


def open_run(path: str | Path) -> Run:
    """Open a run's folder; tables and images are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        The folder that ``monolayer run`` or `monolayer.run` made.
    """
    return Run(Path(path).expanduser().resolve())
