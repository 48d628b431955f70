"""Version 5: a vessel's visits are found by an index, superseded ones too."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the index; the one there was holds current visits only."""
    op.create_index("ix_acquisitions_vessel_id", "acquisitions", ["vessel_id"])
