"""Scores of images and of datasets: hand-computed cases, empty images, failed rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.evaluate import (
    ManifestRow,
    evaluate_pairs,
    f1_score,
    pool_scores,
    score_image,
    score_pair,
)


def squares(n: int, side: int = 4) -> NDArray[np.int32]:
    """n separate squares in one row."""
    labels = np.zeros((side + 2, n * (side + 2) + 2), np.int32)
    for i in range(n):
        labels[1 : 1 + side, i * (side + 2) + 1 : i * (side + 2) + 1 + side] = i + 1
    return labels


def pair(name: str, dataset: str = "a") -> ManifestRow:
    return ManifestRow(Path(name), Path(name), dataset, None, name, f"mask of {name}", 2)


def w24() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """180 found, 30 missed, 20 invented."""
    truth = squares(230)
    predicted = truth.copy()
    truth[truth > 210] = 0
    predicted[(predicted > 180) & (predicted <= 210)] = 0
    return truth, predicted


def test_worked_example_w24() -> None:
    truth, predicted = w24()
    score = score_image(truth, predicted)
    counts = (
        score.true_positives_iou50,
        score.false_positives_iou50,
        score.false_negatives_iou50,
    )
    assert counts == (180, 20, 30)
    assert score.f1_iou50 == pytest.approx(0.878049, abs=5e-7)
    assert score.count_error_percent == pytest.approx(-4.7619, abs=5e-5)
    rows = evaluate_pairs([pair("x")], lambda _: predicted, lambda _: truth)
    (pooled,) = pool_scores(rows)
    assert pooled["precision_iou50"] == 0.9
    assert pooled["recall_iou50"] == pytest.approx(0.857143, abs=5e-7)
    assert pooled["f1_iou50"] == pytest.approx(0.878049, abs=5e-7)


def test_the_two_thresholds_differ_where_shapes_do() -> None:
    truth = squares(3)
    predicted = truth.copy()
    predicted[1:2, :][predicted[1:2, :] == 1] = 0  # 12 of 16 pixels: IoU .75
    predicted[1:3, :][predicted[1:3, :] == 2] = 0  # 8 of 16: IoU .5
    score = score_image(truth, predicted)
    assert (score.true_positives_iou50, score.true_positives_iou70) == (3, 2)
    assert (score.false_positives_iou70, score.false_negatives_iou70) == (1, 1)
    assert score.mean_matched_iou == pytest.approx((0.75 + 0.5 + 1) / 3)
    assert score.f1_iou70 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("n_true", "n_predicted", "f1", "error"),
    [(0, 0, 1.0, None), (0, 3, 0.0, None), (3, 0, 0.0, -100.0), (3, 3, 1.0, 0.0)],
)
def test_empty_images(n_true: int, n_predicted: int, f1: float, error: float | None) -> None:
    truth, predicted = squares(3), squares(3)
    truth[truth > n_true] = 0
    predicted[predicted > n_predicted] = 0
    score = score_image(truth, predicted)
    assert (score.f1_iou50, score.f1_iou70) == (f1, f1)
    assert score.count_error_percent == error
    assert score.n_predicted == n_predicted


def test_f1_by_hand() -> None:
    assert f1_score(2, 1, 1) == pytest.approx(4 / 6)
    assert f1_score(0, 0, 0) == 1


def rows_of(cases: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """Evaluated rows of images that hold the first so many of ten squares."""
    truths, predictions = {}, {}
    for i, (_, n_true, n_predicted) in enumerate(cases):
        truth, predicted = squares(10), squares(10)
        truth[truth > n_true] = 0
        predicted[predicted > n_predicted] = 0
        truths[str(i)], predictions[str(i)] = truth, predicted
    pairs = [pair(str(i), dataset) for i, (dataset, *_) in enumerate(cases)]
    return evaluate_pairs(
        pairs, lambda row: predictions[row.path_text], lambda row: truths[row.path_text]
    )


def test_pooling_by_hand() -> None:
    rows = rows_of([("a", 10, 8), ("b", 5, 5), ("a", 4, 5), ("a", 0, 3), ("a", 2, 2)])
    a, b = pool_scores(rows)
    assert (a["dataset"], b["dataset"]) == ("a", "b")
    assert (a["n_images"], a["n_true"], a["n_predicted"]) == (4, 16, 18)
    assert a["true_positives_iou50"] == 8 + 4 + 0 + 2
    assert a["false_positives_iou50"] == 0 + 1 + 3 + 0
    assert a["false_negatives_iou50"] == 2
    assert a["f1_iou50"] == pytest.approx(28 / (28 + 4 + 2))
    # Absolute count errors 20, 25 and 0 %; the empty image has none.
    assert a["median_absolute_count_error_percent"] == 20
    assert a["mean_absolute_count_error_percent"] == 15
    assert a["count_error_percent"] == pytest.approx(100 * 2 / 16)
    assert (a["n_empty_images"], a["false_objects_on_empty"]) == (1, 3)
    assert (b["n_empty_images"], b["false_objects_on_empty"], b["f1_iou50"]) == (0, 0, 1)
    assert b["mean_matched_iou"] == 1


def test_only_empty_images() -> None:
    (pooled,) = pool_scores(rows_of([("a", 0, 0)]))
    assert pooled["f1_iou50"] == 1
    assert pooled["precision_iou50"] is None
    assert pooled["median_absolute_count_error_percent"] is None
    assert pooled["mean_matched_iou"] is None


def test_a_bad_image_costs_its_row() -> None:
    def segment(row: ManifestRow) -> NDArray[Any]:
        if row.path_text == "broken":
            raise ImageError("truncated", "broken ends after 3 bytes.")
        return squares(2) if row.path_text == "fits" else squares(3)

    pairs = [pair("fits"), pair("broken"), pair("wrong mask")]
    rows = evaluate_pairs(pairs, segment, lambda _: squares(2))
    assert [row["state"] for row in rows] == ["ok", "failed", "failed"]
    assert [row["reason"] for row in rows] == [None, "truncated", "mask_shape"]
    assert rows[2]["detail"] == (
        "mask of wrong mask has shape (6, 14) but its image has (6, 20): "
        "give the mask of this very image."
    )
    assert rows[1]["n_true"] is None
    assert rows[0].keys() == rows[1].keys()
    assert score_pair(pairs[0], segment, lambda _: squares(2)) == rows[0]
    (pooled,) = pool_scores(rows)
    assert (pooled["n_images"], pooled["n_failed"], pooled["n_true"]) == (3, 2, 2)


def test_nothing_scored_is_not_perfect() -> None:
    """No object, none found and none missed would be F1 = 1: an empty image's score."""

    def segment(row: ManifestRow) -> NDArray[Any]:
        if row.dataset == "b":
            raise ImageError("exception", f"{row.path_text} stopped the method.")
        return squares(2)

    pairs = [pair("1"), pair("2", "b"), pair("3", "b")]
    a, b = pool_scores(evaluate_pairs(pairs, segment, lambda _: squares(2)))
    assert (a["n_failed"], a["f1_iou50"]) == (0, 1.0)
    assert (b.pop("dataset"), b.pop("n_images"), b.pop("n_failed")) == ("b", 2, 2)
    assert set(b.values()) == {None}
    assert b.keys() == a.keys() - {"dataset", "n_images", "n_failed"}
