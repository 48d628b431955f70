"""What sensors saw, written into a study: readings thinned, excursions and faults whole.

The trick: an event is known again by what it is and when it began. A file that grows by the hour is
stored as often as one likes: what is there stays, what has ended since is ended, once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monolayer.errors import InputError
from monolayer.history import SensorEvent
from monolayer.recipe import Recipe
from monolayer.sensors import Findings
from monolayer.sensors.evidence import events_of, readings_of
from monolayer.study import Change

__all__ = ["StoredSensors", "assess_event", "store_sensors"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredSensors:
    """What was written.

    Attributes
    ----------
    n_readings, n_events : int
        New ones.
    n_ended : int
        Events that were open in the study and are over now.
    left_open : tuple of str
        A sentence for each open event of the study that the file does not tell of.
    """

    n_readings: int = 0
    n_events: int = 0
    n_ended: int = 0
    left_open: tuple[str, ...] = ()


def store_sensors(
    change: Change, findings: Iterable[Findings], recipe: Recipe, source_sha256: str
) -> StoredSensors:
    """Write examined sensors into a study, beside what it holds of them already.

    Parameters
    ----------
    change : Change
        An open change; leave it by the error where one is raised, and nothing is written.
    findings : iterable of Findings
        Of vessels of the study.
    recipe : Recipe
        Whose limits they were held against.
    source_sha256 : str
        Hash of the file that they were read from.

    Raises
    ------
    InputError
        A vessel is unknown, a reading is not of its culture's time, or contradicts one that the
        study has.
    """
    origin = {"source_sha256": source_sha256, "recipe_sha256": recipe.sha256}
    n_readings = n_events = n_ended = 0
    left_open: list[str] = []
    for found in findings:
        n_readings += _store_readings(change, found, recipe)
        there = {_key(row): row for row in _rows(change, "sensor_events", found)}
        told = {_key(row): row for row in _event_rows(change, found)}
        for key, row in told.items():
            if key not in there:
                change.add("sensor_events", **row, **origin)
                n_events += 1
            elif "ended_at" in row and "ended_at" not in there[key]:
                change.end("sensor_events", there[key]["id"], **_what_it_came_to(row))
                n_ended += 1
        untold = [row for key, row in there.items() if key not in told]
        left_open += [_left_open(row) for row in untold if _is_open(row)]
    return StoredSensors(n_readings, n_events, n_ended, tuple(left_open))


def assess_event(change: Change, number: int, assessment: str, at: datetime) -> str:
    """Write down that a person has assessed an excursion or fault; answers a line.

    Raises
    ------
    InputError
        There is no such event, it was assessed already, or the time is before it was known.
    """
    change.end("sensor_events", number, action="assess", assessed_at=at, assessment=assessment)
    (row,) = change.rows("sensor_events", id=number)
    return f"{_words(row)}: assessed at {at.isoformat(timespec='minutes')}."


def _store_readings(change: Change, found: Findings, recipe: Recipe) -> int:
    there: dict[datetime, list[Row]] = {}
    for row in _rows(change, "readings", found):
        there.setdefault(row["at"], []).append(row)
    n, sensor = 0, found.series.probe or None
    for reading in readings_of(found, recipe.sensors):
        at = _clock(change, found, reading.time_h)
        if not _is_there(reading.value, sensor, at, there.get(at, ())):
            change.add(
                "readings",
                vessel=found.series.vessel,
                at=at,
                quantity=reading.quantity,
                value=reading.value,
                sensor=sensor,
            )
            n += 1
    return n


def _is_there(value: float, sensor: str | None, at: datetime, rows: Iterable[Row]) -> bool:
    """Whether the study has that reading; another sensor's, by its name, is another reading."""
    for row in rows:
        if row["value"] == value:
            return True
        if row.get("sensor") == sensor:
            raise InputError(
                f"vessel {row['vessel']}: {row['quantity']} at {at.isoformat()} is {value:g}, and "
                f"the study has {row['value']:g}; mend the file, or name its probe."
            )
    return False


def _event_rows(change: Change, found: Findings) -> Iterable[dict[str, Any]]:
    for event in events_of(found):
        times = {"at": event.time_h, "since_at": event.since_h, "ended_at": event.ended_h}
        row = {
            "vessel": found.series.vessel,
            "quantity": event.quantity,
            "kind": event.kind,
            "reason": event.reason,
        } | {name: _clock(change, found, h) for name, h in times.items() if h is not None}
        yield row | _sizes(event)


def _sizes(event: SensorEvent) -> dict[str, Any]:
    """How far it went: known when it is over, as a recommendation of before must not know it."""
    return {} if event.ended_h is None else {"extreme": event.extreme, "area": event.area}


def _what_it_came_to(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("ended_at", "extreme", "area") if row[name] is not None}


def _rows(change: Change, kind: str, found: Findings) -> list[dict[str, Any]]:
    return change.rows(kind, vessel=found.series.vessel, quantity=found.series.quantity)


def _clock(change: Change, found: Findings, time_h: float) -> datetime:
    return change.seeded_at(found.series.vessel) + timedelta(hours=time_h)


def _key(row: Row) -> tuple[Any, ...]:
    # To the second: hours are kept to the microsecond in one file and as text in another.
    return (row["kind"], row["reason"], round(row["since_at"].timestamp()))


def _is_open(row: Row) -> bool:
    return "ended_at" not in row and "assessed_at" not in row


def _left_open(row: Row) -> str:
    return f"{_words(row)} is open in the study, and this file does not tell of it."


def _words(row: Row) -> str:
    return (
        f"Event {row['id']}, vessel {row['vessel']}, {row['quantity']} {row['reason']} since "
        f"{row['since_at'].isoformat(timespec='minutes')}"
    )
