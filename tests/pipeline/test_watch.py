"""Watch: files are taken in when they are whole, whatever way they come, and never before."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.engine import arrivals as arrivals_module
from monolayer.engine.arrivals import Arrivals, is_temporary
from monolayer.engine.events import Events
from monolayer.engine.executors import ExecutionSettings
from monolayer.engine.status import status_of
from monolayer.engine.watch import Order, WatchSettings, watch
from monolayer.errors import RunAborted
from monolayer.method import Method

WritePlate = Callable[..., dict[str, int]]
TABLES = ("fields.parquet", "wells.parquet", "plates.parquet", "objects/P1.parquet")
WAIT_SECONDS = 90.0
HERE = ExecutionSettings(executor="serial")
SETTLE = 0.5


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    """Two wells of three fields, whole, to be copied from."""
    folder = tmp_path_factory.mktemp("watch") / "plate"
    write_plate(folder, wells=("B02", "B03"), fields=3)
    return folder


@pytest.fixture(scope="module")
def undisturbed(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "RUN"
    assert cli(["run", str(plate), "-o", str(run), "--executor", "serial", "--json"]) == 0
    return run


def assert_same_tables(run: Path, other: Path) -> None:
    for name in TABLES:
        assert (run / name).read_bytes() == (other / name).read_bytes(), name


def states(run: Path) -> dict[str, str]:
    rows = pq.read_table(run / "fields.parquet", columns=["field_id", "state"]).to_pylist()
    return {row["field_id"]: row["state"] for row in rows}


def plan_of(folder: Path, sites: int, wells: Sequence[int] = (2, 3), times: int = 1) -> None:
    """Write a MetaXpress plate definition of wells in row B."""
    chosen = ", ".join("TRUE" if column in wells else "FALSE" for column in range(1, 13))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "P1.HTD").write_text(
        '"HTSInfoFile", Version 1.0\n"XWells", 12\n"YWells", 8\n'
        f'"WellsSelection2", {chosen}\n"Sites", TRUE\n"XSites", {sites}\n"YSites", 1\n'
        f'"SiteSelection1", {", ".join(["TRUE"] * sites)}\n"TimePoints", {times}\n'
        '"Waves", FALSE\n"NWavelengths", 1\n"EndFile"\n'
    )


class Told:
    """Remembers events."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def __call__(self, line: Any) -> None:
        self.lines.append(line)

    def of(self, kind: str) -> list[Any]:
        return [line for line in self.lines if line["event"] == kind]


def settings(**more: Any) -> WatchSettings:
    given = {"settle_s": SETTLE, "every_s": 0.0, "deadline_s": 3600.0, "until_complete": True}
    return WatchSettings(**(given | more))


def watch_it(order: Order, settings: WatchSettings, *listeners: Callable[[Any], None]) -> None:
    with Events([*listeners]) as events:
        watch(order, settings, events)


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread meanwhile; what fails there fails the test."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told below
            failed.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=WAIT_SECONDS)
    assert not failed, failed
    assert not thread.is_alive()


def write_slowly(source: Path, target: Path, pieces: int = 6, pause: float = 0.2) -> None:
    """Write a file as a microscope does, flushed piece by piece; shut only at the end."""
    data = source.read_bytes()
    step = len(data) // pieces + 1
    with target.open("wb") as file:
        for start in range(0, len(data), step):
            file.write(data[start : start + step])
            file.flush()
            time.sleep(pause)


def append_slowly(source: Path, target: Path, pieces: int = 5, pause: float = 0.3) -> None:
    """Write a file in pieces, shut between them: on a network disk nobody sees it is open."""
    data = source.read_bytes()
    step = len(data) // pieces + 1
    for start in range(0, len(data), step):
        with target.open("ab") as file:
            file.write(data[start : start + step])
        time.sleep(pause)


def look_until(found: Arrivals, condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.03)
        found.look()


# ------------------------------------------------------------------ which files are at rest


def test_a_growing_file_is_at_rest_after_its_last_piece(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(bytes(600))
    (tmp_path / "in").mkdir()
    found = Arrivals(tmp_path / "in", SETTLE)
    sizes: list[int] = []
    target = tmp_path / "in" / "a.tif"
    with beside(lambda: append_slowly(source, target)):
        end = time.monotonic() + 20
        while "a.tif" not in found.settled:
            assert time.monotonic() < end
            found.look()
            time.sleep(0.03)
        sizes.append(target.stat().st_size)
    assert sizes == [600]


def test_a_file_that_is_open_for_writing_is_not_at_rest(tmp_path: Path) -> None:
    found = Arrivals(tmp_path, 0.2)
    with (tmp_path / "a.tif").open("wb") as file:
        file.write(b"the first half")
        file.flush()
        for _ in range(12):
            time.sleep(0.05)
            found.look()
        assert found.unsettled == {"a.tif"}
    (tmp_path / "b.tif").write_bytes(b"whole")
    with (tmp_path / "b.tif").open("rb"):  # a reader does not matter
        look_until(found, lambda: set(found.settled) == {"a.tif", "b.tif"})


@pytest.mark.parametrize("year", [1980, 2002, 2099])
def test_the_clock_of_the_microscope_does_not_matter(tmp_path: Path, year: int) -> None:
    found = Arrivals(tmp_path, 0.3)
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    os.utime(path, (31_557_600 * (year - 1970),) * 2)
    found.look()
    assert found.unsettled == {"a.tif"}
    look_until(found, lambda: not found.unsettled)
    os.utime(path, (31_557_600 * (year - 1971),) * 2)
    found.look()
    assert found.unsettled == {"a.tif"}


def test_our_own_clock_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    found = Arrivals(tmp_path, 0.3)
    found.look()
    monkeypatch.setattr(time, "time", lambda: 9e9)
    found.look()
    assert found.unsettled == {"a.tif"}
    monkeypatch.setattr(time, "time", lambda: 0.0)
    look_until(found, lambda: not found.unsettled)


def test_a_file_renamed_into_place_is_a_new_one(tmp_path: Path) -> None:
    found = Arrivals(tmp_path, 0.2)
    (tmp_path / "a.tif").write_bytes(b"old!")
    look_until(found, lambda: set(found.settled) == {"a.tif"})
    old = (tmp_path / "a.tif").stat()
    (tmp_path / "a.tif.part").write_bytes(b"new!")
    found.look()
    assert set(found.files) == {"a.tif"}
    os.utime(tmp_path / "a.tif.part", ns=(old.st_atime_ns, old.st_mtime_ns))
    (tmp_path / "a.tif.part").replace(tmp_path / "a.tif")
    assert found.look()
    assert found.unsettled == {"a.tif"}


def test_an_ome_zarr_is_at_rest_as_a_whole(tmp_path: Path) -> None:
    image = tmp_path / "p.zarr" / "A" / "1" / "0"
    (image / "c").mkdir(parents=True)
    (tmp_path / "p.zarr" / "zarr.json").write_text("{}")
    found = Arrivals(tmp_path, 0.2)
    look_until(found, lambda: set(found.settled) == {"p.zarr"})
    (image / "c" / "0").write_bytes(b"pixels")
    assert found.look()
    assert found.unsettled == {"p.zarr"}
    look_until(found, lambda: set(found.settled) == {"p.zarr"})
    (image / "labels" / "nuclei").mkdir(parents=True)
    (image / "labels" / "nuclei" / "0").write_bytes(b"our own")
    assert not found.look()


@pytest.mark.parametrize(
    ("name", "temporary"),
    [("a.tif", False), ("a.tmp.tif", True), ("a.tif.tmp", True), ("~a.tif", True),
     ("a~.tif", True), ("A.PART.TIF", True), ("x/.a.tif", True), ("x.part/a.tif", False),
     ("template.tif", False), ("part.tif", False)],
)  # fmt: skip
def test_names_that_programs_give_to_what_is_not_whole(name: str, temporary: bool) -> None:
    assert is_temporary(name) is temporary


def test_a_look_of_an_earlier_call_counts(tmp_path: Path) -> None:
    images, run = tmp_path / "in", tmp_path / "RUN"
    images.mkdir()
    run.mkdir()
    (images / "a.tif").write_bytes(b"x")
    first = Arrivals(images, 0.2)
    first.look()
    first.save(run)
    time.sleep(0.25)
    (images / "b.tif").write_bytes(b"x")
    second = Arrivals(images, 0.2)
    assert second.load(run)
    second.look()
    assert set(second.settled) == {"a.tif"}
    assert second.unsettled == {"b.tif"}


def test_a_look_before_the_machine_was_started_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, run = tmp_path / "in", tmp_path / "RUN"
    images.mkdir()
    run.mkdir()
    (images / "a.tif").write_bytes(b"x")
    first = Arrivals(images, 0.2)
    first.look()
    first.save(run)
    time.sleep(0.25)
    monkeypatch.setattr(arrivals_module, "_boot", lambda: "another")
    second = Arrivals(images, 0.2)
    assert not second.load(run)
    second.look()
    assert second.unsettled == {"a.tif"}
    assert second.resting_s(["a.tif"]) >= 0.25  # how long it is awaited is known all the same
    (run / ".watch.json").write_text("{half a rec")
    assert not Arrivals(images, 0.2).load(run)


# ------------------------------------------------------------------ a watch that goes on


def test_files_that_come_in_every_way_give_the_tables_of_a_run(
    plate: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Written slowly, in pieces, renamed, moved and by a copy: none is read before it is whole."""
    images, run, told = tmp_path / "in", tmp_path / "RUN", Told()
    plan_of(images, sites=3)
    names = [path.name for path in sorted(plate.iterdir())]

    def acquire() -> None:
        write_slowly(plate / names[0], images / names[0])
        shutil.copy(plate / names[1], images)
        append_slowly(plate / names[2], images / names[2])
        write_slowly(plate / names[3], images / f"{names[3]}.part", pieces=2)
        (images / f"{names[3]}.part").rename(images / names[3])
        (images / "copy.tmp.tif").write_bytes(b"of a program that died")
        shutil.copy(plate / names[4], tmp_path)
        shutil.move(tmp_path / names[4], images / names[4])
        write_slowly(plate / names[5], images / names[5], pieces=3)

    with beside(acquire):
        watch_it(Order(images, run, Method(), execution=HERE), settings(), told)
    assert_same_tables(run, undisturbed)
    assert told.of("field_failed") == []
    assert len(told.of("tables_written")) > 1
    finished = told.lines[-1]
    assert (finished["event"], finished["exit_code"]) == ("watch_finished", 0)
    assert finished["why"] == "complete"
    assert sum(line["n"] for line in told.of("fields_done")) == 6


def test_what_does_not_come_is_awaited_then_missing(plate: Path, tmp_path: Path) -> None:
    images, run, told = tmp_path / "in", tmp_path / "RUN", Told()
    plan_of(images, sites=3)
    for path in sorted(plate.iterdir())[:5]:
        shutil.copy(path, images)
    seen: list[dict[str, str]] = []

    def look(line: Any) -> None:
        if line["event"] == "run_finished":
            seen.append(states(run))

    order = Order(images, run, Method(), execution=HERE)
    watch_it(order, settings(settle_s=0.1, deadline_s=4.0), told, look)
    assert set(seen[0].values()) == {"ok"}
    assert seen[-1]["P1/B03/3"] == "missing"
    assert told.of("fields_awaited")[0]["fields"] == ["P1/B03/3"]
    assert told.of("fields_missing")[0]["fields"] == ["P1/B03/3"]
    assert told.lines[-1]["exit_code"] == 3
    shutil.copy(sorted(plate.iterdir())[5], images)  # late, but not too late
    assert cli(["watch", str(images), "-o", str(run), "--once", "--settle", "0", "--json"]) == 0
    assert states(run)["P1/B03/3"] == "ok"


def test_a_hole_among_neighbours_is_awaited_then_missing(plate: Path, tmp_path: Path) -> None:
    """Nobody planned the plate: its grid says so, call after call."""
    images, run = tmp_path / "in", tmp_path / "RUN"
    images.mkdir()
    for path in sorted(plate.iterdir())[:5]:
        shutil.copy(path, images)
    options = ["watch", str(images), "-o", str(run), "--once", "--settle", "0", "--json"]
    assert cli([*options, "--executor", "serial", "--deadline", "1h"]) == 0
    assert set(states(run).values()) == {"ok"}
    assert status_of(run)["awaited"] == ["P1/B03/3"]
    time.sleep(0.2)
    assert cli([*options, "--executor", "serial", "--deadline", "0.1s"]) == 3
    assert states(run)["P1/B03/3"] == "missing"
    assert status_of(run)["awaited"] == []


def test_one_bad_acquisition_or_a_lost_disk_never_stops_it(
    plate: Path, undisturbed: Path, tmp_path: Path
) -> None:
    images, run, told = tmp_path / "in", tmp_path / "RUN", Told()
    away = tmp_path / "away"
    names = [path.name for path in sorted(plate.iterdir())]

    def wait_for(kind: str, n: int) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while len(told.of(kind)) < n:
            assert time.monotonic() < end, kind
            time.sleep(0.03)

    def acquire() -> None:
        wait_for("round_failed", 1)  # there is no such folder yet
        plan_of(images, sites=3)
        shutil.copy(plate / names[0], images)
        (images / names[1]).write_bytes((plate / names[1]).read_bytes()[:900])
        wait_for("run_finished", 1)
        images.rename(away)
        wait_for("round_failed", 2)
        away.rename(images)
        for name in names[1:]:
            shutil.copy(plate / name, images)

    with beside(acquire):
        order = Order(images, run, Method(), execution=HERE)
        watch_it(order, settings(settle_s=0.2), told)
    assert [line["field_id"] for line in told.of("field_failed")] == ["P1/B02/2"]
    assert_same_tables(run, undisturbed)


def test_too_many_failures_stop_a_watch_that_was_told_so(tmp_path: Path, plate: Path) -> None:
    images = tmp_path / "in"
    images.mkdir()
    (images / sorted(plate.iterdir())[0].name).write_bytes(b"no image")
    order = Order(images, tmp_path / "RUN", Method(), execution=HERE, max_failures=0)
    with pytest.raises(RunAborted, match="--max-failures 0"):
        watch_it(order, settings(settle_s=0.0))


def test_a_channel_that_is_awaited_holds_its_field_back(
    plate: Path, tmp_path: Path, write_plate: WritePlate
) -> None:
    images, run, told = tmp_path / "in", tmp_path / "RUN", Told()
    plan_of(images, sites=3)
    for path in sorted(plate.iterdir()):
        shutil.copy(path, images)
        if path.name != "P1_B03_s3_w1.tif":
            shutil.copy(path, images / path.name.replace("_w1", "_w2"))
    options = ["-o", str(run), "--settle", "0", "--json", "--executor", "serial"]
    assert cli(["watch", str(images), *options, "--once"]) == 0
    assert "P1/B03/3" not in states(run)
    assert status_of(run)["awaited"] == ["P1/B03/3"]
    shutil.copy(images / "P1_B03_s3_w1.tif", images / "P1_B03_s3_w2.tif")
    watch_it(Order(images, run, Method(), execution=HERE), settings(), told)
    assert states(run)["P1/B03/3"] == "ok"
    assert status_of(run)["awaited"] == []


def test_a_plate_is_held_back_whole_where_illumination_is_corrected(
    plate: Path, tmp_path: Path
) -> None:
    """The flat field is estimated once, from fields all over the plate."""
    images, run = tmp_path / "in", tmp_path / "RUN"
    method = tmp_path / "method.yaml"
    method.write_text("illumination: {enabled: true}\n")
    plan_of(images, sites=3)
    names = [path.name for path in sorted(plate.iterdir())]
    shutil.copy(plate / names[0], images)
    options = ["--settle", "0", "--method", str(method), "--executor", "serial", "--json"]
    assert cli(["watch", str(images), "-o", str(run), "--once", *options]) == 0
    assert not (run / "fields.parquet").exists()
    for name in names[1:]:
        shutil.copy(plate / name, images)
    assert cli(["watch", str(images), "-o", str(run), "--once", *options]) == 0
    other = tmp_path / "OTHER"
    whole = ["run", str(plate), "-o", str(other), "--method", str(method), "--json"]
    assert cli([*whole, "--executor", "serial"]) == 0
    assert_same_tables(run, other)
    for name in names:
        shutil.copy(plate / name, images / name.replace("P1_", "P2_"))
    assert cli(["watch", str(images), "-o", str(run), "--once", *options, "--deadline", "0"]) == 0
    assert len(states(run)) == 12
    assert status_of(run)["history"][-1]["n_fields_processed"] == 6  # the first plate's stand


# ------------------------------------------------------------------ once, for cron


def test_a_new_time_point_of_the_same_plate(plate: Path, tmp_path: Path) -> None:
    images, run = tmp_path / "in", tmp_path / "RUN"
    command = ["watch", str(images), "-o", str(run), "--once", "--settle", "0"]
    for time_point in (1, 2):
        shutil.copytree(plate, images / f"TimePoint_{time_point}")
        assert cli([*command, "--executor", "serial"]) == 0
        assert len(states(run)) == 6 * time_point
    times = pq.read_table(run / "wells.parquet", columns=["time"])["time"].to_pylist()
    assert sorted(times) == ["1", "1", "2", "2"]


def test_a_folder_for_each_acquisition(plate: Path, tmp_path: Path) -> None:
    images, run = tmp_path / "in", tmp_path / "RUN"
    layout = r"(?P<time>\d{8}-\d{4})/(?P<plate>\w+)_(?P<well>[A-H]\d+)_s(?P<field>\d+)_w1\.tif$"
    command = ["watch", str(images), "-o", str(run), "--once", "--settle", "0", "--layout", layout]
    for n, night in enumerate(("20261123-0200", "20261124-0200"), start=1):
        shutil.copytree(plate, images / night)
        assert cli([*command, "--executor", "serial", "--json"]) == 0
        assert len(states(run)) == 6 * n
    assert "P1/B02/1/20261124-0200" in states(run)


def test_once_leaves_what_is_still_being_written_to_the_next_call(
    plate: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line as it stands in docs/scheduled.md, by the shell that cron uses."""
    images, run = tmp_path / "in", tmp_path / "RUN"
    shutil.copytree(plate, images)
    last = sorted(images.iterdir())[-1]
    whole = last.read_bytes()
    line = f"monolayer watch {images} -o {run} --once --settle 2s --executor serial"
    line = line.replace("monolayer", f"{sys.executable} -m monolayer", 1)
    with last.open("r+b") as file:
        file.truncate(len(whole) // 2)
        first = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert first.returncode == 0, first.stderr
        assert "5 new fields" in first.stdout
        assert len(states(run)) == 5
        file.seek(0)
        file.write(whole)
    options = line.split()[3:]
    assert cli(options) == 0  # changed since the last look: left alone
    assert len(states(run)) == 5
    time.sleep(2.1)
    capsys.readouterr()
    assert cli(options) == 0
    assert "1 new fields" in capsys.readouterr().out
    assert_same_tables(run, undisturbed)
    events = sorted((run / "events").iterdir())
    assert cli(options) == 0
    said = capsys.readouterr()
    assert said.out == said.err == ""  # or cron would send a mail
    assert sorted((run / "events").iterdir()) == events


def test_two_starts_at_once(plate: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The second finds the first at work, says who it is, and changes nothing."""
    images, run, done = tmp_path / "in", tmp_path / "RUN", tmp_path / "done.json"
    images.mkdir()
    command = [sys.executable, "-m", "monolayer", "watch", str(images), "-o", str(run)]
    with subprocess.Popen(
        [*command, "--settle", "0.2", "--executor", "serial", "--every", "0"],
        stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        try:
            assert first.stdout is not None
            assert first.stdout.readline().startswith("Watching ")
            once = [*command[3:], "--once", "--done-file", str(done)]
            assert cli(once) == 75
            assert f"process {first.pid} on " in capfd.readouterr().err
            assert not done.exists()
            shutil.copytree(plate, images, dirs_exist_ok=True)
            # In one round or two: a busy machine may pause between the copied files.
            assert any("in all 6 evaluated" in line for line in islice(first.stdout, 6))
            assert status_of(run)["state"] == "watching"
            assert status_of(run)["holders"][0]["process"] == first.pid
            # Between its rounds a run may use the folder.
            assert cli(["run", str(images), "-o", str(run), "--json"]) == 0
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=WAIT_SECONDS) == 0
        finally:
            first.kill()
    assert status_of(run)["state"] == "finished"
    assert cli(once) == 0
    assert json.loads(done.read_text())["outcome"] == "finished"


def test_another_runs_folder_ends_a_watch_at_once(
    plate: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(plate, tmp_path / "in")
    options = ["watch", str(tmp_path / "in"), "-o", str(undisturbed), "--settle", "0"]
    assert cli(options) == 2
    assert "another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [(["--settle", "soon"], "soon"), (["--deadline", "-1h"], "-1h"), (["--shard", "1/2"], "shard"),
     (["--once", "--settle", "0"], "nowhere")],
)  # fmt: skip
def test_a_wrong_watch_is_one_sentence(
    options: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["watch", str(tmp_path / "nowhere"), "-o", str(tmp_path / "R")]
    assert cli([*arguments, *options]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said
