"""Events: what is told is what happened, in the words of docs/events.md."""

import contextlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.cli import _progress
from monolayer.engine.event_files import EventFile, streams_of
from monolayer.engine.events import EVENTS, Events, ExecutorStarted, FieldFailed, FieldsDone, Stage
from monolayer.engine.pace import Pace, duration_text

WritePlate = Callable[..., dict[str, int]]
PAGE = Path(__file__).parents[2] / "docs" / "events.md"
COMMON = {"event", "time", "seconds"}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written_schema() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `([a-z_]+)` \| ((?:`[a-z_]+` ?)+) \|", PAGE.read_text(), re.M)
    return {kind: set(re.findall(r"`([a-z_]+)`", keys)) for kind, keys in rows}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    """Six fields, of which one is no image."""
    folder = tmp_path_factory.mktemp("events") / "images"
    write_plate(folder, wells=("B02", "B03"), fields=3)
    (folder / "P1_B03_s2_w1.tif").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def told(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that tells of it, beside each other in a folder."""
    place = tmp_path_factory.mktemp("told")
    options = ["--executor", "serial", "--events", str(place / "events.jsonl")]
    done = ["--done-file", str(place / "done.json")]
    assert cli(["run", str(images), "-o", str(place / "RUN"), *options, *done]) == 3
    return place


def test_the_page_has_every_event_with_its_keys() -> None:
    known = {kind: {each.name for each in fields(event)} for kind, event in EVENTS.items()}
    assert written_schema() == known


def test_a_run_tells_its_story(told: Path) -> None:
    lines = lines_of(told / "events.jsonl")
    for line in lines:
        assert line.keys() == COMMON | written_schema()[line["event"]]
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert kinds.index("executor_started") < kinds.index("fields_done")
    assert kinds.index("fields_done") < kinds.index("tables_written")
    assert sum(line["n"] for line in lines if line["event"] == "fields_done") == 6
    (failed,) = (line for line in lines if line["event"] == "field_failed")
    assert failed["field_id"] == "P1/B03/2"
    assert "P1_B03_s2_w1.tif" in failed["detail"]
    assert lines[-1]["exit_code"] == 3
    assert lines[-1]["counts"]["failed"] == 1


def test_seconds_never_go_back_and_times_are_utc(told: Path) -> None:
    lines = lines_of(told / "events.jsonl")
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    assert all(datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0) for line in lines)


def test_the_run_folder_holds_the_same_events(told: Path) -> None:
    (stream,) = streams_of(told / "RUN")
    assert not stream.is_alive
    assert list(stream.lines) == lines_of(told / "events.jsonl")


def test_workers_say_where_their_time_goes(told: Path) -> None:
    done = [line for line in lines_of(told / "events.jsonl") if line["event"] == "fields_done"]
    for line in done:
        assert set(line["stages"]) <= {"read", "inspect", "assay", "write"}
        assert 0 <= sum(line["stages"].values()) - line["stages"]["write"] <= line["field_seconds"]
    assert sum(line["megapixels"] for line in done) == pytest.approx(5 * 160 * 160 / 1e6)
    session = json.loads((told / "RUN" / "run.json").read_text())["history"][-1]
    for stage in ("read", "inspect", "assay", "write"):
        assert session["stage_seconds"][stage] > 0


def test_the_done_file_says_how_it_ended(told: Path, images: Path, tmp_path: Path) -> None:
    done = json.loads((told / "done.json").read_text())
    assert (done["outcome"], done["exit_code"]) == ("finished_with_failures", 3)
    assert done["last_event"]["counts"]["ok"] == 5
    path = tmp_path / "done.json"
    path.write_text("of an earlier run")
    assert cli(["run", "nowhere", "-o", str(tmp_path / "R"), "--done-file", str(path)]) == 2
    refused = json.loads(path.read_text())
    assert (refused["outcome"], refused["exit_code"]) == ("refused", 2)
    assert "nowhere" in refused["last_event"]["message"]
    limited = ["--max-failures", "0", "--retry", "--done-file", str(path)]
    assert cli(["run", str(images), "-o", str(told / "RUN"), *limited]) == 4
    assert json.loads(path.read_text())["outcome"] == "aborted"


def test_a_done_file_that_cannot_be_is_refused_before_any_work(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "file"
    place.write_text("")
    for option in ("--done-file", "--events"):
        options = [option, str(place / "x.json"), "-o", str(tmp_path / "R")]
        assert cli(["run", str(images), *options]) == 2
        assert option in capsys.readouterr().err
    assert not (tmp_path / "R").exists()
    assert cli(["run", str(images), "-o", str(tmp_path / "R"), "--json", "--events", "-"]) == 2


def test_events_on_standard_output_are_alone_there(
    told: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["run", str(images), "-o", str(told / "RUN"), "--retry", "--events", "-"]) == 3
    said = capsys.readouterr()
    kinds = [json.loads(line)["event"] for line in said.out.splitlines()]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert "Report:" in said.err


def test_a_reader_that_goes_away_does_not_end_the_run(
    told: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under ``| head -1``: a pipe that nobody reads any more."""
    readable, writable = os.pipe()
    with os.fdopen(writable, "w", encoding="utf-8") as pipe, monkeypatch.context() as patched:
        os.close(readable)
        patched.setattr(sys, "stdout", pipe)
        again = ["--retry", "--events", "-"]
        assert cli(["run", str(images), "-o", str(told / "RUN"), *again]) == 3
        patched.undo()
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def test_a_call_with_nothing_to_do_leaves_no_events(told: Path, images: Path) -> None:
    before = sorted(path.name for path in (told / "RUN" / "events").iterdir())
    assert cli(["run", str(images), "-o", str(told / "RUN"), "--json"]) == 3
    assert sorted(path.name for path in (told / "RUN" / "events").iterdir()) == before


def test_a_writer_is_alive_as_long_as_its_file_is_open(tmp_path: Path) -> None:
    events = Events()
    events.record_in(tmp_path)
    events("tables", 0, 1)
    (stream,) = streams_of(tmp_path)
    assert stream.is_alive
    events.close()
    with (tmp_path / "events" / stream.name).open("a") as file:
        file.write('{"half a li')
    (stream,) = streams_of(tmp_path)
    assert not stream.is_alive
    assert [line["event"] for line in stream.lines] == ["stage"]


def test_old_event_files_go_and_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monolayer.engine import event_files

    monkeypatch.setattr(event_files, "KEPT", 3)
    stage = {"event": "stage"}
    first = EventFile(tmp_path)
    first(stage)
    for _ in range(6):
        another = EventFile(tmp_path)
        another(stage)
        another.close()
    names = sorted(path.name for path in (tmp_path / "events").iterdir())
    assert first.path.name in names
    assert len(names) == 5
    first.close()


def test_lines_for_logs_are_plain_and_far_between(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    shown = _progress.Lines()
    events = Events([shown.listen])
    events.tell(ExecutorStarted("serial", 1, None, {}))
    for done in range(1, 101):
        clock[0] += 2.0
        events.tell(FieldsDone(1, {"ok": 1}, 1.0, {}, 4.0, done, 100))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 200 // 30
    assert all(line.isprintable() for line in said)
    assert said[0].startswith("monolayer: counting fields 15 of 100 (15%)")


def test_a_terminal_sees_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    line = {"seconds": 0.0, "event": "executor_started", "dashboard": "http://127.0.0.1:1/status"}
    with _progress.progress() as shown:
        shown.listen(line)
        done = {"event": "fields_done", "megapixels": 8.0, "done": 2, "total": 10}
        shown.listen(done | {"seconds": 4.0})
        shown.listen({"event": "field_failed"})
        shown.listen(done | {"seconds": 8.0, "done": 4})
    assert "0.5 fields/s, 2 MP/s, 12 s left, 1 failed" in screen.getvalue()
    assert "http://127.0.0.1:1/status" in screen.getvalue()


def test_pace_is_that_of_the_last_minutes() -> None:
    pace = Pace()
    assert pace.fields_per_s is None
    assert pace.left_s(10) is None
    for second in range(1000):
        pace.mark(float(second), second, 4.0 * second)
    for second in range(1000, 1200):
        pace.mark(float(second), 1000 + 3 * (second - 1000), 0.0)
    assert pace.fields_per_s == pytest.approx(3.0, rel=0.05)
    assert pace.left_s(300) == pytest.approx(100.0, rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (11100, "3 h 5 min"),
     (187200, "2 d 4 h")],
)  # fmt: skip
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_events_are_a_notify() -> None:
    lines: list[Any] = []
    events = Events([lines.append])
    events("tables", 0, 1)
    events.tell(FieldFailed("P/B02/1", "failed", "truncated", "x.tif: truncated"))
    assert [line["event"] for line in lines] == ["stage", "field_failed"]
    assert events.last == lines[-1]
    assert EVENTS["stage"] is Stage


def test_deaths_and_quarantine_are_told() -> None:
    """As the engine tells them; that workers really die is shown in test_engine_faults."""
    from monolayer.engine.ledger import Chunk, Done
    from monolayer.engine.process import _Tally
    from monolayer.field import Field, State

    lines: list[Any] = []
    tally = _Tally(2, None, Events([lines.append]))
    fields_of_chunk = tuple(Field("P", "B02", str(i), "", {}) for i in (1, 2))
    tally.lost(Chunk("name", fields_of_chunk, ("a", "b")))
    tally.add([Done("P/B02/1", State.CRASHED, "worker_died", 0.0, "x.tif: it died")])
    assert [line["event"] for line in lines] == ["worker_lost", "fields_done", "quarantined"]
    assert lines[0]["fields"] == ["P/B02/1", "P/B02/2"]
    assert lines[2]["detail"] == "x.tif: it died"
