"""A run under correction: recorded whole or not at all, never over the automatic result."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

import monolayer
from monolayer.cli import _exit_code as cli
from monolayer.engine.corrected import is_current, recompute
from monolayer.engine.corrections import CORRECTIONS, CorrectionLog, Reviewer
from monolayer.engine.files import labels_path
from monolayer.engine.review_figures import figures_around
from monolayer.engine.review_queue import review_queue
from monolayer.engine.reviewing import RunReview
from monolayer.errors import CorrectionError, RunFolderError
from monolayer.record.chain import GENESIS
from monolayer.review import Add, Delete, Exclude, Merge, Paint, QueueSettings, Relabel
from monolayer.summarise import summarise_wells
from monolayer.summarise.settings import SummariseSettings

from .conftest import WritePlate, disc_field, write_tiff

FIELD, OTHER = "P1/B03/2", "P1/B03/1"
WHO, WHY = Reviewer("R. Viewer", "reviewer"), "outline wrong"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("corrections")
    write_plate(folder / "images")
    assert cli(["run", str(folder / "images"), "-o", str(folder / "RUN"), "--workers", "1"]) == 0
    return folder


@pytest.fixture
def place(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images and a run of them, to be changed."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    record = tmp_path / "RUN" / "run.json"
    record.write_text(record.read_text().replace(str(finished), str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(place: Path) -> RunReview:
    return RunReview(place / "RUN")


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def automatic_files(folder: Path) -> dict[str, bytes]:
    names = ["fields.parquet", "wells.parquet", "plates.parquet", "objects/P1.parquet"]
    labels = [str(p.relative_to(folder)) for p in sorted((folder / "labels").rglob("*.tif"))]
    return {name: (folder / name).read_bytes() for name in (*names, *labels)}


def test_an_act_is_recorded_with_who_when_why_and_what_it_is_bound_to(run: RunReview) -> None:
    review = run.field(FIELD)
    at = datetime(2026, 11, 23, 14, 5, tzinfo=timezone(timedelta(hours=1)))
    review.act(Merge(labels=(1, 2)), WHO, WHY)
    line = json.loads((run.folder / CORRECTIONS).read_text())
    assert (line["actor"], line["role"], line["reason"]) == ("R. Viewer", "reviewer", WHY)
    assert line["at"].endswith("+00:00")
    assert line["previous"] == GENESIS
    assert line["before"] == {
        "image_sha256": run.row(FIELD)["image_sha256"],
        "labels_sha256": review.key.labels_sha256,
    }
    event = run.log.append(review.key, Delete(labels=(1,)), (), WHO, WHY, "c" * 64, at)
    assert event.at.isoformat() == "2026-11-23T13:05:00+00:00"
    assert event.local_offset_minutes == 60
    with pytest.raises(CorrectionError, match="no offset from UTC"):
        run.log.append(review.key, Delete(labels=(1,)), (), WHO, WHY, "", at.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("who", "why", "sentence"),
    [(Reviewer(" "), WHY, "the name of who"), (WHO, " ", "needs a reason")],
)
def test_nobody_and_no_reason_are_refused(
    run: RunReview, who: Reviewer, why: str, sentence: str
) -> None:
    with pytest.raises(CorrectionError, match=sentence):
        run.field(FIELD).act(Delete(labels=(1,)), who, why)
    assert not (run.folder / CORRECTIONS).exists()


def test_the_automatic_result_is_never_overwritten_and_every_row_is_in_step(run: RunReview) -> None:
    before = automatic_files(run.folder)
    review = run.field(FIELD)
    review.act(Delete(labels=(2,)), WHO, WHY)
    review.act(Add(runs=tuple((row, 4, 14) for row in range(80, 90))), WHO, "cell missed")
    review.act(Delete(labels=(1,)), WHO, WHY)
    found = recompute(run)
    assert automatic_files(run.folder) == before

    (mine,) = [row for row in rows(found.folder / "fields.parquet") if row["field_id"] == FIELD]
    (was,) = [row for row in rows(run.folder / "fields.parquet") if row["field_id"] == FIELD]
    assert mine["n_objects"] == was["n_objects"] - 1
    assert (mine["n_corrections"], mine["image_sha256"]) == (3, was["image_sha256"])
    objects = rows(found.folder / "objects/P1.parquet")
    of_field = [row for row in objects if row["field_id"] == FIELD]
    new = was["n_objects"] + 1
    assert [row["label"] for row in of_field] == [*range(3, new + 1)]
    assert [row["corrections"] for row in of_field] == [None] * (new - 3) + ["2"]
    assert of_field[-1]["segmentation_score"] is None
    assert of_field[-1]["area_px"] == 100
    plain = [row for row in rows(run.folder / "objects/P1.parquet") if row["field_id"] != FIELD]
    assert [
        {name: value for name, value in row.items() if name != "corrections"}
        for row in objects
        if row["field_id"] != FIELD
    ] == plain
    labels = tifffile.imread(found.folder / labels_path(FIELD))
    np.testing.assert_array_equal(labels, review.corrected.labels)

    # The wells table is what the summary makes of the corrected fields and objects.
    fields = pq.read_table(found.folder / "fields.parquet")
    table = pq.read_table(found.folder / "objects/P1.parquet")
    expected = summarise_wells(fields, table, SummariseSettings()).to_pylist()
    wells = {row["well"]: row for row in rows(found.folder / "wells.parquet")}
    for row in expected:
        for name, value in row.items():
            assert wells[row["well"]][name] == value, name


def test_the_difference_is_told_for_field_well_and_plate(run: RunReview) -> None:
    review = run.field(FIELD)
    review.act(Delete(labels=(1, 3)), WHO, WHY)
    run.field(OTHER).act(Delete(labels=(2,)), WHO, WHY)
    told = {(each.level, each.column): each for each in recompute(run).differences[4:]}
    shown = {(each.level, each.column): each for each in figures_around(review)}
    assert told[("field", "n_objects")].difference == -2
    for level in ("well", "plate"):
        assert told[(level, "n_objects")].difference == -3
        assert shown[(level, "n_objects")] == told[(level, "n_objects")]
    stored = rows(run.folder / "corrected" / "differences.parquet")
    assert {row["difference"] for row in stored if row["column"] == "n_objects"} == {-1, -2, -3}


def test_a_field_that_is_left_out_is_no_zero(run: RunReview) -> None:
    run.field(FIELD).act(Exclude(), WHO, "a bubble")
    found = recompute(run)
    (mine,) = [row for row in rows(found.folder / "fields.parquet") if row["field_id"] == FIELD]
    assert (mine["state"], mine["reason"]) == ("not_evaluable", "excluded_by_reviewer")
    assert (mine["detail"], mine["n_objects"]) == ("a bubble", None)
    wells = {row["well"]: row for row in rows(found.folder / "wells.parquet")}
    assert (wells["B03"]["n_fields_ok"], wells["B03"]["n_fields_not_evaluable"]) == (2, 1)
    assert not (found.folder / labels_path(FIELD)).exists()
    assert all(row["field_id"] != FIELD for row in rows(found.folder / "objects/P1.parquet"))


def test_undo_and_redo_of_a_session(run: RunReview) -> None:
    review = run.field(FIELD)
    automatic = review.corrected.labels
    with pytest.raises(CorrectionError, match="nothing to undo"):
        review.undo(WHO)
    review.act(Delete(labels=(1,)), WHO, WHY)
    review.act(Delete(labels=(2,)), WHO, WHY)
    both = review.corrected.labels
    review.undo(WHO)
    review.undo(WHO)
    np.testing.assert_array_equal(review.corrected.labels, automatic)
    assert review.revised.row == run.row(FIELD)
    review.redo(WHO)
    review.redo(WHO)
    np.testing.assert_array_equal(review.corrected.labels, both)
    with pytest.raises(CorrectionError, match="nothing to redo"):
        review.redo(WHO)
    again = RunReview(run.folder).field(FIELD)
    np.testing.assert_array_equal(again.corrected.labels, both)
    assert len(again.events) == 6


def test_an_act_that_does_not_fit_leaves_nothing(run: RunReview) -> None:
    review = run.field(FIELD)
    for act, sentence in (
        (Delete(labels=(99,)), "no object 99"),
        (Relabel(labels=(1,), to="dead"), "tells no classes apart"),
    ):
        with pytest.raises(CorrectionError, match=sentence):
            review.act(act, WHO, WHY)
    assert not (run.folder / CORRECTIONS).exists()


def test_two_reviewers_at_once_lose_nothing(run: RunReview) -> None:
    failures: list[BaseException] = []

    def review(field_id: str, name: str) -> None:
        try:
            mine = RunReview(run.folder).field(field_id)
            for label in (1, 2, 3):
                mine.act(Delete(labels=(label,)), Reviewer(name), WHY)
        except BaseException as error:  # noqa: BLE001  told by the test's own thread
            failures.append(error)

    pairs = ((FIELD, "A"), (OTHER, "B"), ("P1/B03/3", "C"))
    threads = [threading.Thread(target=review, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []
    events = run.log.events()
    assert [event.number for event in events] == list(range(1, 10))
    for field_id, name in pairs:
        own = [event for event in events if event.who == name]
        assert [event.act.labels for event in own] == [(1,), (2,), (3,)]
        assert {event.key.field_id for event in own} == {field_id}


def test_two_reviewers_of_one_field_meet_only_in_the_same_object(run: RunReview) -> None:
    first, second = run.field(FIELD), RunReview(run.folder).field(FIELD)
    first.act(Merge(labels=(1, 2)), Reviewer("A"), WHY)
    with pytest.raises(CorrectionError, match="A changed object 1 while you looked"):
        second.act(Delete(labels=(1,)), Reviewer("B"), WHY)
    second.act(Delete(labels=(4,)), Reviewer("B"), WHY)
    assert {1, 3} <= set(np.unique(second.corrected.labels))
    assert not {2, 4} & set(np.unique(second.corrected.labels))
    second.act(Delete(labels=(1,)), Reviewer("B"), WHY)
    assert len(run.log.events()) == 3


KILLED = """
import sys
from pathlib import Path
from monolayer.engine.corrections import Reviewer
from monolayer.engine.reviewing import RunReview
from monolayer.review import Delete
review = RunReview(Path(sys.argv[1])).field(sys.argv[2])
if review.corrected.changed:  # left by the one that was killed before
    review.undo(Reviewer("A"))
while True:
    review.act(Delete(labels=(1,)), Reviewer("A"), "killed in the middle")
    review.undo(Reviewer("A"))
    print("ready", flush=True)
"""


def test_a_reviewer_s_process_that_is_killed_leaves_a_whole_record(run: RunReview) -> None:
    command = [sys.executable, "-c", KILLED, str(run.folder), FIELD]
    n = 0
    for seconds in (0.03, 0.07):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(seconds)
            process.kill()
        events = CorrectionLog(run.folder).events()
        assert len(events) >= n + 2
        n = len(events)
        run.field(OTHER).act(Delete(labels=(1,)), WHO, WHY)  # the lock went with the process
        run.field(OTHER).undo(WHO)
        n += 2
    assert {event.who for event in run.log.events()} == {"A", "R. Viewer"}
    assert len(RunReview(run.folder).field(FIELD).corrected.numbers) <= 2


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: [lines[0].replace("R. Viewer", "Somebody"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [*lines[:2], lines[2][: len(lines[2]) // 2]],
    ],
)
def test_a_record_that_was_tampered_with_is_told(
    run: RunReview, tamper: Callable[[Sequence[str]], Sequence[str]]
) -> None:
    for label in (1, 2, 3):
        run.field(FIELD).act(Delete(labels=(label,)), WHO, WHY)
    path = run.folder / CORRECTIONS
    path.write_text("\n".join(tamper(path.read_text().splitlines())) + "\n")
    with pytest.raises(CorrectionError, match=r"line \d is not as it was written"):
        CorrectionLog(run.folder).events()
    assert cli(["corrections", "verify", str(run.folder)]) == 2


def test_a_resumed_run_keeps_corrections_and_a_changed_image_makes_them_inapplicable(
    place: Path, run: RunReview, capsys: pytest.CaptureFixture[str]
) -> None:
    run.field(FIELD).act(Delete(labels=(1,)), WHO, WHY)
    run.field(OTHER).act(Delete(labels=(1,)), WHO, WHY)
    recompute(run)
    again = ["run", "images", "-o", "RUN", "--workers", "1"]
    assert cli(again) == 0
    assert len(run.log.events()) == 2
    assert is_current(RunReview(run.folder))

    write_tiff(place / "images" / "P1_B03_s2_w1.tif", disc_field(9, 77), 0.65)
    with pytest.raises(CorrectionError, match="image has changed since the run"):
        RunReview(run.folder).field(FIELD)
    assert cli(again) == 0
    fresh = RunReview(run.folder)
    assert not is_current(fresh)
    review = fresh.field(FIELD)
    assert not review.corrected.changed
    ((event, why),) = review.not_applicable()
    assert (event.number, why) == (1, "the field's image has changed since")
    found = recompute(fresh)
    assert found.not_applicable == (
        "correction 1 of field 'P1/B03/2' does not apply: the field's image has changed since.",
    )
    assert {each.field_id for each in found.differences if each.level == "field"} == {OTHER}
    capsys.readouterr()
    assert cli(["corrections", "verify", str(run.folder)]) == 0
    assert "1 do not apply" in capsys.readouterr().out


def test_labels_that_were_edited_outside_make_corrections_inapplicable(run: RunReview) -> None:
    run.field(FIELD).act(Delete(labels=(1,)), WHO, WHY)
    path = run.folder / labels_path(FIELD)
    labels = tifffile.imread(path)
    labels[labels == 2] = 0
    tifffile.imwrite(path, labels)
    review = RunReview(run.folder).field(FIELD)
    assert [why for _, why in review.not_applicable()] == [
        "the run's automatic labels of the field have changed since"
    ]


def test_corrected_tables_that_cannot_be_made_leave_the_earlier_ones(
    run: RunReview, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.field(FIELD).act(Delete(labels=(1,)), WHO, WHY)
    folder = recompute(run).folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run.field(FIELD).act(Delete(labels=(2,)), WHO, WHY)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("monolayer.engine.corrected.pq.write_table", full)
    assert cli(["corrections", "recompute", str(run.folder)]) == 4
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not list(run.folder.glob(".unfinished-*"))


def test_the_command_line_does_all_of_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = [
        {"field": FIELD, "kind": "merge", "labels": [1, 2], "why": "one cell taken for two"},
        {"field": FIELD, "kind": "undo", "number": 1},
        {"field": FIELD, "kind": "delete", "labels": [3]},
    ]
    (place / "acts.jsonl").write_text("\n".join(json.dumps(act) for act in acts) + "\n")
    base = ["corrections", "apply", "RUN", "acts.jsonl", "--who", "R. Viewer"]
    assert cli(base) == 2  # the last two acts have no reason
    assert "line 2: a correction needs a reason" in capsys.readouterr().err
    (place / "acts.jsonl").write_text("\n".join(json.dumps(act) for act in acts[1:]) + "\n")
    assert cli([*base, "--why", "no cell"]) == 0
    assert cli(["corrections", "list", "RUN", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert [each["act"]["kind"] for each in told] == ["merge", "undo", "delete"]
    assert cli(["corrections", "recompute", "RUN", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    n = [d["difference"] for d in found["differences"] if d["column"] == "n_objects"]
    assert n == [-1, -1, -1]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not json", "is no JSON object"),
        ('{"kind": "delete", "labels": [1]}', 'has no "field"'),
        ('{"field": "P1/Z99/1", "kind": "delete", "labels": [1]}', "has no field 'P1/Z99/1'"),
        ('{"field": "P1/B03/1", "kind": "melt"}', "a correction is not as it must be"),
        ('{"field": "P1/B03/1", "kind": "paint", "value": 1, "runs": [[0,0,5]]}', "are objects"),
    ],
)
def test_bad_acts_are_told_with_file_and_line(
    place: Path, capsys: pytest.CaptureFixture[str], line: str, sentence: str
) -> None:
    (place / "acts.jsonl").write_text(line + "\n")
    base = ["corrections", "apply", "RUN", "acts.jsonl", "--who", "A", "--why", "b"]
    assert cli(base) == 2
    said = capsys.readouterr().err
    assert "acts.jsonl, line 1" in said
    assert sentence in said
    assert not (place / "RUN" / CORRECTIONS).exists()


def test_a_reason_may_hold_what_unicode_takes_for_the_end_of_a_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As written on Windows, too: with a mark at the start and its own ends of lines."""
    why = "one\u2028two\u0085three\x0bfour \u20ac"
    acts = [
        {"field": FIELD, "kind": "delete", "labels": [1], "why": why},
        {"field": FIELD, "kind": "undo", "number": 1, "why": why},
    ]
    text = "\r\n\r\n".join(json.dumps(act, ensure_ascii=False) for act in acts)
    (place / "acts.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert cli(["corrections", "apply", "RUN", "acts.jsonl", "--who", "Zo\u00eb"]) == 0
    assert [event.why for event in RunReview(place / "RUN").log.events()] == [why, why]
    assert cli(["corrections", "verify", "RUN"]) == 0
    assert "2 corrections, chain unbroken" in capsys.readouterr().out


def test_other_folders_are_refused(place: Path) -> None:
    with pytest.raises(RunFolderError, match="is no run's folder"):
        RunReview(place / "images")
    (place / "RUN" / "fields.parquet").unlink()
    with pytest.raises(RunFolderError, match="has no tables yet"):
        RunReview(place / "RUN")


def test_images_that_moved_are_found_where_they_lie_now(place: Path, run: RunReview) -> None:
    (place / "images").rename(place / "elsewhere")
    with pytest.raises(Exception, match="images"):
        run.field(FIELD).act(Delete(labels=(1,)), WHO, WHY)
    moved = RunReview(run.folder, place / "elsewhere")
    moved.field(FIELD).act(Delete(labels=(1,)), WHO, WHY)
    assert len(run.log.events()) == 1


def test_corrected_tables_open_as_a_run_does(run: RunReview) -> None:
    run.field(FIELD).act(Exclude(), WHO, "a bubble")
    found = monolayer.open_run(recompute(run).folder)
    assert found.record["counts"]["ok"] == 5
    assert len(found.fields) == 6
    assert len(found.objects) < len(monolayer.open_run(run.folder).objects)
    assert found.image(OTHER).shape == (160, 160)


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vessel of three fields, half of each covered by texture."""
    folder = tmp_path_factory.mktemp("covered")
    rng = np.random.default_rng(1)
    for site in (1, 2, 3):
        pixels = rng.normal(1000, 5, (128, 160))
        pixels[:, : 70 + 5 * site] += rng.normal(0, 120, (128, 70 + 5 * site))
        image = np.clip(pixels, 0, 4095).astype(np.uint16)
        write_tiff(folder / "images" / f"V1_A01_s{site}_w1.tif", image, 1.3)
    base = ["run", str(folder / "images"), "-o", str(folder / "RUN"), "--workers", "1"]
    assert cli([*base, "--assay", "confluence"]) == 0
    return folder


def test_painted_cover_moves_growth_and_the_recommendation(
    covered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunReview(covered / "RUN")
    with pytest.raises(CorrectionError, match="classes of surface"):
        run.field("V1/A01/1").act(Delete(labels=(1,)), WHO, WHY)
    history = "vessel: {name: V1, seeded_at: 2026-11-01T08:00+00:00}\nacquisitions:\n"
    for time_h, mean in ((12, 0.09), (24, 0.12), (36, 0.18), (48, 0.25), (60, 0.35), (72, 0.47)):
        history += (
            f"- {{time_h: {time_h}, n_fields: 3, n_fields_ok: 3, confluence: {mean}, "
            f"confluence_lower_bound: {mean - 0.02}, confluence_se: 0.01}}\n"
        )
    (covered / "history.yaml").write_text(history)
    (covered / "recipe.yaml").write_text("decide: {min_fields_ok: 3}\n")
    asked = [
        "corrections", "vessel", str(run.folder), str(covered / "history.yaml"), "--recipe",
        str(covered / "recipe.yaml"), "--well", "V1/A01", "--at-h", "72",
    ]  # fmt: skip
    assert cli([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["stale"]
    assert {row["difference"] for row in told["differences"]} <= {0.0, None}
    for site in (1, 2, 3):
        runs = tuple((row, 0, 130 + 2 * site) for row in range(128))
        run.field(f"V1/A01/{site}").act(Paint(value=1, runs=runs), WHO, "cover missed")
    assert cli(asked) == 2
    assert "corrected tables are older" in capsys.readouterr().err
    recompute(run)
    assert cli([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stale"]
    assert (told["automatic"], told["corrected"]) == ("FEED", "REIMAGE")
    by_name = {(row["level"], row["column"]): row for row in told["differences"]}
    assert by_name[("acquisition", "confluence")]["corrected"] == pytest.approx(134 / 160)
    assert by_name[("growth", "doubling_time_h")]["difference"] < 0
    assert cli(asked) == 0
    said = capsys.readouterr().out
    assert "the earlier recommendation is stale" in said
    assert "was FEED (FEED_RULE), is now REIMAGE (CONFIRM_TARGET)" in said
    assert cli([*asked[:-3], "V1/B07", "--at-h", "72"]) == 2
    assert "has no well 'V1/B07'; there are V1/A01" in capsys.readouterr().err
    assert cli([*asked[:-1], "71"]) == 2
    assert "no acquisition at 71 h; there are 12, 24, 36, 48, 60, 72" in capsys.readouterr().err


def test_the_queue_names_what_is_odd_and_why(run: RunReview) -> None:
    found = review_queue(run, QueueSettings(min_score=0.99, odd_z=2.0))
    assert found
    assert [each.doubt for each in found] == sorted((d.doubt for d in found), reverse=True)
    assert all(each.reason for each in found)
    known = {(row["field_id"], row["label"]) for row in rows(run.folder / "objects/P1.parquet")}
    assert {(d.field_id, d.label) for d in found if d.label is not None} <= known
    assert review_queue(run, replace_weights()) == []


def replace_weights() -> QueueSettings:
    names = [name for name in QueueSettings.model_fields if name.startswith("weight_")]
    return QueueSettings.model_validate(dict.fromkeys(names, 0.0))
