"""Layouts of comparisons as CSV, and what came out of them.

Data: ``donor``, ``medium``, one column an endpoint with its unit in the name; optionally ``plate``
and ``well`` (for messages), ``plan_sha256`` (as the layout has it), and ``medium_ml``,
``cells_harvested`` and ``other_eur`` for the cost. Empty cells are unknown and no 0. Of a design of
factors: ``donor`` and ``run`` as in the layout; factors that are given must be that run's.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from monolayer.compare.designs import PlacedWell, runs_of
from monolayer.compare.factors import RunOutcome
from monolayer.compare.outcomes import Outcome
from monolayer.compare.plan import ComparisonPlan
from monolayer.errors import ConfigError, InputError
from monolayer.intake.columns import read_columns, read_number
from monolayer.settings_file import content_sha256

__all__ = ["carries_plan", "layout_csv", "read_outcomes", "read_run_outcomes"]

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
    if plan.design.kind != "media":
        raise ConfigError(
            f"the plan's design is of factors ({plan.design.kind}); judge it with 'monolayer "
            "compare factors'."
        )
    rows, columns = _rows(path, plan, {"medium": "it is compared"})
    return [_outcome(path, line, row, columns) for line, row in rows]


def read_run_outcomes(path: Path, plan: ComparisonPlan) -> list[RunOutcome]:
    """Read what came out of a design of factors; rows of empty wells are passed over.

    Raises
    ------
    ConfigError
        The plan's design is one of media.
    InputError
        One sentence that names file, line and mend: no run, levels that are another run's, a well
        twice, another plan.
    """
    if plan.design.kind == "media":
        raise ConfigError(
            "the plan's design is of media and has no factors; judge it with 'monolayer compare "
            "media'."
        )
    rows, columns = _rows(path, plan, {"run": "the layout says which run a well is of"})
    runs = [dict(levels) for _, levels in runs_of(plan)]
    seen: dict[tuple[str, str], int] = {}
    found = []
    for line, row in rows:
        well = (row.get("plate", ""), row.get("well", ""))
        if well[1] and seen.setdefault(well, line) != line:
            raise InputError(
                f"{path}, line {line}: well {' '.join(well).strip()} is on line {seen[well]} too; "
                "drop one."
            )
        found.append(_run_outcome(path, line, row, columns, runs))
    return found


def _run_outcome(
    path: Path,
    line: int,
    row: dict[str, str],
    columns: Sequence[str],
    runs: Sequence[dict[str, float]],
) -> RunOutcome:
    given = read_number(path, line, row, "run")
    if not row["donor"] or given is None or given not in range(1, len(runs) + 1):
        told = row["run"] or "none"
        raise InputError(
            f"{path}, line {line}: donor '{row['donor']}', run {told}; name a donor and a run of 1 "
            f"to {len(runs)}, as the layout does."
        )
    run = round(given)
    for name, level in runs[run - 1].items():
        used = read_number(path, line, row, name)
        if used is not None and not math.isclose(used, level, rel_tol=1e-6, abs_tol=1e-9):
            raise InputError(
                f"{path}, line {line}: {name} {used:g} is not the {level:g} of run {run}; a well "
                "that got something else belongs to no run: leave its outcomes empty."
            )
    read = _outcome(path, line, row | {"medium": f"run {run}"}, columns)
    return RunOutcome(read.donor, run, read.unit, dict(read.values))


def _rows(
    path: Path, plan: ComparisonPlan, also: Mapping[str, str]
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Rows of wells that were used, and the columns of outcomes; `also`: columns, and why."""
    rows = read_columns(path)
    columns = list(rows[0][1]) if rows else []
    for name, why in ({"donor": "the donor is the unit of a comparison"} | dict(also)).items():
        if name not in columns:
            raise InputError(f"{path}: has no column '{name}': {why}; name it in every row.")
    wanted = [*dict.fromkeys([*(each.column for each in plan.endpoints), *_COST])]
    unitless = next((c for c in columns if c in _UNITLESS and c not in wanted), None)
    if unitless:
        raise InputError(
            f"{path}: '{unitless}' has no unit; call the column '{_UNITLESS[unitless]}'."
        )
    sha256 = content_sha256(plan)
    for line, row in rows:
        if row.get("plan_sha256") and row["plan_sha256"] != sha256:
            raise InputError(
                f"{path}, line {line}: was laid out by another plan (SHA-256 "
                f"{row['plan_sha256'][:12]}, here {sha256[:12]}); margins are set beforehand: use "
                "the plan of the design."
            )
    used = [(line, row) for line, row in rows if row.get("medium") != "empty"]
    if not used:
        raise InputError(f"{path}: holds no outcome; give a row for each well or vessel.")
    return used, [name for name in wanted if name in columns]


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
