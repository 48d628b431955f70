"""EWMA and CUSUM of standardised lots: charts that remember, for drifts that one lot hides."""

import math
from collections.abc import Sequence

__all__ = ["cusum", "ewma", "ewma_limit"]


def ewma(z: Sequence[float], weight: float) -> list[float]:
    """Exponentially weighted moving average, in sigmas of single lots; starts at the centre.

    Notes
    -----
    Roberts (1959), Technometrics 1:239.
    """
    found, last = [], 0.0
    for each in z:
        last = weight * each + (1 - weight) * last
        found.append(last)
    return found


def ewma_limit(place: int, weight: float, width: float) -> float:
    """Limit of the EWMA at the point at `place` (from 0), in sigmas of single lots."""
    grown = 1 - (1 - weight) ** (2 * (place + 1))
    return width * math.sqrt(weight / (2 - weight) * grown)


def cusum(z: Sequence[float], slack: float) -> tuple[list[float], list[float]]:
    """Two one-sided cumulative sums, upwards and downwards, both 0 or more.

    Notes
    -----
    Page (1954), Biometrika 41:100; the tabular form.
    """
    up, down = [], []
    high = low = 0.0
    for each in z:
        high = max(0.0, high + each - slack)
        low = max(0.0, low - each - slack)
        up.append(high)
        down.append(low)
    return up, down
