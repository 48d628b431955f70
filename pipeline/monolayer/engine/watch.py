"""Acquisitions as they arrive: look, take in what is at rest, renew the tables, look again.

A round is an ordinary ``run`` over the files that are at rest; what is still being written is as if
it were not there. Fields that are planned and not here yet are awaited, and no row speaks of them
until their plate has been quiet for the deadline: then they are missing.
"""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field as Setting

from monolayer.engine.arrivals import Arrivals
from monolayer.engine.events import (
    Events,
    FieldsAwaited,
    FieldsMissing,
    FilesSeen,
    RoundFailed,
    RoundStarted,
    WatchFinished,
    WatchStarted,
)
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.plan import make_plan
from monolayer.engine.plates import Plates
from monolayer.engine.run import HERE, Outcome, execute
from monolayer.engine.runfolder import watched
from monolayer.errors import FolderBusyError, MonolayerError, RunAborted, RunFolderError
from monolayer.field import Field
from monolayer.method import Method
from monolayer.packed import PackedFields
from monolayer.settings import Settings

__all__ = ["Order", "WatchSettings", "watch"]

NAMED = 50
LONGEST_PAUSE_S = 5.0
SHORTEST_PAUSE_S = 0.05


class WatchSettings(Settings):
    """When files are taken in, and when what is missing is called so."""

    settle_s: float = Setting(default=30.0, ge=0)
    """Seconds for which a file must not change before it is read."""
    every_s: float = Setting(default=60.0, ge=0)
    """Shortest pause between two rounds, in seconds."""
    deadline_s: float = Setting(default=7200.0, ge=0)
    """Seconds after a plate's last new file at which planned fields that are not here are called
    missing."""
    until_complete: bool = False
    """End when nothing is awaited any more."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to do with what arrives.

    Attributes
    ----------
    images, run_folder : Path
        The image folder, and the run's.
    method : Method
        Settings of every stage.
    layout : str
        As for `make_plan`; named, a first odd file cannot decide it.
    select : str or None
        As for `make_plan`.
    execution : ExecutionSettings
        How and where.
    retry : bool
        Process again, in the first round, the fields that failed.
    max_failures : int or None
        Give up when more fields than this failed in a round.
    """

    images: Path
    run_folder: Path
    method: Method
    layout: str = "auto"
    select: str | None = None
    execution: ExecutionSettings = HERE
    retry: bool = False
    max_failures: int | None = None


def watch(
    order: Order, settings: WatchSettings, events: Events, *, once: bool = False
) -> Outcome | None:
    """Take in acquisitions as they arrive.

    Parameters
    ----------
    order : Order
        What to do.
    settings : WatchSettings
        When.
    events : Events
        Told what happens; the last one is `WatchFinished`, with the exit code.
    once : bool
        One round over what is at rest now, then leave.

    Returns
    -------
    Outcome or None
        Of the last round; None where nothing was there to be taken in.

    Raises
    ------
    FolderBusyError
        Another watch is at it (or, once, a run).
    RunAborted
        More fields failed than allowed.
    KeyboardInterrupt
        Stopped in the middle of a round; what is finished is kept.
    RunFolderError
        The run's folder is another run's.
    MonolayerError, OSError
        Only once: a round could not be done. A watch that goes on tells it and tries again.
    """
    with watched(order.run_folder):
        watcher = _Watcher(order, settings, events)
        events.tell(
            WatchStarted(
                str(order.images),
                str(order.run_folder),
                settings.settle_s,
                settings.deadline_s,
                settings.every_s,
                socket.gethostname(),
                os.getpid(),
            )
        )
        try:
            why = watcher.once() if once else watcher.go_on()
        except KeyboardInterrupt:
            if watcher.was_cut_short:
                events.tell(WatchFinished(4, "stopped", watcher.rounds))
                raise
            why = "stopped"
        finally:
            watcher.save()
        events.tell(WatchFinished(watcher.exit_code, why, watcher.rounds))
    return watcher.outcome


class _Watcher:
    def __init__(self, order: Order, settings: WatchSettings, events: Events) -> None:
        self.order, self.settings, self.events = order, settings, events
        self.arrivals = Arrivals(order.images, settings.settle_s)
        self.outcome: Outcome | None = None
        self.was_cut_short = False
        self.rounds = 0
        self.taken: dict[str, str] = {}
        self.awaited: list[str] = []
        self.missing: list[str] = []
        self.all_planned_here = False
        self.wake_at: float | None = None
        self.look_s = 0.0
        self.round_ended = -settings.every_s
        self.last_failure = ""

    @property
    def exit_code(self) -> int:
        if self.missing:
            return 3
        return self.outcome.exit_code if self.outcome else 0

    @property
    def is_complete(self) -> bool:
        return self.all_planned_here and not self.arrivals.unsettled

    def once(self) -> str:
        """Take in what is at rest: since the last call's look, or over a wait in this one."""
        if not self.arrivals.load(self.order.run_folder):
            self._look()
            time.sleep(self.settings.settle_s)
        self._look()
        self._round()
        return "complete" if self.is_complete else "once"

    def go_on(self) -> str:
        """Look and take in, again and again."""
        self.arrivals.load(self.order.run_folder)
        while True:
            try:
                self._look()
                if self._is_due():
                    self._round()
            except RunAborted as error:
                if self.order.max_failures is not None:
                    raise
                self._failed(error)
            except FolderBusyError as error:
                self._failed(error)
            except RunFolderError:
                raise  # another run's folder: no later look will mend that
            # A network disk that is gone for a moment, first files that fit no layout yet: what a
            # later look may find mended.
            except (MonolayerError, OSError) as error:
                self._failed(error)
            if self.settings.until_complete and self.is_complete:
                return "complete"
            # A folder of a hundred thousand files takes a second to look at.
            pause = min(max(self.settings.settle_s / 4, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
            time.sleep(max(pause, 4 * self.look_s))

    def save(self) -> None:
        """Leave word for the next call, and for who asks how it stands."""
        # Without it the next call waits a little longer: a full disk is told where it matters.
        with suppress(OSError):
            if self.arrivals.files:
                self.arrivals.save(self.order.run_folder, awaited=self.awaited)

    def _look(self) -> None:
        began = time.monotonic()
        if self.arrivals.look():
            unsettled = sorted(self.arrivals.unsettled)
            n = len(self.arrivals.files) - len(unsettled)
            self.events.tell(FilesSeen(n, len(unsettled), unsettled[:NAMED]))
        self.look_s = time.monotonic() - began

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self.round_ended < self.settings.every_s:
            return False
        overdue = self.wake_at is not None and now >= self.wake_at
        # Files that went are no reason: instruments tidy up after themselves.
        return overdue or bool(self.arrivals.settled.items() - self.taken.items())

    def _round(self) -> None:
        settled = self.arrivals.settled
        if not self.arrivals.has_images:
            return
        self.rounds += 1
        try:
            self._take_in()
        except KeyboardInterrupt:
            self.was_cut_short = True
            raise
        finally:
            self.round_ended = time.monotonic()
        self.taken, self.last_failure = settled, ""
        self.save()

    def _take_in(self) -> None:
        order = self.order
        out = self.arrivals.unsettled | self.arrivals.temporary
        found = make_plan(order.images, order.method, order.layout, order.select, out)
        plates = Plates(found, self.arrivals, self.settings.deadline_s)
        kept = PackedFields(field for field in found.fields if plates.is_ready(field))
        missing = tuple(field for field in found.missing if plates.is_overdue(field.plate))
        waiting = [field for field in found.fields if not plates.is_ready(field)]
        waiting += [field for field in found.missing if not plates.is_overdue(field.plate)]
        self._note(plates, waiting, missing)
        if kept:
            held = len(found.fields) - len(kept)
            self.events.tell(RoundStarted(self.rounds, len(kept), held))
            self.outcome = execute(
                replace(found, fields=kept, missing=missing),
                order.run_folder,
                order.execution,
                retry=order.retry and self.rounds == 1,
                max_failures=order.max_failures,
                notify=self.events,
            )

    def _note(self, plates: Plates, waiting: Sequence[Field], missing: Sequence[Field]) -> None:
        """Tell what is awaited and what is missing where that is news; set the alarm."""
        awaited = [field.field_id for field in waiting]
        gone = [field.field_id for field in missing]
        if awaited != self.awaited:
            self.events.tell(FieldsAwaited(len(awaited), awaited[:NAMED]))
        if gone != self.missing:
            self.events.tell(FieldsMissing(len(gone), gone[:NAMED]))
        self.awaited, self.missing = awaited, gone
        self.all_planned_here = not awaited and plates.are_complete
        matters = None if self.settings.until_complete else {field.plate for field in waiting}
        left = plates.next_deadline_s(matters)
        self.wake_at = None if left is None else time.monotonic() + left

    def _failed(self, error: MonolayerError | OSError) -> None:
        """Tell a failure once, however often it is met again."""
        if str(error) != self.last_failure:
            self.events.tell(RoundFailed(self.rounds, type(error).__name__, str(error)))
        self.last_failure = str(error)
