"""Where a study is: a SQLite file with no set-up, or PostgreSQL by a URL; and how each is locked.

One trick: a change holds the study's one writing lock from its first statement, so that what it
read is still true when it writes, and the audit trail has one order.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError

from monolayer.errors import ConfigError, InputError, MissingExtraError, StudyError

__all__ = ["engine_of", "reading", "shown", "sqlite_path", "writing"]

BUSY_SECONDS = 30.0
CACHE_KB = 65_536
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


def sqlite_path(where: str | os.PathLike[str]) -> Path | None:
    """The file of a study in SQLite; None where it is in a server.

    Raises
    ------
    ConfigError
        The URL names no file.
    """
    text = os.fspath(where)
    if "://" not in text:
        return Path(text)
    url = _url(text)
    if url.drivername.split("+")[0] != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise ConfigError(f"{text}: names no file; give the study's path.")
    return Path(url.database)


def shown(where: str | os.PathLike[str]) -> str:
    """The place without a password, for sentences."""
    text = os.fspath(where)
    return _url(text).render_as_string(hide_password=True) if "://" in text else text


def engine_of(where: str | os.PathLike[str]) -> Engine:
    """Make the engine of a place; connects to nothing yet.

    Raises
    ------
    ConfigError
        The URL is none, or of another database.
    MissingExtraError
        PostgreSQL's driver is not installed.
    """
    path = sqlite_path(where)
    if path is not None:
        engine = create_engine(
            URL.create("sqlite", database=os.fspath(path)),
            connect_args={"timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    url = _url(os.fspath(where))
    if url.drivername not in _POSTGRES:
        raise ConfigError(
            f"{shown(where)}: a study is in SQLite or PostgreSQL; give a path, or "
            "postgresql://USER@HOST/NAME."
        )
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except ImportError:
        raise MissingExtraError.named("psycopg", "postgresql") from None


@contextmanager
def reading(engine: Engine, where: str) -> Iterator[Connection]:
    """One unchanging view of the study, for as long as it is read."""
    with _connected(engine, where, "REPEATABLE READ") as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, where: str) -> Iterator[Connection]:
    """The study's one writing lock and a transaction: all of it is kept, or nothing."""
    with _connected(engine, where, "READ COMMITTED") as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                _lock(connection)
            yield connection


def _lock(connection: Connection) -> None:
    """Wait for the other writers; readers are not hindered."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS:.0f}s'")
    # Held to the end of the transaction. A table's lock would fail before there is a table.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('monolayer study'))")


@contextmanager
def _connected(engine: Engine, where: str, isolation: str) -> Iterator[Connection]:
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": isolation}
    try:
        with engine.connect() as connection:
            yield connection.execution_options(**options)
    except OperationalError as error:
        raise StudyError(_operational(where, str(error.orig))) from error
    except IntegrityError as error:
        first = str(error.orig).strip().splitlines()[0].rstrip(".")
        raise InputError(f"{where}: a row contradicts what is there ({first}); mend it.") from error
    except DBAPIError as error:
        if "not a database" in str(error.orig):
            raise StudyError(
                f"{where}: is no study but another file; give a study's place."
            ) from error
        if type(error.orig).__name__ == "LockNotAvailable":
            raise StudyError(_operational(where, "lock timeout")) from error
        raise


def _operational(where: str, said: str) -> str:
    first = said.strip().splitlines()[0].rstrip(".")
    if "locked" in said or "lock timeout" in said:
        return f"{where}: others have been writing for {BUSY_SECONDS:.0f} s; try again."
    if "disk is full" in said or "No space left" in said:
        return f"{where}: its disk is full; nothing was written, make room and try again."
    if "readonly" in said:
        return f"{where}: may not be written to; mend the file's or folder's permissions."
    return f"{where}: cannot be used ({first}); check the place and your rights to it."


def _sqlite_connected(connection: object, _: object) -> None:
    # The driver's own transactions begin too late: two changes would read the same end of the
    # audit trail. The journal stays SQLite's default: write-ahead needs memory shared between
    # the writers, which a network folder does not give.
    connection.isolation_level = None  # type: ignore[attr-defined]
    connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]
    # A large change would push pages out to the file before it ends, and shut all readers out.
    connection.execute("PRAGMA cache_spill = OFF")  # type: ignore[attr-defined]
    # The default of 2 MB holds no table's index: every look read its pages again.
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")  # type: ignore[attr-defined]


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError:
        raise ConfigError(
            f"{text}: is no URL of a database; write postgresql://USER@HOST/NAME."
        ) from None
