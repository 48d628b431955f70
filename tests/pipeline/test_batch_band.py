"""The curve with two bands: against the formula, and against the forecast they must agree with."""

import numpy as np
import pytest
from scipy import stats

from monolayer.grow import GrowSettings, GrowthSeries, band_of, forecast, grow
from monolayer.grow.series import ln_u_of

TIMES = np.arange(24.0, 97.0, 6.0)


def series(n: int = 13, scatter: float = 0.04) -> GrowthSeries:
    rng = np.random.default_rng(4)
    layers = 0.15 * 2 ** (TIMES / 34) * np.exp(rng.normal(0, scatter, TIMES.size))
    return GrowthSeries("V", "confluence", TIMES[:n], -np.expm1(-layers)[:n])


def test_one_law_is_the_textbook_band() -> None:
    settings = GrowSettings(models=("exponential",), law_error_sd=0.0)
    found = band_of(grow(series(), settings), TIMES, settings)
    assert found is not None
    # Ordinary least squares of ln u on t, as any textbook has it.
    y = ln_u_of("confluence", series().values)
    line = stats.linregress(TIMES, y)
    fitted = line.intercept + line.slope * TIMES
    n, free = TIMES.size, TIMES.size - 2
    s2 = np.sum((y - fitted) ** 2) / free
    lever = 1 / n + (TIMES - TIMES.mean()) ** 2 / np.sum((TIMES - TIMES.mean()) ** 2)
    t = stats.t.ppf(0.975, free)
    for got, sign, variance in (
        (found.confidence_low, -1, s2 * lever),
        (found.confidence_high, 1, s2 * lever),
        (found.prediction_low, -1, s2 * (1 + lever)),
        (found.prediction_high, 1, s2 * (1 + lever)),
    ):
        expected = -np.expm1(-np.exp(fitted + sign * t * np.sqrt(variance)))
        assert got == pytest.approx(expected, rel=1e-5)


def test_prediction_band_leaves_the_target_where_the_forecast_ends() -> None:
    settings = GrowSettings()
    growth = grow(series(), settings)
    crossing = forecast(growth, 0.80, settings)
    assert crossing.prediction_low_h is not None
    assert crossing.prediction_high_h is not None
    ends = np.array([crossing.prediction_low_h, crossing.prediction_high_h])
    found = band_of(growth, ends, settings)
    assert found is not None
    # The forecast reads its mixture on a grid of times, so to a grid's step.
    assert found.prediction_high[0] == pytest.approx(0.80, abs=2e-3)
    assert found.prediction_low[1] == pytest.approx(0.80, abs=2e-3)


def test_a_measurement_is_less_certain_than_the_curve() -> None:
    settings = GrowSettings()
    found = band_of(grow(series(), settings), TIMES, settings)
    assert found is not None
    assert np.all(found.prediction_low < found.confidence_low)
    assert np.all(found.confidence_low < found.value)
    assert np.all(found.value < found.confidence_high)
    assert np.all(found.confidence_high < found.prediction_high)
    assert np.all((found.prediction_low > 0) & (found.prediction_high < 1))


def test_no_law_no_band() -> None:
    assert band_of(grow(series(4), GrowSettings()), TIMES) is None


def test_linear_scale_stays_a_share() -> None:
    settings = GrowSettings(scale="linear", models=("logistic",))
    found = band_of(grow(series(), settings), np.array([30.0, 140.0]), settings)
    assert found is not None
    assert found.prediction_high.max() <= 1.0
    assert found.prediction_low.min() >= 0.0
