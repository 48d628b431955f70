"""What must not matter: where an object lies, how the image is turned, stored or numbered."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from monolayer_kernels import (
    background,
    boxes,
    focus,
    label,
    measure_neighbours,
    measure_runs,
    noise,
    runs,
    shape,
    smooth,
    threshold,
    tree,
)

# The same examples on every machine, and no clock: CI must be reproducible.
reproducible = settings(deadline=None, derandomize=True, max_examples=25)

SIDES = st.integers(3, 24)
Turn = Callable[[Any], Any]
TURNS: dict[str, Turn] = {
    "quarter turn": lambda a: np.ascontiguousarray(np.rot90(a)),
    "half turn": lambda a: np.ascontiguousarray(np.rot90(a, 2)),
    "transposition": lambda a: np.ascontiguousarray(a.T),
    "mirror": lambda a: np.ascontiguousarray(a[:, ::-1]),
}
turned = pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())


def arrays(dtype: Any, low: int = 0, high: int = 255) -> Any:
    return hnp.arrays(dtype, st.tuples(SIDES, SIDES), elements=st.integers(low, high))


def masks() -> Any:
    return hnp.arrays(np.bool_, st.tuples(SIDES, SIDES))


def label_mask(mask: Any, connectivity: int = 8, **options: bool) -> measure_runs.Runs:
    return label.label_above(mask.view(np.uint8), 0, connectivity=connectivity, **options)


def painted(found: Any, dims: tuple[int, ...]) -> Any:
    out = np.zeros(dims, np.int32)
    for k, name in enumerate(found.label.tolist()):
        for i in range(found.first[k], found.first[k + 1]):
            out[found.row[i], found.start[i] : found.stop[i]] = name
    return out


def partition(labels: Any) -> set[frozenset[int]]:
    flat = labels.ravel()
    return {frozenset(np.flatnonzero(flat == i).tolist()) for i in np.unique(flat[flat > 0])}


@turned
@pytest.mark.parametrize("connectivity", [4, 8])
@reproducible
@given(mask=masks())
def test_turning_a_mask_turns_its_components(mask: Any, connectivity: int, turn: Turn) -> None:
    whole = painted(label_mask(mask, connectivity), mask.shape)
    other = turn(mask)
    found = painted(label_mask(other, connectivity), other.shape)
    assert partition(found) == partition(turn(whole))


@reproducible
@given(mask=masks(), down=st.integers(0, 9), right=st.integers(0, 70), fill=st.booleans())
def test_moving_a_mask_moves_its_runs(mask: Any, down: int, right: int, fill: bool) -> None:
    here = label_mask(np.pad(mask, 1), fill_holes=fill)
    moved = np.pad(mask, ((1 + down, 2), (1 + right, 3)))
    there = label_mask(moved, fill_holes=fill)
    np.testing.assert_array_equal(there.first, here.first)
    np.testing.assert_array_equal(there.row, here.row + down)
    np.testing.assert_array_equal(there.start, here.start + right)
    np.testing.assert_array_equal(there.stop, here.stop + right)


@reproducible
@given(image=arrays(np.uint8), level=st.integers(-1, 256))
def test_counts_are_the_same_in_every_dtype(image: Any, level: int) -> None:
    found = label.label_above(image, level)
    for dtype in (np.uint16, np.float32):
        other = label.label_above(image.astype(dtype), level)
        for a, b in zip(found, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert label_mask(image > level).label.size == found.label.size


def shapes(found: Any) -> Any:
    sums = measure_runs.sum_runs(found)
    outline = shape.measure_outline(sums, np.diff(found.first))
    return shape.measure_extents(sums) | shape.measure_axes(sums) | outline


@reproducible
@given(labels=arrays(np.int32, 0, 6), order=st.permutations(range(1, 7)))
def test_renaming_labels_permutes_shapes(labels: Any, order: list[int]) -> None:
    names = np.array([0, *order], np.int32)
    before, after = (measure_runs.find_runs(a) for a in (labels, names[labels]))
    rows = np.searchsorted(after.label, names[before.label])
    old, new = (shapes(r) for r in (before, after))
    for name, column in old.items():
        np.testing.assert_array_equal(new[name][rows], column, err_msg=name)


@turned
@reproducible
@given(levels=arrays(np.uint8, 0, 5))
def test_turning_turns_the_component_tree(levels: Any, turn: Turn) -> None:
    def nodes(image: Any) -> Any:
        built = tree.build_tree(image)
        return sorted(zip(built.level.tolist(), built.sums[:, runs.AREA].tolist(), strict=True))

    assert nodes(turn(levels)) == nodes(levels)


SMOOTHINGS: dict[str, Turn] = {
    "Gaussian of 0.7": lambda a: smooth.gaussian(a, 0.7),
    "Gaussian of 2": lambda a: smooth.gaussian(a, 2.0),
    "Gaussian by boxes": lambda a: boxes.gaussian_boxes(a, 3.0),
    "box mean": lambda a: boxes.box_mean(a, 2),
}


@turned
@pytest.mark.parametrize("smoothed", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
@reproducible
@given(image=arrays(np.uint16, 0, 4095))
def test_turning_turns_the_smoothed_image(image: Any, smoothed: Turn, turn: Turn) -> None:
    np.testing.assert_allclose(smoothed(turn(image)), turn(smoothed(image)), atol=2e-3)


@reproducible
@given(image=arrays(np.uint8), sigma=st.sampled_from([0.5, 1.0, 3.0]))
def test_storage_changes_no_smoothed_pixel(image: Any, sigma: float) -> None:
    expected = smooth.gaussian(image, sigma)
    for same in (
        image.astype(np.uint16),
        image.astype(np.float32),
        image.astype(np.float64),
        np.asfortranarray(image),
        np.ascontiguousarray(image[::-1])[::-1],
    ):
        np.testing.assert_array_equal(smooth.gaussian(same, sigma), expected)


@reproducible
@given(image=arrays(np.uint16, 0, 4095), grey=st.integers(0, 1000))
def test_a_constant_more_moves_backgrounds_and_keeps_the_noise(image: Any, grey: int) -> None:
    brighter = image + np.uint16(grey)
    grids = [background.estimate_background(a, 8.0)[0] for a in (image, brighter)]
    np.testing.assert_allclose(grids[1], grids[0] + grey, atol=2e-2)
    dark = np.ones(image.shape, np.bool_)
    found = [noise.estimate_noise(a, dark) for a in (image, brighter)]
    assert found[1] == pytest.approx(found[0], rel=1e-5, abs=1e-3)


@reproducible
@given(image=arrays(np.float32, 0, 99), radius=st.integers(0, 5))
def test_an_opening_turns_with_its_image_and_opens_once(image: Any, radius: int) -> None:
    opened = background.grey_opening(image, radius)
    for turn in TURNS.values():
        np.testing.assert_array_equal(background.grey_opening(turn(image), radius), turn(opened))
    np.testing.assert_array_equal(background.grey_opening(opened, radius), opened)
    assert (opened <= image).all()


@pytest.mark.parametrize(
    "find", [threshold.threshold_otsu, threshold.threshold_li, threshold.threshold_triangle]
)
@reproducible
@given(image=arrays(np.uint8), turns=st.integers(0, 3))
def test_thresholds_know_no_place_and_no_dtype(find: Any, image: Any, turns: int) -> None:
    if len(np.unique(image)) < 3:
        image[0, :3] = (0, 100, 255)
    expected = find(threshold.histogram(image))
    shuffled = np.random.default_rng(turns).permutation(image.ravel()).reshape(image.shape)
    for same in (shuffled, np.rot90(image, turns).copy(), image.astype(np.uint16)):
        assert find(threshold.histogram(same)) == expected


@turned
@reproducible
@given(image=arrays(np.uint16, 0, 4095))
def test_turning_keeps_the_focus(image: Any, turn: Turn) -> None:
    assert focus.laplacian_variance(turn(image)) == pytest.approx(
        focus.laplacian_variance(image), rel=1e-9
    )


@reproducible
@given(
    points=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(0, 50)
    ),
    seed=st.integers(0, 99),
)
def test_neighbours_do_not_depend_on_the_order_or_the_place(points: Any, seed: int) -> None:
    y, x = (np.ascontiguousarray(c) for c in points.T)
    order = np.random.default_rng(seed).permutation(len(y))
    near, count = measure_neighbours.nearest_distance, measure_neighbours.count_within_radius
    np.testing.assert_array_equal(near(y[order], x[order]), near(y, x)[order])
    np.testing.assert_array_equal(count(y[order], x[order], 9.0), count(y, x, 9.0)[order])
    np.testing.assert_array_equal(near(x + 7, y + 3), near(y, x))
    np.testing.assert_array_equal(count(x + 7, y + 3, 9.0), count(y, x, 9.0))


def test_turning_blobs_keeps_their_scores() -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(8).random((60, 70)), 2.5)
    mask = image > np.median(image)

    def scores(m: Any) -> Any:
        return np.sort(runs.shape_scores(tree.build_tree(m.astype(np.uint8)).sums))

    for turn in TURNS.values():
        np.testing.assert_allclose(scores(turn(mask)), scores(mask), rtol=1e-9)
