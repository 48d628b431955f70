"""From what is kept to a row a lot (or a run), as control charts read it.

Of vessels: growth, viability, morphology and yield, the median over a lot's vessels. Of runs: image
quality, the median over the fields that were evaluated, and the share that was.
"""

import csv
import io
import math
import statistics
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from monolayer.culture import outlook_of
from monolayer.errors import InputError
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe
from monolayer.results import open_run

__all__ = ["figures_of_lots", "figures_of_runs", "lots_csv"]

_QUALITY = (
    "focus_log_log_slope",
    "background_level",
    "noise_level",
    "signal_to_noise",
    "saturated_fraction",
    "illumination_ratio",
)
Row = dict[str, Any]


def figures_of_lots(histories: Sequence[VesselHistory], recipe: Recipe) -> list[Row]:
    """One row a lot, in the order of its first seeding.

    Raises
    ------
    InputError
        A vessel names no lot.
    """
    lots: dict[str, list[VesselHistory]] = {}
    for history in histories:
        if not history.vessel.lot:
            raise InputError(f"vessel {history.vessel.name}: names no lot; charts are of lots.")
        lots.setdefault(history.vessel.lot, []).append(history)
    rows = [_lot(name, members, recipe) for name, members in lots.items()]
    return sorted(rows, key=lambda row: (row["at"] or "", row["lot"]))


def _lot(name: str, members: Sequence[VesselHistory], recipe: Recipe) -> Row:
    seeded = [each.vessel.seeded_at for each in members if each.vessel.seeded_at is not None]
    found: dict[str, list[float | None]] = {
        "doubling_time_h": [outlook_of(each, recipe).doubling_time_h for each in members],
        "viability": [_last(each.viabilities, lambda v: v.viability) for each in members],
        "area_ratio": [_last(each.acquisitions, lambda a: a.area_ratio) for each in members],
        "confluence_field_cv": [
            _last(each.acquisitions, lambda a: a.confluence_field_cv) for each in members
        ],
        "last_density_cells_per_cm2": [
            _last(each.acquisitions, lambda a: a.density_cells_per_cm2) for each in members
        ],
    }
    return {
        "lot": name,
        "at": min(seeded).isoformat() if seeded else None,
        "n_vessels": len(members),
        **{column: _median(values) for column, values in found.items()},
    }


def _last(records: Sequence[Any], read: Callable[[Any], float | None]) -> float | None:
    """Latest record that has the figure."""
    return next((value for each in reversed(records) if (value := read(each)) is not None), None)


def figures_of_runs(folders: Sequence[Path]) -> list[Row]:
    """One row a run, in the order in which they began; the run's folder stands for the lot."""
    rows = [_run(folder) for folder in folders]
    return sorted(rows, key=lambda row: (row["at"] or "", row["lot"]))


def _run(folder: Path) -> Row:
    run = open_run(folder)
    here = [name for name in _QUALITY if name in run.fields.column_names]
    fields = run.fields.arrow(["state", *here]).to_pylist()
    good = [row for row in fields if row["state"] == "ok"]
    history = run.record.get("history") or [{}]
    return {
        "lot": folder.name,
        "at": history[0].get("started"),
        "n_fields": len(fields),
        "evaluated_fraction": len(good) / len(fields) if fields else None,
        **{name: _median([row[name] for row in good]) for name in here},
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return statistics.median(known) if known else None


def lots_csv(rows: Sequence[Row]) -> bytes:
    """Rows as the table that ``monolayer drift`` reads.

    Raises
    ------
    InputError
        There is none, or two are of one name.
    """
    names = [row["lot"] for row in rows]
    if not rows or len(set(names)) < len(names):
        raise InputError("no lots, or two of one name: give each its own (runs: their folders).")
    timed = [row["at"] is not None and _has_offset(row["at"]) for row in rows]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not all(timed):
        columns.remove("at")
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if row.get(name) is None else row[name] for name in columns})
    return out.getvalue().encode()


def _has_offset(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None
