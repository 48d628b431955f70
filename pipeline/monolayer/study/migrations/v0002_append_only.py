"""Version 2: the database itself refuses to change what is only ever added.

Whoever may alter tables can take these triggers off again: they keep out mistakes and other
programs. What finds a forger is the hash chain.
"""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"

APPEND_ONLY = ("audit", "signatures", "dispositions")

_SQLITE = """
CREATE TRIGGER {table}_no_{name} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
# INSERT OR REPLACE removes a row without telling the trigger on DELETE.
_SQLITE_REPLACE = """
CREATE TRIGGER {table}_at_the_end BEFORE INSERT ON {table}
WHEN NEW.{key} <= (SELECT coalesce(max({key}), 0) FROM {table})
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_POSTGRES = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Say why a recommendation could not be accepted; make three tables append-only."""
    op.add_column("dispositions", Column("doubt", Text))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRES_FUNCTION)
        for table in APPEND_ONLY:
            op.execute(_POSTGRES.format(table=table))
        return
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(table=table, verb=verb, name=verb.lower()))
        key = "sequence" if table == "audit" else "id"
        op.execute(_SQLITE_REPLACE.format(table=table, key=key))
