"""Running a plan: resume is the normal case.

    plan -> open fields (no part holds them) -> chunks -> executor -> parts -> tables -> report

This half decides what is open, with the standard library alone; when nothing is, the run says so
and the half that computes (`process`) is never imported.
"""

import hashlib
import logging
import os
import shlex
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from monolayer.engine import runfolder
from monolayer.engine.events import Events, RunAborted, RunFinished, RunStarted
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.files import discard, objects_path, saying_what_failed
from monolayer.engine.ledger import Ledger, LedgerEntry, Signatures, ledger_of, source_signature
from monolayer.engine.memory import share_an_allocator
from monolayer.engine.plan import Plan
from monolayer.engine.shard import Shard
from monolayer.engine.work_list import WorkList
from monolayer.errors import DamagedPartError, RunFolderError, exit_code_of, sentence_of
from monolayer.field import FAILURES, State
from monolayer.packed import PackedFields
from monolayer.segment import segmenter_identity

__all__ = ["Outcome", "execute"]

log = logging.getLogger(__name__)

HERE = ExecutionSettings()
_TABLES = ("fields.parquet", "wells.parquet", "plates.parquet", "report.html")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of ``run`` did.

    Attributes
    ----------
    run_folder : Path
        Where the results are.
    counts : dict of str to int
        Number of fields in each state, over the whole plan (the share, where there are no tables).
    n_processed, n_resumed : int
        Fields processed by this call, and fields that an earlier one had done.
    n_missing : int
        Fields that the plate's plan has and the folder has not.
    seconds : float
        How long this call took.
    has_tables : bool
        False for a shard that left fields to others, or its tables to the one that ends last.
    """

    run_folder: Path
    counts: dict[str, int]
    n_processed: int
    n_resumed: int
    n_missing: int
    seconds: float
    has_tables: bool = True

    @property
    def n_failed(self) -> int:
        """Fields that failed or crashed their worker."""
        return self.counts.get(State.FAILED, 0) + self.counts.get(State.CRASHED, 0)

    @property
    def exit_code(self) -> int:
        """What the command line says of it: 3 where fields failed."""
        return 3 if self.n_failed else 0


def execute(
    plan: Plan,
    folder: Path,
    execution: ExecutionSettings = HERE,
    *,
    shard: Shard | None = None,
    retry: bool = False,
    max_failures: int | None = None,
    notify: Events | None = None,
) -> Outcome:
    """Run a plan into a folder, taking up what an earlier call left there.

    Parameters
    ----------
    plan : Plan
        Fields and method.
    folder : Path
        The run's folder; made where absent.
    execution : ExecutionSettings
        How and where; changes no result.
    shard : Shard, optional
        Do this share of the fields only, beside other shards; the last to end makes the tables.
    retry : bool
        Process again the fields that failed or crashed.
    max_failures : int, optional
        Give up when more fields than this failed; what is finished is kept.
    notify : Events, optional
        Told what happens; the caller closes it, so that many calls may share a record.

    Raises
    ------
    RunFolderError
        The folder belongs to another run, or another run is writing to it.
    RunAborted
        More fields failed than allowed, the disk is full or gone, or the scheduler is.
    ConfigError
        The method lacks what its assay cannot do without.
    """
    if notify is None:
        with Events() as notify:
            return execute(
                plan,
                folder,
                execution,
                shard=shard,
                retry=retry,
                max_failures=max_failures,
                notify=notify,
            )
    try:
        outcome = _execute(plan, folder, execution, shard, retry, max_failures, notify)
    except BaseException as error:
        name = type(error).__name__
        notify.tell(RunAborted(exit_code_of(error), name, sentence_of(error)))
        raise
    notify.tell(
        RunFinished(
            outcome.exit_code,
            outcome.counts,
            outcome.n_processed,
            outcome.n_resumed,
            outcome.n_missing,
            round(outcome.seconds, 3),
            outcome.has_tables,
        )
    )
    return outcome


def _execute(
    plan: Plan,
    folder: Path,
    execution: ExecutionSettings,
    shard: Shard | None,
    retry: bool,
    max_failures: int | None,
    notify: Events,
) -> Outcome:
    start = time.perf_counter()
    plan.method.check_complete()
    _check_files(plan, shard)
    with saying_what_failed(folder):
        with runfolder.locked(folder, shard):
            work = _look(plan, folder, shard, retry, notify)
            notify.tell(_started(work, shard))
            if shard is not None:
                counts = _share(work, execution, max_failures, notify)
            else:
                counts = _whole(work, execution, max_failures, notify)
        of_all = counts if shard is None else _last_out(plan, folder, notify)
    return Outcome(
        folder,
        of_all or counts,
        len(work.open_fields),
        len(work.fields) - len(work.open_fields),
        len(plan.missing),
        time.perf_counter() - start,
        has_tables=of_all is not None,
    )


def _check_files(plan: Plan, shard: Shard | None) -> None:
    """Refuse a saved plan whose files have changed, before anything is written."""
    if plan.stamps is not None:
        places = range(len(plan.fields))
        own = places if shard is None else shard.of(places)
        plan.stamps.check(((place, plan.fields[place]) for place in own), plan.root)


def _started(work: WorkList, shard: Shard | None) -> RunStarted:
    return RunStarted(
        run=str(work.folder),
        images=str(work.plan.root),
        shard=str(shard) if shard else None,
        n_fields=len(work.fields),
        n_open=len(work.open_fields),
        command=shlex.join(["monolayer", *sys.argv[1:]]),
        host=socket.gethostname(),
        process=os.getpid(),
        version=runfolder.program_version(),
    )


def _look(plan: Plan, folder: Path, shard: Shard | None, retry: bool, notify: Events) -> WorkList:
    """Make the folder this plan's, and see what is open. Only for a holder of the folder."""
    runfolder.claim(folder, plan.root, plan.layout, plan.method)
    notify.record_in(folder)
    identity = _identity(plan)
    flats = _flat_fields(plan, folder, notify)
    fields = plan.fields if shard is None else shard.of(plan.fields)
    # A shard signs its own fields only: a thousand of them that ask for the size of every file
    # would be the whole run's questions a thousand times over.
    signatures = Signatures(
        (
            field.field_id,
            source_signature(field, plan.root, identity + flats.get(field.plate, "")),
        )
        for field in fields
    )
    ledger = _intact_ledger(folder)
    open_fields = PackedFields(
        field for field in fields if _is_open(ledger.get(signatures[field.field_id]), retry)
    )
    tables_of = _tables_of(plan, signatures) if shard is None else ""
    return WorkList(plan, folder, fields, open_fields, signatures, tables_of, retry)


def _whole(
    work: WorkList,
    execution: ExecutionSettings,
    max_failures: int | None,
    notify: Events,
    mended: tuple[Path, ...] = (),
) -> dict[str, int]:
    """Do what is open and make the tables, unless that was done before and they are there."""
    record = runfolder.read_record(work.folder)
    if work.open_fields or record.get("tables_of") != work.tables_of or not _tables_there(work):
        share_an_allocator()
        from monolayer.engine.process import process

        try:
            process(work, execution, max_failures, notify)
        except DamagedPartError as damaged:
            if damaged.folder in mended:
                raise
            _take_away(damaged)
            again = _look(work.plan, work.folder, None, work.retry, notify)
            return _whole(again, execution, max_failures, notify, (*mended, damaged.folder))
        record = runfolder.read_record(work.folder)
    counts: dict[str, int] = record["counts"]
    return counts


def _tables_there(work: WorkList) -> bool:
    """Whether every table is there, and a file of objects for every plate: by name, unread."""
    plates = (*work.plan.fields, *work.plan.missing)
    names = {*_TABLES, *(objects_path(plate) for plate in {field.plate for field in plates})}
    return all((work.folder / name).is_file() for name in names)


def _intact_ledger(folder: Path) -> Ledger:
    """Find what the parts hold; one that something has damaged is as good as none."""
    while True:
        try:
            return ledger_of(folder)
        except DamagedPartError:
            # Another shard may have taken it away by now, and put the same work in its place.
            with runfolder.alone(folder):
                try:
                    return ledger_of(folder)
                except DamagedPartError as damaged:
                    _take_away(damaged)


def _take_away(damaged: DamagedPartError) -> None:
    log.warning("%s: was damaged and is taken away; its fields are done anew.", damaged.folder)
    discard(damaged.folder)


def _share(
    work: WorkList, execution: ExecutionSettings, max_failures: int | None, notify: Events
) -> dict[str, int]:
    """Do what is open of a shard's fields; return how its fields stand."""
    if work.open_fields:
        share_an_allocator()
        from monolayer.engine.process import process_share

        process_share(work, execution, max_failures, notify)
    ledger = ledger_of(work.folder)
    states = Counter(ledger[work.signatures[field.field_id]].state for field in work.fields)
    return {str(state): states[str(state)] for state in State}


def _last_out(plan: Plan, folder: Path, notify: Events) -> dict[str, int] | None:
    """Make the tables where no other shard is at work and no field is open; else leave it."""
    try:
        with runfolder.locked(folder):
            # Elements that run one after the other each come here: a plan of a million fields is
            # not signed a thousand times to learn that most of it is not begun.
            if len(ledger_of(folder)) < len(plan.fields):
                return None
            work = _look(plan, folder, None, False, notify)
            return None if work.open_fields else _whole(work, HERE, None, notify)
    except RunFolderError:
        return None  # another shard holds the folder, and will be the last one out


def _is_open(entry: LedgerEntry | None, retry: bool) -> bool:
    return entry is None or (retry and entry.state in FAILURES)


def _identity(plan: Plan) -> str:
    """What makes two pieces of work the same besides the files and their plate's flat field.

    Method, version, and the segmenter with its weights, whose absence is an error here, before the
    first field.
    """
    identity = f"{plan.method.sha256} {runfolder.program_version()} {runfolder.FORMAT}"
    if plan.method.uses("segment"):
        identity += f" {segmenter_identity(plan.method.segment)}"
    return identity


def _flat_fields(plan: Plan, folder: Path, notify: Events) -> dict[str, str]:
    """Hash of each plate's flat fields, estimated now where they are not there."""
    if not plan.method.illumination.enabled:
        return {}
    from monolayer.engine.illumination import make_flat_fields

    notify("illumination", 0, 1)
    return make_flat_fields(folder, plan.fields, plan.root, plan.method)


def _tables_of(plan: Plan, signatures: Signatures) -> str:
    """Name of the tables that this plan makes: equal means they need not be made again."""
    digest = hashlib.sha256()
    for place in range(len(plan.fields)):
        digest.update(signatures.at(place).encode())
    for part in (tuple(plan.missing), plan.listing.incomplete):
        digest.update(repr(part).encode())
    return digest.hexdigest()
