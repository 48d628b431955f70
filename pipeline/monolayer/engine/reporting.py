"""The report of a run's folder: gives the pure report stage its tables and pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from monolayer.assays import assay_of
from monolayer.engine import runfolder
from monolayer.engine.collect import objects_path
from monolayer.engine.files import labels_path, picture_path, write_file
from monolayer.errors import ImageError, InputError, RunFolderError
from monolayer.field import FieldImage, State
from monolayer.method import Method
from monolayer.read import Root, find_fields, read_field, root_of
from monolayer.report import build_content, render_report
from monolayer.report.gallery import Overlay, Overlays
from monolayer.report.presentation import Presentation

__all__ = ["field_reader", "write_report"]

# More are specks that nobody could tell apart, and megabytes of them.
MOST_OUTLINES = 2_000
_SHOWN = ("field_id", "weight", "segmentation_score", "area_um2", "area_px", "intensity_mean_")


def write_report(folder: Path, root: Root | None = None) -> Path:
    """Draw the report of a run's folder from its tables; return its path.

    Parameters
    ----------
    folder : Path
        The run's folder.
    root : Path, optional
        Where the images lie now; where the run found them if left out. Pictures of images
        that are gone are left out, and the report says so.
    """
    record = runfolder.read_record(folder)
    tables = {
        name: pq.read_table(folder / f"{name}.parquet") for name in ("fields", "wells", "plates")
    }
    method = Method.model_validate(record["method"])
    show = assay_of(method).presentation(method)
    content = build_content(
        **tables,
        run=record,
        show=show,
        overlays=_overlays(folder, record, root, show),
        objects=lambda: _objects(folder, show),
    )
    path = folder / "report.html"
    write_file(path, render_report(content).encode())
    return path


def field_reader(
    folder: Path, record: dict[str, Any], root: Root | None = None
) -> Callable[[str], FieldImage]:
    """Give a function that reads a field's pixels again, by its id.

    Raises
    ------
    RunFolderError
        The images are not where they were, or have no such field.
    """
    method = Method.model_validate(record["method"])
    images = root or root_of(record["given"]["images"])
    try:
        listing = find_fields(images, method.read, record["given"]["layout"])
    except InputError as error:
        raise RunFolderError(f"{folder}: its images cannot be found: {error}") from None
    fields = {field.field_id: field for field in listing.fields}

    def read(field_id: str) -> FieldImage:
        if field_id not in fields:
            raise RunFolderError(f"{images}: has no field '{field_id}' any more.")
        return read_field(fields[field_id], images, method.read)

    return read


def _overlays(
    folder: Path, record: dict[str, Any], root: Root | None, show: Presentation
) -> Overlays:
    rows = list(_rows(folder, "field_id", "channel", "state"))
    channels = {field_id: channel for field_id, channel, _ in rows}
    counted = {field_id for field_id, _, state in rows if state == State.OK}
    try:
        reader = field_reader(folder, record, root)
    except RunFolderError:
        return lambda field_id: None

    def overlay(field_id: str) -> Overlay | None:
        if (folder / picture_path(field_id)).is_file():
            return _scan_overlay(folder / picture_path(field_id), field_id in counted, show)
        try:
            image = reader(field_id)
        except (ImageError, RunFolderError):
            return None
        first = next(iter(image.channels))
        shown = show.shown_channel or channels[field_id]
        pixels = image.channels.get(shown, image.channels[first])
        path = folder / labels_path(field_id)
        # Outlines of a field that was refused would look as if they had been counted.
        seen = field_id in counted and path.is_file()
        labels = tifffile.imread(path) if seen else np.zeros(pixels.shape, np.uint16)
        if labels.shape != pixels.shape:
            return None
        kinds = _kinds(folder, field_id, show.kind_column) if show.kind_column and seen else None
        return pixels, labels, kinds

    return overlay


def _scan_overlay(path: Path, counted: bool, show: Presentation) -> Overlay:
    """Picture of a scan as its run left it: the scan itself is not read again."""
    with tifffile.TiffFile(path) as tif:
        pixels, labels = (page.asarray() for page in tif.pages)
    if not show.label_kinds and counted:
        labels, n = ndimage.label(labels)
        counted = n <= MOST_OUTLINES
    return pixels, labels if counted else np.zeros(pixels.shape, np.uint8), None


def _kinds(folder: Path, field_id: str, column: str) -> dict[int, str]:
    """Kind of each object of a field."""
    plate = field_id.split("/")[0]
    table = pq.read_table(
        folder / objects_path(plate),
        columns=["label", column],
        filters=[("field_id", "==", field_id)],
    )
    return dict(zip(table["label"].to_pylist(), table[column].to_pylist(), strict=True))


def _objects(folder: Path, show: Presentation) -> Iterator[dict[str, NDArray[Any]]]:
    """Columns of the objects that a report shows, a well at a time."""
    shown = (*_SHOWN, *(lead.column for lead in show.distributions))
    for path in sorted((folder / "objects").glob("*.parquet")):
        file = pq.ParquetFile(path)
        wanted = [name for name in file.schema_arrow.names if name.startswith(shown)]
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=wanted)
            yield {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def _rows(folder: Path, *names: str) -> Iterator[tuple[Any, ...]]:
    table = pq.read_table(folder / "fields.parquet", columns=list(names))
    return zip(*(table[name].to_pylist() for name in names), strict=True)
