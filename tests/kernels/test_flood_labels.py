"""Flooding, boxes and holes of label images, and their refinement."""

import heapq
from typing import Any

import numpy as np
import pytest
import skimage.segmentation
from scipy import ndimage

from monolayer_kernels import flood
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import fill_holes, label_boxes
from monolayer_kernels.measure_runs import find_runs
from monolayer_kernels.objects import Levels, paint_runs
from monolayer_kernels.refine import refine_labels

RNG = np.random.default_rng(11)
# Untyped.
watershed: Any = skimage.segmentation.watershed


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
    found = grow_labels(find_runs(seeds.astype(np.int32)), contrast, steps, thresholds)
    expected = grow_slowly(seeds, contrast, steps, thresholds)
    np.testing.assert_array_equal(found, expected)


def flooded(seeds: Any, steps: Any, lowest: int) -> tuple[Any, Any]:
    """Our flood, and scikit-image's watershed of the same seeds down to the same level."""
    low = np.full(int(seeds.max()), lowest, np.float32)
    ours = grow_labels(find_runs(seeds), steps.astype(np.float32), steps, low)
    return ours, watershed(-steps.astype(int), seeds, mask=steps >= lowest)


@pytest.mark.parametrize("lowest", [0, 40, 120])
def test_flood_is_the_watershed_of_scikit_image(lowest: int) -> None:
    rng = np.random.default_rng(lowest)
    for _ in range(40):
        height, width = rng.integers(2, 16, 2)
        steps = rng.permutation(255)[: height * width].reshape(height, width).astype(np.uint8)
        places = rng.permutation(np.flatnonzero(steps >= lowest))[: rng.integers(1, 6)]
        seeds = np.zeros(steps.shape, np.int32)
        seeds.flat[places] = np.arange(1, places.size + 1)
        np.testing.assert_array_equal(*flooded(seeds, steps, lowest))


def test_flood_and_watershed_differ_only_where_both_seeds_come_over_equal_steps() -> None:
    """Ours takes seeds in their own order, scikit-image by their place."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        image = ndimage.gaussian_filter(rng.random((60, 70)), 3)
        steps = (40 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
        seeds = ndimage.label(steps > 30)[0].astype(np.int32)
        ours, theirs = flooded(seeds, steps, 12)
        np.testing.assert_array_equal(ours > 0, theirs > 0)
        assert (ours != theirs).mean() < 0.01


@pytest.mark.parametrize("patches", [1, 3])
def test_flood_of_each_component_is_that_of_the_plane(
    patches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few steps make ties; seeds in patches make components that hang together by a seed only."""
    rng = np.random.default_rng(patches)
    for _ in range(60):
        shape = tuple(rng.integers(20, 60, 2))
        contrast = ndimage.gaussian_filter(rng.random(shape), 2).astype(np.float32)
        steps = (20 * (contrast - contrast.min()) / np.ptp(contrast)).astype(np.uint8)
        bright, count = ndimage.label(steps > 13)
        names = rng.permutation(count) // patches + 1
        seeds = np.append(0, names).astype(np.int32)[bright]
        # Some seeds lie below their threshold wholly or in part.
        limits = np.quantile(contrast, rng.uniform(0.2, 0.95, names.max(initial=0)))
        call = find_runs(seeds), contrast, steps, limits.astype(np.float32)
        found = {}
        for whole in (0, contrast.size):
            monkeypatch.setattr(flood, "_CACHED_PX", whole)
            found[whole] = grow_labels(*call)
        np.testing.assert_array_equal(found[0], found[contrast.size])


def test_components_of_a_plane_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hills behind a valley, and one seed on both."""
    monkeypatch.setattr(flood, "_CACHED_PX", 0)
    row = np.array([[9, 5, 0, 5, 9, 5, 0, 9]], np.float32)
    low = np.full(3, 4, np.float32)
    apart = find_runs(np.array([[1, 0, 0, 0, 2, 0, 0, 3]], np.int32))
    assert len(set(flood._components(apart, row, low))) == 3
    shared = find_runs(np.array([[1, 0, 0, 2, 3, 0, 0, 2]], np.int32))
    first, second, third = flood._components(shared, row, low)
    assert first != second
    assert second == third
    assert len(set(flood._components(apart, row, np.array([0, 4, 4], np.float32)))) == 1


def test_two_labels_meet_in_the_valley_between_them() -> None:
    row = np.array([9, 8, 6, 3, 5, 7, 9], np.float32)
    seeds = np.array([1, 0, 0, 0, 0, 0, 2], np.int32)
    steps = row.astype(np.uint8)
    low = np.array([1, 1], np.float32)
    found = grow_labels(find_runs(seeds[None]), row[None], steps[None], low)
    assert found[0, :3].tolist() == [1, 1, 1]
    assert found[0, 4:].tolist() == [2, 2, 2]
    high = np.array([7, 1], np.float32)
    assert grow_labels(find_runs(seeds[None]), row[None], steps[None], high)[0].tolist() == [
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
    assert not grow_labels(
        find_runs(seeds), ones, ones.astype(np.uint8), np.array([2], np.float32)
    ).any()


def test_boxes_equal_scipy() -> None:
    labels = random_labels()
    boxes = label_boxes(labels, 7)
    for box, found in zip(boxes.tolist(), ndimage.find_objects(labels, 7), strict=True):
        if found is None:
            assert box == [0, 0, 0, 0]
        else:
            rows, columns = found
            assert box == [rows.start, columns.start, rows.stop, columns.stop]


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


def refine_slowly(labels: Any, factor: int, image: Any, thresholds: Any) -> Any:
    """Every full pixel on its own, whether at a seam or not."""
    rows, columns = labels.shape
    out = np.zeros(image.shape, np.int32)
    for y, x in np.ndindex(image.shape):
        r, c = y // factor, x // factor
        around = labels[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
        if (around == labels[r, c]).all():
            out[y, x] = labels[r, c]
            continue
        at_y, at_x = (y + 0.5) / factor - 0.5, (x + 0.5) / factor - 0.5
        weights: dict[int, float] = {}
        for i in {r, r + int(np.sign(at_y - r))}:
            for j in {c, c + int(np.sign(at_x - c))}:
                value = int(labels[np.clip(i, 0, rows - 1), np.clip(j, 0, columns - 1)])
                share = (1 - abs(at_y - i)) * (1 - abs(at_x - j))
                weights[value] = weights.get(value, 0.0) + share
        weights.pop(0, None)
        heaviest = max(weights.values(), default=0.0)
        best = [v for v, w in weights.items() if w > heaviest - 1e-9]
        if len(best) > 1:
            out[y, x] = -1
        elif best and image[y, x] >= thresholds[best[0] - 1]:
            out[y, x] = best[0]
    return out


@pytest.mark.parametrize("factor", [2, 4])
def test_refined_labels_are_those_of_every_pixel_on_its_own(factor: Any) -> None:
    labels = random_labels((14, 17), 7)
    shape = (14 * factor - 1, 17 * factor - 1)
    image = RNG.random(shape).astype(np.float32)
    thresholds = np.linspace(0.2, 0.8, 7).astype(np.float32)
    found = paint_runs(refine_labels(labels, factor, image, thresholds), shape)
    expected = refine_slowly(labels, factor, image, thresholds)
    sure = expected >= 0
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(found[sure], expected[sure])
    counts = Levels(np.floor(image * 1000).astype(np.uint16), 0.001, -0.5)
    # Half way between two counts: no last bit decides.
    limits = (thresholds + 0.0005 - 0.5).astype(np.float32)
    as_floats = np.floor(image * 1000).astype(np.float32)
    half_way = (np.rint(thresholds * 1000) + 0.5).astype(np.float32)
    plain = refine_labels(labels, factor, as_floats, half_way)
    for one, other in zip(refine_labels(labels, factor, counts, limits), plain, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_rim_of_most_pixels_outgrows_the_first_guess() -> None:
    seeds = ((np.indices((6, 6)).sum(axis=0) % 2) * np.arange(1, 37).reshape(6, 6)).astype(np.int32)
    bright, steps = np.ones((6, 6), np.float32), np.ones((6, 6), np.uint8)
    found = grow_labels(find_runs(seeds), bright, steps, np.zeros(18, np.float32))
    assert (found > 0).all()
    np.testing.assert_array_equal(found[seeds > 0], seeds[seeds > 0])


def test_runs_of_refined_labels_outgrow_the_first_guess() -> None:
    """Every pixel of a checkerboard of labels is a run of its own."""
    labels = (1 + np.indices((60, 60)).sum(axis=0) % 2).astype(np.int32)
    image = np.zeros((120, 120), np.float32)
    image[:, ::2] = 1
    found = refine_labels(labels, 2, image, np.full(2, 0.5, np.float32))
    assert found.row.size > image.size // 16
    assert (found.stop - found.start == 1).all()
    np.testing.assert_array_equal(paint_runs(found, image.shape) > 0, image > 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda z: grow_labels(find_runs(z), z.astype("f4"), z[:2].astype("u1"), z[0] * 1.0),
            "differ",
        ),
        (
            lambda z: grow_labels(find_runs(z + 9), z.astype("f4"), z.astype("u1"), z[0, :0]),
            "1 seeds but 0 thresholds",
        ),
        (
            lambda z: grow_labels(
                find_runs(z + 7), z.astype("f4"), z.astype("u1"), np.full(1, np.nan, "f4")
            ),
            "label 7 is NaN",
        ),
        (lambda z: refine_labels(z, 2, np.zeros((9, 9), "f4"), z[0].astype("f4")), r"\(5, 5\)"),
        (lambda z: refine_labels(z + 4, 2, np.zeros((6, 6), "f4"), z[0].astype("f4")), "label 4"),
        (lambda z: refine_labels(z, 1, z.astype("f4"), z[0].astype("f4")), "at least 2, not 1"),
    ],
)
def test_bad_calls_name_the_value(call: Any, words: Any) -> None:
    with pytest.raises(ValueError, match=words):
        call(np.zeros((3, 3), np.int32))
