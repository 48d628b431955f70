"""The report of a run's folder: gives the pure report stage its tables and pictures."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from monolayer.assays import assay_of
from monolayer.engine import runfolder
from monolayer.engine.files import labels_path, objects_path, picture_path, write_file
from monolayer.engine.memory import give_back
from monolayer.errors import ImageError, InputError, RunFolderError
from monolayer.field import Field, FieldImage, State
from monolayer.method import Method
from monolayer.packed import Places
from monolayer.read import Root, find_fields, read_field, root_of
from monolayer.report import build_content, render_report
from monolayer.report.content import ReportContent
from monolayer.report.gallery import BACKGROUND, FOCUS, SATURATION, Overlay, Overlays
from monolayer.report.presentation import Presentation

__all__ = ["field_reader", "fields_of", "overlays_of", "write_report"]

# More are specks that nobody could tell apart, and megabytes of them.
MOST_OUTLINES = 2_000
_ENDS = ("", "_ci_low", "_ci_high", "_ci_method")
_FEW_WORDS = ["plate", "well", "time", "state", "reason", "channel", "notes"]
_OF_FIELDS = (
    *_FEW_WORDS, "field_id", "detail", "paths", "pixel_size_um", "n_objects",
    *FOCUS, *BACKGROUND, *SATURATION,
)  # fmt: skip
_OF_WELLS = (
    "plate", "well", "time", "n_fields_planned", "n_fields_ok", "dispersion_index", "dispersion_p",
    "quality_state", "quality_reason",
)  # fmt: skip
_SHOWN = ("field_id", "weight", "segmentation_score", "area_um2", "area_px", "intensity_mean_")


def write_report(
    folder: Path, root: Root | None = None, fields: Sequence[Field] | None = None
) -> Path:
    """Draw the report of a run's folder from its tables; return its path.

    Parameters
    ----------
    folder : Path
        The run's folder.
    root : Path, optional
        Where the images lie now; where the run found them if left out. Pictures of images
        that are gone are left out, and the report says so.
    fields : sequence of Field, optional
        The fields of `root`, where the caller has found them.
    """
    content = _content(folder, root, fields)
    give_back()  # the fields table, which drawing the page does not need
    path = folder / "report.html"
    write_file(path, render_report(content).encode())
    return path


def _content(folder: Path, root: Root | None, fields: Sequence[Field] | None) -> ReportContent:
    record = runfolder.read_record(folder)
    method = Method.model_validate(record["method"])
    show = assay_of(method).presentation(method)
    # Before the table: what finding places takes for a moment would come on top of it.
    read = _reader(folder, record, root, fields)
    table = fields_of(folder, show)
    give_back()  # what reading it took
    return build_content(
        fields=table,
        wells=_some_columns(folder / "wells.parquet", _columns_of_wells(show)),
        plates=_some_columns(folder / "plates.parquet"),
        run=record,
        show=show,
        overlays=_overlays(folder, read, show, table),
        objects=lambda: _objects(folder, show),
    )


def field_reader(
    folder: Path,
    record: dict[str, Any],
    root: Root | None = None,
    fields: Sequence[Field] | None = None,
) -> Callable[[str], FieldImage]:
    """Give a function that reads a field's pixels again, by its id.

    Raises
    ------
    RunFolderError
        The images are not where they were, or have no such field.
    """
    method = Method.model_validate(record["method"])
    images = root or root_of(record["given"]["images"])
    if fields is None:
        try:
            fields = find_fields(images, method.read, record["given"]["layout"]).fields
        except InputError as error:
            raise RunFolderError(f"{folder}: its images cannot be found: {error}") from None
    places = Places(field.field_id for field in fields)

    def read(field_id: str) -> FieldImage:
        place = places.of(field_id)
        if place is None:
            raise RunFolderError(
                f"{images}: has no images of field '{field_id}' any more; bring them "
                "back, or say where they lie now (--images FOLDER)."
            )
        return read_field(fields[place], images, method.read)

    return read


def fields_of(folder: Path, show: Presentation) -> pa.Table:
    """What a report reads of the fields table; files only of fields without a result."""
    leads = [lead.in_fields for lead in (*show.leads, *show.beside)]
    wanted = (*_OF_FIELDS, *(f"{name}{end}" for name in leads for end in _ENDS))
    with pq.ParquetFile(folder / "fields.parquet", read_dictionary=_FEW_WORDS) as file:
        names = [name for name in file.schema_arrow.names if name in wanted]
        groups = []
        for group in range(file.num_row_groups):
            # Each of Arrow's threads would keep memory of its own for what is next.
            table = file.read_row_group(group, columns=names, use_threads=False)
            told = pc.call_function("not_equal", [table["state"].cast("string"), str(State.OK)])
            paths = pc.call_function(
                "if_else", [told, table["paths"], pa.scalar(None, pa.string())]
            )
            groups.append(table.set_column(names.index("paths"), "paths", paths))
    return pa.concat_tables(groups).unify_dictionaries()


def _some_columns(path: Path, wanted: Collection[str] = ()) -> pa.Table:
    """Those of a table's columns that are wanted; all where nothing is said."""
    # pq.read_table would import the whole of pyarrow.dataset for this.
    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if name in wanted or not wanted]
        return file.read(columns=names)


def _columns_of_wells(show: Presentation) -> set[str]:
    leads = [lead.column for lead in (*show.leads, *show.beside)]
    numbers = {f"{name}{end}" for name in leads for end in _ENDS}
    return {*_OF_WELLS, *numbers, *(show.remark_columns or ())}


def overlays_of(
    folder: Path, record: dict[str, Any], show: Presentation, table: pa.Table
) -> Overlays:
    """Give a function that draws a field by its id: pixels, labels, kinds; None if gone."""
    return _overlays(folder, _reader(folder, record), show, table)


def _reader(
    folder: Path,
    record: dict[str, Any],
    root: Root | None = None,
    fields: Sequence[Field] | None = None,
) -> Callable[[str], FieldImage] | None:
    """`field_reader`, or None where the images are gone."""
    try:
        return field_reader(folder, record, root, fields)
    except RunFolderError:
        return None


def _overlays(
    folder: Path,
    reader: Callable[[str], FieldImage] | None,
    show: Presentation,
    table: pa.Table,
) -> Overlays:
    if reader is None:
        return lambda field_id: None

    def overlay(field_id: str) -> Overlay | None:
        # A look along the ids for each of some thirty pictures spares an index of all fields.
        asked = pc.IndexOptions(pa.scalar(field_id))
        place = pc.call_function("index", [table["field_id"]], asked).as_py()
        (row,) = table.slice(max(place, 0), 1).to_pylist()
        picture = folder / picture_path(field_id)
        if picture.is_file():
            return _scan_overlay(picture, row["state"] == State.OK, show)
        try:
            image = reader(field_id)
        except (ImageError, RunFolderError):
            return None
        first = next(iter(image.channels))
        shown = show.shown_channel or row["channel"]
        pixels = image.channels.get(shown, image.channels[first])
        path = folder / labels_path(field_id)
        # Outlines of a field that was refused would look as if they had been counted.
        seen = row["state"] == State.OK and path.is_file()
        labels = tifffile.imread(path) if seen else np.zeros(pixels.shape, np.uint16)
        if labels.shape != pixels.shape:
            return None
        kinds = _kinds(folder, row, show.kind_column) if show.kind_column and seen else None
        return pixels, labels, kinds

    return overlay


def _scan_overlay(path: Path, counted: bool, show: Presentation) -> Overlay:
    """Picture of a scan as its run left it: the scan itself is not read again."""
    with tifffile.TiffFile(path) as tif:
        pixels, labels = (page.asarray() for page in tif.pages)
    if not show.label_kinds and counted:
        found: Any = ndimage.label(labels)
        labels, counted = found[0], found[1] <= MOST_OUTLINES
    return pixels, labels if counted else np.zeros(pixels.shape, np.uint8), None


def _kinds(folder: Path, row: dict[str, Any], column: str) -> dict[int, str]:
    """Kind of each object of a field."""
    found: dict[int, str] = {}
    field_id = row["field_id"]
    with pq.ParquetFile(folder / objects_path(row["plate"])) as file:
        at = file.schema_arrow.names.index("field_id")
        for group in range(file.num_row_groups):
            bounds = file.metadata.row_group(group).column(at).statistics
            if bounds and bounds.has_min_max and not bounds.min <= field_id <= bounds.max:
                continue
            table = file.read_row_group(group, columns=["field_id", "label", column])
            mine = table.filter(pc.call_function("equal", [table["field_id"], field_id]))
            found |= zip(mine["label"].to_pylist(), mine[column].to_pylist(), strict=True)
    return found


def _objects(folder: Path, show: Presentation) -> Iterator[dict[str, NDArray[Any]]]:
    """Columns of the objects that a report shows, a row group at a time."""
    shown = (*_SHOWN, *(lead.column for lead in show.distributions))
    for path in sorted((folder / "objects").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name.startswith(shown)]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=wanted)
                yield {
                    name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names
                }
