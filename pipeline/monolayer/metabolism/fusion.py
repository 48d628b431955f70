"""Cell numbers of several sources joined by inverse variance, or refused where they disagree.

A joined number is better than its parts only if they measure the same thing. So the parts are
tested first (Cochran's Q against chi-square), and what fails the test has no joined number at
all: an average of a right and a wrong one is wrong with a small error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special

from monolayer.errors import InputError

__all__ = ["Estimate", "Fused", "detectable_difference", "fuse"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One source's number.

    Attributes
    ----------
    source : str
        ``image``, ``metabolism``, ``capacitance``.
    value, se : float
        Above 0, with the standard error in the same unit.
    """

    source: str
    value: float
    se: float

    def __post_init__(self) -> None:
        """Refuse what has no logarithm or claims to be exact."""
        for name, number in (("value", self.value), ("se", self.se)):
            if not (math.isfinite(number) and number > 0):
                raise InputError(f"{self.source}: {name} {number:g} must be above 0.")


@dataclass(frozen=True, slots=True)
class Fused:
    """What several sources say together.

    Attributes
    ----------
    value, se, low, high : float or None
        The joined number, its standard error and interval; None where the sources disagree.
    chi2, freedom : float and int
        Distance of the sources from one another.
    limit, p : float or None
        What chi2 must not exceed, and its probability; None for a single source.
    consistent : bool or None
        Whether they may be joined; None: a single source, nothing was tested.
    sources : tuple of str
        Whose they are, in order.
    weights : tuple of float
        Of each, together 1.
    reason : str
        In words.
    """

    value: float | None
    se: float | None
    low: float | None
    high: float | None
    chi2: float
    freedom: int
    limit: float | None
    p: float | None
    consistent: bool | None
    sources: tuple[str, ...]
    weights: tuple[float, ...]
    reason: str


def fuse(
    estimates: Sequence[Estimate],
    confidence: float = 0.95,
    scale: Literal["log", "linear"] = "log",
) -> Fused:
    """Join estimates of one number by inverse variance, where they agree.

    Parameters
    ----------
    estimates : sequence of Estimate
        Independent of one another; one a source.
    confidence : float
        Of the interval and of the test.
    scale : {'log', 'linear'}
        Where errors are even: of ln N (a constant coefficient of variation), or of N.

    Raises
    ------
    InputError
        No estimate, or a source twice.
    """
    sources = tuple(each.source for each in estimates)
    if not sources or len(set(sources)) < len(sources):
        raise InputError(f"sources {', '.join(sources) or 'none'}: give each once, one at least.")
    points = [_on_scale(each, scale) for each in estimates]
    shares = [1 / u**2 for _, u in points]
    total = math.fsum(shares)
    mean = math.fsum(w * x for (x, _), w in zip(points, shares, strict=True)) / total
    chi2 = math.fsum(((x - mean) / u) ** 2 for x, u in points)
    freedom = len(points) - 1
    limit = float(special.chdtri(freedom, 1 - confidence)) if freedom else None
    p = float(special.chdtrc(freedom, chi2)) if freedom else None
    agree = None if limit is None else chi2 <= limit
    weights = tuple(w / total for w in shares)
    head = (chi2, freedom, limit, p, agree, sources, weights)
    if agree is False:
        return Fused(None, None, None, None, *head, _disagreement(estimates, chi2, limit))
    error = 1 / math.sqrt(total)
    reach = error * float(special.ndtri((1 + confidence) / 2))
    value, low, high = (_back(x, scale) for x in (mean, mean - reach, mean + reach))
    se = value * error if scale == "log" else error
    said = "one source, nothing to test" if agree is None else "the sources agree"
    return Fused(value, se, low, high, *head, said)


def detectable_difference(
    se_of_difference: float, power: float = 0.95, confidence: float = 0.95
) -> float:
    """Difference of two sources that the test refuses with that probability.

    ``(z of the test + z of the power) x standard error``: 3.60 standard errors for 95 % and 95 %.
    The other tail, which adds less than 1e-7 there, is left out.
    """
    tested = float(special.ndtri((1 + confidence) / 2))
    return (tested + float(special.ndtri(power))) * se_of_difference


def _on_scale(each: Estimate, scale: str) -> tuple[float, float]:
    if scale == "log":
        return math.log(each.value), each.se / each.value
    return each.value, each.se


def _back(x: float, scale: str) -> float:
    return math.exp(x) if scale == "log" else x


def _disagreement(estimates: Sequence[Estimate], chi2: float, limit: float | None) -> str:
    said = ", ".join(f"{each.source} {each.value:.4g} ± {each.se:.2g}" for each in estimates)
    return f"the sources disagree (chi2 {chi2:.2f} above {limit:.2f}): {said}; not joined"
