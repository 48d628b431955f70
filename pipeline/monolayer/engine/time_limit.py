"""An end to fields that never end: what can be done about it, in a worker and in this process.

A worker that may be ended is ended from outside Python, by the thread that `faulthandler` keeps
in C: it fires also where compiled code holds the interpreter, and writes where it hung. In the
process that asked for the run nothing may be ended: an alarm interrupts what Python waits for
(files, pipes, locks, its own loops), compiled code only when that returns, and nothing at all
outside the main thread.
"""

import faulthandler
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["FieldTimedOut", "ending_this_process", "interrupting"]


class FieldTimedOut(BaseException):
    """A field took longer than it may. No `Exception`, or the first broad except would eat it."""


class _Watch:
    """Ends this process when the first of its fields has passed its time.

    Arming costs 0.07 ms, fields come faster than that: it is armed a little late, and only again
    once that little is used up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, float] = {}
        self._armed: tuple[int, float] | None = None

    def set(self, record: int, seconds: float) -> None:
        with self._lock:
            self._ends[record] = time.monotonic() + seconds
            self._arm(min(1.0, seconds / 20))

    def clear(self, record: int) -> None:
        with self._lock:
            del self._ends[record]
            if self._ends:
                self._armed = None
                self._arm(0.0)
            elif self._armed:
                self._armed = None
                faulthandler.cancel_dump_traceback_later()

    def _arm(self, late: float) -> None:
        record, end = min(self._ends.items(), key=lambda item: item[1])
        if self._armed and self._armed[0] == record and self._armed[1] >= end:
            return
        self._armed = record, end + late
        left = max(0.001, end + late - time.monotonic())
        faulthandler.dump_traceback_later(left, exit=True, file=record)


_watch = _Watch()


@contextmanager
def ending_this_process(record: int, seconds: float) -> Iterator[Callable[[float], None]]:
    """Limit the time between calls of what this yields; past it the process is ended.

    Each call gives the seconds until the next one, or until the block ends.

    Parameters
    ----------
    record : int
        Open file in which the end is told, with where every thread was.
    seconds : float
        The first limit; the end comes up to 5 percent (at most 1 s) later, never before.
    """
    _watch.set(record, seconds)
    try:
        yield lambda allowed: _watch.set(record, allowed)
    finally:
        _watch.clear(record)


@contextmanager
def interrupting(seconds: float) -> Iterator[None]:
    """Raise `FieldTimedOut` in the block when it takes longer, as far as Python can.

    Does nothing outside the main thread, or where somebody else uses the alarm.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGALRM, _raise)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _raise(*_: object) -> None:
    raise FieldTimedOut
