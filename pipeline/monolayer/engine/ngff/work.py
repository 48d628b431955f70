"""What a worker converts, and the ledger of what is converted."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from monolayer.engine.ledger import Chunk
from monolayer.engine.ngff.field import write_field
from monolayer.engine.ngff.groups import replaced_folder
from monolayer.engine.ngff.image import Storage
from monolayer.engine.time_limit import FieldTimedOut, ending_this_process, interrupting
from monolayer.errors import ImageError
from monolayer.field import Field
from monolayer.read import ReadSettings, Root

__all__ = [
    "ConvertJob",
    "Line",
    "append_ledger",
    "convert_chunk",
    "read_ledger",
    "write_ledger",
]

LEDGER = ".monolayer-convert.jsonl"


@dataclass(frozen=True, slots=True)
class ConvertJob:
    """What every chunk of a conversion shares; small enough to travel with each.

    Attributes
    ----------
    root : Path or Remote
        The image folder.
    settings : ReadSettings
        How it is read.
    storage : Storage
        How arrays are stored.
    folder : Path
        Where the plate is built.
    paths : dict of str to str
        Path of each field's image in it, by field id.
    field_timeout_s : float
        Longest that one field may take.
    may_end_process : bool
        Whether chunks run in processes of their own, which that limit may end.
    """

    root: Root
    settings: ReadSettings
    storage: Storage
    folder: Path
    paths: dict[str, str]
    field_timeout_s: float
    may_end_process: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one field: a line of the ledger, with a reason where it failed."""

    signature: str
    reason: str = ""
    detail: str = ""


def convert_chunk(chunk: Chunk, job: ConvertJob) -> list[Line]:
    """Convert a chunk's fields. Runs in a worker."""
    convert = _ended if job.may_end_process else _interrupted
    return [
        convert(field, signature, job)
        for field, signature in zip(chunk.fields, chunk.signatures, strict=True)
    ]


def _ended(field: Field, signature: str, job: ConvertJob) -> Line:
    """Convert a field in a process that ends where it takes too long; its driver is told."""
    with (
        tempfile.TemporaryFile() as record,
        ending_this_process(record.fileno(), job.field_timeout_s),
    ):
        return _convert(field, signature, job)


def _interrupted(field: Field, signature: str, job: ConvertJob) -> Line:
    """Convert a field in the process that asked for it."""
    try:
        with interrupting(job.field_timeout_s):
            return _convert(field, signature, job)
    except FieldTimedOut:
        detail = (
            f"{field.paths[0]}: was not converted after {job.field_timeout_s:g} s; look at the "
            "file and the disk, or raise --field-timeout."
        )
        return Line(signature, "timed_out", detail)


def _convert(field: Field, signature: str, job: ConvertJob) -> Line:
    if field.problem is not None:
        return Line(signature, *field.problem)
    try:
        with replaced_folder(job.folder / job.paths[field.field_id]) as folder:
            write_field(field, job.root, job.settings, job.storage, folder)
    except ImageError as error:
        return Line(signature, error.reason, error.detail)
    return Line(signature)


def read_ledger(folder: Path) -> Mapping[str, Line]:
    """What is converted, by signature; the last word counts, and a line cut short does not."""
    known: dict[str, Line] = {}
    try:
        lines = (folder / LEDGER).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return known
    for text in lines:
        try:
            line = Line(**json.loads(text))
        except (ValueError, TypeError):
            continue
        known[line.signature] = line
    return known


def append_ledger(folder: Path, lines: Sequence[Line]) -> None:
    """Add what became of a chunk."""
    with (folder / LEDGER).open("a", encoding="utf-8") as file:
        # A line that a killed call cut short must not swallow the next one.
        file.write("".join(f"\n{json.dumps(asdict(line))}" for line in lines) + "\n")


def write_ledger(folder: Path, lines: Sequence[Line]) -> None:
    """Leave only what counts, for the next call to see that all is done."""
    text = "".join(f"{json.dumps(asdict(line))}\n" for line in lines)
    (folder / LEDGER).write_text(text, encoding="utf-8")
