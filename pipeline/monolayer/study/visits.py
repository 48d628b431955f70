"""Which of a run's fields show which vessel, when, and which layer of it.

Plates, wells and times are named as the run's fields table names them; each field has one vessel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monolayer.errors import InputError
from monolayer.study.change import Change
from monolayer.study.csv_lines import lines_of, moment_after, moment_in, number_in

__all__ = ["Visit", "fields_by_visit", "read_visits"]

_COLUMNS = ("vessel", "at", "time_h", "plate", "well", "time", "layer")

Row = Mapping[str, Any]
Layers = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Visit:
    """Which of a run's fields show a vessel.

    Attributes
    ----------
    vessel : str
        A vessel of the study.
    at : datetime or None
        When it was imaged, with the offset from UTC.
    time_h : float or None
        The same in hours since seeding.
    plate, well, time : str or None
        As the run's fields table names them; None stands for any.
    layer : str
        The layer that they show.
    """

    vessel: str
    at: datetime | None = None
    time_h: float | None = None
    plate: str | None = None
    well: str | None = None
    time: str | None = None
    layer: str = "1"

    def shows(self, field: Row) -> bool:
        """Whether a field of the run belongs to it."""
        named = ((self.plate, "plate"), (self.well, "well"), (self.time, "time"))
        return all(value is None or (field[column] or "") == value for value, column in named)


def read_visits(path: Path) -> list[Visit]:
    """Read which wells show which vessels from a CSV table.

    Columns: ``vessel``; ``at`` (with its offset from UTC) or ``time_h`` (hours since seeding); and
    where a run shows more than one vessel ``plate``, ``well``, ``time`` and ``layer``.

    Raises
    ------
    InputError
        One sentence with file and line.
    """
    found = [_visit(f"{path}, line {line}", cells) for line, cells in lines_of(path, _check_names)]
    if not found:
        raise InputError(f"{path}: holds no line but the names; give a line for each visit.")
    return found


def fields_by_visit(
    change: Change, where: str, visits: Sequence[Visit], fields: Sequence[Row]
) -> dict[tuple[str, datetime], Layers]:
    """Fields of each vessel and time, by layer.

    Parameters
    ----------
    change : Change
        Open: hours since seeding need the vessel's seeding.
    where : str
        The run, for sentences.
    visits : sequence of Visit
        What shows what.
    fields : sequence of mapping
        Rows of the run's fields table.

    Raises
    ------
    InputError
        A visit shows no field, or two show the same one.
    """
    claimed: dict[str, Visit] = {}
    grouped: dict[tuple[str, datetime], Layers] = {}
    for visit in visits:
        shown = _shown(where, visit, fields, claimed)
        layers = grouped.setdefault((visit.vessel, _at(change, visit)), {})
        layers.setdefault(visit.layer, []).extend(shown)
    return grouped


def _check_names(names: Sequence[str]) -> None:
    odd = next((name for name in names if name not in _COLUMNS), None)
    if odd is not None:
        raise InputError(f"unknown column '{odd}'; there are {', '.join(_COLUMNS)}.")


def _visit(where: str, given: Mapping[str, str]) -> Visit:
    if not given.get("vessel"):
        raise InputError(f"{where}: names no vessel; fill the column 'vessel'.")
    try:
        at = moment_in("at", given["at"]) if given.get("at") else None
        hours = number_in("time_h", given["time_h"]) if given.get("time_h") else None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    others = {name: given[name] for name in ("plate", "well", "time", "layer") if given.get(name)}
    return Visit(given["vessel"], at, hours, **others)


def _at(change: Change, visit: Visit) -> datetime:
    if visit.at is not None:
        return visit.at
    if visit.time_h is None:
        raise InputError(f"vessel {visit.vessel}: was imaged when? give 'at' or 'time_h'.")
    return moment_after(change.seeded_at(visit.vessel), visit.time_h)


def _shown(where: str, visit: Visit, fields: Sequence[Row], claimed: dict[str, Visit]) -> list[Row]:
    shown = [field for field in fields if visit.shows(field)]
    if not shown:
        wells = sorted({f"{field['plate']}/{field['well'] or ''}" for field in fields})
        raise InputError(
            f"{where}: shows no field of vessel {visit.vessel} (plate {visit.plate or 'any'}, "
            f"well {visit.well or 'any'}, time {visit.time or 'any'}); there are "
            f"{', '.join(wells[:8])}."
        )
    for field in shown:
        other = claimed.setdefault(field["field_id"], visit)
        if other is not visit:
            raise InputError(
                f"{where}: field {field['field_id']} would be of vessel {other.vessel} and of "
                f"{visit.vessel}; name plates and wells so that each field has one."
            )
    return shown
