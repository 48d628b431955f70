"""A simulated plate of a viability stain with its controls, for the tests of the road to rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.livedead import LiveDeadSettings, SimulatedLiveDead, simulate_livedead
from monolayer.simulate.settings import DebrisSettings, NucleiSettings, SimulateSettings
from monolayer.simulate.tiff import write_image

PIXEL_SIZE_UM = 0.65
SPILLOVER = ((1.0, 0.05), (0.2, 1.0))


def scene(side: int = 512, density: float = 60_000) -> SimulateSettings:
    """A field of about 66 nuclei (512 px) or 266 (1024 px), with the usual dirt."""
    return SimulateSettings(
        height_px=side,
        width_px=side,
        nuclei=NucleiSettings(density_cells_per_cm2=density),
        debris=DebrisSettings(),
    )


def in_frame(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which true nuclei neither the bottom nor the right edge cuts."""
    cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
    cut[labels[-1]] = cut[labels[:, -1]] = True
    return ~cut[1:]


def true_counts(field: SimulatedLiveDead) -> tuple[int, int]:
    """Living and dead cells of the field, by the unbiased frame."""
    alive = field.truth["alive"][in_frame(field.labels)]
    return int(alive.sum()), int((~alive).sum())


def write_well(
    folder: Path,
    well: str,
    settings: LiveDeadSettings,
    seed: int,
    fields: Sequence[int] = (1, 2),
    order: Mapping[str, str] | None = None,
) -> list[SimulatedLiveDead]:
    """Write a well as MetaXpress does, w1 the first dye; `order` gives other channel names."""
    names = order or {dye: f"w{k + 1}" for k, dye in enumerate(settings.dyes)}
    made = []
    folder.mkdir(parents=True, exist_ok=True)
    for site in fields:
        field = simulate_livedead(settings, seed, site)
        for dye, pixels in field.channels.items():
            path = folder / f"P1_{well}_s{site}_{names[dye]}.tif"
            write_image(path, pixels, PIXEL_SIZE_UM, 12, dye)
        made.append(field)
    return made
