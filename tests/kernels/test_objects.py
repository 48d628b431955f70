"""Chores on objects kept as runs, against the same chores on the label image."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from monolayer_kernels.measure_runs import MAX_SIDE_PX, find_runs, sum_runs
from monolayer_kernels.objects import (
    Levels,
    ellipse_scores,
    join_objects,
    keep_largest_patch,
    outline_falls,
    paint_runs,
    repaint_runs,
    run_means,
    select_objects,
)
from monolayer_kernels.runs import shape_scores
from monolayer_kernels.tree import build_tree

RNG = np.random.default_rng(17)


def scattered(shape: Any = (40, 50), count: int = 6) -> Any:
    """Labels 1 to ``count``, none absent, some in several patches."""
    labels = RNG.integers(1, count + 1, shape).astype(np.int32)
    smooth = ndimage.gaussian_filter(RNG.random(shape), 1.5)
    labels[smooth < np.median(smooth)] = 0
    return labels


def test_painted_runs_are_the_labels() -> None:
    labels = scattered()
    np.testing.assert_array_equal(paint_runs(find_runs(labels), labels.shape), labels)


def test_repainted_runs_change_nothing_but_their_own_pixels() -> None:
    labels = scattered()
    runs = find_runs(labels)
    again = np.full(labels.shape, 9, np.int32)
    repaint_runs(runs._replace(label=runs.label + 3), again)
    np.testing.assert_array_equal(again, np.where(labels > 0, labels + 3, 9))


def test_selected_objects_are_numbered_as_named() -> None:
    labels = scattered()
    order = np.array([4, 0, 2], np.intp)
    chosen = paint_runs(select_objects(find_runs(labels), order), labels.shape)
    for new, old in enumerate(order + 1, start=1):
        np.testing.assert_array_equal(chosen == new, labels == old)


def test_joined_objects_follow_one_another() -> None:
    labels = scattered()
    runs = find_runs(labels)
    parts = [select_objects(runs, np.array(some, np.intp)) for some in ([0, 1], [], [2, 3, 4, 5])]
    np.testing.assert_array_equal(paint_runs(join_objects(parts), labels.shape), labels)
    assert join_objects([]).label.size == 0


def test_the_largest_patch_is_scipys() -> None:
    labels = scattered()
    kept = paint_runs(keep_largest_patch(find_runs(labels)), labels.shape)
    for i in range(1, 7):
        patches, _ = ndimage.label(labels == i)
        largest = np.bincount(patches.ravel())[1:].argmax() + 1
        np.testing.assert_array_equal(kept == i, patches == largest)


def test_whole_objects_are_left_as_they_are() -> None:
    labels = np.zeros((6, 6), np.int32)
    labels[1:4, 2:5] = 1
    runs = find_runs(labels)
    assert keep_largest_patch(runs) is runs
    none = find_runs(np.zeros((3, 3), np.int32))
    assert keep_largest_patch(none) is none


def test_means_equal_numpys() -> None:
    labels = scattered()
    image = RNG.random(labels.shape).astype(np.float32)
    expected = [image[labels == i].mean(dtype=np.float64) for i in range(1, 7)]
    np.testing.assert_allclose(run_means(find_runs(labels), image), expected, rtol=1e-12)


def levels_and_plane(shape: Any) -> Any:
    counts = RNG.integers(0, 65536, shape).astype(np.uint16)
    # A step and a low that float32 holds whole: both planes have the very same values.
    return Levels(counts, 0.5, -64.0), counts * np.float32(0.5) - np.float32(64)


def test_levels_have_the_means_and_falls_of_the_plane_they_stand_for() -> None:
    labels = scattered()
    runs = find_runs(labels)
    levels, plane = levels_and_plane(labels.shape)
    assert levels.shape == plane.shape
    np.testing.assert_allclose(run_means(runs, levels), run_means(runs, plane), rtol=1e-12)
    for reach in (1, 3):
        falls = outline_falls(runs, levels, reach)
        np.testing.assert_allclose(falls, outline_falls(runs, plane, reach), rtol=1e-6)


@pytest.mark.parametrize("pitch", [3, 40], ids=["dense", "sparse"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_means_and_falls_hang_neither_on_density_nor_on_order(pitch: int, shuffled: bool) -> None:
    labels = np.zeros((50, 130), np.int32)
    places = [(y, x) for y in range(2, 48, 3) for x in range(2, 128, pitch)]
    for i, (y, x) in enumerate(places, start=1):
        labels[y : y + 2, x : x + 2] = i
    levels, plane = levels_and_plane(labels.shape)
    runs = find_runs(labels)
    order = RNG.permutation(len(places)) if shuffled else np.arange(len(places))
    found = run_means(select_objects(runs, order), levels)
    expected = np.array([plane[y : y + 2, x : x + 2].mean(dtype=np.float64) for y, x in places])
    np.testing.assert_allclose(found, expected[order], rtol=1e-12)
    falls = outline_falls(select_objects(runs, order), levels, 1)
    np.testing.assert_allclose(falls, outline_falls(runs, plane, 1)[order], rtol=1e-6)


def test_the_brightest_counts_of_the_widest_row_do_not_overflow() -> None:
    runs = find_runs(np.ones((1, MAX_SIDE_PX), np.int32))
    white = Levels(np.full((1, MAX_SIDE_PX), 65535, np.uint16), 1.0, 0.0)
    assert run_means(runs, white).tolist() == [65535.0]


def test_ellipse_scores_are_the_trees() -> None:
    mask = ndimage.gaussian_filter(RNG.random((60, 70)), 2) > 0.5
    expected = shape_scores(build_tree(mask.astype(np.uint8)).sums)
    labels, _ = ndimage.label(mask)
    found = ellipse_scores(sum_runs(find_runs(labels.astype(np.int32))))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def falls_slowly(labels: Any, image: Any, count: int, reach: int) -> Any:
    height, width = labels.shape
    falls: list[list[float]] = [[] for _ in range(count)]
    for y, x in np.argwhere(labels > 0):
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            far_y, far_x = y + dy * reach, x + dx * reach
            back_y, back_x = y - dy * (reach - 1), x - dx * (reach - 1)
            near = reach <= y < height - reach if dy else reach <= x < width - reach
            if near and labels[y + dy, x + dx] != labels[y, x]:
                falls[labels[y, x] - 1].append(float(image[back_y, back_x] - image[far_y, far_x]))
    return [np.mean(f) if f else 0.0 for f in falls]


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_outline_falls_equal_a_walk_over_all_faces(reach: Any) -> None:
    labels = scattered()
    image = RNG.random(labels.shape).astype(np.float32)
    found = outline_falls(find_runs(labels), image, reach)
    np.testing.assert_allclose(found, falls_slowly(labels, image, 6, reach), rtol=1e-5, atol=1e-7)


def test_fall_of_a_square_is_its_height() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[8:20, 8:20] = 1
    runs = find_runs(labels)
    assert outline_falls(runs, labels.astype(np.float32) * 7, 3).tolist() == [7.0]
    ramp = np.tile(np.arange(30, dtype=np.float32), (30, 1))
    # Falls to the left and to the right cancel, as do those up and down.
    assert outline_falls(runs, ramp, 1).tolist() == [0.0]
    with pytest.raises(ValueError, match="not 0"):
        outline_falls(runs, ramp, 0)
