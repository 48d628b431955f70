"""What people ask a study at a glance: how much is in it, which vessels stand where, who did what.

One look each, whatever the number of vessels.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import and_, func, or_, select, true

from monolayer.study.histories import raw
from monolayer.study.queries import on_the_wall
from monolayer.study.store import Study
from monolayer.study.tables import TABLES, acquisitions, audit, lots, vessel_types, vessels

__all__ = ["summary", "trail", "vessels_now"]

_FIGURES = (
    "confluence",
    "confluence_lower_bound",
    "confluence_se",
    "density_cells_per_cm2",
)


def summary(study: Study) -> dict[str, Any]:
    """Rows of each table, vessels in culture, and the end of the audit trail."""
    counted = [
        select(func.count()).select_from(table).scalar_subquery().label(name)
        for name, table in TABLES.items()
    ]
    going = select(func.count()).where(vessels.c.ended_at.is_(None)).scalar_subquery()
    end = select(audit.c.sequence, audit.c.at, audit.c.sha256)
    with study.reading() as connection:
        row = connection.execute(select(*counted, going.label("in_culture"))).one()
        last = connection.execute(end.order_by(audit.c.sequence.desc()).limit(1)).one()
    return {**row._mapping, "audit": dict(last._mapping)}


def vessels_now(study: Study, *, ended: bool | None = False) -> list[dict[str, Any]]:
    """Vessels in the order of their names, each with its last current acquisition.

    Parameters
    ----------
    study : Study
        Where to look.
    ended : bool or None, default False
        Those in culture; those that ended (True); all (None).

    Returns
    -------
    list of dict
        ``vessel``, ``type``, ``lot``, ``passage``, ``seeded_at``, ``ended_as``, ``ended_at``, and
        of the last visit ``at``, ``time_h``, ``confluence``, ``confluence_lower_bound``,
        ``confluence_se`` and ``density_cells_per_cm2``.
    """
    joined = vessels.join(vessel_types, vessels.c.type_id == vessel_types.c.id).outerjoin(
        lots, vessels.c.lot_id == lots.c.id
    )
    visit, joined = _with_last_visit(joined, study.engine.dialect.name)
    statement: Any = select(
        vessels.c.name,
        vessel_types.c.name,
        lots.c.name,
        vessels.c.passage,
        raw(vessels.c.seeded_at),
        vessels.c.seeded_offset_minutes,
        vessels.c.ended_as,
        raw(vessels.c.ended_at),
        vessels.c.ended_offset_minutes,
        raw(visit.c.at),
        visit.c.offset_minutes,
        *(visit.c[name] for name in _FIGURES),
    ).select_from(joined)
    if ended is not None:
        column = vessels.c.ended_at
        statement = statement.where(column.is_not(None) if ended else column.is_(None))
    with study.reading() as connection:
        # Sorted here: databases sort text by their own language's rules.
        found = sorted(connection.execute(statement).fetchall(), key=itemgetter(0))
    return [_now(*row) for row in found]


def _with_last_visit(joined: Any, dialect: str) -> tuple[Any, Any]:
    """The newest entry of each vessel's part of the index of current visits."""
    each = acquisitions.alias()
    columns = (each.c.id,) if dialect == "sqlite" else (each.c.at, each.c.offset_minutes)
    last = (
        select(*columns)
        .where(each.c.vessel_id == vessels.c.id, each.c.superseded_at.is_(None))
        .order_by(each.c.at.desc())
        .limit(1)
        .correlate(vessels)
    )
    if dialect == "sqlite":
        found = last.scalar_subquery()
        return acquisitions, joined.outerjoin(acquisitions, acquisitions.c.id == found)
    # SQLite has no such join; without it PostgreSQL hashed every visit of every vessel.
    visit = last.add_columns(*(each.c[name] for name in _FIGURES)).lateral()
    return visit, joined.outerjoin(visit, true())


def trail(study: Study, vessel: str) -> list[dict[str, Any]]:
    """Audit entries of a vessel and of all that was recorded of it."""
    with study.reading() as connection:
        number = connection.scalar(select(vessels.c.id).where(vessels.c.name == vessel))
        parts = [and_(audit.c.subject_kind == "vessels", audit.c.subject == vessel)]
        for name, table in TABLES.items():
            if "vessel_id" in table.columns:
                ids = connection.scalars(select(table.c.id).where(table.c.vessel_id == number))
                parts.append(_about(name, [f"{vessel}/{each}" for each in ids]))
        statement = select(audit).where(or_(*parts)).order_by(audit.c.sequence)
        return [dict(row) for row in connection.execute(statement).mappings()]


def _about(kind: str, subjects: Sequence[str]) -> Any:
    return and_(audit.c.subject_kind == kind, audit.c.subject.in_(subjects))


def _now(
    name: str,
    kind: str,
    lot: str | None,
    passage: int | None,
    seeded: datetime,
    seeded_offset: int,
    ended_as: str | None,
    ended: datetime | None,
    ended_offset: int | None,
    at: datetime | None,
    offset: int | None,
    *figures: float | None,
) -> dict[str, Any]:
    return {
        "vessel": name,
        "type": kind,
        "lot": lot,
        "passage": passage,
        "seeded_at": on_the_wall(seeded, seeded_offset),
        "ended_as": ended_as,
        "ended_at": on_the_wall(ended, ended_offset),
        "at": on_the_wall(at, offset),
        **dict(zip(_FIGURES, figures, strict=True)),
        "time_h": None if at is None else (at - seeded).total_seconds() / 3600,
    }
