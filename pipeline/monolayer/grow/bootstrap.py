"""The crossing by parametric bootstrap: an interval that leans on no straight line.

The chosen law is refitted to repeats of itself with fresh scatter; each repeat's crossing, with
scatter of one more measurement, is one draw of the prediction. A repeat that never crosses is a
draw beyond the end, so an open end stays open.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.grow.crossing import crossing_time_h
from monolayer.grow.curve import Growth
from monolayer.grow.fit import Fit, fit_law
from monolayer.grow.series import GrowthSeries, ln_u_of, value_of
from monolayer.grow.settings import GrowSettings

__all__ = ["BootstrapCrossing", "bootstrap_crossing"]


@dataclass(frozen=True, slots=True)
class BootstrapCrossing:
    """Quantiles of a crossing over simulated repeats; an open end is None.

    Attributes
    ----------
    confidence_low_h, confidence_high_h : float or None
        Of the curve's crossing.
    prediction_low_h, prediction_high_h : float or None
        Of a measurement's crossing.
    draws : int
        Repeats.
    never : int
        Repeats that do not cross within the horizon.
    """

    confidence_low_h: float | None
    confidence_high_h: float | None
    prediction_low_h: float | None
    prediction_high_h: float | None
    draws: int
    never: int


def bootstrap_crossing(
    growth: Growth, series: GrowthSeries, target: float, settings: GrowSettings
) -> BootstrapCrossing | None:
    """Repeat the chosen law's fit `bootstrap_draws` times; None without a law or draws.

    Parameters
    ----------
    growth : Growth
        Of `series`, by the same settings.
    series : GrowthSeries
        The measurements.
    target : float
        In the quantity's unit.
    settings : GrowSettings
        Draws and seed; the same seed gives the same bits.
    """
    fit = growth.chosen
    if fit is None or growth.last_h is None or not settings.bootstrap_draws:
        return None
    used = series.since(settings.attachment_h).usable()
    latest = growth.last_h + settings.max_ahead_h
    rng = np.random.default_rng(settings.seed)
    drawn = [
        _repeat(fit, used, target, latest, rng, settings) for _ in range(settings.bootstrap_draws)
    ]
    curve, measured = np.array(drawn).T
    tail = (1 - settings.confidence) / 2
    return BootstrapCrossing(
        _quantile(curve, tail),
        _quantile(curve, 1 - tail),
        _quantile(measured, tail),
        _quantile(measured, 1 - tail),
        len(drawn),
        int(np.sum(~np.isfinite(curve))),
    )


def _repeat(
    fit: Fit,
    used: GrowthSeries,
    target: float,
    latest_h: float,
    rng: np.random.Generator,
    settings: GrowSettings,
) -> tuple[float, float]:
    """Crossing of the refitted curve, and of one measurement more; infinite where there is none."""
    # The scatter itself is estimated.
    scatter = fit.residual_sd * math.sqrt(fit.free / rng.chisquare(fit.free))
    again = fit_law(
        fit.model,
        _redrawn(fit, used, scatter, rng),
        fit.plateau,
        fit_plateau=fit.plateau_fitted,
        scale=fit.scale,
    )
    fresh = float(rng.normal(0.0, _measured_sd(fit, scatter, settings)))
    if isinstance(again, str):
        return math.inf, math.inf
    first = float(used.times_h[0])
    curve = crossing_time_h(again, target, first, latest_h)
    measured = crossing_time_h(again, _lowered(fit, target, fresh), first, latest_h)
    return math.inf if curve is None else curve, math.inf if measured is None else measured


def _measured_sd(fit: Fit, scatter: float, settings: GrowSettings) -> float:
    if fit.scale == "linear":
        return scatter
    return math.hypot(scatter, settings.between_vessel_sd, settings.law_error_sd)


def _lowered(fit: Fit, target: float, by: float) -> float:
    """The level that the curve must reach for a measurement that lies `by` above it."""
    if fit.scale == "linear":
        return target - by
    return float(value_of(fit.quantity, ln_u_of(fit.quantity, target) - by))


def _redrawn(
    fit: Fit, used: GrowthSeries, scatter: float, rng: np.random.Generator
) -> GrowthSeries:
    """The law's curve with fresh scatter at the same times."""
    drawn = fit.curve(used.times_h) + rng.normal(0.0, scatter, len(used.values))
    values = value_of(fit.quantity, drawn) if fit.scale == "auto" else drawn
    top = 1 - 1e-9 if fit.quantity == "confluence" else math.inf
    values = np.clip(values, 1e-9, top)
    return GrowthSeries(used.vessel, used.quantity, used.times_h, values, used.se)


def _quantile(times_h: NDArray[np.float64], share: float) -> float | None:
    found = float(np.quantile(times_h, share, method="inverted_cdf"))
    return found if math.isfinite(found) else None
