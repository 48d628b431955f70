"""Which jobs are replaced, given back or waited for, on a batch system made of dictionaries."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from monolayer.engine.executors import jobs as module
from monolayer.engine.executors.jobqueue import JobQueue
from monolayer.engine.executors.jobs import STILLBORN, Jobs, Queued
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.errors import RunAborted

RUNNING = Queued("RUNNING", "None")


class Batch:
    """As much of dask-jobqueue's cluster as `Jobs` uses, and the batch system behind it."""

    def __init__(self, a_job: int = 1) -> None:
        self.a_job = a_job
        self.worker_spec: dict[str, None] = {}
        self.workers: dict[str, Any] = {}
        self.scheduler = SimpleNamespace(workers={})
        self.queue: dict[str, Queued] = {}
        self.refused: dict[str, str] = {}
        self.refuses = False
        self.submitted = 0

    def scale(self, jobs: int) -> None:
        while len(self.worker_spec) < jobs:
            name, self.submitted = f"J-{self.submitted}", self.submitted + 1
            self.worker_spec[name] = None
            self.workers[name] = SimpleNamespace(job_id=None if self.refuses else f"id-{name}")
            if self.refuses:
                self.refused[name] = "no such partition"
            else:
                self.queue[f"id-{name}"] = Queued("PENDING", "Resources")

    def scale_down(self, names: set[str]) -> None:
        for name in names:
            del self.worker_spec[name], self.workers[name]
            self.queue.pop(f"id-{name}", None)

    def sync(self, function: Callable[..., None], *given: Any, callback_timeout: float) -> None:
        function(*given)

    def arrive(self, name: str, busy: bool = True) -> None:
        self.queue[f"id-{name}"] = RUNNING
        suffixes = [""] if self.a_job == 1 else [f"-{i}" for i in range(self.a_job)]
        for suffix in suffixes:
            worker = SimpleNamespace(name=name + suffix, processing={1} if busy else {})
            self.scheduler.workers[name + suffix] = worker

    def end(self, name: str) -> None:
        self.queue.pop(f"id-{name}", None)
        for worker in [w for w in self.scheduler.workers if w.startswith(name)]:
            del self.scheduler.workers[worker]

    def jobs(self, **options: Any) -> Jobs:
        return Jobs(self, self.refused, lambda: dict(self.queue), self.a_job, **options)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass for the module alone."""
    now = [1000.0]
    told = SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep)
    monkeypatch.setattr(module, "time", told)

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


@pytest.mark.parametrize("a_job", [1, 3])
def test_a_job_that_ended_is_replaced(a_job: int) -> None:
    batch = Batch(a_job)
    jobs = batch.jobs()
    assert jobs.submit(2) is None
    batch.arrive("J-0")
    batch.arrive("J-1")
    jobs.tend(2)
    assert batch.submitted == 2
    batch.end("J-0")
    jobs.tend(2)
    assert set(batch.worker_spec) == {"J-1", "J-2"}


def test_a_job_that_waits_or_starts_is_left_alone() -> None:
    batch = Batch()
    jobs = batch.jobs()
    jobs.submit(3)
    batch.queue["id-J-1"] = RUNNING
    for _ in range(20):
        jobs.tend(3)
    assert batch.submitted == 3


def test_waiting_jobs_are_given_back_first_then_idle_ones_never_busy_ones() -> None:
    batch = Batch()
    jobs = batch.jobs()
    jobs.submit(4)
    batch.arrive("J-0", busy=False)
    batch.arrive("J-1")
    batch.arrive("J-2")
    jobs.tend(3)
    assert set(batch.worker_spec) == {"J-0", "J-1", "J-2"}
    jobs.tend(1)
    assert set(batch.worker_spec) == {"J-1", "J-2"}


def test_jobs_that_all_die_at_their_start_end_the_run() -> None:
    batch = Batch()
    jobs = batch.jobs()
    jobs.submit(1)
    for i in range(STILLBORN - 1):
        batch.end(f"J-{i}")
        jobs.tend(1)
    batch.end(f"J-{STILLBORN - 1}")
    with pytest.raises(RunAborted, match="logs"):
        jobs.tend(1)
    assert batch.submitted == STILLBORN


def test_jobs_that_die_at_their_start_beside_living_ones_do_not() -> None:
    batch = Batch()
    jobs = batch.jobs()
    jobs.submit(2)
    batch.arrive("J-0")
    for i in range(1, 3 * STILLBORN):
        batch.end(f"J-{i}" if i > 1 else "J-1")
        jobs.tend(2)
    assert batch.submitted > STILLBORN


def test_a_refusal_of_all_is_told_and_a_later_one_tried_again(
    clock: Callable[[float], None],
) -> None:
    batch = Batch()
    batch.refuses = True
    assert batch.jobs().submit(2) == "no such partition"
    batch = Batch()
    jobs = batch.jobs()
    jobs.submit(1)
    batch.arrive("J-0")
    batch.refuses = True
    jobs.tend(2)
    jobs.tend(2)
    assert batch.submitted == 2, "not again at once"
    batch.refuses = False
    clock(60)
    jobs.tend(2)
    assert set(batch.worker_spec) == {"J-0", "J-2"}


def test_without_a_listing_only_a_job_that_was_there_is_taken_for_lost(
    clock: Callable[[float], None],
) -> None:
    batch = Batch()
    jobs = Jobs(batch, batch.refused, lambda: None, 1)
    jobs.submit(2)
    batch.arrive("J-0")
    jobs.tend(2)
    batch.end("J-0")
    jobs.tend(2)
    assert "J-0" in batch.worker_spec
    clock(120)
    jobs.tend(2)
    assert set(batch.worker_spec) == {"J-1", "J-2"}


def test_a_queue_that_stands_still_is_said_once_and_given_up_when_asked(
    clock: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    batch = Batch()
    jobs = batch.jobs(start_timeout_s=300)
    jobs.submit(1)
    for _ in range(29):
        clock(10)
        jobs.tend(1)
    (record,) = caplog.records
    assert "Resources" in record.getMessage()
    assert "id-J-0" in record.getMessage()
    clock(20)
    with pytest.raises(RunAborted, match="Resources"):
        jobs.tend(1)


def test_a_squeue_that_does_not_answer_is_no_news(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module.queue_of("slurm") is None
    (tmp_path / "squeue").write_text("#!/bin/sh\necho 'slurm_load_jobs error' >&2; exit 1\n")
    (tmp_path / "squeue").chmod(0o755)
    assert module.queue_of("slurm") is None
    (tmp_path / "squeue").write_text("#!/bin/sh\necho '7|PENDING|Resources'\n")
    assert module.queue_of("slurm") == {"7": Queued("PENDING", "Resources")}
    assert module.queue_of("pbs") is None


@pytest.mark.parametrize(
    ("job", "n_fields", "under_way", "wanted"),
    [
        ({"maximum_jobs": 5}, 1000, None, 5),
        ({"maximum_jobs": 5}, 3, None, 3),
        ({"maximum_jobs": 5, "cores": 4}, 1000, None, 5),
        ({"maximum_jobs": 5, "cores": 4}, 1000, 7, 2),
        ({"maximum_jobs": 5, "cores": 4}, 1000, 0, 0),
        ({"maximum_jobs": 5, "minimum_jobs": 2}, 1000, 1, 2),
    ],
)
def test_jobs_are_as_many_as_have_work(
    job: dict[str, int], n_fields: int, under_way: int | None, wanted: int
) -> None:
    """All while fields wait; towards the end as many as the chunks still under way need."""
    pytest.importorskip("dask_jobqueue")
    queue = JobQueue(ExecutionSettings.model_validate({"executor": "slurm", "job": job}), n_fields)
    if under_way is not None:
        list(queue._counted(range(under_way)))
    assert queue._wanted() == wanted
