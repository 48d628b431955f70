"""Correcting without a screen: what keys do, in which order, and what is said."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.engine.corrections import Reviewer
from monolayer.engine.reviewing import RunReview
from monolayer.errors import MonolayerError
from monolayer.review import Delete
from monolayer_napari.correcting import Correcting
from monolayer_napari.session import Session
from monolayer_napari.view import field_view

FIELD, OTHER = "sample/B03/1", "sample/B03/2"


class Later:
    """Work that is done when it is told to, in the order in which it came."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Any, Any]] = []

    def submit(self, work: Any, then: Any, failed: Any) -> None:
        self.waiting.append((work, then, failed))

    def run(self) -> None:
        while self.waiting:
            work, then, failed = self.waiting.pop(0)
            try:
                result = work()
            except (MonolayerError, OSError) as error:
                failed(error)
            else:
                then(result)


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def state(own_run: Path, later: Later) -> Correcting:
    made = Correcting(later.submit)
    made.who, made.why = "R. Viewer", "outline wrong"
    made.open(own_run, FIELD)
    later.run()
    assert made.review is not None
    return made


@pytest.fixture
def said(state: Correcting) -> list[str]:
    found: list[str] = []
    state.told.connect(lambda sentence: found.append(sentence))
    return found


def centre(state: Correcting, label: int) -> tuple[float, float]:
    """A pixel of an object."""
    assert state.labels is not None
    rows, columns = np.nonzero(state.labels == label)
    return float(rows[len(rows) // 2]), float(columns[len(rows) // 2])


def kinds(state: Correcting) -> list[str]:
    assert state.review is not None
    return [event.act.kind for event in state.review.events]


def test_each_key_is_one_event(state: Correcting, later: Later, said: list[str]) -> None:
    state.pick(centre(state, 1))
    assert state.picked == {1: centre(state, 1)}
    state.merge(centre(state, 2))
    later.run()
    assert state.picked == {}
    state.delete(centre(state, 3))
    later.run()
    y, x = centre(state, 4)
    state.cut((y, x - 40))
    assert state.line_from == (y, x - 40)
    state.cut((y, x + 40))
    later.run()
    for dx in (-3, 3):
        state.seed((centre(state, 5)[0], centre(state, 5)[1] + dx))
    state.part()
    later.run()
    state.exclude()
    later.run()
    state.undo()
    state.redo()
    later.run()
    expected = ["merge", "delete", "split_by_line", "split_by_seeds", "exclude", "undo", "redo"]
    assert kinds(state) == expected
    assert said[-1] == "Redone."


def test_what_was_painted_becomes_events(state: Correcting, later: Later) -> None:
    assert state.labels is not None
    painted = state.labels.copy()
    painted[painted == 2] = 0
    painted[:6, :6] = painted.max() + 1
    state.take_over(painted)
    later.run()
    assert kinds(state) == ["delete", "add"]
    np.testing.assert_array_equal(state.labels > 0, painted > 0)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda s: s.pick((0.0, 0.0)), "no object under the cursor"),
        (lambda s: s.delete((0.0, 0.0)), "no object under the cursor"),
        (lambda s: s.delete((-5.0, 1e6)), "no object under the cursor"),
        (lambda s: s.merge(centre(s, 1)), "Pick an object first"),
        (lambda s: s.part(), "Put a seed into each cell"),
        (lambda s: s.classify((0.0, 0.0), "dead"), "no object under the cursor"),
        (lambda s: s.classify(centre(s, 1), "dead"), "tells no classes apart"),
        (lambda s: (s.cut((0.0, 0.0)), s.cut((0.0, 3.0))), "crosses no object"),
        (lambda s: s.undo(), "nothing to undo"),
        (lambda s: s.redo(), "nothing to redo"),
        (lambda s: s.take_over(s.labels.copy()), "Nothing was painted"),
    ],
)
def test_what_cannot_be_is_said_and_not_recorded(
    state: Correcting,
    later: Later,
    said: list[str],
    act: Callable[[Correcting], Any],
    sentence: str,
) -> None:
    act(state)
    later.run()
    assert sentence in said[-1]
    assert kinds(state) == []


def test_in_a_folder_that_is_read_only_correcting_is_refused_with_a_sentence(
    state: Correcting,
    later: Later,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As on a share that is mounted so; the tests may run as root, whom no mode hinders."""

    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    state.delete(centre(state, 1))
    later.run()
    assert "nothing can be written there (Read-only file system)" in said[-1]
    assert kinds(state) == []
    assert state.review is not None
    acts = tmp_path / "acts.jsonl"
    acts.write_text(json.dumps({"field": FIELD, "kind": "delete", "labels": [7], "why": "debris"}))
    run = str(state.review.run.folder)
    assert cli(["corrections", "apply", run, str(acts), "--as", "R. Viewer"]) == 2
    assert "copy the folder to where you may write" in " ".join(capsys.readouterr().err.split())
    assert not (Path(run) / "corrections.jsonl").exists()


def test_nobody_is_asked_for_a_name(state: Correcting, later: Later, said: list[str]) -> None:
    state.who = ""
    state.delete(centre(state, 1))
    later.run()
    assert "needs the name of who makes it" in said[-1]
    assert kinds(state) == []


def test_the_field_asked_for_last_wins(own_run: Path, later: Later) -> None:
    made = Correcting(later.submit)
    shown: list[str] = []
    made.opened.connect(lambda review: shown.append(review.field_id))
    made.open(own_run, FIELD)
    made.open(own_run, OTHER)
    later.run()
    assert shown == [OTHER]


def test_an_act_lands_on_the_field_it_was_made_on(state: Correcting, later: Later) -> None:
    """Though the reviewer has moved on before it was done (napari-serialcellpose PR 8)."""
    state.delete(centre(state, 1))
    folder = state.review.run.folder if state.review else Path()
    changed: list[str] = []
    state.changed.connect(lambda review: changed.append(review.field_id))
    state.open(folder, OTHER)
    later.run()
    assert [event.key.field_id for event in RunReview(folder).log.events()] == [FIELD]
    assert changed == []
    assert state.review is not None
    assert state.review.field_id == OTHER
    assert not state.review.corrected.changed


def test_another_reviewer_s_change_is_shown_and_no_act_lost(
    state: Correcting, later: Later, said: list[str]
) -> None:
    assert state.review is not None
    other = RunReview(state.review.run.folder).field(FIELD)
    other.act(Delete(labels=(1,)), Reviewer("A. Other"), "no cell")
    state.delete(centre(state, 1))
    later.run()
    assert any("no object 1 in the field any more" in sentence for sentence in said)
    assert state.labels is not None
    assert 1 not in np.unique(state.labels)
    state.delete(centre(state, 2))
    later.run()
    assert [event.who for event in state.review.events] == ["A. Other", "R. Viewer"]


def test_figures_are_measured_once_for_several_keys(state: Correcting, later: Later) -> None:
    found: list[Any] = []
    state.measured.connect(lambda figures: found.append(figures))
    for label in (1, 2, 3):
        state.delete(centre(state, label))
    later.run()
    told = {(each.level, each.column): each for each in found[-1]}
    assert told[("field", "n_objects")].difference == -3
    assert len(found) <= 3


def test_the_runs_tables_are_made_on_request(
    state: Correcting, later: Later, said: list[str]
) -> None:
    state.delete(centre(state, 1))
    state.make_tables()
    later.run()
    assert state.review is not None
    assert (state.review.run.folder / "corrected" / "fields.parquet").is_file()
    assert said[-1].startswith("Corrections in ")
    assert ": 1." in said[-1]
    shutil.rmtree(state.review.run.folder / "parts")
    (state.review.run.folder / "run.json").unlink()
    state.make_tables()
    later.run()
    assert "is no run's folder" in said[-1]


def test_on_a_machine_with_another_path_images_are_told_once(
    own_run: Path, tmp_path: Path, later: Later
) -> None:
    """A folder handed over: seen and corrected where it lies now, bound to the same bytes."""
    record = json.loads((own_run / "run.json").read_text())
    here = Path(shutil.copytree(record["given"]["images"], tmp_path / "here"))
    record["given"]["images"] = "/another/machine/images"
    (own_run / "run.json").write_text(json.dumps(record))
    view = field_view(Session(own_run, str(here)), FIELD)
    assert [kind for _, _, kind in view.layers] == ["image", "labels"]
    assert not view.problems
    state, told = Correcting(later.submit), list[str]()
    state.told.connect(told.append)
    state.who, state.why = "R. Viewer", "no cell"
    state.open(own_run, FIELD)
    later.run()
    state.do(Delete(labels=(1,)))
    later.run()
    assert any("/another/machine/images" in sentence for sentence in told)
    assert not (own_run / "corrections.jsonl").exists()
    state.open(own_run, FIELD, str(here))
    later.run()
    assert state.review is not None
    state.do(Delete(labels=(1,)))
    later.run()
    assert [event.act.kind for event in state.review.events] == ["delete"]
