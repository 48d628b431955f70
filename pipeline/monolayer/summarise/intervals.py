"""Intervals of counts, proportions and means, each with the name of its method.

An interval that cannot be had is never a number: ``low`` and ``high`` are None and the method
says why (``none: one field``). The special functions of scipy are used rather than its
``stats`` package, which costs a second to import.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = [
    "Interval",
    "clopper_pearson_interval",
    "mean_and_sd",
    "no_interval",
    "poisson_interval",
    "t_interval",
    "weighted_poisson_interval",
    "wilson_interval",
]

Side = Literal["two-sided", "lower"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes
    ----------
    low, high : float or None
        Limits in the unit of the estimate; both None where there is no interval. A one-sided
        lower interval has the largest possible value (1 or infinity) as ``high``.
    method : str
        Name of the method, or ``none:`` and the reason.
    confidence : float
        Nominal coverage.
    """

    low: float | None
    high: float | None
    method: str
    confidence: float

    def scaled(self, factor: float) -> "Interval":
        """Return the interval of the estimate times `factor` (> 0)."""
        if self.low is None or self.high is None:
            return self
        return Interval(self.low * factor, self.high * factor, self.method, self.confidence)

    def clipped(self, low: float, high: float) -> "Interval":
        """Return the part between `low` and `high`, the values that the truth can take."""
        if self.low is None or self.high is None:
            return self
        low_cut, high_cut = min(max(self.low, low), high), min(max(self.high, low), high)
        return Interval(low_cut, high_cut, self.method, self.confidence)

    def renamed(self, method: str) -> "Interval":
        """Return the interval under another method's name."""
        return Interval(self.low, self.high, method, self.confidence)


def no_interval(reason: str, confidence: float) -> Interval:
    """Return the interval that is not there, with its reason."""
    return Interval(None, None, f"none: {reason}", confidence)


def poisson_interval(count: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a Poisson mean of which `count` events were seen.

    Parameters
    ----------
    count : int
        Events, 0 or more; 0 gives [0, 3.69] at 95 %.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `count` is negative.

    Notes
    -----
    [chi2(a/2, 2n)/2, chi2(1-a/2, 2n+2)/2]: Garwood (1936), Biometrika 28:437. Valid only for
    counts whose dispersion index is about 1, see `dispersion_test`.
    """
    if count < 0:
        raise ValueError(f"count {count} is negative: give the number of events")
    return Interval(*_gamma_limits(count, count, 1.0, confidence), "Garwood", confidence)


def weighted_poisson_interval(weights: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of the mean of ``sum(weights)`` over events that come as Poisson.

    Parameters
    ----------
    weights : array_like of float
        Weight of each event seen; events of weight 0 count for nothing.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a weight is negative, infinite or NaN.

    Notes
    -----
    The sum of independent Poisson events with weights w has the variance sum(w^2), hence the
    gamma interval of Fay & Feuer (1997), Statistics in Medicine 16:791. With all weights 1, and
    without any event, it is Garwood's interval exactly; it covers at least as often as it says.
    """
    weighed = np.asarray(weights, dtype=np.float64)
    if not np.all(np.isfinite(weighed)) or np.any(weighed < 0):
        raise ValueError("a weight is negative or not finite: weights are 1/p of an object, or 0")
    total, variance = math.fsum(weighed), math.fsum(weighed**2)
    largest = float(weighed.max(initial=0.0)) or 1.0
    limits = _gamma_limits(total, variance, largest, confidence)
    return Interval(*limits, "Fay-Feuer", confidence)


def _gamma_limits(
    total: float, variance: float, step: float, confidence: float
) -> tuple[float, float]:
    """Gamma quantiles of mean and variance (total, variance), the upper after one more event."""
    tail = _tail(confidence)
    low = 0.0
    if total > 0:
        low = variance / total * float(special.gammaincinv(total**2 / variance, tail))
    more, spread = total + step, variance + step**2
    high = spread / more * float(special.gammainccinv(more**2 / spread, tail))
    return low, high


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion, the one to show.

    Parameters
    ----------
    successes, trials : int
        0 <= successes <= trials; no trials, no interval.
    confidence : float
        Between 0 and 1.

    Notes
    -----
    Wilson (1927), J. Am. Stat. Assoc. 22:209, without continuity correction.
    """
    _check_trials(successes, trials)
    if trials == 0:
        return no_interval("no trials", confidence)
    z = float(special.ndtri(1 - _tail(confidence)))
    share = successes / trials
    shrink = 1 + z**2 / trials
    middle = (share + z**2 / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == trials else middle + half
    return Interval(low, high, "Wilson", confidence)


def clopper_pearson_interval(
    successes: int, trials: int, confidence: float = 0.95, side: Side = "two-sided"
) -> Interval:
    """Return the exact binomial interval; one-sided ``lower`` is the one to accept a lot by.

    Parameters
    ----------
    successes, trials : int
        0 <= successes <= trials; no trials, no interval.
    confidence : float
        Between 0 and 1.
    side : {'two-sided', 'lower'}
        ``lower`` spends all the doubt below and gives 1 as the upper limit.

    Notes
    -----
    Clopper & Pearson (1934), Biometrika 26:404.
    """
    _check_trials(successes, trials)
    if trials == 0:
        return no_interval("no trials", confidence)
    tail = _tail(confidence, side)
    low, high = 0.0, 1.0
    if successes > 0:
        low = float(special.betaincinv(successes, trials - successes + 1, tail))
    if successes < trials and side == "two-sided":
        high = float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    return Interval(low, high, _sided("Clopper-Pearson", side), confidence)


def t_interval(
    values: Sequence[float] | NDArray[Any], confidence: float = 0.95, side: Side = "two-sided"
) -> Interval:
    """Return Student's interval of the mean of independent values.

    Parameters
    ----------
    values : sequence of float
        One value a unit (field, well, vessel); finite. Fewer than two give no interval.
    confidence : float
        Between 0 and 1.
    side : {'two-sided', 'lower'}
        ``lower`` spends all the doubt below and gives infinity as the upper limit.

    Notes
    -----
    Student (1908), Biometrika 6:1. Equal values give an interval of no width, which is seldom
    honest for counts: the caller decides what to do then.
    """
    mean, sd = mean_and_sd(values)
    if mean is None or sd is None:
        reason = "no values" if mean is None else "one value has no spread"
        return no_interval(reason, confidence)
    quantile = -float(special.stdtrit(len(values) - 1, _tail(confidence, side)))
    half = quantile * sd / math.sqrt(len(values))
    high = mean + half if side == "two-sided" else math.inf
    return Interval(mean - half, high, _sided("t", side), confidence)


def mean_and_sd(values: Sequence[float] | NDArray[Any]) -> tuple[float | None, float | None]:
    """Return mean and sample standard deviation, None where there are too few values.

    The sums are exactly rounded, so the order of the values does not matter to the last bit.
    """
    if len(values) == 0:
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1))


def _tail(confidence: float, side: Side = "two-sided") -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, such as 0.95")
    return (1 - confidence) / (2 if side == "two-sided" else 1)


def _sided(method: str, side: Side) -> str:
    return method if side == "two-sided" else f"{method}, one-sided {side}"


def _check_trials(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion: give 0 <= successes <= trials")
