"""What a run's folder says of itself, also while another process is writing to it."""

import fcntl
from pathlib import Path
from typing import Any

from monolayer.engine import runfolder
from monolayer.engine.ledger import ledger_of
from monolayer.field import State

__all__ = ["status_of"]

_WHY = ["field_id", "state", "reason", "detail"]
_WELL = ["plate", "well", "time", "quality_state", "quality_reason"]


def status_of(folder: Path) -> dict[str, Any]:
    """State of a run, fields by state with reasons, and wells that should be imaged again.

    The state is ``running``, ``unfinished`` or ``finished``.

    Raises
    ------
    RunFolderError
        It is no run's folder.
    """
    record = runfolder.read_record(folder)
    running = _is_locked(folder)
    finished = record.get("tables_of") is not None and not running
    return {
        "run": str(folder),
        "state": "running" if running else "finished" if finished else "unfinished",
        "fields": record["counts"] if finished else _counts_of_parts(folder),
        "left_out": _left_out(folder) if finished else [],
        "reimage": _reimage(folder) if finished else [],
        "report": str(folder / "report.html") if (folder / "report.html").is_file() else None,
        "history": record.get("history", []),
    }


def _counts_of_parts(folder: Path) -> dict[str, int]:
    states = [entry.state for entry in ledger_of(folder).values()]
    return {str(state): states.count(state) for state in State}


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


def _is_locked(folder: Path) -> bool:
    try:
        with (folder / ".lock").open("r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
