"""The benchmark of simulated expansions, in its short form; the long one is in benchmarks/."""

import statistics

import pytest
from benchmarks.expansions import TARGET, WINDOW, Expansion, follow, forecast_ahead, simulate

from monolayer.recipe import Recipe

RECIPE = Recipe()


@pytest.fixture(scope="module")
def expansions() -> list[Expansion]:
    return [simulate(seed) for seed in range(5000, 5100)]


def test_predictions_hold_what_they_promise(expansions: list[Expansion]) -> None:
    """95 % of 100 has a standard error of 2.2 points; a thousand are in docs/growth.md."""
    found = [forecast_ahead(each, 12.0, RECIPE) for each in expansions]
    made = [each for each in found if each.error_h is not None]
    assert len(made) >= 95
    assert statistics.fmean(bool(each.covered) for each in made) >= 0.89
    assert statistics.median(abs(each.error_h or 0) for each in made) <= 1.8


def test_no_vessel_is_harvested_too_early(expansions: list[Expansion]) -> None:
    truths = [follow(each, RECIPE) for each in expansions[:50]]
    ours = [truth for truth, _ in truths]
    assert all(truth is not None and truth >= TARGET for truth in ours)
    assert sum(truth is not None and truth <= WINDOW[1] for truth in ours) >= 47
    # The naive rule fires on one lucky visit.
    assert sum(truth is not None and truth < TARGET for _, truth in truths) >= 2
