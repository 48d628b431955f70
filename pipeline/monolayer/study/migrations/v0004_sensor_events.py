"""Version 4: what sensors saw is kept; an outlook's hashes are called what they are."""

from alembic import op
from sqlalchemy import Column, DateTime, Float, ForeignKey, Integer, PrimaryKeyConstraint, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table of excursions and faults; rename two columns."""
    op.create_table(
        "sensor_events",
        Column("id", Integer, autoincrement=False, nullable=False),
        Column(
            "vessel_id",
            Integer,
            ForeignKey("vessels.id", name="fk_sensor_events_vessel_id"),
            nullable=False,
        ),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("offset_minutes", Integer, nullable=False),
        Column("quantity", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("since_at", DateTime(timezone=True), nullable=False),
        Column("since_offset_minutes", Integer, nullable=False),
        Column("ended_at", DateTime(timezone=True)),
        Column("ended_offset_minutes", Integer),
        Column("extreme", Float),
        Column("area", Float),
        Column("assessed_at", DateTime(timezone=True)),
        Column("assessed_offset_minutes", Integer),
        Column("assessment", Text),
        Column("source_sha256", Text),
        Column("recipe_sha256", Text),
        PrimaryKeyConstraint("id", name="pk_sensor_events"),
    )
    op.create_index(
        "uq_sensor_events_event",
        "sensor_events",
        ["vessel_id", "quantity", "kind", "reason", "since_at"],
        unique=True,
    )
    op.create_index("ix_sensor_events_vessel_id_at", "sensor_events", ["vessel_id", "at"])
    for old, new in (("history", "measurements"), ("recipe", "settings")):
        op.execute(f"ALTER TABLE outlooks RENAME COLUMN {old}_sha256 TO {new}_sha256")
