"""Proportionality of a dilution series: whether half the cells count as half.

ISO 20391-2 judges a counting method without a reference by how far its counts leave the line
through the origin. Two models are fitted, the line and a polynomial that may bend; what is left
between the two *models* is want of proportionality, freed from the scatter of single counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Proportionality", "proportionality"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proportionality:
    """How proportional counts are to the dilution fraction; lower indices are better.

    Attributes
    ----------
    slope : float
        Concentration of the undiluted sample by the proportional model.
    pi_ss_scaled, pi_sa_scaled : float
        Sum over samples of the squared, and of the absolute, difference between the models over
        the proportional value. Sums: compare only methods run on the same design.
    pi_ss, pi_sa : float
        The same over the proportional value of the smallest fraction.
    r2_uncentred : float
        Of the weighted fit without intercept: 1 - sum(w r^2) / sum(w y^2).
    r2_centred : float or None
        1 - sum(r^2) / sum((y - mean)^2), another number; None where all values are equal.
    degree : int
        Of the polynomial.
    """

    slope: float
    pi_ss_scaled: float
    pi_sa_scaled: float
    pi_ss: float
    pi_sa: float
    r2_uncentred: float
    r2_centred: float | None
    degree: int


def proportionality(
    fractions: Sequence[float],
    concentrations: Sequence[float],
    observations: Sequence[int] | None = None,
    degree: int | None = None,
) -> Proportionality:
    """Judge a dilution series.

    Parameters
    ----------
    fractions : sequence of float
        Dilution fraction of each sample, above 0 (1 is undiluted).
    concentrations : sequence of float
        Mean over each sample's observations, 0 or more, in any unit of concentration.
    observations : sequence of int, optional
        Observations of each sample; equal numbers if left out.
    degree : int, optional
        Of the polynomial: the number of *target* fractions less one. Give it where `fractions`
        were measured and differ from sample to sample; counted from `fractions` if left out.

    Raises
    ------
    ValueError
        Lengths differ, a value is impossible, or there is only one fraction.

    Notes
    -----
    ISO 20391-2:2019 as NIST's COMET computes it: the proportional model has the weights n/x, so
    that its variance grows with the mean; the polynomial has 1/x.
    """
    counted = [1] * len(fractions) if observations is None else list(observations)
    x, y, n = _checked(fractions, concentrations, counted)
    chosen = len(set(x.tolist())) - 1 if degree is None else degree
    if not 1 <= chosen < len(x):
        raise ValueError(f"degree {chosen} of {len(x)} samples: give two fractions or more")
    slope = math.fsum(n * y) / math.fsum(n * x)
    if slope == 0:
        raise ValueError("every concentration is 0: nothing is proportional to nothing")
    line = slope * x
    off = _polynomial(x, y, chosen) - line
    left = y - line
    mean = math.fsum(y) / len(y)
    scatter = math.fsum((y - mean) ** 2)
    first = line[np.argmin(x)]
    return Proportionality(
        slope=slope,
        pi_ss_scaled=math.fsum((off / line) ** 2),
        pi_sa_scaled=math.fsum(np.abs(off / line)),
        pi_ss=math.fsum((off / first) ** 2),
        pi_sa=math.fsum(np.abs(off / first)),
        r2_uncentred=1 - math.fsum(n / x * left**2) / math.fsum(n / x * y**2),
        r2_centred=1 - math.fsum(left**2) / scatter if scatter else None,
        degree=chosen,
    )


def _polynomial(x: Float64, y: Float64, degree: int) -> Float64:
    """Fitted values of the polynomial, weights 1/x."""
    weight = np.sqrt(1 / x)
    terms = np.vander(x / x.max(), degree + 1)
    found = np.linalg.lstsq(terms * weight[:, np.newaxis], y * weight, rcond=None)[0]
    fitted: Float64 = np.asarray(terms @ found, np.float64)
    return fitted


def _checked(
    fractions: Sequence[float], concentrations: Sequence[float], observations: Sequence[int]
) -> tuple[Float64, Float64, Float64]:
    lengths = {len(fractions), len(concentrations), len(observations)}
    if len(lengths) > 1:
        raise ValueError(
            f"{len(fractions)} fractions, {len(concentrations)} concentrations and "
            f"{len(observations)} numbers of observations: give one of each a sample"
        )
    for name, values, least in (
        ("fraction", fractions, math.nextafter(0, 1)),
        ("concentration", concentrations, 0.0),
        ("number of observations", observations, 1),
    ):
        for value in values:
            if not (math.isfinite(value) and value >= least):
                raise ValueError(f"{name} {value} is impossible")
    given = (fractions, concentrations, observations)
    x, y, n = (np.array(values, np.float64) for values in given)
    return x, y, n
