"""What dask-jobqueue is told: from our settings to its own keywords, one table for all systems."""

import difflib
import inspect
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monolayer.engine.executors.job_settings import JobSettings, lifetime_seconds
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.executors.window import WORKER_ENVIRONMENT
from monolayer.errors import ConfigError, MissingExtraError

__all__ = [
    "CLUSTERS",
    "cluster_class",
    "cluster_keywords",
    "job_script",
    "memory_a_worker",
    "most_jobs",
    "workers_a_job",
]

CLUSTERS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "htcondor": "HTCondorCluster",
}
BYTES_A_WORKER = 2 * 10**9

# What `LocalDask` tells the nannies in this process has to reach those in a job by its
# environment. None takes Dask's own variable away; a worker is not paused for memory that it
# gives back only at its end (it would never be taken up again), but ended near its share, which
# it has to share with its nanny, before the batch system ends the whole job.
_DASK = {
    "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": repr(
        {"MALLOC_TRIM_THRESHOLD_": None} | WORKER_ENVIRONMENT
    ),
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "0.85",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    # A worker's job that a dead node gives back is replaced at once; queued again, it would wait.
    "slurm": {"job_extra_directives": ["--no-requeue"]},
    "htcondor": {"disk": "1GB"},
}


def cluster_class(system: str) -> Any:
    """The batch system's class of dask-jobqueue.

    Raises
    ------
    MissingExtraError
        dask-jobqueue is not installed.
    """
    try:
        with _ctrl_c_kept():
            import dask_jobqueue
    except ImportError:
        raise MissingExtraError.named("dask-jobqueue", "cluster") from None
    return getattr(dask_jobqueue, CLUSTERS[system])


@contextmanager
def _ctrl_c_kept() -> Iterator[None]:
    """Undo that importing dask-jobqueue (0.9) makes Ctrl-C end the program with exit code 0."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def workers_a_job(settings: ExecutionSettings) -> int:
    """Worker processes of one job: the settings', the site's own configuration's, or one."""
    given = settings.job.processes or settings.job.cores or _configured(settings, "cores")
    return int(given or 1)


def most_jobs(settings: ExecutionSettings, n_fields: int) -> int:
    """Jobs at the same time for so many fields, at most."""
    a_job = workers_a_job(settings)
    workers = settings.workers or (settings.job.maximum_jobs or 1) * a_job
    return -(-min(workers, max(1, n_fields)) // a_job)


def memory_a_worker(settings: ExecutionSettings) -> float:
    """Bytes of a job's memory that each of its workers may use."""
    from dask.utils import parse_bytes

    memory = settings.job.memory or _configured(settings, "memory")
    return parse_bytes(memory) / workers_a_job(settings) if memory else BYTES_A_WORKER


def cluster_keywords(settings: ExecutionSettings, logs: Path | None = None) -> dict[str, Any]:
    """Keywords of the batch system's cluster class.

    Parameters
    ----------
    settings : ExecutionSettings
        Which system, and what a job asks for.
    logs : Path, optional
        Folder of the jobs' own output, where the settings name none.

    Raises
    ------
    ConfigError
        The job has a key that neither dask-jobqueue nor monolayer knows.
    MissingExtraError
        dask-jobqueue is not installed.
    """
    job, n = settings.job, workers_a_job(settings)
    keywords: dict[str, Any] = {
        "memory": f"{n * BYTES_A_WORKER}B" if _configured(settings, "memory") is None else None,
        "log_directory": str(logs) if logs else None,
        "job_name": "monolayer",
    }
    keywords |= _with_defaults(settings.executor, job.passed_on)
    keywords |= {"cores": n, "processes": n}
    keywords["worker_extra_args"] = [*job.worker_extra_args, *_lifetime(settings)]
    # The site's lines first: a `module load` may set what must not hold for workers.
    keywords["job_script_prologue"] = [*job.job_script_prologue, *_environment()]
    # Dask's usual port for the dashboard is somebody else's on a login node.
    options = {"dashboard_address": ":0"} | keywords.get("scheduler_options", {})
    keywords["scheduler_options"] = options
    _check_names(settings.executor, keywords)
    return {name: value for name, value in keywords.items() if value is not None}


def job_script(settings: ExecutionSettings, logs: Path | None = None) -> str:
    """The script that would be submitted for each job; the scheduler's address is made up.

    Raises
    ------
    ConfigError, MissingExtraError
        See `cluster_keywords`.
    """
    job_cls = cluster_class(settings.executor).job_cls
    keywords = cluster_keywords(settings, logs)
    known = _names(job_cls)
    chosen = {name: value for name, value in keywords.items() if name in known}
    if logs is not None:
        chosen.pop("log_directory")  # it would be made
    script = job_cls("tcp://SCHEDULER:PORT", name="monolayer-0", **chosen).job_script()
    return str(script)


def _configured(settings: ExecutionSettings, key: str) -> Any:
    """What the site's own file for dask-jobqueue says."""
    cluster_class(settings.executor)  # its import reads the file
    import dask.config

    return dask.config.get(f"jobqueue.{settings.executor}.{key}", None)


def _with_defaults(system: str, given: Mapping[str, Any]) -> dict[str, Any]:
    merged = _DEFAULTS.get(system, {}) | dict(given)
    if system == "slurm":
        # Of two contradictory directives sbatch takes the last: what the site gave.
        ours, theirs = _DEFAULTS[system], given.get("job_extra_directives", [])
        merged["job_extra_directives"] = [*ours["job_extra_directives"], *theirs]
    return merged


def _environment() -> list[str]:
    return [
        *(f"export {name}={value}" for name, value in WORKER_ENVIRONMENT.items()),
        *(f'export {name}="{value}"' for name, value in _DASK.items()),
    ]


def _lifetime(settings: ExecutionSettings) -> list[str]:
    job: JobSettings = settings.job
    found = lifetime_seconds(job, job.walltime or _configured(settings, "walltime"))
    if found is None:
        return []
    lifetime, stagger = found
    return ["--lifetime", f"{lifetime:.0f}s", "--lifetime-stagger", f"{stagger:.0f}s"]


def _names(job_cls: Any) -> set[str]:
    """Keywords of a job class and of its bases."""
    makers = [cls.__init__ for cls in job_cls.__mro__ if "__init__" in vars(cls)]
    found = {name for make in makers for name in inspect.signature(make).parameters}
    return found - {"self", "scheduler", "name", "base_class_kwargs", "args", "kwargs"}


def _check_names(system: str, keywords: Mapping[str, Any]) -> None:
    of_cluster = {
        "scheduler_options", "interface", "protocol", "security", "shared_temp_directory",
        "silence_logs", "config_name",
    }  # fmt: skip
    known = _names(cluster_class(system).job_cls) | of_cluster
    for name in keywords.keys() - known:
        # Slurm and PBS charge an account, LSF and SGE a project.
        ours = {"minimum_jobs", "maximum_jobs", "lifetime", "lifetime_stagger", "start_timeout_s"}
        near = difflib.get_close_matches(name, sorted(known | ours), n=1)
        near = ["project"] if name == "account" else near
        mend = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}."
        raise ConfigError(f"job.{name}: {CLUSTERS[system]} knows no such key; {mend}")
