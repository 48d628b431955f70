"""What is done: the cheap half of resume, in the standard library alone.

A field's work has a signature (its files as they stand, method, version); every finished part
lists the signatures it holds in its ``ledger.json``. Resume is a listing: a field is done when a
part holds its signature. A call that finds nothing to do never imports the heavy half.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as of_each
from pathlib import Path

from monolayer.field import Field
from monolayer.read.ngff import is_group, stamp
from monolayer.read.roots import Remote, Root, folder_of

__all__ = [
    "Chunk",
    "Done",
    "LedgerEntry",
    "chunks_of",
    "ledger_of",
    "part_names",
    "source_signature",
    "write_ledger",
]

_KEPT = ("field_id", "state", "reason", "seconds")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Fields that are processed and committed together.

    Attributes
    ----------
    name : str
        Name of the part it becomes: a hash, so that two attempts at the same work have one.
    fields, signatures : tuple
        The fields, and their files' signatures when the chunk was made.
    """

    name: str
    fields: tuple[Field, ...]
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker tells the driver of one field.

    Attributes
    ----------
    field_id, state, reason, detail : str or None
        What became of it.
    seconds : float
        How long it took until its part was written.
    megapixels : float
        Area of the field; 0 where it could not be read.
    stages : mapping of str to float
        Seconds of each stage: read, inspect, assay, write.
    """

    field_id: str
    state: str
    reason: str | None
    seconds: float
    detail: str | None = None
    megapixels: float = 0.0
    stages: Mapping[str, float] = of_each(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Where a field's results lie."""

    field_id: str
    part: str
    state: str


def source_signature(field: Field, root: Root, identity: str) -> str:
    """Name of a field's work: its files as they stand, and what makes its numbers.

    Sizes and times are the cheap test of resume; the images' SHA-256 in the fields table is
    the record of what was counted.

    Parameters
    ----------
    field : Field
        The field.
    root : Path or Remote
        The image folder, or the one image or table that was given in its place.
    identity : str
        Method, version and flat fields.
    """
    where = (identity, field.field_id, field.problem, tuple(field.channels.items()))
    digest = hashlib.sha256(repr(where).encode())
    folder = folder_of(root)
    for path in field.paths:
        digest.update(_stamp(folder, path).encode())
    return digest.hexdigest()


def _stamp(folder: Root, path: str) -> str:
    """What changes when a file does, or any file of an image in an OME-Zarr."""
    if is_group(path) or isinstance(folder, Remote):
        return stamp(folder, path)
    try:
        stat = (folder / path).stat()
    except OSError:
        return "absent"
    return f"{stat.st_size}.{stat.st_mtime_ns}"


def chunks_of(fields: Sequence[Field], signatures: dict[str, str], size: int) -> Iterable[Chunk]:
    """Cut the open fields into chunks of neighbours, in the plan's order."""
    for start in range(0, len(fields), size):
        members = tuple(fields[start : start + size])
        signed = tuple(signatures[field.field_id] for field in members)
        yield Chunk(_name(signed), members, signed)


def write_ledger(folder: Path, chunk: Chunk, done: Sequence[Done]) -> None:
    """Write which work a part holds."""
    entries = [
        {name: getattr(item, name) for name in _KEPT} | {"signature": signature}
        for item, signature in zip(done, chunk.signatures, strict=True)
    ]
    (folder / "ledger.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


def ledger_of(run_folder: Path) -> dict[str, LedgerEntry]:
    """Find what the parts hold, by signature."""
    known: dict[str, LedgerEntry] = {}
    for name in part_names(run_folder):
        text = (run_folder / "parts" / name / "ledger.json").read_text(encoding="utf-8")
        for item in json.loads(text):
            entry = LedgerEntry(item["field_id"], name, item["state"])
            known.setdefault(item["signature"], entry)
    return known


def part_names(run_folder: Path) -> list[str]:
    """Names of the finished parts, in a fixed order."""
    folder = run_folder / "parts"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _name(signatures: tuple[str, ...]) -> str:
    return hashlib.sha256("".join(signatures).encode()).hexdigest()[:20]
