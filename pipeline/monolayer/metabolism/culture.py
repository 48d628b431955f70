"""One culture as the mass balance sees it: cells, medium, exchanges and samples.

A sample at the hour of an exchange is of the spent medium; a sample of fresh medium after it is
given a little later. One at hour 0 is of the medium that the cells were seeded in.
"""

import math
from dataclasses import dataclass

from monolayer.errors import InputError
from monolayer.history import Exchange
from monolayer.metabolism.cells import CellCourse
from monolayer.metabolism.settings import Metabolite

__all__ = ["Culture", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured concentration.

    Attributes
    ----------
    time_h : float
        Hours since seeding.
    quantity : str
        Which metabolite.
    mmol_per_l : float
        How much, 0 or more.
    """

    time_h: float
    quantity: Metabolite
    mmol_per_l: float

    def __post_init__(self) -> None:
        """Refuse what no assay can give."""
        if not (math.isfinite(self.mmol_per_l) and self.mmol_per_l >= 0 and self.time_h >= 0):
            raise InputError(
                f"{self.quantity} {self.mmol_per_l:g} at {self.time_h:g} h is impossible; give 0 "
                "or more, at 0 h or later."
            )


@dataclass(frozen=True, slots=True)
class Culture:
    """What is known of one vessel's medium and cells.

    Attributes
    ----------
    vessel : str
        Its name.
    cells : CellCourse
        Cells in time.
    volume_ml : float
        Medium after seeding and after every exchange.
    exchanges : tuple of Exchange
        Each with the volume of fresh medium, in rising time.
    samples : tuple of Sample
        In rising time.
    """

    vessel: str
    cells: CellCourse
    volume_ml: float
    exchanges: tuple[Exchange, ...]
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        """Refuse exchanges that the balance cannot follow."""
        where = f"vessel {self.vessel}"
        if not (math.isfinite(self.volume_ml) and self.volume_ml > 0):
            raise InputError(f"{where}: medium volume {self.volume_ml:g} mL must be above 0.")
        for exchange in self.exchanges:
            if exchange.volume_ml is None:
                raise InputError(
                    f"{where}: the exchange at {exchange.time_h:g} h has no volume; give "
                    "volume_ml, or the mass balance has a hole."
                )
            if exchange.volume_ml > self.volume_ml:
                raise InputError(
                    f"{where}: {exchange.volume_ml:g} mL exchanged at {exchange.time_h:g} h are "
                    f"more than the {self.volume_ml:g} mL in it; mend one of them."
                )

    def of(self, quantity: Metabolite) -> tuple[Sample, ...]:
        """The samples of one metabolite."""
        return tuple(sample for sample in self.samples if sample.quantity == quantity)
