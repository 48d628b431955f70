"""Parts: what workers write. One folder a chunk of fields, whole or absent.

    parts/<name>/fields.parquet    the fields' rows
    parts/<name>/objects.parquet   the objects' rows of all its fields
    parts/<name>/ledger.parquet    what ran: source signature, key, seconds

A part's name is a hash of its fields, their files as they stood and the method, so two attempts
at the same work have the same name and the second is dropped. Resume is a listing: a field is
done when a part holds it with its files' present signature.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monolayer.engine.files import discard, finished_folder, labels_path, write_file
from monolayer.engine.work import FieldResult, process_field
from monolayer.field import Field
from monolayer.method import Method

__all__ = [
    "Chunk",
    "Done",
    "Job",
    "LedgerEntry",
    "chunks_of",
    "commit",
    "drop_parts",
    "identity_columns",
    "ledger_of",
    "process_chunk",
    "source_signature",
]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Fields that are processed and committed together.

    Attributes
    ----------
    name : str
        Name of the part it becomes.
    fields, signatures : tuple
        The fields, and their files' signatures when the chunk was made.
    """

    name: str
    fields: tuple[Field, ...]
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker tells the driver of one field."""

    field_id: str
    state: str
    reason: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """What every chunk of a run shares; small enough to travel with each."""

    root: Path
    run_folder: Path
    method: Method
    flat_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Where a field's results lie."""

    field_id: str
    part: str
    state: str


def source_signature(field: Field, root: Path, identity: str) -> str:
    """Name of a field's work: its files as they stand, and what makes its numbers.

    Sizes and times are the cheap test of resume; the images' SHA-256 in the fields table is
    the record of what was counted.

    Parameters
    ----------
    field : Field
        The field.
    root : Path
        The image folder.
    identity : str
        Method, version and flat fields.
    """
    where = (identity, field.field_id, field.problem, tuple(field.channels.items()))
    digest = hashlib.sha256(repr(where).encode())
    for path in field.paths:
        try:
            stat = (root / path).stat()
        except OSError:
            digest.update(b"absent")
        else:
            digest.update(f"{stat.st_size}.{stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def chunks_of(fields: Sequence[Field], signatures: dict[str, str], size: int) -> Iterable[Chunk]:
    """Cut the open fields into chunks of neighbours, in the plan's order."""
    for start in range(0, len(fields), size):
        members = tuple(fields[start : start + size])
        signed = tuple(signatures[field.field_id] for field in members)
        yield Chunk(_name(signed), members, signed)


def process_chunk(chunk: Chunk, job: Job) -> list[Done]:
    """Process a chunk's fields and commit them as one part. Runs in a worker."""
    from monolayer.engine.illumination import load_flat_fields

    results: list[FieldResult] = []
    done: list[Done] = []
    for field in chunk.fields:
        start = time.perf_counter()
        flats = load_flat_fields(job.flat_folder, field.plate)
        result = process_field(field, job.root, job.method, flats)
        seconds = time.perf_counter() - start
        state, reason = result.row["state"], result.row.get("reason")
        done.append(Done(field.field_id, state, reason, seconds))
        results.append(result)
    commit(chunk, job, results, done)
    return done


def commit(chunk: Chunk, job: Job, results: list[FieldResult], done: list[Done]) -> None:
    """Write a chunk's label images, then its part: the part's appearance is the commit."""
    for field, result in zip(chunk.fields, results, strict=True):
        if result.labels is not None:
            write_labels(job.run_folder / labels_path(field.field_id), result)
    with finished_folder(job.run_folder / "parts" / chunk.name) as folder:
        pq.write_table(_fields_table(chunk, results), folder / "fields.parquet")
        pq.write_table(_objects_table(chunk, results), folder / "objects.parquet")
        pq.write_table(_ledger_table(chunk, done), folder / "ledger.parquet")


def write_labels(path: Path, result: FieldResult) -> None:
    """Write a label image as TIFF; uint16 where that holds it, as most viewers prefer."""
    import tifffile

    assert result.labels is not None
    labels = result.labels
    fits = labels.size == 0 or int(labels.max()) <= np.iinfo(np.uint16).max
    pixels = labels.astype(np.uint16 if fits else np.uint32)
    size = result.row.get("pixel_size_um")
    scale: dict[str, Any] = {}
    if size:
        scale = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": "CENTIMETER"}

    def write(beside: Path) -> None:
        tifffile.imwrite(beside, pixels, compression="zlib", metadata=None, **scale)

    write_file(path, write)


def ledger_of(run_folder: Path) -> dict[str, LedgerEntry]:
    """Find what the parts hold, by signature."""
    known: dict[str, LedgerEntry] = {}
    for name in part_names(run_folder):
        table = pq.read_table(run_folder / "parts" / name / "ledger.parquet").to_pydict()
        entries = zip(table["signature"], table["field_id"], table["state"], strict=True)
        for signature, field_id, state in entries:
            known.setdefault(signature, LedgerEntry(field_id, name, state))
    return known


def part_names(run_folder: Path) -> list[str]:
    """Names of the finished parts, in a fixed order."""
    folder = run_folder / "parts"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def drop_parts(run_folder: Path, signatures: set[str]) -> None:
    """Take failed fields out of their parts, so that a retry is not taken for a repeat."""
    for name in part_names(run_folder):
        folder = run_folder / "parts" / name
        ledger = pq.read_table(folder / "ledger.parquet")
        kept = pa.array([item not in signatures for item in ledger["signature"].to_pylist()])
        if all(kept.to_pylist()):
            continue
        ids = ledger.filter(kept)["field_id"]
        with finished_folder(folder.with_name(f"{name}-{len(ids)}")) as smaller:
            for kind in ("fields", "objects", "ledger"):
                table = pq.read_table(folder / f"{kind}.parquet")
                rows = pc.is_in(table["field_id"], value_set=ids.combine_chunks())
                pq.write_table(table.filter(rows), smaller / f"{kind}.parquet")
        discard(folder)


def _name(signatures: tuple[str, ...]) -> str:
    return hashlib.sha256("".join(signatures).encode()).hexdigest()[:20]


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


def _objects_table(chunk: Chunk, results: list[FieldResult]) -> pa.Table:
    tables = [
        objects_table(field, result.objects)
        for field, result in zip(chunk.fields, results, strict=True)
        if result.objects
    ]
    if not tables:
        return pa.table({"field_id": pa.array([], pa.string())})
    return pa.concat_tables(tables, promote_options="permissive")


def objects_table(field: Field, columns: dict[str, Any]) -> pa.Table:
    """Objects of one field; NaN becomes null, because a number nobody knows is not a number."""
    n = len(columns["label"])
    names = {
        name: pa.array([text] * n, pa.string()) for name, text in identity_columns(field).items()
    }
    return pa.table(
        names | {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    )


def _ledger_table(chunk: Chunk, done: list[Done]) -> pa.Table:
    return pa.table(
        {
            "field_id": [item.field_id for item in done],
            "signature": list(chunk.signatures),
            "state": [item.state for item in done],
            "seconds": [item.seconds for item in done],
        }
    )
