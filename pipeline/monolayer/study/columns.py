"""Column types that read and write the same in SQLite and PostgreSQL, and the words they take.

Times are stored in UTC, the local offset in the column beside (``at`` and ``offset_minutes``):
an inspector asks what the clock on the wall said.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import rfc8785
from sqlalchemy import Boolean, Column, DateTime, Dialect, Float, ForeignKey, Integer, Text
from sqlalchemy.types import TypeDecorator

from monolayer.record.chain import from_canonical

__all__ = [
    "JsonText",
    "UtcTime",
    "choice",
    "count",
    "flag",
    "key",
    "measure",
    "moment",
    "refers",
    "signed",
    "text",
]


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite keeps text without an offset."""
        if value is None:
            return None
        return value.astimezone(UTC).replace(tzinfo=None if dialect.name == "sqlite" else UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """From UTC; PostgreSQL answers in the session's zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """Plain data as canonical JSON (RFC 8785): text, since a database's own JSON reorders it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text."""
        return None if value is None else rfc8785.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From text."""
        return None if value is None else from_canonical(value)


def key() -> Column[int]:
    """A row's number; given by the change that adds it, the same in every database."""
    return Column("id", Integer, primary_key=True, autoincrement=False)


def refers(name: str, table: str, *, needed: bool = False) -> Column[int]:
    """Another table's row, which a caller names by `name`."""
    return Column(f"{name}_id", Integer, ForeignKey(f"{table}.id"), nullable=not needed)


def moment(name: str = "at", *, needed: bool = True) -> tuple[Column[datetime], Column[int]]:
    """A time in UTC and the local offset beside."""
    offset = f"{name.removesuffix('at')}offset_minutes"
    return (
        Column(name, UtcTime, nullable=not needed),
        Column(offset, Integer, nullable=not needed, info={"derived": True}),
    )


def text(
    name: str, *, needed: bool = False, secret: bool = False, formerly: str | None = None
) -> Column[str]:
    """Words; a secret never shows in the audit trail.

    `formerly` is what older entries of the audit trail call it: they stay as they were written.
    """
    return Column(name, Text, nullable=not needed, info={"secret": secret, "formerly": formerly})


def choice(name: str, choices: Sequence[str], *, needed: bool = True) -> Column[str]:
    """One of the words given."""
    return Column(name, Text, nullable=not needed, info={"choices": tuple(choices)})


def measure(
    name: str, *, needed: bool = False, above_zero: bool = False, at_most: float | None = None
) -> Column[float]:
    """A number of 0 or more with its unit in the name; null where it is unknown."""
    info = {"above_zero": above_zero, "at_most": at_most}
    return Column(name, Float, nullable=not needed, info=info)


def signed(name: str, *, needed: bool = False) -> Column[float]:
    """A number that may be below 0."""
    return Column(name, Float, nullable=not needed, info={"signed": True})


def count(name: str, *, needed: bool = False, above_zero: bool = False) -> Column[int]:
    """A whole number of 0 or more."""
    return Column(name, Integer, nullable=not needed, info={"above_zero": above_zero})


def flag(name: str) -> Column[bool]:
    """Yes, no, or nobody looked."""
    return Column(name, Boolean)
