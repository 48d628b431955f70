"""Version 3: viabilities can be superseded, as acquisitions can; how much layers differ."""

from alembic import op
from sqlalchemy import Column, DateTime, Float, Integer

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns, all of them unknown for what is there."""
    op.add_column("viabilities", Column("supersedes", Integer))
    op.add_column("viabilities", Column("superseded_at", DateTime(timezone=True)))
    op.add_column("viabilities", Column("superseded_offset_minutes", Integer))
    op.add_column("vessels", Column("sentinel_cv", Float))
