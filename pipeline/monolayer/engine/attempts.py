"""Which field a process was at when it died: the only witness is what it had written down.

attempts/<session>.<chunk>.<host>.<pid>   one signature a field begun, in order; the last one was
                                          under way. Gone when the chunk is committed.

A scheduler knows which chunks a dead worker had been given, not which field it was at, and it
suspects chunks that were only waiting there as well. A session that dies whole (a serial run, a
job over its memory limit) has nobody left to ask; the next one reads what it left.
"""

import os
import shutil
import socket
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monolayer.engine.ledger import Chunk

__all__ = [
    "FOLDER",
    "Attempt",
    "attempts_of",
    "begin_attempt",
    "clear",
    "dead_sessions",
    "died_before",
    "forget",
    "new_session",
]

FOLDER = "attempts"
# What `faulthandler` writes first when a time limit ends the process.
_TIMED_OUT = "Timeout ("


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a process left that did not come to the end of a chunk.

    Attributes
    ----------
    path : Path
        The record.
    session : str
        Of the call of ``run`` that the process worked for.
    signature : str or None
        Of the field that was under way; None where none was begun.
    timed_out : bool
        Whether the process was ended because the field took too long.
    """

    path: Path
    session: str
    signature: str | None
    timed_out: bool


def new_session() -> str:
    """Name of one call of ``run``, unlike any other's whatever the clocks say."""
    return os.urandom(8).hex()


@contextmanager
def begin_attempt(
    run_folder: Path, chunk: Chunk, session: str
) -> Iterator[tuple[Callable[[str], object], int]]:
    """Record an attempt at a chunk, for as long as the block runs.

    Yields
    ------
    note : callable
        Told the signature of each field as it begins: one write into the open file, not flushed
        to disk, since it is the process that may die and not the machine's memory.
    descriptor : int
        The open record, for whoever ends this process to say why.
    """
    folder = run_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{session}.{chunk.name}.{socket.gethostname()}.{os.getpid()}"
    record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        yield lambda signature: os.write(record, f"{signature}\n".encode()), record
    finally:
        # Whatever is raised, the process lives and can say itself what went wrong.
        os.close(record)
        path.unlink(missing_ok=True)


def died_before(run_folder: Path, session: str, chunk: str) -> bool:
    """Whether an attempt at the chunk, in this session, came to no end.

    A scheduler that gives a dead worker's chunk to the next one (Dask's own does so three times)
    would lose a worker, or a whole time limit, each time.
    """
    folder = run_folder / FOLDER
    prefix = f"{session}.{chunk}."
    return folder.is_dir() and any(path.name.startswith(prefix) for path in folder.iterdir())


def attempts_of(run_folder: Path, session: str, chunk: str = "") -> list[Attempt]:
    """Read the records of a session, or of one of its chunks, and no others."""
    return list(_read_all(run_folder, f"{session}.{chunk}." if chunk else f"{session}."))


def dead_sessions(run_folder: Path, signatures: Container[str] | None = None) -> dict[str, int]:
    """Count, for each of the fields, the earlier sessions that ended with it under way.

    To be asked before this call's own work begins, and for its own fields only: other shards'
    records may be of living processes. Without `signatures` all that are noted are counted.
    """
    sessions: dict[str, set[str]] = {}
    for attempt in _read_all(run_folder):
        begun = attempt.signature
        if begun is not None and (signatures is None or begun in signatures):
            sessions.setdefault(begun, set()).add(attempt.session)
    return {signature: len(names) for signature, names in sessions.items()}


def forget(run_folder: Path, session: str, signatures: Container[str]) -> None:
    """Remove a session's records, and those of fields that are done now."""
    for attempt in _read_all(run_folder):
        done = attempt.signature is not None and attempt.signature in signatures
        if done or attempt.session == session:
            attempt.path.unlink(missing_ok=True)


def clear(run_folder: Path) -> None:
    """Remove all records. Only for the holder of the whole folder, once every field is done."""
    shutil.rmtree(run_folder / FOLDER, ignore_errors=True)


def _read_all(run_folder: Path, prefix: str = "") -> Iterator[Attempt]:
    folder = run_folder / FOLDER
    paths = folder.iterdir() if folder.is_dir() else iter(())
    for path in sorted(path for path in paths if path.name.startswith(prefix)):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue  # its process came to the end after all
        noted, said, _ = text.partition(_TIMED_OUT)
        begun = noted.split()
        session = path.name.partition(".")[0]
        yield Attempt(path, session, begun[-1] if begun else None, bool(said))
