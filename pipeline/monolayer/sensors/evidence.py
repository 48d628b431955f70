"""From examined sensors to the records that decisions look at.

Readings are thinned, events are not. A reading of a stuck sensor from before that could be known
stays in the record, as it was believed then; the fault that covers it voids it from then on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from monolayer.errors import InputError
from monolayer.history import SensorEvent, SensorReading, VesselHistory
from monolayer.sensors.findings import Findings
from monolayer.sensors.settings import SensorSettings

__all__ = ["events_of", "readings_of", "with_sensors"]


def with_sensors(
    history: VesselHistory, findings: Iterable[Findings], settings: SensorSettings
) -> VesselHistory:
    """The history with its sensors' readings and events beside what it held already.

    What it held of the same is not put in twice: a study's history has what was stored before.

    Raises
    ------
    InputError
        A sensor of another vessel.
    """
    readings = {_reading_key(each): each for each in history.readings}
    events = {_event_key(each): each for each in history.sensor_events}
    for found in findings:
        if found.series.vessel != history.vessel.name:
            raise InputError(
                f"vessel {history.vessel.name}: a sensor of vessel {found.series.vessel} is not "
                "its own; hand each vessel its sensors."
            )
        for reading in readings_of(found, settings):
            readings.setdefault(_reading_key(reading), reading)
        for event in events_of(found):
            held = events.get(_event_key(event))
            events[_event_key(event)] = event if held is None else _joined(held, event)
    return replace(
        history,
        readings=tuple(sorted(readings.values(), key=_by_time)),
        sensor_events=tuple(sorted(events.values(), key=_by_time)),
    )


def _joined(held: SensorEvent, event: SensorEvent) -> SensorEvent:
    """An event that was known before: its end is news, what a person said of it stays."""
    if held.ended_h is not None:
        return held
    return replace(event, time_h=held.time_h, since_h=held.since_h, assessed_h=held.assessed_h)


def _reading_key(each: SensorReading) -> tuple[str, int, float]:
    return each.quantity, _second(each.time_h), each.value


def _event_key(each: SensorEvent) -> tuple[str, str, str | None, int]:
    return each.quantity, each.kind, each.reason, _second(each.since_h)


def _second(time_h: float) -> int:
    return round(time_h * 3600)


def _by_time(each: SensorReading | SensorEvent) -> tuple[float, str]:
    return each.time_h, each.quantity


def readings_of(found: Findings, settings: SensorSettings) -> list[SensorReading]:
    """The latest reading of each span that was believed when it was taken."""
    stuck = _in_stuck_but_not_yet_known(found)
    kept = np.flatnonzero(found.believed | stuck)
    times_h = found.series.times_h[kept]
    spans = np.floor(times_h / settings.readings_every_h)
    last = np.append(spans[1:] != spans[:-1], True) if kept.size else np.zeros(0, dtype=np.bool_)
    quantity = found.series.quantity
    return [
        SensorReading(float(found.series.times_h[i]), quantity, float(found.series.values[i]))
        for i in kept[last]
    ]


def _in_stuck_but_not_yet_known(found: Findings) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    times_h = found.series.times_h
    kept = np.zeros(len(times_h), dtype=np.bool_)
    for fault in found.faults:
        if fault.kind == "stuck":
            kept |= (times_h >= fault.since_h) & (times_h < fault.known_h) & found.series.good
    return kept


def events_of(found: Findings) -> Sequence[SensorEvent]:
    """Faults and excursions as records; an alert inside an action excursion stays beside it."""
    quantity = found.series.quantity
    faults = [
        SensorEvent(each.known_h, quantity, "fault", each.since_h, each.ended_h, reason=each.kind)
        for each in found.faults
    ]
    excursions = [
        SensorEvent(
            each.known_h,
            quantity,
            each.level,
            each.since_h,
            each.ended_h,
            each.extreme,
            each.area,
            f"{each.level}_{each.side}",
        )
        for each in found.excursions
    ]
    return [*faults, *excursions]
