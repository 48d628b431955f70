"""How much sharper one more visit would make a forecast, before anybody makes it.

The trick: what a visit will show is not known, but how well each law can say it is. A visit at t
tells the parameters better (the linear update of a covariance), and tells the laws apart (the
laws' weights change with what is seen). Both are averaged over what may be seen, drawn from the
laws themselves, at the nodes of a Gauss-Hermite rule: no random numbers, no fit.

Preposterior analysis after Raiffa & Schlaifer (1961), Applied Statistical Decision Theory, ch. 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.grow.crossing import crossing_time_h, forecast, furthest_ahead_h, used_weights
from monolayer.grow.curve import Growth
from monolayer.grow.fit import Fit
from monolayer.grow.settings import GrowSettings

__all__ = ["expected_widths_h"]

Floats = NDArray[np.float64]
_NODES = 9


@dataclass(frozen=True, slots=True)
class _Law:
    """A law at its crossing and at the times of a visit; variances of a time in square hours.

    Attributes
    ----------
    weight, crossing_h : float
        Weight among the laws, and where its curve crosses.
    curve_variance, other_variance : float
        Of the crossing: what points shrink, and what they do not.
    shift_h_per_unit : ndarray
        By how much the crossing moves for each unit a visit lies above the curve.
    curve, variance : ndarray
        Curve at a visit, and the variance of one measurement there.
    """

    weight: float
    crossing_h: float
    curve_variance: float
    other_variance: float
    shift_h_per_unit: Floats
    curve: Floats
    variance: Floats


def expected_widths_h(
    growth: Growth, target: float, times_h: Sequence[float], settings: GrowSettings | None = None
) -> list[float]:
    """Expected width of the crossing's prediction interval after one more visit at each time.

    Parameters
    ----------
    growth : Growth
        As `grow` gave it.
    target : float
        In the quantity's unit.
    times_h : sequence of float
        Hours since seeding, not before the last measurement.
    settings : GrowSettings, optional
        The defaults where left out.

    Returns
    -------
    list of float
        Hours. Laws that never reach the target count for the interval now and not for how it
        shrinks.

    Raises
    ------
    ValueError
        There is no forecast with both ends: nothing that could become sharper.
    """
    settings = settings or GrowSettings()
    found = forecast(growth, target, settings)
    low, high = found.prediction_low_h, found.prediction_high_h
    if low is None or high is None:
        raise ValueError(f"vessel {growth.vessel}: no forecast to sharpen, {found.reason}")
    laws = _laws(growth, target, np.asarray(times_h, dtype=np.float64), settings)
    now = _mixture_sd(
        np.array([law.weight for law in laws]),
        np.array([law.crossing_h for law in laws]),
        np.array([law.curve_variance + law.other_variance for law in laws]),
    )
    shrunk = _expected_sd(laws) / now
    return [float((high - low) * min(share, 1.0)) for share in shrunk]


def _laws(growth: Growth, target: float, times_h: Floats, settings: GrowSettings) -> list[_Law]:
    assert growth.last_h is not None
    latest = growth.last_h + furthest_ahead_h(growth, settings)
    laws = []
    for fit, weight in zip(growth.fits, used_weights(growth, settings), strict=True):
        crossing_h = crossing_time_h(fit, target, growth.last_h, latest) if weight > 0 else None
        if crossing_h is not None:
            laws.append(_law(fit, weight, crossing_h, times_h, settings))
    return laws


def _law(
    fit: Fit, weight: float, crossing_h: float, times_h: Floats, settings: GrowSettings
) -> _Law:
    noise = fit.residual_sd**2
    between = 0.0
    if fit.scale == "auto":
        noise += settings.law_error_sd**2
        between = settings.between_vessel_sd**2
    around = fit.curve(np.array([crossing_h - 1e-3, crossing_h + 1e-3]))
    slope = float(around[1] - around[0]) / 2e-3
    there = fit.slopes(np.array([crossing_h]))[:, 0]
    here = fit.slopes(times_h)
    variance = np.einsum("it,ij,jt->t", here, fit.covariance, here) + noise
    shared = there @ fit.covariance @ here
    curve_variance = float(there @ fit.covariance @ there)
    return _Law(
        weight,
        crossing_h,
        curve_variance / slope**2,
        (noise + between) / slope**2,
        -shared / variance / slope,
        fit.curve(times_h),
        variance,
    )


def _expected_sd(laws: Sequence[_Law]) -> Floats:
    """Standard deviation of the crossing after a visit, averaged over what it may show."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(_NODES)
    node_weights = node_weights / node_weights.sum()
    total = sum(law.weight for law in laws)
    sd = np.zeros_like(laws[0].curve)
    for law in laws:
        for node, share in zip(nodes, node_weights, strict=True):
            seen = law.curve + node * np.sqrt(law.variance)
            sd += law.weight / total * share * _sd_having_seen(laws, seen)
    return sd


def _sd_having_seen(laws: Sequence[_Law], seen: Floats) -> Floats:
    """Standard deviation of the crossing once a visit has shown `seen` (one a time)."""
    ln_weights, crossings, variances = [], [], []
    for law in laws:
        off = seen - law.curve
        ln_weights.append(
            np.log(law.weight) - 0.5 * off**2 / law.variance - 0.5 * np.log(law.variance)
        )
        crossings.append(law.crossing_h + law.shift_h_per_unit * off)
        told = law.shift_h_per_unit**2 * law.variance
        variances.append(np.maximum(law.curve_variance - told, 0.0) + law.other_variance)
    weights = np.exp(np.array(ln_weights) - np.max(ln_weights, axis=0))
    return _mixture_sd(weights, np.array(crossings), np.array(variances))


def _mixture_sd(weights: Floats, means: Floats, variances: Floats) -> Floats:
    weights = weights / weights.sum(axis=0)
    mean = (weights * means).sum(axis=0)
    spread = (weights * (variances + (means - mean) ** 2)).sum(axis=0)
    return np.asarray(np.sqrt(spread))
