"""When a target is crossed: probabilities and intervals from the fitted laws, or a refusal.

The trick: at a time t the law's curve and its standard error give the probability that the target
has been crossed before t. Read along t, that one function gives the median, the limits of an
interval and every question of "before when". Two intervals, never to be mixed:

- *confidence*: where the law's own curve crosses; more points shrink it to nothing.
- *prediction*: where a measurement of the vessel crosses; residual scatter and the spread between
  vessels are in it, and the doubt which law holds.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

from monolayer.grow.curve import Growth
from monolayer.grow.fit import Fit
from monolayer.grow.series import ln_u_of
from monolayer.grow.settings import GrowSettings

__all__ = [
    "Crossing",
    "crossing_se_h",
    "crossing_time_h",
    "forecast",
    "furthest_ahead_h",
    "prediction_sd",
    "probability_before",
    "used_weights",
]

Floats = NDArray[np.float64]
_STEPS = 400


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a vessel crosses a target; hours since seeding. What is unknown is None, with reason.

    Attributes
    ----------
    target : float
        In the unit of the quantity.
    time_h : float or None
        Where the chosen law's curve crosses.
    se_h : float or None
        Its standard error by the delta method.
    confidence_low_h, confidence_high_h : float or None
        Student's confidence interval of `time_h` by the delta method: of the curve.
    median_h : float or None
        When the target is as likely crossed as not, all laws weighed: the forecast to plan by.
    prediction_low_h, prediction_high_h : float or None
        Prediction interval: of the vessel as it is measured. An open upper end is None.
    confidence : float
        Nominal coverage of both.
    model : str or None
        The chosen law.
    already : bool
        The last measurement is not below the target.
    reason : str or None
        Why there is no forecast, or why an end of the prediction interval is open.
    """

    target: float
    time_h: float | None
    se_h: float | None
    confidence_low_h: float | None
    confidence_high_h: float | None
    median_h: float | None
    prediction_low_h: float | None
    prediction_high_h: float | None
    confidence: float
    model: str | None
    already: bool
    reason: str | None


def forecast(growth: Growth, target: float, settings: GrowSettings | None = None) -> Crossing:
    """Forecast when a target is crossed, or say why that cannot be told.

    Parameters
    ----------
    growth : Growth
        As `grow` gave it, with the same settings.
    target : float
        Confluence (0 to 1) or density (cells/cm2).
    settings : GrowSettings, optional
        The defaults where left out.

    Raises
    ------
    ValueError
        A target outside what the quantity can be.
    """
    settings = settings or GrowSettings()
    _check_target(growth, target)
    if growth.last_value is not None and growth.last_value >= target:
        return _refusal(target, settings, "the last measurement is at or above the target", True)
    reason = _no_ground(growth, settings)
    if reason is not None or growth.chosen is None or growth.last_h is None:
        return _refusal(target, settings, reason or "no law could be fitted")
    fit, last_h = growth.chosen, growth.last_h
    latest = last_h + furthest_ahead_h(growth, settings)
    time_h = crossing_time_h(fit, target, last_h, latest)
    if time_h is None:
        return _refusal(target, settings, _not_reached(fit, target, latest))
    se_h = crossing_se_h(fit, time_h)
    reach = -float(special.stdtrit(fit.free, (1 - settings.confidence) / 2)) * se_h
    low, median, high = _prediction(growth, target, last_h, latest, settings)
    return Crossing(
        target=target,
        time_h=time_h,
        se_h=se_h,
        confidence_low_h=time_h - reach,
        confidence_high_h=time_h + reach,
        median_h=median,
        prediction_low_h=low,
        prediction_high_h=high,
        confidence=settings.confidence,
        model=fit.model,
        already=False,
        reason=None if high is not None else _open_end(latest, settings),
    )


def crossing_time_h(fit: Fit, target: float, first_h: float, last_h: float) -> float | None:
    """Where a law's curve crosses a target between two times; None where it does not."""
    wanted = _wanted(fit, target)

    def above(time_h: float) -> float:
        return float(fit.curve(np.array([time_h]))[0]) - wanted

    if above(last_h) < 0:
        return None
    if above(first_h) >= 0:
        return first_h
    root: Any = brentq(above, first_h, last_h, xtol=1e-9)
    return float(root)


def crossing_se_h(fit: Fit, time_h: float) -> float:
    """Standard error in hours of a crossing by the delta method: the curve's over its slope."""
    around = np.array([time_h - 1e-3, time_h, time_h + 1e-3])
    curve = fit.curve(around)
    slope = float(curve[2] - curve[0]) / 2e-3
    return float(fit.standard_error(around[1:2])[0]) / slope if slope > 0 else math.inf


def probability_before(
    growth: Growth, target: float, times_h: Floats, settings: GrowSettings | None = None
) -> Floats:
    """Probability that a measurement of the vessel has crossed the target before each time.

    Parameters
    ----------
    growth : Growth
        With fitted laws.
    target : float
        In the quantity's unit.
    times_h : ndarray of float64
        Rising hours since seeding.
    settings : GrowSettings, optional
        The defaults where left out.

    Raises
    ------
    ValueError
        No law was fitted.

    Notes
    -----
    Student's t with the fit's degrees of freedom; the variance is that of the curve, of one
    measurement and between vessels. Laws are mixed by their Akaike weights, after Burnham &
    Anderson (2002), Model Selection and Multimodel Inference, section 4.3.
    """
    settings = settings or GrowSettings()
    if not growth.fits:
        raise ValueError(f"vessel {growth.vessel}: no law was fitted, so nothing is probable")
    weighed = zip(growth.fits, used_weights(growth, settings), strict=True)
    mixed = np.zeros(len(times_h))
    for fit, weight in weighed:
        if weight > 0:
            mixed += weight * _probability(fit, target, times_h, settings)
    # What was crossed stays crossed: a law's widening band must not take it back.
    return np.maximum.accumulate(mixed)


def _probability(fit: Fit, target: float, times_h: Floats, settings: GrowSettings) -> Floats:
    spread = prediction_sd(fit, times_h, settings)
    return np.asarray(special.stdtr(fit.free, (fit.curve(times_h) - _wanted(fit, target)) / spread))


def prediction_sd(fit: Fit, times_h: Floats, settings: GrowSettings) -> Floats:
    """Standard deviation of one measurement about a law's curve, on the fit's scale."""
    variance = fit.standard_error(times_h) ** 2 + fit.residual_sd**2
    if fit.scale == "auto":
        variance += settings.between_vessel_sd**2 + settings.law_error_sd**2
    return np.asarray(np.sqrt(variance))


def used_weights(growth: Growth, settings: GrowSettings) -> tuple[float, ...]:
    """Weights of the laws as a forecast takes them: their Akaike weights, or the chosen alone."""
    if settings.average_models:
        # A law that adds next to nothing costs as much time as one that does.
        kept = [weight if weight >= 1e-3 else 0.0 for weight in growth.weights]
        return tuple(weight / sum(kept) for weight in kept)
    return (1.0,) + (0.0,) * (len(growth.fits) - 1)


def _prediction(
    growth: Growth, target: float, last_h: float, latest_h: float, settings: GrowSettings
) -> tuple[float | None, float | None, float | None]:
    """Times at which the probability reaches tails and middle; one not reached is None."""
    times_h = np.linspace(last_h, latest_h, _STEPS + 1)
    chance = probability_before(growth, target, times_h, settings)
    tail = (1 - settings.confidence) / 2
    low, median, high = (_first_at(times_h, chance, share) for share in (tail, 0.5, 1 - tail))
    return low, median, high


def _first_at(times_h: Floats, chance: Floats, wanted: float) -> float | None:
    at = int(np.searchsorted(chance, wanted))
    if at == len(chance):
        return None
    if at == 0:
        return float(times_h[0])
    share = (wanted - chance[at - 1]) / (chance[at] - chance[at - 1])
    return float(times_h[at - 1] + share * (times_h[at] - times_h[at - 1]))


def _wanted(fit: Fit, target: float) -> float:
    return float(ln_u_of(fit.quantity, target)) if fit.scale == "auto" else target


def furthest_ahead_h(growth: Growth, settings: GrowSettings) -> float:
    """How far after the last measurement a forecast may reach."""
    assert growth.first_h is not None
    assert growth.last_h is not None
    spans = settings.max_ahead_spans * (growth.last_h - growth.first_h)
    return min(settings.max_ahead_h, spans)


def _no_ground(growth: Growth, settings: GrowSettings) -> str | None:
    if "LOW_DATA" in growth.flags:
        needed = settings.min_points_two_parameters
        return f"too few measurements after attachment ({growth.n_used} of {needed})"
    if "NO_GROWTH" in growth.flags:
        return "the measurements show no growth"
    return None


def _not_reached(fit: Fit, target: float, latest_h: float) -> str:
    if fit.plateau is not None and target >= fit.plateau:
        return f"the plateau {fit.plateau:g} is not above the target {target:g}"
    return f"the target lies beyond {latest_h:.0f} h, too far ahead of the measurements"


def _open_end(latest_h: float, settings: GrowSettings) -> str:
    upper = (1 + settings.confidence) / 2
    return f"the chance of having crossed stays below {upper:.1%} up to {latest_h:.0f} h"


def _check_target(growth: Growth, target: float) -> None:
    highest = 1.0 if growth.quantity == "confluence" else math.inf
    if not 0 < target < highest:
        raise ValueError(
            f"target {target} of {growth.quantity} is impossible: give "
            + ("a share between 0 and 1" if highest == 1 else "a number above 0")
        )


def _refusal(target: float, settings: GrowSettings, reason: str, already: bool = False) -> Crossing:
    return Crossing(
        target=target,
        time_h=None,
        se_h=None,
        confidence_low_h=None,
        confidence_high_h=None,
        median_h=None,
        prediction_low_h=None,
        prediction_high_h=None,
        confidence=settings.confidence,
        model=None,
        already=already,
        reason=reason,
    )
