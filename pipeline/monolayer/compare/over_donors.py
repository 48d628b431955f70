"""A figure that every donor has: its mean, and Student's t over donors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy import special

__all__ = ["OverDonors", "over_donors"]


@dataclass(frozen=True, slots=True)
class OverDonors:
    """Mean of one value a donor.

    Attributes
    ----------
    mean : float
        Over donors.
    low, high : float or None
        Confidence interval of the mean; None where donors do not differ at all.
    one_low, one_high : float or None
        Prediction interval of one further donor.
    p : float or None
        Of the mean being 0, two-sided.
    n : int
        Donors.
    """

    mean: float
    low: float | None
    high: float | None
    one_low: float | None
    one_high: float | None
    p: float | None
    n: int


def over_donors(values: Iterable[float], confidence: float) -> OverDonors:
    """Mean, interval, and a further donor's interval of two values or more."""
    given = [float(each) for each in values]
    n = len(given)
    mean = math.fsum(given) / n
    sd = math.sqrt(math.fsum((each - mean) ** 2 for each in given) / (n - 1))
    # Rounding leaves a spread of 1e-16 where all donors have the same.
    if sd < 1e-12 * max(1.0, abs(mean)):
        return OverDonors(mean, None, None, None, None, None, n)
    reach = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * sd
    error, one = reach / math.sqrt(n), reach * math.sqrt(1 + 1 / n)
    p = 2 * float(special.stdtr(n - 1, -abs(mean) * math.sqrt(n) / sd))
    return OverDonors(mean, mean - error, mean + error, mean - one, mean + one, p, n)
