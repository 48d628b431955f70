"""Running a plan: resume, execute, collect, report.

    plan -> open fields (no part holds them) -> chunks -> executor -> parts -> tables -> report

Resume is the normal case: what parts hold already is not done again, and when nothing is open
and the tables are made, the run says so and stops.
"""

import hashlib
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from monolayer.engine import runfolder
from monolayer.engine.collect import collect
from monolayer.engine.executors import Crashed, run_serially, run_with_dask
from monolayer.engine.files import sweep
from monolayer.engine.parts import (
    Chunk,
    Done,
    Job,
    LedgerEntry,
    chunks_of,
    commit,
    drop_parts,
    ledger_of,
    process_chunk,
    source_signature,
)
from monolayer.engine.plan import Plan
from monolayer.engine.reporting import write_report
from monolayer.engine.work import FieldResult
from monolayer.errors import RunAborted
from monolayer.field import Field, State

__all__ = ["Outcome", "execute"]

_FAILURES = (State.FAILED, State.CRASHED)
CHUNK_FIELDS = 25
Notify = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of ``run`` did.

    Attributes
    ----------
    run_folder : Path
        Where the results are.
    counts : dict of str to int
        Number of fields in each state, over the whole plan.
    n_processed, n_resumed : int
        Fields processed by this call, and fields that an earlier one had done.
    n_missing : int
        Fields that the plate's plan has and the folder has not.
    seconds : float
        How long this call took.
    """

    run_folder: Path
    counts: dict[str, int]
    n_processed: int
    n_resumed: int
    n_missing: int
    seconds: float

    @property
    def n_failed(self) -> int:
        """Fields that failed or crashed their worker."""
        return self.counts.get(State.FAILED, 0) + self.counts.get(State.CRASHED, 0)


def execute(
    plan: Plan,
    folder: Path,
    workers: int,
    *,
    retry: bool = False,
    max_failures: int | None = None,
    notify: Notify = lambda stage, done, total: None,
) -> Outcome:
    """Run a plan into a folder, taking up what an earlier call left there.

    Parameters
    ----------
    plan : Plan
        Fields and method.
    folder : Path
        The run's folder; made where absent.
    workers : int
        1 runs in this process; more start as many Dask worker processes.
    retry : bool
        Process again the fields that failed or crashed.
    max_failures : int, optional
        Give up when more fields than this failed; what is finished is kept.
    notify : callable
        Told ``(stage, done, total)`` as the work goes on.

    Raises
    ------
    RunFolderError
        The folder belongs to another run, or another run is writing to it.
    RunAborted
        More fields failed than allowed.
    """
    start, began = time.perf_counter(), runfolder.now()
    with runfolder.locked(folder):
        record = runfolder.claim(folder, plan.root, plan.listing.layout, plan.method)
        job, signatures = _prepare(plan, folder, notify)
        ledger = ledger_of(folder)
        open_fields = [
            field
            for field in plan.fields
            if _is_open(ledger.get(signatures[field.field_id]), retry)
        ]
        digest = _digest(plan, signatures)
        if open_fields or record.get("tables_of") != digest:
            sweep(folder)
            tally = _Tally(len(open_fields), max_failures, notify)
            if retry:
                drop_parts(folder, {signatures[field.field_id] for field in open_fields})
            _run_chunks(open_fields, signatures, job, workers, tally.add)
            notify("tables", 0, 1)
            counts = collect(plan, folder, signatures)
            history = [*record.get("history", []), _session(began, start, tally, workers)]
            runfolder.write_record(
                folder, record | _description(plan, counts, digest) | {"history": history}
            )
            notify("report", 0, 1)
            write_report(folder, plan.root)
            record = runfolder.read_record(folder)
    return Outcome(
        folder,
        record["counts"],
        len(open_fields),
        len(plan.fields) - len(open_fields),
        len(plan.missing),
        time.perf_counter() - start,
    )


class _Tally:
    """Counts what workers report, tells the caller, and stops a run that only fails."""

    def __init__(self, total: int, max_failures: int | None, notify: Notify) -> None:
        self.total, self.max_failures, self.notify = total, max_failures, notify
        self.done = self.failed = 0
        self.seconds = 0.0
        notify("fields", 0, total)

    def add(self, done: list[Done]) -> None:
        self.done += len(done)
        self.failed += sum(item.state in _FAILURES for item in done)
        self.seconds += sum(item.seconds for item in done)
        self.notify("fields", self.done, self.total)
        if self.max_failures is not None and self.failed > self.max_failures:
            raise RunAborted(
                f"{self.failed} fields failed, more than --max-failures {self.max_failures}; "
                "what is finished is kept: mend the cause and run again."
            )


def _is_open(entry: LedgerEntry | None, retry: bool) -> bool:
    return entry is None or (retry and entry.state in _FAILURES)


def _session(began: str, start: float, tally: _Tally, workers: int) -> dict[str, Any]:
    """What this call did, for the record; clock times live here and in no table."""
    return {
        "command": shlex.join(["monolayer", *sys.argv[1:]]),
        "started": began,
        "finished": runfolder.now(),
        "seconds": round(time.perf_counter() - start, 3),
        "field_seconds": round(tally.seconds, 3),
        "n_fields_processed": tally.done,
        "workers": workers,
        "machine": runfolder.machine(),
        "versions": runfolder.versions(),
    }


def _description(plan: Plan, counts: dict[str, int], digest: str) -> dict[str, Any]:
    return {
        "method": plan.method.model_dump(mode="json"),
        "method_sha256": plan.method.sha256,
        "layout": plan.listing.layout,
        "channels": list(plan.channels),
        "n_fields": len(plan.fields),
        "counts": counts,
        "missing": [[field.field_id, field.problem[1]] for field in plan.missing if field.problem],
        "ignored": [list(item) for item in plan.listing.ignored],
        "tables_of": digest,
    }


def _prepare(plan: Plan, folder: Path, notify: Notify) -> tuple[Job, dict[str, str]]:
    """Work out what makes two pieces of work the same: method, version, flat fields, files."""
    identity = f"{plan.method.sha256} {runfolder.versions()['monolayer']}"
    flats = None
    if plan.method.illumination.enabled:
        from monolayer.engine.illumination import make_flat_fields

        notify("illumination", 0, 1)
        flats = folder / "illumination"
        identity += make_flat_fields(flats, plan.fields, plan.root, plan.method)
    signatures = {
        field.field_id: source_signature(field, plan.root, identity) for field in plan.fields
    }
    return Job(plan.root, folder, plan.method, flats), signatures


def _digest(plan: Plan, signatures: dict[str, str]) -> str:
    """Name of the tables that this plan makes: equal means they need not be made again."""
    parts = [*(signatures[field.field_id] for field in plan.fields), *map(repr, plan.missing)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _run_chunks(
    fields: list[Field],
    signatures: dict[str, str],
    job: Job,
    workers: int,
    tell: Callable[[list[Done]], None],
) -> None:
    """Process the open fields; chunks whose worker died are tried again field by field."""
    size = max(1, min(CHUNK_FIELDS, len(fields) // (8 * workers)))
    work = partial(process_chunk, job=job)
    chunks = chunks_of(fields, signatures, size)
    if workers == 1:
        for done in run_serially(work, chunks):
            tell(done)
        return
    suspects: list[Field] = []
    for outcome in run_with_dask(work, chunks, min(workers, max(1, len(fields)))):
        if isinstance(outcome, Crashed):
            suspects += outcome.chunk.fields
        else:
            tell(outcome)
    # One at a time, so that a field which kills its worker takes no innocent one with it.
    for outcome in run_with_dask(work, chunks_of(suspects, signatures, 1), 1) if suspects else ():
        tell(_crashed(outcome.chunk, job) if isinstance(outcome, Crashed) else outcome)


def _crashed(chunk: Chunk, job: Job) -> list[Done]:
    """Commit a one-field chunk whose worker died on it each time."""
    detail = (
        f"{chunk.fields[0].paths[0]}: its worker process died on it each time (out of memory, or "
        "a defect in a compiled library); look at the file, then run again with --retry."
    )
    row = {"state": str(State.CRASHED), "reason": "worker_died", "detail": detail}
    done = [Done(chunk.fields[0].field_id, State.CRASHED, "worker_died", 0.0)]
    commit(chunk, job, [FieldResult(row)], done)
    return done
