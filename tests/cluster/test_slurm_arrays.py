"""Shards in a Slurm job array, with no scheduler but Slurm: killed, requeued, doubled."""

import shlex
from pathlib import Path

import pytest

from .conftest import Runs
from .slurm_server import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SHARD = "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"


def submit_array(runs: Runs, run: Path, *options: str) -> str:
    """Four shards of the plate; gives the array's id."""
    command = shlex.join(runs.command(run, "--executor", "serial")) + f" --shard {SHARD}"
    return runs.slurm.call(
        "sbatch", "--parsable", "--requeue", "--array=1-4", f"--output={run.parent}/%a.out",
        *options, "--wrap", command,
    )  # fmt: skip


@pytest.mark.usefixtures("slow_images")
def test_an_array_with_one_element_requeued_and_one_cancelled(runs: Runs, tmp_path: Path) -> None:
    """What a cancelled element leaves is done by the job that comes after the array."""
    run = tmp_path / "RUN"
    array = submit_array(runs, run)
    command = shlex.join(runs.command(run, "--executor", "serial"))
    after = runs.slurm.call(
        "sbatch", "--parsable", f"--dependency=afterany:{array}", "-o", "/dev/null",
        "--wrap", command,
    )  # fmt: skip
    wait_for("the first part", lambda: runs.parts(run))
    runs.slurm.call("scancel", f"{array}_3")
    runs.slurm.call("scontrol", "requeue", f"{array}_2")
    wait_for("its return", lambda: f"{array}_2" in runs.slurm.jobs("PENDING"))
    runs.slurm.call("scontrol", "update", f"jobid={array}_2", "starttime=now")
    wait_for("the last job's end", lambda: not runs.slurm.jobs(), 150)
    states = {i: runs.slurm.job(f"{array}_{i}")["JobState"] for i in range(1, 5)}
    assert states == {1: "COMPLETED", 2: "COMPLETED", 3: "CANCELLED", 4: "COMPLETED"}
    assert runs.slurm.job(f"{array}_2")["Restarts"] == "1"
    assert runs.slurm.job(after)["JobState"] == "COMPLETED"
    runs.check(run)


@pytest.mark.usefixtures("slow_images")
def test_an_array_on_a_node_that_dies_while_its_orphans_go_on(runs: Runs, tmp_path: Path) -> None:
    """Both copies of the node's shards write at the same time, and one set of tables comes out."""
    run = tmp_path / "RUN"
    array = submit_array(runs, run)
    wait_for("the first part", lambda: runs.parts(run))
    host = {i: runs.slurm.job(f"{array}_{i}")["BatchHost"] for i in range(1, 5)}
    with runs.slurm.node_lost(host[1]):
        wait_for("the second copies", lambda: len(runs.slurm.jobs("RUNNING")) == 4)
        assert orphans(runs), "nothing lived on"
        wait_for("the array's end", lambda: not runs.slurm.jobs(), 150)
    states = {runs.slurm.job(f"{array}_{i}")["JobState"] for i in host}
    assert states == {"COMPLETED"}
    for i in host:
        restarts = runs.slurm.job(f"{array}_{i}")["Restarts"]
        assert restarts == ("1" if host[i] == host[1] else "0")
    wait_for("the orphans' end", lambda: not orphans(runs))
    runs.check(run)


def orphans(runs: Runs) -> list[int]:
    """First copies that live on: Slurm counts the restarts in a job's environment."""
    every = runs.slurm.processes("SLURM_ARRAY_TASK_ID=")
    return sorted(set(every) - set(runs.slurm.processes("SLURM_RESTART_COUNT=")))
