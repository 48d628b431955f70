"""Growth: worked examples, laws against truth, intervals against simulation, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from monolayer.errors import InputError
from monolayer.grow import (
    GrowSettings,
    GrowthSeries,
    attachment_efficiency,
    bootstrap_crossing,
    cumulative_doublings,
    doubling_time_h,
    fold_expansion,
    forecast,
    grow,
    growth_area_cm2,
    log_linear_rate,
    plan_vessels,
    population_doublings,
    probability_before,
    rate_of_passage,
)
from monolayer.grow.crossing import crossing_se_h, crossing_time_h
from monolayer.grow.fit import Fit
from monolayer.grow.models import MODELS, ln_u
from monolayer.grow.series import Quantity, ln_u_of, value_of

Values = NDArray[np.float64]
HOURS = np.arange(24.0, 73.0, 4.0)


def digits(value: float, places: int) -> object:
    return pytest.approx(value, abs=0.5000001 * 10**-places)


def confluence(times_h: object, values: object, vessel: str = "V1") -> GrowthSeries:
    return GrowthSeries(vessel, "confluence", np.asarray(times_h, float), np.asarray(values, float))


def noisy(rate: float = 0.0216, start: float = 0.12, sd: float = 0.03, seed: int = 0) -> Values:
    scatter = np.random.default_rng(seed).normal(0, sd, HOURS.size)
    return value_of("confluence", math.log(start) + rate * HOURS + scatter)


def test_w1_doublings_over_passages() -> None:
    assert population_doublings(2.0e6, 1.6e7) == digits(3.0, 6)
    assert cumulative_doublings(0, [(2.0e6, 1.6e7)], attached_share=0.8) == digits(3.321928, 6)
    assert cumulative_doublings(9.5, [(1e6, 8e6), (2e6, 1.2e7)]) == digits(15.084963, 6)


def test_w2_rate_and_doubling_time_of_a_passage() -> None:
    rate = rate_of_passage(1e6, 8e6, 96)
    assert rate == digits(0.0216608, 7)
    assert rate * 24 == digits(0.5198604, 7)
    assert doubling_time_h(rate) == digits(32.0, 6)


def test_w3_line_through_ln_density() -> None:
    found = log_linear_rate([24, 48, 72, 96], np.log([4000, 7000, 11500, 20000]).tolist())
    assert found.rate_per_h == digits(0.02218646, 8)
    assert found.se_per_h == digits(0.00035630, 8)
    assert found.confidence_low_per_h == digits(0.02065342, 8)
    assert found.confidence_high_per_h == digits(0.02371950, 8)
    assert found.doubling_time_h == digits(31.2419, 4)
    low, high = found.doubling_time_interval_h
    assert (low, high) == (digits(29.2227, 4), digits(33.5609, 4))
    assert found.r2 == digits(0.999484, 6)


def held(model: str, parameters: list[float], plateau: float | None) -> Fit:
    """A law as if it had been fitted, with the covariance of its rate alone."""
    covariance = np.zeros((len(parameters), len(parameters)))
    covariance[1, 1] = 0.0015**2
    return Fit(
        MODELS[model].name,  # type: ignore[index]
        "confluence",
        "auto",
        plateau,
        False,
        np.array(parameters),
        covariance,
        0.0,
        1000,
        0.0,
        9,
    )


def test_w4_logistic_crossing_and_its_delta_error() -> None:
    fit = held("logistic", [math.log(0.20), 0.03], 1.0)
    time_h = crossing_time_h(fit, 0.80, 0, 500)
    assert time_h is not None
    assert time_h == digits(92.41962, 5)
    assert crossing_se_h(fit, time_h) == digits(4.62098, 5)
    assert crossing_time_h(held("logistic", [math.log(0.20), 0.03], 0.95), 0.80, 0, 500) == digits(
        99.85774, 5
    )
    # What the naive exponential of C says is exactly half.
    assert math.log(4) / 0.03 == digits(46.20981, 5)


def test_w4_interval_by_inversion() -> None:
    """The rate's 95 % limits give 84.171 and 102.461 h; the curve's band is as lopsided."""
    rates = (0.03 + 1.959964 * 0.0015, 0.03 - 1.959964 * 0.0015)
    ends = [
        crossing_time_h(held("logistic", [math.log(0.20), rate], 1.0), 0.80, 0, 500)
        for rate in rates
    ]
    assert ends == [digits(84.171, 3), digits(102.461, 3)]
    fit = held("logistic", [math.log(0.20), 0.03], 1.0)
    times = np.linspace(60, 140, 8_001)
    distance = (fit.curve(times) - ln_u_of("confluence", 0.8)) / fit.standard_error(times)
    band = [float(times[np.searchsorted(distance, z)]) for z in (-1.959964, 1.959964)]
    assert band == pytest.approx(ends, abs=0.5)
    assert band[1] - 92.42 > 92.42 - band[0]


def test_w4b_gompertz_and_baranyi() -> None:
    gompertz = held("gompertz", [math.log(0.20), 0.02], 1.0)
    assert crossing_time_h(gompertz, 0.80, 0, 500) == digits(98.79125, 5)
    baranyi = MODELS["baranyi"]
    p = np.array([0.0, 0.03, 24.0])
    grown = float(ln_u(baranyi, p, np.array([72.0]), "density_cells_per_cm2")[0])
    assert grown / 0.03 == digits(51.825286, 6)
    assert math.exp(grown) == digits(4.733944, 6)


def test_w5_logistic_fit_with_both_intervals() -> None:
    wanted = GrowSettings(attachment_h=0, models=("logistic",), scale="linear")
    values = [0.205, 0.260, 0.342, 0.421, 0.519, 0.602, 0.680]
    growth = grow(confluence(range(0, 73, 12), values), wanted)
    fit = growth.chosen
    assert fit is not None
    assert 100 * math.exp(fit.parameters[0]) == digits(20.16617, 5)
    assert fit.parameters[1] == digits(0.02976987, 8)
    found = forecast(growth, 0.80, wanted)
    assert found.time_h == digits(92.78628, 5)
    assert found.se_h == digits(0.66583, 5)
    assert found.confidence_low_h == digits(91.07470, 5)
    # 94.497855, which the example cuts off.
    assert found.confidence_high_h == pytest.approx(94.49785, abs=1e-5)
    # A measurement scatters about the curve: the prediction must be wider on both sides.
    assert found.prediction_low_h is not None
    assert found.prediction_high_h is not None
    assert found.prediction_low_h < 91.0747
    assert found.prediction_high_h > 94.4979


def test_w7_slope_on_the_complementary_log_log_scale() -> None:
    growth = grow(confluence([24, 88], [0.3296800, 0.7981035]))
    assert growth.rate is not None
    assert growth.rate.doubling_time_h == digits(32.0, 3)
    assert growth.doublings == digits(2.0, 5)
    assert growth.flags == ("LOW_DATA",)


def test_w23_vessels_to_fill() -> None:
    stacks = tuple(f"CellSTACK-{layers}" for layers in (1, 2, 5, 10))
    plan = plan_vessels(1.2e8, 4_000, stacks)
    assert plan.vessels == (("CellSTACK-10", 4), ("CellSTACK-5", 1), ("CellSTACK-2", 1))
    assert plan.area_cm2 == 29_892
    assert plan.cells_left == pytest.approx(4.32e5)
    with pytest.raises(InputError, match="vessel type 'T-80' is unknown; there are T-25"):
        growth_area_cm2("T-80")
    with pytest.raises(InputError, match="0 cells at 4000 per cm2 fill no vessel"):
        plan_vessels(0, 4_000, stacks)


def test_baranyi_solves_its_own_differential_equation() -> None:
    """With a plateau: dN/dt = mu q/(1+q) N (1 - N/K), dq/dt = mu q; an independent integrator."""
    rate, lag, start, top = 0.04, 20.0, 5e3, 6e4
    q0 = 1 / math.expm1(rate * lag)

    def slope(t: float, y: list[float]) -> list[float]:
        n, q = y
        return [rate * q / (1 + q) * n * (1 - n / top), rate * q]

    times = np.linspace(0, 150, 31)
    solved = solve_ivp(slope, (0, 150), [start, q0], t_eval=times, rtol=1e-10, atol=1e-6).y[0]
    p = np.array([math.log(start), rate, lag, math.log(top)])
    ours = np.exp(ln_u(MODELS["baranyi"], p, times, "density_cells_per_cm2"))
    assert ours == pytest.approx(solved, rel=1e-7)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("exponential", [-2.2, 0.02]),
        ("exponential_lag", [-1.6, 0.03, 40.0]),
        ("logistic", [math.log(0.1), 0.04]),
        ("contact_inhibition", [-2.2, 0.035, math.log(3.0)]),
        ("gompertz", [math.log(0.05), 0.03]),
        ("baranyi", [-1.9, 0.03, 45.0]),
    ],
)
def test_a_law_finds_its_own_curve(model: str, parameters: list[float]) -> None:
    times = np.arange(24.0, 97.0, 3.0)
    law = MODELS[model]  # type: ignore[index]
    top = [math.log(1.0)] if law.saturates else []
    scatter = np.random.default_rng(3).normal(0, 0.002, times.size)
    clean = ln_u(law, np.array(parameters + top), times, "confluence")
    growth = grow(confluence(times, value_of("confluence", clean + scatter)))
    own = next(fit for fit in growth.fits if fit.model == model)
    assert own.parameters[:2] == pytest.approx(parameters[:2], rel=0.03)
    # A law that holds another within it may be chosen for its scatter, never by more than this.
    assert own.aicc - growth.fits[0].aicc < 4
    assert growth.weights[growth.fits.index(own)] > 0.1


def test_attachment_is_left_out() -> None:
    """Spreading cells raise the confluence in the first day; the rate must not see it."""
    late = noisy(sd=0.0)
    early = confluence([2, 8, 16, *HOURS], [0.01, 0.03, 0.08, *late])
    assert grow(early).rate == grow(confluence(HOURS, late)).rate
    assert grow(early).n_used == len(HOURS)


def test_plateau_of_a_density_is_fitted_where_it_is_shown() -> None:
    times = np.arange(24.0, 145.0, 6.0)
    p = np.array([math.log(4e3), 0.05, math.log(4e4)])
    scatter = np.random.default_rng(5).normal(0, 0.02, times.size)
    values = np.exp(ln_u(MODELS["logistic"], p, times, "density_cells_per_cm2") + scatter)
    growth = grow(GrowthSeries("V1", "density_cells_per_cm2", times, values))
    assert growth.chosen is not None
    assert growth.chosen.model == "logistic"
    assert growth.chosen.plateau == pytest.approx(4e4, rel=0.03)
    assert forecast(growth, 5e4).reason is not None  # above the plateau: refused, not extrapolated


def test_measured_errors_weigh() -> None:
    """A point known to be bad moves the rate less than an equal one does."""
    values = np.array(noisy(sd=0.0))
    values[-1] *= 0.8
    errors = np.full(values.size, 0.005)
    errors[-1] = 0.2
    wanted = GrowSettings(models=("exponential",))
    even = grow(confluence(HOURS, values), wanted).chosen
    weighed = grow(GrowthSeries("V1", "confluence", HOURS, values, errors), wanted).chosen
    assert even is not None
    assert weighed is not None
    assert abs(weighed.parameters[1] - 0.0216) < 0.05 * abs(even.parameters[1] - 0.0216)


def test_low_data_gives_a_rate_and_no_forecast() -> None:
    growth = grow(confluence(HOURS[:4], noisy()[:4]))
    assert growth.flags == ("LOW_DATA",)
    assert growth.rate is not None
    assert growth.fits == ()
    found = forecast(growth, 0.8)
    assert found.time_h is None
    assert found.reason == "too few measurements after attachment (4 of 5)"


@pytest.mark.parametrize(
    ("values", "target", "reason"),
    [
        (np.linspace(0.52, 0.50, HOURS.size), 0.8, "no growth"),
        (noisy(rate=0.004, sd=0.001), 0.9, "too far ahead"),
        (noisy(), 0.2, "at or above the target"),
    ],
)
def test_forecast_refuses_with_a_reason(values: object, target: float, reason: str) -> None:
    found = forecast(grow(confluence(HOURS, values)), target)
    assert found.time_h is None
    assert found.prediction_high_h is None
    assert found.reason is not None
    assert reason in found.reason


def test_a_target_above_the_plateau_is_refused() -> None:
    wanted = GrowSettings(plateau_confluence=0.85, models=("logistic",))
    found = forecast(grow(confluence(HOURS, noisy()), wanted), 0.9, wanted)
    assert found.reason == "the plateau 0.85 is not above the target 0.9"


def test_open_end_is_none_with_a_reason() -> None:
    found = forecast(grow(confluence(HOURS, noisy())), 0.8)
    assert found.time_h is not None
    assert found.prediction_high_h is None
    assert found.reason is not None
    assert found.reason.startswith("the chance of having crossed stays below 97.5%")


@given(
    rate=st.floats(0.012, 0.04),
    start=st.floats(0.03, 0.12),
    sd=st.floats(0.01, 0.1),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=25, deadline=None)
def test_probability_is_one_and_never_falls(
    rate: float, start: float, sd: float, seed: int
) -> None:
    growth = grow(confluence(HOURS, noisy(rate, start, sd, seed)))
    chance = probability_before(growth, 0.97, np.linspace(72, 400, 200))
    assert np.all((chance >= 0) & (chance <= 1))
    assert np.all(np.diff(chance) >= 0)
    assert sum(growth.weights) == pytest.approx(1.0)


def test_what_laws_miss_widens_the_prediction_alone() -> None:
    values, blind = noisy(), GrowSettings(law_error_sd=0.0)
    own = GrowSettings(law_error_sd=0.05)
    found = [forecast(grow(confluence(HOURS, values), its), 0.6, its) for its in (blind, own)]
    lows = [each.prediction_low_h for each in found]
    assert lows[1] is not None
    assert lows[0] is not None
    assert lows[1] < lows[0]
    assert found[0].confidence_low_h == found[1].confidence_low_h


def test_limits_are_where_the_probability_says() -> None:
    growth = grow(confluence(HOURS, noisy()))
    found = forecast(growth, 0.6)
    assert found.prediction_low_h is not None
    assert found.prediction_high_h is not None
    limits = np.array([found.prediction_low_h, found.prediction_high_h])
    assert probability_before(growth, 0.6, limits) == pytest.approx([0.025, 0.975], abs=1e-4)


def test_spread_between_vessels_widens_the_prediction_and_not_the_confidence() -> None:
    values = noisy()
    own, lots = GrowSettings(), GrowSettings(between_vessel_sd=0.1)
    one = forecast(grow(confluence(HOURS, values), own), 0.8, own)
    many = forecast(grow(confluence(HOURS, values), lots), 0.8, lots)
    assert (one.confidence_low_h, one.confidence_high_h) == (
        many.confidence_low_h,
        many.confidence_high_h,
    )
    assert one.prediction_low_h is not None
    assert many.prediction_low_h is not None
    assert many.prediction_low_h < one.prediction_low_h


def test_bootstrap_agrees_with_the_formula_and_with_itself() -> None:
    wanted = GrowSettings(models=("exponential",), law_error_sd=0.0, bootstrap_draws=400)
    series = confluence(HOURS, noisy(sd=0.02))
    growth = grow(series, wanted)
    found, again = (bootstrap_crossing(growth, series, 0.8, wanted) for _ in range(2))
    formula = forecast(growth, 0.8, wanted)
    assert found == again
    assert found is not None
    assert formula.prediction_low_h is not None
    assert found.confidence_low_h == pytest.approx(formula.confidence_low_h, abs=0.8)
    assert found.prediction_low_h == pytest.approx(formula.prediction_low_h, abs=1.0)
    assert found.prediction_high_h == pytest.approx(formula.prediction_high_h, abs=1.0)


def test_intervals_cover_what_they_promise() -> None:
    """500 repeats of one law: confidence of the curve, prediction of a fresh measurement."""
    wanted = GrowSettings(models=("exponential",), law_error_sd=0.0, max_ahead_spans=9)
    rng = np.random.default_rng(11)
    truth = (math.log(-math.log(0.2)) - math.log(0.12)) / 0.0216
    inside = np.zeros(2)
    for _ in range(500):
        scatter = rng.normal(0, 0.04, HOURS.size)
        values = value_of("confluence", math.log(0.12) + 0.0216 * HOURS + scatter)
        found = forecast(grow(confluence(HOURS, values), wanted), 0.8, wanted)
        measured = truth - rng.normal(0, 0.04) / 0.0216
        assert found.confidence_low_h is not None
        assert found.confidence_high_h is not None
        assert found.prediction_low_h is not None
        assert found.prediction_high_h is not None
        inside[0] += found.confidence_low_h <= truth <= found.confidence_high_h
        inside[1] += found.prediction_low_h <= measured <= found.prediction_high_h
    assert np.all(np.abs(inside / 500 - 0.95) < 0.03), inside


@pytest.mark.parametrize("quantity", ["confluence", "density_cells_per_cm2"])
def test_scale_and_back(quantity: Quantity) -> None:
    values = np.array([1e-6, 0.2, 0.5, 0.97])
    assert value_of(quantity, ln_u_of(quantity, values)) == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        ([0, 24, 12], [0.1, 0.2, 0.3], "time runs backwards from 24 h to 12 h"),
        ([-1, 24], [0.1, 0.2], "before seeding"),
        ([0, 24], [0.1, -0.2], "confluence -0.2 at 24 h is impossible"),
        ([0, 24], [0.1, 45], "a share of 0 to 1"),
        ([0, math.nan], [0.1, 0.2], "a time is not a number"),
        ([0, 24], [0.1], "differ in number"),
    ],
)
def test_impossible_series_are_refused(times: object, values: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        confluence(times, values, vessel="V-017")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: population_doublings(0, 1e6), "cells seeded 0 must be above 0"),
        (lambda: fold_expansion(1e6, -5), "cells harvested -5 must be above 0"),
        (lambda: rate_of_passage(1e6, 2e6, 0), "hours 0 must be above 0"),
        (lambda: cumulative_doublings(-1, []), "below 0"),
        (lambda: cumulative_doublings(1, [], 1.2), "attached share 1.2"),
        (lambda: attachment_efficiency(3e3, 0, 1e6), "area 0 must be above 0"),
        (lambda: log_linear_rate([1, 1], [2, 3]), "at one time"),
        (lambda: log_linear_rate([1, 2], [2]), "2 times and 1 values"),
        (lambda: forecast(grow(confluence(HOURS, noisy())), 80), "target 80 of confluence"),
    ],
)
def test_impossible_numbers_are_refused(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]


def test_losses_are_negative_doublings() -> None:
    assert population_doublings(4e6, 1e6) == -2
    assert doubling_time_h(-0.01) is None
    assert attachment_efficiency(2400, 25, 75_000) == pytest.approx(0.8)
