"""Figures of a population of shapes: shares, skew, orientation order, nearest neighbours.

Each takes weights, so that what the border took away is made up for: see `fields`. Sums are
exactly rounded, so the order of the objects does not matter to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monolayer.summarise.distributions import weighted_mean_and_sd, weighted_quantiles
from monolayer.summarise.intervals import Interval, no_interval

__all__ = [
    "ClarkEvans",
    "OrientationOrder",
    "clark_evans",
    "describe_shape",
    "median_interval",
    "neighbour_weights",
    "orientation_order",
    "quantile_names",
    "ratio_interval",
    "weighted_share",
    "weighted_skew",
]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OrientationOrder:
    """How much axes share one direction.

    Attributes
    ----------
    order : float or None
        S = <cos 2(theta - mean direction)>: 1 where all lie in parallel, 0 where every direction
        is as common; of n random ones about 0.9 / sqrt(n).
    direction : float or None
        The mean direction in radians, -pi/2 to pi/2, as the angles were counted.
    n : int
        Axes.
    p : float or None
        Chance of such an order, or a higher one, from random directions (Rayleigh's test of the
        doubled angles), with Kish's effective number for unequal weights.
    """

    order: float | None
    direction: float | None
    n: int
    p: float | None


@dataclass(frozen=True, slots=True)
class ClarkEvans:
    """Mean distance to the nearest neighbour against that of points at random.

    Attributes
    ----------
    ratio : float or None
        1 at random, below for clusters, above (to 2.149) for regular patterns.
    z : float or None
        Its distance from 1 in standard errors of points at random.
    """

    ratio: float | None
    z: float | None


def weighted_share(chosen: NDArray[np.bool_], weights: Float64) -> float | None:
    """Share of the weight that lies on the chosen objects; None without any weight."""
    total = math.fsum(weights)
    return math.fsum(weights[chosen]) / total if total > 0 else None


def weighted_skew(values: Float64, weights: Float64) -> float | None:
    """Third standardised moment (Fisher-Pearson g1, population form) of weighted values.

    None for fewer than three values, and for values without spread.
    """
    if len(values) < 3 or len(set(values.tolist())) < 2:
        return None
    total = math.fsum(weights)
    away = values - math.fsum(weights * values) / total
    second = math.fsum(weights * away**2) / total
    third = math.fsum(weights * away**3) / total
    return third / (second * math.sqrt(second))


def quantile_names(quantiles: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """The quantiles and the median, rising, with their columns' suffixes (``q50``)."""
    wanted = sorted({*quantiles, 0.5})
    return tuple((quantile, f"q{round(quantile * 100):02d}") for quantile in wanted)


def describe_shape(
    name: str, values: NDArray[Any], weights: NDArray[Any], quantiles: Sequence[float]
) -> dict[str, float | None]:
    """Mean, SD, skew and quantiles of one measure over objects.

    Parameters
    ----------
    name : str
        Prefix of the columns.
    values : ndarray, shape (n,)
        NaN where unknown.
    weights : ndarray, shape (n,)
        0 leaves an object out.
    quantiles : sequence of float
        Rising; the median is always added.
    """
    seen = (weights > 0) & np.isfinite(values)
    known, weighed = np.asarray(values[seen], np.float64), np.asarray(weights[seen], np.float64)
    mean, sd = weighted_mean_and_sd(known, weighed)
    named = quantile_names(quantiles)
    found = weighted_quantiles(known, weighed, [quantile for quantile, _ in named])
    return {
        f"{name}_mean": mean,
        f"{name}_sd": sd,
        f"{name}_skew": weighted_skew(known, weighed),
        **{f"{name}_{suffix}": value for (_, suffix), value in zip(named, found, strict=True)},
    }


def orientation_order(angles: NDArray[Any], weights: NDArray[Any]) -> OrientationOrder:
    """Nematic order of axes in the plane.

    Parameters
    ----------
    angles : ndarray of float64, shape (n,)
        Radians; an axis and its opposite are the same.
    weights : ndarray of float64, shape (n,)
        0 leaves an axis out.

    Notes
    -----
    The mean direction is the one that makes S largest, so S is the length of the mean of
    exp(2 i theta): de Gennes & Prost (1993), The Physics of Liquid Crystals, in two dimensions.
    """
    seen = weights > 0
    turned, weighed = 2 * angles[seen], weights[seen]
    n = int(np.count_nonzero(seen))
    if n == 0:
        return OrientationOrder(None, None, 0, None)
    total = math.fsum(weighed)
    x = math.fsum(weighed * np.cos(turned)) / total
    y = math.fsum(weighed * np.sin(turned)) / total
    order = min(1.0, math.hypot(x, y))
    effective = total * total / math.fsum(weighed**2)
    p = _rayleigh(effective, order) if n > 1 else None
    return OrientationOrder(order, math.atan2(y, x) / 2 if order > 0 else None, n, p)


def _rayleigh(n: float, length: float) -> float:
    """Upper tail of Rayleigh's test: Wilkie (1983), Applied Statistics 32:311."""
    r = n * length
    return min(1.0, math.exp(math.sqrt(1 + 4 * n + 4 * (n * n - r * r)) - (1 + 2 * n)))


def clark_evans(distances: NDArray[Any], area: float, perimeter: float) -> ClarkEvans:
    """Clark and Evans's ratio with Donnelly's correction for the border.

    Parameters
    ----------
    distances : ndarray of float64, shape (n,)
        From each point to the nearest other one; all points of the field.
    area, perimeter : float
        Of the rectangular field, in the distances' unit and its square.

    Returns
    -------
    ClarkEvans
        Nones for fewer than seven points, for which the correction was not made.

    Notes
    -----
    Expected mean 0.5 sqrt(A/n) + (0.0514 + 0.041/sqrt(n)) P/n, variance
    0.070 A/n^2 + 0.037 P sqrt(A/n^5): Donnelly (1978), in Simulation Methods in Archaeology. The
    centre of a nucleus that the border cuts is moved inwards, which makes the ratio about 0.02
    too large (30 nuclei a field, 40 px wide in 1000 px).
    """
    n = len(distances)
    if n < 7:
        return ClarkEvans(None, None)
    mean = math.fsum(distances) / n
    expected = 0.5 * math.sqrt(area / n) + (0.0514 + 0.041 / math.sqrt(n)) * perimeter / n
    variance = 0.070 * area / n**2 + 0.037 * perimeter * math.sqrt(area / n**5)
    return ClarkEvans(mean / expected, (mean - expected) / math.sqrt(variance))


def neighbour_weights(
    distances: NDArray[Any], y: NDArray[Any], x: NDArray[Any], shape: tuple[int, int]
) -> Float64:
    """Weights that free a distribution of nearest distances of the border's influence.

    A point whose nearest neighbour is farther than the border may have a nearer one outside, and
    weighs 0; any other weighs 1 / p, p being the share of the field in which a point with that
    distance would be kept (Hanisch 1984, Math. Operationsforsch. Stat. 15:409).

    Parameters
    ----------
    distances, y, x : ndarray of float64, shape (n,)
        Nearest distance and position of each point, pixels.
    shape : (int, int)
        Height and width of the field.
    """
    height, width = shape
    border = np.minimum.reduce([y + 0.5, x + 0.5, height - 0.5 - y, width - 0.5 - x])
    kept = np.isfinite(distances) & (distances <= border)
    inner = np.where(kept, (height - 2 * distances) * (width - 2 * distances), np.inf)
    # A distance of half the field would leave a field of no area to have been kept in.
    weights: Float64 = np.where(inner > 0, height * width / np.where(inner > 0, inner, 1.0), 0.0)
    return np.where(kept, weights, 0.0)


def ratio_interval(parts: Sequence[float], wholes: Sequence[float], confidence: float) -> Interval:
    """Interval of sum(parts) / sum(wholes), the units being fields.

    Parameters
    ----------
    parts, wholes : sequence of float
        One value a field, ``wholes`` above 0.
    confidence : float
        Between 0 and 1.

    Notes
    -----
    Linearised variance n / (n - 1) sum (part - ratio whole)^2 / sum(wholes)^2 with Student's t:
    Cochran (1977), Sampling Techniques, 3rd ed., 6.5. Cut to 0 and 1.
    """
    n = len(parts)
    if n < 2:
        return no_interval("one field" if n else "unknown", confidence)
    half = _half_width(parts, wholes, confidence)
    if half == 0:
        return no_interval("fields without spread", confidence)
    ratio = math.fsum(parts) / math.fsum(wholes)
    found = Interval(ratio - half, ratio + half, "t between fields, ratio of sums", confidence)
    return found.clipped(0.0, 1.0)


def _half_width(parts: Sequence[float], wholes: Sequence[float], confidence: float) -> float:
    n, total = len(parts), math.fsum(wholes)
    ratio = math.fsum(parts) / total
    away = [(part - ratio * whole) ** 2 for part, whole in zip(parts, wholes, strict=True)]
    error = math.sqrt(n / (n - 1) * math.fsum(away)) / total
    return -float(special.stdtrit(n - 1, (1 - confidence) / 2)) * error


def median_interval(
    values: NDArray[Any], weights: NDArray[Any], fields: NDArray[np.int64], confidence: float
) -> Interval:
    """Interval of the median of objects that come in fields.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
        NaN where unknown; a weight of 0 leaves an object out.
    fields : ndarray of int64, shape (n,)
        Number of each object's field.
    confidence : float
        Between 0 and 1.

    Notes
    -----
    The share of objects at or below the median has an interval between fields (`ratio_interval`);
    the quantiles at its ends are the median's: Woodruff (1952), J. Am. Stat. Assoc. 47:635. No
    shape of the distribution is assumed.
    """
    seen = (weights > 0) & np.isfinite(values)
    known, weighed, owners = values[seen], weights[seen], fields[seen]
    present = np.unique(owners)
    if len(present) < 2:
        return no_interval("one field" if len(present) else "unknown", confidence)
    (median,) = weighted_quantiles(known, weighed, (0.5,))
    wholes = [math.fsum(weighed[owners == owner]) for owner in present]
    below = known <= median
    parts = [math.fsum(weighed[below & (owners == owner)]) for owner in present]
    half = min(_half_width(parts, wholes, confidence), 0.5)
    low, high = weighted_quantiles(known, weighed, (0.5 - half, 0.5 + half))
    return Interval(low, high, "Woodruff between fields", confidence)
