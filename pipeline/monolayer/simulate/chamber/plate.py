"""Write simulated counting-chamber fields: images, truth masks, boxes, tables, the settings.

FOLDER/README.md           what this is and the command that makes it again
FOLDER/settings.yaml       the settings, for ``--settings``
FOLDER/manifest.csv        image and label mask of each field, with its counts
FOLDER/boxes.csv           one box a cell, living or dead, for ``monolayer evaluate``
FOLDER/truth.csv           one row a field: how many cells, how many alive, cells per mL
FOLDER/truth_objects.csv   one row a cell
FOLDER/images/             images alone, named as MetaXpress exports them
FOLDER/truth/              label masks
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monolayer.simulate.chamber.field import SimulatedChamberField, simulate_chamber_field
from monolayer.simulate.chamber.settings import ChamberFieldSettings, ChamberSettings
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

__all__ = ["PlannedChamberField", "plan_chamber", "simulate_chamber"]

TABLES = (
    "README.md", "settings.yaml", "manifest.csv", "boxes.csv", "truth.csv", "truth_objects.csv",
)  # fmt: skip
# Of what shows less of itself at the border nobody could tell what it is.
_LEAST_SEEN = 0.4
MODALITY = "brightfield suspension, live/dead boxes (simulated)"

README = """# SIMULATED counting chamber "{name}"

No microscope made these images: `monolayer simulate` did, from seed {seed} and the settings in
`settings.yaml`. The same command makes every file again, bit for bit; the next two count, and
hold the counts against the truth:

    monolayer simulate FOLDER --kind chamber --seed {seed} --settings settings.yaml
    monolayer run FOLDER/images --assay suspension -o RUN
    monolayer evaluate --assay suspension --manifest FOLDER/manifest.csv

- `images/` holds {n} bright-field images of {height} x {width} pixels, {pixel_size_um} um per
  pixel, of {depth_mm} mm of liquid; each well is a sample of its own viability.
- `truth/` holds the label masks, `boxes.csv` a box and the class of each cell of which the image
  shows two fifths or more.
- `truth.csv` describes each field: `n_live` and `n_dead` are the cells whose centre lies in it,
  so that each cell of a chamber is counted once; `truth_objects.csv` describes each cell.

Accuracy on these images is accuracy on simulation, and is to be called so.
"""


@dataclass(frozen=True, slots=True)
class PlannedChamberField(Planned):
    """One field to be simulated.

    Attributes
    ----------
    settings : ChamberFieldSettings
        With this sample's viability.
    """

    settings: ChamberFieldSettings

    def files(self) -> tuple[str, str]:
        """Image and label mask, relative to the folder."""
        return f"images/{self.stem}.tif", f"truth/{self.stem}_labels.tif"


def plan_chamber(settings: ChamberSettings) -> list[PlannedChamberField]:
    """List the fields, sample by sample."""
    spots = [
        (column, viability, site)
        for column, viability in enumerate(settings.viabilities)
        for site in range(settings.fields_per_sample)
    ]
    return [
        PlannedChamberField(
            index,
            settings.name,
            f"A{column + 1:02d}",
            str(site + 1),
            settings.field.model_copy(update={"viability": viability}),
        )
        for index, (column, viability, site) in enumerate(spots)
    ]


def simulate_chamber(
    folder: Path,
    settings: ChamberSettings,
    seed: int,
    on_field: Callable[[PlannedChamberField], None] | None = None,
) -> None:
    """Simulate samples in a counting chamber and write them with their truth.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same files and nothing else.
    settings : ChamberSettings
    seed : int
        At least 0; the same settings and seed give the same bytes.
    on_field : callable, optional
        Told each field once it is written, for a progress bar.

    Raises
    ------
    RunFolderError
        The folder holds something else.
    ValueError
        The seed is negative, or the cells do not fit.
    """
    fields = plan_chamber(settings)
    written = [*TABLES, *(name for field in fields for name in field.files())]

    def make(field: PlannedChamberField) -> Rows:
        simulated = simulate_chamber_field(field.settings, seed, field.index)
        _write_field(folder, field, simulated)
        return {
            "manifest": [_manifest_row(field, simulated)],
            "boxes": list(_box_rows(field, simulated)),
            "truth": [_truth_row(field, simulated)],
            "truth_objects": object_rows(field, simulated.truth),
        }

    texts = {
        "settings.yaml": settings_text(settings),
        "README.md": _readme(settings, len(fields), seed),
    }
    write_folder(folder, "chamber", written, fields, make, texts, on_field)


def _write_field(
    folder: Path, field: PlannedChamberField, simulated: SimulatedChamberField
) -> None:
    image, labels = field.files()
    size = field.settings.pixel_size_um
    write_image(folder / image, simulated.pixels, size, 8, "bright field (simulated)")
    write_labels(folder / labels, simulated.labels.astype(np.uint16), "cell")


def _manifest_row(field: PlannedChamberField, simulated: SimulatedChamberField) -> dict[str, Any]:
    image, labels = field.files()
    live = simulated.truth["live"]
    return manifest_row(
        image,
        labels,
        simulated.pixels,
        f"{field.plate} {field.well}",
        modality=MODALITY,
        dataset="simulated chamber",
        n_objects=len(live),
        n_live=int(np.count_nonzero(live)),
        n_dead=int(np.count_nonzero(~live)),
        pixel_size_um=field.settings.pixel_size_um,
        notes="SIMULATED; annotation = boxes.csv",
    )


def _box_rows(
    field: PlannedChamberField, simulated: SimulatedChamberField
) -> Iterator[dict[str, Any]]:
    truth = simulated.truth
    height, width = simulated.pixels.shape
    names = ("y_px", "x_px", "diameter_px", "live", "seen")
    for y, x, diameter, live, seen in zip(*(truth[name] for name in names), strict=True):
        if seen < _LEAST_SEEN:
            continue
        yield {
            "path": field.files()[0],
            "xmin": max(0, round(x - diameter / 2)),
            "ymin": max(0, round(y - diameter / 2)),
            "xmax": min(width - 1, round(x + diameter / 2)),
            "ymax": min(height - 1, round(y + diameter / 2)),
            "class": "live" if live else "dead",
        }


def _truth_row(field: PlannedChamberField, simulated: SimulatedChamberField) -> dict[str, Any]:
    settings, inside = field.settings, simulated.truth["inside"]
    n_live = int(np.count_nonzero(inside & simulated.truth["live"]))
    n = int(np.count_nonzero(inside))
    area_mm2 = simulated.pixels.size * (settings.pixel_size_um * 1e-3) ** 2
    volume_ml = area_mm2 * settings.depth_mm * 1e-3
    return {
        **field.names,
        "n_live": n_live,
        "n_dead": n - n_live,
        "viability": as_text(n_live / n) if n else "",
        "volume_ml": f"{volume_ml:.6e}",
        "concentration_cells_per_ml": as_text(n / volume_ml),
        "expected_viability": as_text(float(settings.viability)),
        "expected_concentration_cells_per_ml": as_text(float(settings.concentration_cells_per_ml)),
    }


def _readme(settings: ChamberSettings, n: int, seed: int) -> str:
    field = settings.field
    return README.format(
        name=settings.name,
        seed=seed,
        n=n,
        height=field.height_px,
        width=field.width_px,
        pixel_size_um=field.pixel_size_um,
        depth_mm=field.depth_mm,
    )
