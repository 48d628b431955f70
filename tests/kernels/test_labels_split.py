"""Flooding, chores on label images, outlines and cuts."""

import heapq
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from monolayer_kernels.edges import edge_steps
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import (
    enlarge_labels,
    fill_holes,
    label_boxes,
    label_means,
    label_runs,
    renumber_labels,
)
from monolayer_kernels.split import propose_cut

RNG = np.random.default_rng(11)


def random_labels(shape: Any = (40, 50), count: Any = 6) -> Any:
    labels = np.zeros(shape, np.int32)
    for i in range(count):
        y, x = RNG.integers(0, shape[0] - 6), RNG.integers(0, shape[1] - 6)
        labels[y : y + RNG.integers(2, 9), x : x + RNG.integers(2, 9)] = i + 1
    return labels


def grow_slowly(seeds: Any, contrast: Any, steps: Any, thresholds: Any) -> Any:
    """The same flood with a heap: highest step first, first in, first out."""
    labels = np.where(
        (seeds > 0) & (contrast >= np.concatenate([[np.inf], thresholds])[seeds]), seeds, 0
    )
    order = 0
    heap: list[Any] = []
    around = ((-1, 0), (1, 0), (0, -1), (0, 1))
    for y, x in np.argwhere(labels > 0):
        heapq.heappush(heap, (-int(steps[y, x]), order := order + 1, y, x))
    while heap:
        level, _, y, x = heapq.heappop(heap)
        for dy, dx in around:
            r, c = y + dy, x + dx
            if not (0 <= r < labels.shape[0] and 0 <= c < labels.shape[1]) or labels[r, c]:
                continue
            if contrast[r, c] >= thresholds[labels[y, x] - 1]:
                labels[r, c] = labels[y, x]
                heapq.heappush(heap, (max(-int(steps[r, c]), level), order := order + 1, r, c))
    return labels


def test_flood_covers_what_a_heap_covers() -> None:
    contrast = ndimage.gaussian_filter(RNG.random((60, 70)), 2).astype(np.float32)
    contrast = (contrast - contrast.min()) / np.ptp(contrast)
    seeds, count = ndimage.label(contrast > 0.8)
    thresholds = np.linspace(0.4, 0.6, count).astype(np.float32)
    steps = (contrast * 50).astype(np.uint8)
    found = grow_labels(seeds.astype(np.int32), contrast, steps, thresholds)
    expected = grow_slowly(seeds, contrast, steps, thresholds)
    np.testing.assert_array_equal(found, expected)


def test_two_labels_meet_in_the_valley_between_them() -> None:
    row = np.array([9, 8, 6, 3, 5, 7, 9], np.float32)
    seeds = np.array([1, 0, 0, 0, 0, 0, 2], np.int32)
    steps = row.astype(np.uint8)
    low = np.array([1, 1], np.float32)
    found = grow_labels(seeds[None], row[None], steps[None], low)
    assert found[0, :3].tolist() == [1, 1, 1]
    assert found[0, 4:].tolist() == [2, 2, 2]
    high = np.array([7, 1], np.float32)
    assert grow_labels(seeds[None], row[None], steps[None], high)[0].tolist() == [
        1,
        1,
        2,
        2,
        2,
        2,
        2,
    ]


def test_a_seed_below_its_threshold_is_dropped() -> None:
    ones = np.ones((3, 3), np.float32)
    seeds = np.ones((3, 3), np.int32)
    assert not grow_labels(seeds, ones, ones.astype(np.uint8), np.array([2], np.float32)).any()


def test_boxes_and_means_equal_scipy() -> None:
    labels = random_labels()
    image = RNG.random(labels.shape).astype(np.float32)
    boxes = label_boxes(labels, 7)
    means, areas = label_means(labels, image, 7)
    found = ndimage.find_objects(labels, 7)
    for i in range(7):
        assert areas[i] == (labels == i + 1).sum()
        if areas[i] == 0:
            assert boxes[i].tolist() == [0, 0, 0, 0]
            assert means[i] == 0
            continue
        rows, columns = found[i]
        assert boxes[i].tolist() == [rows.start, columns.start, rows.stop, columns.stop]
        assert means[i] == pytest.approx(image[labels == i + 1].mean(), rel=1e-6)


def test_holes_are_filled_as_scipy_fills_them() -> None:
    labels = (ndimage.gaussian_filter(RNG.random((60, 60)), 1.5) > 0.49).astype(np.int32)
    labels = ndimage.label(labels)[0].astype(np.int32)
    one = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    mask = (labels == one).astype(np.int32)
    expected = ndimage.binary_fill_holes(mask)
    fill_holes(mask, label_boxes(mask, 1))
    np.testing.assert_array_equal(mask > 0, expected)
    assert expected.sum() > (labels == one).sum()


def test_a_hole_that_holds_another_object_keeps_it() -> None:
    labels = np.ones((5, 5), np.int32)
    labels[1:4, 1:4] = 0
    labels[2, 2] = 2
    fill_holes(labels, label_boxes(labels, 2))
    assert labels[2, 2] == 2
    assert (labels == 1).sum() == 24


def test_runs_paint_the_labels_again() -> None:
    labels = random_labels()
    runs, components = label_runs(labels)
    out = np.zeros_like(labels)
    for (y, start, end, _), component in zip(runs, components, strict=True):
        out[y, start:end] = component + 1
    np.testing.assert_array_equal(out, labels)
    busy = np.arange(1, 401, dtype=np.int32).reshape(20, 20)
    assert len(label_runs(busy)[0]) == 400


def test_enlarged_labels_are_numpys_repeat() -> None:
    labels = random_labels((10, 12), 3)
    expected = np.repeat(np.repeat(labels, 4, 0), 4, 1)[:38, :45]
    np.testing.assert_array_equal(enlarge_labels(labels, 4, (38, 45)), expected)


def test_renumbering_follows_the_first_pixels() -> None:
    labels = np.array([[0, 3, 3], [1, 0, 2], [1, 4, 4]], np.int32)
    order = renumber_labels(labels, np.array([True, False, True, True]))
    assert order.tolist() == [2, 0, 3]
    assert labels.tolist() == [[0, 1, 1], [2, 0, 0], [2, 3, 3]]


def test_edge_step_of_a_square_is_its_height() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[8:20, 8:20] = 1
    image = labels.astype(np.float32) * 7
    for reach in (1, 3):
        assert edge_steps(labels, image, 1, reach).tolist() == [7.0]
    ramp = np.tile(np.arange(30, dtype=np.float32), (30, 1))
    # Falls to the left and to the right cancel, as do those up and down.
    assert edge_steps(labels, ramp, 1, 1).tolist() == [0.0]


def two_discs(gap: Any, radius: Any = 12, shape: Any = (50, 80)) -> Any:
    y, x = np.mgrid[: shape[0], : shape[1]]
    first = (y - 25) ** 2 + (x - 27) ** 2 < radius**2
    second = (y - 25) ** 2 + (x - 27 - gap) ** 2 < radius**2
    return first, second


@pytest.mark.parametrize("gap", [17, 20, 22])
def test_two_discs_are_cut_between_them(gap: Any) -> None:
    first, second = two_discs(gap)
    cut = propose_cut(first | second)
    assert cut is not None
    middle = 27 + gap / 2
    x = np.nonzero(cut.parts == cut.parts[25, 18])[1]
    assert np.abs(x.max() - middle) <= 1.5
    assert cut.parts_score > cut.whole_score + 0.04
    assert cut.area == (first | second).sum()
    assert min(cut.part_scores) > 0.95
    assert cut.smaller_area == min((cut.parts == 1).sum(), (cut.parts == 2).sum())
    # The neck is the chord at the overlap, the minor axis about the diameter.
    chord = 2 * np.sqrt(144 - (gap / 2) ** 2)
    assert cut.neck == pytest.approx(chord / 24, abs=0.15)


def test_the_cut_turns_with_the_object() -> None:
    first, second = two_discs(20)
    cut, turned = propose_cut(first | second), propose_cut(np.rot90(first | second))
    assert cut is not None
    assert turned is not None
    # Starts are tried in the object's own axes; a tie between pixels may fall differently.
    assert abs(turned.smaller_area - cut.smaller_area) <= 6
    assert turned.parts_score == pytest.approx(cut.parts_score, abs=0.01)


def test_parts_are_connected_and_cover_the_object() -> None:
    mask = ndimage.gaussian_filter(RNG.random((60, 60)), 4)
    labels, _ = ndimage.label(mask > np.median(mask))
    one = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    cut = propose_cut(one)
    assert cut is not None
    np.testing.assert_array_equal(cut.parts > 0, one)
    for part in (1, 2):
        assert ndimage.label(cut.parts == part)[1] == 1


def test_specks_are_not_cut() -> None:
    assert propose_cut(np.ones((3, 5), bool)) is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda z: grow_labels(z, z.astype("f4"), np.zeros((2, 3), "u1"), z[0].astype("f4")),
            "differ",
        ),
        (
            lambda z: grow_labels(z + 9, z.astype("f4"), z.astype("u1"), z[0].astype("f4")),
            "label 9",
        ),
        (lambda z: label_means(z, np.zeros((2, 2), "f4"), 1), "differ"),
        (lambda z: enlarge_labels(z, 2, (9, 9)), r"\(5, 5\)"),
        (lambda z: edge_steps(z, z.astype("f4"), 1, 0), "not 0"),
        (lambda z: edge_steps(z, np.zeros((2, 2), "f4"), 1, 1), "differ"),
        (lambda z: propose_cut(z), "int32"),
    ],
)
def test_bad_calls_name_the_value(call: Any, words: Any) -> None:
    with pytest.raises(ValueError, match=words):
        call(np.zeros((3, 3), np.int32))
