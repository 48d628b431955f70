"""Rows of a study held against its audit trail: what was changed past the trail's back is named.

One trick: what the trail says of a row is kept as text until the row comes by, and rows come by one
at a time; a study of 300,000 visits would not fit into memory twice otherwise.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, select

from monolayer.study.queries import each_row
from monolayer.study.rows import fields_of, plain
from monolayer.study.tables import TABLES, audit

__all__ = ["rows_against_trail"]

WIDEST = 60


def rows_against_trail(connection: Connection) -> Iterator[str]:
    """A sentence for each row that is not what the trail says it is."""
    names = _names_of_numbers(connection)
    for kind in TABLES:
        told = _told(connection, kind, names)
        for row in each_row(connection, kind):
            key = str(row[TABLES[kind].info["named_by"] or "id"])
            said = told.pop(key, None)
            if said is None:
                yield f"{kind} {key}: is there, and the trail does not say that it was added."
            else:
                yield from _differences(kind, key, row, json.loads(said))
        for key in told:
            yield f"{kind} {key}: the trail says it was added, and there is no such row."


def _told(
    connection: Connection, kind: str, names: Mapping[str, Mapping[int, str]]
) -> dict[str, str]:
    """Rows of a table as the trail tells them, as JSON by their name or number."""
    statement = (
        select(audit.c.subject, audit.c.action, audit.c.after)
        .where(audit.c.subject_kind == kind)
        .order_by(audit.c.sequence)
        .execution_options(yield_per=1000)
    )
    told: dict[str, str] = {}
    named = TABLES[kind].info["named_by"] is not None
    for subject, action, after in connection.execute(statement):
        key = subject if named else subject.rpartition("/")[2]
        if action == "add":
            told[key] = json.dumps(_named(kind, after or {}, names))
        elif after is not None and key in told:
            told[key] = json.dumps(json.loads(told[key]) | _named(kind, after, names))
    return told


def _named(
    kind: str, after: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]
) -> dict[str, Any]:
    """Values by their present names; names in place of numbers, where a number was given."""
    fields, now = fields_of(kind), _present_names(kind)
    said = {now.get(name, name): value for name, value in after.items()}
    for name, value in tuple(said.items()):
        refers = fields[name].refers if name in fields else None
        if refers is not None and isinstance(value, int):
            said[name] = names.get(refers.name, {}).get(value, value)
    return said


@cache
def _present_names(kind: str) -> dict[str, str]:
    """What columns are called now, by what the trail's older entries call them."""
    fields = fields_of(kind).items()
    return {old: name for name, field in fields if (old := field.column.info.get("formerly"))}


def _names_of_numbers(connection: Connection) -> dict[str, dict[int, str]]:
    found = {}
    for kind, table in TABLES.items():
        if table.info["named_by"] is not None:
            pairs = connection.execute(select(table.c.id, table.c[table.info["named_by"]]))
            found[kind] = {int(number): str(name) for number, name in pairs}
    return found


def _differences(
    kind: str, key: str, row: Mapping[str, Any], said: Mapping[str, Any]
) -> Iterator[str]:
    fields = fields_of(kind)
    has = plain(kind, {name: row[name] for name in row if name in fields})
    for name in fields:
        if has.get(name) != said.get(name):
            yield (
                f"{kind} {key}: {name} is {_short(has.get(name))}, and the trail says "
                f"{_short(said.get(name))}."
            )


def _short(value: Any) -> str:
    if value is None:
        return "unknown"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."
