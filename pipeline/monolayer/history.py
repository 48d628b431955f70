"""A vessel's history: plain records in time, checked, which a study's store or a file can feed.

Times are hours since seeding (``time_h``); `VesselHistory.clock` turns them into dates where the
vessel's seeding is known. What is unknown is None and never 0. Records are frozen: a correction is
a new history, so that a hash names what a decision was made on.
"""

import hashlib
import json
import math
import sys
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Literal

from monolayer.errors import InputError
from monolayer.sensed import (
    ReadingName,
    SensorEvent,
    SensorEventKind,
    SensorReading,
    check_number,
)

__all__ = [
    "Acquisition",
    "Exchange",
    "ReadingName",
    "SensorEvent",
    "SensorEventKind",
    "SensorReading",
    "Vessel",
    "VesselHistory",
    "ViabilityCount",
]

Ending = Literal["passaged", "harvested", "discarded"]


@dataclass(frozen=True, slots=True)
class Vessel:
    """A culture vessel as it was seeded.

    Attributes
    ----------
    name : str
        Its identifier.
    seeded_at : datetime or None
        When, with its offset from UTC.
    lot, donor : str or None
        Where the cells come from; the donor as a code.
    passage : int or None
        Passage number of the cells in it.
    doublings_at_seeding : float or None
        Population doubling level when they were seeded.
    seeding_density_cells_per_cm2 : float or None
        Viable cells seeded per area.
    final_stage : bool or None
        Whether this is the process's last stage: at the target it is harvested, not passaged.
    growth_area_cm2, medium_volume_ml : float or None
        Of the whole vessel.
    n_layers, n_layers_imaged : int or None
        A stack shows its lowest layers only.
    sentinel_assumption : str or None
        In the site's words, why the imaged layers stand for the others.
    """

    name: str
    seeded_at: datetime | None = None
    lot: str | None = None
    donor: str | None = None
    passage: int | None = None
    doublings_at_seeding: float | None = None
    seeding_density_cells_per_cm2: float | None = None
    final_stage: bool | None = None
    growth_area_cm2: float | None = None
    medium_volume_ml: float | None = None
    n_layers: int | None = None
    n_layers_imaged: int | None = None
    sentinel_assumption: str | None = None

    def __post_init__(self) -> None:
        """Refuse a vessel that cannot be."""
        where = f"vessel {self.name}"
        if self.seeded_at is not None and self.seeded_at.tzinfo is None:
            raise InputError(f"{where}: seeded_at has no offset from UTC; write ...T14:10+01:00.")
        for name in ("growth_area_cm2", "medium_volume_ml", "seeding_density_cells_per_cm2"):
            check_number(where, name, getattr(self, name), above_zero=True)
        for name in ("passage", "doublings_at_seeding"):
            check_number(where, name, getattr(self, name))
        if (self.n_layers_imaged or 0) > (self.n_layers or math.inf):
            raise InputError(f"{where}: more layers imaged than there are; mend n_layers.")


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One visit of the microscope and what its images gave, rolled up to the vessel.

    Attributes
    ----------
    time_h : float
        Hours since seeding.
    n_fields, n_fields_ok : int or None
        Planned fields, and those that could be evaluated.
    confluence, confluence_lower_bound : float or None
        Mean (0 to 1) and its one-sided lower bound.
    confluence_se : float or None
        Standard error of the mean between fields.
    confluence_field_cv : float or None
        Coefficient of variation between fields.
    density_cells_per_cm2, density_se : float or None
        Counted density and its standard error.
    doublings : float or None
        Population doubling level then.
    area_ratio : float or None
        Cell area over the reference's of the same medium, day and density.
    contamination : bool or None
        Whether signs of contamination were seen; None: nobody looked.
    image_sha256, image_sha256_found : str or None
        Hash of the images as recorded by the microscope, and of those that were evaluated.
    """

    time_h: float
    n_fields: int | None = None
    n_fields_ok: int | None = None
    confluence: float | None = None
    confluence_lower_bound: float | None = None
    confluence_se: float | None = None
    confluence_field_cv: float | None = None
    density_cells_per_cm2: float | None = None
    density_se: float | None = None
    doublings: float | None = None
    area_ratio: float | None = None
    contamination: bool | None = None
    image_sha256: str | None = None
    image_sha256_found: str | None = None

    def __post_init__(self) -> None:
        """Refuse figures that no images can give."""
        # The sentence is looked for only where there is one to say: it took most of the time in
        # which a study's 300,000 acquisitions are read.
        if not _possible(self):
            _refuse(self)


_FIGURES = (
    "n_fields",
    "n_fields_ok",
    "confluence",
    "confluence_lower_bound",
    "confluence_se",
    "confluence_field_cv",
    "density_cells_per_cm2",
    "density_se",
    "area_ratio",
)
_figures = attrgetter(*_FIGURES)
_MOST = sys.float_info.max


def _possible(visit: Acquisition) -> bool:
    n, n_ok, mean, low, *others = _figures(visit)
    for value in others:
        if value is not None and not 0 <= value < math.inf:
            return False
    return (
        (n is None or 0 <= n < math.inf)
        and (n_ok is None or 0 <= n_ok <= (n if n is not None else _MOST))
        and (mean is None or 0 <= mean <= 1)
        and (low is None or 0 <= low <= (mean if mean is not None else 1))
    )


def _refuse(visit: Acquisition) -> None:
    where = f"acquisition at {visit.time_h:g} h"
    for name in _FIGURES:
        check_number(where, name, getattr(visit, name))
    for name in ("confluence", "confluence_lower_bound"):
        if (getattr(visit, name) or 0) > 1:
            raise InputError(
                f"{where}: {name} {getattr(visit, name):g} is impossible; it is a share of 0 to 1."
            )
    low, mean = visit.confluence_lower_bound, visit.confluence
    if low is not None and mean is not None and low > mean:
        raise InputError(f"{where}: the lower bound {low:g} is above the confluence {mean:g}.")
    raise InputError(
        f"{where}: {visit.n_fields_ok} of {visit.n_fields} fields are evaluable; mend one."
    )


@dataclass(frozen=True, slots=True)
class ViabilityCount:
    """Viability of a sample at one time, with the one-sided lower bound to decide by."""

    time_h: float
    viability: float | None
    lower_bound: float | None

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for value in (self.viability, self.lower_bound):
            if value is not None and not 0 <= value <= 1:
                raise InputError(
                    f"viability {value:g} at {self.time_h:g} h is impossible; it is 0 to 1."
                )


@dataclass(frozen=True, slots=True)
class Exchange:
    """A medium exchange; the volume is that of the fresh medium."""

    time_h: float
    volume_ml: float | None = None

    def __post_init__(self) -> None:
        """Refuse an exchange of nothing."""
        check_number(f"exchange at {self.time_h:g} h", "volume_ml", self.volume_ml, above_zero=True)


@dataclass(frozen=True, slots=True)
class VesselHistory:
    """All records of one vessel since it was seeded, each list in rising time.

    Attributes
    ----------
    vessel : Vessel
        As seeded.
    acquisitions, viabilities, readings, exchanges : tuple
        Records; two acquisitions never share a time.
    ended_as, ended_h : str and float, or None
        How and when the vessel's culture ended.
    sensor_events : tuple of SensorEvent
        Excursions and faults, by the time at which they were known.

    Raises
    ------
    InputError
        Times before seeding, backwards, twice, or after the end; an exchange larger than the
        medium's volume.
    """

    vessel: Vessel
    acquisitions: tuple[Acquisition, ...] = ()
    viabilities: tuple[ViabilityCount, ...] = ()
    readings: tuple[SensorReading, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    ended_as: Ending | None = None
    ended_h: float | None = None
    sensor_events: tuple[SensorEvent, ...] = ()

    def __post_init__(self) -> None:
        """Refuse records that contradict one another."""
        where = f"vessel {self.vessel.name}"
        if self.ended_h is not None and self.ended_h < 0:
            raise InputError(f"{where}: ended {-self.ended_h:g} h before seeding; mend ended_h.")
        for kind in _KINDS:
            times = [record.time_h for record in getattr(self, kind)]
            _check_times(f"{where}: {kind}", times, self.ended_h, unique=kind == "acquisitions")
        volume = self.vessel.medium_volume_ml
        for exchange in self.exchanges:
            if (
                volume is not None
                and exchange.volume_ml is not None
                and exchange.volume_ml > volume
            ):
                raise InputError(
                    f"{where}: {exchange.volume_ml:g} mL exchanged at {exchange.time_h:g} h are "
                    f"more than the {volume:g} mL in it; mend one of them."
                )

    @property
    def last_h(self) -> float:
        """Time of the latest record; 0 where there is none."""
        records = [getattr(self, kind) for kind in _KINDS]
        later = [
            time_h
            for event in self.sensor_events
            for time_h in (event.ended_h, event.assessed_h)
            if time_h is not None
        ]
        return max((*(kind[-1].time_h for kind in records if kind), *later), default=0.0)

    def until(self, time_h: float) -> "VesselHistory":
        """What was known at that time; itself where that is everything."""
        if self.last_h <= time_h and (self.ended_h is None or self.ended_h <= time_h):
            return self
        kept: Any = {
            kind: tuple(record for record in getattr(self, kind) if record.time_h <= time_h)
            for kind in _KINDS
        }
        kept["sensor_events"] = tuple(event.until(time_h) for event in kept["sensor_events"])
        return VesselHistory(self.vessel, **kept)

    def alive_at(self, time_h: float) -> bool:
        """Whether the vessel was seeded by then and its culture had not ended."""
        ended = self.ended_as is not None and (self.ended_h is None or self.ended_h <= time_h)
        return time_h >= 0 and not ended

    def clock(self, time_h: float | None) -> datetime | None:
        """Date and time of so many hours after seeding; None where either is unknown.

        Raises
        ------
        InputError
            The calendar does not reach so far.
        """
        if time_h is None or self.vessel.seeded_at is None:
            return None
        try:
            return self.vessel.seeded_at + timedelta(hours=time_h)
        except (OverflowError, ValueError):
            raise InputError(
                f"vessel {self.vessel.name}: {time_h:g} h after seeding is no date; mend the time."
            ) from None

    @property
    def sha256(self) -> str:
        """Hash of every record, as canonical JSON."""
        # attrgetter reads a record in one call; dataclasses.asdict took 20 times as long, which
        # was most of a decision's time.
        content = [
            _vessel_row(self.vessel),
            [_acquisition_row(each) for each in self.acquisitions],
            [_viability_row(each) for each in self.viabilities],
            [_reading_row(each) for each in self.readings],
            [_exchange_row(each) for each in self.exchanges],
            self.ended_as,
            self.ended_h,
            [_event_row(each) for each in self.sensor_events],
        ]
        text = json.dumps([_COLUMNS, content], separators=(",", ":"), default=datetime.isoformat)
        return hashlib.sha256(text.encode()).hexdigest()


def _names(record: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


_vessel_row = attrgetter(*_names(Vessel))
_acquisition_row = attrgetter(*_names(Acquisition))
_viability_row = attrgetter(*_names(ViabilityCount))
_reading_row = attrgetter(*_names(SensorReading))
_exchange_row = attrgetter(*_names(Exchange))
_event_row = attrgetter(*_names(SensorEvent))
# In the hash, so that a later version's records cannot be taken for these.
_COLUMNS = [
    _names(kind)
    for kind in (Vessel, Acquisition, ViabilityCount, SensorReading, Exchange, SensorEvent)
]
_KINDS = ("acquisitions", "viabilities", "readings", "exchanges", "sensor_events")


def _check_times(where: str, times: list[float], ended_h: float | None, *, unique: bool) -> None:
    before = -math.inf
    for time_h in times:
        if not (math.isfinite(time_h) and time_h >= 0):
            raise InputError(f"{where}: {time_h:g} h is before seeding; give hours since seeding.")
        if time_h < before:
            raise InputError(f"{where}: time runs backwards from {before:g} h to {time_h:g} h.")
        if unique and time_h == before:
            raise InputError(f"{where}: two at {time_h:g} h; drop one of them.")
        before = time_h
    if ended_h is not None and before > ended_h:
        raise InputError(f"{where}: a record at {before:g} h is after the end at {ended_h:g} h.")
