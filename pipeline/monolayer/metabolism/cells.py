"""Cells in time, and the integral of them: between two counts they grow at one rate.

The trick: ``expm1(x) / x`` is the mean of an exponential over its span relative to its start, and
is as exact at x = 0 (no growth) as elsewhere, so growth, standstill and loss are one formula.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError

__all__ = ["CellCourse", "viable_cell_days", "viable_cell_days_at_rate"]

Floats = NDArray[np.float64]


def viable_cell_days(
    first: float, last: float, days: float, method: Literal["log_mean", "trapezoid"] = "log_mean"
) -> float:
    """Integral of viable cells between two counts, in cell days.

    Parameters
    ----------
    first, last : float
        Cells, above 0.
    days : float
        Time between, 0 or more.
    method : {'log_mean', 'trapezoid'}
        ``log_mean`` is that of growth at one rate, ``(last - first) / rate``; ``trapezoid`` that
        of a straight line.

    Raises
    ------
    ValueError
        A number that is not above 0.
    """
    for name, value in (("first", first), ("last", last)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} count {value} must be above 0")
    if method == "trapezoid":
        return (first + last) / 2 * days
    return first * days * _mean_of_exponential(math.log(last / first))


def viable_cell_days_at_rate(first: float, rate_per_d: float, days: float) -> float:
    """Integral of cells that grow at a known rate: ``first (e^(rate days) - 1) / rate``."""
    return first * days * _mean_of_exponential(rate_per_d * days)


def _mean_of_exponential(x: float) -> float:
    return math.expm1(x) / x if x else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CellCourse:
    """Cells of a vessel in time: straight lines of ln N between counts, carried on outside them.

    Attributes
    ----------
    times_h : ndarray of float64
        Hours since seeding, rising.
    ln_cells, ln_se : ndarray of float64
        ln of cells, and its standard error.

    Raises
    ------
    InputError
        Fewer than two counts, counts that are not above 0, times that do not rise.
    """

    times_h: Floats
    ln_cells: Floats
    ln_se: Floats

    def __post_init__(self) -> None:
        """Refuse counts between which nothing can grow."""
        if len(self.times_h) < 2:
            raise InputError(
                f"{len(self.times_h)} cell numbers show no growth; count at two times at least."
            )
        if np.any(np.diff(self.times_h) <= 0):
            raise InputError("cell numbers: time does not rise; give each time once.")
        if not np.all(np.isfinite(self.ln_cells)):
            raise InputError("a cell number is not above 0; leave out counts of nothing.")

    def cells_at(self, time_h: float) -> float:
        """Cells at a time."""
        i = self._piece(time_h)
        ahead = (time_h - self.times_h[i]) / 24
        return math.exp(self.ln_cells[i] + self.rate_per_d(time_h) * ahead)

    def rate_per_d(self, time_h: float) -> float:
        """Specific growth rate there."""
        i = self._piece(time_h)
        rise = self.ln_cells[i + 1] - self.ln_cells[i]
        return float(rise / (self.times_h[i + 1] - self.times_h[i]) * 24)

    def cell_days(self, from_h: float, to_h: float, decay_per_d: float = 0.0) -> float:
        """``integral of N(s) e^(-decay (to - s)) ds`` in cell days.

        With a decay it is what a substance that also decays by itself has left of what the cells
        made since.
        """
        inner = self.times_h[(self.times_h > from_h) & (self.times_h < to_h)].tolist()
        edges = [from_h, *inner, to_h]
        total = 0.0
        for start, end in itertools.pairwise(edges):
            middle, days = (start + end) / 2, (end - start) / 24
            rate = self.rate_per_d(middle)
            still = math.exp(-decay_per_d * (to_h - start) / 24)
            x = (rate + decay_per_d) * days
            total += self._at(start, middle) * days * still * _mean_of_exponential(x)
        return total

    def shifted(self, place: int, ln_step: float) -> "CellCourse":
        """The course with one count changed, to see what depends on it."""
        changed = self.ln_cells.copy()
        changed[place] += ln_step
        return CellCourse(self.times_h, changed, self.ln_se)

    def _piece(self, time_h: float) -> int:
        at = int(np.searchsorted(self.times_h, time_h, "right")) - 1
        return min(max(at, 0), len(self.times_h) - 2)

    def _at(self, time_h: float, inside_h: float) -> float:
        """Cells at a time by the line of the piece that holds another time."""
        i = self._piece(inside_h)
        rate = self.rate_per_d(inside_h)
        return math.exp(self.ln_cells[i] + rate * (time_h - self.times_h[i]) / 24)
