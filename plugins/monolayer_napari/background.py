"""Work in one thread of a widget's own, its results brought to the window's thread.

Kernels release the GIL, so the window goes on; what is done in Python meanwhile lets the window
have its turn (`giving_turns`). Work is done in the order in which it was handed in; of a `newest`
kind only the last one that waits is done, and its predecessors are dropped.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

__all__ = ["Background", "giving_turns"]

Then = Callable[[Any], None]

TURN_S = 0.001
_LOCK = Lock()
_BEFORE: list[float] = []


@contextlib.contextmanager
def giving_turns() -> Iterator[None]:
    """Have Python's threads take turns of 1 ms, and not of 5 ms, as long as any of them asks so.

    At 5 ms the window's ticks of 10 ms came within 34 to 46 ms (95 %) while a study was read, at
    1 ms within 14 to 27 ms, on a busy machine.
    """
    with _LOCK:
        _BEFORE.append(sys.getswitchinterval())
        sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        with _LOCK:
            # The first one's is the process's own; the others found 1 ms.
            own = _BEFORE[0]
            _BEFORE.pop()
            if not _BEFORE:
                sys.setswitchinterval(own)


class Background(QObject):
    """A thread and the way back from it.

    Parameters
    ----------
    name : str
        Of the thread.
    parent : QObject, optional
        Whose end is its end.
    """

    done = QtSignal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: Future[Any] | None = None
        self._open = True
        self.done.connect(self._arrived)

    def submit(self, work: Callable[[], Any], then: Then, failed: Then) -> "Future[Any]":
        """Do work in the thread, then hand its result, or what it raised, to the window's."""
        future = self._thread.submit(partial(_aside, work))
        future.add_done_callback(lambda done: self._emit((then, failed, done)))
        return future

    def newest(self, work: Callable[[], Any], then: Then, failed: Then) -> None:
        """Do work as `submit` does, unless newer work comes before it has begun."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.submit(work, then, failed)

    def close(self, *, finish: bool = False) -> None:
        """Take nothing more; what has begun ends, what waits too if asked, and nobody hears of it.

        Parameters
        ----------
        finish : bool
            Whether what waits is done first, rather than dropped.
        """
        self._open = False
        self._thread.shutdown(wait=True, cancel_futures=not finish)

    def _emit(self, what: tuple[Then, Then, "Future[Any]"]) -> None:
        # A window that was closed meanwhile has taken its signals with it.
        with contextlib.suppress(RuntimeError):
            self.done.emit(what)

    def _arrived(self, what: tuple[Then, Then, "Future[Any]"]) -> None:
        then, failed, future = what
        if future.cancelled() or not self._open:
            return
        error = future.exception()
        if error is None:
            then(future.result())
        else:
            failed(error)


def _aside(work: Callable[[], Any]) -> Any:
    with giving_turns():
        return work()
