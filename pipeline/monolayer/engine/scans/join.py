"""The last piece of a scan: its rows of windows become one field's part.

Objects pass through row by row; of all of them only the columns that are summarised are held at
once. After this a scan is a field like any other.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from numpy.typing import NDArray
from pyarrow import ipc

from monolayer.assays import scan_assay_of
from monolayer.assays.windows import Arrays, Fixed, ScanWork
from monolayer.engine.files import labels_path, picture_path, write_file
from monolayer.engine.ledger import Done
from monolayer.engine.parts import Job, commit
from monolayer.engine.scans.labels import label_dtype, tile_side, write_tiles
from monolayer.engine.scans.looks import levels_of, pixels_sha256
from monolayer.engine.scans.pieces import Piece, Step, file_of
from monolayer.engine.work import FieldResult
from monolayer.field import State
from monolayer.inspect import inspect_scan
from monolayer.read.decode import full_scale

__all__ = ["join"]

_PICTURE = ("picture", "picture_labels")

Column = Callable[[str], NDArray[Any]]


def join(
    piece: Piece, job: Job, work: ScanWork, fixed: Fixed, settled: Sequence[Arrays]
) -> Callable[[Path], None]:
    """Make a scan's row; return what writes its label image and its part."""
    measured = [
        file_of(job.run_folder, Piece(piece.scan, Step.MEASURE, row))
        for row in range(piece.scan.n_rows)
    ]
    tallies = [_without_tiles(path) for path in measured]
    tables = [path.with_suffix(".parquet") for path in measured]
    assay = scan_assay_of(job.method)
    assert assay is not None
    row, together = _inspected(work, fixed, tallies), dict[str, NDArray[Any]]()
    if row["state"] == State.OK:
        found, together = assay.finish(work, fixed, tallies, partial(_column, tables))
        notes = [text for text in (row["notes"], found.pop("notes", None)) if text]
        row |= {**found, "notes": "; ".join(map(str, notes)) or None}
    n_labels = assay.n_labels(settled)

    def write(_: Path) -> None:
        field_id = piece.scan.chunk.fields[0].field_id
        if row["state"] == State.OK:
            _write_labels(job.run_folder / labels_path(field_id), measured, work, n_labels)
        pages = [np.vstack([tally[name] for tally in tallies]) for name in _PICTURE]
        _write_picture(job.run_folder / picture_path(field_id), pages)
        done = Done(field_id, row["state"], row["reason"], 0.0)
        commit(
            piece.scan.chunk,
            job,
            [FieldResult(row)],
            [done],
            partial(_write_objects, tables=tables, together=together)
            if row["state"] == State.OK and tables[0].is_file()
            else None,
        )

    return write


def _inspected(work: ScanWork, fixed: Fixed, tallies: Sequence[Arrays]) -> dict[str, Any]:
    """Columns of the fields table that every assay has."""
    scan, channel = work.scan, next(iter(work.roles.values()))
    levels = levels_of(tallies)
    brightest = np.array([np.flatnonzero(levels)[-1]], scan.channels[channel].dtype)
    inspection = inspect_scan(
        fixed["samples"],
        levels,
        full_scale(brightest, scan.bit_depths[channel]),
        scan.pixel_size.um,
        work.method.inspect,
    )
    return {
        "height_px": scan.shape[0],
        "width_px": scan.shape[1],
        "pixel_size_um": scan.pixel_size.um,
        "pixel_size_source": scan.pixel_size.source or None,
        "channel": channel,
        "image_sha256": fixed["image_sha256"],
        "pixels_sha256": pixels_sha256(scan, tallies),
        "notes": "; ".join((*scan.notes, _note(work, fixed))),
        "state": str(inspection.state),
        "reason": inspection.reason or None,
        "detail": inspection.detail or None,
        **inspection.figures,
        **inspection.gate,
    }


def _note(work: ScanWork, fixed: Fixed) -> str:
    side, margin = work.method.read.window_px, fixed["margin_px"]
    note = f"A scan: evaluated in windows of {side} px with a margin of {margin} px."
    if work.method.illumination.enabled:
        note += " Its illumination was not corrected."
    return note


def _without_tiles(path: Path) -> Arrays:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name != "tiles"}


def _tiles(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {"tiles": stored["tiles"], "tile_bytes": stored["tile_bytes"]}


def _column(tables: Sequence[Path], name: str) -> NDArray[Any]:
    """One column of all objects; null becomes NaN."""
    parts = []
    for path in tables:
        with pq.ParquetFile(path) as file:
            column = file.read(columns=[name])[name]
        parts.append(np.asarray(column.to_numpy(zero_copy_only=False)))
    return np.concatenate(parts)


def _write_objects(path: Path, tables: Sequence[Path], together: dict[str, Any]) -> None:
    """All objects, a batch a row of windows."""
    with pa.OSFile(str(path), "wb") as file, ExitStack() as opened:
        writer, start = None, 0
        for table in map(_table, tables):
            stop = start + table.num_rows
            parts = {name: values[start:stop] for name, values in together.items()}
            whole = _with_columns(table, parts)
            if writer is None:
                writer = opened.enter_context(ipc.new_file(file, whole.schema))
            writer.write_table(whole)
            start = stop


def _with_columns(table: pa.Table, columns: dict[str, NDArray[Any]]) -> pa.Table:
    """Put columns in the place of those of their names; null for NaN."""
    for name, values in columns.items():
        known = pa.array(values, mask=np.isnan(values))
        table = table.set_column(table.schema.get_field_index(name), name, known)
    return table


def _table(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def _write_labels(path: Path, measured: Sequence[Path], work: ScanWork, n_labels: int) -> None:
    loads = [partial(_tiles, measured_row) for measured_row in measured]
    side, size = tile_side(work.method.read.window_px), work.scan.pixel_size.um
    kind = label_dtype(n_labels)
    write_file(path, lambda beside: write_tiles(beside, loads, work.scan.shape, side, kind, size))


def _write_picture(path: Path, pages: Sequence[NDArray[Any]]) -> None:
    """The scan made small, and its labels as the second page."""

    def write(beside: Path) -> None:
        with tifffile.TiffWriter(beside) as tif:
            for page in pages:
                tif.write(page, compression="zlib", metadata=None)

    write_file(path, write)
