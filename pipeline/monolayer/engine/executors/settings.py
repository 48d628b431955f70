"""How and where a run is executed. No part of a result's identity: tables do not depend on it."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field as Setting
from pydantic import ValidationError

from monolayer.engine.executors.job_settings import JobSettings
from monolayer.errors import ConfigError
from monolayer.settings import Settings
from monolayer.settings_file import load_yaml, sentence

__all__ = ["ExecutionSettings", "ExecutorName", "load_execution"]

ExecutorName = Literal["auto", "serial", "dask", "slurm", "pbs", "lsf", "sge", "htcondor"]


class ExecutionSettings(Settings):
    """How and where a run is executed."""

    executor: ExecutorName = "auto"
    """serial (this process), dask (one-thread worker processes on this machine, or the workers of
    `scheduler`), or jobs of slurm, pbs, lsf, sge or htcondor. auto: dask, or serial where there
    are few fields or one worker."""

    scheduler: str | None = None
    """Address of a Dask scheduler that runs already, such as tcp://node7:8786."""

    workers: int | None = Setting(default=None, ge=1)
    """Worker processes; empty: one a processor, fewer for small runs."""

    field_timeout_s: float = Setting(default=600.0, gt=0)
    """Longest that one field may take, in seconds; then its worker is ended and its row says so."""

    max_memory_mb: float = Setting(default=1000.0, ge=600)
    """Memory that one worker may take, in megabytes (10**6 bytes); bounds how much of a scan is
    read at once."""

    job: JobSettings = JobSettings()
    """What one job of a batch system asks for, by dask-jobqueue's own names."""


def load_execution(path: Path | None = None, **options: Any) -> ExecutionSettings:
    """Read an execution file; options that are not None win over it.

    Raises
    ------
    ConfigError
        One sentence that names the file, the key and the mend.
    """
    data = {} if path is None else load_yaml(path, "--cluster", "docs/cluster.md")
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("scheduler") and "executor" not in given:
        given["executor"] = "dask"
    try:
        settings = ExecutionSettings.model_validate(data | given)
    except ValidationError as error:
        told = sentence(error.errors()[0], ExecutionSettings)
        raise ConfigError(f"{path or 'execution'}: {told}") from None
    if settings.scheduler is not None and settings.executor not in ("auto", "dask"):
        raise ConfigError(
            f"--scheduler {settings.scheduler} has workers of its own, and executor "
            f"{settings.executor} was asked for as well; leave one of them out."
        )
    return settings
