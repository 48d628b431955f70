"""A study, one vessel or one lot as plain data, for ``monolayer study show`` and programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from monolayer.errors import InputError
from monolayer.study import queries, views
from monolayer.study.rows import nearest
from monolayer.study.store import Study
from monolayer.study.tables import lots, vessels

__all__ = ["lineage", "shown_as_data"]

_OF_VESSEL = (
    "acquisitions", "exchanges", "viabilities", "readings", "sensor_events", "recommendations",
)  # fmt: skip
# A reading a minute would bury what people look for.
NEWEST = 50


def shown_as_data(study: Study, name: str | None, *, everything: bool = False) -> dict[str, Any]:
    """What to show: the study, or the vessel or lot of this name.

    Parameters
    ----------
    study : Study
        Where to look.
    name : str or None
        A vessel or lot; None for the study.
    everything : bool, default False
        Vessels that have ended as well; acquisitions that were superseded.

    Raises
    ------
    InputError
        No vessel and no lot is called so.
    """
    if name is None:
        listed = views.vessels_now(study, ended=None if everything else False)
        return {"study": study.where, "rows": views.summary(study), "vessels": listed}
    with study.reading() as connection:
        is_vessel = connection.scalar(select(vessels.c.id).where(vessels.c.name == name))
        is_lot = connection.scalar(select(lots.c.id).where(lots.c.name == name))
        if is_vessel is None and is_lot is None:
            known = [*queries.names(connection, "vessels"), *queries.names(connection, "lots")]
            raise InputError(f"no vessel and no lot is called '{name}'; {nearest(name, known)}")
        if is_vessel is not None:
            return _vessel(connection, name, everything=everything)
    return _lot(study, name)


def lineage(connection: Connection, name: str) -> tuple[list[str], list[str]]:
    """A vessel's parents, the nearest first, and its children.

    A parent was seeded no later than its child and never changes, so that there is no circle.
    """
    parents, of = [], name
    while True:
        row = queries.rows(connection, "vessels", name=of)[0]
        if "parent" not in row or row["parent"] in parents:
            break
        of = row["parent"]
        parents.append(of)
    children = queries.rows(connection, "vessels", parent=name)
    return parents, [child["name"] for child in children]


def _vessel(connection: Connection, name: str, *, everything: bool) -> dict[str, Any]:
    row = queries.rows(connection, "vessels", name=name)[0]
    parents, children = lineage(connection, name)
    kind = queries.rows(connection, "vessel_types", name=row["type"])[0]
    data: dict[str, Any] = {
        "vessel": row,
        "vessel_type": kind,
        "parents": parents,
        "children": children,
    }
    for table in _OF_VESSEL:
        newest = NEWEST if table == "readings" else None
        found = queries.rows(connection, table, newest=newest, vessel=name)
        if table == "acquisitions" and not everything:
            found = [each for each in found if "superseded_at" not in each]
        data[table] = sorted(found, key=lambda each: (each["at"], each["id"]))
    return data | _yield(row)


def _yield(row: Mapping[str, Any]) -> dict[str, Any]:
    """Fold and doublings from viable cells seeded to viable cells out; None where unknown."""
    seeded, out = row.get("cells_seeded"), row.get("cells_out")
    if not seeded or not out:
        return {"fold": None, "doublings": None}
    from monolayer.grow import fold_expansion, population_doublings

    return {"fold": fold_expansion(seeded, out), "doublings": population_doublings(seeded, out)}


def _lot(study: Study, name: str) -> dict[str, Any]:
    listed = [row for row in views.vessels_now(study, ended=None) if row["lot"] == name]
    lot = study.rows("lots", name=name)[0]
    return {"lot": lot, "vessels": listed, "confluence": _lot_level(listed)}


def _lot_level(listed: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean of the last visits of a lot's vessels in culture; None where none was visited."""
    from monolayer.summarise import Part, roll_up

    going = [row for row in listed if row["ended_as"] is None]
    seen = [row for row in going if row["confluence"] is not None]
    if not seen:
        return None
    errors = [row["confluence_se"] for row in seen]
    parts = [Part(row["confluence"], (row["confluence_se"] or 0.0) ** 2) for row in seen]
    level = roll_up("vessel", parts, len(going))
    # A vessel of unknown doubt leaves the lot's unknown: it is not 0.
    known = None not in errors
    bound = level.interval(lower=True).low if known else None
    return {
        "mean": level.mean,
        "se": level.se if known else None,
        "lower_bound": None if bound is None else max(0.0, bound),
        "between_sd": level.between_sd,
        "n_vessels": level.n,
        "n_vessels_in_culture": len(going),
        "assumption": level.assumption,
    }
