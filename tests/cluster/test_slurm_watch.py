"""A watch that Slurm starts again and again, by the very script of docs/scheduled.md."""

import re
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import PATIENCE, Runs
from .slurm_server import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "scheduled.md"


def script_of(images: Path, run: Path) -> str:
    """The page's script, with this test's places and shorter times."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    block: str
    (block,) = (text for text in blocks if "#SBATCH" in text)
    for old, new in (
        ("monolayer watch /data/incoming", f"{sys.executable} -m monolayer watch {images}"),
        ("/data/RUN", str(run)),
        ("/data/done.json", f"{run.parent}/done.json"),
        ("now+10minutes", "now+1seconds"),
        ("--settle 30s", "--settle 2s"),
        ("#SBATCH --job-name", f"#SBATCH --output={run.parent}/%j.out --job-name"),
    ):
        assert old in block, old
        block = block.replace(old, new)
    return block


def n_fields(run: Path) -> int:
    path = run / "fields.parquet"
    return pq.ParquetFile(path).metadata.num_rows if path.is_file() else 0


def test_a_job_that_starts_its_successor_takes_in_what_arrives(runs: Runs, tmp_path: Path) -> None:
    images, run, script = tmp_path / "images", tmp_path / "RUN", tmp_path / "watch.sh"
    files = sorted(runs.images.iterdir())
    images.mkdir()
    script.write_text(script_of(images, run))
    for file in files[:20]:
        shutil.copy(file, images)
    first = runs.slurm.call("sbatch", "--parsable", str(script))
    wait_for("the first 20 fields", lambda: n_fields(run) == 20, PATIENCE)
    for file in files[20:]:
        shutil.copy(file, images)
    wait_for("the others", lambda: n_fields(run) == 32 and (run / "report.html").exists(), PATIENCE)
    assert runs.slurm.job(first)["JobState"] == "COMPLETED"
    wait_for("a call that ends", lambda: (tmp_path / "done.json").exists(), PATIENCE)
    runs.slurm.call("scancel", "--name", "monolayer")
    wait_for("the jobs' end", lambda: not runs.slurm.jobs(), PATIENCE)
    runs.check(run)
