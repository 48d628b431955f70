"""What one run says of one well that another assay may say too: a value with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["DIRECT", "INDIRECT", "MEASURES", "Figure", "figures_of"]

DIRECT, INDIRECT = "density_cells_per_cm2", "indirect_density_cells_per_cm2"

MEASURES = {
    DIRECT: ("area density", "cells/cm2"),
    INDIRECT: ("area density", "cells/cm2"),
    "confluence": ("confluence", "fraction"),
    "viability": ("viability", "fraction"),
}
"""Columns of a wells table that speak of a quantity that another assay may speak of too."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one run says of one quantity in one well.

    Attributes
    ----------
    run, assay, column : str
        Who says it, and the column of the wells table.
    value : float or None
        None where the run has no answer, for the reason in `problem`.
    low, high : float or None
        Its interval.
    confidence : float
        Of the interval.
    problem : tuple of (str, str) or None
        Code and sentence where there is no value or no interval.
    """

    run: str
    assay: str
    column: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    problem: tuple[str, str] | None = None

    @property
    def quantity(self) -> str:
        """What the figure speaks of."""
        return MEASURES[self.column][0]


def figures_of(
    row: Mapping[str, Any] | None, columns: Sequence[str], run: str, assay: str, confidence: float
) -> list[Figure]:
    """Return what a run says of a well that another assay could say too.

    Parameters
    ----------
    row : mapping or None
        The well's row of the wells table; None where the run has not got this well.
    columns : sequence of str
        Columns of the run's wells table.
    run, assay : str
        Name of the run and its method's assay.
    confidence : float
        Of the run's intervals.
    """
    return [
        _figure(row, column, run, assay, confidence) for column in MEASURES if column in columns
    ]


def _figure(
    row: Mapping[str, Any] | None, column: str, run: str, assay: str, confidence: float
) -> Figure:
    nothing = Figure(run, assay, column, None, None, None, confidence)
    if row is None:
        return replace(nothing, problem=("no_well", f"{run} has no such well."))
    value, (low, high) = row.get(column), _interval(row, column)
    told = replace(nothing, value=value, low=low, high=high)
    if value is None:
        return replace(told, problem=("no_value", f"{run} gives no {column} of this well."))
    if low is None or high is None:
        method = str(row.get(f"{column}_ci_method") or "none").removeprefix("none: ")
        sentence = f"{run} gives no interval of {column} in this well ({method})."
        return replace(told, problem=("no_interval", sentence))
    return told


def _interval(row: Mapping[str, Any], column: str) -> tuple[float | None, float | None]:
    """The interval to go by; of a viability, what its undecided cells could be is part of it."""
    name = column
    if column == "viability" and row.get("viability_decides") == "between fields":
        name = "viability_cluster"
    low, high = row.get(f"{name}_ci_low"), row.get(f"{name}_ci_high")
    if column != "viability" or low is None or high is None:
        return low, high
    all_dead, all_live = (
        row.get(f"viability_if_indeterminate_{fate}") for fate in ("dead", "live")
    )
    return (
        low if all_dead is None else min(low, all_dead),
        high if all_live is None else max(high, all_live),
    )
