"""Measurements of one vessel in time, checked, and the scale on which they grow straight.

The trick: ``u`` is what grows exponentially while there is room. For a density it is the density;
for a confluence C it is ``-ln(1 - C)``, the mean number of cells over a point of cells placed at
random (Hall 1988), so ``ln u`` rises by the specific growth rate in both.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError

__all__ = ["GrowthSeries", "Quantity", "ln_u_of", "value_of"]

Quantity = Literal["confluence", "density_cells_per_cm2"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GrowthSeries:
    """Confluences or densities of one vessel in time.

    Attributes
    ----------
    vessel : str
        Its name.
    quantity : {'confluence', 'density_cells_per_cm2'}
        What is measured; a confluence is a share of 0 to 1.
    times_h : ndarray of float64
        Hours since seeding, never falling; equal ones are replicates.
    values : ndarray of float64
        One a time; null measurements are left out by the caller.
    se : ndarray of float64 or None
        Standard error of each, in its unit.

    Raises
    ------
    InputError
        Times that run backwards, negative values, a confluence above 1, unequal lengths.
    """

    vessel: str
    quantity: Quantity
    times_h: Floats
    values: Floats
    se: Floats | None = field(default=None)

    def __post_init__(self) -> None:
        """Refuse what no culture can be, in one sentence."""
        where = f"vessel {self.vessel}"
        if len(self.times_h) != len(self.values) or (
            self.se is not None and len(self.se) != len(self.values)
        ):
            raise InputError(f"{where}: times, values and errors differ in number; give one each.")
        _check_times(where, self.times_h)
        _check_values(where, self.quantity, self.times_h, self.values)

    def since(self, time_h: float) -> "GrowthSeries":
        """The measurements at that time and later."""
        kept = self.times_h >= time_h
        return self._take(kept)

    def until(self, time_h: float) -> "GrowthSeries":
        """The measurements at that time and earlier."""
        return self._take(self.times_h <= time_h)

    def usable(self) -> "GrowthSeries":
        """Without values that have no logarithm: 0, and a confluence of 1."""
        full = 1.0 if self.quantity == "confluence" else math.inf
        return self._take((self.values > 0) & (self.values < full))

    def _take(self, kept: NDArray[np.bool_]) -> "GrowthSeries":
        se = None if self.se is None else self.se[kept]
        return GrowthSeries(self.vessel, self.quantity, self.times_h[kept], self.values[kept], se)


def ln_u_of(quantity: Quantity, values: Any) -> Floats:
    """Logarithm of a density, complementary log-log of a confluence; strictly inside the range."""
    values = np.asarray(values, dtype=np.float64)
    return np.asarray(np.log(-np.log1p(-values) if quantity == "confluence" else values))


def value_of(quantity: Quantity, ln_u: Any) -> Floats:
    """Undo `ln_u_of`."""
    with np.errstate(over="ignore", under="ignore"):
        u = np.exp(np.asarray(ln_u, dtype=np.float64))
    return -np.expm1(-u) if quantity == "confluence" else u


def _check_times(where: str, times_h: Floats) -> None:
    if not np.all(np.isfinite(times_h)):
        raise InputError(f"{where}: a time is not a number; give hours since seeding.")
    if np.any(times_h < 0):
        raise InputError(
            f"{where}: time {times_h.min():g} h is before seeding; give hours since seeding."
        )
    back = np.flatnonzero(np.diff(times_h) < 0)
    if back.size:
        at = int(back[0])
        raise InputError(
            f"{where}: time runs backwards from {times_h[at]:g} h to {times_h[at + 1]:g} h; "
            "sort the rows or mend the clock."
        )


def _check_values(where: str, quantity: Quantity, times_h: Floats, values: Floats) -> None:
    wrong = ~np.isfinite(values) | (values < 0)
    if quantity == "confluence":
        wrong |= values > 1
    if not np.any(wrong):
        return
    at = int(np.flatnonzero(wrong)[0])
    mend = "a share of 0 to 1" if quantity == "confluence" else "0 or more"
    raise InputError(
        f"{where}: {quantity} {values[at]:g} at {times_h[at]:g} h is impossible; it is {mend}."
    )
