"""docs/cluster.md: its files load, its scripts run on the tests' Slurm."""

import re
import sys
from pathlib import Path

import pytest

from monolayer.engine.executors.job_script import job_script
from monolayer.engine.executors.job_settings import JobSettings
from monolayer.engine.executors.settings import load_execution

from .conftest import PATIENCE, PROJECT, Runs
from .slurm_server import wait_for

PAGE = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)


def test_the_pages_files_load(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    systems = set()
    for text in blocks("yaml"):
        (tmp_path / "cluster.yaml").write_text(text)
        settings = load_execution(tmp_path / "cluster.yaml")
        assert "dask_worker" in job_script(settings)
        systems.add(settings.executor)
    assert systems == {"slurm", "pbs", "lsf", "sge", "htcondor"}


def test_the_pages_keys_are_the_settings_own() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert len(rows) >= 9
    assert set(rows) <= set(JobSettings.model_fields)


@pytest.mark.slurm
@pytest.mark.slow
def test_the_pages_job_and_array_run(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job on one node and the array with its dependent job, word for word."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{Path('/usr/bin')}:/bin")
    _, job, _, array, submit = blocks("sh")
    for name, script in {"job": job, "array": array}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "IMAGES").symlink_to(runs.images)
        (folder / f"{name}.sh").write_text(script)
    runs.slurm.call("bash", "-ec", submit, folder=tmp_path / "array")
    runs.slurm.call("sbatch", "job.sh", folder=tmp_path / "job")
    wait_for("the jobs' end", lambda: not runs.slurm.jobs(), PATIENCE)
    runs.check(tmp_path / "array" / "RUN")
    runs.check(tmp_path / "job" / "RUN")
    (said,) = (tmp_path / "array").glob("tables-*.out")
    assert "Nothing to do" in said.read_text()
