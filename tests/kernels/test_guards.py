"""Branches that guard against what hardly any image holds, each by a case made for it."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from monolayer_kernels import (
    ellipses,
    measure_intensity,
    measure_runs,
    measure_surround,
    objects,
    pieces,
    runs,
    shape_border,
    smooth,
    split,
    stream,
    tree,
)


def test_a_component_without_pixels_scores_nothing() -> None:
    assert runs.shape_scores(np.zeros((2, runs.N_SUMS), np.int64)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (np.zeros((2, 2), np.uint16), "levels must be 2-D uint8, not 2-D uint16"),
        (np.zeros(2, np.uint8), "levels must be 2-D uint8, not 1-D uint8"),
    ],
)
def test_a_tree_of_something_else_is_refused(levels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tree.build_tree(levels)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_block_means_equal_the_slow_ones(factor: int) -> None:
    image = np.random.default_rng(factor).integers(0, 4096, (13, 22)).astype(np.uint16)
    expected = [
        [image[y : y + factor, x : x + factor].mean() for x in range(0, 22, factor)]
        for y in range(0, 13, factor)
    ]
    np.testing.assert_allclose(smooth.bin_mean(image, factor), expected, rtol=1e-6)


def test_border_pixels_outgrow_the_first_guess() -> None:
    """A comb: each row is one run, all of whose pixels lie on the border."""
    labels = np.zeros((5, 4000), np.int32)
    labels[0], labels[2, ::2], labels[1] = 1, 2, 1
    labels[4] = 3
    found = measure_runs.find_runs(labels)
    border = shape_border.find_border(found, measure_runs.sum_runs(found))
    assert np.diff(border.first).tolist() == [8000, 2000, 4000]
    np.testing.assert_array_equal(border.column[-4000:], np.arange(4000))


def test_perimeters_alone_are_those_of_the_border() -> None:
    labels = (np.random.default_rng(1).random((30, 30)) < 0.6).astype(np.int32)
    labels[15:] *= 2
    found = measure_runs.find_runs(labels)
    sums = measure_runs.sum_runs(found)
    border = shape_border.find_border(found, sums)
    np.testing.assert_array_equal(shape_border.measure_perimeters(found, sums), border.perimeter_px)


def square(side: int) -> Any:
    own = np.zeros((side, 4), np.int32)
    own[:, 0], own[:, 2], own[:, 3] = np.arange(side), side, 1
    return own


def test_a_line_beside_the_object_cuts_nothing() -> None:
    own, side = square(20), 20
    whole = np.zeros((1, runs.N_SUMS), np.int64)
    runs.sum_components(own, np.zeros(side, np.int32), whole)
    assert whole[0, runs.AREA] == side * side
    work, figures = split._room(side), np.zeros(7)
    rows, (low, high) = tuple(np.ascontiguousarray(own[:, :3].T)), work.ends[0]
    assert ellipses.fit_two(rows, whole[0], (1.0, 0.0, 1e6), (low, high)) == 0
    assert ellipses.fit_two(rows, whole[0], (1.0, 0.0, 9.5), (low, high)) in (1, 2)
    work.rows[:] = rows
    aside = np.array([[0.0, 0.0]])
    assert split._propose(own, aside, work, figures) == 0
    assert figures.tolist() == [0] * 7


def test_an_empty_cut_leaves_a_run_whole() -> None:
    own = np.array([[0, 0, 10, 1], [1, 0, 10, 1]], np.int32)
    ends = np.array([4, 4], np.int32), np.array([4, 6], np.int32)
    found = np.zeros((6, 4), np.int32)
    m = pieces.cut_runs(own, ends, 1, found)
    assert found[:m].tolist() == [[0, 0, 10, 2], [1, 0, 4, 2], [1, 4, 6, 1], [1, 6, 10, 2]]


def test_two_pixels_make_no_ellipse() -> None:
    """The line leaves the first two columns of a single row on one side."""
    rows = tuple(np.array([[0], [0], [20]], np.int32))
    whole = np.zeros((1, runs.N_SUMS), np.int64)
    runs.sum_components(np.array([[0, 0, 20, 1]], np.int32), np.zeros(1, np.int32), whole)
    low, high = np.empty((2, 1), np.int32)
    assert ellipses.fit_two(rows, whole[0], (0.0, 1.0, 1.0), (low, high)) == 0
    assert (low[0], high[0]) == (0, 2)
    assert ellipses.fit_two(rows, whole[0], (0.0, 1.0, 2.0), (low, high)) in (1, 2)


@pytest.mark.parametrize("density", [0.48, 0.55, 0.62, 0.7])
def test_ragged_objects_are_cut_into_parts_that_cover_them(density: float) -> None:
    """Noise makes parts too small to count, and strays that rejoin the run they were cut from."""
    rng = np.random.default_rng(0)
    cut = 0
    for _ in range(25):
        labels, _ = ndimage.label(rng.random((19, 16)) < density)
        found = measure_runs.find_runs(labels.astype(np.int32))
        cuts = split.propose_cuts(found)
        parts = split.part_runs(cuts, cuts.found)
        cut += int(cuts.found.sum())
        # Sums that a trial takes of the whole object and a line are those of the parts alone.
        scores = objects.ellipse_scores(measure_runs.sum_runs(parts))
        np.testing.assert_array_equal(scores, cuts.part_scores[cuts.found].ravel())
        covered = np.zeros(labels.shape, int)
        for y, start, stop in zip(parts.row, parts.start, parts.stop, strict=True):
            covered[y, start:stop] += 1
        np.testing.assert_array_equal(covered, np.isin(labels, found.label[cuts.found]))
        assert (cuts.smaller_area <= cuts.area / 2).all()
    assert cut > 10


def measured(labels: Any) -> Any:
    found = measure_runs.find_runs(labels)
    order = measure_runs.order_by_row(found.first, found.row, labels.shape)
    return found, measure_runs.sum_runs(found), order


def test_an_image_that_does_not_hold_the_objects_is_refused() -> None:
    found, sums, order = measured(np.ones((4, 6), np.int32))
    with pytest.raises(ValueError, match=r"image has shape \(5, 6\), but labels have \(4, 6\)"):
        measure_surround.measure_background(found, sums.bbox, order, np.zeros((5, 6), np.uint8))
    beyond = r"image has shape \(4, 5\), but objects reach from row 0, column 0 to row 3, column 5"
    with pytest.raises(ValueError, match=beyond):
        measure_intensity.measure_intensity(found, sums, np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="rows must lie in 0 to 2; found 0 to 3"):
        measure_runs.order_by_row(found.first, found.row, (3, 6))


def test_a_scan_refuses_an_object_whose_sums_would_overflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "MAX_SIDE_PX", 50)
    state = stream.open_scan(3, 1.0)
    column = np.full((30, 3), 9, np.uint8)
    column[:, 2] = 0
    state.push(column)
    with pytest.raises(ValueError, match="row 0, column 0 is taller than 50 rows"):
        state.push(column)
