"""Ways of running chunks: in this process, or in Dask's one-thread worker processes.

Each takes chunks and yields what became of them, in any order; tables do not depend on it.
Dask is given a bounded window of chunks, never the whole run: a million fields are not a
million futures. A worker that dies takes down at most the window; its chunks are tried again
field by field, and a field that kills its worker every time is handed back as crashed.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

__all__ = ["Crashed", "default_workers", "run_serially", "run_with_dask"]

Work = Callable[[Any], Any]
WINDOW_PER_WORKER = 3
FIELDS_A_WORKER = 24
# A dead worker is restarted by its nanny in 1.5 to 3 s; after rapid deaths nannies can give up
# altogether and every wait would last for ever, so the driver looks after them itself.
WATCH_SECONDS = 5.0


class Crashed:
    """A chunk whose worker died on it each time."""

    def __init__(self, chunk: Any) -> None:
        self.chunk = chunk


def default_workers(n_fields: int | None = None) -> int:
    """One worker a usable processor, but not more than the fields can keep busy.

    Worker processes take some seconds to start; a small run is done sooner without them.
    """
    processors = len(os.sched_getaffinity(0))
    return processors if n_fields is None else max(1, min(processors, n_fields // FIELDS_A_WORKER))


def run_serially(work: Work, chunks: Iterable[Any]) -> Iterator[Any]:
    """Run chunks one after the other in this process."""
    return map(work, chunks)


def run_with_dask(
    work: Work, chunks: Iterable[Any], workers: int, window: int | None = None
) -> Iterator[Any]:
    """Run chunks on Dask worker processes of one thread each, a bounded window at a time.

    Parameters
    ----------
    work : callable
        Takes a chunk; runs in a worker.
    chunks : iterable
        Drawn as workers come free.
    workers : int
        Number of processes.
    window : int, optional
        Chunks under way at once; a few per worker if left out.
    """
    with _cluster(workers) as (client, cluster):
        under_way = window or workers * WINDOW_PER_WORKER
        for chunk, future in _windowed(client, work, iter(chunks), under_way):
            if future is None:
                _revive(cluster, workers)
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


def _revive(cluster: Any, workers: int) -> None:
    if len(cluster.scheduler.workers) < workers:
        cluster.scale(workers)


def _outcome(future: Any, chunk: Any) -> Any:
    from distributed import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        return Crashed(chunk)
    return future.result()


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what Dask's nannies, which live in this process, do to its environment.

    They leave the workers' variables behind, and numba then refuses to compile ("Cannot set
    NUMBA_NUM_THREADS to a different value") in the notebook that asked for the run.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _cluster(workers: int) -> Iterator[tuple[Any, Any]]:
    import dask.config
    from distributed import Client, LocalCluster

    settings = {
        # Dask's own default hands every temporary array back to the system, which halves the
        # throughput of image code; one thread each for numba, BLAS and OpenMP.
        "distributed.nanny.pre-spawn-environ": {
            "NUMBA_NUM_THREADS": 1, "OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1,
            "OPENBLAS_NUM_THREADS": 1, "OPENCV_FOR_THREADS_NUM": 1,
        },
        "distributed.worker.memory.terminate": False,
        "distributed.scheduler.allowed-failures": 1,
    }  # fmt: skip
    with (
        _environment_kept(),
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client, cluster
