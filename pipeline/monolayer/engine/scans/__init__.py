"""Scans of a run: fields too large for memory, as pieces that any executor does in parallel.

    fix ─▶ find, a piece a row of windows ─▶ settle ─▶ measure, a piece a row ─▶ join ─▶ a part

Every piece leaves a file, so that a stopped run goes on piece by piece; `join` writes an ordinary
part, so that ledger, tables and report know nothing of all this.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from monolayer.assays import scan_assay_of
from monolayer.engine.attempts import attempts_of, forget
from monolayer.engine.executors import Crashed, Executor
from monolayer.engine.ledger import Chunk, Done, chunks_of
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
from monolayer.field import Field, State
from monolayer.method import Method
from monolayer.read import Root
from monolayer.read.scans import is_scan

__all__ = ["ScanChunk", "discard_pieces", "run_scans", "scans_among"]

Tell = Callable[[Sequence[Done]], None]
Problem = tuple[str, str]
"""Reason code, and a sentence; empty where the worker died and left none."""

# Scans under way together, in rows of windows a worker: enough that none waits for another's
# last row; not all at once, for each keeps its unfinished pieces on the disk.
_ROWS_A_WORKER = 8
# The death in company does not count: another's work may have eaten the memory.
DEATHS_ALONE = 2


def scans_among(
    fields: Iterable[Field], root: Root, method: Method, signatures: dict[str, str]
) -> list[ScanChunk]:
    """Fields that are scans, told by their files' heads; none where the assay takes no scans."""
    if scan_assay_of(method) is None:
        return []
    scans = []
    for field in fields:
        shape = is_scan(field, root, method.read)
        if shape is not None:
            (chunk,) = chunks_of([field], signatures, 1)
            scans.append(ScanChunk(chunk, shape, -(-shape[0] // method.read.window_px)))
    return scans


def run_scans(
    scans: Sequence[ScanChunk], job: Job, executor: Executor, tell: Tell, notify: Notify
) -> None:
    """Do what is not done of the scans' pieces, and commit their parts."""
    for batch in _batches(scans, _ROWS_A_WORKER * executor.workers):
        problems: dict[str, Problem] = {}
        for step in Step:
            _run_step(batch, step, job, executor, problems, notify)
        for scan in batch:
            tell(_ended(scan, job, problems.get(scan.chunk.name)))
            shutil.rmtree(scan_folder(job.run_folder, scan.chunk.name), ignore_errors=True)
        forget(job.run_folder, job.session, {scan.chunk.signatures[0] for scan in batch})


def discard_pieces(run_folder: Path) -> None:
    """Remove what killed runs left, and pieces of scans that have changed since.

    Only for the holder of the whole folder, when every field is done.
    """
    shutil.rmtree(run_folder / "scans", ignore_errors=True)


def _batches(scans: Sequence[ScanChunk], n_rows: int) -> Iterator[list[ScanChunk]]:
    batch: list[ScanChunk] = []
    for scan in scans:
        batch.append(scan)
        if sum(other.n_rows for other in batch) >= n_rows:
            yield batch
            batch = []
    if batch:
        yield batch


def _run_step(
    batch: Sequence[ScanChunk],
    step: Step,
    job: Job,
    executor: Executor,
    problems: dict[str, Problem],
    notify: Notify,
) -> None:
    """Do one step of all scans; a piece whose worker died is tried again alone."""
    pieces = [
        piece
        for scan in batch
        for piece in pieces_of(scan, step)
        if not file_of(job.run_folder, piece).exists()
    ]
    do, suspects = partial(do_piece, job=job), list[Piece]()
    # Drawn one by one, so that no more is done for a scan that has failed.
    open_pieces = (piece for piece in pieces if piece.scan.chunk.name not in problems)
    for ended, outcome in enumerate(executor.run(do, open_pieces), start=1):
        if isinstance(outcome, Crashed):
            suspects.append(outcome.chunk)
        else:
            _note(outcome, problems)
        notify(f"scans: {step}", ended, len(pieces))
    for _ in range(DEATHS_ALONE):
        alone, suspects = suspects, []
        for outcome in executor.run(do, iter(alone), window=1) if alone else ():
            if isinstance(outcome, Crashed):
                suspects.append(outcome.chunk)
            else:
                _note(outcome, problems)
    for piece in suspects:
        problems[piece.scan.chunk.name] = _died(piece, job), ""


def _note(done: PieceDone, problems: dict[str, Problem]) -> None:
    if done.problem is not None:
        problems.setdefault(done.piece.scan.chunk.name, done.problem)


def _died(piece: Piece, job: Job) -> str:
    """Why its worker died each time, from what it left."""
    left = attempts_of(job.run_folder, job.session, piece.scan.chunk.name)
    return "timed_out" if any(attempt.timed_out for attempt in left) else "worker_died"


def _ended(scan: ScanChunk, job: Job, problem: Problem | None) -> list[Done]:
    """What became of a scan; where it failed its row is written here."""
    field_id = scan.chunk.fields[0].field_id
    if problem is None:
        return [Done(field_id, *_state_of(scan.chunk, job.run_folder), 0.0)]
    reason, detail = problem
    if not detail:
        return commit_unfinished(scan.chunk, reason, job)
    row = {"state": str(State.FAILED), "reason": reason, "detail": detail}
    done = [Done(field_id, State.FAILED, reason, 0.0)]
    commit(scan.chunk, job, [FieldResult(row)], done)
    return done


def _state_of(chunk: Chunk, run_folder: Path) -> tuple[str, str | None]:
    """State and reason that the joined part holds."""
    ledger = json.loads((run_folder / "parts" / chunk.name / "ledger.json").read_text("utf-8"))
    return ledger[0]["state"], ledger[0]["reason"]
