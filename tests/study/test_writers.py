"""Two writers at once, as real processes: nothing is lost, the trail has one order."""

import os
import pwd
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from monolayer.custody import verify_study
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


KILLED = """
import sys
from datetime import timedelta
from monolayer.study import Study

with Study.open(sys.argv[1]) as study:
    seeded = study.history("V-017").vessel.seeded_at
    for each in range(int(sys.argv[2]), 10_000):
        with study.change("anna", f"change {each}") as change:
            for row in range(ROWS):
                at = seeded + timedelta(minutes=each * ROWS + row)
                change.add("readings", vessel="V-017", at=at, quantity="ph", value=7.3)
        print(each, flush=True)
""".replace("ROWS", str(ROWS := 40))


def test_a_writer_killed_at_any_moment_keeps_what_it_said_was_written(
    study: Study, place: str
) -> None:
    done = -1
    for delay in (0.0, 0.023):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, place, str(done + 1)], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            # A kill between two changes would prove nothing: it falls at odd times within them.
            said = [writer.stdout.readline() for _ in range(3)]
            time.sleep(delay)
            writer.kill()
            said += writer.stdout.readlines()
            writer.wait(PATIENCE)
        told = max(int(line) for line in said if line.endswith(b"\n"))
        n = len(study.rows("readings"))
        # Whole changes, and none that was told is missing; the last may have been killed untold.
        assert n % ROWS == 0
        assert told + 1 <= n // ROWS <= told + 2
        done = n // ROWS - 1
        checked = verify_study(study)
        assert checked.is_intact
        assert not checked.rows


@pytest.mark.parametrize("limit", ["pages", "file"])
def test_a_full_disk_keeps_what_was_there(
    sqlite_study: Study, tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = list(sqlite_study.entries())
    place = tmp_path / "study.db"
    with (
        FULL[limit](place, monkeypatch),
        Study.open(place) as full,
        pytest.raises(StudyError, match=r"disk is full; nothing was written|disk I/O error"),
    ):
        add_lots(full, 300)
    assert list(sqlite_study.entries()) == kept
    assert len(sqlite_study.rows("lots")) == 1
    add_lots(sqlite_study, 2)
    assert verify_study(sqlite_study).is_intact


def add_lots(study: Study, n: int) -> None:
    with study.change("anna", "lots") as change:
        for number in range(n):
            change.add("lots", name=f"L-{number}", note="x" * 400)


@contextmanager
def no_more_pages(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQLite itself finds no room."""
    connected = database._sqlite_connected
    pages = place.stat().st_size // 4096

    def limited(connection: sqlite3.Connection, record: object) -> None:
        connected(connection, record)
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_sqlite_connected", limited)
        yield


@contextmanager
def no_larger_file(place: Path, _: pytest.MonkeyPatch) -> Iterator[None]:
    """The system refuses to write, in the middle of writing the change out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (place.stat().st_size + 8192, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = {"pages": no_more_pages, "file": no_larger_file}


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
