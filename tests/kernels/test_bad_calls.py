"""Calls that no kernel can serve: refused by the shell, with the value named, before the loop.

Many of these wrote or read beyond an array's end, or gave a number, before their shell asked.
"""

from typing import Any

import numpy as np
import pytest

from monolayer_kernels import (
    background,
    boxes,
    checks,
    contact,
    cover,
    flood,
    focus,
    illumination,
    label,
    labels,
    measure_intensity,
    measure_quantiles,
    measure_rings,
    measure_runs,
    measure_surround,
    noise,
    objects,
    refine,
    shape_border,
    shape_fill,
    shape_hu,
    texture,
    threshold,
    tree,
)

SHAPE = (6, 7)
PLANE = np.arange(42, dtype=np.float32).reshape(SHAPE)
HOLED, BLINDING = PLANE.copy(), PLANE.copy()
HOLED[2, 3], BLINDING[2, 3] = np.nan, np.inf
BYTES = PLANE.astype(np.uint8)
GRID = np.ones((2, 2), np.float32)


def measured(*boxes_of: tuple[int, int, int, int], shape: tuple[int, int] = SHAPE) -> Any:
    painted = np.zeros(shape, np.int32)
    for k, (top, left, bottom, right) in enumerate(boxes_of, start=1):
        painted[top:bottom, left:right] = k
    runs = measure_runs.find_runs(painted)
    return (
        painted,
        runs,
        measure_runs.sum_runs(runs),
        measure_runs.order_by_row(runs.first, runs.row, shape),
    )


LABELS, RUNS, SUMS, ORDER = measured((1, 1, 4, 5), (4, 5, 6, 7))
_, FAR, FAR_SUMS, FAR_ORDER = measured((20, 20, 28, 29), (12, 12, 13, 13), shape=(30, 30))
_, ONE, ONE_SUMS, _ = measured((1, 1, 4, 5))

# Objects of a larger image, told by where they reach.
BEYOND = r"image has shape \(6, 7\), but objects reach from row 12, column 12 to row 27, column 28"
MANY = "sums are of 1 objects, but runs of 2"
ELSEWHERE = "sums are not those of the runs: label 1 lies elsewhere"

OUT_OF_BOUNDS: dict[str, tuple[Any, str]] = {
    "paint_runs": (lambda: objects.paint_runs(FAR, SHAPE), BEYOND),
    "paint_runs, 3-D": (lambda: objects.paint_runs(FAR, (30, 30, 3)), r"2-D, not of shape \(30"),
    "repaint_runs": (lambda: objects.repaint_runs(FAR, LABELS.copy()), BEYOND),
    "run_means": (lambda: objects.run_means(FAR, PLANE), BEYOND),
    "outline_falls": (lambda: objects.outline_falls(FAR, PLANE, 1), BEYOND),
    "select_objects": (
        lambda: objects.select_objects(RUNS, np.array([0, 5])),
        "positions must be 0 to 1; got 0 to 5",
    ),
    "select_objects, from the end": (
        lambda: objects.select_objects(RUNS, np.array([-1])),
        "got -1 to -1",
    ),
    "reaching": (lambda: cover.reaching(FAR, PLANE, 1.0), BEYOND),
    "draw_patches": (lambda: cover.draw_patches(FAR, np.array([True, True]), SHAPE), BEYOND),
    "draw_patches, too few to keep": (
        lambda: cover.draw_patches(RUNS, np.array([True]), SHAPE),
        r"keep must name 2 objects, not be of shape \(1,\)",
    ),
    "ring_means": (
        lambda: measure_rings.ring_means(FAR, measure_rings.moment_ellipses(FAR_SUMS), PLANE, 3),
        BEYOND,
    ),
    "ring_means, ellipses": (
        lambda: measure_rings.ring_means(RUNS, np.full((2, 5), np.nan), PLANE, 3),
        "ellipses must be finite; 10 are not",
    ),
    "grow_labels": (
        lambda: flood.grow_labels(FAR, PLANE, BYTES, np.ones(2, np.float32)),
        BEYOND,
    ),
    "refine_labels": (
        lambda: refine.refine_labels(-5 * LABELS[:3, :4], 2, PLANE, np.ones(2, np.float32)),
        "labels must not be negative; found -5",
    ),
    "label_boxes": (lambda: labels.label_boxes(LABELS, 1), "labels must be 0 to 1; found 2"),
    "label_boxes, negative": (lambda: labels.label_boxes(-LABELS, 2), "0 to 2; found -1"),
    "label_boxes, 1-D": (lambda: labels.label_boxes(LABELS[0], 2), r"2-D, not of shape \(7,\)"),
    "fill_holes": (
        lambda: labels.fill_holes(LABELS.copy(), np.array([[0, 0, 50, 50]], np.int32)),
        r"boxes must lie within an image of shape \(6, 7\)",
    ),
    "group_by_label": (
        lambda: measure_runs.group_by_label(np.array([[0], [0], [3], [-5]], np.int32)),
        "labels must not be negative; found -5",
    ),
    "order_by_row": (
        lambda: measure_runs.order_by_row(FAR.first, RUNS.row, SHAPE),
        "objects own 9 items, but there are 5",
    ),
    "measure_intensity": (
        lambda: measure_intensity.measure_intensity(RUNS, ONE_SUMS, PLANE),
        MANY,
    ),
    "measure_intensity, other objects": (
        lambda: measure_intensity.measure_intensity(FAR, SUMS, PLANE),
        ELSEWHERE,
    ),
    "measure_quantiles": (
        lambda: measure_quantiles.measure_quantiles(FAR, SUMS, PLANE),
        ELSEWHERE,
    ),
    "measure_texture": (lambda: texture.measure_texture(FAR, SUMS, PLANE), ELSEWHERE),
    "measure_structure": (lambda: texture.measure_structure(FAR, SUMS, PLANE), ELSEWHERE),
    "measure_texture, NaN": (
        lambda: texture.measure_texture(RUNS, SUMS, HOLED),
        "finite; it reaches from nan",
    ),
    "measure_background": (
        lambda: measure_surround.measure_background(RUNS, ONE_SUMS.bbox, ORDER, PLANE),
        "there are 1 bounding boxes for 2 objects",
    ),
    "find_border": (lambda: shape_border.find_border(FAR, SUMS), ELSEWHERE),
    "measure_perimeters": (lambda: shape_border.measure_perimeters(RUNS, ONE_SUMS), MANY),
    "fill_areas": (lambda: shape_fill.fill_areas(FAR, SUMS), ELSEWHERE),
    "measure_hu": (lambda: shape_hu.measure_hu(RUNS, ONE_SUMS), MANY),
    "choose_nodes": (
        lambda: tree.choose_nodes(np.array([-1, 5], np.int32), np.ones(2)),
        "parents must come before children; node 1 has 5",
    ),
    "measure_gradient": (
        lambda: measure_surround.measure_gradient(
            shape_border.find_border(RUNS, SUMS), PLANE[:, :5].copy()
        ),
        r"image has shape \(6, 5\), but border pixels lie in rows 1 to 5, columns 1 to 6",
    ),
    "label_contacts": (lambda: contact.label_contacts(LABELS[0], PLANE[0]), r"shape \(7,\)"),
}

NOT_FINITE: dict[str, tuple[Any, str]] = {
    "box_mean": (lambda: boxes.box_mean(HOLED, 1), "holds NaN or infinity"),
    "box_mean, infinity": (lambda: boxes.box_mean(BLINDING, 2), "holds NaN or infinity"),
    "box_mean, the last pixel": (
        lambda: boxes.box_mean(np.where(PLANE == 41, np.float32(np.inf), PLANE), 0),
        "holds NaN or infinity",
    ),
    "threshold_local": (lambda: threshold.threshold_local(HOLED, 1), "holds NaN or infinity"),
    "threshold_local, offset": (
        lambda: threshold.threshold_local(PLANE, 1, np.nan),
        "offset must be finite, not nan",
    ),
    "quantise": (
        lambda: threshold.quantise(PLANE, np.array([1.0, np.inf])),
        "ascending numbers, not",
    ),
    "local_deviation": (lambda: cover.local_deviation(BLINDING), "holds NaN or infinity"),
    "reaching": (lambda: cover.reaching(RUNS, PLANE, np.nan), "at least 0, not nan"),
    "median": (
        lambda: noise.median(np.array([np.nan, -np.nan, np.inf, -np.inf, 1], np.float32)),
        "values must be finite; 4 of 5 are not",
    ),
    "estimate_noise": (
        lambda: noise.estimate_noise(HOLED, HOLED > -1),
        "values must be finite",
    ),
    "estimate_background": (
        lambda: background.estimate_background(PLANE, np.nan),
        "above 0, not nan",
    ),
    "subtract_background": (
        lambda: background.subtract_background(PLANE, np.nan * GRID, 4),
        "grid must be finite; 4 are not",
    ),
    "subtract_background, block": (
        lambda: background.subtract_background(PLANE, GRID, 0),
        "block must be at least 1, not 0",
    ),
    "block_statistics": (lambda: focus.block_statistics(HOLED, 2), "came out as nan"),
    "laplacian_variance": (lambda: focus.laplacian_variance(HOLED), "came out as nan"),
    "tenengrad": (lambda: focus.tenengrad(BLINDING), "came out as inf"),
    "ring_sums": (lambda: focus.ring_sums(np.ones((6, 4)), (np.nan, 1.0), 3), "above 0; got"),
    "ring_sums, 1-D": (lambda: focus.ring_sums(np.ones(6), (1.0, 1.0), 3), r"got shape \(6,\)"),
    "ring_sums, no ring": (
        lambda: focus.ring_sums(np.ones((6, 4)), (1.0, 1.0), 0),
        "at least 1; got 0",
    ),
    "apply_flat_field": (
        lambda: illumination.apply_flat_field(BYTES, np.ones_like(PLANE), np.nan),
        "dark_level must be a finite grey level; got nan",
    ),
    "measure_intensity": (
        lambda: measure_intensity.measure_intensity(RUNS, SUMS, HOLED),
        "the object of label 1 holds NaN or infinity",
    ),
    "measure_quantiles": (
        lambda: measure_quantiles.measure_quantiles(RUNS, SUMS, BLINDING),
        "it reaches from 8.0 to inf",
    ),
    "measure_structure": (
        lambda: texture.measure_structure(RUNS, SUMS, BLINDING),
        "it reaches from 0.0 to inf",
    ),
    "measure_background": (
        lambda: measure_surround.measure_background(
            RUNS, SUMS.bbox, ORDER, np.full(SHAPE, np.inf), (0, 1)
        ),
        "lies beside object 0 of 2",
    ),
    "measure_gradient": (
        lambda: measure_surround.measure_gradient(shape_border.find_border(RUNS, SUMS), HOLED),
        "lies beside object 0 of 2",
    ),
    "finite_range": (
        lambda: checks.finite_range(np.array([-1e308, 1e308])),
        r"it reaches from -1e\+308 to 1e\+308",
    ),
}

OF_ANOTHER_KIND: dict[str, tuple[Any, str]] = {
    "steps": (
        lambda: flood.grow_labels(RUNS, PLANE, PLANE.astype(np.uint16), np.ones(2, np.float32)),
        "steps must be uint8, not uint16",
    ),
    "numbers in 8 bytes": (lambda: cover.reaching(RUNS, PLANE.astype(float), 1.0), "not float64"),
    "a grid in 8 bytes": (
        lambda: label.label_above(PLANE, GRID.astype(float), block=4),
        "grid must be float32, not float64",
    ),
    "a list": (
        lambda: checks.check_plain("labels", [[1, 2]]),
        "labels must be a numpy array, not list",
    ),
    "a mask nobody sees": (
        lambda: checks.check_plain("labels", np.ma.masked_less(LABELS, 1)),
        "labels must have no mask",
    ),
    "a mask of integers": (
        lambda: noise.estimate_noise(PLANE, BYTES.view(np.int8)),
        "dark must be bool, not int8",
    ),
    "the other byte order": (
        lambda: measure_intensity.measure_intensity(RUNS, SUMS, PLANE.astype(">u2")),
        "got >u2",
    ),
    "the other byte order in focus": (lambda: focus.tenengrad(PLANE.astype(">f4")), "got >f4"),
}


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_what_would_leave_an_array_is_refused(name: str) -> None:
    call, words = OUT_OF_BOUNDS[name]
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", NOT_FINITE)
def test_what_is_no_number_is_refused(name: str) -> None:
    call, words = NOT_FINITE[name]
    # As plain Python, numpy warns where the compiled loop goes on.
    with pytest.raises(ValueError, match=words), np.errstate(invalid="ignore", over="ignore"):
        call()


@pytest.mark.parametrize("name", OF_ANOTHER_KIND)
def test_another_kind_of_array_is_refused(name: str) -> None:
    call, words = OF_ANOTHER_KIND[name]
    with pytest.raises(TypeError, match=words):
        call()


def test_nan_reaches_no_threshold_and_no_place_beyond_the_table() -> None:
    steps = threshold.quantise(HOLED, np.array([1.0, 20.0]))
    assert steps[2, 3] == 0
    assert np.array_equal(steps > 0, HOLED >= 1)


def test_a_threshold_beyond_float32_is_above_all_but_infinity() -> None:
    assert label.label_above(PLANE, 1e300).label.size == 0
    assert label.label_above(BLINDING, 1e300).start.tolist() == [3]
    assert label.label_above(PLANE, -1e300).stop.tolist() == [7] * 6


def test_no_object_is_inside_any_image() -> None:
    _, none, sums, _ = measured()
    assert objects.paint_runs(none, (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert cover.reaching(none, PLANE, 0.0).shape == (0,)
    assert shape_fill.fill_areas(none, sums).shape == (0,)
    assert objects.select_objects(none, np.zeros(0, np.intp)).label.size == 0
