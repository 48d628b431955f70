"""Write simulated phase-contrast fields: images, truth masks, tables, a README, the settings.

FOLDER/README.md           what this is and the command that makes it again
FOLDER/settings.yaml       the settings, for ``--settings``
FOLDER/manifest.csv        image, label mask and usable mask of each field
FOLDER/truth.csv           one row a field: how much is covered, how many cells there are
FOLDER/truth_objects.csv   one row a cell
FOLDER/images/             images alone, named as MetaXpress exports them
FOLDER/truth/              label masks, and masks of what is usable where not all is

`simulate_phase_plate` makes a ladder from sparse to full, one level a column.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from monolayer.settings import Settings
from monolayer.simulate.folder import (
    Planned,
    Rows,
    as_text,
    manifest_row,
    object_rows,
    settings_text,
    write_folder,
)
from monolayer.simulate.phase.field import SimulatedPhaseField, simulate_phase_field
from monolayer.simulate.phase.settings import MICROSCOPES, PhaseSettings
from monolayer.simulate.tiff import write_image, write_labels

__all__ = [
    "MODALITY",
    "PhasePlateSettings",
    "PlannedPhase",
    "field_truth",
    "phase_manifest_row",
    "plan_phase_plate",
    "simulate_phase_plate",
    "with_confluence",
    "write_phase_field",
    "write_phase_fields",
]

TABLES = ("README.md", "settings.yaml", "manifest.csv", "truth.csv", "truth_objects.csv")
MODALITY = "phase contrast, adherent cells (simulated)"
DATASET = "simulated phase contrast"

README = """# SIMULATED {what} "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed} and the settings in
`settings.yaml`. The same command makes every file again, bit for bit; the next two measure
confluence, and hold it against the truth:

    monolayer simulate FOLDER --kind {kind} --seed {seed} --settings settings.yaml
    monolayer run FOLDER/images --assay confluence -o RUN
    monolayer evaluate --assay confluence --manifest FOLDER/manifest.csv

{about}

- `images/` holds {n} phase-contrast images of {height} x {width} pixels,
  {pixel_size_um} um per pixel.
- `truth/` holds the label masks: 0 where no cell covers the plastic, each cell has its own number.
  Where cells lie over each other, the thicker one has the pixel. `_usable` masks are 0 in walls,
  bubbles and scratches; a field without one is usable everywhere.
- `manifest.csv` pairs images with masks; `confluence_pct` is covered over usable area.
- `truth.csv` describes each field, `truth_objects.csv` each cell.

Debris, floating dead cells and rings cover nothing. Accuracy on these images is accuracy on
simulation, and is to be called so.
"""

LADDER = """Columns are levels of confluence, {levels} %;
rows are microscopes ({microscopes}); sites are replicates. What a field
of few cells covers scatters around its level."""


class PhasePlateSettings(Settings):
    """A ladder of phase-contrast fields from sparse to full."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "ladder"
    """Name of the plate, the first part of each file name."""
    confluences_pct: Annotated[tuple[float, ...], Field(min_length=1, max_length=24)] = (
        5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100,
    )  # fmt: skip
    """Expected confluence of each column."""
    fields_per_level: Annotated[int, Field(ge=1, le=99)] = 2
    """Image positions of each level."""
    microscopes: Annotated[tuple[str, ...], Field(max_length=16)] = ()
    """Microscopes of the rows, by name; none is one row as ``phase`` says."""
    phase: PhaseSettings = PhaseSettings()
    """The images; a level stands in for their confluence, a row's microscope for the optics."""

    @model_validator(mode="after")
    def _microscopes_exist(self) -> "PhasePlateSettings":
        for name in self.microscopes:
            if name not in MICROSCOPES:
                raise ValueError(f"'{name}' is no microscope; known: {', '.join(MICROSCOPES)}.")
        return self


@dataclass(frozen=True, slots=True)
class PlannedPhase(Planned):
    """One phase-contrast field to be simulated.

    Attributes
    ----------
    settings : PhaseSettings
        With this field's confluence and artefacts.
    place : dict of str to float
        Where it lies in its vessel, for the table.
    folder : str
        Folder of its files below ``images/`` and ``truth/``, empty or ending in a slash.
    dataset : str
        Name under which the manifest pools it.
    """

    settings: PhaseSettings
    place: Mapping[str, float]
    folder: str = ""
    dataset: str = DATASET

    @property
    def obstructed(self) -> bool:
        """Whether parts of it are not usable."""
        artefacts = self.settings.artefacts
        return bool(artefacts.channel_wall or artefacts.bubbles or artefacts.scratches)

    def files(self) -> list[str]:
        """What is written of it, the image first, relative to the folder."""
        stem = f"{self.folder}{self.stem}"
        usable = [f"truth/{stem}_usable.tif"] if self.obstructed else []
        return [f"images/{stem}.tif", f"truth/{stem}_labels.tif", *usable]


def plan_phase_plate(settings: PhasePlateSettings) -> list[PlannedPhase]:
    """List the fields of the ladder, row by row and level by level."""
    spots = [
        (row, microscope, column, level, site)
        for row, microscope in zip("ABCDEFGHIJKLMNOP", settings.microscopes or ("",), strict=False)
        for column, level in enumerate(settings.confluences_pct)
        for site in range(settings.fields_per_level)
    ]
    return [
        PlannedPhase(
            index, settings.name, f"{row}{column + 1:02d}", str(site + 1),
            with_confluence(_seen_through(settings.phase, microscope), level), {},
            dataset=f"{DATASET}, {microscope}" if microscope else DATASET,
        )
        for index, (row, microscope, column, level, site) in enumerate(spots)
    ]  # fmt: skip


def _seen_through(settings: PhaseSettings, microscope: str) -> PhaseSettings:
    if not microscope:
        return settings
    return settings.model_copy(update={"optics": MICROSCOPES[microscope]})


def simulate_phase_plate(
    folder: Path,
    settings: PhasePlateSettings,
    seed: int,
    on_field: Callable[[PlannedPhase], None] | None = None,
) -> None:
    """Simulate a ladder of confluences and write it; see `write_phase_fields`."""
    about = LADDER.format(
        levels=", ".join(f"{level:g}" for level in settings.confluences_pct),
        microscopes=", ".join(settings.microscopes) or "one",
    )
    texts = {"what": "ladder of confluence", "kind": "phase", "about": about}
    write_phase_fields(folder, plan_phase_plate(settings), settings, texts, seed, on_field)


def with_confluence(settings: PhaseSettings, confluence_pct: float) -> PhaseSettings:
    """The same microscope and cells, at another expected confluence."""
    cells = settings.cells.model_copy(update={"confluence_pct": confluence_pct})
    return settings.model_copy(update={"cells": cells})


def write_phase_fields(
    folder: Path,
    fields: Sequence[PlannedPhase],
    settings: Settings,
    texts: Mapping[str, str],
    seed: int,
    on_field: Callable[[PlannedPhase], None] | None = None,
) -> None:
    """Simulate planned fields and write them with their truth.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same files and nothing else.
    fields : sequence of PlannedPhase
        At least one.
    settings : Settings
        What they were planned from, kept beside them.
    texts : dict of str to str
        ``what``, ``kind`` and ``about`` of the README.
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

    def make(field: PlannedPhase) -> Rows:
        simulated = simulate_phase_field(field.settings, seed, field.index)
        write_phase_field(folder, field, simulated)
        return {
            "manifest": [phase_manifest_row(field, simulated)],
            "truth": [_truth_row(field, simulated)],
            "truth_objects": object_rows(field, simulated.truth),
        }

    written = [*TABLES, *(name for field in fields for name in field.files())]
    told = {"settings.yaml": settings_text(settings), "README.md": _readme(fields, texts, seed)}
    write_folder(folder, texts["what"], written, fields, make, told, on_field)


def write_phase_field(folder: Path, field: PlannedPhase, simulated: SimulatedPhaseField) -> None:
    """Write a field's image and masks into folders that are there."""
    image, labels, *usable = field.files()
    optics = field.settings.optics
    write_image(
        folder / image, simulated.pixels, optics.pixel_size_um, optics.bit_depth,
        "phase contrast (simulated)",
    )  # fmt: skip
    write_labels(folder / labels, simulated.labels.astype(np.uint16), "cell")
    for name in usable:
        write_labels(folder / name, simulated.usable.astype(np.uint8), "usable pixel")


def phase_manifest_row(field: PlannedPhase, simulated: SimulatedPhaseField) -> dict[str, Any]:
    """One line of ``manifest.csv``."""
    image, labels, *usable = field.files()
    row = manifest_row(
        image,
        labels,
        simulated.pixels,
        f"{field.plate} {field.well}",
        modality=MODALITY,
        dataset=field.dataset,
        n_objects=len(simulated.truth["label"]),
        confluence_pct=_percent(simulated.confluence),
        pixel_size_um=field.settings.optics.pixel_size_um,
    )
    return {"path": image, "mask": labels, "usable": "".join(usable)} | row


def _truth_row(field: PlannedPhase, simulated: SimulatedPhaseField) -> dict[str, Any]:
    return {
        **field.names,
        **{name: as_text(float(value)) for name, value in field.place.items()},
        "expected_confluence_pct": as_text(float(field.settings.cells.confluence_pct)),
        **field_truth(field, simulated),
    }


def field_truth(field: PlannedPhase, simulated: SimulatedPhaseField) -> dict[str, Any]:
    """Figures of one field, as ``truth.csv`` gives them."""
    truth, optics = simulated.truth, field.settings.optics
    area_cm2 = simulated.usable.size * (optics.pixel_size_um * 1e-4) ** 2
    return {
        "confluence_pct": _percent(simulated.confluence),
        "usable_fraction": as_text(float(simulated.usable.mean())),
        "n_objects": len(truth["label"]),
        "n_border_objects": int(np.count_nonzero(truth["touches_border"])),
        "density_cells_per_cm2": as_text(_n_nuclei(simulated) / area_cm2),
        "pixel_size_um": optics.pixel_size_um,
    }


def _n_nuclei(simulated: SimulatedPhaseField) -> int:
    """Cells whose nucleus lies in the field: each cell of a vessel is counted in one field."""
    y, x = simulated.truth["nucleus_y_px"], simulated.truth["nucleus_x_px"]
    height, width = simulated.pixels.shape
    inside = (y >= -0.5) & (y < height - 0.5) & (x >= -0.5) & (x < width - 0.5)
    return int(np.count_nonzero(inside))


def _percent(share: float) -> str:
    """Per cent to two decimals; empty where nothing is usable."""
    return "" if np.isnan(share) else f"{100 * share:.2f}"


def _readme(fields: Sequence[PlannedPhase], texts: Mapping[str, str], seed: int) -> str:
    settings = fields[0].settings
    return README.format(
        **texts,
        name=fields[0].plate,
        seed=seed,
        n=len(fields),
        height=settings.height_px,
        width=settings.width_px,
        pixel_size_um=settings.optics.pixel_size_um,
    )
