"""Status: a run asked from another process while it works, when it is done or was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.engine.runfolder import locked
from monolayer.engine.status import status_of
from monolayer.errors import RunFolderError

WritePlate = Callable[..., dict[str, int]]
WAIT_SECONDS = 90.0
# Python's own start-up hook makes every field take its time, so that there is time to look at it.
SLOW = """
import pathlib, time
original = pathlib.Path.open
def open_slowly(self, *options, **more):
    if self.suffix == ".tif" and self.name.startswith("P1_"):
        time.sleep(0.15)
    return original(self, *options, **more)
pathlib.Path.open = open_slowly
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("status") / "images"
    write_plate(folder, wells=("B02", "B03", "B04"), fields=8)
    (folder / "P1_B02_s2_w1.tif").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which fields are slow."""
    hook = tmp_path_factory.mktemp("hook")
    (hook / "sitecustomize.py").write_text(SLOW)
    paths = [str(hook), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def wait_for(condition: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that in time")


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "monolayer", *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def with_some_done(run: Path) -> dict[str, Any] | None:
    """Status of the run once the broken field, and some more, are done."""
    try:
        status = status_of(run)
    except RunFolderError:
        return None
    working = status["holders"] and status["holders"][0]["fields_done"] >= 3
    return status if working and status["state"] == "running" else None


def test_a_live_run_is_asked_and_not_disturbed(
    images: Path, slow: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, done = tmp_path / "RUN", tmp_path / "done.json"
    options = ["--executor", "serial", "--done-file", str(done)]
    with started(slow, "run", str(images), "-o", str(run), *options) as process:
        status = wait_for(lambda: with_some_done(run))
        (holder,) = status["holders"]
        assert holder["process"] == process.pid
        assert holder["executor"] == "serial"
        assert holder["stage"] == "fields"
        assert holder["fields_open"] == status["n_fields"] == 24
        assert holder["fields_per_s"] > 0
        assert holder["seconds_left"] > 0
        assert holder["stage_seconds"]["read"] > 0
        assert 3 <= sum(status["fields"].values()) < 24
        (failure,) = status["failures"]
        assert failure["field_id"] == "P1/B02/2"
        assert "P1_B02_s2_w1.tif" in failure["detail"]
        assert cli(["status", str(run)]) == 3
        said = capsys.readouterr().out
        assert f"process {process.pid} on " in said
        assert "fields/s" in said
        assert "P1/B02/2" in said
        assert not done.exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT_SECONDS) == 4
    assert json.loads(done.read_text())["outcome"] == "aborted"
    after = status_of(run)
    assert after["state"] == "unfinished"
    assert after["holders"] == []
    assert [failure["field_id"] for failure in after["failures"]] == ["P1/B02/2"]


def test_a_killed_process_is_not_at_work(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from monolayer.engine.events import Events\n"
        "events = Events(); events.record_in(Path(sys.argv[1])); events('tables', 0, 1)\n"
        "print('told', flush=True); time.sleep(60)"
    )
    (tmp_path / "run.json").write_text('{"format": 1}')
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        assert status_of(tmp_path)["state"] == "running"
        process.kill()
        process.wait(timeout=WAIT_SECONDS)
    assert status_of(tmp_path)["state"] == "unfinished"


def test_a_watch_stopped_in_the_middle_of_a_round_goes_on(
    images: Path, slow: dict[str, str], tmp_path: Path
) -> None:
    run = tmp_path / "RUN"
    arguments = ("watch", str(images), "-o", str(run), "--settle", "0", "--executor", "serial")
    with started(slow, *arguments) as process:
        assert wait_for(lambda: with_some_done(run))["holders"][0]["is_watch"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT_SECONDS) == 4
    status = status_of(run)
    assert status["state"] == "unfinished"
    kept = sum(status["fields"].values())
    assert kept >= 3
    assert cli([*arguments, "--once", "--json"]) == 3
    last = status_of(run)["history"][-1]
    assert last["n_fields_processed"] == 24 - kept


def test_asking_takes_no_lock_of_the_run(tmp_path: Path) -> None:
    """A run starts while somebody asks all the time."""
    run = tmp_path
    (run / "run.json").write_text('{"format": 1}')
    command = [sys.executable, "-c", "import sys; from pathlib import Path\n"
               "from monolayer.engine.status import status_of\n"
               "print('asking', flush=True)\n"
               f"while True: status_of(Path({str(run)!r}))"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "asking\n"
        for _ in range(50):
            began = time.monotonic()
            with locked(run):
                assert time.monotonic() - began < 0.5
        assert asking.poll() is None
        asking.kill()


def test_shards_are_listed_with_their_states(images: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    options = ["-o", str(run), "--executor", "serial", "--json"]
    assert cli(["run", str(images), *options, "--shard", "1/3"]) == 0
    stopped = ["--shard", "2/3", "--max-failures", "0"]
    assert cli(["run", str(images), *options, *stopped]) == 4
    states = {shard["shard"]: shard["state"] for shard in status_of(run)["shards"]}
    assert states == {"1/3": "done", "2/3": "stopped", "3/3": "not started"}
    assert status_of(run)["state"] == "unfinished"
    assert cli(["run", str(images), *options, "--shard", "3/3"]) == 0
    assert cli(["run", str(images), *options, "--shard", "2/3", "--retry"]) == 3
    status = status_of(run)
    assert [shard["state"] for shard in status["shards"]] == ["done"] * 3
    assert status["state"] == "finished"


def test_following_ends_with_the_run(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "RUN"
    assert cli(["run", str(images), "-o", str(run), "--select", "well=B04", "--json"]) == 0
    capsys.readouterr()
    assert cli(["status", str(run), "--follow"]) == 0
    said = capsys.readouterr().out
    assert said.count(": finished") == 1
    assert "time in workers: read " in said
