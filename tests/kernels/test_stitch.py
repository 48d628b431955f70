"""Tiles: every object has one owner, so that the count does not depend on the tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.objects import join_objects, paint_runs, select_objects
from monolayer_kernels.stitch import cut_tiles, own_objects, shared_pixels, shift_runs


def dots(shape: tuple[int, int], seed: int) -> NDArray[np.int32]:
    """Components of at most 9 x 9 pixels: blocks on a grid, with random pixels left out."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.6
    mask[::10], mask[:, ::10] = False, False
    return np.asarray(ndimage.label(mask)[0], np.int32)


def stitched(
    labels: NDArray[np.int32], side: int, margin: int
) -> tuple[NDArray[np.int32], int, int]:
    """Label each window afresh and put the owned objects together."""
    shape = (labels.shape[0], labels.shape[1])
    parts, cut = [], 0
    for tile in cut_tiles(shape, side, margin):
        top, left, bottom, right = tile.window
        here, _ = ndimage.label(labels[top:bottom, left:right] > 0)
        runs = find_runs(np.ascontiguousarray(here, np.int32))
        owned = own_objects(runs, tile, shape)
        cut += int(owned.cut.sum())
        parts.append(shift_runs(select_objects(runs, owned.kept), top, left))
    runs = join_objects(parts)
    first = runs.first[:-1]
    runs = select_objects(runs, np.lexsort((runs.start[first], runs.row[first])))
    return paint_runs(runs, shape), cut, len(shared_pixels(runs)[0])


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    side=st.integers(3, 80),
    extra=st.integers(0, 5),
)
@settings(max_examples=120, deadline=None)
def test_count_and_labels_do_not_depend_on_the_tiles(
    seed: int, height: int, width: int, side: int, extra: int
) -> None:
    """Objects of at most 9 pixels with a margin of 10: the plane's own labels come back."""
    labels = dots((height, width), seed)
    got, cut, doubles = stitched(labels, side, 10 + extra)
    np.testing.assert_array_equal(got, labels)
    assert cut == 0
    assert doubles == 0


def test_what_a_margin_is_too_small_for_is_named() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[18:22, 2:30] = 1
    labels[2:4, 2:4] = 1
    _, cut, _ = stitched(labels, 20, 3)
    assert cut == 1
    _, cut, _ = stitched(labels, 20, 11)
    assert cut == 0


@pytest.mark.parametrize(("y", "x"), [(0, 5), (19, 5), (5, 0), (5, 19)])
def test_every_cut_side_is_seen_but_the_planes_own(y: int, x: int) -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[min(y, 10) : max(y, 10) + 1, min(x, 10) : max(x, 10) + 1] = 1
    runs = find_runs(labels)
    whole = cut_tiles((20, 20), 20, 0)[0]
    assert own_objects(runs, whole, (20, 20)).cut.tolist() == [False]
    middle = cut_tiles((60, 60), 20, 0)[4]
    assert middle.core == (20, 20, 40, 40)
    assert own_objects(runs, middle, (60, 60)).cut.tolist() == [True]


def test_cores_cover_the_plane_once() -> None:
    seen = np.zeros((53, 31), int)
    for tile in cut_tiles((53, 31), 10, 7):
        top, left, bottom, right = tile.core
        seen[top:bottom, left:right] += 1
        assert tile.window[0] == max(0, top - 7)
        assert tile.window[3] == min(31, right + 7)
    assert (seen == 1).all()


def as_runs(*boxes: tuple[int, int, int, int]) -> Runs:
    """Rectangles, one object each."""
    parts = []
    for top, left, bottom, right in boxes:
        labels = np.zeros((30, 30), np.int32)
        labels[top:bottom, left:right] = 1
        parts.append(find_runs(labels))
    return join_objects(parts)


def test_shared_pixels_by_hand() -> None:
    runs = as_runs((0, 0, 4, 4), (2, 2, 6, 6), (10, 10, 12, 12), (3, 0, 5, 10))
    pairs, shared = shared_pixels(runs)
    assert pairs.tolist() == [[0, 1], [0, 3], [1, 3]]
    assert shared.tolist() == [4, 4, 8]
    pairs, shared = shared_pixels(as_runs((0, 0, 2, 2), (0, 2, 2, 4), (2, 0, 4, 4)))
    assert pairs.shape == (0, 2)
    assert shared.shape == (0,)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_shared_pixels_of_random_rectangles(seed: int) -> None:
    corners = np.random.default_rng(seed).integers(0, 30, (12, 2, 2))
    low, high = corners.min(axis=1), corners.max(axis=1) + 1
    boxes = [(int(a[0]), int(a[1]), int(b[0]), int(b[1])) for a, b in zip(low, high, strict=True)]
    pairs, shared = shared_pixels(as_runs(*boxes))
    masks = np.zeros((12, 30, 30), bool)
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    wanted = {(i, j): int((masks[i] & masks[j]).sum()) for i in range(12) for j in range(i + 1, 12)}
    found = {(int(i), int(j)): int(n) for (i, j), n in zip(pairs, shared, strict=True)}
    assert found == {pair: n for pair, n in wanted.items() if n}


def test_nothing_in_a_tile() -> None:
    tile = cut_tiles((60, 60), 20, 5)[4]
    runs = find_runs(np.zeros((30, 30), np.int32))
    owned = own_objects(runs, tile, (60, 60))
    assert owned.kept.size == owned.cut.size == 0
    assert len(shared_pixels(runs)[0]) == 0


@pytest.mark.parametrize(
    ("shape", "side", "margin", "words"),
    [
        ((0, 5), 3, 1, r"a plane needs pixels; got shape \(0, 5\)"),
        ((5, 5), 0, 1, "got 0 and 1"),
        ((5, 5), 3, -1, "got 3 and -1"),
    ],
)
def test_bad_tiles(shape: tuple[int, int], side: int, margin: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cut_tiles(shape, side, margin)
