"""Vessels' histories out of the study: six looks whatever the number of vessels.

Only current acquisitions: those that a later evaluation superseded stay in the study, and out of
the histories.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from itertools import chain, groupby
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
    look = _Look(connection, numbers, {row[0]: row[-1] for row in known})
    visits = look.at(
        partial(_timed, Acquisition),
        select(*_columns(acquisitions, FIGURES)).where(acquisitions.c.superseded_at.is_(None)),
        acquisitions,
    )
    counts = look.at(
        partial(_timed, ViabilityCount),
        select(*_columns(viabilities, ("viability", "lower_bound"))).where(
            viabilities.c.superseded_at.is_(None)
        ),
        viabilities,
    )
    values = look.at(
        partial(_timed, SensorReading),
        select(*_columns(readings, ("quantity", "value"))).where(
            readings.c.quantity.in_(get_args(ReadingName))
        ),
        readings,
    )
    fed = look.at(
        partial(_timed, Exchange), select(*_columns(exchanges, ("volume_ml",))), exchanges
    )
    seen = look.at(_events, _EVENT, sensor_events)
    for row in sorted(known, key=itemgetter(1)):
        number, seeded_at = row[0], row[-1]
        yield VesselHistory(
            Vessel(row[1], local(row[2], row[3]), *row[4:15]),
            visits.get(number, ()),
            counts.get(number, ()),
            values.get(number, ()),
            fed.get(number, ()),
            row[15],
            None if row[16] is None else _hours(seeded_at, row[16]),
            seen.get(number, ()),
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """One view of some vessels (None: of all) whose seedings are known."""

    connection: Connection
    numbers: Sequence[int] | None
    seeded_at: Mapping[int, datetime]

    def at(self, records: Any, statement: Any, table: Any) -> dict[int, tuple[Any, ...]]:
        """Records in time, by vessel; those of one time in the order in which they were added."""
        statement = _narrowed(statement, table.c.vessel_id, self.numbers)
        found = self.connection.execute(
            statement.order_by(table.c.vessel_id, table.c.at, table.c.id)
        )
        # Rows become records as they come: all of them kept until the last one was there made the
        # garbage collector go through them again and again, for a tenth of the time.
        rows = chain.from_iterable(found.partitions(1000))
        return {
            number: tuple(records(self.seeded_at[number], some))
            for number, some in groupby(rows, key=itemgetter(0))
        }


def _columns(table: Any, columns: Iterable[str]) -> list[Any]:
    return [table.c.vessel_id, raw(table.c.at), *(table.c[name] for name in columns)]


def _narrowed(statement: Any, column: Any, numbers: Sequence[int] | None) -> Any:
    return statement if numbers is None else statement.where(column.in_(numbers))


def _timed(kind: Any, seeded_at: datetime, found: Iterable[Any]) -> Iterator[Any]:
    for _, at, *values in found:
        yield kind(_hours(seeded_at, at), *values)


def _events(seeded_at: datetime, found: Iterable[Any]) -> Iterator[SensorEvent]:
    for _, *times, quantity, kind, extreme, area, reason in found:
        known, since, ended, assessed = (at and _hours(seeded_at, at) for at in times)
        yield SensorEvent(known, quantity, kind, since, ended, extreme, area, reason, assessed)


def _hours(seeded_at: datetime, at: datetime) -> float:
    return (at - seeded_at).total_seconds() / 3600
