"""From doses a year to cells, growth area and vessels, and back to money."""

import math
from typing import Annotated

from pydantic import Field

from monolayer.settings import Settings

__all__ = [
    "DoseSettings",
    "VesselSettings",
    "area_per_year_cm2",
    "cells_at_harvest_per_year",
    "cost_per_dose_eur",
    "doses_per_lot",
    "suspension_litres_per_year",
    "vessels_harvested_per_day",
    "vessels_in_culture",
    "vessels_per_year",
]

Fraction = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class DoseSettings(Settings):
    """What becomes of cells between harvest and dose. Every value is a site's own."""

    doses_per_year: Positive = 100_000.0
    """Doses released in a year."""

    cells_per_dose: Positive = 1e8
    """Viable cells that one dose needs once it is thawed."""

    harvested_fraction: Fraction = 0.90
    """Cells that come off the vessel."""

    processed_fraction: Fraction = 0.85
    """Cells left after washing, concentrating and filling."""

    not_sampled_fraction: Fraction = 0.98
    """Cells that quality control does not use up."""

    thawed_fraction: Fraction = 0.85
    """Cells that are viable after thawing."""

    success_fraction: Fraction = 0.95
    """Lots that are released."""


class VesselSettings(Settings):
    """The final stage's vessel."""

    area_cm2: Positive = 25_440.0
    """Growth area of one vessel; 25,440 is a 40-layer stack."""

    density_at_harvest_per_cm2: Positive = 30_000.0
    """Cells per square centimetre when they are harvested."""

    days_in_culture: Positive = 5.0
    """Days that a vessel of the final stage is in the incubator."""

    working_days_per_year: Positive = 350.0
    """Days on which vessels are harvested."""


def cells_at_harvest_per_year(doses: DoseSettings) -> float:
    """Cells that must be in the vessels at harvest, all losses counted in."""
    kept = doses.harvested_fraction * doses.processed_fraction * doses.not_sampled_fraction
    released = doses.doses_per_year * doses.cells_per_dose
    return released / (kept * doses.thawed_fraction * doses.success_fraction)


def area_per_year_cm2(doses: DoseSettings, vessel: VesselSettings) -> float:
    """Growth area that is harvested in a year."""
    return cells_at_harvest_per_year(doses) / vessel.density_at_harvest_per_cm2


def vessels_per_year(doses: DoseSettings, vessel: VesselSettings) -> int:
    """Whole vessels harvested in a year."""
    return math.ceil(area_per_year_cm2(doses, vessel) / vessel.area_cm2)


def vessels_harvested_per_day(doses: DoseSettings, vessel: VesselSettings) -> float:
    """Vessels harvested on a working day."""
    return vessels_per_year(doses, vessel) / vessel.working_days_per_year


def vessels_in_culture(doses: DoseSettings, vessel: VesselSettings) -> int:
    """Vessels of the final stage in the incubators at one time, to the nearest whole one."""
    return round(vessels_harvested_per_day(doses, vessel) * vessel.days_in_culture)


def suspension_litres_per_year(doses: DoseSettings, cells_per_ml: float) -> float:
    """Volume of the other road, cells on carriers in a stirred vessel."""
    return cells_at_harvest_per_year(doses) / cells_per_ml / 1000.0


def doses_per_lot(doses: DoseSettings, vessel: VesselSettings, vessels: int = 1) -> int:
    """Whole doses that a lot of so many vessels gives if it is released."""
    kept = doses.harvested_fraction * doses.processed_fraction * doses.not_sampled_fraction
    cells = vessels * vessel.area_cm2 * vessel.density_at_harvest_per_cm2 * kept
    return math.floor(cells / (doses.cells_per_dose / doses.thawed_fraction))


def cost_per_dose_eur(
    lots_per_year: float,
    eur_per_lot: float,
    fixed_eur_per_year: float,
    success_fraction: float,
    doses_per_released_lot: float,
) -> float:
    """Cost of a dose: lots that fail are paid for by those that are released.

    Parameters
    ----------
    lots_per_year : float
        Lots begun.
    eur_per_lot : float
        Materials, labour and quality control of one.
    fixed_eur_per_year : float
        Building, equipment and staff, whatever is made.
    success_fraction : float
        Lots that are released, in (0, 1].
    doses_per_released_lot : float
        Doses of one.
    """
    spent = lots_per_year * eur_per_lot + fixed_eur_per_year
    return spent / (lots_per_year * success_fraction * doses_per_released_lot)
