"""Shards in a Slurm job array, with no scheduler but Slurm: killed, requeued, doubled."""

import shlex
from pathlib import Path

import pytest

from .conftest import PATIENCE, Runs
from .slurm_server import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SHARD = "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"


def submit_array(runs: Runs, run: Path, shards: int) -> str:
    """Shards of the plate; gives the array's id."""
    command = shlex.join(runs.command(run, "--executor", "serial")) + f" --shard {SHARD}"
    return runs.slurm.call(
        "sbatch", "--parsable", "--requeue", f"--array=1-{shards}",
        f"--output={run.parent}/%a.out", "--wrap", command,
    )  # fmt: skip


@pytest.mark.usefixtures("slow_fields")
def test_an_array_with_one_element_requeued_and_one_cancelled(runs: Runs, tmp_path: Path) -> None:
    """What a cancelled element leaves is done by the job that comes after the array."""
    run = tmp_path / "RUN"
    array = submit_array(runs, run, 4)
    command = shlex.join(runs.command(run, "--executor", "serial"))
    after = runs.slurm.call(
        "sbatch", "--parsable", f"--dependency=afterany:{array}", "-o", "/dev/null",
        "--wrap", command,
    )  # fmt: skip
    # Not the first part: an element may be done with all its fields by then.
    wait_for("a field under way", lambda: any((run / "attempts").glob("*")))
    hit = {f"{array}_2", f"{array}_3"}
    wait_for("elements 2 and 3", lambda: hit <= set(runs.slurm.jobs("RUNNING")))
    runs.slurm.call("scancel", f"{array}_3")
    runs.slurm.call("scontrol", "requeue", f"{array}_2")
    runs.slurm.restart_now(f"{array}_2")
    wait_for("the last job's end", lambda: not runs.slurm.jobs(), PATIENCE)
    states = {i: runs.slurm.job(f"{array}_{i}")["JobState"] for i in range(1, 5)}
    assert states == {1: "COMPLETED", 2: "COMPLETED", 3: "CANCELLED", 4: "COMPLETED"}
    assert runs.slurm.job(after)["JobState"] == "COMPLETED"
    runs.check(run)


@pytest.mark.usefixtures("slow_fields")
def test_an_array_on_a_node_that_dies_while_its_orphans_go_on(runs: Runs, tmp_path: Path) -> None:
    """Both copies of the node's shards write at the same time, and one set of tables comes out."""
    run = tmp_path / "RUN"
    array = submit_array(runs, run, 2)
    wait_for("the first part", lambda: runs.parts(run))
    host = {i: runs.slurm.job(f"{array}_{i}")["BatchHost"] for i in (1, 2)}
    with runs.slurm.node_lost(host[1]):
        assert orphans(runs), "nothing lived on"
        wait_for("the array's end", lambda: not runs.slurm.jobs(), PATIENCE)
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
