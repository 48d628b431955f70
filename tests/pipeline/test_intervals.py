"""Intervals and sampling against published worked examples (hand-checked digits) and scipy."""

import math

import pytest
from scipy import stats

from monolayer.summarise import sampling
from monolayer.summarise.intervals import (
    Interval,
    clopper_pearson_interval,
    mean_and_sd,
    no_interval,
    poisson_interval,
    t_interval,
    weighted_poisson_interval,
    wilson_interval,
)

CONFLUENCE = [62, 70, 75, 58, 68, 72, 80, 65, 71, 69]
COUNTS = [38, 61, 45, 52, 70, 33, 49, 58, 41, 53]


def limits(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


@pytest.mark.parametrize(
    ("successes", "trials", "wilson", "exact", "lower"),
    [
        (182, 200, (0.862234, 0.942313), (0.861491, 0.945786), 0.869461),
        (200, 200, (0.981155, 1.0), (0.981725, 1.0), None),
        (45, 50, None, None, 0.801167),
        (90, 100, None, None, 0.836),
        (180, 200, None, None, 0.858),
        (200, 240, (0.781012, 0.875152), None, None),
    ],
)
def test_viability_of_the_worked_examples(
    successes: int,
    trials: int,
    wilson: tuple[float, float] | None,
    exact: tuple[float, float] | None,
    lower: float | None,
) -> None:
    if wilson:
        assert limits(wilson_interval(successes, trials)) == pytest.approx(wilson, abs=5e-7)
    if exact:
        found = clopper_pearson_interval(successes, trials)
        # The example cuts 0.8614918 off at six digits instead of rounding it.
        assert limits(found) == pytest.approx(exact, abs=1e-6)
    if lower:
        digits = 5e-4 if round(lower, 3) == lower else 5e-7
        one_sided = clopper_pearson_interval(successes, trials, side="lower")
        assert limits(one_sided) == pytest.approx((lower, 1.0), abs=digits)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (1, 7), (4, 9), (7, 7), (321, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_proportions_equal_scipy(successes: int, trials: int, confidence: float) -> None:
    test = stats.binomtest(successes, trials)
    for method, ours in (("wilson", wilson_interval), ("exact", clopper_pearson_interval)):
        theirs = test.proportion_ci(confidence, method=method)
        found = limits(ours(successes, trials, confidence))
        assert found == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_no_trials_give_no_proportion(interval) -> None:  # type: ignore[no-untyped-def]
    assert interval(0, 0) == Interval(None, None, "none: no trials", 0.95)
    with pytest.raises(ValueError, match="5 of 4"):
        interval(5, 4)
    with pytest.raises(ValueError, match="-1 of 4"):
        interval(-1, 4)


def test_hemocytometer_of_the_worked_example() -> None:
    low, high = limits(poisson_interval(200))
    assert (low, high) == pytest.approx((173.2409, 229.7220), abs=5e-5)
    per_ml = limits(poisson_interval(200).scaled(2 * 1e4 / 4))
    assert per_ml == pytest.approx((8.66204e5, 1.148610e6), rel=1e-6)


def test_nothing_seen_leaves_an_upper_limit() -> None:
    assert limits(poisson_interval(0)) == pytest.approx((0.0, -math.log(0.025)), abs=1e-12)
    assert limits(weighted_poisson_interval([])) == limits(poisson_interval(0))
    assert limits(weighted_poisson_interval([0, 0, 0])) == limits(poisson_interval(0))


@pytest.mark.parametrize("count", [1, 3, 50, 12345])
def test_poisson_equals_chi_square_and_equal_weights_equal_poisson(count: int) -> None:
    exact = stats.chi2.ppf(0.05, 2 * count) / 2, stats.chi2.ppf(0.95, 2 * count + 2) / 2
    assert limits(poisson_interval(count, 0.9)) == pytest.approx(exact, rel=1e-10)
    assert limits(weighted_poisson_interval([1.0] * count, 0.9)) == pytest.approx(exact, rel=1e-10)
    tripled = limits(weighted_poisson_interval([3.0] * count, 0.9))
    assert tripled == pytest.approx((3 * exact[0], 3 * exact[1]), rel=1e-10)


def test_unequal_weights_by_hand() -> None:
    """Weights 1, 1, 2: sum 4, variance 6; one more of weight 2 makes 6 and 10."""
    low, high = limits(weighted_poisson_interval([2, 1, 0, 1]))
    assert low == pytest.approx(stats.gamma.ppf(0.025, 16 / 6, scale=6 / 4))
    assert high == pytest.approx(stats.gamma.ppf(0.975, 36 / 10, scale=10 / 6))


@pytest.mark.parametrize("weights", [[1, -1], [math.nan], [math.inf]])
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        weighted_poisson_interval(weights)


def test_vessel_confluence_of_the_worked_example() -> None:
    assert mean_and_sd(CONFLUENCE) == pytest.approx((69.0, 6.306963), abs=5e-7)
    assert limits(t_interval(CONFLUENCE)) == pytest.approx((64.48827, 73.51173), abs=5e-6)
    one_sided = t_interval(CONFLUENCE, side="lower")
    assert limits(one_sided) == pytest.approx((65.34397, math.inf), abs=5e-6)
    assert one_sided.method == "t, one-sided lower"


def test_one_value_has_no_t_interval() -> None:
    assert mean_and_sd([]) == (None, None)
    assert mean_and_sd([3.5]) == (3.5, None)
    assert t_interval([3.5]) == Interval(None, None, "none: one value has no spread", 0.95)
    assert t_interval([]).method == "none: no values"


def test_an_interval_that_is_not_there_stays_away() -> None:
    absent = no_interval("one field", 0.95)
    assert absent.scaled(2) == absent.clipped(0, 1) == absent


def test_clipping_keeps_only_possible_values() -> None:
    assert limits(Interval(-2.0, 0.4, "t", 0.95).clipped(0, 1)) == (0, 0.4)
    assert limits(Interval(0.7, 1.2, "t", 0.95).clipped(0, 1)) == (0.7, 1)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_impossible_confidence_is_named(confidence: float) -> None:
    for interval in (poisson_interval, lambda n, c: wilson_interval(n, 9, c)):
        with pytest.raises(ValueError, match=str(confidence)):
            interval(5, confidence)
    with pytest.raises(ValueError, match="-3"):
        poisson_interval(-3)


def test_fields_of_the_worked_example_are_overdispersed() -> None:
    found = sampling.dispersion_test(COUNTS)
    assert found.statistic == pytest.approx(22.76, abs=5e-3)
    assert found.index == pytest.approx(126.4444 / 50, abs=5e-6)
    assert found.p == pytest.approx(0.0067584, abs=5e-8)
    density = [count / 0.012 for count in COUNTS]
    mean, sd = mean_and_sd(density)
    assert sd is not None
    assert (mean, sd / math.sqrt(10)) == pytest.approx((4166.667, 296.3252), abs=5e-4)
    assert limits(t_interval(density)) == pytest.approx((3496.33, 4837.00), abs=5e-3)


@pytest.mark.parametrize("counts", [[], [7], [0, 0, 0]])
def test_dispersion_stays_open_without_counts(counts: list[int]) -> None:
    assert sampling.dispersion_test(counts) == sampling.Dispersion(None, None, None)


def test_fields_needed_of_the_worked_example() -> None:
    assert sampling.whole_fields(sampling.fields_of_poisson(50, 0.05)) == 8
    assert sampling.whole_fields(sampling.fields_for_cv(0.40, 0.05)) == 64
    finite = sampling.finite_population(64, 300)
    assert finite == pytest.approx(52.747, abs=5e-4)
    assert sampling.whole_fields(finite) == 53
    assert sampling.whole_fields(sampling.fields_for_margin(0.40, 0.10)) == 62
    assert sampling.whole_fields(0.2) == 1


def test_two_stages_by_hand() -> None:
    """CVv 0.1, CVf 0.4, 4 vessels of 10 fields: 0.01/4 + 0.16/40 = 0.0065."""
    assert sampling.two_stage_cv(0.1, 0.4, 4, 10) == pytest.approx(math.sqrt(0.0065))
    fields = sampling.two_stage_fields(0.1, 0.4, 4, math.sqrt(0.0065))
    assert fields == pytest.approx(10)
    assert sampling.two_stage_fields(0.2, 0.4, 4, 0.1) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: sampling.fields_for_cv(0.4, 0),
        lambda: sampling.fields_of_poisson(0, 0.05),
        lambda: sampling.fields_for_margin(0.4, 0),
        lambda: sampling.finite_population(64, 0),
        lambda: sampling.two_stage_cv(0.1, 0.4, 0, 3),
        lambda: sampling.two_stage_fields(0.1, 0.4, 2, math.nan),
    ],
)
def test_impossible_designs_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="must be above 0"):
        call()
