"""Write a simulated time series: phase contrast and nuclei of one growing culture.

FOLDER/README.md, settings.yaml, manifest.csv, truth.csv    as `phase_plate` writes them
FOLDER/images/TimePoint_1/  images of the first visit: w1 phase contrast, w2 nuclei
FOLDER/truth/TimePoint_1/   label masks: cells (w1) and nuclei (w2)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monolayer.simulate.folder import as_text, check_folder, settings_text, write_table
from monolayer.simulate.phase.culture import Visit, simulate_culture
from monolayer.simulate.phase.culture_settings import SeriesSettings
from monolayer.simulate.phase.plate import (
    PlannedPhase,
    field_truth,
    phase_manifest_row,
    write_phase_field,
)
from monolayer.simulate.tiff import write_image, write_labels

__all__ = ["PlannedVisit", "plan_series", "simulate_series"]

TABLES = ("README.md", "settings.yaml", "manifest.csv", "truth.csv")
NUCLEI_MODALITY = "fluorescence nuclei (simulated Hoechst)"

README = """# SIMULATED time series "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed} and the settings in
`settings.yaml`. The same command makes every file again, bit for bit; the others measure
confluence and count nuclei of the same cells, and hold both against the truth:

    monolayer simulate FOLDER --kind series --seed {seed} --settings settings.yaml
    monolayer run FOLDER/images --assay confluence --channel w1 -o RUN1
    monolayer run FOLDER/images --assay nuclei --channel w2 -o RUN2
    monolayer evaluate --assay confluence --manifest FOLDER/manifest.csv
    monolayer evaluate --assay nuclei --manifest FOLDER/manifest.csv

Growth is {law} from {start:g} cells per cm2: doubling time {doubling:g} h after a lag of
{lag:g} h{end}. Each of {fields} fields holds a culture of its own, visited at {times} h.

- `images/TimePoint_N/` holds the N-th visit: w1 is phase contrast, w2 the nuclei (if any).
- `truth/` holds label masks, `manifest.csv` pairs them with the images.
- `truth.csv` has one row a field and visit. `culture_density_cells_per_cm2` is that of the field
  with its margin and follows the law but for rounding; `density_cells_per_cm2` counts the nuclei
  whose centre lies in the field, and scatters as a field does.

Accuracy on these images is accuracy on simulation, and is to be called so.
"""


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One field at one time.

    Attributes
    ----------
    field : PlannedPhase
        The phase-contrast image; its ``folder`` is the visit's.
    time_h : float
        Hours after seeding.
    nuclei : bool
        Whether the nuclei are photographed too.
    """

    field: PlannedPhase
    time_h: float
    nuclei: bool

    def files(self) -> list[str]:
        """What is written of it, relative to the folder."""
        return [*self.field.files(), *(self.nuclei_files() if self.nuclei else ())]

    def nuclei_files(self) -> tuple[str, str]:
        """Image and mask of the nuclei channel."""
        image, labels = (name.replace("_w1", "_w2") for name in self.field.files()[:2])
        return image, labels


def plan_series(settings: SeriesSettings) -> list[PlannedVisit]:
    """List the visits, field by field, each field's in order of time."""
    return [
        PlannedVisit(
            PlannedPhase(
                index, settings.name, "A01", str(index + 1), settings.phase, {},
                folder=f"TimePoint_{number + 1}/",
            ),
            time_h,
            settings.nuclei_channel,
        )
        for index in range(settings.fields)
        for number, time_h in enumerate(settings.culture.times_h)
    ]  # fmt: skip


def simulate_series(
    folder: Path,
    settings: SeriesSettings,
    seed: int,
    on_field: Callable[[PlannedVisit], None] | None = None,
) -> None:
    """Simulate a growing culture and write it.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same series and nothing else.
    settings : SeriesSettings
        Culture, cells, optics and times.
    seed : int
        At least 0; the same settings and seed give the same bytes.
    on_field : callable, optional
        Told each visit once it is written, for a progress bar.

    Raises
    ------
    RunFolderError
        The folder holds something else.
    ValueError
        The seed is negative.
    """
    planned = plan_series(settings)
    check_folder(folder, [*TABLES, *(name for p in planned for name in p.files())], "series")
    manifest: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    n_times = len(settings.culture.times_h)
    for index in range(settings.fields):
        visits = simulate_culture(settings, seed, index)
        for plan, visit in zip(planned[index * n_times :], visits, strict=False):
            _write_visit(folder, plan, visit, settings)
            manifest += _manifest_rows(plan, visit)
            truth.append(_truth_row(plan, visit))
            if on_field is not None:
                on_field(plan)
    write_table(folder / "manifest.csv", manifest)
    write_table(folder / "truth.csv", truth)
    (folder / "settings.yaml").write_text(settings_text(settings), encoding="utf-8")
    (folder / "README.md").write_text(_readme(settings, seed), encoding="utf-8")


def _write_visit(folder: Path, plan: PlannedVisit, visit: Visit, settings: SeriesSettings) -> None:
    for name in plan.files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_phase_field(folder, plan.field, visit.phase)
    if visit.nuclei is None:
        return
    image, labels = plan.nuclei_files()
    pixel, bits = settings.phase.optics.pixel_size_um, settings.fluorescence.bit_depth
    write_image(folder / image, visit.nuclei.pixels, pixel, bits, "nuclei (simulated Hoechst)")
    write_labels(folder / labels, visit.nuclei.labels.astype(np.uint16))


def _manifest_rows(plan: PlannedVisit, visit: Visit) -> list[dict[str, Any]]:
    phase = phase_manifest_row(plan.field, visit.phase) | {"dataset": "simulated series"}
    if visit.nuclei is None:
        return [phase]
    image, labels = plan.nuclei_files()
    return [
        phase,
        phase
        | {
            "path": image,
            "mask": labels,
            "usable": "",
            "modality": NUCLEI_MODALITY,
            "n_objects": len(visit.nuclei.truth["label"]),
            "dtype": visit.nuclei.pixels.dtype.name,
            "confluence_pct": "",
        },
    ]


def _truth_row(plan: PlannedVisit, visit: Visit) -> dict[str, Any]:
    nuclei = "" if visit.nuclei is None else len(visit.nuclei.truth["label"])
    return {
        **plan.field.names,
        "time": plan.field.folder.removeprefix("TimePoint_").rstrip("/"),
        "time_h": as_text(float(plan.time_h)),
        "expected_density_cells_per_cm2": as_text(visit.expected_density_cells_per_cm2),
        "culture_density_cells_per_cm2": as_text(visit.density_cells_per_cm2),
        **field_truth(plan.field, visit.phase),
        "n_nuclei": nuclei,
    }


def _readme(settings: SeriesSettings, seed: int) -> str:
    culture = settings.culture
    capacity = f", up to {culture.capacity_cells_per_cm2:g} cells per cm2"
    return README.format(
        name=settings.name,
        seed=seed,
        law=culture.law,
        start=culture.initial_density_cells_per_cm2,
        doubling=culture.doubling_time_h,
        lag=culture.lag_h,
        end=capacity if culture.law == "logistic" else "",
        fields=settings.fields,
        times=_listed(culture.times_h),
    )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
