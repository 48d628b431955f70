"""How large a difference is, in units of how much donors differ in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

__all__ = ["Effect", "hedges_g"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Hedges' g of paired differences, with the noncentral t's interval."""

    g: float
    low: float
    high: float
    confidence: float


def hedges_g(differences: Sequence[float], confidence: float = 0.95) -> Effect | None:
    """Mean paired difference over the differences' standard deviation, bias taken out.

    Returns
    -------
    Effect or None
        None for fewer than two differences or without spread.

    Notes
    -----
    Hedges (1981), J Educ Stat 6:107: g = J d with J = gamma(f/2) / (sqrt(f/2) gamma((f-1)/2)) and
    f = n - 1. The interval inverts the noncentral t distribution of d sqrt(n) (Steiger and
    Fouladi 1997) and is scaled by J as well.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    sd = math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (n - 1))
    if sd < 1e-12 * max(1.0, abs(mean)):
        return None
    free = n - 1
    shrink = math.exp(special.gammaln(free / 2) - special.gammaln((free - 1) / 2)) / math.sqrt(
        free / 2
    ) if free > 1 else 0.0  # fmt: skip
    t, tail = mean / sd * math.sqrt(n), (1 - confidence) / 2
    low, high = (
        float(special.nctdtrinc(free, share, t)) / math.sqrt(n) for share in (1 - tail, tail)
    )
    return Effect(shrink * mean / sd, shrink * low, shrink * high, confidence)
