"""One law fitted to one series: least squares by MINPACK, covariance, AICc, the band around it.

The scatter is taken as even on the settings' scale, so that every law of one series is fitted to
the same numbers and AICc may compare them. The trick for speed: MINPACK's ``leastsq`` is called
directly, as lmfit and ``least_squares`` cost ten times the fit itself on thirty points.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import leastsq

from monolayer.grow.models import MODELS, Law, drawn, ln_u
from monolayer.grow.series import GrowthSeries, Quantity, ln_u_of, value_of
from monolayer.grow.settings import ModelName, Scale

__all__ = ["Fit", "fit_law"]

Floats = NDArray[np.float64]
# A covariance whose parameters are so nearly one says nothing; its inverse is rounding error.
_WORST_CONDITION = 1e12
# A residual that stands for none.
_NOWHERE = 1e6
_LN_HIGHEST = 700.0


@dataclass(frozen=True, slots=True)
class Fit:
    """A law as fitted.

    Attributes
    ----------
    model : str
        The law.
    quantity : str
        What was measured.
    scale : {'auto', 'linear'}
        Where the scatter is even.
    plateau : float or None
        Held or fitted, in the quantity's unit.
    plateau_fitted : bool
        Which of the two.
    parameters : ndarray
        The law's own, then ln plateau where it is fitted.
    covariance : ndarray
        Theirs.
    residual_sd : float
        Of one measurement of mean weight, on the scale.
    free : int
        Degrees of freedom.
    aicc : float
        Akaike's criterion for small samples; the scatter counts as a parameter.
    n : int
        Points.
    """

    model: ModelName
    quantity: Quantity
    scale: Scale
    plateau: float | None
    plateau_fitted: bool
    parameters: Floats
    covariance: Floats
    residual_sd: float
    free: int
    aicc: float
    n: int

    @property
    def law(self) -> Law:
        """The law's formula."""
        return MODELS[self.model]

    @property
    def endless(self) -> bool:
        """Whether it grows for ever, as nothing fills the vessel."""
        full = self.quantity == "confluence" and self.plateau == 1 and self.model == "baranyi"
        return full or (self.plateau is None and self.model != "contact_inhibition")

    def curve(self, times_h: Floats) -> Floats:
        """The fitted curve on the scale of the scatter."""
        return self._curve_with(self.parameters, times_h)

    def slopes(self, times_h: Floats) -> Floats:
        """Slope of the curve in each parameter at those times, (parameters, times)."""
        steps = np.maximum(1e-6, 1e-5 * np.abs(self.parameters))
        slopes = np.empty((len(self.parameters), len(times_h)))
        for i, step in enumerate(steps):
            shift = np.zeros_like(self.parameters)
            shift[i] = step
            up = self._curve_with(self.parameters + shift, times_h)
            down = self._curve_with(self.parameters - shift, times_h)
            slopes[i] = (up - down) / (2 * step)
        return slopes

    def standard_error(self, times_h: Floats) -> Floats:
        """Standard error of the curve at those times: what more points would shrink."""
        slopes = self.slopes(times_h)
        variance = np.einsum("it,ij,jt->t", slopes, self.covariance, slopes)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def values(self, times_h: Floats) -> Floats:
        """The fitted curve as confluence or density."""
        return value_of(
            self.quantity,
            ln_u(self.law, self.parameters, times_h, self.quantity, self.plateau),
        )

    def _curve_with(self, parameters: Floats, times_h: Floats) -> Floats:
        return _on_scale(self.law, parameters, times_h, self.quantity, self.scale, self.plateau)


def fit_law(
    model: ModelName,
    series: GrowthSeries,
    plateau: float | None,
    *,
    fit_plateau: bool = False,
    scale: Scale = "auto",
) -> Fit | str:
    """Fit a law; return the reason where it cannot be.

    Parameters
    ----------
    model : str
        The law's name.
    series : GrowthSeries
        Usable points; more than parameters.
    plateau : float or None
        Of the quantity; where it is fitted, the value to start from.
    fit_plateau : bool
        Whether the plateau is a parameter.
    scale : {'auto', 'linear'}
        See `GrowSettings.scale`.

    Returns
    -------
    Fit or str
        The reason is a clause, such as "the points do not tell its parameters apart".
    """
    law = MODELS[model]
    n_parameters = len(law.parameters) + fit_plateau
    free = len(series.values) - n_parameters
    if free < 1:
        return f"{len(series.values)} points cannot carry {n_parameters} parameters"
    observed = ln_u_of(series.quantity, series.values)
    held = None if fit_plateau else plateau
    residuals = _residuals_of(law, series, observed, held, scale)
    best = _least(residuals, _starts(law, series, observed, plateau if fit_plateau else None))
    if best is None or _condition(best[2]) > _WORST_CONDITION:
        return "the points do not tell its parameters apart"
    rest, found, covariance = best
    variance = max(rest, 1e-24) / free
    reached = _on_scale(law, found, series.times_h, series.quantity, scale, held)
    if not np.all(np.isfinite(reached)):
        return "its curve does not come near the points"
    top = math.exp(min(found[-1], _LN_HIGHEST)) if fit_plateau else plateau
    if fit_plateau and series.quantity == "confluence" and top is not None and top > 1:
        return "its plateau comes out above 100 %"
    if "lag_h" in law.parameters and found[2] < 0:
        return "its lag comes out before seeding"
    return Fit(
        model,
        series.quantity,
        scale,
        top if law.saturates else None,
        fit_plateau,
        found,
        variance * covariance,
        math.sqrt(variance),
        free,
        _aicc(rest, len(series.values), n_parameters + 1),
        len(series.values),
    )


def _residuals_of(
    law: Law, series: GrowthSeries, observed: Floats, held: float | None, scale: Scale
) -> Callable[[Floats], Floats]:
    measured = observed if scale == "auto" else series.values
    roots = _root_weights(series, scale)

    def residuals(parameters: Floats) -> Floats:
        reached = drawn(law, parameters, series.times_h, series.quantity, held)
        if scale != "auto":
            reached = value_of(series.quantity, reached)
        rest = roots * (reached - measured)
        if math.isfinite(rest @ rest):
            return rest
        return np.where(np.isfinite(rest), rest, _NOWHERE)

    return residuals


def _least(
    residuals: Callable[[Floats], Floats], starts: list[list[float]]
) -> tuple[float, Floats, Floats] | None:
    """Sum of squares, parameters and covariance of the best end, from whichever start."""
    best: tuple[float, Floats, Floats] | None = None
    with np.errstate(all="ignore"):
        for start in starts:
            found, covariance, *_ = leastsq(residuals, start, full_output=True, maxfev=2000)
            rest = float(np.sum(residuals(found) ** 2))
            if covariance is not None and (best is None or rest < best[0]):
                best = rest, np.atleast_1d(found), np.asarray(covariance)
    return best


def _on_scale(
    law: Law, p: Floats, times_h: Floats, quantity: Quantity, scale: Scale, held: float | None
) -> Floats:
    reached = ln_u(law, p, times_h, quantity, held)
    return reached if scale == "auto" else value_of(quantity, reached)


def _starts(
    law: Law, series: GrowthSeries, observed: Floats, plateau: float | None
) -> list[list[float]]:
    """Of the line through ln u, or through ln of the value where the law acts on the value."""
    on_value = law.name in ("logistic", "gompertz")
    starts = law.starts(series.times_h, np.log(series.values) if on_value else observed)
    if plateau is None:
        return starts
    return [[*start, math.log(plateau)] for start in starts]


def _root_weights(series: GrowthSeries, scale: Scale) -> Floats:
    """Root of each point's weight, mean 1: from the standard errors where all are known."""
    if series.se is None or not np.all(np.isfinite(series.se) & (series.se > 0)):
        return np.ones(len(series.values))
    errors = series.se
    if scale == "auto":
        errors = errors / _slope_of_value(series)
    weights = 1 / errors**2
    return np.asarray(np.sqrt(weights / weights.mean()))


def _slope_of_value(series: GrowthSeries) -> Floats:
    """Slope of the value in ln u, which carries a standard error over to the scale."""
    if series.quantity != "confluence":
        return series.values
    layers = -np.log1p(-series.values)
    return np.asarray((1 - series.values) * layers)


def _condition(covariance: Floats) -> float:
    """Condition of the correlation matrix, so that units do not matter."""
    spread = np.sqrt(np.diag(covariance))
    if not np.all(np.isfinite(spread) & (spread > 0)):
        return math.inf
    return float(np.linalg.cond(covariance / np.outer(spread, spread)))


def _aicc(rest: float, n: int, k: int) -> float:
    """Burnham & Anderson (2002), equation 2.4; infinite where the sample cannot carry k."""
    if n - k - 1 < 1:
        return math.inf
    return n * math.log(max(rest, 1e-24) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
