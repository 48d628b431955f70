"""Write a simulated plate of living and dead cells with the control wells of its stain.

FOLDER/README.md           what this is and the commands that make, calibrate and count it
FOLDER/settings.yaml       the settings, for ``--settings``
FOLDER/draft.yaml          a method without thresholds, for ``monolayer controls``
FOLDER/manifest.csv        first channel and mask of each field
FOLDER/truth.csv           one row a field: living and dead cells
FOLDER/truth_objects.csv   one row a nucleus
FOLDER/images/             images alone, named as MetaXpress exports them, one channel a dye
FOLDER/truth/              label masks of the nuclei
"""

from collections.abc import Callable
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
from monolayer.simulate.livedead.field import LiveDeadSettings, SimulatedLiveDead, simulate_livedead
from monolayer.simulate.settings import NucleiSettings, SimulateSettings
from monolayer.simulate.tiff import write_image, write_labels

__all__ = ["LiveDeadPlateSettings", "PlannedLiveDead", "plan_livedead", "simulate_livedead_plate"]

TABLES = (
    "README.md", "settings.yaml", "draft.yaml", "manifest.csv", "truth.csv", "truth_objects.csv",
)  # fmt: skip
# Pairs of dyes that the assay knows by name; the first that a plate holds is its method's.
STAINS = {
    "calcein_ethd1": ("calcein", "ethd1"),
    "ao_pi": ("ao", "pi"),
    "hoechst_pi": ("hoechst", "pi"),
}
DRAFT = """assay: viability
viability:
  stain: {stain}
  cell_channel: {cell_channel}
  dead_channel: {dead_channel}
"""
README = """# SIMULATED plate of living and dead cells "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed} and the settings in
`settings.yaml`. The same command makes every file again, bit for bit; the next one measures the
control wells and writes a method with their thresholds, the last one counts:

    monolayer simulate FOLDER --kind livedead --seed {seed} --settings settings.yaml
    monolayer controls FOLDER/images --unstained A01 --killed A03 --single {cell}=A01 \\
        --single {dead}=A02 --method FOLDER/draft.yaml -o method.yaml
    monolayer run FOLDER/images --method method.yaml -o RUN

- Row A holds the controls: A01 without {dead} (living cells), A02 {dead} alone (killed cells), A03
  killed cells with all dyes. Rows {rows} are replicates; their columns are {shares} living.
- `images/` holds {n} fields of {height} x {width} pixels, {pixel_size_um} um per pixel; channels:
  {channels}.
- `truth/` holds the label masks of the nuclei. `truth.csv` counts living and dead cells of each
  field, without those that the last row or column cuts; `truth_objects.csv` describes each nucleus.

Accuracy on these images is accuracy on simulation, and is to be called so.
"""


class LiveDeadPlateSettings(Settings):
    """A plate of one stain: controls in row A, a ladder of viability in the others."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "livedead"
    """Name of the plate, the first part of each file name."""
    rows: Annotated[str, Field(pattern=r"^[B-P]+$")] = "BC"
    """Letters of the rows of samples; each is a replicate."""
    viabilities: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=24)
    ] = (0.5, 0.8, 0.95)
    """Chance of a cell to be living, of each column."""
    fields_per_well: Annotated[int, Field(ge=1, le=99)] = 3
    """Image positions of each well."""
    field: LiveDeadSettings = LiveDeadSettings(
        spillover=((1.0, 0.05), (0.2, 1.0)),
        scene=SimulateSettings(nuclei=NucleiSettings(density_cells_per_cm2=50_000)),
    )
    """The images; a well's viability and dyes stand in for theirs."""

    @model_validator(mode="after")
    def _has_a_stain(self) -> "LiveDeadPlateSettings":
        if not any(set(pair) <= set(self.field.dyes) for pair in STAINS.values()):
            pairs = "; ".join(", ".join(pair) for pair in STAINS.values())
            raise ValueError(f"field.dyes must hold one of the pairs {pairs}")
        return self

    @property
    def stain(self) -> str:
        """Name of the plate's pair of dyes."""
        return next(name for name, pair in STAINS.items() if set(pair) <= set(self.field.dyes))


@dataclass(frozen=True, slots=True)
class PlannedLiveDead(Planned):
    """One field of the plate.

    Attributes
    ----------
    settings : LiveDeadSettings
        With this well's viability and dyes.
    """

    settings: LiveDeadSettings

    def image(self, dye: str) -> str:
        """Path of a dye's image, relative to the folder."""
        dyes: tuple[str, ...] = self.settings.dyes
        return f"images/{self.stem_of(f'w{dyes.index(dye) + 1}')}.tif"

    @property
    def mask(self) -> str:
        """Path of the label mask, relative to the folder."""
        return f"truth/{self.plate}_{self.well}_s{self.site}_labels.tif"


def plan_livedead(settings: LiveDeadPlateSettings) -> list[PlannedLiveDead]:
    """List the fields of the plate: the controls, then row by row, column by column."""
    _, dead = STAINS[settings.stain]
    wells: dict[str, dict[str, Any]] = {
        "A01": {"viability": 1.0, "missing": (dead,)},
        "A02": {"viability": 0.0, "missing": tuple(d for d in settings.field.dyes if d != dead)},
        "A03": {"viability": 0.0, "double_positive": 0.0, "dying_fraction": 0.0},
    }
    for row in settings.rows:
        for column, share in enumerate(settings.viabilities):
            wells[f"{row}{column + 1:02d}"] = {"viability": share}
    spots = [(well, site) for well in wells for site in range(1, settings.fields_per_well + 1)]
    return [
        PlannedLiveDead(
            index, settings.name, well, str(site), settings.field.model_copy(update=wells[well])
        )
        for index, (well, site) in enumerate(spots)
    ]


def simulate_livedead_plate(
    folder: Path,
    settings: LiveDeadPlateSettings,
    seed: int,
    on_field: Callable[[PlannedLiveDead], None] | None = None,
) -> None:
    """Simulate a plate of living and dead cells with its controls and write it.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same plate and nothing else.
    settings : LiveDeadPlateSettings
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
    fields = plan_livedead(settings)
    written = [field.image(dye) for field in fields for dye in settings.field.dyes]
    written += [field.mask for field in fields]

    def make(field: PlannedLiveDead) -> Rows:
        simulated = simulate_livedead(field.settings, seed, field.index)
        _write_field(folder, field, simulated)
        return {
            "manifest": [_manifest_row(field, simulated)],
            "truth": [_truth_row(field, simulated)],
            "truth_objects": object_rows(field, simulated.truth),
        }

    texts = {
        "settings.yaml": settings_text(settings),
        "draft.yaml": _draft(settings),
        "README.md": _readme(settings, seed, len(fields)),
    }
    write_folder(folder, "plate", [*TABLES, *written], fields, make, texts, on_field)


def _write_field(folder: Path, field: PlannedLiveDead, simulated: SimulatedLiveDead) -> None:
    optics = field.settings.scene.optics
    for dye, pixels in simulated.channels.items():
        name = f"simulated {dye}"
        write_image(folder / field.image(dye), pixels, optics.pixel_size_um, optics.bit_depth, name)
    write_labels(folder / field.mask, simulated.labels.astype(np.uint16), "nucleus")


def _manifest_row(field: PlannedLiveDead, simulated: SimulatedLiveDead) -> dict[str, Any]:
    first = field.settings.dyes[0]
    return manifest_row(
        field.image(first),
        field.mask,
        simulated.channels[first],
        f"well {field.well}",
        modality=f"fluorescence viability (simulated {', '.join(field.settings.dyes)})",
        dataset="simulated living and dead cells",
        n_objects=len(simulated.truth["label"]),
        pixel_size_um=field.settings.scene.optics.pixel_size_um,
    )


def _truth_row(field: PlannedLiveDead, simulated: SimulatedLiveDead) -> dict[str, Any]:
    labels, alive = simulated.labels, simulated.truth["alive"]
    cut = np.union1d(labels[-1], labels[:, -1])
    counted = ~np.isin(simulated.truth["label"], cut)
    live, dead = int((counted & alive).sum()), int((counted & ~alive).sum())
    return {
        **field.names,
        "n_objects": len(alive),
        "n_live": live,
        "n_dead": dead,
        "viability": as_text(live / (live + dead)) if live + dead else "",
        "missing_dyes": " ".join(field.settings.missing),
        "pixel_size_um": field.settings.scene.optics.pixel_size_um,
    }


def _draft(settings: LiveDeadPlateSettings) -> str:
    channels: dict[str, str] = {dye: f"w{k + 1}" for k, dye in enumerate(settings.field.dyes)}
    cell, dead = STAINS[settings.stain]
    return DRAFT.format(
        stain=settings.stain, cell_channel=channels[cell], dead_channel=channels[dead]
    )


def _readme(settings: LiveDeadPlateSettings, seed: int, n: int) -> str:
    scene, dyes = settings.field.scene, settings.field.dyes
    cell, dead = STAINS[settings.stain]
    return README.format(
        name=settings.name,
        seed=seed,
        n=n,
        cell=cell,
        dead=dead,
        rows=", ".join(settings.rows),
        shares=", ".join(f"{share:.0%}" for share in settings.viabilities),
        channels=", ".join(f"w{k + 1} {dye}" for k, dye in enumerate(dyes)),
        height=scene.height_px,
        width=scene.width_px,
        pixel_size_um=scene.optics.pixel_size_um,
    )
