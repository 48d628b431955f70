"""What people ask a study at a glance: how much is in it, which vessels stand where, who did what.

One look each, whatever the number of vessels.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import and_, func, or_, select

from monolayer.study.histories import raw
from monolayer.study.queries import on_the_wall
from monolayer.study.store import Study
from monolayer.study.tables import TABLES, acquisitions, audit, lots, vessel_types, vessels

__all__ = ["summary", "trail", "vessels_now"]


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
    last = (
        select(func.max(acquisitions.c.at))
        .where(acquisitions.c.vessel_id == vessels.c.id, acquisitions.c.superseded_at.is_(None))
        .correlate(vessels)
        .scalar_subquery()
    )
    joined = (
        vessels.join(vessel_types, vessels.c.type_id == vessel_types.c.id)
        .outerjoin(lots, vessels.c.lot_id == lots.c.id)
        .outerjoin(
            acquisitions,
            and_(
                acquisitions.c.vessel_id == vessels.c.id,
                acquisitions.c.superseded_at.is_(None),
                acquisitions.c.at == last,
            ),
        )
    )
    columns = {
        "vessel": vessels.c.name,
        "type": vessel_types.c.name,
        "lot": lots.c.name,
        "passage": vessels.c.passage,
        "seeded_at": raw(vessels.c.seeded_at),
        "ended_as": vessels.c.ended_as,
        "ended_at": raw(vessels.c.ended_at),
        "at": raw(acquisitions.c.at),
        "confluence": acquisitions.c.confluence,
        "confluence_lower_bound": acquisitions.c.confluence_lower_bound,
        "confluence_se": acquisitions.c.confluence_se,
        "density_cells_per_cm2": acquisitions.c.density_cells_per_cm2,
        "seeded_offset": vessels.c.seeded_offset_minutes,
        "ended_offset": vessels.c.ended_offset_minutes,
        "offset": acquisitions.c.offset_minutes,
    }
    statement: Any = select(*columns.values()).select_from(joined)
    if ended is not None:
        column = vessels.c.ended_at
        statement = statement.where(column.is_not(None) if ended else column.is_(None))
    with study.reading() as connection:
        # Sorted here: databases sort text by their own language's rules.
        found = sorted(connection.execute(statement), key=itemgetter(0))
    return [_now(dict(zip(columns, row, strict=True))) for row in found]


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


def _now(row: dict[str, Any]) -> dict[str, Any]:
    seeded, at, ended = row["seeded_at"], row["at"], row["ended_at"]
    row["time_h"] = None if at is None else (at - seeded).total_seconds() / 3600
    row["seeded_at"] = on_the_wall(seeded, row.pop("seeded_offset"))
    row["ended_at"] = on_the_wall(ended, row.pop("ended_offset"))
    row["at"] = on_the_wall(at, row.pop("offset"))
    return row
