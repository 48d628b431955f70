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
    said = tmp_path / "said"
    wait = f"while [ ! -e {tmp_path}/go ]; do sleep 0.2; done"
    script = f"echo start >> {said}; {wait}; echo end >> {said}"
    job = slurm.call("sbatch", "--parsable", "--requeue", "-o", "/dev/null", "--wrap", script)
    wait_for("the job's start", said.is_file)
    with slurm.node_lost(slurm.job(job)["BatchHost"]):
        wait_for("the second start", lambda: said.read_text().split() == ["start", "start"])
        assert slurm.job(job)["Restarts"] == "1"
        (tmp_path / "go").touch()
        wait_for("both ends", lambda: said.read_text().split().count("end") == 2)
