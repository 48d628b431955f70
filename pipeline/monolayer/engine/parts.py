"""Parts: what workers write. One folder a chunk of fields, whole or absent.

parts/<name>/fields.arrow     the fields' rows
parts/<name>/objects.arrow    the objects' rows, a record batch a field
parts/<name>/ledger.json      which work it holds

Arrow's own format and not Parquet, which is for the run's tables: 100 columns of 25 rows take
Parquet 3 ms to write and 2.5 to read, and this 0.4 and 0.2. In both files the n-th batch or row is
the ledger's n-th field, so nothing is searched for.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from monolayer.engine.attempts import begin_attempt, died_before
from monolayer.engine.executors.contract import Crashed
from monolayer.engine.files import discard, finished_folder, labels_path
from monolayer.engine.illumination import load_flat_fields
from monolayer.engine.label_files import write_labels
from monolayer.engine.ledger import Chunk, Done, intact, part_names, write_ledger
from monolayer.engine.memory import keep_freed, leave_pandas_out
from monolayer.engine.selfcheck import count_discs
from monolayer.engine.time_limit import FieldTimedOut, ending_this_process, interrupting
from monolayer.engine.work import FieldResult, process_field
from monolayer.field import Field, State
from monolayer.method import Method
from monolayer.read.roots import Root

__all__ = [
    "Job",
    "OpenPart",
    "aligned",
    "attempt",
    "commit",
    "commit_unfinished",
    "drop_parts",
    "identity_columns",
    "in_time",
    "process_chunk",
]

_FIELDS, _OBJECTS = "fields.arrow", "objects.arrow"
SHORT_LIMIT_SECONDS = 60.0
WRITING_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Job:
    """What every chunk of a run shares; small enough to travel with each.

    Attributes
    ----------
    root, run_folder : Path
        The image folder and the run's.
    method : Method
        Settings of every stage.
    flat_folder : Path or None
        Where the flat fields are, if correction is switched on.
    session : str
        Of this call of ``run``; names the attempts' records.
    field_timeout_s : float or None
        Longest that a field may take; None for no limit.
    may_end_process : bool
        Whether chunks run in processes of their own, which a time limit may end.
    max_memory_mb : float
        Memory that a worker may take; bounds how much of a scan is read at once.
    """

    root: Root
    run_folder: Path
    method: Method
    flat_folder: Path | None = None
    session: str = "none"
    field_timeout_s: float | None = None
    may_end_process: bool = False
    max_memory_mb: float = 1000.0


def process_chunk(chunk: Chunk, job: Job) -> list[Done] | Crashed:
    """Process a chunk's fields and commit them as one part. Runs in a worker."""
    if job.may_end_process:
        leave_pandas_out()
        keep_freed()
    if died_before(job.run_folder, job.session, chunk.name):
        return Crashed(chunk)
    if job.field_timeout_s is not None and job.field_timeout_s < SHORT_LIMIT_SECONDS:
        _warm_up()
    results: list[FieldResult] = []
    done: list[Done] = []
    with attempt(chunk, job) as begin:
        for field, signature in zip(chunk.fields, chunk.signatures, strict=True):
            begin(signature)
            start = time.perf_counter()
            result = _process_one(field, job)
            seconds = time.perf_counter() - start
            state, reason = result.row["state"], result.row.get("reason")
            done.append(
                Done(
                    field.field_id,
                    state,
                    reason,
                    seconds,
                    result.row.get("detail"),
                    _megapixels(result),
                    result.seconds,
                )
            )
            results.append(result)
        begin(None)
        start = time.perf_counter()
        commit(chunk, job, results, done)
    each = (time.perf_counter() - start) / len(done)
    return [replace(item, stages={**item.stages, "write": each}) for item in done]


def _megapixels(result: FieldResult) -> float:
    return float(result.row.get("height_px", 0) * result.row.get("width_px", 0) / 1e6)


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """Load the kernels, once a process, before a time limit that they could use up runs."""
    count_discs()


@contextmanager
def attempt(chunk: Chunk, job: Job) -> Iterator[Callable[[str | None], None]]:
    """Record each field as it begins, and limit its time where this process may be ended.

    What this yields is told the signature of each field, and None when all are to be written:
    that has a limit of its own, since a busy disk is not the last field's fault.
    """
    limit = job.field_timeout_s if job.may_end_process else None
    with ExitStack() as open_until_committed:
        note, record = open_until_committed.enter_context(
            begin_attempt(job.run_folder, chunk, job.session)
        )
        allow: Callable[[float], None] = lambda seconds: None  # noqa: E731  where nothing ends it
        if limit is not None:
            allow = open_until_committed.enter_context(ending_this_process(record, limit))

        def begin(signature: str | None) -> None:
            if signature is None:
                allow(max(limit or 0.0, WRITING_SECONDS))
            else:
                note(signature)
                allow(limit or 0.0)

        yield begin


def _process_one(field: Field, job: Job) -> FieldResult:
    def work() -> FieldResult:
        flats = load_flat_fields(job.flat_folder, field.plate)
        return process_field(field, job.root, job.method, flats)

    return in_time(field, job, work)


def in_time(field: Field, job: Job, work: Callable[[], FieldResult]) -> FieldResult:
    """Do work on a field; where this process may not be ended, interrupt it past the limit."""
    limited = job.field_timeout_s is not None and not job.may_end_process
    try:
        with interrupting(job.field_timeout_s or 0.0) if limited else nullcontext():
            return work()
    except FieldTimedOut:
        return unfinished(field, "timed_out", job)


def unfinished(field: Field, reason: str, job: Job) -> FieldResult:
    """Make the row of a field that came to no end: ``timed_out`` or ``worker_died``.

    A field that took too long has failed by our order; ``crashed`` is for deaths nobody ordered.
    """
    if reason == "timed_out":
        state, what = (
            State.FAILED,
            (
                f"was not done after {job.field_timeout_s:g} s; look at the file and the disk "
                "it is on, then run again with --retry, or with a longer --field-timeout as well."
            ),
        )
    else:
        state, what = (
            State.CRASHED,
            (
                "the process that worked on it died each time (out of memory, or a defect in a "
                "compiled library); look at the file, then run again with --retry."
            ),
        )
    detail = f"{field.paths[0] if field.paths else field.field_id}: {what}"
    return FieldResult({"state": str(state), "reason": reason, "detail": detail})


def commit_unfinished(chunk: Chunk, reason: str, job: Job) -> list[Done]:
    """Commit fields that came to no end, each with its row."""
    results = [unfinished(field, reason, job) for field in chunk.fields]
    done = [
        Done(field.field_id, result.row["state"], reason, 0.0, result.row["detail"])
        for field, result in zip(chunk.fields, results, strict=True)
    ]
    commit(chunk, job, results, done)
    return done


def commit(
    chunk: Chunk,
    job: Job,
    results: list[FieldResult],
    done: list[Done],
    write_objects: Callable[[Path], None] | None = None,
) -> None:
    """Write a chunk's label images, then its part: the part's appearance is the commit.

    Objects that are more than memory should hold are left to ``write_objects``.
    """
    for field, result in zip(chunk.fields, results, strict=True):
        if result.labels is not None:
            write_labels(job.run_folder / labels_path(field.field_id), result)
    with finished_folder(job.run_folder / "parts" / chunk.name) as folder:
        _write_batches(folder / _FIELDS, _fields_table(chunk, results).to_batches())
        if write_objects is not None:
            write_objects(folder / _OBJECTS)
        else:
            _write_batches(folder / _OBJECTS, _objects_batches(chunk, results))
        write_ledger(folder, chunk, done)


class OpenPart:
    """A part that is read from: its fields' rows at once, objects when asked for.

    Parameters
    ----------
    run_folder : Path
        The run's folder.
    name : str
        The part's.
    schema : pyarrow.Schema
        Columns that its fields' rows are given.
    """

    def __init__(self, run_folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._schema = run_folder / "parts" / name, schema

    @cached_property
    def fields(self) -> pa.Table:
        """Rows of its fields."""
        with intact(self._folder), pa.OSFile(str(self._folder / _FIELDS)) as file:
            return aligned(ipc.open_file(file).read_all(), self._schema)

    def figures(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns of its fields' rows."""
        with intact(self._folder), pa.OSFile(str(self._folder / _FIELDS)) as file:
            table = ipc.open_file(file).read_all()
        names = [name for name in columns if name in table.column_names]
        rows: list[dict[str, Any]] = table.select(names).to_pylist()
        return rows

    @cached_property
    def objects(self) -> ipc.RecordBatchFileReader:
        """Its fields' objects: as many batches as fields, where there are several."""
        with intact(self._folder):
            return ipc.open_file(pa.OSFile(str(self._folder / _OBJECTS)))

    def objects_of(self, row: int) -> list[pa.RecordBatch]:
        """Objects of the field in a row: one batch, but of a scan any number."""
        alone = self.fields.num_rows == 1
        places = range(self.objects.num_record_batches) if alone else [row]
        with intact(self._folder):
            return [self.objects.get_batch(place) for place in places]


def drop_parts(run_folder: Path, signatures: set[str]) -> None:
    """Take failed fields out of their parts, so that a retry is not taken for a repeat."""
    for name in part_names(run_folder):
        folder = run_folder / "parts" / name
        with intact(folder):
            ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
        kept = [i for i, entry in enumerate(ledger) if entry["signature"] not in signatures]
        if len(kept) == len(ledger):
            continue
        if kept:
            with intact(folder):
                _copy_part(run_folder, name, [ledger[i] for i in kept], kept)
        discard(folder)


def _copy_part(run_folder: Path, name: str, ledger: list[dict[str, Any]], rows: list[int]) -> None:
    """Write the part again with only those rows, which the ledger is of."""
    with finished_folder(run_folder / "parts" / f"{name}-{len(rows)}") as smaller:
        with pa.OSFile(str(run_folder / "parts" / name / _FIELDS)) as file:
            table = ipc.open_file(file).read_all().take(rows).combine_chunks()
        _write_batches(smaller / _FIELDS, table.to_batches())
        with pa.OSFile(str(run_folder / "parts" / name / _OBJECTS)) as file:
            batches = ipc.open_file(file)
            _write_batches(smaller / _OBJECTS, [batches.get_batch(row) for row in rows])
        (smaller / "ledger.json").write_text(json.dumps(ledger, indent=1), encoding="utf-8")


def _write_batches(path: Path, batches: Sequence[pa.RecordBatch]) -> None:
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def identity_columns(field: Field) -> dict[str, Any]:
    """Columns that name a field in every table; null where the layout knows none."""
    return {
        "field_id": field.field_id,
        "plate": field.plate,
        "well": field.well or None,
        "field": field.field,
        "time": field.time or None,
    }


def _fields_table(chunk: Chunk, results: list[FieldResult]) -> pa.Table:
    rows = [
        identity_columns(field)
        | {"well_text": field.well_text or None, "paths": ";".join(field.paths)}
        | result.row
        for field, result in zip(chunk.fields, results, strict=True)
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def _objects_batches(chunk: Chunk, results: list[FieldResult]) -> list[pa.RecordBatch]:
    """Objects of each field, all with the columns that any has; no rows where it has none."""
    found = [
        objects_table(field, result.objects) if result.objects else None
        for field, result in zip(chunk.fields, results, strict=True)
    ]
    schemas = [table.schema for table in found if table is not None]
    schema = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
    nothing = pa.RecordBatch.from_arrays(
        [pa.nulls(0, kind) for kind in schema.types], schema=schema
    )
    return [
        aligned(table, schema).to_batches()[0] if table is not None and table.num_rows else nothing
        for table in found
    ]


def aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table exactly the columns of a schema; null where it has none."""
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    names = set(table.schema.names)
    columns = [
        table.column(name).cast(kind) if name in names else pa.nulls(table.num_rows, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def objects_table(field: Field, columns: dict[str, Any]) -> pa.Table:
    """Objects of one field; NaN becomes null, because a number nobody knows is not a number."""
    n = len(columns["label"])
    names = {
        name: pa.array([text] * n, pa.string()) for name, text in identity_columns(field).items()
    }
    return pa.table(names | {name: _known(values) for name, values in columns.items()})


def _known(values: Any) -> pa.Array:
    """A column with null for NaN."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pa.array(values, mask=np.isnan(values))
    return pa.array(values)
