"""One stream of what happens in a run, and whoever listens to it.

Progress on a terminal, lines in a log, ``--events`` and the run's own ``events/`` all hear the same
events. An event is a small frozen dataclass; its class's name is its kind, its fields are the keys
of its JSON line (docs/events.md). Every line has the time in UTC, to find it beside other logs, and
seconds of a clock that never jumps, to reckon with.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monolayer.engine.event_files import EventFile, Line

__all__ = [
    "EVENTS",
    "Event",
    "Events",
    "ExecutorStarted",
    "FieldFailed",
    "FieldsAwaited",
    "FieldsDone",
    "FieldsMissing",
    "FilesSeen",
    "Line",
    "Quarantined",
    "RoundFailed",
    "RoundStarted",
    "RunAborted",
    "RunFinished",
    "RunStarted",
    "Stage",
    "TablesWritten",
    "WatchFinished",
    "WatchStarted",
    "WorkerLost",
    "kind_of",
]

# A watch may tell of failures for days before there is a folder to keep them in.
EARLY = 20

Listener = Callable[[Line], object]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A call of ``run`` holds the folder and knows what is open."""

    run: str
    images: str
    shard: str | None
    n_fields: int
    n_open: int
    command: str
    host: str
    process: int
    version: str


@dataclass(frozen=True, slots=True)
class Stage(Event):
    """A stage other than the fields goes on: ``illumination``, ``kernels``, ``tables`` ..."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ExecutorStarted(Event):
    """Whatever does the work is there; `described` is its own account of itself."""

    executor: str
    workers: int
    dashboard: str | None
    described: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldsDone(Event):
    """A chunk of fields is done and written.

    `states` counts them by state, `stages` sums the seconds of each stage in the worker, `done` and
    `total` are of this call.
    """

    n: int
    states: Mapping[str, int]
    field_seconds: float
    stages: Mapping[str, float]
    megapixels: float
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FieldFailed(Event):
    """A field failed or crashed its worker."""

    field_id: str
    state: str
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class WorkerLost(Event):
    """A worker died; these fields were under way or waiting there and are tried again."""

    n_fields: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class Quarantined(Event):
    """A field took its worker with it each time and is given up."""

    field_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class TablesWritten(Event):
    """The run's tables are renewed; fields by state over the whole plan."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A call of ``run`` came to its end; without tables where other shards are still at work."""

    exit_code: int
    counts: Mapping[str, int]
    n_processed: int
    n_resumed: int
    n_missing: int
    duration_s: float
    has_tables: bool


@dataclass(frozen=True, slots=True)
class RunAborted(Event):
    """A call of ``run`` was refused, stopped or went wrong; what is finished is kept."""

    exit_code: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class WatchStarted(Event):
    """A watch looks at its folder from now on."""

    images: str
    run: str
    settle_s: float
    deadline_s: float
    every_s: float
    host: str
    process: int


@dataclass(frozen=True, slots=True)
class FilesSeen(Event):
    """Files came or changed since the last look."""

    n_settled: int
    n_unsettled: int
    unsettled: list[str]


@dataclass(frozen=True, slots=True)
class RoundStarted(Event):
    """A watch takes in what has come to rest."""

    round: int
    n_fields: int
    n_held_back: int


@dataclass(frozen=True, slots=True)
class RoundFailed(Event):
    """A round could not be done and is tried again."""

    round: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class FieldsAwaited(Event):
    """Planned fields are not here yet, or only in part."""

    n: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class FieldsMissing(Event):
    """Planned fields did not come within the deadline: they are rows of state ``missing`` now."""

    n: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class WatchFinished(Event):
    """A watch came to its end: ``complete``, ``once`` or ``stopped``."""

    exit_code: int
    why: str
    rounds: int


def kind_of(event: type[Event]) -> str:
    """Kind of an event as JSON lines name it: ``fields_done``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


EVENTS: dict[str, type[Event]] = {kind_of(event): event for event in Event.__subclasses__()}


@dataclass(slots=True)
class Events:
    """Tells every listener what happens.

    Callable as ``(stage, done, total)``, so that it can be handed on as a `Notify`.

    Attributes
    ----------
    listeners : list of callable
        Told each line.
    last : mapping or None
        What was told last.
    """

    listeners: list[Listener] = field(default_factory=list)
    last: Line | None = None
    _start: float = field(default_factory=time.monotonic)
    _records: dict[Path, EventFile] = field(default_factory=dict)
    _early: list[Line] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Tell an event to all listeners and to the run folder's record."""
        self.last = {
            "event": kind_of(type(event)),
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - self._start, 3),
            **{each.name: getattr(event, each.name) for each in fields(event)},
        }
        for listener in self.listeners:
            listener(self.last)
        for record in self._records.values():
            record(self.last)
        if not self._records and len(self._early) < EARLY:
            self._early.append(self.last)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        self.tell(Stage(stage, done, total))

    def record_in(self, folder: Path) -> None:
        """Keep what is told, and was told before, in a run's folder. Only for its holder."""
        if folder not in self._records:
            record = self._records[folder] = EventFile(folder)
            while self._early:
                record(self._early.pop(0))

    def close(self) -> None:
        """End the records; listeners belong to whoever gave them."""
        while self._records:
            self._records.popitem()[1].close()

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
