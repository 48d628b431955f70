"""What a run's folder says of itself, also while other processes write to it.

The parts say what is done, and the processes' own events (`event_files`) who is at it and how fast.
Asking takes no lock that a run could want.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monolayer.engine import runfolder
from monolayer.engine.arrivals import read_record
from monolayer.engine.event_files import Stream, streams_of
from monolayer.engine.ledger import LedgerEntry, failures_of, ledger_of
from monolayer.engine.pace import Pace
from monolayer.field import State

__all__ = ["status_of"]

_WHY = ["field_id", "state", "reason", "detail"]
_WELL = ["plate", "well", "time", "quality_state", "quality_reason"]


def status_of(folder: Path) -> dict[str, Any]:
    """State of a run, fields by state with reasons, and wells that should be imaged again.

    Returns
    -------
    dict
        ``state`` is ``running``, ``watching``, ``unfinished`` or ``finished``; ``holders`` has one
        entry a process at work, with its rate and the time left; ``shards`` how each stands;
        ``failures`` what failed so far, ``left_out`` every field without a result once the tables
        are there.

    Raises
    ------
    RunFolderError
        It is no run's folder.
    """
    record = runfolder.read_record(folder)
    told = [_Told.of(stream) for stream in streams_of(folder)]
    holders = [each for each in told if each.is_alive]
    working = [each for each in holders if each.is_working]
    has_tables = record.get("tables_of") is not None
    finished = has_tables and not working
    return {
        "run": str(folder),
        "state": _state(bool(working), bool(holders), has_tables),
        "fields": record["counts"] if finished else _counts(ledger_of(folder).values()),
        "n_fields": sum(record["counts"].values()) if finished else _planned(told),
        "holders": [each.described() for each in holders],
        "shards": _shards(told),
        "failures": [] if finished else _failures(folder, told),
        "awaited": read_record(folder).get("awaited", []),
        "left_out": _left_out(folder) if finished else [],
        "reimage": _reimage(folder) if finished else [],
        "report": str(folder / "report.html") if (folder / "report.html").is_file() else None,
        "history": record.get("history", []),
    }


def _state(working: bool, held: bool, has_tables: bool) -> str:
    if working:
        return "running"
    return "watching" if held else "finished" if has_tables else "unfinished"


@dataclass(slots=True)
class _Told:
    """What one process told of its last call of ``run``, and of its watch."""

    name: str
    is_alive: bool
    last: dict[str, Any] = field(default_factory=dict)
    started: dict[str, Any] = field(default_factory=dict)
    executor: dict[str, Any] = field(default_factory=dict)
    watch: dict[str, Any] = field(default_factory=dict)
    stage: str = "starting"
    done: int = 0
    megapixels: float = 0.0
    pace: Pace = field(default_factory=Pace)
    stages: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    workers_lost: int = 0

    @classmethod
    def of(cls, stream: Stream) -> "_Told":
        told = cls(stream.name, stream.is_alive)
        for line in stream.lines:
            told.last = line
            getattr(told, f"_{line['event']}", lambda line: None)(line)
        return told

    def _watch_started(self, line: dict[str, Any]) -> None:
        self.watch = line

    def _run_started(self, line: dict[str, Any]) -> None:
        self.started, self.executor, self.done, self.stage = line, {}, 0, "starting"
        self.megapixels, self.stages, self.states = 0.0, Counter(), Counter()
        self.failures, self.workers_lost = {}, 0

    def _executor_started(self, line: dict[str, Any]) -> None:
        self.executor, self.pace, self.stage = line, Pace(), "fields"
        self.pace.mark(line["seconds"], 0, 0.0)

    def _fields_done(self, line: dict[str, Any]) -> None:
        self.done = line["done"]
        self.megapixels += line["megapixels"]
        self.pace.mark(line["seconds"], self.done, self.megapixels)
        self.stages.update(line["stages"])
        self.states.update(line["states"])

    def _stage(self, line: dict[str, Any]) -> None:
        self.stage = line["stage"]

    def _field_failed(self, line: dict[str, Any]) -> None:
        self.failures[line["field_id"]] = line

    def _quarantined(self, line: dict[str, Any]) -> None:
        self.failures[line["field_id"]] = line

    def _worker_lost(self, line: dict[str, Any]) -> None:
        del line
        self.workers_lost += 1

    @property
    def is_working(self) -> bool:
        """Whether a call of run is under way, and not the pause between a watch's rounds."""
        ends = ("run_finished", "run_aborted", "watch_started", "files_seen", "watch_finished")
        rest = (*ends, "round_failed", "fields_awaited", "fields_missing")
        return self.is_alive and bool(self.last) and self.last["event"] not in rest

    def described(self) -> dict[str, Any]:
        """What people and programs are told of the process."""
        begun = self.started or self.watch
        n_open = self.started.get("n_open", 0)
        return {
            "host": begun.get("host"),
            "process": begun.get("process"),
            "started": begun.get("time"),
            "seconds": round(self.last.get("seconds", 0.0) - begun.get("seconds", 0.0), 1),
            "last_heard": self.last.get("time"),
            "command": self.started.get("command"),
            "shard": self.started.get("shard"),
            "is_watch": bool(self.watch),
            "stage": self.stage if self.is_working else "waiting",
            "executor": self.executor.get("executor"),
            "workers": self.executor.get("workers"),
            "dashboard": self.executor.get("dashboard"),
            "fields_done": self.done,
            "fields_open": n_open,
            "fields_per_s": _rounded(self.pace.fields_per_s),
            "megapixels_per_s": _rounded(self.pace.megapixels_per_s),
            "seconds_left": _rounded(self.pace.left_s(n_open - self.done)),
            "states": dict(self.states),
            "stage_seconds": {name: round(value, 3) for name, value in self.stages.items()},
            "workers_lost": self.workers_lost,
        }

    @property
    def shard_state(self) -> str:
        """``running``, ``done``, or ``stopped`` where it ended without having said so."""
        if self.is_alive:
            return "running"
        return "done" if self.last.get("event") == "run_finished" else "stopped"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _counts(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    states = Counter(entry.state for entry in entries)
    return {str(state): states[str(state)] for state in State}


def _planned(told: Sequence[_Told]) -> int | None:
    """Fields of the whole plan, where somebody said: shards together have all of them."""
    whole = [each.started["n_fields"] for each in told if each.started.get("shard", "") is None]
    if whole:
        return int(whole[-1])
    shards = {each.started["shard"]: each.started["n_fields"] for each in told if each.started}
    count = max((int(name.partition("/")[2]) for name in shards), default=0)
    of_last = {name: n for name, n in shards.items() if name.endswith(f"/{count}")}
    return sum(of_last.values()) if shards and len(of_last) == count else None


def _shards(told: Sequence[_Told]) -> list[dict[str, Any]]:
    """How each share of a job array stands, those that nobody has begun included."""
    last: dict[str, _Told] = {}
    for each in (each for each in told if each.started):
        if each.started["shard"] is None:
            last = {}  # a run of all fields took up what shards had left
        else:
            last[each.started["shard"]] = each
    if not last:
        return []
    count = int(list(last)[-1].partition("/")[2])
    names = [f"{i}/{count}" for i in range(1, count + 1)]
    return [
        {
            "shard": name,
            "state": last[name].shard_state if name in last else "not started",
            "fields_done": last[name].done if name in last else 0,
            "fields_open": last[name].started["n_open"] if name in last else None,
        }
        for name in names
    ]


def _failures(folder: Path, told: Sequence[_Told]) -> list[dict[str, Any]]:
    """Fields that failed so far, with what was said of them."""
    said = {name: line for each in told for name, line in each.failures.items()}
    return [
        {
            "field_id": field_id,
            "state": state,
            "reason": said.get(field_id, {}).get("reason"),
            "detail": said.get(field_id, {}).get("detail"),
        }
        for field_id, state in failures_of(folder)
    ]


def _left_out(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(folder / "fields.parquet", columns=_WHY).to_pylist()
    return [row for row in rows if row["state"] != State.OK]


def _reimage(folder: Path) -> list[dict[str, Any]]:
    """Wells with too few good fields; none in a run from before they were judged."""
    import pyarrow.parquet as pq

    path = folder / "wells.parquet"
    if not set(_WELL) <= set(pq.read_schema(path).names):
        return []
    rows: list[dict[str, Any]] = pq.read_table(path, columns=_WELL).to_pylist()
    return [row for row in rows if row["quality_state"] == "reimage"]
