"""The medium of a culture in time, as a linear function of what is not known of it.

The row of a tank is the amount of a metabolite in micromoles for each unknown at one: the start's
concentration, the fresh medium's, and one rate a stretch. `carry` lets time pass, `exchange` mixes.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError
from monolayer.metabolism.cells import CellCourse
from monolayer.metabolism.culture import Culture, Sample
from monolayer.metabolism.settings import MetabolismSettings, Metabolite

__all__ = ["FRESH", "RELEASED", "START", "Decay", "Stretch", "Tank", "sample_rows"]

Floats = NDArray[np.float64]
Stretch = tuple[float, float]
RELEASED: tuple[Metabolite, ...] = ("lactate_mmol_per_l", "ammonium_mmol_per_l")
START, FRESH, _FIRST_RATE = 0, 1, 2
_UMOL = 1e-6  # micromoles in a picomole


class Tank:
    """One vessel's medium on its way through time.

    Parameters
    ----------
    culture : Culture
        Volumes.
    cells : CellCourse
        Who takes up or releases.
    quantity : str
        The metabolite.
    stretches : sequence of (float, float)
        Hours within each of which the rate is one.
    settings : MetabolismSettings
        Evaporation and decay.
    start_is_fresh : bool
        Whether the start has no concentration of its own.
    """

    def __init__(
        self,
        culture: Culture,
        cells: CellCourse,
        quantity: Metabolite,
        stretches: Sequence[Stretch],
        settings: MetabolismSettings,
        *,
        start_is_fresh: bool,
    ) -> None:
        self._culture, self._cells, self._settings = culture, cells, settings
        self._ends = [end for _, end in stretches]
        self._sign = 1.0 if quantity in RELEASED else -1.0
        decays = quantity == "glutamine_mmol_per_l"
        self.decay_per_d = settings.glutamine_decay_per_d if decays else 0.0
        self.volume_ml, self.at_h = culture.volume_ml, 0.0
        self.row = np.zeros(_FIRST_RATE + len(stretches))
        self.row[FRESH if start_is_fresh else START] = culture.volume_ml

    def rate_place(self, time_h: float) -> int:
        """Which unknown is the rate at that hour."""
        n = next((i for i, end in enumerate(self._ends) if time_h < end), len(self._ends) - 1)
        return _FIRST_RATE + n

    def carry(self, to_h: float) -> None:
        """Let cells, decay and evaporation work until then.

        Raises
        ------
        InputError
            All medium has evaporated before then.
        """
        if to_h == self.at_h:
            return
        days = (to_h - self.at_h) / 24
        place = self.rate_place((self.at_h + to_h) / 2)
        self.row *= math.exp(-self.decay_per_d * days)
        worked = self._cells.cell_days(self.at_h, to_h, self.decay_per_d)
        self.row[place] += self._sign * worked * _UMOL
        self.volume_ml -= self._settings.evaporation_ml_per_d * days
        self.at_h = to_h
        if self.volume_ml <= 0:
            raise InputError(
                f"vessel {self._culture.vessel}: all medium has evaporated by {to_h:g} h; mend "
                "evaporation_ml_per_d."
            )

    def exchange(self, fresh_ml: float) -> float:
        """Take out spent medium and put in fresh; return the share of the old that stays."""
        kept_ml = min(self.volume_ml, self._culture.volume_ml - fresh_ml)
        share = kept_ml / self.volume_ml
        self.row *= share
        self.row[FRESH] += fresh_ml
        self.volume_ml = kept_ml + fresh_ml
        return share


class Decay:
    """Micromoles of ammonium that a culture's glutamine gives by decaying on its own.

    What is left less than the cells took is what decayed: ``A(a) - A(b) - uptake``.
    """

    def __init__(self, tank: Tank, unknowns: Floats, cells: CellCourse) -> None:
        self._tank, self._unknowns, self._cells = tank, unknowns, cells

    def carry(self, to_h: float) -> float:
        """Let time pass; return what decayed since."""
        tank = self._tank
        rate = self._unknowns[tank.rate_place((tank.at_h + to_h) / 2)]
        taken_up = rate * self._cells.cell_days(tank.at_h, to_h) * _UMOL
        before = float(tank.row @ self._unknowns)
        tank.carry(to_h)
        return before - float(tank.row @ self._unknowns) - float(taken_up)

    def exchange(self, fresh_ml: float) -> None:
        """Mix, as the tank does."""
        self._tank.exchange(fresh_ml)


def sample_rows(
    tank: Tank, culture: Culture, samples: Sequence[Sample], decay: Decay | None = None
) -> tuple[Floats, Floats]:
    """Concentration at each sample for each unknown at one, and the part that is known already."""
    rows, known, extra = [], [], 0.0
    # At one hour the sample comes first: it is of the spent medium.
    events = sorted(
        [(each.time_h, 0, 0.0) for each in samples]
        + [(each.time_h, 1, each.volume_ml or 0.0) for each in culture.exchanges]
    )
    for time_h, is_exchange, fresh_ml in events:
        if decay is not None:
            extra += decay.carry(time_h)
        tank.carry(time_h)
        if is_exchange:
            extra *= tank.exchange(fresh_ml)
            if decay is not None:
                decay.exchange(fresh_ml)
        else:
            rows.append(tank.row / tank.volume_ml)
            known.append(extra / tank.volume_ml)
    return np.array(rows), np.array(known)
