"""Read a table of measurements in time: CSV in, one `GrowthSeries` a vessel out.

Columns: ``vessel``; ``time_h`` (hours since seeding) or ``time`` (date and time with its offset
from UTC) with ``seeded_at``; one of ``confluence`` (0 to 1), ``confluence_percent`` and
``density_cells_per_cm2``; optionally ``sd`` with ``n`` (of the fields), or ``se``; optionally
``replicate``. Other columns are passed over. Every complaint names the line.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from monolayer.errors import InputError
from monolayer.grow.series import GrowthSeries, Quantity
from monolayer.intake.columns import read_columns

__all__ = ["read_growth_table"]

_VALUES = ("confluence", "confluence_percent", "density_cells_per_cm2")
_UNITLESS = {
    "density": "density_cells_per_cm2",
    "cells": "density_cells_per_cm2",
    "count": "density_cells_per_cm2",
    "hours": "time_h",
    "t": "time_h",
}


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    vessel: str
    replicate: str
    time_h: float
    value: float
    se: float


def read_growth_table(path: Path) -> list[GrowthSeries]:
    """Read a CSV table into series, in the order in which vessels first appear.

    Raises
    ------
    InputError
        One sentence that names file, line and mend: a missing column, a value without its unit,
        a number that is none, a negative one, a time that runs backwards or comes twice.
    """
    table = read_columns(path)
    column = _value_column(path, table[0][1]) if table else _VALUES[0]
    rows = [_row(path, line, cells, column) for line, cells in table]
    known = [row for row in rows if row is not None]
    if not known:
        raise InputError(f"{path}: holds no measurement; give a row for each.")
    vessels: dict[str, list[_Row]] = {}
    for row in known:
        vessels.setdefault(row.vessel, []).append(row)
    quantity: Quantity = "confluence" if column != _VALUES[2] else "density_cells_per_cm2"
    return [_series(path, name, quantity, found) for name, found in vessels.items()]


def _value_column(path: Path, columns: Collection[str]) -> str:
    if "vessel" not in columns:
        raise InputError(f"{path}: has no column 'vessel'; name the vessel in every row.")
    if "time_h" not in columns and not {"time", "seeded_at"} <= set(columns):
        raise InputError(
            f"{path}: has no column 'time_h' (hours since seeding), nor 'time' with 'seeded_at'; "
            "give one of them."
        )
    found = [name for name in _VALUES if name in columns]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{path}: has {' and '.join(found)}; keep the one to be followed.")
    near = next((name for name in columns if _UNITLESS.get(name)), None)
    if near:
        raise InputError(f"{path}: '{near}' has no unit; call the column '{_UNITLESS[near]}'.")
    raise InputError(f"{path}: has no values; give one column of {', '.join(_VALUES)}.")


def _row(path: Path, line: int, cells: dict[str, str], column: str) -> _Row | None:
    """One measurement; None where the value is empty, which is not 0."""
    where = f"{path}, line {line}"
    if not cells.get(column, ""):
        return None
    vessel = cells.get("vessel", "")
    if not vessel:
        raise InputError(f"{where}: names no vessel; fill the column 'vessel'.")
    value = _number(where, cells, column)
    se = _standard_error(where, cells)
    if column == "confluence_percent":
        value, se = value / 100, se / 100
    if value < 0 or (column != _VALUES[2] and value > 1):
        mend = "0 or more" if column == _VALUES[2] else "a share of 0 to 1 (percent: 0 to 100)"
        raise InputError(f"{where}: {column} {cells[column]} is impossible; it is {mend}.")
    return _Row(line, vessel, cells.get("replicate", ""), _time_h(where, cells), value, se)


def _standard_error(where: str, cells: dict[str, str]) -> float:
    """Of the value, NaN where it is not told; sd and n are those of the fields."""
    if cells.get("se", ""):
        return _number(where, cells, "se")
    if not (cells.get("sd", "") and cells.get("n", "")):
        return math.nan
    n = _number(where, cells, "n")
    if n < 1:
        raise InputError(f"{where}: n {n:g} is no number of fields; give 1 or more.")
    return _number(where, cells, "sd") / math.sqrt(n)


def _time_h(where: str, cells: dict[str, str]) -> float:
    if cells.get("time_h", ""):
        time_h = _number(where, cells, "time_h")
    else:
        span = _moment(where, cells, "time") - _moment(where, cells, "seeded_at")
        time_h = span.total_seconds() / 3600
    if time_h < 0:
        raise InputError(f"{where}: {time_h:g} h is before seeding; mend the time or 'seeded_at'.")
    return time_h


def _moment(where: str, cells: dict[str, str], column: str) -> datetime:
    text = cells.get(column, "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{where}: {column} '{text}' is no time; write it as 2026-11-23T14:10+01:00."
        ) from None
    if moment.tzinfo is None:
        raise InputError(
            f"{where}: {column} '{text}' has no offset from UTC; write 2026-11-23T14:10+01:00."
        )
    return moment


def _number(where: str, cells: dict[str, str], column: str) -> float:
    text = cells.get(column, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        mend = "write a point for the comma" if "," in text else "leave it empty if unknown"
        raise InputError(f"{where}: {column} '{text}' is no number; {mend}.")
    if column in ("se", "sd") and value < 0:
        raise InputError(f"{where}: {column} {text} is negative; give 0 or more.")
    return value


def _series(path: Path, vessel: str, quantity: Quantity, rows: list[_Row]) -> GrowthSeries:
    seen: dict[tuple[float, str], int] = {}
    for before, row in zip([rows[0], *rows], rows, strict=False):
        if row.time_h < before.time_h:
            raise InputError(
                f"{path}, line {row.line}: time runs backwards for vessel {vessel}, from "
                f"{before.time_h:g} h to {row.time_h:g} h; sort the rows or mend the clock."
            )
        twin = seen.setdefault((row.time_h, row.replicate), row.line)
        if twin != row.line:
            raise InputError(
                f"{path}, line {row.line}: vessel {vessel} was measured at {row.time_h:g} h in "
                f"line {twin} already; drop one, or tell them apart in a column 'replicate'."
            )
    errors = np.array([row.se for row in rows])
    return GrowthSeries(
        vessel,
        quantity,
        np.array([row.time_h for row in rows]),
        np.array([row.value for row in rows]),
        errors if np.all(np.isfinite(errors)) else None,
    )
