"""Running a plan: resume is the normal case.

    plan -> open fields (no part holds them) -> chunks -> executor -> parts -> tables -> report

This half decides what is open, with the standard library alone; when nothing is, the run says so
and the half that computes (`process`) is never imported.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from monolayer.engine import runfolder
from monolayer.engine.ledger import LedgerEntry, ledger_of, source_signature
from monolayer.engine.plan import Notify, Plan
from monolayer.field import FAILURES, State
from monolayer.segment import segmenter_identity

__all__ = ["Outcome", "execute"]


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
    ConfigError
        The method lacks what its assay cannot do without.
    """
    start = time.perf_counter()
    plan.method.check_complete()
    with runfolder.locked(folder):
        record = runfolder.claim(folder, plan.root, plan.layout, plan.method)
        identity = _identity(plan, folder, notify)
        signatures = {
            field.field_id: source_signature(field, plan.root, identity) for field in plan.fields
        }
        ledger = ledger_of(folder)
        open_fields = tuple(
            field
            for field in plan.fields
            if _is_open(ledger.get(signatures[field.field_id]), retry)
        )
        tables_of = _tables_of(plan, signatures)
        if open_fields or record.get("tables_of") != tables_of:
            from monolayer.engine.process import Work, process

            work = Work(plan, folder, open_fields, signatures, tables_of, workers, retry)
            process(work, max_failures, notify)
            record = runfolder.read_record(folder)
    return Outcome(
        folder,
        record["counts"],
        len(open_fields),
        len(plan.fields) - len(open_fields),
        len(plan.missing),
        time.perf_counter() - start,
    )


def _is_open(entry: LedgerEntry | None, retry: bool) -> bool:
    return entry is None or (retry and entry.state in FAILURES)


def _identity(plan: Plan, folder: Path, notify: Notify) -> str:
    """What makes two pieces of work the same besides the files.

    Method, version, flat fields, and the segmenter with its weights, whose absence is an error
    here, before the first field.
    """
    identity = f"{plan.method.sha256} {runfolder.program_version()}"
    if plan.method.uses("segment"):
        identity += f" {segmenter_identity(plan.method.segment)}"
    if plan.method.illumination.enabled:
        from monolayer.engine.illumination import make_flat_fields

        notify("illumination", 0, 1)
        identity += make_flat_fields(folder, plan.fields, plan.root, plan.method)
    return identity


def _tables_of(plan: Plan, signatures: dict[str, str]) -> str:
    """Name of the tables that this plan makes: equal means they need not be made again."""
    parts = [
        *(signatures[field.field_id] for field in plan.fields),
        *map(repr, (plan.missing, plan.listing.incomplete)),
    ]
    return hashlib.sha256("".join(parts).encode()).hexdigest()
