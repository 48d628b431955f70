"""Which jobs there should be, and what became of those there were.

Decided here and not by Dask's Adaptive, which leaves holes through which a run hangs for ever
(read in distributed 2026.8 and dask-jobqueue 0.9): a refused submission counts as a job and is
never repeated; a job that ends before its worker has registered is never replaced; nor is any
job of several worker processes. Adaptive also guesses the load from the tasks it is given, which
are a bounded window; the engine knows it.
"""

import logging
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from monolayer.errors import RunAborted

__all__ = ["Jobs", "Queued", "queue_of", "recording"]

log = logging.getLogger(__name__)

COMMAND_SECONDS = 30.0
LOST_SECONDS = 60.0
RETRY_SECONDS = 30.0
STILLBORN = 5
SAY_AFTER_SECONDS, SAY_AGAIN_SECONDS = 30.0, 600.0


@dataclass(frozen=True, slots=True)
class Queued:
    """A job as the batch system lists it."""

    state: str
    reason: str


def queue_of(system: str) -> dict[str, Queued] | None:
    """List the user's jobs by id; None where the system cannot be asked, or does not answer.

    Slurm only: the other systems' listings differ from site to site, and a wrong reading would
    take living jobs for dead.
    """
    if system != "slurm":
        return None
    command = ["squeue", "-h", "-u", str(os.getuid()), "-o", "%A|%T|%r"]
    try:
        done = subprocess.run(  # noqa: S603  found on PATH as sbatch is
            command, capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = (line.split("|", 2) for line in done.stdout.splitlines())
    return {job_id: Queued(state, reason) for job_id, state, reason in lines}


def recording(job_cls: Any, refusals: dict[str, str]) -> Any:
    """Make a job class that notes a refused submission instead of raising it into Dask's loop.

    There it would only be logged, and the job counted as running.
    """

    class RecordingJob(job_cls):  # type: ignore[misc]
        async def start(self) -> None:
            from distributed.core import Status

            try:
                await super().start()
            except (OSError, RuntimeError, ValueError) as error:
                refusals[self.name] = _said(error)
                self.status = Status.running

    return RecordingJob


class Jobs:
    """Keeps as many jobs as are wanted.

    Parameters
    ----------
    cluster : dask_jobqueue.JobQueueCluster
        Started; its jobs are of a `recording` class.
    refusals : dict of str to str
        What that class notes: job name to the batch system's sentence.
    list_queue : callable
        Lists the batch system's jobs: see `queue_of`.
    a_job : int
        Worker processes of one job.
    start_timeout_s : float, optional
        Give up when no job has started for so long.
    """

    def __init__(
        self,
        cluster: Any,
        refusals: dict[str, str],
        list_queue: Callable[[], dict[str, Queued] | None],
        a_job: int,
        start_timeout_s: float | None = None,
    ) -> None:
        self._cluster = cluster
        self._refusals = refusals
        self._list_queue = list_queue
        self._a_job = a_job
        self._start_timeout_s = start_timeout_s
        self._last_seen: dict[str, float] = {}
        self._stillborn = 0
        self._submitted = time.monotonic()
        self._idle_since: float | None = time.monotonic()
        self._said = time.monotonic() - SAY_AGAIN_SECONDS + SAY_AFTER_SECONDS

    def submit(self, wanted: int, seconds: float = COMMAND_SECONDS) -> str | None:
        """Submit the first jobs; return the batch system's sentence when it refuses them all."""
        self._cluster.scale(jobs=wanted)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asked = list(self._cluster.worker_spec)
            if asked and all(name in self._refusals for name in asked):
                return next(iter(self._refusals.values()))
            if any(self._job_id(name) for name in asked):
                return None
            time.sleep(0.05)
        return None  # slow to answer is not a refusal

    def tend(self, wanted: int) -> None:
        """Replace the jobs that ended, and bring their number to what is wanted.

        Raises
        ------
        RunAborted
            Jobs end one after the other before a worker arrives, or none starts in time.
        """
        now, arrived = time.monotonic(), self._arrived()
        self._last_seen |= dict.fromkeys(arrived, now)
        names = set(self._cluster.worker_spec)
        missing = names - arrived
        queue = self._list_queue() if missing else None
        gone = {name for name in missing if self._is_gone(name, queue, now)}
        self._count_stillborn(gone, bool(arrived))
        surplus = len(names) - len(gone) - wanted
        self._close(gone | set(self._dispensable(names - gone, arrived, surplus)))
        unsubmitted = set(self._cluster.worker_spec) - set(self._cluster.workers)
        if surplus < 0 or unsubmitted:
            self._submitted = now
            self._cluster.scale(jobs=max(wanted, len(self._cluster.worker_spec)))
        self._say(bool(arrived), queue, wanted, now)

    def ids(self) -> list[str]:
        """The batch system's ids of the jobs there are."""
        found = (self._job_id(name) for name in list(self._cluster.worker_spec))
        return sorted(job_id for job_id in found if job_id)

    def _arrived(self) -> set[str]:
        """Names of jobs with a worker that the scheduler knows."""
        return {self._job_of(str(worker.name)) for worker in self._workers()}

    def _workers(self) -> list[Any]:
        return list(self._cluster.scheduler.workers.values())

    def _job_of(self, worker_name: str) -> str:
        return worker_name if self._a_job == 1 else worker_name.rpartition("-")[0]

    def _job_id(self, name: str) -> str | None:
        job_id = getattr(self._cluster.workers.get(name), "job_id", None)
        return str(job_id) if job_id else None

    def _is_gone(self, name: str, queue: dict[str, Queued] | None, now: float) -> bool:
        if name in self._refusals:
            return now - self._submitted > RETRY_SECONDS
        job_id = self._job_id(name)
        if job_id is None:
            return False  # being submitted
        if queue is not None:
            return job_id not in queue
        seen = self._last_seen.get(name)
        return seen is not None and now - seen > LOST_SECONDS

    def _count_stillborn(self, gone: Iterable[str], any_arrived: bool) -> None:
        died = [name for name in gone if name not in self._last_seen | self._refusals]
        self._stillborn = 0 if any_arrived else self._stillborn + len(died)
        if self._stillborn >= STILLBORN:
            raise RunAborted(
                f"{self._stillborn} jobs in a row ended before their worker reached this process; "
                "the jobs' own output (the run's logs folder) says why: often a Python that the "
                "nodes do not see, or a network that needs job.interface."
            )

    def _dispensable(self, names: set[str], arrived: set[str], surplus: int) -> list[str]:
        """Jobs that can go: those that wait first, then those whose workers have nothing to do."""
        if surplus <= 0:
            return []
        busy = {self._job_of(str(w.name)) for w in self._workers() if w.processing}
        waiting = sorted(names - arrived, reverse=True)
        return [*waiting, *sorted(arrived & names - busy, reverse=True)][:surplus]

    def _close(self, names: set[str]) -> None:
        if names:
            for name in names:
                self._refusals.pop(name, None)
                self._last_seen.pop(name, None)
            close = self._cluster.scale_down
            self._cluster.sync(close, names, callback_timeout=COMMAND_SECONDS)

    def _say(
        self, any_arrived: bool, queue: dict[str, Queued] | None, wanted: int, now: float
    ) -> None:
        """Say why nothing starts, now and then; give up where that was asked for."""
        if any_arrived or not wanted:
            self._idle_since = None
            return
        self._idle_since = self._idle_since or now
        waited = now - self._idle_since
        why = self._why(queue)
        if self._start_timeout_s is not None and waited > self._start_timeout_s:
            raise RunAborted(
                f"no job started in {waited:.0f} s (job.start_timeout_s): {why}; what is finished "
                "is kept, and the same command goes on from there."
            )
        if waited > SAY_AFTER_SECONDS and now - self._said > SAY_AGAIN_SECONDS:
            self._said = now
            log.warning("no job has started for %.0f s: %s; waiting on.", waited, why)

    def _why(self, queue: dict[str, Queued] | None) -> str:
        if self._refusals:
            return f"the batch system refuses them ({next(iter(self._refusals.values()))})"
        ids = self.ids()
        listed = [queue[job_id] for job_id in ids if queue and job_id in queue]
        if not listed:
            return f"jobs {', '.join(ids) or 'none'} were submitted"
        told = sorted({f"{item.state.lower()}: {item.reason}" for item in listed})
        return f"jobs {', '.join(ids)} are {', '.join(told)}"


def _said(error: Exception) -> str:
    """The batch system's own words out of dask-jobqueue's account of the command."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not on this machine's PATH; run where jobs are submitted"
    found = re.search(r"stderr:\n(.*?)\s*$", str(error), re.DOTALL)
    words = found[1] if found and found[1] else str(error)
    return " ".join(words.split())
