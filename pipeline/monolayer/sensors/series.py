"""One quantity of one vessel in time, checked. What the sensor itself called bad stays, marked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.sensors.quantities import QUANTITIES

__all__ = ["SensorSeries"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SensorSeries:
    """Readings of one sensor.

    Attributes
    ----------
    vessel : str
        Whose medium it is in.
    quantity : str
        What is measured, with its unit.
    times_h : ndarray of float64
        Hours since seeding, rising; no two are equal.
    values : ndarray of float64
        One a time; NaN where the source gave a status and no value.
    good : ndarray of bool
        Whether the source called the reading good.
    probe : str
        Which one, where the vessel has several of the quantity.

    Raises
    ------
    InputError
        Times that do not rise, unequal lengths, numbers below 0, a quantity that is not known.
    """

    vessel: str
    quantity: ReadingName
    times_h: Floats
    values: Floats
    good: Bools
    probe: str = ""

    def __post_init__(self) -> None:
        """Refuse what no sensor can have said."""
        where = f"vessel {self.vessel}: {self.quantity}"
        if self.quantity not in QUANTITIES:
            raise InputError(f"{where} is not known; known: {', '.join(QUANTITIES)}.")
        if not len(self.times_h) == len(self.values) == len(self.good):
            raise InputError(f"{where}: times, values and states differ in number; give one each.")
        if not np.all(np.isfinite(self.times_h)) or np.any(self.times_h < 0):
            raise InputError(f"{where}: a time is before seeding; give hours since seeding.")
        if np.any(np.diff(self.times_h) <= 0):
            at = self.times_h[1:][np.diff(self.times_h) <= 0][0]
            raise InputError(f"{where}: time does not rise at {at:g} h; give each time once.")
        lowest = QUANTITIES[self.quantity].lowest
        wrong = self.good & ~(np.isfinite(self.values) & (self.values >= lowest))
        if np.any(wrong):
            at = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{where}: {self.values[at]:g} at {self.times_h[at]:g} h is impossible; give a "
                f"number of {lowest:g} or more, or mark the reading as bad."
            )

    def __len__(self) -> int:
        return len(self.times_h)

    def until(self, time_h: float) -> "SensorSeries":
        """The readings at that time and earlier."""
        kept = self.times_h <= time_h
        return SensorSeries(
            self.vessel, self.quantity, self.times_h[kept], self.values[kept], self.good[kept],
            self.probe,
        )  # fmt: skip
