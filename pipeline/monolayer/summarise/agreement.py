"""Agreement of two methods over many wells: bias and limits, after Bland and Altman.

One well's joint interval is wide; a method that misses one cell in ten hides in it. Over many
wells the same difference comes back each time, and shows as a bias.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from monolayer.summarise.intervals import Interval, mean_and_sd, t_interval

__all__ = ["Agreement", "bland_altman"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What paired differences say of two methods.

    Attributes
    ----------
    n : int
        Pairs.
    bias : float or None
        Mean difference.
    sd : float or None
        Standard deviation of the differences; None for fewer than two.
    interval : Interval
        Of the bias: Student's t between pairs.
    low, high : float or None
        Limits of agreement: that share of single differences lies between them, if normal.
    """

    n: int
    bias: float | None
    sd: float | None
    interval: Interval
    low: float | None
    high: float | None


def bland_altman(differences: Sequence[float], confidence: float = 0.95) -> Agreement:
    """Return bias and limits of agreement of paired differences.

    Parameters
    ----------
    differences : sequence of float
        One a pair (well, sample), all in one unit; finite.
    confidence : float
        Of the bias's interval, and the share that the limits hold: 0.95 gives +-1.96 SD.

    Raises
    ------
    ValueError
        A difference that is not finite.

    Notes
    -----
    Bland and Altman (1986), Lancet 327:307.
    """
    bias, sd = mean_and_sd(differences)
    interval = t_interval(differences, confidence)
    if bias is None or sd is None:
        return Agreement(len(differences), bias, sd, interval, None, None)
    reach = float(special.ndtri((1 + confidence) / 2)) * sd
    if not math.isfinite(reach):
        raise ValueError("a difference is not finite: leave out wells without both values")
    return Agreement(len(differences), bias, sd, interval, bias - reach, bias + reach)
