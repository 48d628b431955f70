"""Weighted mean, spread and quantiles of what was measured on objects.

Large objects touch the border more often and are lost more often, so every figure is weighted
by the same weight 1/p as the count (Miles & Lantuejoul; Lantuejoul 1980, "On the estimation of
mean values in individual analysis of particles", Microscopica Acta Suppl. 4:207). Sums are
exactly rounded and ties are sorted by weight: the order of the objects does not matter to the
last bit.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.summarise.settings import SummariseSettings

__all__ = ["describe", "measure_names", "weighted_mean_and_sd", "weighted_quantiles"]

SIZES_AND_SHAPES = (
    "area_px",
    "area_um2",
    "equivalent_diameter_area_px",
    "equivalent_diameter_area_um",
    "eccentricity",
    "form_factor",
)


def measure_names(channels: Iterable[str]) -> tuple[str, ...]:
    """Return the object columns that are summarised: sizes, shapes, each channel's intensity."""
    return (*SIZES_AND_SHAPES, *(f"intensity_mean_{channel}" for channel in channels))


def describe(
    columns: Mapping[str, NDArray[Any]], measures: Sequence[str], settings: SummariseSettings
) -> dict[str, float | None]:
    """Return ``<measure>_mean``, ``_sd`` and ``_q..`` of each measure over the objects.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        ``weight`` and the measures; a measure that is absent or NaN throughout gives None.
    measures : sequence of str
        Columns to describe.
    settings : SummariseSettings
        Its quantiles.

    Returns
    -------
    dict of str to float or None
        None where there are no objects to say it of.
    """
    row: dict[str, float | None] = {}
    weights = np.asarray(columns.get("weight", ()), dtype=np.float64)
    # Sorted once for all measures: sorting each by value, then weight, finds half of it done.
    by_weight = np.argsort(weights, kind="stable")
    weights = weights[by_weight]
    for measure in measures:
        given = columns.get(measure, np.full(weights.shape, np.nan))
        values = np.asarray(given, dtype=np.float64)[by_weight]
        seen = (weights > 0) & np.isfinite(values)
        row |= _describe_one(measure, values[seen], weights[seen], settings)
    return row


def _describe_one(
    measure: str,
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    settings: SummariseSettings,
) -> dict[str, float | None]:
    mean, sd = weighted_mean_and_sd(values, weights)
    quantiles = weighted_quantiles(values, weights, settings.quantiles)
    named = zip(settings.quantile_names, quantiles, strict=True)
    return {
        f"{measure}_mean": mean,
        f"{measure}_sd": sd,
        **{f"{measure}_{name}": quantile for name, quantile in named},
    }


def weighted_mean_and_sd(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """Return weighted mean and standard deviation, None where there are too few values.

    The variance is ``sum w (v - mean)^2 / (W1 - W2 / W1)`` with W1 = sum w and W2 = sum w^2,
    which is the sample variance (n - 1) when all weights are equal.
    """
    if len(values) == 0:
        return None, None
    total, free = _weights_sums(weights.tobytes())
    mean = math.fsum(weights * values) / total
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum(weights * (values - mean) ** 2) / free)


@lru_cache(maxsize=1)
def _weights_sums(weights: bytes) -> tuple[float, float]:
    """W1 and W1 - W2 / W1: measures of the same objects follow one another with equal weights."""
    given = np.frombuffer(weights)
    total = math.fsum(given)
    return total, total - math.fsum(given**2) / total


def weighted_quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], quantiles: Sequence[float]
) -> tuple[float | None, ...]:
    """Return the smallest values at which the weighted share reaches each quantile.

    The same as ``numpy.quantile(..., method="inverted_cdf")``: always a value that was seen.
    """
    if len(values) == 0:
        return (None,) * len(quantiles)
    order = np.lexsort((weights, values))
    shares = np.cumsum(weights[order])
    places = np.searchsorted(shares, np.asarray(quantiles) * shares[-1], side="left")
    return tuple(float(value) for value in values[order][np.minimum(places, len(values) - 1)])
