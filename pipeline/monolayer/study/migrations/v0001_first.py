"""Version 1: the first tables, as they were then; later versions change them by steps."""

from typing import Any

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
CURRENT = text("superseded_at IS NULL")


def _key(name: str = "id") -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _text(*names: str, needed: bool = False) -> list[Column[str]]:
    return [Column(name, Text, nullable=not needed) for name in names]


def _number(*names: str, needed: bool = False) -> list[Column[float]]:
    return [Column(name, Float, nullable=not needed) for name in names]


def _count(*names: str, needed: bool = False) -> list[Column[int]]:
    return [Column(name, Integer, nullable=not needed) for name in names]


def _moment(stem: str, *, needed: bool = False) -> list[Column[Any]]:
    at = Column(f"{stem}at", DateTime(timezone=True), nullable=not needed)
    return [at, Column(f"{stem}offset_minutes", Integer, nullable=not needed)]


def _refers(name: str, table: str, *, needed: bool = False) -> Column[int]:
    return Column(f"{name}_id", Integer, ForeignKey(f"{table}.id"), nullable=not needed)


Table(
    "audit",
    metadata,
    _key("sequence"),
    *_text("at", needed=True),
    *_count("local_offset_minutes", needed=True),
    *_text("actor", needed=True),
    *_text("role"),
    *_text("action", "subject_kind", "subject", "reason", needed=True),
    *_text("before", "after"),
    *_text("previous", "sha256", needed=True),
    Index("ix_audit_subject", "subject_kind", "subject"),
)
Table(
    "donors",
    metadata,
    _key(),
    *_text("code", needed=True),
    *_text("tissue", "note"),
    UniqueConstraint("code"),
)
Table(
    "media",
    metadata,
    _key(),
    *_text("name", "kind", needed=True),
    *_text("supplier"),
    *_number("glucose_mmol_per_l"),
    *_text("note"),
    UniqueConstraint("name"),
)
Table(
    "people",
    metadata,
    _key(),
    *_text("name", "printed_name", "roles", needed=True),
    *_text("password"),
    *_count("failed_attempts"),
    *_moment("locked_"),
    *_moment("left_"),
    UniqueConstraint("name"),
)
Table(
    "runs",
    metadata,
    _key(),
    *_text("name", "folder", needed=True),
    *_text("images", "assay"),
    *_text("method_sha256", needed=True),
    *_text("program_version"),
    *_text("record_sha256", "fields_sha256", needed=True),
    *_moment("made_"),
    UniqueConstraint("name"),
    Index("ix_runs_folder", "folder"),
)
Table(
    "vessel_types",
    metadata,
    _key(),
    *_text("name", needed=True),
    *_number("growth_area_cm2", needed=True),
    *_count("n_layers", needed=True),
    *_count("sentinel_layer"),
    *_text("source", needed=True),
    UniqueConstraint("name"),
)
Table(
    "documents",
    metadata,
    _key(),
    *_text("kind", "name", "version", "sha256", "content", needed=True),
    _refers("author", "people", needed=True),
    *_text("status", needed=True),
    _refers("supersedes", "documents"),
    UniqueConstraint("kind", "name", "version", name="uq_documents_version"),
    Index("ix_documents_sha256", "sha256"),
)
Table(
    "lots",
    metadata,
    _key(),
    *_text("name", needed=True),
    _refers("donor", "donors"),
    _refers("medium", "media"),
    *_text("product"),
    *_number("bank_doublings", "target_cells"),
    *_text("note"),
    UniqueConstraint("name"),
)
Table(
    "signatures",
    metadata,
    _key(),
    *_text("subject_kind", "subject", "record_sha256", needed=True),
    _refers("person", "people", needed=True),
    *_text("printed_name", needed=True),
    *_moment("", needed=True),
    *_text("meaning", needed=True),
    *_count("head_sequence"),
    *_text("head_sha256"),
    Index("ix_signatures_subject", "subject_kind", "subject"),
)
Table(
    "vessels",
    metadata,
    _key(),
    *_text("name", needed=True),
    _refers("type", "vessel_types", needed=True),
    _refers("lot", "lots"),
    _refers("medium", "media"),
    _refers("parent", "vessels"),
    *_moment("seeded_", needed=True),
    *_count("passage"),
    *_number(
        "doublings_at_seeding", "cells_seeded", "seeding_density_cells_per_cm2", "medium_volume_ml"
    ),
    Column("final_stage", Boolean),
    *_count("n_layers_imaged"),
    *_text("sentinel_assumption", "note", "ended_as"),
    *_moment("ended_"),
    *_number("cells_out", "viability_out"),
    UniqueConstraint("name"),
    Index("ix_vessels_lot_id", "lot_id"),
    Index("ix_vessels_parent_id", "parent_id"),
)
Table(
    "acquisitions",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_moment("", needed=True),
    *_count("n_fields", "n_fields_ok"),
    *_number(
        "confluence",
        "confluence_lower_bound",
        "confluence_se",
        "confluence_field_cv",
        "density_cells_per_cm2",
        "density_se",
        "doublings",
        "area_ratio",
    ),
    Column("contamination", Boolean),
    *_text("image_sha256", "image_sha256_found"),
    _refers("run", "runs"),
    *_text("method_sha256", "rollup", "note"),
    _refers("supersedes", "acquisitions"),
    *_moment("superseded_"),
    Index("ix_acquisitions_at", "at"),
    Index(
        "ix_acquisitions_current",
        "vessel_id",
        "at",
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    ),
)
Table(
    "exchanges",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_moment("", needed=True),
    *_number("volume_ml"),
    _refers("medium", "media"),
    *_text("note"),
    Index("ix_exchanges_vessel_id_at", "vessel_id", "at"),
)
Table(
    "outlooks",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_text("history_sha256", "recipe_sha256", "outlook", needed=True),
    UniqueConstraint("history_sha256", "recipe_sha256", name="uq_outlooks_hashes"),
    Index("ix_outlooks_vessel_id", "vessel_id"),
)
Table(
    "readings",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_moment("", needed=True),
    *_text("quantity", needed=True),
    *_number("value", needed=True),
    *_text("sensor"),
    Index("ix_readings_vessel_id_at", "vessel_id", "at"),
)
Table(
    "recommendations",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_moment("", needed=True),
    *_moment("expires_", needed=True),
    *_text("action", "code", "state", needed=True),
    *_text("rule"),
    *_text(
        "history_sha256",
        "recipe_sha256",
        "recipe",
        "recipe_status",
        "content",
        "sha256",
        needed=True,
    ),
    Index("ix_recommendations_vessel_id_at", "vessel_id", "at"),
)
Table(
    "viabilities",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    *_moment("", needed=True),
    *_count("live", "total"),
    *_number("viability", "lower_bound"),
    *_text("measurand"),
    _refers("run", "runs"),
    *_text("method_sha256"),
    Index("ix_viabilities_vessel_id_at", "vessel_id", "at"),
)
Table(
    "dispositions",
    metadata,
    _key(),
    _refers("vessel", "vessels", needed=True),
    _refers("recommendation", "recommendations"),
    _refers("person", "people", needed=True),
    *_moment("", needed=True),
    *_text("verdict", "action", needed=True),
    *_text("reason_code", "reason"),
    *_text("sha256", needed=True),
    Index("ix_dispositions_vessel_id_at", "vessel_id", "at"),
)


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), checkfirst=False)
