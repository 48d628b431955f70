"""Boxes against centres: one-to-one, class beside, pooled figures."""

from typing import Any

import numpy as np
import pytest

from monolayer.evaluate.suspension import Box, pool_suspension, score_suspension

BOXES = [Box(10, 20, 30, 40, True), Box(28, 20, 48, 40, False), Box(80, 80, 99, 99, True)]


def score(centres: list[tuple[float, float]], live: list[bool]) -> dict[str, int]:
    return score_suspension(BOXES, np.array(centres, float).reshape(-1, 2), np.array(live, bool))


def test_each_box_and_each_cell_once() -> None:
    found = score([(30, 20), (31, 21), (30, 38), (60, 60)], [True, True, True, False])
    assert found == {
        "n_true_live": 2,
        "n_true_dead": 1,
        "n_found_live": 3,
        "n_found_dead": 1,
        "n_matched": 2,
        "n_matched_class": 1,
    }


def test_as_many_pairs_as_can_be() -> None:
    """The first centre lies in both boxes, the second in the first one only."""
    assert score([(30, 29), (30, 15)], [False, True])["n_matched_class"] == 2


def test_of_equal_numbers_the_nearest() -> None:
    found = score([(30, 29), (30, 38)], [True, False])
    assert (found["n_matched"], found["n_matched_class"]) == (2, 2)


def test_the_edge_of_a_box_is_in_it() -> None:
    assert score([(40, 10)], [True])["n_matched"] == 1
    assert score([(40.1, 10)], [True])["n_matched"] == 0


def test_nothing_found_and_nothing_there() -> None:
    assert score([], [])["n_matched"] == 0
    empty = score_suspension([], np.array([[1.0, 2.0]]), np.array([True]))
    assert (empty["n_true_live"], empty["n_found_live"], empty["n_matched"]) == (0, 1, 0)


def test_centres_without_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match="1 centres but 2 classes"):
        score([(1, 1)], [True, False])


def test_pooled_by_hand() -> None:
    first = score([(30, 20), (30, 38), (90, 90)], [True, True, True])
    second = score([(30, 20)], [False])
    rows = [{"dataset": "LDC", **row} for row in (first, second)]
    rows.append({"dataset": "LDC", "state": "failed"})
    pooled = pool_suspension(rows)[0]
    assert (pooled["n_images"], pooled["n_failed"]) == (3, 1)
    assert pooled["live_error_percent"] == pytest.approx(100 * (3 - 4) / 4)
    assert pooled["dead_error_percent"] == pytest.approx(100 * (1 - 2) / 2)
    assert pooled["viability_error_points"] == pytest.approx(100 * (3 / 4 - 4 / 6))
    assert pooled["f1_centre"] == pytest.approx(2 * 4 / (6 + 4))
    assert pooled["f1_centre_class"] == pytest.approx(2 * 2 / (6 + 4))


def test_datasets_apart_and_unknown_figures_null() -> None:
    none = score_suspension([], np.empty((0, 2)), np.empty(0, bool))
    rows: list[dict[str, Any]] = [{"dataset": "b", **none}, {"dataset": "a", "state": "failed"}]
    empty, failed = pool_suspension(rows)
    assert (empty["dataset"], failed["dataset"]) == ("b", "a")
    assert empty["viability"] is None
    assert empty["live_error_percent"] is None
    assert failed["f1_centre"] is None
    assert failed["n_matched"] is None
