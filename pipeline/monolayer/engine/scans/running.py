"""The pieces of a run's scans, given to an executor step by step; what died is tried alone."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from monolayer.engine.attempts import attempts_of, forget
from monolayer.engine.executors import Crashed, Executor
from monolayer.engine.ledger import Chunk, Done
from monolayer.engine.parts import Job, commit, commit_unfinished
from monolayer.engine.plan import Notify
from monolayer.engine.scans.pieces import (
    Piece,
    PieceDone,
    ScanChunk,
    Step,
    file_of,
    pieces_of,
    scan_folder,
)
from monolayer.engine.scans.steps import do_piece
from monolayer.engine.work import FieldResult
from monolayer.field import State

__all__ = ["run_scans"]

Tell = Callable[[Sequence[Done]], None]
Problem = tuple[str, str]
"""Reason code, and a sentence; empty where the worker died and left none."""

# Scans under way together, in rows of windows a worker: enough that none waits for another's
# last row; not all at once, for each keeps its unfinished pieces on the disk.
_ROWS_A_WORKER = 8
# The death in company does not count: another's work may have eaten the memory.
DEATHS_ALONE = 2
# As the stages of a field are called; both looks read what they look at.
STAGE_OF = {
    Step.FIX: "inspect",
    Step.FIND: "assay",
    Step.SETTLE: "assay",
    Step.MEASURE: "assay",
    Step.JOIN: "write",
}


def run_scans(
    scans: Sequence[ScanChunk],
    job: Job,
    executor: Executor,
    tell: Tell,
    lost: Callable[[Chunk], None],
    notify: Notify,
) -> None:
    """Do what is not done of the scans' pieces, and commit their parts.

    Parameters
    ----------
    scans : sequence of ScanChunk
        From `scans_among`.
    job : Job
        What their pieces share.
    executor : Executor
        Entered by the caller.
    tell, lost : callable
        Told what became of each scan, and whenever a worker died with a piece of one.
    notify : callable
        Told ``(step, done, total)`` as pieces are done.
    """
    for batch in _batches(scans, _ROWS_A_WORKER * executor.workers):
        so_far = _SoFar()
        for step in Step:
            _run_step(batch, step, (job, executor), so_far, lost, notify)
        for scan in batch:
            tell(_ended(scan, job, so_far))
            shutil.rmtree(scan_folder(job.run_folder, scan.chunk.name), ignore_errors=True)
        forget(job.run_folder, job.session, {scan.chunk.signatures[0] for scan in batch})


def _batches(scans: Sequence[ScanChunk], n_rows: int) -> Iterator[list[ScanChunk]]:
    batch: list[ScanChunk] = []
    for scan in scans:
        batch.append(scan)
        if sum(other.n_rows for other in batch) >= n_rows:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(slots=True)
class _SoFar:
    """What is known of the scans of a batch, by their chunks' names."""

    problems: dict[str, Problem] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, done: PieceDone) -> None:
        name = done.piece.scan.chunk.name
        stage, spent = STAGE_OF[done.piece.step], self.seconds.setdefault(name, {})
        spent[stage] = spent.get(stage, 0.0) + done.seconds
        if done.problem is not None:
            self.problems.setdefault(name, done.problem)


def _run_step(
    batch: Sequence[ScanChunk],
    step: Step,
    how: tuple[Job, Executor],
    so_far: _SoFar,
    lost: Callable[[Chunk], None],
    notify: Notify,
) -> None:
    """Do one step of all scans; a piece whose worker died is tried again alone."""
    job, executor = how
    pieces = [
        piece
        for scan in batch
        for piece in pieces_of(scan, step)
        if not file_of(job.run_folder, piece).exists()
    ]
    do, suspects = partial(do_piece, job=job), list[Piece]()
    # Drawn one by one, so that no more is done for a scan that has failed.
    open_pieces = (piece for piece in pieces if piece.scan.chunk.name not in so_far.problems)
    for ended, outcome in enumerate(executor.run(do, open_pieces), start=1):
        if isinstance(outcome, Crashed):
            suspects.append(outcome.chunk)
            lost(outcome.chunk.scan.chunk)
        else:
            so_far.add(outcome)
        notify(f"scans: {step}", ended, len(pieces))
    for _ in range(DEATHS_ALONE):
        alone, suspects = suspects, []
        for outcome in executor.run(do, iter(alone), window=1) if alone else ():
            if isinstance(outcome, Crashed):
                suspects.append(outcome.chunk)
            else:
                so_far.add(outcome)
    for piece in suspects:
        so_far.problems[piece.scan.chunk.name] = _died(piece, job), ""


def _died(piece: Piece, job: Job) -> str:
    """Why its worker died each time, from what it left."""
    left = attempts_of(job.run_folder, job.session, piece.scan.chunk.name)
    return "timed_out" if any(attempt.timed_out for attempt in left) else "worker_died"


def _ended(scan: ScanChunk, job: Job, so_far: _SoFar) -> list[Done]:
    """What became of a scan; where it failed its row is written here."""
    name, field_id = scan.chunk.name, scan.chunk.fields[0].field_id
    spent = so_far.seconds.get(name, {})
    done = Done(
        field_id, State.FAILED, None, sum(spent.values()), None,
        scan.shape[0] * scan.shape[1] / 1e6, spent,
    )  # fmt: skip
    if name not in so_far.problems:
        state, reason = _state_of(scan.chunk, job.run_folder)
        return [replace(done, state=state, reason=reason)]
    reason, detail = so_far.problems[name]
    if not detail:
        return commit_unfinished(scan.chunk, reason, job)
    row = {"state": str(State.FAILED), "reason": reason, "detail": detail}
    failed = [replace(done, reason=reason, detail=detail)]
    commit(scan.chunk, job, [FieldResult(row)], failed)
    return failed


def _state_of(chunk: Chunk, run_folder: Path) -> tuple[str, str | None]:
    """State and reason that the joined part holds."""
    ledger = json.loads((run_folder / "parts" / chunk.name / "ledger.json").read_text("utf-8"))
    return ledger[0]["state"], ledger[0]["reason"]
