"""Process a plan's open fields, then make the tables and the report.

What computes is imported in the functions: while worker processes start, which takes as long.
"""

import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from monolayer.engine import attempts, runfolder
from monolayer.engine.events import (
    Events,
    ExecutorStarted,
    FieldFailed,
    FieldsDone,
    Quarantined,
    TablesWritten,
    WorkerLost,
)
from monolayer.engine.executors import FIELDS_A_WORKER, ExecutionSettings, make_executor
from monolayer.engine.files import sweep
from monolayer.engine.ledger import Chunk, Done
from monolayer.engine.memory import give_back
from monolayer.engine.plan import Plan
from monolayer.engine.scans import discard_pieces, run_scans, scans_among
from monolayer.engine.work_list import WorkList
from monolayer.errors import RunAborted
from monolayer.field import FAILURES, State
from monolayer.packed import PackedFields
from monolayer.segment import segmenter_identity

__all__ = ["process", "process_share"]

HISTORY_KEPT = 1000


def process(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Events
) -> None:
    """Do the work, then write tables, record and report.

    Raises
    ------
    RunAborted
        More fields failed than `max_failures`.
    """
    folder = work.folder
    # Only a holder of the whole folder may: shards beside each other would take each other's.
    sweep(folder)
    # From here until the end the run is open: killed meanwhile, its status must not say finished.
    runfolder.write_record(folder, runfolder.read_record(folder) | {"tables_of": None})
    session = _process_fields(work, execution, max_failures, notify)
    sweep(folder)  # workers may have died in this call as well
    attempts.clear(folder)
    _make_tables(work, session, notify)


def process_share(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Events
) -> None:
    """Do a shard's work and leave word of it for whoever makes the tables.

    Raises
    ------
    RunAborted
        More fields failed than `max_failures`.
    """
    runfolder.leave_session(work.folder, _process_fields(work, execution, max_failures, notify))


def _process_fields(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Events
) -> dict[str, Any]:
    """Do the open fields; return what the record says of this call."""
    start, began = time.perf_counter(), runfolder.now()
    if work.retry:
        _drop_failed(work)
    tally = _Tally(len(work.open_fields), max_failures, notify)
    give_back()  # what listing took
    described = _run_open(work, execution, tally) if work.open_fields else {}
    return _session(began, start, tally) | described


def _drop_failed(work: WorkList) -> None:
    from monolayer.engine.parts import drop_parts

    # Shards' failed fields may lie in one part, which each of them cuts down by its own.
    with runfolder.alone(work.folder):
        drop_parts(work.folder, {work.signatures[field.field_id] for field in work.open_fields})


def _run_open(work: WorkList, execution: ExecutionSettings, tally: "_Tally") -> dict[str, Any]:
    """Run the open fields and scans; return what the executor says of itself."""
    plan, folder = work.plan, work.folder
    scans = scans_among(work.open_fields, plan.root, plan.method, work.signatures)
    of_scans = {scan.chunk.fields[0].field_id for scan in scans}
    # Packed: unpacked, 100,000 fields are 70 MB for as long as they are worked on.
    fields = PackedFields(f for f in work.open_fields if f.field_id not in of_scans)
    rows = sum(scan.n_rows for scan in scans)
    n_fields = len(fields) + FIELDS_A_WORKER * rows
    with make_executor(execution, n_fields, folder / "logs") as executor:
        from monolayer.engine.illumination import flat_folder
        from monolayer.engine.parts import Job
        from monolayer.engine.rounds import run_rounds

        _compile_kernels(tally.notify)
        described = executor.describe()
        tally.notify.tell(_started(described))
        job = Job(
            plan.root,
            folder,
            plan.method,
            flat_folder(folder) if plan.method.illumination.enabled else None,
            attempts.new_session(),
            execution.field_timeout_s,
            executor.isolated,
            execution.max_memory_mb,
        )
        run_rounds(replace(work, open_fields=fields), job, executor, tally.add, tally.lost)
        run_scans(scans, job, executor, tally.add, tally.lost, tally.notify)
    return described


def _compile_kernels(notify: Events) -> None:
    """Compile once a version, here and not in every worker at the same time."""
    from monolayer.engine.selfcheck import count_discs, kernels_are_compiled

    if not kernels_are_compiled():
        notify("kernels", 0, 1)
        count_discs()


def _make_tables(work: WorkList, session: dict[str, Any], notify: Events) -> None:
    from monolayer.engine.collect import collect
    from monolayer.engine.reporting import write_report

    plan, folder = work.plan, work.folder
    notify("tables", 0, 1)
    discard_pieces(folder)
    give_back()
    counts = collect(plan, folder, work.signatures)
    notify.tell(TablesWritten(counts))
    record = runfolder.read_record(folder)
    history = [*record.get("history", []), *runfolder.take_sessions(folder), session]
    # A watch adds to it for months, and every step of a run writes the record anew.
    history = history[-HISTORY_KEPT:]
    record |= _description(plan, counts) | {"history": history}
    # Only a run with its report is done: killed in between, the next call makes both again.
    runfolder.write_record(folder, record | {"tables_of": None})
    notify("report", 0, 1)
    give_back()
    write_report(folder, plan.root, plan.listing.fields)
    runfolder.write_record(folder, record | {"tables_of": work.tables_of})


class _Tally:
    """Counts what workers report, tells the caller, and stops a run that only fails."""

    def __init__(self, total: int, max_failures: int | None, notify: Events) -> None:
        self.total, self.max_failures, self.notify = total, max_failures, notify
        self.done = self.failed = 0
        self.seconds = self.megapixels = 0.0
        self.stages: Counter[str] = Counter()

    def add(self, done: Sequence[Done]) -> None:
        seconds = sum(item.seconds for item in done)
        megapixels = sum(item.megapixels for item in done)
        stages: Counter[str] = Counter()
        for item in done:
            stages.update(item.stages)
        self.done += len(done)
        self.failed += sum(item.state in FAILURES for item in done)
        self.seconds += seconds
        self.megapixels += megapixels
        self.stages.update(stages)
        states = dict(Counter(str(item.state) for item in done))
        self.notify.tell(
            FieldsDone(
                len(done),
                states,
                round(seconds, 6),
                _rounded(stages),
                round(megapixels, 6),
                self.done,
                self.total,
            )
        )
        self._tell_failures(done)
        if self.max_failures is not None and self.failed > self.max_failures:
            raise RunAborted(
                f"{self.failed} fields failed, more than --max-failures {self.max_failures}; "
                "what is finished is kept: mend the cause and run again."
            )

    def lost(self, chunk: Chunk) -> None:
        fields = [field.field_id for field in chunk.fields]
        self.notify.tell(WorkerLost(len(fields), fields))

    def _tell_failures(self, done: Sequence[Done]) -> None:
        for item in done:
            if item.state == State.CRASHED:
                reason, detail = item.reason or "", item.detail or ""
                self.notify.tell(Quarantined(item.field_id, reason, detail))
            elif item.state in FAILURES:
                state = str(item.state)
                self.notify.tell(FieldFailed(item.field_id, state, item.reason, item.detail))


def _started(described: dict[str, Any]) -> ExecutorStarted:
    named = ("executor", "workers", "dashboard")
    rest = {key: value for key, value in described.items() if key not in named}
    return ExecutorStarted(
        described["executor"], described["workers"], described.get("dashboard"), rest
    )


def _rounded(stages: Counter[str]) -> dict[str, float]:
    return {name: round(seconds, 6) for name, seconds in stages.items()}


def _session(began: str, start: float, tally: _Tally) -> dict[str, Any]:
    """What this call did, for the record; clock times live here and in no table."""
    return {
        "command": shlex.join(["monolayer", *sys.argv[1:]]),
        "started": began,
        "finished": runfolder.now(),
        "seconds": round(time.perf_counter() - start, 3),
        "field_seconds": round(tally.seconds, 3),
        "stage_seconds": _rounded(tally.stages),
        "megapixels": round(tally.megapixels, 3),
        "n_fields_processed": tally.done,
        "machine": runfolder.machine(),
        "versions": runfolder.versions(),
    }


def _description(plan: Plan, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "format": runfolder.FORMAT,
        "method": plan.method.used(),
        "method_sha256": plan.method.sha256,
        "segmenter": asdict(segmenter_identity(plan.method.segment))
        if plan.method.uses("segment")
        else None,
        "layout": plan.listing.layout,
        "channels": list(plan.channels),
        "n_fields": len(plan.fields),
        "counts": counts,
        "missing": [[field.field_id, field.problem[1]] for field in plan.missing if field.problem],
        "ignored": [list(item) for item in plan.listing.ignored],
    }
