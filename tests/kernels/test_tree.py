"""Runs, their sums, the component tree and the choice on it."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label as _label
from skimage.measure import regionprops as _regionprops

from monolayer_kernels.objects import paint_runs
from monolayer_kernels.runs import (
    AREA,
    CHORDS_ANTIDIAGONAL,
    CHORDS_DIAGONAL,
    CHORDS_HORIZONTAL,
    CHORDS_VERTICAL,
    FIRST_X,
    FIRST_Y,
    crofton_perimeter,
    shape_scores,
)
from monolayer_kernels.tree import branch_prominence, build_tree, choose_nodes, node_runs

label: Any = _label
regionprops: Any = _regionprops

RNG = np.random.default_rng(3)


def painted(mask: Any) -> Any:
    tree = build_tree(mask.astype(np.uint8))
    out = np.zeros(mask.shape, np.int32)
    for (y, start, end, _), node in zip(tree.runs, tree.node, strict=True):
        out[y, start:end] = node + 1
    return out, len(tree.level), tree.sums


@pytest.mark.parametrize("density", [0.05, 0.3, 0.5, 0.6, 0.9, 1.0])
def test_components_equal_scikit_image_in_number_and_order(density: Any) -> None:
    for shape in ((1, 40), (40, 1), (31, 47)):
        mask = RNG.random(shape) < density
        labels, count, _ = painted(mask)
        expected = label(mask, connectivity=1)
        assert count == expected.max()
        np.testing.assert_array_equal(labels, expected)


def test_sums_equal_regionprops() -> None:
    mask = ndimage.gaussian_filter(RNG.random((80, 90)), 1.5) > 0.5
    labels, _, sums = painted(mask)
    for row, region in zip(sums, regionprops(labels), strict=True):
        assert row[AREA] == region.area
        assert (row[FIRST_Y], row[FIRST_X]) == tuple(region.coords[0])
        assert crofton_perimeter(row) == pytest.approx(region.perimeter_crofton, rel=1e-12)


def test_shape_score_against_the_formula_of_regionprops() -> None:
    mask = ndimage.gaussian_filter(RNG.random((80, 90)), 2.5) > 0.5
    labels, _, sums = painted(mask)
    for score, region in zip(shape_scores(sums), regionprops(labels), strict=True):
        # scikit-image takes pixels for points; ours are squares of second moment 1/12.
        a, b = (2 * np.sqrt(moment + 1 / 12) for moment in region.inertia_tensor_eigvals)
        around = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))
        expected = region.area / (np.pi * a * b) * around / region.perimeter_crofton
        assert score == pytest.approx(expected, rel=1e-9)


def test_shape_score_tells_a_nucleus_from_a_pair() -> None:
    y, x = np.mgrid[:60, :80]
    ellipse = ((y - 30) / 12) ** 2 + ((x - 40) / 18) ** 2 < 1
    pair = ((y - 30) ** 2 + (x - 28) ** 2 < 144) | ((y - 30) ** 2 + (x - 50) ** 2 < 144)
    one = shape_scores(painted(ellipse)[2])[0]
    two = shape_scores(painted(pair)[2])[0]
    assert one > 0.97
    assert two < 0.88


def test_one_pixel_by_hand() -> None:
    _, _, sums = painted(np.array([[0, 0], [0, 1]], bool))
    chords = sums[0, [CHORDS_HORIZONTAL, CHORDS_VERTICAL, CHORDS_DIAGONAL, CHORDS_ANTIDIAGONAL]]
    assert chords.tolist() == [1, 1, 1, 1]
    assert sums[0, :6].tolist() == [1, 0, 0, 0, 0, 0]


def test_shape_score_is_the_same_after_a_quarter_turn() -> None:
    mask = ndimage.gaussian_filter(RNG.random((50, 60)), 2.0) > 0.52
    first = np.sort(shape_scores(painted(mask)[2]))
    turned = np.sort(shape_scores(painted(np.rot90(mask))[2]))
    np.testing.assert_allclose(first, turned, rtol=1e-12)


def test_runs_within_runs_are_the_runs_of_the_level() -> None:
    levels = RNG.integers(0, 6, (30, 40)).astype(np.uint8)
    tree = build_tree(levels)
    of_run = tree.level[tree.node]
    for level in range(1, 6):
        rows = np.pad(levels >= level, ((0, 0), (1, 1))).astype(int)
        y, edge = np.nonzero(np.diff(rows))
        expected = np.stack([y[::2], edge[::2], edge[1::2]], axis=1)
        np.testing.assert_array_equal(tree.runs[of_run == level, :3], expected)
    assert (tree.runs[of_run == 1, 3] == -1).all()
    for (y, start, end, holder), level in zip(tree.runs, of_run, strict=True):
        if level > 1:
            assert of_run[holder] == level - 1
            assert tree.runs[holder, 0] == y
            assert tree.runs[holder, 1] <= start < end <= tree.runs[holder, 2]


def smooth_levels(seed: Any) -> Any:
    image = ndimage.gaussian_filter(np.random.default_rng(seed).random((40, 50)), 2)
    return ((image - image.min()) / np.ptp(image) * 7).astype(np.uint8)


def test_tree_holds_every_component_of_every_level_and_its_parent() -> None:
    levels = smooth_levels(1)
    tree = build_tree(levels)
    for k in range(1, levels.max() + 1):
        nodes = np.flatnonzero(tree.level == k)
        regions = regionprops(label(levels >= k, connectivity=1))
        assert tree.sums[nodes, AREA].tolist() == [r.area for r in regions]
        below = label(levels >= k - 1, connectivity=1)
        for node, region in zip(nodes, regions, strict=True):
            if k == 1:
                assert tree.parent[node] == -1
                continue
            parent = tree.parent[node]
            assert tree.level[parent] == k - 1
            holder = below[tuple(region.coords[0])]
            assert below[tree.sums[parent, FIRST_Y], tree.sums[parent, FIRST_X]] == holder


def test_tree_of_nothing() -> None:
    tree = build_tree(np.zeros((5, 5), np.uint8))
    assert len(tree.level) == len(tree.parent) == len(tree.sums) == 0
    assert choose_nodes(tree.parent, np.zeros(0)).tolist() == []


def best_by_trying(parent: Any, value: Any) -> Any:
    ancestors: list[Any] = [set() for _ in parent]
    for i, p in enumerate(parent):
        ancestors[i] = ancestors[p] | {p} if p >= 0 else set()
    best = 0.0
    for n in range(len(parent) + 1):
        for nodes in itertools.combinations(range(len(parent)), n):
            if not any(ancestors[i] & set(nodes) for i in nodes):
                best = max(best, sum(value[i] for i in nodes))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_choice_is_the_best_of_all_disjoint_sets(seed: Any) -> None:
    rng = np.random.default_rng(seed)
    parent = np.array([-1, *(rng.integers(-1, i) for i in range(1, 10))], np.int32)
    value = rng.random(10)
    chosen = choose_nodes(parent, value)
    assert value[chosen].sum() == pytest.approx(best_by_trying(parent.tolist(), value), abs=1e-7)


def test_of_equals_the_larger_node_is_taken() -> None:
    parent = np.array([-1, 0, 0], np.int32)
    assert choose_nodes(parent, np.array([2.0, 1.0, 1.0])).tolist() == [True, False, False]
    assert not choose_nodes(parent, np.zeros(3)).any()


def test_painted_nodes_are_their_components() -> None:
    levels = smooth_levels(2)
    tree = build_tree(levels)
    nodes = np.flatnonzero(tree.level == 4)
    expected = label(levels >= 4, connectivity=1)
    np.testing.assert_array_equal(paint_runs(node_runs(tree, nodes), levels.shape), expected)


def test_prominence_by_hand() -> None:
    # Two peaks, 5 and 4, joined at 2; a third, 3, stands alone.
    levels = np.array([[5, 4, 2, 3, 4, 0, 3]], np.uint8)
    tree = build_tree(levels)
    heights = np.arange(6, dtype=float) * 10
    prominence, peak = branch_prominence(tree, heights)
    by_level = {
        (int(k), int(x)): (p, q)
        for k, x, p, q in zip(tree.level, tree.sums[:, FIRST_X], prominence, peak, strict=True)
    }
    assert by_level[(1, 0)] == (50.0, 50.0)
    assert by_level[(5, 0)] == (50.0, 50.0)
    assert by_level[(3, 3)] == (20.0, 40.0)
    assert by_level[(4, 4)] == (20.0, 40.0)
    assert by_level[(3, 6)] == (30.0, 30.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: choose_nodes(np.zeros(2, np.int32), np.zeros(3)), "3 values"),
        (lambda: choose_nodes(np.full(1, -1, np.int32), np.array([np.nan])), "finite"),
        (
            lambda: branch_prominence(build_tree(np.eye(3, dtype=np.uint8)), np.zeros(1)),
            "1 heights",
        ),
    ],
)
def test_bad_calls_name_the_value(call: Any, words: Any) -> None:
    with pytest.raises(ValueError, match=words):
        call()
