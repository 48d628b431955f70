"""A law's curve in time with two bands that are never one: of the curve, and of a measurement.

The trick: the prediction band is made of the same mixture of laws that `forecast` reads along
time, here read along the measurement. So it leaves the target where the forecast's prediction
interval ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monolayer.grow.crossing import prediction_sd, used_weights
from monolayer.grow.curve import Growth
from monolayer.grow.fit import Fit
from monolayer.grow.series import value_of
from monolayer.grow.settings import GrowSettings, ModelName

__all__ = ["Band", "band_of"]

Floats = NDArray[np.float64]
# Each step halves the bracket; 60 of them leave less than a float can tell.
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Band:
    """A fitted curve with its bands, one value a time, in the quantity's unit.

    Attributes
    ----------
    times_h : ndarray of float64
        Hours since seeding.
    value : ndarray of float64
        The chosen law's curve.
    confidence_low, confidence_high : ndarray of float64
        Confidence interval of that curve: more points shrink it to nothing.
    prediction_low, prediction_high : ndarray of float64
        Prediction interval of a measurement of the vessel: scatter, spread between vessels and
        the doubt which law holds are in it.
    confidence : float
        Nominal coverage of both.
    model : str
        The chosen law.
    """

    times_h: Floats
    value: Floats
    confidence_low: Floats
    confidence_high: Floats
    prediction_low: Floats
    prediction_high: Floats
    confidence: float
    model: ModelName


def band_of(growth: Growth, times_h: Floats, settings: GrowSettings | None = None) -> Band | None:
    """Draw what `grow` fitted; None where no law was.

    Parameters
    ----------
    growth : Growth
        As `grow` gave it, with the same settings.
    times_h : ndarray of float64
        Rising hours since seeding.
    settings : GrowSettings, optional
        The defaults where left out.
    """
    settings = settings or GrowSettings()
    fit = growth.chosen
    if fit is None:
        return None
    tail = (1 - settings.confidence) / 2
    curve = fit.curve(times_h)
    reach = -float(special.stdtrit(fit.free, tail)) * fit.standard_error(times_h)
    return Band(
        times_h,
        _value(fit, curve),
        _value(fit, curve - reach),
        _value(fit, curve + reach),
        _value(fit, _quantile(growth, times_h, tail, settings)),
        _value(fit, _quantile(growth, times_h, 1 - tail, settings)),
        settings.confidence,
        fit.model,
    )


def _quantile(growth: Growth, times_h: Floats, share: float, settings: GrowSettings) -> Floats:
    """Below which a measurement lies with this probability, all laws weighed."""
    laws = [
        (weight, fit.free, fit.curve(times_h), prediction_sd(fit, times_h, settings))
        for fit, weight in zip(growth.fits, used_weights(growth, settings), strict=True)
        if weight > 0
    ]
    each = [curve + float(special.stdtrit(free, share)) * sd for _, free, curve, sd in laws]
    # The mixture's quantile lies between those of its parts.
    low, high = np.min(each, axis=0), np.max(each, axis=0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = sum(w * special.stdtr(free, (middle - curve) / sd) for w, free, curve, sd in laws)
        low, high = np.where(reached < share, middle, low), np.where(reached < share, high, middle)
    return np.asarray((low + high) / 2)


def _value(fit: Fit, on_scale: Floats) -> Floats:
    if fit.scale == "auto":
        return value_of(fit.quantity, on_scale)
    return np.clip(on_scale, 0.0, 1.0 if fit.quantity == "confluence" else None)
