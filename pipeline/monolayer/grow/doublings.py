"""Doublings, fold, doubling time and rate from counts: arithmetic with its guards.

Rates are per hour, times in hours, and a loss of cells is reported as negative doublings and
never cut to zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

__all__ = [
    "GrowthRate",
    "attachment_efficiency",
    "cumulative_doublings",
    "doubling_time_h",
    "fold_expansion",
    "log_linear_rate",
    "population_doublings",
    "rate_of_passage",
]

LN2 = math.log(2)


@dataclass(frozen=True, slots=True)
class GrowthRate:
    """A specific growth rate and what is known of it.

    Attributes
    ----------
    rate_per_h : float
        Slope of ln N in time.
    se_per_h : float or None
        Its standard error; None where two points leave none.
    confidence_low_per_h, confidence_high_per_h : float or None
        Student's interval of the slope.
    ln_start : float
        ln N at time 0 of the line.
    r2 : float or None
        Share of the spread of ln N that the line explains.
    n : int
        Points.
    """

    rate_per_h: float
    se_per_h: float | None
    confidence_low_per_h: float | None
    confidence_high_per_h: float | None
    ln_start: float
    r2: float | None
    n: int

    @property
    def doubling_time_h(self) -> float | None:
        """Natural log of 2 over the rate; None where nothing grows."""
        return doubling_time_h(self.rate_per_h)

    @property
    def doubling_time_interval_h(self) -> tuple[float | None, float | None]:
        """Interval of the doubling time; an open end (no growth is possible) is None."""
        return doubling_time_h(self.confidence_high_per_h), doubling_time_h(
            self.confidence_low_per_h
        )


def population_doublings(seeded: float, harvested: float) -> float:
    """``log2(harvested / seeded)`` of viable cells; below 0 where cells were lost.

    Raises
    ------
    ValueError
        A number that is not above 0.
    """
    return math.log2(fold_expansion(seeded, harvested))


def fold_expansion(seeded: float, harvested: float) -> float:
    """Viable cells harvested over viable cells seeded."""
    return _positive("cells harvested", harvested) / _positive("cells seeded", seeded)


def cumulative_doublings(
    bank: float, passages: Sequence[tuple[float, float]], attached_share: float = 1.0
) -> float:
    """Population doubling level: that of the bank and all passages since.

    Parameters
    ----------
    bank : float
        Level of the thawed bank, 0 or more.
    passages : sequence of (float, float)
        Cells seeded and harvested, passage by passage.
    attached_share : float
        Share of the seeded cells that attached (0 to 1]; 1 is the convention of batch records.

    Raises
    ------
    ValueError
        A level below 0, or a share that is none.
    """
    if not bank >= 0:
        raise ValueError(f"the bank's level {bank} is below 0: give the doublings it has had")
    if not 0 < attached_share <= 1:
        raise ValueError(f"attached share {attached_share} must be above 0 and at most 1")
    return bank + math.fsum(population_doublings(s * attached_share, h) for s, h in passages)


def attachment_efficiency(
    density_cells_per_cm2: float, growth_area_cm2: float, seeded: float
) -> float:
    """Cells that stick after about 24 h over cells seeded (above 1: a count is wrong)."""
    attached = _positive("density", density_cells_per_cm2) * _positive("area", growth_area_cm2)
    return attached / _positive("cells seeded", seeded)


def rate_of_passage(seeded: float, harvested: float, hours: float) -> float:
    """Specific growth rate per hour over a whole passage, its lag included."""
    return population_doublings(seeded, harvested) * LN2 / _positive("hours", hours)


def doubling_time_h(rate_per_h: float | None) -> float | None:
    """``ln 2 / rate`` in hours; None where nothing grows, as no time doubles it then."""
    if rate_per_h is None or rate_per_h <= 0:
        return None
    return LN2 / rate_per_h


def log_linear_rate(
    times_h: Sequence[float], ln_values: Sequence[float], confidence: float = 0.95
) -> GrowthRate:
    """Least-squares slope of ln N in time, with Student's interval.

    Parameters
    ----------
    times_h : sequence of float
        Hours; at least two different ones.
    ln_values : sequence of float
        ln of counts or densities, or the complementary log-log of confluences.
    confidence : float
        Of the interval.

    Raises
    ------
    ValueError
        Unequal numbers, or all points at one time.
    """
    n = len(times_h)
    if n != len(ln_values):
        raise ValueError(f"{n} times and {len(ln_values)} values: give one of each a point")
    if len(set(times_h)) < 2:
        raise ValueError(f"{n} points at one time show no growth: measure at another time as well")
    middle, mean = math.fsum(times_h) / n, math.fsum(ln_values) / n
    spread = math.fsum((t - middle) ** 2 for t in times_h)
    pairs = list(zip(times_h, ln_values, strict=True))
    slope = math.fsum((t - middle) * (y - mean) for t, y in pairs) / spread
    start = mean - slope * middle
    rest = math.fsum((y - start - slope * t) ** 2 for t, y in pairs)
    total = math.fsum((y - mean) ** 2 for y in ln_values)
    r2 = 1 - rest / total if total > 0 else None
    if n == 2:
        return GrowthRate(slope, None, None, None, start, r2, n)
    error = math.sqrt(rest / (n - 2) / spread)
    reach = -float(special.stdtrit(n - 2, (1 - confidence) / 2)) * error
    return GrowthRate(slope, error, slope - reach, slope + reach, start, r2, n)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} {value} must be above 0")
    return value
