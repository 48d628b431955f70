"""A bounded window of chunks over any Dask client: a million fields are not a million futures.

A worker that dies takes down at most the window, and `Crashed` says so. Every wait ends after
some seconds, so that whoever owns the workers can look after them: nannies give up after rapid
deaths, and a wait without a limit would then last for ever.
"""

import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from monolayer.engine.executors.batching import send_at_once
from monolayer.engine.executors.contract import Crashed, Work
from monolayer.errors import RunAborted

__all__ = ["SCHEDULER_SETTINGS", "WINDOW_PER_WORKER", "WORKER_ENVIRONMENT", "run_windowed"]

WINDOW_PER_WORKER = 3
WATCH_SECONDS = 5.0
_LOST = object()

SCHEDULER_SETTINGS = {
    # The first death is told at once: the attempts' records say better whose fault it was.
    "distributed.scheduler.allowed-failures": 0,
    # It goes by the wall clock, and clocks jump; whoever starts the workers sees them die.
    "distributed.scheduler.worker-ttl": None,
    # Watching itself took 4 % of a processor from the workers: ticks 50 times a second, counters
    # of every disk, a profile of every worker's stack 100 times a second.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.profile.enabled": False,
}
"""For schedulers that we start."""

WORKER_ENVIRONMENT = {
    "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1", "ZARR_THREADING__MAX_WORKERS": "1",
}  # fmt: skip
"""What every worker process is started with. Not in it: Dask's own MALLOC_TRIM_THRESHOLD_, which
hands every temporary array back to the system and halves the throughput of image code."""


def run_windowed(
    client: Any, work: Work, chunks: Iterable[Any], window: int, look_after: Callable[[], None]
) -> Iterator[Any]:
    """Run chunks on a client's workers.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    work : callable
        Takes a chunk; runs in a worker.
    chunks : iterable
        Drawn as workers come free.
    window : int
        Chunks under way at once.
    look_after : callable
        Called every few seconds in which nothing was finished.

    Raises
    ------
    RunAborted
        The scheduler is gone, and with it all that was under way.
    Exception
        What a chunk raised.
    """
    send_at_once()
    source, under_way = iter(chunks), dict[Any, Any]()
    while True:
        for chunk in islice(source, window - len(under_way)):
            under_way[_submitted(client, work, chunk)] = chunk
        if not under_way:
            return
        ended = _ended(list(under_way))
        if not ended:
            look_after()
        for future in ended:
            outcome = _outcome(future, under_way[future])
            if outcome is _LOST:
                look_after()
                continue
            del under_way[future]
            yield outcome


def _submitted(client: Any, work: Work, chunk: Any) -> Any:
    # A client whose scheduler is gone would take work for a scheduler that may come back.
    if client.status != "running":
        raise _scheduler_gone(client)
    return client.submit(_do, work, _sealed(chunk), pure=False)


def _do(work: Work, chunk: bytes) -> bytes:
    send_at_once()
    return _sealed(work(_opened(chunk)))


def _sealed(content: Any) -> bytes:
    """Chunks and answers as Dask sees them: one string of bytes.

    Its scheduler opens what it is sent and keeps it in cycles that Python's collector finds late:
    as objects they were 100 MB in the driver of 100,000 fields.
    """
    return zlib.compress(pickle.dumps(content), 1)


def _opened(content: bytes) -> Any:
    return pickle.loads(zlib.decompress(content))  # noqa: S301 - what our own processes sent


def _ended(futures: list[Any]) -> set[Any]:
    """Futures that have come to an end, whichever; none if none has within some seconds."""
    from distributed import CancelledError, wait
    from distributed import TimeoutError as WaitTimeout

    try:
        waited: Any = wait(futures, timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED")
    except WaitTimeout:
        return set()
    except CancelledError:
        raise _scheduler_gone(futures[0].client) from None
    ended: set[Any] = waited.done
    return ended


def _outcome(future: Any, chunk: Any) -> Any:
    """What a chunk gave; `_LOST` where a worker died with the answer, and it is done again."""
    from distributed import CancelledError, KilledWorker
    from distributed import TimeoutError as WaitTimeout

    try:
        error = future.exception(timeout=WATCH_SECONDS)
    except WaitTimeout:
        return _LOST
    except CancelledError as cancelled:
        error = cancelled
    if isinstance(error, KilledWorker):
        return Crashed(chunk)
    if isinstance(error, CancelledError):
        raise _scheduler_gone(future.client) from None
    if error is not None:
        raise error
    try:
        return _opened(future.result(timeout=WATCH_SECONDS))
    except WaitTimeout:
        return _LOST
    except CancelledError:
        raise _scheduler_gone(future.client) from None


def _scheduler_gone(client: Any) -> RunAborted:
    address = client.scheduler.address if client.scheduler else "its address"
    return RunAborted(
        f"The Dask scheduler at {address} is gone; what is finished is kept: start it again, or "
        "leave --scheduler out, and run the same command again."
    )
