"""Events as JSON lines: one file in ``events/`` for each process that writes to a run.

    events/000012-HOST-PID-xxxx.jsonl

The trick: a writer holds a lock on its own file as long as it lives, however it ends. Whoever asks
how a run stands tries that lock and not the run's, so that asking disturbs nobody.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

__all__ = ["EventFile", "Line", "Stream", "as_json", "event_lines", "streams_of"]

Line = Mapping[str, Any]
"""An event as it is written: its kind and times, then its own fields."""

FOLDER = "events"
KEPT = 200
# A call that found nothing to do tells only these, and leaves no file behind.
_FRAME = (
    "run_started", "run_finished", "watch_started", "watch_finished", "files_seen",
    "round_started", "fields_awaited",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """What one process told.

    Attributes
    ----------
    name : str
        The file's name; names sort as the processes began.
    is_alive : bool
        Whether the process still writes.
    lines : tuple of dict
        Its events.
    """

    name: str
    is_alive: bool
    lines: tuple[dict[str, Any], ...]


class EventFile:
    """The events of this process in a run's folder.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in place.glob("*.jsonl"))
        _drop_old(place, names)
        # Counted and not dated: clocks jump, and two machines' differ.
        number = int(names[-1].partition("-")[0]) + 1 if names else 1
        own = f"{number:06d}-{socket.gethostname()}-{os.getpid()}-{os.urandom(2).hex()}.jsonl"
        self.path = place / own
        self._file = self.path.open("x", encoding="utf-8")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._tells_something = False

    def __call__(self, line: Line) -> None:
        """Write an event."""
        self._tells_something |= line["event"] not in _FRAME
        try:
            self._file.write(as_json(line))
            self._file.flush()
        except OSError:
            # A full disk stops the run where it writes results, and says so there.
            pass

    def close(self) -> None:
        """End the file; it goes where it has nothing to tell."""
        if not self._tells_something:
            self.path.unlink(missing_ok=True)
        self._file.close()


def as_json(line: Line) -> str:
    """One event as one line."""
    return json.dumps(line, ensure_ascii=False, default=str) + "\n"


def streams_of(folder: Path) -> list[Stream]:
    """Read what every process told of a run, in the order in which they began."""
    streams = []
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        try:
            with path.open(encoding="utf-8") as file:
                alive = _is_locked(file)
                streams.append(Stream(path.name, alive, tuple(event_lines(file))))
        except FileNotFoundError:
            continue  # its process had nothing to tell
    return streams


def event_lines(file: TextIO) -> Iterator[dict[str, Any]]:
    """Read events; a last line that is still being written is left out."""
    for text in file:
        try:
            yield json.loads(text)
        except ValueError:
            continue


def _drop_old(place: Path, names: list[str]) -> None:
    for name in names[:-KEPT]:
        try:
            with (place / name).open(encoding="utf-8") as file:
                if not _is_locked(file):
                    (place / name).unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # another process tidied up


def _is_locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
