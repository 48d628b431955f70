"""Rows out of the study under public names: names for numbers, times as the local clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, select

from monolayer.study.rows import fields_of, table_of

__all__ = ["local", "names", "rows"]


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


def names(connection: Connection, kind: str) -> Sequence[str]:
    """Names of all rows of a table."""
    table = table_of(kind)
    column = table.c[table.info["named_by"]]
    return connection.scalars(select(column).order_by(column)).all()


def local(at: datetime, offset_minutes: int) -> datetime:
    """A moment as the clock on the wall said it."""
    return at.astimezone(timezone(timedelta(minutes=offset_minutes)))


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
