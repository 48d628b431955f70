"""`run --executor slurm` on a real Slurm: the same tables as a serial run, whatever happens."""

import json
import signal
from pathlib import Path

import pytest

from .conftest import Runs
from .slurm_server import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

JOBS = """
executor: slurm
job:
  memory: 1GB
  maximum_jobs: 2
  walltime: "00:20:00"
  interface: lo
"""


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(JOBS)
    return path


def test_a_plate_through_jobs(runs: Runs, jobs_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    runs.finish(runs.start(run, "--cluster", str(jobs_file)))
    runs.check(run)
    (session,) = json.loads((run / "run.json").read_text())["history"]
    assert (session["executor"], session["jobs"], session["workers"]) == ("slurm", 2, 2)
    wait_for("the jobs' end", lambda: not runs.slurm.jobs(), 30)


@pytest.mark.usefixtures("slow_images")
def test_a_cancelled_job_is_replaced_and_nobody_is_blamed(
    runs: Runs, jobs_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(jobs_file))
    wait_for("the first part", lambda: runs.parts(run))
    cancelled = runs.slurm.jobs("RUNNING")
    runs.slurm.call("scancel", *cancelled)
    wait_for("a job in its place", lambda: set(runs.slurm.jobs()) - set(cancelled))
    runs.finish(process)
    runs.check(run)


@pytest.mark.usefixtures("slow_images")
def test_workers_whose_lifetime_ends_are_replaced_and_nobody_is_blamed(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More work than fits into a lifetime, which holds a worker's start and several chunks.
    monkeypatch.setenv("SECONDS_AN_IMAGE", "1")
    (tmp_path / "cluster.yaml").write_text(JOBS + "  lifetime: 14s\n  lifetime_stagger: 1s\n")
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(tmp_path / "cluster.yaml"))
    wait_for("the first job", lambda: runs.slurm.jobs("RUNNING"))
    first = set(runs.slurm.jobs())
    wait_for("the second generation", lambda: set(runs.slurm.jobs()) - first)
    runs.finish(process)
    runs.check(run)


@pytest.mark.usefixtures("slow_images")
def test_a_lost_node_whose_worker_lives_on(runs: Runs, jobs_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(jobs_file))
    wait_for("the first part", lambda: runs.parts(run))
    node = runs.slurm.job(runs.slurm.jobs("RUNNING")[0])["BatchHost"]
    with runs.slurm.node_lost(node):
        runs.finish(process)
    runs.check(run)


@pytest.mark.usefixtures("slow_images")
def test_a_killed_driver_leaves_no_job_and_loses_nothing(
    runs: Runs, jobs_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(jobs_file))
    wait_for("the first part", lambda: runs.parts(run))
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    kept = runs.parts(run)
    wait_for("the jobs' end", lambda: not runs.slurm.jobs())
    runs.finish(runs.start(run, "--cluster", str(jobs_file)))
    runs.check(run)
    assert kept >= 1


def test_a_wrong_partition_is_one_sentence(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(JOBS + "  queue: nowhere\n")
    process = runs.start(tmp_path / "RUN", "--cluster", str(tmp_path / "cluster.yaml"))
    said = runs.finish(process, code=2)
    assert "invalid partition specified: nowhere" in said
    assert "--cluster" in said
    assert "Traceback" not in said


def test_a_job_that_never_starts_is_given_up_with_its_reason(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(JOBS + "  start_timeout_s: 3\n")
    runs.slurm.call("scontrol", "update", "partitionname=main", "state=down")
    try:
        process = runs.start(tmp_path / "RUN", "--cluster", str(tmp_path / "cluster.yaml"))
        said = runs.finish(process, code=4)
    finally:
        runs.slurm.call("scontrol", "update", "partitionname=main", "state=up")
    assert "PartitionDown" in said
    wait_for("the jobs' end", lambda: not runs.slurm.jobs(), 30)
