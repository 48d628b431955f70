"""Write a simulated plate: images, truth masks, tables, and a README that says SIMULATED.

FOLDER/README.md           what this is and the command that makes it again
FOLDER/manifest.csv        image and mask of each field, for `monolayer evaluate`
FOLDER/truth.csv           one row a field: how many nuclei there are
FOLDER/truth_objects.csv   one row a nucleus
FOLDER/plate/              images alone, named as MetaXpress exports them
FOLDER/truth/              label masks, kept apart so that no reader takes them for images
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monolayer.simulate.field import SimulatedField, simulate_field
from monolayer.simulate.folder import (
    Planned,
    Rows,
    as_text,
    manifest_row,
    object_rows,
    write_folder,
)
from monolayer.simulate.settings import SimulateSettings
from monolayer.simulate.tiff import write_image, write_labels

__all__ = ["PlannedField", "plan_fields", "simulate_plate"]

TABLES = ("README.md", "manifest.csv", "truth.csv", "truth_objects.csv")

README = """# SIMULATED plate "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed}. The same command
with the same settings makes every file again, bit for bit; the next two
count the nuclei, and hold the counting against the truth:

    monolayer simulate FOLDER --seed {seed}
    monolayer run FOLDER/plate -o RUN
    monolayer evaluate --manifest FOLDER/manifest.csv

- `plate/` holds {n} images of {height} x {width} pixels, {pixel_size_um} um per pixel, one channel.
  Columns are a seeding series ({densities} cells per cm2), rows are replicates.
- `truth/` holds the label masks: 0 is background, each nucleus has its own number.
- `manifest.csv` pairs images with masks.
- `truth.csv` counts each field, `truth_objects.csv` describes each nucleus.

How to count: every nucleus with a pixel in the field is an object. A metaphase is one object, a
pair in anaphase is two. Specks, smears and floating dead cells are none. Fields without nuclei:
{empty}. Fields out of focus (their truth is what lies there, seen or not): {defocused}.
"""


@dataclass(frozen=True, slots=True)
class PlannedField(Planned):
    """One field of the plate.

    Attributes
    ----------
    kind : str
        ordinary, empty or defocused.
    settings : SimulateSettings
        With the density and the focus of this field.
    """

    kind: str
    settings: SimulateSettings


def plan_fields(settings: SimulateSettings) -> list[PlannedField]:
    """List the fields of the plate: row by row, column by column, site by site."""
    plate = settings.plate
    spots = [
        (f"{row}{plate.first_column + column:02d}", density, str(site + 1))
        for row in plate.rows
        for column, density in enumerate(plate.densities_cells_per_cm2)
        for site in range(plate.fields_per_well)
    ]
    return [
        _plan(settings, index, well, site, density)
        for index, (well, density, site) in enumerate(spots)
    ]


def simulate_plate(
    folder: Path,
    settings: SimulateSettings,
    seed: int,
    on_field: Callable[[PlannedField], None] | None = None,
) -> None:
    """Simulate a plate and write it.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same plate and nothing else.
    settings : SimulateSettings
        The plate's, whose densities stand in for ``settings.nuclei``'s.
    seed : int
        At least 0; the same settings and seed give the same bytes.
    on_field : callable, optional
        Told each field once it is written, for a progress bar.

    Raises
    ------
    RunFolderError
        The folder holds something else.
    ValueError
        The seed is negative.
    """
    fields = plan_fields(settings)

    def make(field: PlannedField) -> Rows:
        simulated = simulate_field(field.settings, seed, field.index)
        _write_field(folder, field, simulated)
        return {
            "manifest": [_manifest_row(field, simulated)],
            "truth": [_truth_row(field, simulated)],
            "truth_objects": object_rows(field, simulated.truth),
        }

    texts = {"README.md": _readme(settings, seed, len(fields))}
    write_folder(folder, "plate", _files(fields), fields, make, texts, on_field)


def _plan(
    settings: SimulateSettings, index: int, well: str, site: str, density: float
) -> PlannedField:
    plate, name = settings.plate, f"{well}_s{site}"
    nuclei = {"density_cells_per_cm2": density}
    optics: dict[str, float] = {}
    kind = "ordinary"
    if name in plate.empty_fields:
        kind, nuclei = "empty", {"density_cells_per_cm2": 0.0}
    elif name in plate.defocused_fields:
        kind, optics = "defocused", {"defocus_um": plate.defocus_um}
    update = {
        "nuclei": settings.nuclei.model_copy(update=nuclei),
        "optics": settings.optics.model_copy(update=optics),
    }
    return PlannedField(index, plate.name, well, site, kind, settings.model_copy(update=update))


def _files(fields: Sequence[PlannedField]) -> list[str]:
    return [*TABLES, *(name for field in fields for name in (_image(field), _mask(field)))]


def _image(field: PlannedField) -> str:
    return f"plate/{field.stem}.tif"


def _mask(field: PlannedField) -> str:
    return f"truth/{field.stem}_labels.tif"


def _write_field(folder: Path, field: PlannedField, simulated: SimulatedField) -> None:
    optics = field.settings.optics
    write_image(
        folder / _image(field),
        simulated.pixels,
        optics.pixel_size_um,
        optics.bit_depth,
        "nuclei (simulated Hoechst)",
    )
    write_labels(folder / _mask(field), simulated.labels.astype(np.uint16))


def _manifest_row(field: PlannedField, simulated: SimulatedField) -> dict[str, Any]:
    return manifest_row(
        _image(field),
        _mask(field),
        simulated.pixels,
        f"well {field.well}",
        modality="fluorescence nuclei (simulated Hoechst)",
        dataset="simulated out of focus" if field.kind == "defocused" else "simulated",
        n_objects=len(simulated.truth["label"]),
        pixel_size_um=field.settings.optics.pixel_size_um,
        notes=f"SIMULATED; {field.kind}",
    )


def _truth_row(field: PlannedField, simulated: SimulatedField) -> dict[str, Any]:
    truth = simulated.truth
    pairs = np.unique(truth["mother_pair"])
    return {
        **field.names,
        "kind": field.kind,
        "seeded_density_cells_per_cm2": f"{field.settings.nuclei.density_cells_per_cm2:g}",
        "n_objects": len(truth["label"]),
        "n_border_objects": int(np.count_nonzero(truth["touches_border"])),
        "n_dividing": int(np.count_nonzero(truth["dividing"])),
        "n_anaphase_pairs": int(np.count_nonzero(pairs)),
        "nuclei_area_fraction": as_text(np.float64((simulated.labels > 0).mean())),
        "pixel_size_um": field.settings.optics.pixel_size_um,
    }


def _readme(settings: SimulateSettings, seed: int, n: int) -> str:
    plate = settings.plate
    return README.format(
        name=plate.name,
        seed=seed,
        n=n,
        height=settings.height_px,
        width=settings.width_px,
        pixel_size_um=settings.optics.pixel_size_um,
        densities=", ".join(f"{density:,.0f}" for density in plate.densities_cells_per_cm2),
        empty=", ".join(plate.empty_fields) or "none",
        defocused=", ".join(plate.defocused_fields) or "none",
    )
