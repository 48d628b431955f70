"""A complete SIMULATED lot for the batch report: images, runs, histories, what persons recorded.

    python -m benchmarks.batch_example FOLDER

Vessel V-101 is images from beginning to end: simulated phase contrast, counted by a run, whose
figures become its visits. V-102 and V-103 are numbers only. Something goes wrong in each, as it
does: an excursion, a missed visit, a field lost, an override. FOLDER gets ``images/``, ``RUN``,
``history.yaml``, ``record.yaml``, ``recipe.yaml`` and the report in both forms.
"""

import argparse
import hashlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from monolayer.api import run
from monolayer.cli import _exit_code as cli
from monolayer.method import Method
from monolayer.results import open_run
from monolayer.simulate import simulate_series
from monolayer.simulate.phase.culture_settings import CultureSettings, SeriesSettings
from monolayer.simulate.phase.settings import PhaseSettings
from monolayer.summarise import t_interval

__all__ = ["main", "make_example"]

SEEDED = datetime(2026, 11, 10, 8, 10, tzinfo=timezone(timedelta(hours=1)))
AREA_CM2 = 636.0
SEEDING = 3_000.0
TIMES_H = (24.0, 32.0, 48.0, 56.0, 72.0, 80.0, 96.0, 104.0, 120.0, 128.0, 136.0)


def make_example(
    folder: Path,
    fields: int = 9,
    side_px: int = 512,
    times_h: tuple[float, ...] = TIMES_H,
    vessels: int = 3,
) -> None:
    """Write the example's folder; the same arguments give the same records."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = SeriesSettings(
        name="V-101",
        fields=fields,
        nuclei_channel=False,
        culture=CultureSettings(
            initial_density_cells_per_cm2=5_500,
            doubling_time_h=27,
            capacity_cells_per_cm2=110_000,
            times_h=times_h,
        ),
        phase=PhaseSettings(height_px=side_px, width_px=side_px),
    )
    simulate_series(folder / "images", settings, seed=11)
    method = Method(assay="confluence")
    run(folder / "images/images", folder / "RUN", method)
    histories = [_imaged(folder / "RUN", times_h)]
    histories += [_counted(n, times_h) for n in range(1, vessels)]
    _write(folder / "history.yaml", {"vessels": histories})
    _write(folder / "recipe.yaml", _recipe(fields))
    _write(folder / "record.yaml", _record(folder, [h["vessel"]["name"] for h in histories]))


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def _recipe(fields: int) -> dict[str, Any]:
    return {
        "name": "simulated-ASC-hPL",
        "version": "3",
        "status": "reviewed",
        "decide": {"min_fields_ok": max(2, fields - 2), "reference_doubling_time_h": 30.0},
        "batch": {
            "theoretical_density_cells_per_cm2": 60_000.0,
            "min_percent_of_theoretical": 70.0,
            "max_percent_of_theoretical": 115.0,
        },
    }


def _vessel(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "seeded_at": SEEDED.isoformat(),
        "lot": "SIM-2026-11",
        "donor": "D-07",
        "passage": 2,
        "doublings_at_seeding": 9.4,
        "seeding_density_cells_per_cm2": SEEDING,
        "growth_area_cm2": AREA_CM2,
        "medium_volume_ml": 150.0,
        "final_stage": True,
        "n_layers": 1,
        "n_layers_imaged": 1,
        "sentinel_assumption": "one layer, imaged itself",
    }


def _imaged(folder: Path, times_h: Sequence[float]) -> dict[str, Any]:
    """V-101: every figure is the run's."""
    rows = open_run(folder).wells.arrow().to_pylist()
    rows.sort(key=lambda row: int(row["time"] or 1))
    visits = [
        {
            "time_h": time_h,
            "n_fields": row["n_fields_planned"],
            "n_fields_ok": row["n_fields_ok"],
            "confluence": row["confluence"],
            "confluence_lower_bound": row["confluence_lower_bound"],
            "confluence_se": row["confluence_sd"] / math.sqrt(row["n_fields_ok"]),
            "confluence_field_cv": row["confluence_cv"],
            "contamination": False,
            "image_sha256": _hash(f"V-101 {time_h}"),
            "image_sha256_found": _hash(f"V-101 {time_h}"),
        }
        for time_h, row in zip(times_h, rows, strict=True)
    ]
    end = times_h[-1]
    return {
        "vessel": _vessel("V-101"),
        "acquisitions": visits,
        "viabilities": [{"time_h": end, "live": 191, "total": 200}],
        "readings": _readings(end, dip_at=None),
        "exchanges": [{"time_h": h, "volume_ml": 75.0} for h in (48.5, 104.5) if h < end],
        "ended_as": "harvested",
        "ended_h": end + 2.5,
    }


def _counted(number: int, times_h: Sequence[float]) -> dict[str, Any]:
    """V-102 and V-103: figures drawn from a logistic law, with what went wrong."""
    rng = np.random.default_rng(number)
    doubling_h = (27.0, 29.0, 33.0)[number % 3]
    visits = []
    for i, time_h in enumerate(times_h):
        if number == 1 and i in (3, 4):
            continue  # nobody came
        layers = 0.17 * 2 ** (max(0.0, time_h - 12) / doubling_h)
        fields = -np.expm1(-layers * np.exp(rng.normal(0, 0.06, 12)))
        ok = 5 if number == 2 and i == 3 else 12
        mean = float(fields[:ok].mean())
        low = t_interval(fields[:ok], 0.95, side="lower").clipped(0, mean).low
        visits.append(
            {
                "time_h": time_h,
                "n_fields": 12,
                "n_fields_ok": ok,
                "confluence": mean,
                "confluence_lower_bound": low,
                "confluence_se": float(fields[:ok].std(ddof=1)) / math.sqrt(ok),
                "confluence_field_cv": float(fields[:ok].std(ddof=1)) / mean,
                "contamination": False,
                "image_sha256": _hash(f"{number} {time_h}"),
                "image_sha256_found": _hash(f"{number} {time_h}"),
            }
        )
    end = times_h[-1]
    return {
        "vessel": _vessel(f"V-10{number + 1}"),
        "acquisitions": visits,
        "viabilities": [{"time_h": end, "live": 180 - 4 * number, "total": 200}],
        "readings": _readings(end, dip_at=60.0 if number == 1 else None),
        "exchanges": [{"time_h": h, "volume_ml": 75.0} for h in (48.8, 105.0) if h < end],
        "ended_as": "harvested",
        "ended_h": end + 3.0 + number,
    }


def _readings(end: float, dip_at: float | None) -> list[dict[str, Any]]:
    found = []
    for time_h in np.arange(6.0, end, 6.0):
        dips = dip_at is not None and dip_at <= time_h < dip_at + 12
        found += [
            {"time_h": float(time_h), "quantity": "ph", "value": 6.92 if dips else 7.32},
            {"time_h": float(time_h), "quantity": "temperature_c", "value": 37.0},
        ]
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(f"simulated {text}".encode()).hexdigest()


def _record(folder: Path, names: list[str]) -> dict[str, Any]:
    method = open_run(folder / "RUN").record
    last = TIMES_H[-1]
    harvested = dict(zip(names, (3.21e7, 3.02e7, 2.38e7), strict=False))
    return {
        "simulated": True,
        "lot": {
            "name": "SIM-2026-11",
            "product": "simulated ASC, no cells",
            "donor": "D-07",
            "bank": "MCB-D07-2",
            "medium": "xeno-free, hPL 5 %",
        },
        "vessels": {
            name: {
                "kind": "CellSTACK-1",
                "parents": ["V-044"],
                "cells_seeded": SEEDING * AREA_CM2,
                "cells_harvested": harvested[name],
            }
            for name in names
        },
        "methods": [
            {
                "name": "confluence of phase contrast",
                "version": "1",
                "status": "approved",
                "sha256": method["method_sha256"],
                "approved_by": "B. Approver (simulated)",
            }
        ],
        "dispositions": _dispositions(names, last),
        "deviations": [
            {
                "vessel": names[-1],
                "time_h": 20.0,
                "kind": "power cut",
                "what": "incubator 2 without power for 4 minutes, door closed",
                "recorded_by": "A. Operator (simulated)",
            }
        ],
        "steps": _steps(names, last),
    }


def _dispositions(names: list[str], last: float) -> list[dict[str, Any]]:
    found = [
        {
            "vessel": name,
            "time_h": last + 0.4,
            "person": "A. Operator (simulated)",
            "verdict": "accept",
            "action": "HARVEST",
        }
        for name in names[:1]
    ]
    if len(names) > 1:
        found.append(
            {
                "vessel": names[1],
                "time_h": last + 0.6,
                "person": "C. Supervisor (simulated)",
                "verdict": "override",
                "action": "HARVEST",
                "reason_code": "SCHEDULE",
                "reason": "harvested with the rest of the lot; confluence confirmed by eye",
            }
        )
    return found


def _steps(names: list[str], last: float) -> list[dict[str, Any]]:
    operator, checker = "A. Operator (simulated)", "C. Supervisor (simulated)"
    persons = {"performed_by": operator, "checked_by": checker}
    found: list[dict[str, Any]] = [
        {"vessel": name, "time_h": 0.0, "kind": "seeding"} | persons for name in names
    ]
    found += [
        {"vessel": names[0], "time_h": time_h, "kind": "acquisition", "automated": True,
         "checked_by": operator}
        for time_h in (24.0, last)
    ]  # fmt: skip
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    if not (folder / "record.yaml").is_file():
        make_example(folder)
    return cli(
        ["batch-report", str(folder / "history.yaml"), "--recipe", str(folder / "recipe.yaml"),
         "--record", str(folder / "record.yaml"), "--run", f"V-101={folder / 'RUN'}",
         "--issued", "2026-11-16T09:30+01:00",
         "-o", str(folder / "batch.html"), "--pdf", str(folder / "batch.pdf")]
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
