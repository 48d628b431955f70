"""Matching against a slow obvious oracle, drawn images and hand-computed figures."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from monolayer.evaluate import count_overlaps, match_labels

Labels = NDArray[Any]


def draw(text: str) -> Labels:
    """A label image drawn with digits, dots being background."""
    rows = text.split()
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.int32)


def iou_matrix(truth: Labels, predicted: Labels) -> NDArray[np.float64]:
    """Every true against every predicted object, pixel set by pixel set."""
    t = [label for label in np.unique(truth) if label]
    p = [label for label in np.unique(predicted) if label]
    matrix = np.zeros((len(t), len(p)))
    for i, a in enumerate(t):
        for j, b in enumerate(p):
            both = np.sum((truth == a) & (predicted == b))
            matrix[i, j] = both / np.sum((truth == a) | (predicted == b))
    return matrix


def best_assignment(matrix: NDArray[np.float64], threshold: float) -> tuple[int, float]:
    """Most pairs at the threshold and the largest sum of IoU, by trying every permutation."""
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    n, m = matrix.shape
    best = (0, 0.0)
    for columns in permutations(range(m), n):
        iou = [matrix[i, j] for i, j in enumerate(columns) if matrix[i, j] >= threshold]
        best = max(best, (len(iou), float(sum(iou))))
    return best


def small_labels() -> Any:
    return arrays(np.uint8, (4, 5), elements=st.integers(0, 4))


@settings(max_examples=150, deadline=None)
@given(small_labels(), small_labels(), st.sampled_from([0.1, 0.2, 1 / 3, 0.5, 0.7, 1.0]))
def test_matches_are_the_best_of_all_assignments(
    truth: Labels, predicted: Labels, threshold: float
) -> None:
    matches = match_labels(truth, predicted, threshold)
    n, total = best_assignment(iou_matrix(truth, predicted), threshold)
    assert matches.true_positives == n
    assert matches.iou.sum() == pytest.approx(total)
    assert len(set(matches.true_labels)) == len(set(matches.predicted_labels)) == n


@settings(max_examples=60, deadline=None)
@given(small_labels(), small_labels())
def test_overlaps_equal_the_slow_matrix(truth: Labels, predicted: Labels) -> None:
    overlaps = count_overlaps(truth, predicted)
    matrix = np.zeros((len(overlaps.true_labels), len(overlaps.predicted_labels)))
    matrix[overlaps.true_index, overlaps.predicted_index] = overlaps.iou
    np.testing.assert_allclose(matrix, iou_matrix(truth, predicted), rtol=1e-15)


def test_iou_by_hand() -> None:
    truth = draw("1111. 1111. ....2")
    predicted = draw(".333. .333. .4..4")
    matches = match_labels(truth, predicted)
    assert matches.true_labels.tolist() == [1, 2]
    assert matches.predicted_labels.tolist() == [3, 4]
    assert matches.iou.tolist() == [6 / 8, 1 / 2]
    assert matches.mean_matched_iou == 0.625


def test_threshold_is_inclusive() -> None:
    truth, predicted = draw("11"), draw("1.")
    assert match_labels(truth, predicted, 0.5).true_positives == 1
    assert match_labels(truth, predicted, 0.5000001).true_positives == 0


def test_two_halves_count_once() -> None:
    matches = match_labels(draw("11"), draw("12"), 0.5)
    assert (matches.true_positives, matches.false_positives, matches.false_negatives) == (1, 1, 0)


def test_more_pairs_beat_more_iou() -> None:
    # 1-1 alone has IoU 9/11; 1-2 and 2-1 have 1/10 and 1/11, but they are two.
    matches = match_labels(draw("111111111122"), draw("21111111111."), 0.05)
    assert matches.true_labels.tolist() == [1, 2]
    assert matches.predicted_labels.tolist() == [2, 1]
    assert matches.iou.tolist() == [1 / 10, 1 / 11]


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(0, 1.0), (2, 8 / 12), (3, 7 / 13), (4, None), (12, None)],
)
def test_shifted_square(shift: int, expected: float | None) -> None:
    truth = np.zeros((12, 30), np.uint16)
    truth[1:11, 1:11] = 7
    matches = match_labels(truth, np.roll(truth, shift, axis=1))
    assert matches.mean_matched_iou == (expected if expected is None else pytest.approx(expected))


def test_rates_are_none_where_there_is_nothing_to_divide_by() -> None:
    empty, one = draw("..."), draw("1..")
    assert match_labels(empty, one).recall is None
    assert match_labels(empty, one).precision == 0
    assert match_labels(one, empty).precision is None
    assert match_labels(one, empty).recall == 0
    assert match_labels(one, empty).mean_matched_iou is None
    assert match_labels(empty, empty).true_positives == 0


def test_no_pixels_at_all() -> None:
    nothing = np.zeros((0, 5), np.int32)
    assert match_labels(nothing, nothing).n_true == 0


@settings(max_examples=60, deadline=None)
@given(small_labels(), small_labels(), st.permutations([1, 2, 3, 4]))
def test_numbers_of_the_labels_do_not_matter(
    truth: Labels, predicted: Labels, order: list[int]
) -> None:
    renumber = np.array([0, *(70_000 * label for label in order)], np.int32)
    plain, renumbered = match_labels(truth, predicted), match_labels(renumber[truth], predicted)
    assert plain.true_positives == renumbered.true_positives
    assert sorted(plain.iou) == pytest.approx(sorted(renumbered.iou))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64"])
def test_dtype_and_memory_order_do_not_matter(dtype: str) -> None:
    rng = np.random.default_rng(3)
    truth = np.kron(rng.integers(0, 9, (6, 7)), np.ones((5, 5), int))
    predicted = np.roll(truth, 1, axis=0)
    plain = match_labels(truth, predicted)
    other = match_labels(np.asfortranarray(truth.astype(dtype)), predicted.T.copy().T)
    assert plain.true_positives == other.true_positives > 5
    np.testing.assert_array_equal(plain.iou, other.iou)


def test_sum_of_iou_never_outweighs_a_pair_among_hundreds() -> None:
    # One long chain: each prediction straddles two objects equally, plus one object whole.
    truth = np.repeat(np.arange(1, 301), 4)[None, :]
    predicted = np.roll(truth, 2, axis=1)
    matches = match_labels(truth, predicted, 0.3)
    assert matches.true_positives == 300


def test_bad_calls_name_the_culprit() -> None:
    good = draw("11")
    with pytest.raises(TypeError, match="predicted holds float64"):
        match_labels(good, good.astype(float))
    with pytest.raises(ValueError, match="truth holds -1"):
        match_labels(good - 2, good)
    with pytest.raises(ValueError, match=r"shape \(1, 2\) and predicted \(2, 1\)"):
        match_labels(good, good.T)
    with pytest.raises(ValueError, match="iou is 0"):
        match_labels(good, good, 0)
    with pytest.raises(TypeError, match="predicted is missing"):
        match_labels(good)
