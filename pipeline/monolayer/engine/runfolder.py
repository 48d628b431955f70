"""A run's folder: whose it is, who is writing to it, and what it says of itself.

    run.json              what ran: versions, method hash, inputs, machine, times
    method.yaml           the method as used
    parts/  labels/       what workers write
    events/  .watch.json  what processes told, and what a watch saw last
    objects/  fields.parquet  wells.parquet  plates.parquet  report.html    what is made of it

A folder belongs to one image folder, one layout and one method. It is locked while it is
written to; the lock goes with the process, however that ends.
"""

import fcntl
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from monolayer.engine.files import UNFINISHED, write_file
from monolayer.engine.shard import Shard, started_again
from monolayer.errors import FolderBusyError, RunFolderError
from monolayer.method import Method
from monolayer.read.roots import Root
from monolayer.read.walk import check_name

__all__ = [
    "FORMAT",
    "alone",
    "claim",
    "correcting",
    "leave_session",
    "locked",
    "machine",
    "now",
    "program_version",
    "read_record",
    "recomputing",
    "take_sessions",
    "versions",
    "watched",
    "write_record",
]

# 2: parts in Arrow's format; 3: their objects in batches of some fields. A run that an earlier
# format began does its fields anew.
FORMAT = 3
LOCK_SECONDS, CLAIM_SECONDS, SHARD_SECONDS = 1.0, 60.0, 300.0
LOCK_PAUSE_SECONDS = 0.05
_PACKAGES = (
    "monolayer", "numpy", "numba", "scipy", "scikit-image", "opencv-python-headless", "dask",
    "distributed", "pyarrow", "tifffile", "imagecodecs",
)  # fmt: skip


def claim(folder: Path, root: Root, layout: str, method: Method) -> dict[str, Any]:
    """Make the folder this run's, or take up an earlier run of the same work.

    Raises
    ------
    RunFolderError
        The folder belongs to another image folder, layout or method, or is not a run's.
    """
    given = {"images": str(root), "layout": layout, "method_sha256": method.sha256}
    # Shards start beside each other, and the first one makes what the others find.
    with alone(folder):
        return _claim(folder, method, given)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Change for a moment what shards hold together, one after the other."""
    with _held(folder, ".lock-claim", fcntl.LOCK_EX, CLAIM_SECONDS):
        yield


@contextmanager
def correcting(folder: Path) -> Iterator[None]:
    """Add to the folder's corrections, one reviewer after the other; runs are not in the way.

    Raises
    ------
    RunFolderError
        Nothing can be written there.
    """
    try:
        (folder / ".lock-corrections").touch()
    except OSError as error:
        raise RunFolderError(
            f"{folder}: nothing can be written there ({error.strerror}), so no correction can be "
            "recorded; copy the folder to where you may write, or have that allowed."
        ) from None
    with _held(folder, ".lock-corrections", fcntl.LOCK_EX, CLAIM_SECONDS):
        yield


@contextmanager
def recomputing(folder: Path) -> Iterator[None]:
    """Make the folder's corrected tables, one process after the other."""
    with _held(folder, ".lock-corrected", fcntl.LOCK_EX, SHARD_SECONDS):
        yield


def _claim(folder: Path, method: Method, given: dict[str, str]) -> dict[str, Any]:
    if (folder / "run.json").is_file():
        record = read_record(folder)
        _check_same(folder, record["given"], given)
    elif any(_content(folder)):
        raise _no_runs(folder)
    else:
        record = {"format": FORMAT, "monolayer": version("monolayer"), "given": given}
        # First: who was killed after the method's file, or had no space left, found a folder
        # that held files and was no run's.
        write_record(folder, record)
    if not (folder / "method.yaml").is_file():
        write_file(folder / "method.yaml", method.to_yaml().encode())
    return record


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``run.json``.

    Raises
    ------
    RunFolderError
        There is none, it is damaged, or a newer monolayer wrote it.
    """
    path = folder / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(
            f"{folder}: is no run's folder (no run.json); 'monolayer run IMAGES -o {folder}' "
            "makes one."
        ) from None
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error}); run again into a new folder."
        ) from None
    if record.get("format", 0) > FORMAT:
        raise RunFolderError(
            f"{folder}: was written by monolayer {record.get('monolayer')}, in a newer format; "
            "update monolayer to open it."
        )
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``run.json`` in one visible step."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    write_file(folder / "run.json", text.encode())


@contextmanager
def locked(folder: Path, shard: Shard | None = None) -> Iterator[None]:
    """Hold the folder for this process; a second run on it is refused with the first's name.

    A shard holds the folder together with other shards, and its own place alone, unless the
    batch system started it again (see `started_again`).
    """
    _take_in(folder)
    if shard is None:
        with _held(folder, ".lock", fcntl.LOCK_EX):
            yield
        return
    place = f".lock-{shard.index}-of-{shard.count}"
    with (
        # A shard that ends takes the folder to look whether it was the last one; those that
        # start meanwhile wait, at the longest until the tables are made.
        _held(folder, ".lock", fcntl.LOCK_SH, SHARD_SECONDS),
        nullcontext() if started_again() else _held(folder, place, fcntl.LOCK_EX),
    ):
        yield


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Be the one watch of the folder; rounds lock it themselves, so that a run may come between.

    Raises
    ------
    FolderBusyError
        Another watch is at it.
    """
    _take_in(folder)
    with _held(folder, ".lock-watch", fcntl.LOCK_EX):
        yield


def _take_in(folder: Path) -> None:
    """Make the folder where it is absent; refuse what is none or somebody else's, untouched.

    Whoever began a run here made a lock first, so files without one are not a run's.
    """
    check_name(folder)
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder}: is a file; give a folder for the run with -o.")
    foreign = folder.is_dir() and any(_content(folder)) and not (folder / "run.json").is_file()
    if foreign and not any(folder.glob(".lock*")):
        raise _no_runs(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _no_runs(folder: Path) -> RunFolderError:
    return RunFolderError(
        f"{folder}: holds files but no run.json, so it is no run's folder; "
        "give a new or empty one with -o."
    )


@contextmanager
def _held(folder: Path, name: str, kind: int, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    # In append mode the holder's name survives being opened by the one that is refused.
    with (folder / name).open("a+", encoding="utf-8") as lock:
        if not _taken(lock, kind, seconds):
            lock.seek(0)
            raise FolderBusyError(
                f"{folder}: is being written to by {lock.read().strip() or 'another run'}; wait "
                "for it, or give another folder with -o."
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}, started {now()}")
        lock.flush()
        yield


def _taken(lock: TextIO, kind: int, seconds: float) -> bool:
    """Lock, within a time: ``status`` looks whether a lock is free by holding it a moment."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return True


def leave_session(folder: Path, session: dict[str, Any]) -> None:
    """Leave what one call did, for whoever makes the tables."""
    name = f"{session['started']}-{socket.gethostname()}-{os.getpid()}.json".replace(":", "")
    write_file(folder / "sessions" / name, json.dumps(session).encode())


def take_sessions(folder: Path) -> list[dict[str, Any]]:
    """Take what calls left, in the order in which they started. Only for the folder's holder."""
    taken = []
    for path in sorted((folder / "sessions").glob("[!.]*.json")):
        taken.append(json.loads(path.read_text(encoding="utf-8")))
        path.unlink()
    return taken


def now() -> str:
    """Wall-clock time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def program_version() -> str:
    """Version of monolayer."""
    return version("monolayer")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def machine() -> dict[str, Any]:
    """Where the run ran."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
    }


def _content(folder: Path) -> Iterator[Path]:
    ours = (".lock", ".watch", UNFINISHED)
    return (path for path in folder.iterdir() if not path.name.startswith(ours))


def _check_same(folder: Path, before: dict[str, Any], given: dict[str, Any]) -> None:
    words = {"images": "image folder", "layout": "layout"}
    for key, word in words.items():
        if before.get(key) != given[key]:
            raise RunFolderError(
                f"{folder}: belongs to another run, whose {word} is {before.get(key)!r} and not "
                f"{given[key]!r}; give another folder with -o."
            )
    if before.get("method_sha256") != given["method_sha256"]:
        raise RunFolderError(
            f"{folder}: belongs to another run, whose method (in its method.yaml, hash "
            f"{str(before.get('method_sha256'))[:12]}) is not the one given "
            f"({given['method_sha256'][:12]}); give another folder with -o."
        )
