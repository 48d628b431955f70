"""A made-up but consistent run for the report's tests: tables, run.json, pixels and labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monolayer.assays.nuclei import ASSAY
from monolayer.method import Method

SHOW = ASSAY.presentation(Method())
FIELD_CM2 = 520 * 696 * (0.65e-4) ** 2
SENTENCE = "The image holds no structure above its noise: look at the lamp and the focus."


@dataclass
class Example:
    fields: list[dict[str, Any]]
    wells: list[dict[str, Any]]
    plates: list[dict[str, Any]]
    run: dict[str, Any]
    batches: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        return tuple(pa.Table.from_pylist(rows) for rows in (self.fields, self.wells, self.plates))

    def objects(self) -> Iterator[dict[str, NDArray[Any]]]:
        return iter(self.batches)


def well_names(rows: int, columns: int) -> list[str]:
    letters = [*map(chr, range(65, 91)), *(f"A{chr(c)}" for c in range(65, 91))]
    return [f"{letters[r]}{c + 1:02d}" for r in range(rows) for c in range(columns)]


def example(
    wells: Sequence[str] = (),
    fields_per_well: int = 4,
    plates: Sequence[str] = ("PLATE-7",),
    times: Sequence[str] = ("",),
    pixel_size_um: float | None = 0.65,
    excluded: dict[str, tuple[str, str]] | None = None,
    seed: int = 7,
) -> Example:
    """Make a run; ``excluded`` gives state and reason by field id or by well."""
    random = np.random.default_rng(seed)
    made = Example([], [], [], _run(pixel_size_um))
    for plate in plates:
        for time in times:
            own: list[dict[str, Any]] = []
            for i, well in enumerate(wells or [""]):
                level = 150 * np.exp(0.45 * np.sin(i / 9) + 0.15 * random.standard_normal())
                rows = [
                    _field(
                        made,
                        random,
                        (plate, well, str(f + 1), time),
                        level,
                        pixel_size_um,
                        excluded or {},
                    )
                    for f in range(fields_per_well)
                ]
                made.fields += rows
                own.append(
                    {"plate": plate, "well": well or None, "time": time or None} | _summary(rows)
                )
            made.wells += own
            made.plates.append({"plate": plate, "time": time or None} | _plate(own))
    return made


def _field(
    made: Example,
    random: np.random.Generator,
    place: tuple[str, str, str, str],
    level: float,
    pixel_size_um: float | None,
    excluded: dict[str, tuple[str, str]],
) -> dict[str, Any]:
    plate, well, name, time = place
    field_id = "/".join(part for part in place if part)
    state, reason = excluded.get(field_id, excluded.get(well, ("ok", None)))
    n = int(random.poisson(level)) if state == "ok" else None
    density = n / FIELD_CM2 if n is not None and pixel_size_um else None
    blurred = -3.1 if reason == "out_of_focus" else -1.9
    row = {
        "field_id": field_id, "plate": plate, "well": well or None, "field": name,
        "time": time or None,
        "state": state, "reason": reason, "detail": SENTENCE if reason else None,
        "pixel_size_um": pixel_size_um, "channel": "DAPI", "n_objects": n, "n_unbiased": n,
        "n_unbiased_ci_low": None if n is None else n - 2 * n**0.5,
        "n_unbiased_ci_high": None if n is None else n + 2 * n**0.5,
        "density_cells_per_cm2": density,
        "density_cells_per_cm2_ci_low": None if density is None else density * 0.86,
        "density_cells_per_cm2_ci_high": None if density is None else density * 1.14,
        "nuclei_area_fraction": None if n is None else n * 350 / (520 * 696),
        "focus_log_log_slope": float(random.normal(blurred, 0.08)),
        "background_level": float(random.normal(210, 6)),
        "saturated_fraction": float(random.exponential(2e-5)),
        "paths": f"{plate}/{well}_s{name}_w1.tif", "notes": None,
    }  # fmt: skip
    if state == "missing":
        row |= dict.fromkeys(("focus_log_log_slope", "background_level", "saturated_fraction"))
        row |= dict.fromkeys(("pixel_size_um", "paths"))
    if n is not None:
        made.batches.append(_objects(random, field_id, n, pixel_size_um))
    return row


def _objects(
    random: np.random.Generator, field_id: str, n: int, pixel: float | None
) -> dict[str, NDArray[Any]]:
    area = np.rint(random.lognormal(np.log(360), 0.28, n))
    return {
        "field_id": np.full(n, field_id, dtype=object),
        "area_px": area.astype(np.int64),
        "area_um2": area * (pixel**2 if pixel else np.nan),
        "intensity_mean_DAPI": random.lognormal(np.log(900), 0.4, n),
        "weight": np.where(random.random(n) < 0.08, 0.0, 1 + random.random(n) * 0.1),
        "segmentation_score": random.beta(12, 2, n),
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ok = [row for row in rows if row["state"] == "ok"]
    states = [row["state"] for row in rows]
    counted = {
        "n_fields_planned": len(rows), "n_fields_ok": len(ok),
        "n_fields_not_evaluable": states.count("not_evaluable"),
        "n_fields_failed": states.count("failed"), "n_fields_crashed": states.count("crashed"),
        "n_fields_missing": states.count("missing"),
        "n_objects": sum(row["n_objects"] for row in ok) if ok else None,
        "nuclei_area_fraction": ok[0]["nuclei_area_fraction"] if ok else None,
        "dispersion_index": 1.3, "dispersion_p": 0.21,
    }  # fmt: skip
    counted |= _between("n_unbiased_per_field", [row["n_unbiased"] for row in ok], "fields")
    densities = [row["density_cells_per_cm2"] for row in ok]
    return counted | _between("density_cells_per_cm2", densities, "fields")


def _between(name: str, values: Sequence[float | None], unit: str) -> dict[str, Any]:
    known = [v for v in values if v is not None]
    names = (name, f"{name}_ci_low", f"{name}_ci_high", f"{name}_ci_method")
    if len(known) < 2:
        return dict(zip(names, (known[0] if known else None, None, None, None), strict=True))
    mean, half = float(np.mean(known)), 2.8 * float(np.std(known, ddof=1)) / len(known) ** 0.5
    return dict(
        zip(names, (mean, max(mean - half, 0), mean + half, f"t between {unit}"), strict=True)
    )


def _plate(wells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    totals = {
        name: sum(well[name] or 0 for well in wells)
        for name in wells[0]
        if name.startswith("n_") and "per" not in name
    }
    for name in ("n_unbiased_per_field", "density_cells_per_cm2"):
        totals |= _between(name, [well[name] for well in wells], "wells")
    if len(wells) == 1:
        totals |= {
            k: v for k, v in wells[0].items() if k.startswith(("n_unbiased_per_field", "density"))
        }
    return totals


def _run(pixel_size_um: float | None) -> dict[str, Any]:
    session = {
        "command": "monolayer run plate7 -o run7 --workers 2",
        "started": "2026-11-22T08:00:00+00:00",
        "finished": "2026-11-22T08:03:11+00:00", "seconds": 191.2, "workers": 2,
        "machine": {"host": "scope-3", "system": "Linux", "processors": 8},
        "versions": {"monolayer": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"},
    }  # fmt: skip
    return {
        "given": {"images": "/data/plate7", "layout": "metaxpress"},
        "method": {
            "name": "nuclei", "version": 1,
            "read": {"pixel_size_um": pixel_size_um, "z": "best_focus"},
            "segment": {"expected_diameter_um": None, "min_area_um2": 20.0, "split": True},
        },
        "method_sha256": "3f2a" * 16, "history": [session],
        "ignored": [],
    }  # fmt: skip


def disks(field_id: str) -> tuple[NDArray[np.uint16], NDArray[np.int32], None]:
    """Pixels and labels of a field: bright disks on a noisy ground."""
    random = np.random.default_rng(sum(field_id.encode()))
    y, x = np.mgrid[:520, :696]
    labels = np.zeros((520, 696), np.int32)
    for label in range(1, 41):
        cy, cx, r = random.integers(0, 520), random.integers(0, 696), random.integers(8, 14)
        labels[((y - cy) ** 2 + (x - cx) ** 2 < r**2) & (labels == 0)] = label
    pixels = 200 + 900 * (labels > 0) + random.normal(0, 30, labels.shape)
    return pixels.astype(np.uint16), labels, None
