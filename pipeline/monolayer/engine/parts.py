"""Parts: what workers write. One folder a chunk of fields, whole or absent.

parts/<name>/fields.parquet    the fields' rows
parts/<name>/objects.parquet   the objects' rows of all its fields
parts/<name>/ledger.json       which work it holds
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tifffile

from monolayer.engine.files import discard, finished_folder, labels_path, write_file
from monolayer.engine.illumination import load_flat_fields
from monolayer.engine.ledger import Chunk, Done, part_names, write_ledger
from monolayer.engine.work import FieldResult, process_field
from monolayer.field import Field
from monolayer.method import Method

__all__ = ["Job", "commit", "drop_parts", "identity_columns", "process_chunk", "read_part"]


@dataclass(frozen=True, slots=True)
class Job:
    """What every chunk of a run shares; small enough to travel with each."""

    root: Path
    run_folder: Path
    method: Method
    flat_folder: Path | None = None
    max_memory_mb: float = 1000.0


def process_chunk(chunk: Chunk, job: Job) -> list[Done]:
    """Process a chunk's fields and commit them as one part. Runs in a worker."""
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
        pq.write_table(_fields_table(chunk, results), folder / "fields.parquet")
        if write_objects is not None:
            write_objects(folder / "objects.parquet")
        else:
            pq.write_table(_objects_table(chunk, results), folder / "objects.parquet")
        write_ledger(folder, chunk, done)


def write_labels(path: Path, result: FieldResult) -> None:
    """Write a label image as TIFF; uint16 where that holds it, as most viewers prefer."""
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


def read_part(run_folder: Path, name: str, kind: str) -> pa.Table:
    """Read a part's ``fields`` or ``objects``."""
    # pq.read_table would import the whole of pyarrow.dataset, and pandas with it, for this.
    with pq.ParquetFile(run_folder / "parts" / name / f"{kind}.parquet") as file:
        return file.read()


def drop_parts(run_folder: Path, signatures: set[str]) -> None:
    """Take failed fields out of their parts, so that a retry is not taken for a repeat."""
    for name in part_names(run_folder):
        folder = run_folder / "parts" / name
        ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
        kept = [entry for entry in ledger if entry["signature"] not in signatures]
        if len(kept) == len(ledger):
            continue
        if kept:
            _copy_part(run_folder, name, kept)
        discard(folder)


def _copy_part(run_folder: Path, name: str, ledger: list[dict[str, Any]]) -> None:
    """Write the part again with only the fields that the ledger names."""
    ids = [entry["field_id"] for entry in ledger]
    with finished_folder(run_folder / "parts" / f"{name}-{len(ids)}") as smaller:
        for kind in ("fields", "objects"):
            table = read_part(run_folder, name, kind)
            rows = table.filter(pc.field("field_id").isin(ids))
            pq.write_table(rows, smaller / f"{kind}.parquet")
        (smaller / "ledger.json").write_text(json.dumps(ledger, indent=1), encoding="utf-8")


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
