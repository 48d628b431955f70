"""One Slurm for all tests of a session, where one can be started."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .slurm_server import PROGRAMS, Slurm, start_slurm


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
