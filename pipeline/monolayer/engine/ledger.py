"""What is done: the cheap half of resume, in the standard library alone.

A field's work has a signature (its files as they stand, method, version); every finished part
lists the signatures it holds in its ``ledger.json``. Resume is a listing: a field is done when a
part holds its signature. A call that finds nothing to do never imports the heavy half.
"""

import hashlib
import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from dataclasses import field as of_each
from itertools import islice
from pathlib import Path
from typing import Any

from monolayer.engine.stamps import stamps_of
from monolayer.errors import DamagedPartError
from monolayer.field import FAILURES, Field, State
from monolayer.packed import Places
from monolayer.read.roots import Root

__all__ = [
    "Chunk",
    "Done",
    "Ledger",
    "LedgerEntry",
    "Signatures",
    "chunks_of",
    "failures_of",
    "intact",
    "ledger_of",
    "part_names",
    "source_signature",
    "write_ledger",
]

_KEPT = ("field_id", "state", "reason", "seconds")
_DIGEST = hashlib.sha256().digest_size
_STATES = tuple(str(state) for state in State)


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
    """Where a field's results lie: a part and a row of it, both counted from 0."""

    part: str
    row: int
    state: str


class Signatures(Mapping[str, str]):
    """Signature of each field's work, by field id, in 48 bytes a field.

    A dict of texts takes six times as much, which a driver of a million fields has better use
    for.

    Parameters
    ----------
    signed : iterable of (str, str)
        Field ids and signatures.
    """

    def __init__(self, signed: Iterable[tuple[str, str]]) -> None:
        self._digests = bytearray()
        self._places = Places(self._id_of(item) for item in signed)

    def _id_of(self, item: tuple[str, str]) -> str:
        self._digests += bytes.fromhex(item[1])
        return item[0]

    def __getitem__(self, field_id: str) -> str:
        place = self._places.of(field_id)
        if place is None:
            raise KeyError(field_id)
        return self.at(place)

    def at(self, place: int) -> str:
        """Signature of the field that was given at this place, counted from 0."""
        return self._digests[_DIGEST * place : _DIGEST * (place + 1)].hex()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("ids are not kept, only their hashes")


class Ledger(Mapping[str, LedgerEntry]):
    """What the parts hold, by signature, in some 60 bytes a field.

    Parameters
    ----------
    run_folder : Path
        The run's folder. Where two parts hold the same work, the first by name counts.
    """

    def __init__(self, run_folder: Path) -> None:
        self.parts = part_names(run_folder)
        self._packed, self._digests = array("Q"), bytearray()
        for part, name in enumerate(self.parts):
            with suppress(FileNotFoundError), intact(run_folder / "parts" / name) as folder:
                for row, item in enumerate(_read(folder)):
                    self._packed.append((part << 32) | (row << 8) | _STATES.index(item["state"]))
                    self._digests += bytes.fromhex(item["signature"])
        heads = array("Q", (_head(self._digest(i)) for i in range(len(self._packed))))
        # Sorting is stable: of the same work, what the first part holds comes first.
        self._order = array("Q", sorted(range(len(heads)), key=heads.__getitem__))
        self._heads = array("Q", map(heads.__getitem__, self._order))

    def _digest(self, place: int) -> bytes:
        return bytes(self._digests[_DIGEST * place : _DIGEST * (place + 1)])

    def __getitem__(self, signature: str) -> LedgerEntry:
        part, row, state = self.place_of(signature)
        return LedgerEntry(self.parts[part], row, state)

    def place_of(self, signature: str) -> tuple[int, int, str]:
        """Number of the part, the row in it, and the field's state.

        Raises
        ------
        KeyError
            No such field.
        """
        digest = bytes.fromhex(signature)
        head = _head(digest)
        at = bisect_left(self._heads, head)
        while at < len(self._heads) and self._heads[at] == head:
            place = self._order[at]
            if self._digest(place) == digest:
                packed = self._packed[place]
                return packed >> 32, packed >> 8 & 0xFFFFFF, _STATES[packed & 0xFF]
            at += 1
        raise KeyError(signature)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        last = b""
        for place in self._order:
            digest = self._digest(place)
            if digest != last:
                yield digest.hex()
            last = digest


def _head(digest: bytes) -> int:
    return int.from_bytes(digest[:8])


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
    return hashlib.sha256((repr(where) + stamps_of(field, root)).encode()).hexdigest()


def chunks_of(
    fields: Iterable[Field], signatures: Mapping[str, str], size: int | Callable[[], int]
) -> Iterator[Chunk]:
    """Cut the open fields into chunks of neighbours, in the plan's order.

    A size that is a function is asked for anew before each chunk.
    """
    rest = iter(fields)
    while members := tuple(islice(rest, size() if callable(size) else size)):
        signed = tuple(signatures[field.field_id] for field in members)
        yield Chunk(_name(signed), members, signed)


def write_ledger(folder: Path, chunk: Chunk, done: Sequence[Done]) -> None:
    """Write which work a part holds."""
    entries = [
        {name: getattr(item, name) for name in _KEPT} | {"signature": signature}
        for item, signature in zip(done, chunk.signatures, strict=True)
    ]
    (folder / "ledger.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


def ledger_of(run_folder: Path) -> Ledger:
    """Find what the parts hold, by signature."""
    return Ledger(run_folder)


def failures_of(run_folder: Path) -> list[tuple[str, str]]:
    """Field id and state of each field that failed or crashed, as the parts have them."""
    found = []
    for name in part_names(run_folder):
        with suppress(FileNotFoundError), intact(run_folder / "parts" / name) as folder:
            items = (item for item in _read(folder) if item["state"] in FAILURES)
            found += [(item["field_id"], item["state"]) for item in items]
    return found


def _read(folder: Path) -> list[dict[str, Any]]:
    """What a part's ledger lists."""
    items: list[dict[str, Any]] = json.loads((folder / "ledger.json").read_bytes())
    return items


@contextmanager
def intact(folder: Path) -> Iterator[Path]:
    """Read from a finished part.

    Raises
    ------
    DamagedPartError
        It is there and cannot be read.
    FileNotFoundError
        It was taken away meanwhile, by a retry.
    """
    try:
        yield folder
    except (ValueError, KeyError, TypeError, IndexError, FileNotFoundError) as error:
        if not folder.is_dir():
            raise
        raise DamagedPartError(folder, " ".join(str(error).split())[:120]) from error


def part_names(run_folder: Path) -> list[str]:
    """Names of the finished parts, in a fixed order."""
    folder = run_folder / "parts"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _name(signatures: tuple[str, ...]) -> str:
    return hashlib.sha256("".join(signatures).encode()).hexdigest()[:20]
