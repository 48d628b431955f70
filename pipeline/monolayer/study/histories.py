"""Vessels' histories out of the study: six looks whatever the number of vessels.

Only current acquisitions: those that a later evaluation superseded stay in the study, and out of
the histories.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, get_args

from sqlalchemy import Connection, DateTime, func, select, type_coerce

from monolayer.history import (
    Acquisition,
    Exchange,
    ReadingName,
    SensorEvent,
    SensorReading,
    Vessel,
    VesselHistory,
    ViabilityCount,
)
from monolayer.study.queries import local
from monolayer.study.tables import (
    acquisitions,
    donors,
    exchanges,
    lots,
    readings,
    sensor_events,
    vessel_types,
    vessels,
    viabilities,
)

__all__ = ["FIGURES", "current_times", "load_histories", "raw"]


def raw(column: Any) -> Any:
    """A time as the driver gives it, to be held against another: a third of a load's time."""
    return type_coerce(column, DateTime())


# More cannot be named in one statement of every SQLite that is about.
AT_ONCE = 30_000
FIGURES = tuple(field.name for field in fields(Acquisition))[1:]
_VESSEL: Any = select(
    vessels.c.id,
    vessels.c.name,
    vessels.c.seeded_at,
    vessels.c.seeded_offset_minutes,
    lots.c.name.label("lot"),
    donors.c.code.label("donor"),
    vessels.c.passage,
    vessels.c.doublings_at_seeding,
    func.coalesce(
        vessels.c.seeding_density_cells_per_cm2,
        vessels.c.cells_seeded / vessel_types.c.growth_area_cm2,
    ).label("seeding_density_cells_per_cm2"),
    vessels.c.final_stage,
    vessel_types.c.growth_area_cm2,
    vessels.c.medium_volume_ml,
    vessel_types.c.n_layers,
    vessels.c.n_layers_imaged,
    vessels.c.sentinel_assumption,
    vessels.c.ended_as,
    raw(vessels.c.ended_at),
    raw(vessels.c.seeded_at),
).select_from(
    vessels.join(vessel_types, vessels.c.type_id == vessel_types.c.id)
    .outerjoin(lots, vessels.c.lot_id == lots.c.id)
    .outerjoin(donors, lots.c.donor_id == donors.c.id)
)


_EVENT: Any = select(
    sensor_events.c.vessel_id,
    raw(sensor_events.c.at),
    raw(sensor_events.c.since_at),
    raw(sensor_events.c.ended_at),
    raw(sensor_events.c.assessed_at),
    sensor_events.c.quantity,
    sensor_events.c.kind,
    sensor_events.c.extreme,
    sensor_events.c.area,
    sensor_events.c.reason,
)


def current_times(connection: Connection, numbers: Sequence[int]) -> Iterator[tuple[int, datetime]]:
    """Vessel and time of every current acquisition of these vessels."""
    statement = select(acquisitions.c.vessel_id, acquisitions.c.at).where(
        acquisitions.c.superseded_at.is_(None)
    )
    for first in range(0, len(numbers), AT_ONCE):
        some = numbers[first : first + AT_ONCE]
        found = connection.execute(_narrowed(statement, acquisitions.c.vessel_id, some))
        yield from (tuple(row) for row in found)


def load_histories(
    connection: Connection, numbers: Sequence[int] | None = None
) -> Iterator[VesselHistory]:
    """Histories of the vessels of these numbers, or of all, in the order of their names.

    Raises
    ------
    InputError
        A vessel's records contradict one another.
    """
    if numbers is None:
        yield from _histories(connection, None)
        return
    for first in range(0, len(numbers), AT_ONCE):
        yield from _histories(connection, numbers[first : first + AT_ONCE])


def _histories(connection: Connection, numbers: Sequence[int] | None) -> Iterator[VesselHistory]:
    known: list[Any] = list(connection.execute(_narrowed(_VESSEL, vessels.c.id, numbers)))
    visits = _of_vessels(
        connection,
        select(*_columns(acquisitions, ("vessel_id", "at", *FIGURES))).where(
            acquisitions.c.superseded_at.is_(None)
        ),
        acquisitions,
        numbers,
    )
    counts = _of_vessels(
        connection,
        select(*_columns(viabilities, ("vessel_id", "at", "viability", "lower_bound"))).where(
            viabilities.c.superseded_at.is_(None)
        ),
        viabilities,
        numbers,
    )
    values = _of_vessels(
        connection,
        select(*_columns(readings, ("vessel_id", "at", "quantity", "value"))).where(
            readings.c.quantity.in_(get_args(ReadingName))
        ),
        readings,
        numbers,
    )
    fed = _of_vessels(
        connection,
        select(*_columns(exchanges, ("vessel_id", "at", "volume_ml"))),
        exchanges,
        numbers,
    )
    seen = _of_vessels(connection, _EVENT, sensor_events, numbers)
    for row in sorted(known, key=itemgetter(1)):
        number, seeded_at = row[0], row[-1]
        vessel = Vessel(row[1], local(row[2], row[3]), *row[4:15])
        yield VesselHistory(
            vessel,
            tuple(_timed(Acquisition, seeded_at, visits.get(number, ()))),
            tuple(_timed(ViabilityCount, seeded_at, counts.get(number, ()))),
            tuple(_timed(SensorReading, seeded_at, values.get(number, ()))),
            tuple(_timed(Exchange, seeded_at, fed.get(number, ()))),
            row[15],
            None if row[16] is None else _hours(seeded_at, row[16]),
            tuple(_events(seeded_at, seen.get(number, ()))),
        )


def _columns(table: Any, columns: Iterable[str]) -> list[Any]:
    return [raw(table.c.at) if name == "at" else table.c[name] for name in columns]


def _narrowed(statement: Any, column: Any, numbers: Sequence[int] | None) -> Any:
    return statement if numbers is None else statement.where(column.in_(numbers))


def _of_vessels(
    connection: Connection, statement: Any, table: Any, numbers: Sequence[int] | None
) -> dict[int, list[Any]]:
    """Rows in time, by vessel; rows of one time in the order in which they were added."""
    statement = _narrowed(statement, table.c.vessel_id, numbers)
    found = connection.execute(statement.order_by(table.c.vessel_id, table.c.at, table.c.id))
    return {number: list(rows) for number, rows in groupby(found, key=itemgetter(0))}


def _timed(kind: Any, seeded_at: datetime, found: Iterable[Any]) -> Iterator[Any]:
    for _, at, *values in found:
        yield kind(_hours(seeded_at, at), *values)


def _events(seeded_at: datetime, found: Iterable[Any]) -> Iterator[SensorEvent]:
    for _, *times, quantity, kind, extreme, area, reason in found:
        known, since, ended, assessed = (at and _hours(seeded_at, at) for at in times)
        yield SensorEvent(known, quantity, kind, since, ended, extreme, area, reason, assessed)


def _hours(seeded_at: datetime, at: datetime) -> float:
    return (at - seeded_at).total_seconds() / 3600
