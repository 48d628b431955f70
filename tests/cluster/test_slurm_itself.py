"""The test suite's Slurm runs jobs, or nothing else here means anything."""

from pathlib import Path

import pytest

from .slurm_server import Slurm, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def test_a_job_runs(slurm: Slurm, tmp_path: Path) -> None:
    said = tmp_path / "said"
    job = slurm.call("sbatch", "--parsable", "-o", "/dev/null", "--wrap", f"hostname > {said}")
    wait_for("the job's end", lambda: slurm.job(job)["JobState"] == "COMPLETED", 20)
    assert said.read_text().strip()


def test_a_killed_nodes_job_starts_again_while_the_orphan_goes_on(
    slurm: Slurm, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    script = f"echo $SLURMD_NODENAME >> {started}; sleep 30; echo end >> {started}"
    job = slurm.call("sbatch", "--parsable", "--requeue", "-o", "/dev/null", "--wrap", script)
    wait_for("the job's start", started.is_file)
    node = started.read_text().strip()
    slurm.kill_node(node)
    wait_for("the second start", lambda: len(started.read_text().split()) == 2, 60)
    assert slurm.job(job)["Restarts"] == "1"
    slurm.start_node(node)
    slurm.call("scancel", job)
