"""Layouts of comparisons as CSV, and what came out of them.

Data: ``donor``, ``medium``, one column an endpoint with its unit in the name; optionally ``plate``
and ``well`` (for messages), ``plan_sha256`` (as the layout has it), and ``medium_ml``,
``cells_harvested`` and ``other_eur`` for the cost. Empty cells are unknown and no 0.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from monolayer.compare.designs import PlacedWell
from monolayer.compare.outcomes import Outcome
from monolayer.compare.plan import ComparisonPlan
from monolayer.errors import InputError
from monolayer.intake.dilution_table import read_columns, read_number
from monolayer.settings_file import content_sha256

__all__ = ["carries_plan", "layout_csv", "read_outcomes"]

_COST = ("medium_ml", "cells_harvested", "other_eur")
_UNITLESS = {
    "doubling_time": "doubling_time_h",
    "growth_rate": "growth_rate_per_h",
    "cell_area": "cell_area_um2",
    "cells": "cells_harvested",
    "medium_volume": "medium_ml",
    "cost": "eur_per_million_cells",
}


def layout_csv(plan: ComparisonPlan, placed: Sequence[PlacedWell]) -> bytes:
    """Layout as CSV; every row carries the plan's hash, and empty columns wait for outcomes."""
    factors = [factor.name for factor in plan.design.factors]
    endpoints = [each.column for each in plan.endpoints]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["plate", "well", "donor", "run", "replicate", "medium", *factors, *endpoints]
    writer.writerow([*head, "plan_sha256"])
    sha256 = content_sha256(plan)
    for each in placed:
        levels = dict(each.levels)
        told = [each.plate, each.well, each.donor, each.run or "", each.replicate or "",
                "empty" if each.is_empty else each.medium]  # fmt: skip
        given = [repr(levels[name]) if name in levels else "" for name in factors]
        writer.writerow([*told, *given, *("" for _ in endpoints), sha256])
    return out.getvalue().encode()


def read_outcomes(path: Path, plan: ComparisonPlan) -> list[Outcome]:
    """Read what came out; rows of empty wells are passed over.

    Raises
    ------
    InputError
        One sentence that names file, line and mend: no donor, a unit left out, another plan.
    """
    rows = read_columns(path)
    columns = list(rows[0][1]) if rows else []
    for name in ("donor", "medium"):
        if name not in columns:
            why = "the donor is the unit of a comparison" if name == "donor" else "it is compared"
            raise InputError(f"{path}: has no column '{name}': {why}; name it in every row.")
    wanted = [*dict.fromkeys([*(each.column for each in plan.endpoints), *_COST])]
    unitless = next((c for c in columns if c in _UNITLESS and c not in wanted), None)
    if unitless:
        raise InputError(
            f"{path}: '{unitless}' has no unit; call the column '{_UNITLESS[unitless]}'."
        )
    sha256 = content_sha256(plan)
    found = []
    for line, row in rows:
        if row.get("plan_sha256") and row["plan_sha256"] != sha256:
            raise InputError(
                f"{path}, line {line}: was laid out by another plan (SHA-256 "
                f"{row['plan_sha256'][:12]}, here {sha256[:12]}); margins are set beforehand: use "
                "the plan of the design."
            )
        if row["medium"] == "empty":
            continue
        found.append(_outcome(path, line, row, [name for name in wanted if name in columns]))
    if not found:
        raise InputError(f"{path}: holds no outcome; give a row for each well or vessel.")
    return found


def carries_plan(path: Path) -> bool:
    """Whether every row names the plan that it was laid out by; `read_outcomes` checks which."""
    return all(row.get("plan_sha256") for _, row in read_columns(path))


def _outcome(path: Path, line: int, row: dict[str, str], columns: Sequence[str]) -> Outcome:
    if not (row["donor"] and row["medium"]):
        raise InputError(f"{path}, line {line}: names no donor or medium; fill both columns.")
    values = {name: read_number(path, line, row, name) for name in columns}
    for name in (*_COST, "cell_area_um2", "doubling_time_h"):
        value = values.get(name)
        if value is not None and value < 0:
            raise InputError(f"{path}, line {line}: {name} {value:g} is negative; mend it.")
    return Outcome(row["donor"], row["medium"], f"{path}, line {line}", values)
