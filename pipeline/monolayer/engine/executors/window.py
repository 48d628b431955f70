"""A bounded window of chunks over any Dask client: a million fields are not a million futures.

A worker that dies takes down at most the window, and `Crashed` says so. Every wait ends after
some seconds, so that whoever owns the workers can look after them: nannies give up after rapid
deaths, and a wait without a limit would then last for ever.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from monolayer.engine.executors.contract import Crashed, Work

__all__ = ["WINDOW_PER_WORKER", "WORKER_ENVIRONMENT", "run_windowed"]

WINDOW_PER_WORKER = 3
WATCH_SECONDS = 5.0

WORKER_ENVIRONMENT = {
    "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1",
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
    """
    for chunk, future in _windowed(client, work, iter(chunks), window):
        if future is None:
            look_after()
        else:
            yield _outcome(future, chunk)


def _windowed(
    client: Any, work: Work, chunks: Iterator[Any], window: int
) -> Iterator[tuple[Any, Any]]:
    """Keep a window of chunks under way; give each with its future, and None as time passes."""
    from distributed import TimeoutError as WaitTimeout
    from distributed import wait

    under_way = {client.submit(work, c, pure=False): c for c in islice(chunks, window)}
    while under_way:
        try:
            ended: Any = wait(list(under_way), timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED")
        except WaitTimeout:
            yield None, None
            continue
        for future in ended.done:
            chunk = under_way.pop(future)
            for following in islice(chunks, 1):
                under_way[client.submit(work, following, pure=False)] = following
            yield chunk, future


def _outcome(future: Any, chunk: Any) -> Any:
    from distributed import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        return Crashed(chunk)
    return future.result()
