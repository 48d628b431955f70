"""Ways of running chunks: in this process, on Dask workers here, elsewhere, or in jobs.

`contract` says what they promise, `settings` which one is wanted, `window` bounds what Dask is
given at once.
"""

import os
from pathlib import Path

from monolayer.engine.executors.contract import Crashed, Executor
from monolayer.engine.executors.settings import ExecutionSettings, ExecutorName, load_execution

__all__ = [
    "FIELDS_A_WORKER",
    "Crashed",
    "ExecutionSettings",
    "Executor",
    "ExecutorName",
    "default_workers",
    "load_execution",
    "make_executor",
]

FIELDS_A_WORKER = 24


def default_workers(n_fields: int | None = None) -> int:
    """One worker a usable processor, but not more than the fields can keep busy.

    Worker processes take some seconds to start; a small run is done sooner without them.
    """
    processors = len(os.sched_getaffinity(0))
    return processors if n_fields is None else max(1, min(processors, n_fields // FIELDS_A_WORKER))


def make_executor(settings: ExecutionSettings, n_fields: int, logs: Path | None = None) -> Executor:
    """Make the executor that the settings ask for, to run so many fields; enter it to start it.

    Jobs of a batch system leave their own output in `logs`.
    """
    if settings.scheduler is not None:
        from monolayer.engine.executors.address import AtAddress

        return AtAddress(settings.scheduler)
    if settings.executor not in ("auto", "serial", "dask"):
        from monolayer.engine.executors.jobqueue import JobQueue

        return JobQueue(settings, n_fields, logs)
    workers = min(settings.workers or default_workers(n_fields), max(1, n_fields))
    if settings.executor == "serial" or (settings.executor == "auto" and workers == 1):
        from monolayer.engine.executors.serial import Serial

        return Serial()
    from monolayer.engine.executors.local import LocalDask

    return LocalDask(workers)
