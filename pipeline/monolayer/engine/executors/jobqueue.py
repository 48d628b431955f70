"""Dask workers in the jobs of a batch system (Slurm, PBS, LSF, SGE, HTCondor).

dask-jobqueue writes the job scripts, submits and cancels; `jobs` decides which there should be.
A worker's lifetime ends below its job's walltime, so that no field is blamed for a walltime.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from monolayer.engine.executors.contract import Work
from monolayer.engine.executors.job_script import (
    cluster_class,
    cluster_keywords,
    most_jobs,
    workers_a_job,
)
from monolayer.engine.executors.jobs import Jobs, queue_of, recording
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.executors.window import WINDOW_PER_WORKER, run_windowed
from monolayer.errors import ConfigError

__all__ = ["JobQueue"]

TEND_SECONDS = 5.0
DASK = {
    # Dask cancels a job whose worker has been away for 15 s, and with it a replacement of the same
    # name (seen: every second job ended at its start). `Jobs` looks after them.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    # Jobs are cancelled and preempted, and nobody's field is to blame: a chunk comes back only
    # after it has taken several workers with it. Who was at fault, the attempts' records say.
    "distributed.scheduler.allowed-failures": 3,
}


class JobQueue:
    """Jobs of one-thread worker processes.

    Parameters
    ----------
    settings : ExecutionSettings
        Which batch system, how many workers, and what a job asks for.
    n_fields : int
        Fields to do: more workers than that are not asked for.
    logs : Path, optional
        Folder of the jobs' own output.
    """

    isolated = True

    def __init__(
        self, settings: ExecutionSettings, n_fields: int, logs: Path | None = None
    ) -> None:
        self.settings = settings
        self._logs = logs
        self._a_job = workers_a_job(settings)
        self._most_jobs = most_jobs(settings, n_fields)
        self._window = self.workers * WINDOW_PER_WORKER
        self._under_way, self._all_drawn = 0, False
        self._tended = 0.0
        self._open = ExitStack()
        self._client: Any = None
        self._cluster: Any = None
        self._jobs: Any = None

    @property
    def workers(self) -> int:
        """Worker processes when all jobs run."""
        return self._most_jobs * self._a_job

    def run(self, work: Work, chunks: Iterable[Any], window: int | None = None) -> Iterator[Any]:
        """Run chunks, a bounded window at a time."""
        self._window = window or self.workers * WINDOW_PER_WORKER
        self._under_way, self._all_drawn = 0, False
        for outcome in run_windowed(
            self._client, work, self._counted(chunks), self._window, self._tend
        ):
            self._under_way -= 1
            if time.monotonic() - self._tended > TEND_SECONDS:
                self._tend()
            yield outcome

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {
            "executor": self.settings.executor,
            "workers": self.workers,
            "jobs": self._most_jobs,
            "dashboard": self._cluster.dashboard_link,
        }

    def __enter__(self) -> "JobQueue":
        import dask.config
        from distributed import Client

        kind = cluster_class(self.settings.executor)
        refusals: dict[str, str] = {}
        keywords = cluster_keywords(self.settings, self._logs)
        with ExitStack() as starting:
            starting.enter_context(dask.config.set(DASK))
            self._cluster = starting.enter_context(
                kind(**keywords, job_cls=recording(kind.job_cls, refusals))
            )
            self._client = starting.enter_context(Client(self._cluster))
            self._jobs = Jobs(
                self._cluster,
                refusals,
                lambda: queue_of(self.settings.executor),
                self._a_job,
                self.settings.job.start_timeout_s,
            )
            refused = self._jobs.submit(self._most_jobs)
            if refused is not None:
                raise ConfigError(
                    f"--executor {self.settings.executor}: the jobs were refused: {refused}; "
                    "mend the file of --cluster."
                )
            self._open = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def _counted(self, chunks: Iterable[Any]) -> Iterator[Any]:
        for chunk in chunks:
            self._under_way += 1
            yield chunk
        self._all_drawn = True

    def _tend(self) -> None:
        self._tended = time.monotonic()
        self._jobs.tend(self._wanted())

    def _wanted(self) -> int:
        """Jobs that have something to do, now and when those under way are done."""
        busy = self._under_way if self._all_drawn else self._window
        needed = -(-busy // self._a_job)
        return min(self._most_jobs, max(needed, self.settings.job.minimum_jobs))
