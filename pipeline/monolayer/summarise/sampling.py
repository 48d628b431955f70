"""How many fields: the dispersion of counts, and the fields that a wanted precision needs.

CV is the coefficient of variation, SD over mean, as a fraction. The functions give numbers of
fields unrounded, so that they can be chained; `whole_fields` rounds up at the end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from scipy import special

from monolayer.summarise.intervals import mean_and_sd

__all__ = [
    "Dispersion",
    "dispersion_test",
    "fields_for_cv",
    "fields_for_margin",
    "fields_of_poisson",
    "finite_population",
    "two_stage_cv",
    "two_stage_fields",
    "whole_fields",
]


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Test of counts against Poisson.

    Attributes
    ----------
    statistic : float or None
        D = (n-1) s^2 / mean, chi-square with n-1 degrees of freedom for Poisson counts.
    index : float or None
        s^2 / mean: about 1 for Poisson, above for clustered, below for regular counts.
    p : float or None
        Chance of such a D, or a larger one, from Poisson counts.
    """

    statistic: float | None
    index: float | None
    p: float | None


def dispersion_test(counts: Sequence[float] | NDArray[Any]) -> Dispersion:
    """Test whether counts of equal areas scatter more than Poisson counts do.

    Parameters
    ----------
    counts : sequence of int
        Whole, unweighted counts. Fewer than two, or none above 0, leave the answer open: all
        figures are None.

    Notes
    -----
    Fisher (1950), Biometrics 6:17. With few fields the test is weak: silence is no proof.
    """
    mean, sd = mean_and_sd(counts)
    if not mean or sd is None:
        return Dispersion(None, None, None)
    free = len(counts) - 1
    index = sd**2 / mean
    return Dispersion(free * index, index, float(special.chdtrc(free, free * index)))


def fields_for_cv(field_cv: float, target_cv: float) -> float:
    """Return the fields whose mean has the CV `target_cv` when single fields have `field_cv`."""
    return (field_cv / _positive("target_cv", target_cv)) ** 2


def fields_of_poisson(mean_count: float, target_cv: float) -> float:
    """Return the fields whose mean has the CV `target_cv` when counts are Poisson."""
    return 1 / (_positive("target_cv", target_cv) ** 2 * _positive("mean_count", mean_count))


def fields_for_margin(field_cv: float, margin: float, confidence: float = 0.95) -> float:
    """Return the fields whose mean is within +-`margin` (a fraction) at `confidence`.

    Uses the normal quantile: for fewer than about 15 fields the t interval is wider.
    """
    z = float(special.ndtri((1 + confidence) / 2))
    return (z * field_cv / _positive("margin", margin)) ** 2


def finite_population(fields: float, population: float) -> float:
    """Return the fields needed where only `population` fields exist: n0 / (1 + n0/F)."""
    return fields / (1 + fields / _positive("population", population))


def two_stage_cv(vessel_cv: float, field_cv: float, vessels: int, fields: int) -> float:
    """Return the CV of the mean over `vessels` vessels of `fields` fields each."""
    between = vessel_cv**2 / _positive("vessels", vessels)
    return math.sqrt(between + field_cv**2 / (vessels * _positive("fields", fields)))


def two_stage_fields(
    vessel_cv: float, field_cv: float, vessels: int, target_cv: float
) -> float | None:
    """Return the fields a vessel for `target_cv`; None where only more vessels can reach it."""
    left = _positive("target_cv", target_cv) ** 2 * vessels - vessel_cv**2
    return field_cv**2 / left if left > 0 else None


def whole_fields(fields: float) -> int:
    """Round up to whole fields, at least one; 8.0000000001 from rounding errors stays 8."""
    return max(1, math.ceil(fields - 1e-9))


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"{name} {value} must be above 0")
    return value
