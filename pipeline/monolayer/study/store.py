"""The study: made, opened, read, and changed through one door.

with Study.open("study.db") as study:
    with study.change("anna", "weekly import") as change:
        change.add("exchanges", vessel="V-017", at=now, volume_ml=50)
    histories = study.histories()
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, select

from monolayer.errors import InputError, StudyError
from monolayer.history import VesselHistory
from monolayer.study import migrate, queries
from monolayer.study.change import Change
from monolayer.study.database import engine_of, reading, shown, sqlite_path, writing
from monolayer.study.histories import load_histories
from monolayer.study.rows import nearest
from monolayer.study.tables import ROLES, audit, vessels
from monolayer.study.vessel_types import starting_types

__all__ = ["Study"]

ENTRIES = 5000


class Study:
    """A study's database.

    Parameters
    ----------
    engine : Engine
        Of its database.
    where : str
        Where that is, without a password.

    Notes
    -----
    Made by `create` and `open`; close it, or use it in a ``with`` block.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine = engine
        self.where = where

    @classmethod
    def create(
        cls,
        where: str | os.PathLike[str],
        *,
        actor: str,
        printed_name: str | None = None,
        roles: Sequence[str] = ROLES,
        at: datetime | None = None,
    ) -> "Study":
        """Make a study: its tables, its first person, the vessel types that makers sell.

        Parameters
        ----------
        where : path or str
            A file for SQLite, or the URL of an empty PostgreSQL database.
        actor : str
            Who makes it; becomes its first person.
        printed_name : str, optional
            That person's name as signatures print it.
        roles : sequence of str
            That person's roles; others are given by a change of ``people``.
        at : datetime, optional
            When; now where left out.

        Raises
        ------
        StudyError
            There is one already, or something else.
        """
        study = cls._at(where)
        path = sqlite_path(where)
        made = path is not None and not path.exists()
        try:
            study._fill(actor, printed_name or actor, roles, at)
        except BaseException:
            study.close()
            if made and path is not None and path.exists() and not path.stat().st_size:
                path.unlink()
            raise
        return study

    @classmethod
    def open(cls, where: str | os.PathLike[str]) -> "Study":
        """Open a study.

        Raises
        ------
        StudyError
            There is none, it is older or newer than this monolayer, or cannot be reached.
        """
        study = cls._at(where)
        path = sqlite_path(where)
        if path is not None and not path.is_file():
            raise StudyError(f"{where}: there is no study; 'monolayer study init' makes one.")
        try:
            with study.reading() as connection:
                migrate.require_newest(connection, study.where)
        except BaseException:
            study.close()
            raise
        return study

    @classmethod
    def upgrade(cls, where: str | os.PathLike[str], *, actor: str) -> tuple[str, str] | None:
        """Bring an older study up to this monolayer's version; None where it is there already.

        Raises
        ------
        StudyError
            There is none, or it is newer.
        """
        with cls._at(where) as study, writing(study.engine, study.where) as connection:
            before = migrate.version_of(connection, study.where)
            if before is None:
                raise StudyError(
                    f"{study.where}: holds no study; 'monolayer study init' makes one."
                )
            if before == migrate.NEWEST:
                return None
            migrate.migrate(connection)
            role = _role(connection, actor, None)
            change = Change(connection, actor, "a newer monolayer", _now(), role)
            versions = {"before": {"version": before}, "after": {"version": migrate.NEWEST}}
            change.note("migrate", "study", "study", **versions)
            change.close()
            return before, migrate.NEWEST

    @contextmanager
    def change(
        self, actor: str, reason: str, at: datetime | None = None, *, role: str | None = None
    ) -> Iterator[Change]:
        """Write: all that is added within the block is kept, or nothing.

        Parameters
        ----------
        actor : str
            A person of the study.
        reason : str
            Why; stands in every audit entry.
        at : datetime, optional
            When, with its offset from UTC; now where left out.
        role : str, optional
            One of the person's roles, the first where left out.

        Raises
        ------
        InputError
            The person is unknown or has left, the reason is empty, or a row cannot be.
        StudyError
            Others write for too long.
        """
        if not reason.strip():
            raise InputError("a change needs a reason; say why in a few words.")
        if at is not None and at.tzinfo is None:
            raise InputError(f"a change at {at} has no offset from UTC; give a time with one.")
        with writing(self.engine, self.where) as connection:
            role = _role(connection, actor, role)
            change = Change(connection, actor, reason, at or _now(), role)
            yield change
            change.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One unchanging view, for several looks."""
        with reading(self.engine, self.where) as connection:
            yield connection

    def rows(
        self, kind: str, /, *, newest: int | None = None, **equal: Any
    ) -> list[dict[str, Any]]:
        """Rows of a table as plain data; see `monolayer.study.queries.rows`."""
        with self.reading() as connection:
            return queries.rows(connection, kind, newest=newest, **equal)

    def histories(
        self,
        names: Sequence[str] | None = None,
        *,
        lot: str | None = None,
        ended: bool | None = None,
    ) -> list[VesselHistory]:
        """Histories of these vessels, or of all, in the order of their names.

        Parameters
        ----------
        names : sequence of str, optional
            Vessels.
        lot : str, optional
            Only those of this lot.
        ended : bool, optional
            Only those whose culture has ended (True) or goes on (False).

        Raises
        ------
        InputError
            A vessel or the lot is unknown.
        """
        with self.reading() as connection:
            return list(load_histories(connection, _numbers(connection, names, lot, ended)))

    def history(self, name: str) -> VesselHistory:
        """History of one vessel."""
        return self.histories([name])[0]

    def entries(self, first: int = 1) -> Iterator[dict[str, Any]]:
        """The audit trail from an entry on, as plain data with ``previous`` and ``sha256``."""
        # Some at a time: entries are only ever added, so that looks fit together, and nobody who
        # writes waits for a reader that dawdles.
        ordered = select(audit).order_by(audit.c.sequence).limit(ENTRIES)
        while True:
            with self.reading() as connection:
                rows = connection.execute(ordered.where(audit.c.sequence >= first)).mappings()
                found = [dict(row) for row in rows]
            yield from found
            if len(found) < ENTRIES:
                return
            first = found[-1]["sequence"] + 1

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> "Study":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @classmethod
    def _at(cls, where: str | os.PathLike[str]) -> "Study":
        path = sqlite_path(where)
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise StudyError(f"{where}: there is no folder {path.parent}; make it first.")
        return cls(engine_of(where), shown(where))

    def _fill(
        self, actor: str, printed_name: str, roles: Sequence[str], at: datetime | None
    ) -> None:
        with writing(self.engine, self.where) as connection:
            if migrate.version_of(connection, self.where) is not None:
                raise StudyError(f"{self.where}: there is a study already; open it.")
            migrate.migrate(connection)
            change = Change(connection, actor, "new study", at or _now())
            change.note("create", "study", "study", after={"version": migrate.NEWEST})
            change.add("people", name=actor, printed_name=printed_name, roles=list(roles))
            for row in starting_types():
                change.add("vessel_types", **row)
            change.close()


def _now() -> datetime:
    return datetime.now().astimezone()


def _role(connection: Connection, actor: str, role: str | None) -> str | None:
    """The role in which a person acts."""
    found = queries.rows(connection, "people", name=actor)
    if not found:
        known = queries.names(connection, "people")
        raise InputError(f"{actor} is no person of this study; {nearest(actor, known)}")
    person = found[0]
    if "left_at" in person:
        raise InputError(f"{actor} left on {person['left_at']:%Y-%m-%d}; another must do it.")
    if role is not None and role not in person["roles"]:
        raise InputError(f"{actor} is no {role} but {' and '.join(person['roles'])}.")
    return role or next(iter(person["roles"]), None)


def _numbers(
    connection: Connection, wanted: Sequence[str] | None, lot: str | None, ended: bool | None
) -> list[int] | None:
    """Numbers of the vessels asked for, in the order of `wanted`; None for all."""
    if wanted is None and lot is None and ended is None:
        return None
    statement = select(vessels.c.name, vessels.c.id).order_by(vessels.c.name)
    if lot is not None:
        number = queries.number_of(connection, "lots", lot)
        statement = statement.where(vessels.c.lot_id == number)
    if ended is not None:
        column = vessels.c.ended_at
        statement = statement.where(column.is_not(None) if ended else column.is_(None))
    if wanted is not None and len(wanted) < 1000:
        statement = statement.where(vessels.c.name.in_(wanted))
    found = {row.name: row.id for row in connection.execute(statement)}
    if wanted is None:
        return list(found.values())
    for name in wanted:
        if name not in found:
            queries.number_of(connection, "vessels", name)
    return [found[name] for name in wanted if name in found]
