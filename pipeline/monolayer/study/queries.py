"""Rows out of the study under public names: names for numbers, times as the local clock."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, select

from monolayer.errors import InputError
from monolayer.study.rows import fields_of, nearest, table_of

__all__ = ["each_row", "local", "names", "number_of", "on_the_wall", "rows"]


def rows(
    connection: Connection, kind: str, /, *, newest: int | None = None, **equal: Any
) -> list[dict[str, Any]]:
    """Rows of a table, in the order in which they were added.

    Parameters
    ----------
    connection : Connection
        Within a transaction.
    kind : str
        The table.
    newest : int, optional
        Only so many, the latest first.
    **equal
        What columns must be, by their public names.

    Returns
    -------
    list of dict
        ``id`` and every column that is known.
    """
    table = table_of(kind)
    statement, labels = _selected(table)
    for name, value in equal.items():
        statement = statement.where(_compared(kind, name, statement) == value)
    order = table.c.id if newest is None else table.c.id.desc()
    found = connection.execute(statement.order_by(order).limit(newest))
    return [_public(kind, dict(zip(labels, row, strict=True))) for row in found]


def each_row(connection: Connection, kind: str) -> Iterator[dict[str, Any]]:
    """Every row of a table as `rows` gives them, one at a time: memory does not grow with them."""
    table = table_of(kind)
    statement, labels = _selected(table)
    statement = statement.order_by(table.c.id).execution_options(yield_per=1000)
    for row in connection.execute(statement):
        yield _public(kind, dict(zip(labels, row, strict=True)))


def names(connection: Connection, kind: str) -> Sequence[str]:
    """Names of all rows of a table."""
    table = table_of(kind)
    column = table.c[table.info["named_by"]]
    return connection.scalars(select(column).order_by(column)).all()


def number_of(connection: Connection, kind: str, name: str, also: Iterable[str] = ()) -> int:
    """Number of a row by its name; `also` are names known besides those that are stored.

    Raises
    ------
    InputError
        There is none of that name; the nearest is named.
    """
    table = table_of(kind)
    column = table.c[table.info["named_by"]]
    found = connection.scalar(select(table.c.id).where(column == name))
    if found is None:
        word = {"people": "person", "media": "medium"}.get(kind, kind.replace("_", " ")[:-1])
        known = [*names(connection, kind), *also]
        raise InputError(f"{word} '{name}' is unknown; {nearest(name, known)}")
    return int(found)


def on_the_wall(at: datetime | None, offset_minutes: int | None) -> datetime | None:
    """`local` of a time that may be unknown, and as the driver gave it: SQLite's has no zone."""
    if at is None or offset_minutes is None:
        return None
    if at.tzinfo is not None:
        return local(at, offset_minutes)
    zone = _zone(offset_minutes)
    return zone.fromutc(at.replace(tzinfo=zone))


def local(at: datetime, offset_minutes: int) -> datetime:
    """A moment as the clock on the wall said it."""
    return at.astimezone(_zone(offset_minutes))


@cache
def _zone(offset_minutes: int) -> timezone:
    return timezone(timedelta(minutes=offset_minutes))


def _selected(table: Table) -> tuple[Select[Any], list[str]]:
    """All columns; a reference as the name of the row it refers to, where that has one."""
    columns: list[ColumnElement[Any]] = []
    labels: list[str] = []
    joined: FromClause = table
    for column in table.columns:
        field = next((f for f in fields_of(table.name).values() if f.column is column), None)
        if field is not None and field.refers is not None and field.refers.info["named_by"]:
            other = field.refers.alias(field.name)
            joined = joined.outerjoin(other, column == other.c.id)
            columns.append(other.c[field.refers.info["named_by"]].label(f"name_of_{field.name}"))
            labels.append(field.name)
        else:
            columns.append(column)
            labels.append(column.name if field is None else field.name)
    return select(*columns).select_from(joined), labels


def _compared(kind: str, name: str, statement: Select[Any]) -> Any:
    if name == "id":
        return table_of(kind).c.id
    field = fields_of(kind)[name]
    if field.refers is not None and field.refers.info["named_by"]:
        return next(c for c in statement.selected_columns if c.key == f"name_of_{name}")
    return field.column


def _public(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    for field in fields_of(kind).values():
        if field.offset is not None:
            offset = row.pop(field.offset)
            if row[field.name] is not None:
                row[field.name] = local(row[field.name], offset)
    return {name: value for name, value in row.items() if value is not None}
