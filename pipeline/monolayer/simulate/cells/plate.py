"""Write a simulated plate of two channels: nuclei, and cells from spindle-shaped to flattened.

FOLDER/README.md           what this is and the commands that make and measure it
FOLDER/settings.yaml       the settings, for ``--settings``
FOLDER/method.yaml         a method that measures it
FOLDER/manifest.csv        image and mask of each channel of each field
FOLDER/truth.csv           one row a field
FOLDER/truth_objects.csv   one row a cell
FOLDER/images/             images alone, named as MetaXpress exports them: w1 nuclei, w2 cells
FOLDER/truth/              label masks; a nucleus has the number of its cell
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from monolayer.settings import Settings
from monolayer.simulate.cells.field import KINDS, SimulatedCellField, simulate_cell_field
from monolayer.simulate.cells.settings import CellFieldSettings
from monolayer.simulate.folder import (
    Planned,
    Rows,
    as_text,
    manifest_row,
    object_rows,
    settings_text,
    write_folder,
)
from monolayer.simulate.tiff import write_image, write_labels

__all__ = ["CellPlateSettings", "PlannedCells", "plan_cell_plate", "simulate_cell_plate"]

TABLES = (
    "README.md", "settings.yaml", "method.yaml", "manifest.csv", "truth.csv", "truth_objects.csv",
)  # fmt: skip
CHANNELS = {
    "w1": ("nucleus", "fluorescence nuclei (simulated Hoechst)", "nuclei (simulated Hoechst)"),
    "w2": ("cell", "fluorescence cells (simulated)", "cells (simulated cytoplasmic dye)"),
}
METHOD = "assay: morphology\nmorphology:\n  cell_channel: w2\n"
README = """# SIMULATED plate of nuclei and cells "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed} and the settings in
`settings.yaml`. The same command makes every file again, bit for bit; the next one measures them:

    monolayer simulate FOLDER --kind cells --seed {seed} --settings settings.yaml
    monolayer run FOLDER/images --method FOLDER/method.yaml -o RUN

Columns are ages of a culture: the share of flattened cells is {shares}. Rows are replicates.

- `images/` holds {n} fields of {height} x {width} pixels, {pixel_size_um} um per pixel, in two
  channels: w1 nuclei, w2 cells.
- `truth/` holds their label masks: 0 is background, each cell has its own number and its nucleus
  the same. Where two cells would overlap, the pixel is of the one in which it lies deeper.
- `manifest.csv` pairs images with masks, `truth.csv` describes each field, `truth_objects.csv` each
  cell: its kind (spindle, ordinary, flattened) and its area within the field.

Accuracy on these images is accuracy on simulation, and is to be called so.
"""


class CellPlateSettings(Settings):
    """A plate that is a culture growing old: one share of flattened cells a column."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "ages"
    """Name of the plate, the first part of each file name."""
    rows: Annotated[str, Field(pattern=r"^[A-P]+$")] = "BC"
    """Letters of the rows; each is a replicate."""
    flattened_fractions: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=24)
    ] = (0.04, 0.15, 0.6)
    """Share of flattened cells of each column."""
    fields_per_well: Annotated[int, Field(ge=1, le=99)] = 3
    """Image positions of each well."""
    field: CellFieldSettings = CellFieldSettings()
    """The images; a column's share stands in for theirs."""


@dataclass(frozen=True, slots=True)
class PlannedCells(Planned):
    """One field of the plate.

    Attributes
    ----------
    settings : CellFieldSettings
        With this field's share of flattened cells.
    """

    settings: CellFieldSettings

    def image(self, channel: str) -> str:
        """Path of a channel's image, relative to the folder."""
        return f"images/{self.stem_of(channel)}.tif"

    def mask(self, channel: str) -> str:
        """Path of a channel's label mask, relative to the folder."""
        return f"truth/{self.stem_of(channel)}_labels.tif"


def plan_cell_plate(settings: CellPlateSettings) -> list[PlannedCells]:
    """List the fields of the plate: row by row, column by column, site by site."""
    spots = [
        (f"{row}{column + 2:02d}", share, str(site + 1))
        for row in settings.rows
        for column, share in enumerate(settings.flattened_fractions)
        for site in range(settings.fields_per_well)
    ]
    return [
        PlannedCells(index, settings.name, well, site, _with_share(settings.field, share))
        for index, (well, share, site) in enumerate(spots)
    ]


def simulate_cell_plate(
    folder: Path,
    settings: CellPlateSettings,
    seed: int,
    on_field: Callable[[PlannedCells], None] | None = None,
) -> None:
    """Simulate a plate of nuclei and cells and write it.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same plate and nothing else.
    settings : CellPlateSettings
        The plate's.
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
    fields = plan_cell_plate(settings)
    written = [f.image(w) for f in fields for w in CHANNELS]
    written += [f.mask(w) for f in fields for w in CHANNELS]

    def make(field: PlannedCells) -> Rows:
        simulated = simulate_cell_field(field.settings, seed, field.index)
        _write_field(folder, field, simulated)
        return {
            "manifest": [_manifest_row(field, simulated, channel) for channel in CHANNELS],
            "truth": [_truth_row(field, simulated)],
            "truth_objects": object_rows(field, simulated.truth),
        }

    texts = {
        "settings.yaml": settings_text(settings),
        "method.yaml": METHOD,
        "README.md": _readme(settings, seed, len(fields)),
    }
    write_folder(folder, "plate", [*TABLES, *written], fields, make, texts, on_field)


def _with_share(settings: CellFieldSettings, share: float) -> CellFieldSettings:
    """The same optics and cells, with another share of flattened ones."""
    spindles = min(settings.cells.spindle_fraction, 1 - share)
    update = {"flattened_fraction": share, "spindle_fraction": spindles}
    return settings.model_copy(update={"cells": settings.cells.model_copy(update=update)})


def _write_field(folder: Path, field: PlannedCells, simulated: SimulatedCellField) -> None:
    seen = {
        "w1": (simulated.nuclei.pixels, simulated.nucleus_labels, field.settings.nuclei.optics),
        "w2": (simulated.pixels, simulated.labels, field.settings.cell_optics),
    }
    for channel, (pixels, labels, optics) in seen.items():
        what, _, stain = CHANNELS[channel]
        path = folder / field.image(channel)
        write_image(path, pixels, optics.pixel_size_um, optics.bit_depth, stain)
        write_labels(folder / field.mask(channel), labels.astype(np.uint16), what)


def _manifest_row(
    field: PlannedCells, simulated: SimulatedCellField, channel: str
) -> dict[str, Any]:
    labels = simulated.labels if channel == "w2" else simulated.nucleus_labels
    return manifest_row(
        field.image(channel),
        field.mask(channel),
        simulated.pixels,
        f"well {field.well}",
        modality=CHANNELS[channel][1],
        dataset="simulated nuclei and cells",
        n_objects=len(np.unique(labels[labels > 0])),
        pixel_size_um=field.settings.cell_optics.pixel_size_um,
    )


def _truth_row(field: PlannedCells, simulated: SimulatedCellField) -> dict[str, Any]:
    truth = simulated.truth
    kinds = {f"n_{kind}": int(np.count_nonzero(truth["kind"] == kind)) for kind in KINDS}
    return {
        **field.names,
        "flattened_share": as_text(field.settings.cells.flattened_fraction),
        "n_objects": len(truth["label"]),
        "n_border_objects": int(np.count_nonzero(truth["touches_border"])),
        "n_nuclei": int(np.count_nonzero(truth["nucleus_area_px"])),
        **kinds,
        "cell_area_fraction": as_text(float((simulated.labels > 0).mean())),
        "pixel_size_um": field.settings.cell_optics.pixel_size_um,
    }


def _readme(settings: CellPlateSettings, seed: int, n: int) -> str:
    nuclei = settings.field.nuclei
    return README.format(
        name=settings.name,
        seed=seed,
        n=n,
        shares=", ".join(f"{share:g}" for share in settings.flattened_fractions),
        height=nuclei.height_px,
        width=nuclei.width_px,
        pixel_size_um=nuclei.optics.pixel_size_um,
    )
