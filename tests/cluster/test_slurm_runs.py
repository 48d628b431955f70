"""`run --executor slurm` on a real Slurm: the same tables as a serial run, whatever happens."""

import json
import signal
from pathlib import Path

import pytest

from .conftest import PATIENCE, Runs
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


@pytest.mark.usefixtures("slow_fields")
def test_a_cancelled_job_is_replaced_and_nobody_is_blamed(
    runs: Runs, jobs_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(jobs_file))
    wait_for("the first part", lambda: runs.parts(run))
    check_environment(runs)
    cancelled = runs.slurm.jobs("RUNNING")
    runs.slurm.call("scancel", *cancelled)
    wait_for("a job in its place", lambda: set(runs.slurm.jobs()) - set(cancelled))
    runs.finish(process)
    runs.check(run)


def check_environment(runs: Runs) -> None:
    """Workers in jobs have one thread, and not Dask's way of giving memory back."""
    in_jobs = [Path(f"/proc/{pid}") for pid in runs.slurm.processes("SLURM_JOB_ID=")]
    workers = [path for path in in_jobs if b"spawn_main" in (path / "cmdline").read_bytes()]
    assert workers
    for path in workers:
        environment = (path / "environ").read_bytes().split(b"\0")
        assert {b"NUMBA_NUM_THREADS=1", b"OMP_NUM_THREADS=1"} <= set(environment)
        assert not any(text.startswith(b"MALLOC_TRIM_THRESHOLD_") for text in environment)


@pytest.mark.usefixtures("slow_fields")
def test_jobs_whose_workers_lifetime_ends_are_replaced_and_nobody_is_blamed(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of two workers; then Ctrl-C, which takes the jobs along."""
    monkeypatch.setenv("SECONDS_A_FIELD", "2")
    settings = "  cores: 2\n  lifetime: 10s\n  lifetime_stagger: 1s\n"
    (tmp_path / "cluster.yaml").write_text(JOBS.replace("jobs: 2", "jobs: 1") + settings)
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(tmp_path / "cluster.yaml"))
    wait_for("the first job", lambda: runs.slurm.jobs("RUNNING"))
    first = set(runs.slurm.jobs())
    wait_for("the second one", lambda: set(runs.slurm.jobs("RUNNING")) - first, PATIENCE)
    process.send_signal(signal.SIGINT)
    assert "kept" in runs.finish(process, code=4)
    wait_for("the jobs' end", lambda: not runs.slurm.jobs())
    monkeypatch.setenv("SECONDS_A_FIELD", "0")
    runs.finish(runs.start(run, "--executor", "serial"))
    runs.check(run)


@pytest.mark.usefixtures("slow_fields")
def test_a_lost_node_whose_worker_lives_on(runs: Runs, jobs_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    process = runs.start(run, "--cluster", str(jobs_file))
    wait_for("the first part", lambda: runs.parts(run))
    node = runs.slurm.job(runs.slurm.jobs("RUNNING")[0])["BatchHost"]
    with runs.slurm.node_lost(node):
        runs.finish(process)
    runs.check(run)


@pytest.mark.usefixtures("slow_fields")
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
