"""Run-length labelling and hole filling against scipy, scikit-image and label images."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from monolayer_kernels import measure_runs
from monolayer_kernels.background import subtract_background
from monolayer_kernels.label import (
    fill_gaps,
    find_above,
    label_above,
)
from monolayer_kernels.objects import paint_runs

RNG = np.random.default_rng(11)
AROUND: dict[int, NDArray[np.int64]] = {
    4: ndimage.generate_binary_structure(2, 1).astype(np.int64),
    8: np.ones((3, 3), np.int64),
}


def random_mask(rng: np.random.Generator) -> NDArray[np.bool_]:
    shape = tuple(rng.integers(1, 40, 2))
    return rng.random(shape) < rng.random()


def label_mask(
    mask: NDArray[np.bool_], connectivity: int = 8, **options: bool
) -> measure_runs.Runs:
    return label_above(mask.view(np.uint8), 0, connectivity=connectivity, **options)


def same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_labels_equal_scipy_on_1000_random_images_of_every_density(connectivity: int) -> None:
    rng = np.random.default_rng(connectivity)
    for _ in range(1000):
        mask = random_mask(rng)
        expected, _ = ndimage.label(mask, AROUND[connectivity])
        found = paint_runs(label_mask(mask, connectivity), mask.shape)
        # scipy, too, numbers objects by their first pixels.
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_runs_and_sums_are_those_of_the_label_image(connectivity: int) -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        mask = random_mask(rng)
        runs = label_mask(mask, connectivity)
        from_image = measure_runs.find_runs(paint_runs(runs, mask.shape))
        assert same(runs, from_image)
        sums = measure_runs.sum_runs(runs)
        assert same(sums, measure_runs.sum_runs(from_image))
        assert int(sums.moments[:, 0].sum()) == int(mask.sum())


@pytest.mark.parametrize("connectivity", [4, 8])
def test_filled_holes_equal_scipy_on_300_random_images(connectivity: int) -> None:
    rng = np.random.default_rng(connectivity)
    for _ in range(300):
        mask = random_mask(rng)
        filled = ndimage.binary_fill_holes(mask, AROUND[12 - connectivity])
        expected, _ = ndimage.label(filled, AROUND[connectivity])
        runs = label_mask(mask, connectivity, fill_holes=True)
        np.testing.assert_array_equal(paint_runs(runs, mask.shape), expected)


def test_an_island_in_a_hole_becomes_part_of_what_surrounds_it() -> None:
    mask = np.ones((7, 7), bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    assert label_mask(mask).label.size == 2
    runs = label_mask(mask, fill_holes=True)
    assert measure_runs.sum_runs(runs).moments[:, 0].tolist() == [49]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("threshold", [-1, -0.5, 0, 0.5, 99, 99.5, 100, 254.9, 255, 1e6])
def test_brighter_means_brighter(dtype: Any, threshold: float) -> None:
    image = RNG.choice([0, 1, 99, 100, 101, 255], (13, 29)).astype(dtype)
    expected, _ = ndimage.label(image.astype(float) > threshold, AROUND[8])
    np.testing.assert_array_equal(paint_runs(label_above(image, threshold), image.shape), expected)


def test_a_threshold_that_float32_cannot_hold_is_not_rounded_up() -> None:
    image = np.array([[np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(0))]])
    threshold = float(image[0, 0]) - 1e-12
    assert label_above(image, threshold).stop.tolist() == [1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("block", [1, 4, 9])
def test_a_grid_of_thresholds_is_a_background_taken_off(dtype: Any, block: int) -> None:
    image = RNG.integers(0, 256, (37, 66)).astype(dtype)
    grid = (RNG.random([-(-side // block) for side in image.shape]) * 255).astype(np.float32)
    expected, _ = ndimage.label(subtract_background(image, grid, block) > 0, AROUND[8])
    runs = label_above(image, grid, block=block)
    np.testing.assert_array_equal(paint_runs(runs, image.shape), expected)


def test_more_runs_than_expected_are_found_in_a_second_walk() -> None:
    mask = np.zeros((128, 257), bool)
    mask[::2, ::2] = True
    runs = label_mask(mask)
    assert runs.label.size == 64 * 129
    np.testing.assert_array_equal(paint_runs(runs, mask.shape) > 0, mask)


def test_filling_changes_nothing_where_there_is_no_hole() -> None:
    rows = find_above(np.eye(9, dtype=np.uint8), 0)
    assert same(rows, fill_gaps(rows))


def test_rotation_and_transposition_move_objects_but_change_none() -> None:
    mask = RNG.random((40, 50)) < 0.5
    areas = np.sort(measure_runs.sum_runs(label_mask(mask, 4)).moments[:, 0])
    for turned in (np.rot90(mask), mask.T, mask[::-1]):
        runs = label_mask(np.ascontiguousarray(turned), 4)
        np.testing.assert_array_equal(np.sort(measure_runs.sum_runs(runs).moments[:, 0]), areas)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: label_above(np.zeros((3, 3), int), 0), TypeError, "i8"),
        (lambda: label_above(np.zeros((3, 3), ">u2"), 0), TypeError, ">u2"),
        (lambda: label_above(np.zeros(3, np.uint8), 0), ValueError, r"\(3,\)"),
        (lambda: label_above(np.zeros((0, 3), np.uint8), 0), ValueError, r"\(0, 3\)"),
        (lambda: label_above(np.zeros((1, 70_000), np.uint8), 0), ValueError, "70000"),
        (lambda: label_above(np.zeros((4, 4), np.uint8).T[::2], 0), ValueError, "strides"),
        (lambda: label_above(np.zeros((3, 3), np.uint8), 0, connectivity=6), ValueError, "6"),
        (lambda: label_above(np.zeros((3, 3), np.uint8), float("nan")), ValueError, "NaN"),
        (
            lambda: label_above(np.zeros((3, 3), np.uint8), np.zeros((2, 3), np.float32)),
            ValueError,
            r"\(2, 3\)",
        ),
        (
            lambda: label_above(np.zeros((3, 3), np.uint8), np.full((3, 3), np.inf, np.float32)),
            ValueError,
            "9 are not",
        ),
        (
            lambda: label_above(np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.float32), block=0),
            ValueError,
            "not 0",
        ),
    ],
)
def test_bad_calls_name_the_value(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
