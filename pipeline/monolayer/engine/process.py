"""Process a plan's open fields, then make the tables and the report."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from monolayer.engine import runfolder
from monolayer.engine.attempts import new_session
from monolayer.engine.collect import collect
from monolayer.engine.executors import FIELDS_A_WORKER, ExecutionSettings, make_executor
from monolayer.engine.files import sweep
from monolayer.engine.illumination import flat_folder
from monolayer.engine.ledger import Done
from monolayer.engine.parts import Job, drop_parts
from monolayer.engine.plan import Notify, Plan
from monolayer.engine.reporting import write_report
from monolayer.engine.rounds import run_rounds
from monolayer.engine.scans import discard_pieces, run_scans, scans_among
from monolayer.engine.selfcheck import count_discs, kernels_are_compiled
from monolayer.engine.work_list import WorkList
from monolayer.errors import RunAborted
from monolayer.field import FAILURES
from monolayer.segment import segmenter_identity

__all__ = ["process", "process_share"]


def process(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Notify
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
    _make_tables(work, session, notify)


def process_share(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Notify
) -> None:
    """Do a shard's work and leave word of it for whoever makes the tables.

    Raises
    ------
    RunAborted
        More fields failed than `max_failures`.
    """
    runfolder.leave_session(work.folder, _process_fields(work, execution, max_failures, notify))


def _process_fields(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Notify
) -> dict[str, Any]:
    """Do the open fields; return what the record says of this call."""
    start, began = time.perf_counter(), runfolder.now()
    plan, folder = work.plan, work.folder
    if work.retry:
        drop_parts(folder, {work.signatures[field.field_id] for field in work.open_fields})
    tally = _Tally(len(work.open_fields), max_failures, notify)
    described: dict[str, Any] = {}
    if work.open_fields:
        if not kernels_are_compiled():
            # Once a version, here and not in every worker at the same time.
            notify("kernels", 0, 1)
            count_discs()
        flats = flat_folder(folder) if plan.method.illumination.enabled else None
        scans = scans_among(work.open_fields, plan.root, plan.method, work.signatures)
        of_scans = {scan.chunk.fields[0].field_id for scan in scans}
        fields = tuple(field for field in work.open_fields if field.field_id not in of_scans)
        rows = sum(scan.n_rows for scan in scans)
        with make_executor(
            execution, len(fields) + FIELDS_A_WORKER * rows, folder / "logs"
        ) as executor:
            described = executor.describe()
            job = Job(
                plan.root, folder, plan.method, flats, new_session(), execution.field_timeout_s,
                executor.isolated, execution.max_memory_mb,
            )  # fmt: skip
            run_rounds(replace(work, open_fields=fields), job, executor, tally.add)
            run_scans(scans, job, executor, tally.add, notify)
    return _session(began, start, tally) | described


def _make_tables(work: WorkList, session: dict[str, Any], notify: Notify) -> None:
    plan, folder = work.plan, work.folder
    notify("tables", 0, 1)
    discard_pieces(folder)
    counts = collect(plan, folder, work.signatures)
    record = runfolder.read_record(folder)
    history = [*record.get("history", []), *runfolder.take_sessions(folder), session]
    record |= _description(plan, counts) | {"history": history}
    # Only a run with its report is done: killed in between, the next call makes both again.
    runfolder.write_record(folder, record | {"tables_of": None})
    notify("report", 0, 1)
    write_report(folder, plan.root)
    runfolder.write_record(folder, record | {"tables_of": work.tables_of})


class _Tally:
    """Counts what workers report, tells the caller, and stops a run that only fails."""

    def __init__(self, total: int, max_failures: int | None, notify: Notify) -> None:
        self.total, self.max_failures, self.notify = total, max_failures, notify
        self.done = self.failed = 0
        self.seconds = 0.0
        notify("fields", 0, total)

    def add(self, done: Sequence[Done]) -> None:
        self.done += len(done)
        self.failed += sum(item.state in FAILURES for item in done)
        self.seconds += sum(item.seconds for item in done)
        self.notify("fields", self.done, self.total)
        if self.max_failures is not None and self.failed > self.max_failures:
            raise RunAborted(
                f"{self.failed} fields failed, more than --max-failures {self.max_failures}; "
                "what is finished is kept: mend the cause and run again."
            )


def _session(began: str, start: float, tally: _Tally) -> dict[str, Any]:
    """What this call did, for the record; clock times live here and in no table."""
    return {
        "command": shlex.join(["monolayer", *sys.argv[1:]]),
        "started": began,
        "finished": runfolder.now(),
        "seconds": round(time.perf_counter() - start, 3),
        "field_seconds": round(tally.seconds, 3),
        "n_fields_processed": tally.done,
        "machine": runfolder.machine(),
        "versions": runfolder.versions(),
    }


def _description(plan: Plan, counts: dict[str, int]) -> dict[str, Any]:
    return {
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
