"""What cannot be if channels, dyes and controls belong together: a field is refused, not counted.

Swapped channels, a stain that failed, another lot's filters and another objective all give cells
and a viability that looks like one. Each check compares the field with the controls of its lot.
"""

from collections.abc import Mapping

import numpy as np

from monolayer.assays.dyed_cells import DyedCells
from monolayer.classify import (
    ControlLot,
    ViabilitySettings,
    count_unmatched,
    looks_over_compensated,
    stain_named,
)
from monolayer.field import FieldImage
from monolayer.method import Method

__all__ = ["count_unmatched_dead", "find_contradiction", "find_unusable"]

# Of a usual nucleus's area, and in pixels: smaller spots of PI are dirt.
_LEAST_SHARE = 0.25
_LEAST_PX = 9.0
# Of the least that killed cells have; staining differs by less between wells.
_PALE = 0.5
# Bodies that are not so much larger than nuclei cannot tell swapped channels.
_TELLING_RATIO = 2.0
# A lot's pixel size is that of the objective: readers round it differently.
_SAME_SIZE = 0.01


def find_unusable(
    image: FieldImage, roles: Mapping[str, str], lot: ControlLot, method: Method
) -> tuple[str, str] | None:
    """What the inspection of the first channel does not see."""
    size, controls = image.pixel_size_um, lot.pixel_size_um
    if size and controls and abs(size / controls - 1) > _SAME_SIZE:
        return "other_pixel_size", (
            f"The pixel is {size:g} um and that of the controls {controls:g} um: measure the "
            "controls of this objective."
        )
    dead = roles[list(roles)[1]]
    pixels = image.channels[dead]
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        wrong = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        return "not_finite", f"{wrong} pixels of channel {dead} are NaN or infinite."
    low, high = float(pixels.min()), float(pixels.max())
    if low == high:
        return "blank", f"Every pixel of channel {dead} is {high:g}."
    full = image.full_scale.get(dead)
    reached = full is not None and high >= full
    share = float(np.count_nonzero(pixels >= full) / pixels.size) if reached else 0.0
    if share > method.inspect.max_saturated_fraction:
        return "saturated", (
            f"{share:.3%} of the pixels of channel {dead} are saturated; "
            f"max_saturated_fraction is {method.inspect.max_saturated_fraction}."
        )
    return None


def count_unmatched_dead(
    cells: DyedCells,
    image: FieldImage,
    roles: Mapping[str, str],
    settings: ViabilitySettings,
    lot: ControlLot,
) -> int | None:
    """Dead nuclei that the nuclear stain does not show; None where the stain's rule unites."""
    stain = stain_named(lot.stain)
    if stain.unites:
        return None
    areas = cells.columns["area_px"]
    usual = lot.size_px[0] if lot.size_px else float(np.median(areas)) if areas.size else 0.0
    size = image.pixel_size_um
    least = settings.min_area_um2 / size**2 if size else 0.0
    least = max(least, _LEAST_SHARE * usual, _LEAST_PX)
    diameter = 2 * np.sqrt(max(usual, _LEAST_PX) / np.pi)
    dead = image.channels[roles[stain.dyes[1]]]
    unseen = count_unmatched(cells.labels, dead, lot.dead_band[1], least, diameter)
    return unseen + _pale(cells, lot)


def _pale(cells: DyedCells, lot: ControlLot) -> int:
    """Dead nuclei far paler in the nuclear stain than killed ones: found by spill-over alone."""
    if lot.cell_least is None:
        return 0
    pale = cells.light[:, 0] < _PALE * lot.cell_least
    return int(np.count_nonzero(pale & (cells.light[:, 1] > lot.dead_band[1])))


def find_contradiction(
    cells: DyedCells, unmatched: int | None, settings: ViabilitySettings, lot: ControlLot
) -> tuple[str, str] | None:
    """What cannot be if channels, dyes and controls belong together."""
    cell_dye, dead_dye = stain_named(lot.stain).dyes
    fewest, share = settings.min_unmatched, settings.max_unmatched_fraction
    if unmatched is not None and unmatched >= fewest and unmatched > share * (unmatched + cells.n):
        return "swapped_channels", (
            f"{unmatched} nuclei shine in {dead_dye} where {cell_dye}, which shows {cells.n}, has "
            f"none or hardly any light: the two channels look swapped, or {cell_dye} failed."
        )
    if looks_over_compensated(cells.light[:, 1], lot.dead_band[1], fewest, share):
        return "over_compensated", (
            f"After compensation more than {share:.0%} of the objects have less {dead_dye} than "
            f"none: the channels look swapped, or lot {lot.id!r} is of other filters or exposures."
        )
    if _sizes_swapped(cells, settings, lot):
        return "swapped_channels", (
            f"What the {cell_dye} channel shows has the size of {dead_dye}-stained nuclei: the two "
            "channels look swapped."
        )
    return None


def _sizes_swapped(cells: DyedCells, settings: ViabilitySettings, lot: ControlLot) -> bool:
    """Whether dead nuclei are as large as living bodies, or bodies as small as dead nuclei.

    Told only where the controls' sizes differ enough, and by groups of some size.
    """
    if not stain_named(lot.stain).unites or lot.size_px is None:
        return False
    body, nucleus = lot.size_px
    if body < _TELLING_RATIO * nucleus:
        return False
    middle = np.sqrt(body * nucleus)
    dead = cells.light[:, 1] > lot.dead_band[0]
    bodies, nuclei = cells.columns["area_px"][~dead], cells.dead_area_px[dead]
    fewest = 2 * settings.min_unmatched
    small = bodies.size >= fewest and np.median(bodies) < middle
    return bool(small or (nuclei.size >= fewest and np.median(nuclei) > middle))
