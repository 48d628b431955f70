"""One row, judged before it is written: columns known, values possible, words among those taken.

A caller names a row's columns as people do: ``vessel="V-017"`` stands for ``vessel_id``, and a
time brings its own offset from UTC, so that ``offset_minutes`` is never given.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, Table

from monolayer.errors import InputError
from monolayer.study.columns import JsonText, UtcTime
from monolayer.study.tables import TABLES

__all__ = ["Field", "checked", "fields_of", "nearest", "plain", "table_of"]

# Of PostgreSQL's integers; SQLite would take more.
LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """A column as callers name it.

    Attributes
    ----------
    name : str
        Its public name.
    column : Column
        Where it is stored.
    refers : Table or None
        The table of which it names a row.
    offset : str or None
        Column of a time's local offset.
    """

    name: str
    column: Column[Any]
    refers: Table | None
    offset: str | None

    @property
    def needed(self) -> bool:
        """Whether a row must have it."""
        return not self.column.nullable


@cache
def fields_of(kind: str) -> dict[str, Field]:
    """Public columns of a table, by their names."""
    found = {}
    for column in table_of(kind).columns:
        if column.primary_key or column.info.get("derived"):
            continue
        refers = next((key.column.table for key in column.foreign_keys), None)
        name = column.name.removesuffix("_id") if refers is not None else column.name
        is_time = isinstance(column.type, UtcTime)
        offset = f"{name.removesuffix('at')}offset_minutes" if is_time else None
        found[name] = Field(name, column, refers, offset)
    return found


def table_of(kind: str) -> Table:
    """A table by its name.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if kind not in TABLES:
        raise InputError(f"a study has no '{kind}'; {nearest(kind, TABLES)}")
    return TABLES[kind]


def nearest(word: str, known: Iterable[str]) -> str:
    """The mend for a word that is not among those known."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    some = ", ".join(sorted(known)[:12]) + (" ..." if len(known) > 12 else "")
    return f"there are {some}." if known else "there is none yet; add it first."


def checked(kind: str, row: Mapping[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """Check a row's values; None stands for unknown and is left out.

    Parameters
    ----------
    kind : str
        The table.
    row : mapping
        Values by public names.
    whole : bool, default True
        Whether it must have all that a row needs.

    Raises
    ------
    InputError
        One sentence that names table, column and mend.
    """
    fields = fields_of(kind)
    given = {name: value for name, value in row.items() if value is not None}
    for name in given:
        if name not in fields:
            raise InputError(f"{kind}: unknown column '{name}'; {nearest(name, fields)}")
    if whole:
        for field in fields.values():
            if field.needed and field.name not in given:
                raise InputError(f"{kind}: {field.name} is missing; every row needs it.")
    return {name: _value(kind, fields[name], value) for name, value in given.items()}


def plain(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A checked row as JSON for the audit trail: times as the local clock, secrets hidden."""
    fields = fields_of(kind)
    return {
        name: "***"
        if fields[name].column.info.get("secret")
        else (value.isoformat() if isinstance(value, datetime) else value)
        for name, value in row.items()
    }


def _value(kind: str, field: Field, value: Any) -> Any:
    where, type_ = f"{kind}: {field.name}", field.column.type
    if field.refers is not None:
        return value
    if isinstance(type_, Float):
        return _number(where, value, field.column.info)
    if isinstance(type_, Boolean):
        return _kind_of(where, value, bool, "yes or no (true, false)")
    if isinstance(type_, Integer):
        if isinstance(value, bool):
            raise InputError(f"{where} is {value}; give a whole number.")
        whole = _limited(where, _kind_of(where, value, int, "a whole number"), field.column.info)
        if whole > LARGEST:
            raise InputError(f"{where} {whole} is impossible; give a number up to {LARGEST}.")
        return whole
    if isinstance(type_, UtcTime):
        return _moment(where, value)
    return _words(where, value, field.column)


def _number(where: str, value: Any, info: Mapping[str, Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where} '{value}' is no number; leave it out if it is unknown.")
    if info.get("signed"):
        return float(value)
    return float(_limited(where, value, info))


def _limited(where: str, value: Any, info: Mapping[str, Any]) -> Any:
    above_zero, at_most = info.get("above_zero"), info.get("at_most")
    if value < 0 or (above_zero and value == 0) or (at_most is not None and value > at_most):
        low = "a number above 0" if above_zero else "0 or more"
        wanted = low if at_most is None else f"a share of 0 to {at_most:g}"
        raise InputError(f"{where} {value:g} is impossible; give {wanted}.")
    return value


def _moment(where: str, value: Any) -> datetime:
    moment: datetime = _kind_of(where, value, datetime, "a date and time")
    if moment.tzinfo is None:
        raise InputError(
            f"{where} {moment.isoformat()} has no offset from UTC; write 2026-11-23T14:10+01:00."
        )
    if not MINYEAR < moment.year < MAXYEAR:
        raise InputError(f"{where} {moment.isoformat()} is no time of a culture; mend the year.")
    return moment


def _words(where: str, value: Any, column: Column[Any]) -> Any:
    choices: tuple[str, ...] | None = column.info.get("choices")
    if isinstance(column.type, JsonText):
        if choices is not None:
            for each in _kind_of(where, value, list, "a list"):
                _one_of(where, each, choices)
        return value
    text: str = _kind_of(where, value, str, "text")
    if "\0" in text:
        raise InputError(f"{where} holds a character that is none (NUL); take it out.")
    if not text.strip():
        raise InputError(f"{where} is empty; leave it out if it is unknown.")
    if _is_name(column) and (text != text.strip() or not text.isprintable()):
        # A line end within a name could write a signature's line of its own into a report.
        raise InputError(
            f"{where} {text!r} has spaces around it or characters that do not print; take them out."
        )
    return text if choices is None else _one_of(where, text, choices)


def _is_name(column: Column[Any]) -> bool:
    return column.name in (column.table.info["named_by"], "printed_name")


def _one_of(where: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InputError(f"{where} '{value}' is unknown; take one of {', '.join(choices)}.")
    return str(value)


def _kind_of(where: str, value: Any, kind: type, words: str) -> Any:
    if not isinstance(value, kind):
        raise InputError(f"{where} '{value}' is wrong; give {words}.")
    return value
