"""Two writers at once, as real processes: nothing is lost, the trail has one order."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monolayer.errors import StudyError
from monolayer.record import verify
from monolayer.study import Study, database

from .conftest import SEEDED

CHANGES = 8
PATIENCE = 60

WRITER = """
import sys
from datetime import timedelta
from monolayer.study import Study

place, vessel, number, changes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Study.open(place) as study:
    seeded = study.history(vessel).vessel.seeded_at
    for each in range(changes):
        at = seeded + timedelta(hours=1 + 2 * each + number)
        with study.change("anna", f"writer {number}") as change:
            change.add("acquisitions", vessel=vessel, at=at, n_fields=each)
            change.add("exchanges", vessel=vessel, at=at, volume_ml=1.0 + each)
"""

# Writes more rows than are written at once, and dies with the transaction open.
DYING = """
import os, sys
from datetime import timedelta
from monolayer.study import Study

with Study.open(sys.argv[1]) as study:
    seeded = study.history("V-017").vessel.seeded_at
    with study.change("anna", "dies") as change:
        for each in range(20):
            change.add("acquisitions", vessel="V-017", at=seeded + timedelta(minutes=1 + each))
        change.flush()
        print("written", flush=True)
        os.read(0, 1)
"""


def test_two_processes_lose_nothing(study: Study, place: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, place, "V-017", str(n), str(CHANGES)])
        for n in (0, 1)
    ]
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0]
    history = study.history("V-017")
    assert len(history.acquisitions) == len(history.exchanges) == 2 * CHANGES
    entries = list(study.entries())
    assert verify(entries) == []
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    reasons = [entry["reason"] for entry in entries if entry["reason"].startswith("writer")]
    assert sorted(reasons) == ["writer 0"] * 2 * CHANGES + ["writer 1"] * 2 * CHANGES


def test_a_writer_that_dies_leaves_nothing(study: Study, place: str) -> None:
    before = list(study.entries())
    dying = subprocess.Popen(
        [sys.executable, "-c", DYING, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == b"written\n"
        assert list(study.entries()) == before
        os.kill(dying.pid, signal.SIGKILL)
        dying.wait(PATIENCE)
    with study.change("anna", "after") as change:
        change.add("exchanges", vessel="V-017", at=SEEDED + timedelta(hours=1))
    assert study.history("V-017").acquisitions == ()
    assert [entry["reason"] for entry in study.entries()][len(before) :] == ["after"]
    assert verify(study.entries()) == []


def test_a_busy_study_says_so(study: Study, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1.0)
    with Study.open(place) as other, study.change("anna", "long") as change:
        change.flush()
        began = time.monotonic()
        with pytest.raises(StudyError, match="others have been writing"), other.change("anna", "x"):
            pass
        assert time.monotonic() - began < PATIENCE
        assert len(other.histories()) == 1


def test_a_large_change_does_not_shut_readers_out(study: Study, place: str) -> None:
    with Study.open(place) as other, study.change("anna", "long") as change:
        for number in range(1200):
            change.add("lots", name=f"L-{number}", note="x" * 4000)
        change.flush()
        assert len(other.rows("lots")) == 1
    assert len(study.rows("lots")) == 1201


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A study that this process may not write to, were it root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder) / "study.db"
        # As root this also loads whatever a change needs, from folders that nobody may look into.
        Study.create(place, actor="anna").close()
        Path(folder).chmod(0o755)
        place.chmod(0o444)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        try:
            yield place
        finally:
            if is_root:
                os.seteuid(0)


def test_what_may_not_be_written_says_so(read_only: Path) -> None:
    with (
        Study.open(read_only) as study,
        pytest.raises(StudyError, match="may not be written to"),
        study.change("anna", "x") as change,
    ):
        change.add("lots", name="L1")
