"""`run --executor slurm` on a real Slurm: the same tables as a serial run, whatever happens."""

import json
from pathlib import Path

import pytest

from .conftest import Runs

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
def cluster_file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(JOBS)
    return path


def test_a_plate_through_jobs(runs: Runs, cluster_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    runs.finish(runs.start(run, "--cluster", str(cluster_file)))
    runs.check(run)
    (session,) = json.loads((run / "run.json").read_text())["history"]
    assert (session["executor"], session["jobs"], session["workers"]) == ("slurm", 2, 2)
    assert runs.slurm.jobs() == []
