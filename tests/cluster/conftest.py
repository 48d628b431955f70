"""One Slurm for all tests of a session, where one can be started, and a plate to run on it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..pipeline.conftest import WritePlate, write_plate  # noqa: TID252  plates have one home
from .slurm_server import PROGRAMS, Slurm, start_slurm, wait_for

__all__ = ["write_plate"]

TABLES = ("fields.parquet", "wells.parquet", "plates.parquet", "objects/P1.parquet")
PATIENCE = 240.0
PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A running Slurm, or a skip that says what it lacks."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        pytest.skip(f"no Slurm here ({', '.join(absent)}): apt-get install slurm-wlm munge")
    if os.getuid() != 0:
        pytest.skip("Slurm's daemons are started by root, which this process is not")
    # A socket's path holds 107 bytes: pytest's own temporary folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    running = Slurm(folder)
    try:
        yield start_slurm(folder)
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


# Python's own start-up hook: the note that a field begins, which is one write a field, takes its
# time, so that things can happen to a small plate while it is worked on.
SLOW = """
import os, time
write = os.write
def slowly(descriptor, data):
    if "/attempts/" in os.readlink(f"/proc/self/fd/{descriptor}"):
        time.sleep(float(os.environ["SECONDS_A_FIELD"]))
    return write(descriptor, data)
os.write = slowly
"""


@dataclass
class Runs:
    """Runs of one plate in this session's Slurm, as subprocesses."""

    slurm: Slurm
    images: Path
    undisturbed: Path
    serial_seconds: float
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, run: Path, *options: str) -> subprocess.Popen[str]:
        """Start ``monolayer run`` of the plate into a folder."""
        process = subprocess.Popen(
            self.command(run, *options), env=self.slurm.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # A test suite in the background ignores Ctrl-C, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self.started.append(process)
        return process

    def command(self, run: Path, *options: str) -> list[str]:
        """The command line of a run of the plate into a folder."""
        return [
            sys.executable,
            "-m",
            "monolayer",
            "run",
            str(self.images),
            "-o",
            str(run),
            *options,
        ]

    def finish(self, process: subprocess.Popen[str], code: int = 0) -> str:
        """Wait for a run's end; give what it said on standard error."""
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, said
        return said or ""

    def parts(self, run: Path) -> int:
        """Number of finished parts."""
        return len(list((run / "parts").glob("[!.]*")))

    def check(self, run: Path) -> None:
        """Hold a run's tables against those of an undisturbed one, byte for byte."""
        for name in TABLES:
            assert (run / name).read_bytes() == (self.undisturbed / name).read_bytes(), name


@pytest.fixture(scope="session")
def plate(
    tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate
) -> tuple[Path, Path, float]:
    """A small plate and a serial run of it."""
    folder = tmp_path_factory.mktemp("cluster")
    wells: Sequence[str] = [f"{row}{column:02d}" for row in "BC" for column in range(2, 6)]
    write_plate(folder / "images", wells=wells, fields=4)
    start = time.monotonic()
    command = [sys.executable, "-m", "monolayer", "run", str(folder / "images"), "-o"]
    subprocess.run(
        [*command, str(folder / "RUN"), "--executor", "serial"], check=True, timeout=PATIENCE,
        capture_output=True,
    )  # fmt: skip
    return folder / "images", folder / "RUN", time.monotonic() - start


@pytest.fixture
def runs(slurm: Slurm, plate: tuple[Path, Path, float]) -> Iterator[Runs]:
    """Start runs on the plate; none outlives its test, nor does a job."""
    made = Runs(slurm, *plate)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)
    slurm.call("scancel", "-u", "root")
    wait_for("the jobs' end", lambda: not slurm.jobs(), 30)


@pytest.fixture
def slow_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second more for each field, in all that is started from here."""
    monkeypatch.setenv("SECONDS_A_FIELD", "0.5")
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(SLOW)
    # Before what is there, so that the same sources are found.
    paths = [str(tmp_path / "hook"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
