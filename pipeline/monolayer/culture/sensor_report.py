"""What a person reads of examined sensors: sentences, tables, and one page with pictures first."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np

from monolayer.history import VesselHistory
from monolayer.recipe import Recipe
from monolayer.sensors import Excursion, Fault, Findings, align
from monolayer.sensors.probes import held_against
from monolayer.sensors.quantities import QUANTITIES

__all__ = ["as_data", "sentences", "tables", "write_sensors"]

_FAULTS = {
    "bad_status": "the source calls it bad or uncertain",
    "out_of_range": "outside what the sensor can read",
    "impossible_rate": "faster than a culture can change",
    "stuck": "does not move",
    "probes_disagree": "another probe of it reads something else",
}


def sentences(found: Findings) -> list[str]:
    """What is to be said of one sensor, in lines."""
    own = QUANTITIES[found.series.quantity]
    times_h = found.series.times_h
    n_bad = int(np.count_nonzero(~found.believed))
    head = f"{found.series.vessel}, {own.words}: {len(times_h):,} readings"
    head += f" ({n_bad:,} not believed)" if n_bad else ""
    lines = [f"{head}, {times_h[0]:.1f} to {times_h[-1]:.1f} h after seeding"]
    if found.limits is None:
        lines.append("  not evaluated: the recipe has no limits for it")
    if found.others:
        lines.append(f"  {held_against(found)}")
    lines += [f"  {_fault(each)}" for each in found.faults]
    lines += [
        f"  probe '{other.series.probe}': {_fault(each)}"
        for other in found.others
        for each in other.faults
    ]
    lines += [f"  no reading from {gap.from_h:.1f} to {gap.to_h:.1f} h" for gap in found.gaps]
    lines += [f"  {_excursion(each, own.unit)}" for each in found.excursions]
    if found.fleeting:
        times = "once" if found.fleeting == 1 else f"{found.fleeting} times"
        lines.append(f"  beyond a limit {times} for less than the on-delay")
    return lines


def _fault(fault: Fault) -> str:
    end = "still" if fault.ended_h is None else f"to {fault.ended_h:.1f} h"
    return f"FAULT {fault.kind} from {fault.since_h:.1f} h {end}: {_FAULTS[fault.kind]}"


def _excursion(each: Excursion, unit: str) -> str:
    end = "and has not returned" if each.ended_h is None else f"for {each.duration_h(0):.2f} h"
    spaced = f"{unit} " if unit else ""
    return (
        f"{each.level.upper()} {each.side} {each.limit:g} left at {each.since_h:.1f} h {end}: up "
        f"to {each.magnitude:.3g} {spaced}beyond it ({each.extreme:.4g}), area under deviation "
        f"{each.area:.3g} {spaced}h"
    )


def as_data(found: Findings) -> dict[str, Any]:
    """Findings as plain data."""
    return {
        "vessel": found.series.vessel,
        "quantity": found.series.quantity,
        "probe": found.series.probe,
        "held_against": [each.series.probe for each in found.others],
        "n": len(found.series),
        "n_believed": int(np.count_nonzero(found.believed)),
        "watched": found.limits is not None,
        "faults": [asdict(each) for each in found.faults],
        "gaps": [asdict(each) for each in found.gaps],
        "excursions": [asdict(each) for each in found.excursions],
        "fleeting": found.fleeting,
    }


def tables(
    found: Sequence[Findings], histories: Mapping[str, VesselHistory], recipe: Recipe
) -> dict[str, list[dict[str, Any]]]:
    """Rows of each table: readings, excursions, faults, gaps, and what lay beside acquisitions."""
    probes = [probe for each in found for probe in (each, *each.others)]
    return {
        "readings": [row for each in probes for row in _reading_rows(each, histories)],
        "excursions": [_head(f) | asdict(each) for f in found for each in f.excursions],
        "faults": [_head(f) | asdict(each) for f in probes for each in f.faults],
        "gaps": [_head(f) | asdict(each) for f in found for each in f.gaps],
        "aligned": [
            _head(each) | asdict(beside)
            for each in found
            if each.series.vessel in histories
            for beside in align(
                each,
                [visit.time_h for visit in histories[each.series.vessel].acquisitions],
                recipe.sensors,
            )
        ],
    }


def _head(found: Findings) -> dict[str, Any]:
    series = found.series
    return {"vessel": series.vessel, "quantity": series.quantity, "probe": series.probe}


def _reading_rows(found: Findings, histories: Mapping[str, VesselHistory]) -> list[dict[str, Any]]:
    series, history = found.series, histories.get(found.series.vessel)
    seeded = None if history is None else history.vessel.seeded_at
    offset = None if seeded is None else seeded.utcoffset()
    minutes = None if offset is None else int(offset.total_seconds() // 60)
    rows = []
    for time_h, value, believed in zip(
        series.times_h.tolist(), series.values.tolist(), found.believed.tolist(), strict=True
    ):
        moment = None if history is None else history.clock(time_h)
        rows.append(
            _head(found)
            | {
                "time_h": time_h,
                "time_utc": None if moment is None else moment.astimezone(UTC),
                "local_offset_minutes": minutes,
                "value": value if math.isfinite(value) else None,
                "believed": believed,
            }
        )
    return rows


def write_sensors(
    folder: Path,
    found: Sequence[Findings],
    histories: Mapping[str, VesselHistory],
    recipe: Recipe,
    source: Path,
) -> list[Path]:
    """Write the page and its tables; they are whole or not there."""
    from monolayer.culture.sensor_page import sensor_page
    from monolayer.engine.analysis_files import write_analysis

    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    told = {
        "source": source.name,
        "source_sha256": digest,
        "recipe": f"{recipe.name} {recipe.version} ({recipe.status})",
        "recipe_sha256": recipe.sha256,
    }
    rows = tables(found, histories, recipe)
    written = write_analysis(folder, sensor_page(found, source.name, told), rows, told)
    # A table that has no rows now must not stay from an earlier call.
    for path in (folder / f"{name}{suffix}" for name in rows for suffix in (".parquet", ".csv")):
        if path not in written:
            path.unlink(missing_ok=True)
    return written
