"""An estimate over units (fields of a well, wells of a plate) as the columns of a table.

Mean, spread and Student's t interval between the units; every assay's wells and plates use it,
so that an interval has the same meaning and the same names everywhere.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from monolayer.field import State
from monolayer.summarise.intervals import Interval, mean_and_sd, no_interval, t_interval
from monolayer.summarise.settings import SummariseSettings

__all__ = [
    "Cell",
    "Columns",
    "count_states",
    "estimate",
    "estimate_between",
    "estimate_columns",
    "interval_between",
    "interval_columns",
    "interval_schema",
    "known",
    "ok_rows",
    "total",
]

Cell = int | float | str | None
Columns = list[tuple[str, str]]
Row = Mapping[str, Any]


def estimate_columns(name: str) -> Columns:
    """Names and types of what `estimate_between` gives, in order."""
    spread = [(f"{name}{suffix}", "float64") for suffix in ("", "_sd", "_cv")]
    return [*spread, *interval_schema(name)]


def interval_schema(name: str) -> Columns:
    """Names and types of the three columns of an interval."""
    return [
        (f"{name}_ci_low", "float64"),
        (f"{name}_ci_high", "float64"),
        (f"{name}_ci_method", "string"),
    ]


def estimate_between(
    name: str,
    values: Sequence[float],
    unit: str,
    settings: SummariseSettings,
    low: float = 0.0,
    high: float = math.inf,
) -> dict[str, Cell]:
    """Mean, SD, CV and t interval of a quantity between units.

    Parameters
    ----------
    name : str
        Column of the mean; the others are named after it.
    values : sequence of float
        One value a unit, unknown ones left out.
    unit : str
        What the units are: ``field`` or ``well``; part of the method's name.
    settings : SummariseSettings
        Its confidence.
    low, high : float
        Values that the truth can take; the interval is cut there.
    """
    return estimate(name, values, interval_between(values, unit, settings, low, high))


def interval_between(
    values: Sequence[float],
    unit: str,
    settings: SummariseSettings,
    low: float = 0.0,
    high: float = math.inf,
) -> Interval:
    """Student's t interval between units, cut to the values that the truth can take."""
    if len(set(values)) > 1:
        interval = t_interval(values, settings.confidence).renamed(f"t between {unit}s")
        return interval.clipped(low, high)
    reasons = {0: "unknown", 1: f"one {unit}"}
    return no_interval(reasons.get(len(values), f"{unit}s without spread"), settings.confidence)


def estimate(name: str, values: Sequence[float], interval: Interval) -> dict[str, Cell]:
    """Mean, SD and CV of values under their names, with a given interval."""
    mean, sd = mean_and_sd(values)
    return {
        name: mean,
        f"{name}_sd": sd,
        f"{name}_cv": sd / mean if mean and sd is not None else None,
        **interval_columns(name, interval),
    }


def interval_columns(name: str, interval: Interval) -> dict[str, float | str | None]:
    """Return the three columns that carry an estimate's interval."""
    return {
        f"{name}_ci_low": interval.low,
        f"{name}_ci_high": interval.high,
        f"{name}_ci_method": interval.method,
    }


def count_states(field_rows: Sequence[Row]) -> dict[str, int]:
    """Number of planned fields, and of those in each state."""
    states = [row["state"] for row in field_rows]
    counted = {f"n_fields_{state.value}": states.count(state) for state in State}
    return {"n_fields_planned": len(states), **counted}


def ok_rows(field_rows: Sequence[Row]) -> list[Row]:
    """Rows of the fields that were evaluated."""
    return [row for row in field_rows if row["state"] == State.OK]


def known(rows: Sequence[Row], name: str) -> list[float]:
    """Values of a column, without the unknown ones."""
    return [row[name] for row in rows if row[name] is not None]


def total(rows: Sequence[Row], name: str) -> Any:
    """Sum of a column over rows, None where there is no row; exactly rounded for floats."""
    values = known(rows, name)
    if not values:
        return None
    return math.fsum(values) if isinstance(values[0], float) else sum(values)
