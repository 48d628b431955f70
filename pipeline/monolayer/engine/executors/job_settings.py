"""What one job of a batch system asks for.

The keys are dask-jobqueue's own. Those that this project sets or relies on are checked here; all
others that dask-jobqueue knows go through to it as they are.
"""

import re
from typing import Any

from pydantic import ConfigDict, field_validator, model_validator
from pydantic import Field as Setting

from monolayer.settings import Settings

__all__ = ["JobSettings", "lifetime_seconds", "seconds_of"]

LIFETIME_MARGIN = 0.1
LIFETIME_MARGIN_SECONDS = (60.0, 600.0)
_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
          "d": 86400, "day": 86400}  # fmt: skip


class JobSettings(Settings):
    """What one job of a batch system asks for: dask-jobqueue's own keys, and a few of ours."""

    model_config = ConfigDict(extra="allow")

    cores: int | None = Setting(default=None, ge=1)
    """Processors of a job, each of which gets one worker process of one thread. Default: 1."""

    processes: int | None = Setting(default=None, ge=1)
    """Worker processes of a job: as many as cores, whichever of the two is given."""

    memory: str | None = None
    """Memory of a job, shared by its workers, such as 16GB. Default: 2GB a core. What a worker
    needs is said by `monolayer plan`."""

    walltime: str | None = None
    """Longest time that a job may run, as the batch system writes it, such as 04:00:00."""

    queue: str | None = None
    """Partition or queue. Default: the system's own."""

    account: str | None = None
    """Whom the system charges for it."""

    interface: str | None = None
    """Network interface by which jobs and this process reach each other, such as ib0."""

    minimum_jobs: int = Setting(default=0, ge=0)
    """Jobs that are kept to the run's end, even when the last fields need fewer."""

    maximum_jobs: int | None = Setting(default=None, ge=1)
    """Jobs at the same time, at most; `workers` (all jobs' together) wins. Default: 1."""

    lifetime: str | None = None
    """Time after which a worker ends by itself and a new job takes its place, such as 50m.
    Default: the walltime less a tenth (at least one minute, at most ten)."""

    lifetime_stagger: str | None = None
    """Random time, either way, by which the workers' lifetimes differ, so that not all end
    together. Default: a quarter of what the lifetime leaves of the walltime."""

    start_timeout_s: float | None = Setting(default=None, gt=0)
    """Give up, with exit code 4, when no job has started after so many seconds. Default: wait."""

    job_script_prologue: tuple[str, ...] = ()
    """Lines of shell before the workers start, such as `module load python`."""

    worker_extra_args: tuple[str, ...] = ()
    """More options of `dask worker`."""

    @field_validator("walltime", mode="before")
    @classmethod
    def _walltime_is_text(cls, given: Any) -> Any:
        """Refuse YAML's reading of 04:00:00 without quotes: sexagesimal, 14400."""
        if isinstance(given, int):
            raise ValueError('put the time in quotes, such as "04:00:00"')
        return given

    @field_validator("lifetime", "lifetime_stagger")
    @classmethod
    def _is_a_time(cls, given: str | None) -> str | None:
        if given is not None:
            seconds_of(given)
        return given

    @model_validator(mode="after")
    def _one_thread_a_worker(self) -> "JobSettings":
        if self.cores and self.processes and self.cores != self.processes:
            raise ValueError(
                f"a worker is one process of one thread, so {self.processes} processes need as "
                f"many cores, not {self.cores}; leave one of the two out"
            )
        if self.maximum_jobs is not None and self.minimum_jobs > self.maximum_jobs:
            raise ValueError(
                f"minimum_jobs {self.minimum_jobs} is more than maximum_jobs {self.maximum_jobs}"
            )
        return self

    @property
    def passed_on(self) -> dict[str, Any]:
        """What was given and is dask-jobqueue's own business."""
        ours = {"minimum_jobs", "maximum_jobs", "lifetime", "lifetime_stagger", "start_timeout_s",
                "job_script_prologue", "worker_extra_args", "cores", "processes"}  # fmt: skip
        given = self.model_dump(exclude=ours)
        return {name: value for name, value in given.items() if value is not None}


def seconds_of(text: str) -> float:
    """Read a time as batch systems or Dask write it.

    ``D-HH:MM:SS``, ``D-HH:MM``, ``HH:MM:SS``, ``MM:SS``, ``MM``, ``50m``, ``2 hours``. Of two
    numbers with a colon the shorter reading counts (Slurm's minutes and seconds, not LSF's hours
    and minutes): a lifetime that is too short costs a little, one that is too long costs the
    work in flight.

    Raises
    ------
    ValueError
        It is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*", text.lower())
    if found and found[2] in _UNITS:
        return float(found[1]) * _UNITS[found[2]]
    split = re.fullmatch(r"\s*(?:(\d+)-)?(\d+(?::\d+){0,2})\s*", text)
    if not split:
        raise ValueError(f"{text!r} is no time; give one such as 50m or 04:00:00")
    parts = [int(part) for part in split[2].split(":")]
    if split[1] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        return int(split[1]) * 86400 + hours * 3600 + minutes * 60 + seconds
    hours, minutes, seconds = (0, *parts, 0)[:3] if len(parts) < 3 else parts
    return hours * 3600 + minutes * 60 + seconds


def lifetime_seconds(job: JobSettings, walltime: str | None) -> tuple[float, float] | None:
    """Lifetime and stagger of a worker in seconds; None where nothing limits a job's time.

    Parameters
    ----------
    job : JobSettings
        What was asked for.
    walltime : str or None
        Of a job; dask-jobqueue's configuration may know it where `job` does not.
    """
    if walltime is None and job.lifetime is None:
        return None
    whole = seconds_of(walltime) if walltime else float("inf")
    least, most = LIFETIME_MARGIN_SECONDS
    margin = min(max(LIFETIME_MARGIN * whole, least), most, whole / 2)
    lifetime = seconds_of(job.lifetime) if job.lifetime else whole - margin
    left = min(whole - lifetime, lifetime)
    stagger = seconds_of(job.lifetime_stagger) if job.lifetime_stagger else max(left, 0) / 4
    return lifetime, stagger
