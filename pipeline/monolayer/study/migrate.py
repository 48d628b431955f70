"""The study's version: made at the newest, brought up from an older one, refused if newer.

The steps are Alembic's, one file a version in ``migrations/``; there is no ``env.py`` and no
``alembic.ini``, as a study is migrated by `Study.create` and ``monolayer study init`` only.
"""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from monolayer.errors import StudyError

__all__ = ["NEWEST", "migrate", "require_newest", "version_of"]

_FOLDER = Path(__file__).parent / "migrations"
NEWEST = "0005"
"""The version that this monolayer reads and writes."""


def version_of(connection: Connection, where: str) -> str | None:
    """Version of a study's tables; None where there are no tables at all.

    Raises
    ------
    StudyError
        The database holds something else, or a newer monolayer's study.
    """
    version = MigrationContext.configure(connection).get_current_revision()
    if version is None and inspect(connection).get_table_names():
        raise StudyError(f"{where}: holds tables that are no study's; give another place.")
    if version is not None and version > NEWEST:
        raise StudyError(
            f"{where}: version {version} is newer than the {NEWEST} of this monolayer; update "
            "monolayer."
        )
    return version


def require_newest(connection: Connection, where: str) -> None:
    """Refuse a study that is none, older or newer.

    Raises
    ------
    StudyError
        It is so; the sentence says what brings it up.
    """
    version = version_of(connection, where)
    if version is None:
        raise StudyError(f"{where}: holds no study; 'monolayer study init' makes one.")
    if version != NEWEST:
        raise StudyError(
            f"{where}: version {version} is older than the {NEWEST} of this monolayer; "
            "'monolayer study init' brings it up, and older monolayers cannot use it then."
        )


def migrate(connection: Connection, to: str = NEWEST) -> None:
    """Bring the tables up to a version, within the connection's transaction."""
    script = ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER)])
    context = MigrationContext.configure(connection)
    steps = list(script.iterate_revisions(to, context.get_current_revision() or "base"))
    with Operations.context(context):
        for step in reversed(steps):
            step.module.upgrade()
    context.stamp(script, to)
