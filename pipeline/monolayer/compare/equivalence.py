"""Equivalence by two one-sided tests: that nothing differs by more than the margin.

That a difference is *not significant* says nothing: few donors find nothing significant. TOST
turns it round, and calls equivalent only what is shown to lie within the margin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from monolayer.errors import InputError

__all__ = ["Tost", "tost", "tost_paired"]


@dataclass(frozen=True, slots=True)
class Tost:
    """Two one-sided t tests of paired differences.

    Attributes
    ----------
    n : int
        Pairs: donors.
    mean, sd : float
        Of the differences, on their own scale.
    margin_low, margin_high : float
        On that scale.
    t_low, p_low, t_high, p_high : float
        Of the tests against either margin.
    p : float
        The larger of both.
    ci_low, ci_high : float
        The 1 - 2 alpha interval of the mean.
    equivalent : bool
        Whether p is below alpha, which is the interval lying within the margins.
    """

    n: int
    mean: float
    sd: float
    margin_low: float
    margin_high: float
    t_low: float
    p_low: float
    t_high: float
    p_high: float
    p: float
    ci_low: float
    ci_high: float
    equivalent: bool


def tost(
    n: int, mean: float, sd: float, margin_low: float, margin_high: float, alpha: float = 0.05
) -> Tost:
    """TOST from the differences' number, mean and standard deviation.

    Raises
    ------
    InputError
        Fewer than two pairs, or differences that are all the same: nothing says how they vary.

    Notes
    -----
    Schuirmann (1987), J Pharmacokinet Biopharm 15:657.
    """
    if n < 2:
        raise InputError(f"{n} donor: without a second one nothing says how donors vary.")
    if not sd > 0:
        raise InputError(f"all {n} differences are {mean:g}: they have no spread to test by.")
    error = sd / math.sqrt(n)
    t_low, t_high = (mean - margin_low) / error, (mean - margin_high) / error
    p_low, p_high = float(special.stdtr(n - 1, -t_low)), float(special.stdtr(n - 1, t_high))
    reach = float(special.stdtrit(n - 1, 1 - alpha)) * error
    p = max(p_low, p_high)
    return Tost(
        n, mean, sd, margin_low, margin_high, t_low, p_low, t_high, p_high, p,
        mean - reach, mean + reach, p < alpha,
    )  # fmt: skip


def tost_paired(
    differences: Sequence[float], margin_low: float, margin_high: float, alpha: float = 0.05
) -> Tost:
    """TOST of paired differences, one a donor.

    Raises
    ------
    InputError
        Fewer than two donors.
    """
    n = len(differences)
    if n < 2:
        raise InputError(f"{n} donor: without a second one nothing says how donors vary.")
    mean = math.fsum(differences) / n
    sd = math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (n - 1))
    # Rounding leaves a spread of 1e-17 where all differences are the same.
    spread = 0.0 if sd < 1e-12 * max(1.0, abs(mean)) else sd
    return tost(n, mean, spread, margin_low, margin_high, alpha)
