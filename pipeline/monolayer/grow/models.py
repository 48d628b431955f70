"""Laws of growth, each as ``ln u`` in time (see `series`), and where a fit of it starts.

Exponential with and without lag, and Baranyi's, are laws of cells and act on ``u``; logistic and
Gompertz are taken on the measured value itself, so that with a plateau of 100 % a confluence
follows the textbook's ``C = K / (1 + (K - C0) / C0 exp(-r t))``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.grow.doublings import log_linear_rate
from monolayer.grow.series import Quantity, ln_u_of
from monolayer.grow.settings import ModelName

__all__ = ["MODELS", "Law", "drawn", "ln_u"]

Floats = NDArray[np.float64]
# The largest share that still has a complementary log-log in double precision.
_FULL = 1 - 1e-12


@dataclass(frozen=True, slots=True)
class Law:
    """A law of growth.

    Attributes
    ----------
    name : str
        As settings name it.
    parameters : tuple of str
        What is fitted, the plateau aside; ``ln_start`` is ln of the value (logistic, Gompertz)
        or ln u (the others) at time 0.
    curve : callable
        ``(parameters, times_h, quantity, plateau) -> ln u``; a plateau of None is none.
    saturates : bool
        Whether there is a plateau at all.
    """

    name: ModelName
    parameters: tuple[str, ...]
    curve: Callable[[Floats, Floats, Quantity, float | None], Floats]
    saturates: bool

    def starts(self, times_h: Floats, ln_values: Floats) -> list[list[float]]:
        """Parameters to start a fit from, the straight line's; one set a lag to try."""
        line = log_linear_rate(list(times_h), list(ln_values))
        rate = max(line.rate_per_h, 1e-4)
        level = float(np.mean(ln_values) - rate * np.mean(times_h))
        if "ln_full" in self.parameters:
            # From just above what was seen, and from far above, where a fit starts as exponential.
            top = float(np.max(ln_values))
            return [[level, 1.3 * rate, top + more] for more in (0.4, 2.0)]
        if "lag_h" not in self.parameters:
            return [[level, rate]]
        first, last = float(times_h[0]), float(times_h[-1])
        lags = [first + share * (last - first) for share in (0.1, 0.35)]
        return [[float(ln_values[0]), 1.3 * rate, lag] for lag in lags]


def ln_u(
    law: Law,
    parameters: Floats,
    times_h: Floats,
    quantity: Quantity,
    plateau: float | None = None,
) -> Floats:
    """A law's curve; one parameter more than its own is ln plateau, and wins over `plateau`."""
    # A search tries parameters that overflow; what comes out is not finite and is passed over.
    with np.errstate(all="ignore"):
        return drawn(law, parameters, times_h, quantity, plateau)


def drawn(
    law: Law, parameters: Floats, times_h: Floats, quantity: Quantity, plateau: float | None
) -> Floats:
    """`ln_u` within the caller's own ``np.errstate``: entering one costs a fit a quarter of it."""
    own = len(law.parameters)
    if len(parameters) > own:
        plateau = np.exp(parameters[own])
    return law.curve(parameters, times_h, quantity, plateau)


def _exponential(p: Floats, t: Floats, *_: object) -> Floats:
    return np.asarray(p[0] + p[1] * t)


def _exponential_lag(p: Floats, t: Floats, *_: object) -> Floats:
    return np.asarray(p[0] + p[1] * np.maximum(0.0, t - p[2]))


def _contact_inhibition(p: Floats, t: Floats, *_: object) -> Floats:
    """Logistic in the number of cells over a point: du/dt = mu u (1 - u / full)."""
    return np.asarray(p[0] + p[1] * t - np.log1p(np.exp(p[0] - p[2]) * np.expm1(p[1] * t)))


def _logistic(p: Floats, t: Floats, quantity: Quantity, plateau: float | None) -> Floats:
    if plateau is None:
        return _of_value(np.exp(p[0] + p[1] * t), quantity)
    below = np.expm1(_depth(p[0], plateau))
    return _of_value(plateau / (1 + below * np.exp(-p[1] * t)), quantity)


def _gompertz(p: Floats, t: Floats, quantity: Quantity, plateau: float | None) -> Floats:
    if plateau is None:
        return _of_value(np.exp(p[0] + p[1] * t), quantity)
    return _of_value(plateau * np.exp(-_depth(p[0], plateau) * np.exp(-p[1] * t)), quantity)


def _baranyi(p: Floats, t: Floats, quantity: Quantity, plateau: float | None) -> Floats:
    """Baranyi & Roberts (1994), Int. J. Food Microbiol. 23:277, with m = 1 and h0 = mu lag."""
    rate = p[1] if abs(p[1]) > 1e-9 else 1e-9
    work = rate * p[2]
    grown = rate * t + np.log(np.exp(-rate * t) + np.exp(-work) - np.exp(-rate * t - work))
    if plateau is None or (quantity == "confluence" and plateau >= 1):
        return np.asarray(p[0] + grown)
    top = float(ln_u_of(quantity, plateau))
    return np.asarray(p[0] + grown - np.log1p(np.expm1(grown) / np.exp(top - p[0])))


def _depth(ln_start: float, plateau: float) -> float:
    """How far, as a logarithm, the start lies below the plateau; it never lies above."""
    return float(np.maximum(np.log(plateau) - ln_start, 1e-12))


def _of_value(values: Floats, quantity: Quantity) -> Floats:
    if quantity == "confluence":
        values = np.minimum(values, _FULL)
    return ln_u_of(quantity, values)


MODELS: dict[ModelName, Law] = {
    law.name: law
    for law in (
        Law("exponential", ("ln_start", "rate_per_h"), _exponential, saturates=False),
        Law("exponential_lag", ("ln_start", "rate_per_h", "lag_h"), _exponential_lag, False),
        Law("logistic", ("ln_start", "rate_per_h"), _logistic, saturates=True),
        Law(
            "contact_inhibition",
            ("ln_start", "rate_per_h", "ln_full"),
            _contact_inhibition,
            saturates=False,
        ),
        Law("gompertz", ("ln_start", "rate_per_h"), _gompertz, saturates=True),
        Law("baranyi", ("ln_start", "rate_per_h", "lag_h"), _baranyi, saturates=True),
    )
}
