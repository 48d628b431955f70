"""One piece of a scan, done in a worker: read what it needs, ask the assay, leave a file.

What goes wrong with the scan's files or in the assay is the scan's row; what goes wrong with the
run's own folder (a full disk) is the run's, and is raised.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monolayer.assays import assay_of, scan_assay_of
from monolayer.assays.windows import Arrays, Fixed, RowInput, ScanAssay, ScanWork
from monolayer.engine.files import write_file
from monolayer.engine.parts import Job, attempt, in_time, objects_table
from monolayer.engine.scans.join import join
from monolayer.engine.scans.labels import encode_tiles, label_dtype, tile_side
from monolayer.engine.scans.looks import Looks, parts_of, picture_step, small_labels
from monolayer.engine.scans.memory import readable_columns
from monolayer.engine.scans.pieces import Piece, PieceDone, Step, file_of
from monolayer.engine.work import FieldResult, guarded
from monolayer.errors import ImageError
from monolayer.inspect import quality_figures
from monolayer.measure.scan import reach_px
from monolayer.read.ngff import is_ngff
from monolayer.read.roots import Remote, folder_of
from monolayer.read.scans import Scan, open_scan
from monolayer.segment.tiles import sample_boxes

__all__ = ["do_piece"]

Write = Callable[[Path], None]


def do_piece(piece: Piece, job: Job) -> PieceDone:
    """Do one piece and leave its file. Runs in a worker."""
    start = time.perf_counter()
    path = file_of(job.run_folder, piece)
    if path.exists():  # an attempt that was given up as lost came to its end after all
        return PieceDone(piece, 0.0)
    made: list[Write] = []

    def work() -> FieldResult:
        made.append(_STEPS[piece.step](piece, job))
        return FieldResult({})

    chunk = piece.scan.chunk
    with attempt(chunk, job) as begin:
        begin(chunk.signatures[0])
        result = in_time(chunk.fields[0], job, partial(guarded, chunk.fields[0], work))
        problem = None
        if made:
            made[0](path)
        else:
            problem = (result.row["reason"], result.row["detail"])
    return PieceDone(piece, time.perf_counter() - start, problem)


def _fix(piece: Piece, job: Job) -> Write:
    """What holds for the whole scan: the assay's own, the samples' figures, the files' hash."""
    work, assay = _open(piece, job), _assay(job)
    scan, least = work.scan, job.method.inspect.min_side_px
    if min(scan.shape) < least:
        size = " x ".join(map(str, scan.shape))
        raise ImageError("too_small", f"The image is {size} px; both sides need {least} px.")
    first = next(iter(work.roles.values()))
    names = [first, *(name for name in scan.channels if name != first)]
    samples = {
        name: [
            quality_figures(scan.channels[name].window(*box)) for box in sample_boxes(scan.shape)
        ]
        for name in names
    }
    fixed = assay.fix(work) | {"samples": samples, "image_sha256": _files_sha256(piece, job)}
    text = json.dumps(fixed).encode()
    return lambda path: write_file(path, text)


def _find(piece: Piece, job: Job) -> Write:
    fixed = _fixed(piece, job)
    work = _open(piece, job, fixed)
    found = _assay(job).find(work, fixed, work.rows(fixed)[piece.row])
    return partial(_save, arrays=found)


def _settle(piece: Piece, job: Job) -> Write:
    fixed = _fixed(piece, job)
    with ExitStack() as opened:
        files = [
            file_of(job.run_folder, Piece(piece.scan, Step.FIND, row))
            for row in range(piece.scan.n_rows)
        ]
        found = [opened.enter_context(np.load(file)) for file in files]
        settled = _assay(job).settle(_open(piece, job, fixed), fixed, found)
    arrays = {f"{i}.{name}": a for i, row in enumerate(settled) for name, a in row.items()}
    return partial(_save, arrays=arrays)


def _measure(piece: Piece, job: Job) -> Write:
    fixed, assay, method = _fixed(piece, job), _assay(job), job.method
    work = _open(piece, job, fixed)
    tiles = work.rows(fixed)[piece.row]
    settled = _settled(piece, job)
    beside = [i for i in (piece.row - 1, piece.row, piece.row + 1) if 0 <= i < len(settled)]
    found = {i: _loaded(file_of(job.run_folder, Piece(piece.scan, Step.FIND, i))) for i in beside}
    row = RowInput(piece.row, tiles, found, {i: settled[i] for i in beside})
    step = picture_step(work.scan.shape, method.read.window_px)
    looks = Looks(next(iter(work.roles.values())), work.scan.shape[1], step)
    reach = reach_px(method.measure)
    parts = looks.watch(parts_of(work.scan, tiles, work.tile_px, reach))
    measured = assay.measure(work, fixed, row, parts)
    core = (tiles[0].core[0], tiles[0].core[2])
    side, dtype = tile_side(method.read.window_px), label_dtype(assay.n_labels(settled))
    regions = bool(assay_of(method).presentation(method).label_kinds)
    small = partial(small_labels, step=step, regions=regions)
    tiled = encode_tiles(measured.labels, core, side, dtype, small)
    arrays = measured.tallies | looks.tallies() | tiled
    columns, field = measured.columns, piece.scan.chunk.fields[0]
    table = objects_table(field, columns) if columns else None

    def write(path: Path) -> None:
        if table is not None:
            beside = path.with_suffix(".parquet")
            write_file(beside, lambda unfinished: pq.write_table(table, unfinished))
        _save(path, arrays)

    return write


def _join(piece: Piece, job: Job) -> Write:
    fixed = _fixed(piece, job)
    return join(piece, job, _open(piece, job, fixed), fixed, _settled(piece, job))


_STEPS: dict[Step, Callable[[Piece, Job], Write]] = {
    Step.FIX: _fix,
    Step.FIND: _find,
    Step.SETTLE: _settle,
    Step.MEASURE: _measure,
    Step.JOIN: _join,
}


def _assay(job: Job) -> ScanAssay:
    assay = scan_assay_of(job.method)
    assert assay is not None
    return assay


def _open(piece: Piece, job: Job, fixed: Fixed | None = None) -> ScanWork:
    field, method = piece.scan.chunk.fields[0], job.method
    roles = assay_of(method).roles(field.channels, method)
    scan = open_scan(field, job.root, method.read, next(iter(roles.values())))
    _check_unchanged(piece, scan)
    columns = 0
    if fixed is not None:
        window = (method.read.window_px, fixed["margin_px"])
        columns = readable_columns(scan, *window, job.max_memory_mb)
    return ScanWork(scan, roles, method, columns)


def _check_unchanged(piece: Piece, scan: Scan) -> None:
    if scan.shape != piece.scan.shape:
        field = piece.scan.chunk.fields[0]
        detail = f"{field.paths[0]} was replaced while it was evaluated: run again."
        raise ImageError("changed", detail)


def _fixed(piece: Piece, job: Job) -> Fixed:
    path = file_of(job.run_folder, Piece(piece.scan, Step.FIX))
    fixed: Fixed = json.loads(path.read_text(encoding="utf-8"))
    return fixed


def _settled(piece: Piece, job: Job) -> list[Arrays]:
    arrays = _loaded(file_of(job.run_folder, Piece(piece.scan, Step.SETTLE)))
    rows: list[dict[str, NDArray[Any]]] = [{} for _ in range(piece.scan.n_rows)]
    for key, values in arrays.items():
        row, name = key.split(".", 1)
        rows[int(row)][name] = values
    return list(rows)


def _loaded(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return dict(stored)


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_file(path, write)


def _files_sha256(piece: Piece, job: Job) -> str | None:
    """Hash of the files' bytes, as of any field; unknown of the many files of an OME-Zarr."""
    folder, field = folder_of(job.root), piece.scan.chunk.fields[0]
    if is_ngff(field) or isinstance(folder, Remote):
        return None
    digests: Sequence[str] = [_sha256(folder / path) for path in field.paths]
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
