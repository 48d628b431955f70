"""What sensors told of a vessel in time: readings, and events that a rule made of them.

Times are hours since seeding. What is unknown is None and never 0.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from monolayer.errors import InputError

__all__ = ["ReadingName", "SensorEvent", "SensorEventKind", "SensorReading", "check_number"]

ReadingName = Literal[
    "ph",
    "temperature_c",
    "dissolved_oxygen_percent",
    "pco2_mmhg",
    "glucose_mmol_per_l",
    "lactate_mmol_per_l",
    "glutamine_mmol_per_l",
    "ammonium_mmol_per_l",
    "capacitance_pf_per_cm",
]
SensorEventKind = Literal["alert", "action", "fault"]


@dataclass(frozen=True, slots=True)
class SensorReading:
    """One reading; the unit is in the quantity's name."""

    time_h: float
    quantity: ReadingName
    value: float

    def __post_init__(self) -> None:
        """Refuse a reading that is no number."""
        check_number(f"reading at {self.time_h:g} h", self.quantity, self.value)


@dataclass(frozen=True, slots=True)
class SensorEvent:
    """An excursion beyond a limit, or a time in which a sensor cannot be believed.

    Attributes
    ----------
    time_h : float
        When it was known: after its delay.
    quantity : str
        What the sensor measures.
    kind : {'alert', 'action', 'fault'}
        Which limit was left; or that the sensor failed.
    since_h : float
        When it began.
    ended_h : float or None
        When it was over; None: it is not.
    extreme : float or None
        The reading farthest beyond the limit, in the quantity's unit.
    area : float or None
        Area under the deviation, in that unit times hours.
    reason : str or None
        For a fault, why: ``stuck``, ``out_of_range``, ``impossible_rate``, ``bad_status``,
        ``probes_disagree``.
    assessed_h : float or None
        When a person assessed it; it is told from then on, and stops nothing.
    """

    time_h: float
    quantity: ReadingName
    kind: SensorEventKind
    since_h: float
    ended_h: float | None = None
    extreme: float | None = None
    area: float | None = None
    reason: str | None = None
    assessed_h: float | None = None

    def __post_init__(self) -> None:
        """Refuse an event that ends before it begins."""
        where = f"{self.quantity} {self.kind} at {self.time_h:g} h"
        check_number(where, "since_h", self.since_h)
        check_number(where, "area", self.area)
        if self.since_h > self.time_h:
            raise InputError(
                f"{where}: was known before it began at {self.since_h:g} h; mend since_h."
            )
        if self.ended_h is not None and not self.ended_h >= self.since_h:
            raise InputError(
                f"{where}: ended at {self.ended_h:g} h, before it began; mend ended_h."
            )
        if self.assessed_h is not None and not self.assessed_h >= self.time_h:
            raise InputError(f"{where}: was assessed before it was known; mend assessed_h.")

    def until(self, time_h: float) -> "SensorEvent":
        """What was known of it then: not its end, and not how far it would go."""
        over = self.ended_h is not None and self.ended_h <= time_h
        then = self if over else replace(self, ended_h=None, extreme=None, area=None)
        assessed = self.assessed_h is not None and self.assessed_h <= time_h
        return then if assessed else replace(then, assessed_h=None)


def check_number(where: str, name: str, value: float | None, *, above_zero: bool = False) -> None:
    """Refuse a figure that is negative, or that is no number; None is unknown.

    Raises
    ------
    InputError
        It is so; `where` and `name` say which.
    """
    if value is None or (math.isfinite(value) and (value > 0 or (value == 0 and not above_zero))):
        return
    wanted = "above 0" if above_zero else "0 or more"
    raise InputError(f"{where}: {name} {value:g} is impossible; give a number {wanted}.")
