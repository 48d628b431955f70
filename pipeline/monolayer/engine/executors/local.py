"""Dask's worker processes on this machine, of one thread each."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from types import TracebackType
from typing import Any

from monolayer.engine.executors.contract import Work
from monolayer.engine.executors.warm import warm_up
from monolayer.engine.executors.window import (
    SCHEDULER_SETTINGS,
    WINDOW_PER_WORKER,
    WORKER_ENVIRONMENT,
    run_windowed,
)

__all__ = ["LocalDask"]

_OF_NUMBA = "NUMBA_NUM_THREADS"


class LocalDask:
    """Worker processes of this machine.

    Parameters
    ----------
    workers : int
        How many.
    """

    isolated = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._open = ExitStack()
        self._starting: Future[tuple[Any, Any]] | None = None

    def run(self, work: Work, chunks: Iterable[Any], window: int | None = None) -> Iterator[Any]:
        """Run chunks, a bounded window at a time."""
        under_way = window or self.workers * WINDOW_PER_WORKER
        return run_windowed(self._started()[0], work, chunks, under_way, self._revive)

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {
            "executor": "dask",
            "workers": self.workers,
            "dashboard": self._started()[1].dashboard_link if self._starting else None,
        }

    def __enter__(self) -> "LocalDask":
        """Begin to start the workers; whoever asks for them first waits for them."""
        import distributed  # noqa: F401  here, so that the thread imports next to nothing

        # They take some seconds, and so does what their caller has to import meanwhile.
        thread = self._open.enter_context(ThreadPoolExecutor(1))
        self._starting = thread.submit(self._start, self._open.enter_context(ExitStack()))
        return self

    def _start(self, until_the_end: ExitStack) -> tuple[Any, Any]:
        return until_the_end.enter_context(_cluster(self.workers))

    def _started(self) -> tuple[Any, Any]:
        """Client and cluster."""
        assert self._starting is not None
        return self._starting.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._starting is not None:
            wait([self._starting])
        self._open.close()

    def _revive(self) -> None:
        """Start workers again whose nannies gave up."""
        cluster = self._started()[1]
        if len(cluster.scheduler.workers) < self.workers:
            cluster.scale(self.workers)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what Dask's nannies, which live in this process, do to its environment.

    They leave the workers' variables behind.
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

    settings = SCHEDULER_SETTINGS | {
        # What is set before a worker starts is set in this process as well, for libraries that
        # look once, when they are loaded. Numba looks whenever it compiles and, once it has
        # threads, refuses another number: a viewer could draw no layer beside its workers.
        "distributed.nanny.pre-spawn-environ": {
            name: value for name, value in WORKER_ENVIRONMENT.items() if name != _OF_NUMBA
        },
        "distributed.nanny.environ": {_OF_NUMBA: WORKER_ENVIRONMENT[_OF_NUMBA]},
        # Results travel through files: there is nothing to spill, and a worker that pauses when
        # the system is short of memory may never go on.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }
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
        # Left by another thread than entered, where `with Client` would not have it.
        closing(Client(cluster)) as client,
    ):
        # Each imports and loads what a chunk needs while the driver gets ready to send one.
        warm = [
            client.submit(warm_up, pure=False, workers=[address])
            for address in client.scheduler_info(n_workers=-1)["workers"]
        ]
        yield client, cluster
        del warm
