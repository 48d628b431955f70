"""Dask workers in the jobs of a batch system, through dask-jobqueue."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from monolayer.engine.executors.contract import Work
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.executors.window import WINDOW_PER_WORKER, WORKER_ENVIRONMENT, run_windowed
from monolayer.errors import MissingExtraError

__all__ = ["CLUSTERS", "JobQueue"]

CLUSTERS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "htcondor": "HTCondorCluster",
}


class JobQueue:
    """Jobs of one worker process each.

    Parameters
    ----------
    settings : ExecutionSettings
        Which batch system, how many workers, and what a job asks for.
    """

    isolated = True

    def __init__(self, settings: ExecutionSettings) -> None:
        self.settings = settings
        self.workers = settings.workers or 1
        self._open = ExitStack()
        self._client: Any = None
        self._cluster: Any = None

    def run(self, work: Work, chunks: Iterable[Any], window: int | None = None) -> Iterator[Any]:
        """Run chunks, a bounded window at a time."""
        under_way = window or self.workers * WINDOW_PER_WORKER
        return run_windowed(self._client, work, chunks, under_way, lambda: None)

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {
            "executor": self.settings.executor,
            "workers": self.workers,
            "dashboard": self._cluster.dashboard_link,
        }

    def __enter__(self) -> "JobQueue":
        try:
            import dask_jobqueue
        except ImportError:
            raise MissingExtraError.named("dask-jobqueue", "cluster") from None
        from distributed import Client

        asked = {"cores": 1, "processes": 1, "memory": "4GB"} | self.settings.job
        prologue = [f"export {name}={value}" for name, value in WORKER_ENVIRONMENT.items()]
        make = getattr(dask_jobqueue, CLUSTERS[self.settings.executor])
        cluster = make(**asked, job_script_prologue=prologue)
        self._cluster = self._open.enter_context(cluster)
        self._client = self._open.enter_context(Client(self._cluster))
        self._cluster.scale(self.workers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
