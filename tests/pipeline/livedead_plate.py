"""A simulated plate of a viability stain with its controls, for the tests of the road to rows."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.dyed_cells import find_dyed
from monolayer.classify import ControlLot, ViabilitySettings, stain_named
from monolayer.classify.lots import Controls, ControlSignals, make_lot
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.simulate.livedead.field import LiveDeadSettings, SimulatedLiveDead, simulate_livedead
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


LOTS: dict[str, ControlLot] = {
    lot.stain: lot
    for lot in (
        ControlLot(
            id="LOT-1",
            stain="hoechst_pi",
            spillover=SPILLOVER,
            dead_band=(61, 169),
            cell_least=122,
            content=(134_000, 173_000),
            size_px=(512, 335),
            pixel_size_um=PIXEL_SIZE_UM,
        ),
        ControlLot(
            id="LOT-1",
            stain="calcein_ethd1",
            spillover=SPILLOVER,
            dead_band=(67, 196),
            cell_band=(47, 66),
            content=(273_000, 182_000),
            size_px=(1762, 356),
            pixel_size_um=PIXEL_SIZE_UM,
        ),
        ControlLot(
            id="LOT-1",
            stain="ao_pi",
            spillover=SPILLOVER,
            dead_band=(65, 181),
            cell_band=(91, 128),
            content=(134_000, 176_000),
            size_px=(514, 332),
            pixel_size_um=PIXEL_SIZE_UM,
        ),
    )
}
"""What `measured_lot` gives, rounded: test_viability_accuracy.py measures them again."""


def settings_of(stain: str, side: int = 512, **given: Any) -> LiveDeadSettings:
    """About 66 cells at 512 px; bodies of calcein need more room than nuclei."""
    density = 22_000 if stain == "calcein_ethd1" else 60_000
    plain = LiveDeadSettings(spillover=SPILLOVER, scene=scene(side, density))
    return plain.model_copy(update={"dyes": stain_named(stain).dyes, **given})


@cache
def simulated(stain: str, viability: float, seed: int) -> SimulatedLiveDead:
    """A field of 512 px, made once for all tests of a file."""
    return simulate_livedead(settings_of(stain, viability=viability), seed)


def image_of(made: SimulatedLiveDead, pixel_size_um: float | None = PIXEL_SIZE_UM) -> FieldImage:
    """The field as it comes from disk."""
    scales = dict.fromkeys(made.channels, 4095.0)
    return FieldImage(made.channels, pixel_size_um, full_scale=scales)


def measured_lot(stain: str, fields: int, side: int) -> ControlLot:
    """A lot from simulated control fields of this many each."""
    cell, dead = stain_named(stain).dyes
    method = Method(assay="viability", viability=ViabilitySettings(stain=stain_named(stain).name))

    def control(finder: str, seed: int, **given: Any) -> ControlSignals:
        found = []
        for index in range(fields):
            settings = settings_of(stain, side, double_positive=0.0, **given)
            image = image_of(simulate_livedead(settings, seed, index))
            cells = find_dyed(image, {dye: dye for dye in image.channels}, method, finder)
            found.append(ControlSignals(cells.seen, cells.columns["area_px"].astype(float)))
        return ControlSignals.pooled(found)

    single = {
        cell: control(cell, 1, viability=1.0, missing=(dead,)),
        dead: control(dead, 2, viability=0.0, missing=(cell,)),
    }
    killed = control(dead if stain_named(stain).unites else cell, 3, viability=0.0)
    return make_lot(
        Controls(single[cell], killed, single), method.viability, PIXEL_SIZE_UM, "LOT-1"
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
