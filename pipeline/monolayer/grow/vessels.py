"""Culture vessels by type: growth areas, and which to fill with a given number of cells."""

from collections.abc import Mapping
from dataclasses import dataclass

from monolayer.errors import InputError

__all__ = ["GROWTH_AREA_CM2", "VesselPlan", "growth_area_cm2", "plan_vessels"]

# As makers' catalogues give them; a site passes its own areas where it has measured them.
GROWTH_AREA_CM2: dict[str, float] = {
    "T-25": 25,
    "T-75": 75,
    "T-150": 150,
    "T-175": 175,
    "T-225": 225,
    "6-well": 9.5,
    "12-well": 3.8,
    "24-well": 1.9,
    "48-well": 0.95,
    "96-well": 0.32,
    "384-well": 0.056,
    "CellSTACK-1": 636,
    "CellSTACK-2": 1_272,
    "CellSTACK-5": 3_180,
    "CellSTACK-10": 6_360,
    "CellSTACK-40": 25_440,
    "CellFactory-1": 632,
    "CellFactory-10": 6_320,
    "CellFactory-40": 25_280,
    "HYPERFlask": 1_720,
    "HYPERStack-12": 6_000,
    "HYPERStack-36": 18_000,
    "HYPERStack-120": 60_000,
}


@dataclass(frozen=True, slots=True)
class VesselPlan:
    """Vessels to fill.

    Attributes
    ----------
    vessels : tuple of (str, int)
        Type and number, the largest first.
    area_cm2 : float
        Their growth area.
    cells_left : float
        Viable cells for which there is no vessel.
    """

    vessels: tuple[tuple[str, int], ...]
    area_cm2: float
    cells_left: float


def growth_area_cm2(kind: str, areas: Mapping[str, float] = GROWTH_AREA_CM2) -> float:
    """Growth area of a vessel type.

    Raises
    ------
    InputError
        An unknown type; the sentence lists those that there are.
    """
    if kind not in areas:
        raise InputError(f"vessel type '{kind}' is unknown; there are {', '.join(areas)}.")
    return areas[kind]


def plan_vessels(
    viable_cells: float,
    seeding_density_cells_per_cm2: float,
    kinds: tuple[str, ...],
    areas: Mapping[str, float] = GROWTH_AREA_CM2,
) -> VesselPlan:
    """Fill the largest vessels first; every vessel is seeded at the whole density.

    Parameters
    ----------
    viable_cells : float
        Cells to seed.
    seeding_density_cells_per_cm2 : float
        Cells per area.
    kinds : tuple of str
        Types at hand.
    areas : mapping of str to float
        Their growth areas in cm2.

    Raises
    ------
    InputError
        No cells, no density, or an unknown type.
    """
    if not (viable_cells > 0 and seeding_density_cells_per_cm2 > 0):
        raise InputError(
            f"{viable_cells:g} cells at {seeding_density_cells_per_cm2:g} per cm2 fill no vessel; "
            "give numbers above 0."
        )
    ordered = sorted(kinds, key=lambda kind: -growth_area_cm2(kind, areas))
    left = viable_cells / seeding_density_cells_per_cm2
    filled: list[tuple[str, int]] = []
    used = 0.0
    for kind in ordered:
        area = areas[kind]
        number = int((left + 1e-9) // area)
        if number:
            filled.append((kind, number))
            used += number * area
            left -= number * area
    return VesselPlan(tuple(filled), used, max(0.0, left) * seeding_density_cells_per_cm2)
