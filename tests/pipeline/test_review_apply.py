"""Events on small label images: by hand, against slow oracles, by property."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monolayer.errors import CorrectionError
from monolayer.review import (
    Add,
    Corrected,
    Delete,
    Event,
    Exclude,
    FieldKey,
    Merge,
    Paint,
    Redo,
    Redraw,
    Relabel,
    SplitByLine,
    SplitBySeeds,
    Undo,
    act_of,
    apply_act,
    apply_events,
    labels_sha256,
    mask_of,
    next_label,
    runs_of,
    touched_by,
)
from monolayer.review.painting import acts_of_painting
from monolayer.review.pixels import line_pixels

Labels = NDArray[np.int32]
KEY = FieldKey("P1/B03/1", "a" * 64, "b" * 64)


def picture(*rows: str) -> Labels:
    """A label image drawn with digits; a point is background."""
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.int32)


def recorded(labels: Labels, acts: Sequence[Any]) -> list[Event]:
    """Events as a session would record them."""
    events: list[Event] = []
    for number, act in enumerate(acts, 1):
        made: tuple[int, ...] = ()
        if not isinstance(act, Undo | Redo):
            state = apply_events(labels, events)
            _, made = apply_act(state, act, number, next_label(labels, events), why="w")
        at = datetime(2026, 11, 23, 12, number, tzinfo=UTC)
        events.append(Event(number, KEY, act, made, "R. Viewer", "w", at))
    return events


def corrected(labels: Labels, *acts: Any) -> Corrected:
    return apply_events(labels, recorded(labels, acts))


PLAIN = picture(
    "11.22..",
    "11.22..",
    "....333",
    "....333",
)


def test_merge_takes_the_smallest_label_and_leaves_the_others() -> None:
    state = corrected(PLAIN, Merge(labels=(3, 1)))
    np.testing.assert_array_equal(state.labels, np.where(PLAIN == 3, 1, PLAIN))
    assert state.touched == {1: (1,)}


def test_a_line_parts_an_object_and_costs_no_pixel() -> None:
    labels = np.zeros((7, 24), np.int32)
    labels[1:6, 2:22] = 4
    state = corrected(labels, SplitByLine(label=4, points=((0, 9), (6, 9))))
    np.testing.assert_array_equal(state.labels > 0, labels > 0)
    # The larger part, right of the line, keeps its label; the line's own column goes to one side.
    assert (state.labels[1:6, 2:9] == 5).all()
    assert (state.labels[1:6, 10:22] == 4).all()
    assert state.touched == {4: (1,), 5: (1,)}


def test_a_slanting_line_parts_what_its_pixels_touch_by_corners() -> None:
    labels = np.ones((12, 12), np.int32)
    state = corrected(labels, SplitByLine(label=1, points=((-1, -1), (12, 12))))
    assert sorted(np.unique(state.labels)) == [1, 2]
    assert abs(int((state.labels == 1).sum()) - 72) <= 6


def test_seeds_part_two_discs_at_their_neck() -> None:
    y, x = np.mgrid[:40, :70]
    discs = ((y - 20) ** 2 + (x - 20) ** 2 < 225) | ((y - 20) ** 2 + (x - 46) ** 2 < 196)
    labels = discs.astype(np.int32) * 7
    state = corrected(labels, SplitBySeeds(label=7, points=((20, 18), (21, 48))))
    assert sorted(np.unique(state.labels)) == [0, 7, 8]
    cut = np.flatnonzero((state.labels == 8).any(axis=0))[0]
    assert 31 <= cut <= 36  # the neck lies at column 33.5
    np.testing.assert_array_equal(state.labels > 0, discs)


def test_an_outline_takes_pixels_off_its_neighbours() -> None:
    runs = ((0, 3, 7), (1, 3, 6))
    added = corrected(PLAIN, Add(runs=((0, 4, 7),)))
    np.testing.assert_array_equal(added.labels[0], [1, 1, 0, 2, 4, 4, 4])
    redrawn = corrected(PLAIN, Redraw(label=1, runs=((2, 0, 5),)))
    np.testing.assert_array_equal(
        redrawn.labels[:3, :5], [[0, 0, 0, 2, 2], [0, 0, 0, 2, 2], [1] * 5]
    )
    with pytest.raises(CorrectionError, match="covers object 2 wholly"):
        corrected(PLAIN, Add(runs=runs))


def test_delete_relabel_paint_and_exclude() -> None:
    assert set(np.unique(corrected(PLAIN, Delete(labels=(1, 3))).labels)) == {0, 2}
    assert corrected(PLAIN, Relabel(labels=(2,), to="dead")).classes == {2: "dead"}
    painted = corrected(PLAIN, Paint(value=2, runs=((0, 0, 7),))).labels
    assert painted[0].tolist() == [2] * 7
    assert corrected(PLAIN, Exclude()).excluded == "w"


def test_classes_go_with_their_objects() -> None:
    labels = np.zeros((7, 24), np.int32)
    labels[1:6, 2:22] = 4
    cut = SplitByLine(label=4, points=((0, 9), (6, 9)))
    said = Relabel(labels=(4,), to="dead")
    assert corrected(labels, said, cut).classes == {4: "dead", 5: "dead"}
    assert (
        corrected(labels, said, cut, Relabel(labels=(5,), to="live"), Merge(labels=(4, 5))).classes
        == {}
    )
    assert corrected(labels, said, Delete(labels=(4,))).classes == {}


def test_undo_in_the_middle_renames_nothing() -> None:
    labels = np.zeros((20, 24), np.int32)
    labels[1:6, 2:22], labels[10:15, 2:22] = 4, 9
    cuts = [SplitByLine(label=n, points=((0, 9), (19, 9))) for n in (4, 9)]
    both = corrected(labels, *cuts)
    assert set(np.unique(both.labels)) == {0, 4, 9, 10, 11}
    state = corrected(labels, *cuts, Undo(number=1))
    assert set(np.unique(state.labels)) == {0, 4, 9, 11}
    np.testing.assert_array_equal(state.labels[10:], both.labels[10:])
    again = corrected(labels, *cuts, Undo(number=1), Redo(number=1))
    np.testing.assert_array_equal(again.labels, both.labels)
    assert again.numbers == (1, 2)


def test_an_undo_on_which_a_later_event_rests_is_refused() -> None:
    labels = np.zeros((7, 24), np.int32)
    labels[1:6, 2:22] = 4
    cut = SplitByLine(label=4, points=((0, 9), (6, 9)))
    with pytest.raises(CorrectionError, match="correction 2: there is no object 5"):
        corrected(labels, cut, Delete(labels=(5,)), Undo(number=1))


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (Merge(labels=(1, 9)), "no object 9"),
        (Merge(labels=(2, 2)), "two different objects"),
        (Delete(labels=(9,)), "no object 9"),
        (Relabel(labels=(9,), to="dead"), "no object 9"),
        (SplitByLine(label=3, points=((0, 0), (0, 6))), "parts nothing"),
        (SplitBySeeds(label=3, points=((2, 5), (0, 0))), "not in the object"),
        (SplitBySeeds(label=3, points=((2, 5), (2.2, 5.1))), "lie in the pixel 2, 5"),
        (Add(runs=((0, 5, 9),)), "not within the image"),
        (Redraw(label=1, runs=((3, 4, 4),)), "not within the image"),
        (Undo(number=7), "not in effect"),
        (Redo(number=7), "not undone"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(act: Any, sentence: str) -> None:
    with pytest.raises(CorrectionError, match=sentence):
        corrected(PLAIN, act)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "explode"}, "explode"),
        ({"kind": "merge", "labels": [1]}, "at least 2"),
        ({"kind": "delete", "labels": [0]}, "greater than 0"),
        ({"kind": "delete", "labels": [1], "colour": "red"}, "colour"),
        ("merge", "dictionary"),
    ],
)
def test_what_is_no_act_is_refused(data: Any, sentence: str) -> None:
    with pytest.raises(CorrectionError, match=sentence):
        act_of(data)


def test_the_key_tells_what_changed() -> None:
    assert KEY.mismatch(KEY) is None
    assert "image has changed" in str(KEY.mismatch(replace(KEY, image_sha256="c")))
    assert "labels of the field have changed" in str(KEY.mismatch(replace(KEY, labels_sha256="c")))
    assert "belongs to field" in str(KEY.mismatch(replace(KEY, field_id="P1/B03/2")))


def test_the_labels_hash_is_of_values_and_shape() -> None:
    assert labels_sha256(PLAIN) == labels_sha256(PLAIN.astype(np.uint16))
    assert labels_sha256(PLAIN) != labels_sha256(np.ascontiguousarray(PLAIN.T))
    assert labels_sha256(PLAIN) != labels_sha256(PLAIN.reshape(7, 4))


masks = st.integers(0, 2**30 - 1).map(
    lambda bits: np.array([bits >> k & 1 for k in range(30)], bool).reshape(5, 6)
)


@given(masks)
def test_runs_say_the_same_as_the_mask(mask: NDArray[np.bool_]) -> None:
    runs = runs_of(mask)
    assert sum(stop - start for _, start, stop in runs) == mask.sum()
    np.testing.assert_array_equal(mask_of(runs, mask.shape), mask)


points = st.tuples(st.floats(-5, 25), st.floats(-5, 25))


@given(st.lists(points, min_size=2, max_size=4))
def test_a_line_has_no_gap(corners: list[tuple[float, float]]) -> None:
    pixels = {tuple(pixel) for pixel in line_pixels(corners).tolist()}
    seen, waiting = set(), [next(iter(pixels))]
    while waiting:
        y, x = waiting.pop()
        if (y, x) in pixels and (y, x) not in seen:
            seen.add((y, x))
            waiting += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert seen == pixels


images = st.lists(st.integers(0, 4), min_size=30, max_size=30).map(
    lambda values: np.array(values, np.int32).reshape(5, 6)
)


@settings(max_examples=60)
@given(images, images)
def test_any_painting_becomes_acts_that_paint_it(before: Labels, after: Labels) -> None:
    """Up to the labels of new objects, which are given anew."""
    state = corrected(before, *acts_of_painting(before, after))
    pairs = {*zip(after.ravel().tolist(), state.labels.ravel().tolist(), strict=True)}
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    stayed = set(before[before == after].tolist())
    assert {(a, b) for a, b in pairs if a in stayed} <= {(a, a) for a in range(5)}


@settings(max_examples=60)
@given(images, images)
def test_painted_surface_is_that_surface(before: Labels, after: Labels) -> None:
    state = corrected(before, *acts_of_painting(before, after, surface=True))
    np.testing.assert_array_equal(state.labels, after)


@settings(max_examples=60)
@given(images, st.data())
def test_undoing_everything_gives_the_automatic_labels(before: Labels, data: st.DataObject) -> None:
    present = [int(label) for label in np.unique(before) if label]
    acts: list[Any] = [Delete(labels=(label,)) for label in present[:2]]
    acts += [Merge(labels=tuple(present[2:4]))] if len(present) > 3 else []
    order = data.draw(st.permutations(range(1, len(acts) + 1)))
    state = corrected(before, *acts, *[Undo(number=number) for number in order])
    np.testing.assert_array_equal(state.labels, before)
    assert not state.changed


@given(images, images)
def test_touched_are_labels_whose_pixels_differ(before: Labels, after: Labels) -> None:
    slow = {label for label in range(1, 5) if not np.array_equal(before == label, after == label)}
    assert touched_by(Corrected(before), Corrected(after)) == slow
