"""What the rules look at, taken from a history once.

The trick: bad news does not age, good news does. A reading outside its limits counts until a newer
one is inside; one inside its limits says nothing once it is old. So evidence that is lost can stop
a vessel, and can never let one pass.
"""

import math
from dataclasses import dataclass

from monolayer.decide.answer import Outlook
from monolayer.decide.settings import DecideSettings
from monolayer.history import (
    Acquisition,
    SensorEvent,
    SensorReading,
    VesselHistory,
    ViabilityCount,
)

__all__ = ["Evidence", "gather"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A vessel as it is known at one time.

    Attributes
    ----------
    history : VesselHistory
        Up to `at_h`.
    at_h : float
        Now, in hours since seeding.
    last : Acquisition or None
        The latest visit, evaluable or not.
    last_valid : bool
        Whether it has enough evaluable fields, a mean and a lower bound.
    previous_valid : bool
        The same of the visit before; True where there is none.
    intact : bool or None
        Images are those that were recorded; None: not told of the latest.
    contaminated : bool or None
        Seen at any visit; None: not looked for at the latest.
    readings : dict of str to SensorReading
        The latest of each quantity that counts: a reading inside its limits taken while the
        sensor was faulty is void, one outside them is not.
    faulty : frozenset of str
        Quantities whose sensor is at fault, and nobody has assessed it.
    viability : ViabilityCount or None
        The latest.
    doublings : float or None
        Highest level known.
    doublings_current : bool
        Whether the latest visit's level is known.
    fed_h : float
        The latest exchange; 0 where there is none, as seeding brings fresh medium.
    at_target : int
        Valid visits in a row, up to the latest, whose lower bound reached the target.
    ready : bool
        Confirmed, and not left since (hysteresis).
    outlook : Outlook
        Growth.
    """

    history: VesselHistory
    at_h: float
    last: Acquisition | None
    last_valid: bool
    previous_valid: bool
    intact: bool | None
    contaminated: bool | None
    readings: dict[str, SensorReading]
    faulty: frozenset[str]
    viability: ViabilityCount | None
    doublings: float | None
    doublings_current: bool
    fed_h: float
    at_target: int
    ready: bool
    outlook: Outlook


def gather(
    history: VesselHistory, at_h: float, outlook: Outlook, settings: DecideSettings
) -> Evidence:
    """Take from a history what the rules look at."""
    visits = history.acquisitions
    last = visits[-1] if visits else None
    at_target, ready = _readiness(history, settings)
    levels = [v.doublings for v in visits if v.doublings is not None]
    readings = _readings(history, settings)
    return Evidence(
        history=history,
        at_h=at_h,
        last=last,
        last_valid=last is not None and is_valid(last, settings),
        previous_valid=len(visits) < 2 or is_valid(visits[-2], settings),
        intact=_intact(visits),
        contaminated=_contaminated(visits),
        readings=readings,
        faulty=_faulty(history),
        viability=history.viabilities[-1] if history.viabilities else None,
        doublings=max(levels, default=None),
        doublings_current=last is not None and last.doublings is not None,
        fed_h=history.exchanges[-1].time_h if history.exchanges else 0.0,
        at_target=at_target,
        ready=ready,
        outlook=outlook,
    )


def is_valid(visit: Acquisition, settings: DecideSettings) -> bool:
    """Whether a visit has enough evaluable fields, a mean and its lower bound."""
    if visit.n_fields is None or visit.n_fields_ok is None:
        return False
    if visit.confluence is None or visit.confluence_lower_bound is None:
        return False
    enough = visit.n_fields_ok >= settings.min_fields_ok
    return enough and visit.n_fields_ok >= settings.min_fields_ok_share * visit.n_fields


def _readings(history: VesselHistory, settings: DecideSettings) -> dict[str, SensorReading]:
    """The latest reading of each quantity, but for good news from a sensor known to be faulty."""
    faults = [event for event in history.sensor_events if event.kind == "fault"]
    return {
        reading.quantity: reading
        for reading in history.readings
        if not (
            any(_covers(fault, reading) for fault in faults)
            and settings.is_within(reading.quantity, reading.value)
        )
    }


def _covers(fault: SensorEvent, reading: SensorReading) -> bool:
    """Whether it was taken while the sensor could not be believed, nor a person had assessed it."""
    ends = [end for end in (fault.ended_h, fault.assessed_h) if end is not None]
    same = fault.quantity == reading.quantity
    return same and fault.since_h <= reading.time_h < min(ends, default=math.inf)


def _faulty(history: VesselHistory) -> frozenset[str]:
    return frozenset(
        event.quantity
        for event in history.sensor_events
        if event.kind == "fault" and event.ended_h is None and event.assessed_h is None
    )


def _intact(visits: tuple[Acquisition, ...]) -> bool | None:
    for visit in visits:
        recorded, found = visit.image_sha256, visit.image_sha256_found
        if recorded is not None and found is not None and recorded != found:
            return False
    if not visits or visits[-1].image_sha256 is None or visits[-1].image_sha256_found is None:
        return None
    return True


def _contaminated(visits: tuple[Acquisition, ...]) -> bool | None:
    if any(visit.contamination for visit in visits):
        return True
    return visits[-1].contamination if visits else None


def _readiness(history: VesselHistory, settings: DecideSettings) -> tuple[int, bool]:
    """Visits in a row at the target, and whether the vessel is ready.

    Visits that cannot be evaluated neither confirm nor deny. The same images handed in twice
    confirm nothing.
    """
    in_a_row, ready = 0, False
    before: Acquisition | None = None
    for visit in history.acquisitions:
        low = visit.confluence_lower_bound
        if low is None or not is_valid(visit, settings):
            continue
        if low >= settings.target_confluence:
            in_a_row = in_a_row + _confirms(visit, before, settings) if in_a_row else 1
            ready = ready or in_a_row >= settings.confirmations
        else:
            in_a_row = 0
            ready = ready and low >= settings.leave_target_below
        before = visit
    return in_a_row, ready


def _confirms(visit: Acquisition, before: Acquisition | None, settings: DecideSettings) -> int:
    """Whether a visit confirms the one before: other images, and not too long after."""
    if before is None or visit.time_h - before.time_h > settings.confirm_within_h:
        return 0
    same = visit.image_sha256 is not None and visit.image_sha256 == before.image_sha256
    return 0 if same else 1
