"""The study's tables. One trick: a table says by itself how its rows are named and judged.

``info["named_by"]`` is the column by which people call a row; ``info["changeable"]`` are the
columns that may be set later (every one of them in the audit trail), all others never change: a
correction is a new row that supersedes the old, which stays.
"""

from typing import get_args

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.schema import SchemaItem

from monolayer.history import Ending, ReadingName, SensorEventKind
from monolayer.study.columns import (
    JsonText,
    choice,
    count,
    flag,
    key,
    measure,
    moment,
    refers,
    signed,
    text,
)

__all__ = ["MEDIUM_KINDS", "ROLES", "TABLES", "audit", "metadata"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
ROLES = ("operator", "reviewer", "approver")
# "Non-animal" alone says nothing: platelet lysate is xeno-free, but neither free of animal
# components in the wide sense nor defined.
MEDIUM_KINDS = (
    "animal-component-free",
    "xeno-free",
    "serum-free",
    "chemically-defined",
    "platelet-lysate",
    "serum-containing",
)
STATUSES = ("draft", "reviewed", "approved", "retired")
ACTIONS = (
    "CONTINUE", "FEED", "PASSAGE", "HARVEST", "REIMAGE", "HOLD", "ESCALATE", "DISCARD",
)  # fmt: skip
MEANINGS = ("review", "approval", "responsibility", "authorship")


def _table(
    name: str, *parts: SchemaItem, named_by: str | None = None, changeable: str = ""
) -> Table:
    unique = [] if named_by is None else [UniqueConstraint(named_by)]
    return Table(
        name,
        metadata,
        key(),
        *parts,
        *unique,
        info={"named_by": named_by, "changeable": frozenset(changeable.split())},
    )


people = _table(
    "people",
    text("name", needed=True),
    text("printed_name", needed=True),
    Column("roles", JsonText, nullable=False, info={"choices": ROLES}),
    text("password", secret=True),
    count("failed_attempts"),
    *moment("locked_at", needed=False),
    *moment("left_at", needed=False),
    named_by="name",
    changeable="printed_name roles password failed_attempts locked_at left_at",
)
donors = _table("donors", text("code", needed=True), text("tissue"), text("note"), named_by="code")
media = _table(
    "media",
    text("name", needed=True),
    choice("kind", MEDIUM_KINDS),
    text("supplier"),
    measure("glucose_mmol_per_l"),
    text("note"),
    named_by="name",
)
lots = _table(
    "lots",
    text("name", needed=True),
    refers("donor", "donors"),
    refers("medium", "media"),
    text("product"),
    measure("bank_doublings"),
    measure("target_cells", above_zero=True),
    text("note"),
    named_by="name",
)
vessel_types = _table(
    "vessel_types",
    text("name", needed=True),
    measure("growth_area_cm2", needed=True, above_zero=True),
    count("n_layers", needed=True, above_zero=True),
    # The lowest layer is 1; others of a stack cannot be seen by an ordinary microscope.
    count("sentinel_layer"),
    text("source", needed=True),
    named_by="name",
)
vessels = _table(
    "vessels",
    text("name", needed=True),
    refers("type", "vessel_types", needed=True),
    refers("lot", "lots"),
    refers("medium", "media"),
    refers("parent", "vessels"),
    *moment("seeded_at"),
    count("passage"),
    measure("doublings_at_seeding"),
    measure("cells_seeded", above_zero=True),
    measure("seeding_density_cells_per_cm2", above_zero=True),
    measure("medium_volume_ml", above_zero=True),
    flag("final_stage"),
    count("n_layers_imaged"),
    text("sentinel_assumption"),
    text("note"),
    choice("ended_as", get_args(Ending), needed=False),
    *moment("ended_at", needed=False),
    # By how much layers differ, from the site's own validation; where one of them is imaged.
    measure("sentinel_cv"),
    measure("cells_out"),
    measure("viability_out", at_most=1),
    Index("ix_vessels_lot_id", "lot_id"),
    Index("ix_vessels_parent_id", "parent_id"),
    named_by="name",
    changeable="ended_as ended_at cells_out viability_out",
)
runs = _table(
    "runs",
    text("name", needed=True),
    text("folder", needed=True),
    text("images"),
    text("assay"),
    text("method_sha256", needed=True),
    text("program_version"),
    text("record_sha256", needed=True),
    text("fields_sha256", needed=True),
    *moment("made_at", needed=False),
    Index("ix_runs_folder", "folder"),
    named_by="name",
)
acquisitions = _table(
    "acquisitions",
    refers("vessel", "vessels", needed=True),
    *moment(),
    count("n_fields"),
    count("n_fields_ok"),
    measure("confluence", at_most=1),
    measure("confluence_lower_bound", at_most=1),
    measure("confluence_se"),
    measure("confluence_field_cv"),
    measure("density_cells_per_cm2"),
    measure("density_se"),
    measure("doublings"),
    measure("area_ratio"),
    flag("contamination"),
    text("image_sha256"),
    text("image_sha256_found"),
    refers("run", "runs"),
    text("method_sha256"),
    # How the vessel's figures came from its fields: populations, spreads, test of dispersion.
    Column("rollup", JsonText),
    text("note"),
    refers("supersedes", "acquisitions"),
    *moment("superseded_at", needed=False),
    # One look covers a vessel's current visits in time, and no two of them share one.
    Index(
        "ix_acquisitions_current",
        "vessel_id",
        "at",
        unique=True,
        sqlite_where=sql("superseded_at IS NULL"),
        postgresql_where=sql("superseded_at IS NULL"),
    ),
    Index("ix_acquisitions_at", "at"),
    # The one above leaves superseded visits out: a vessel's trail looked through all vessels' rows.
    Index("ix_acquisitions_vessel_id", "vessel_id"),
    changeable="superseded_at",
)
viabilities = _table(
    "viabilities",
    refers("vessel", "vessels", needed=True),
    *moment(),
    count("live"),
    count("total"),
    measure("viability", at_most=1),
    measure("lower_bound", at_most=1),
    text("measurand"),
    refers("run", "runs"),
    text("method_sha256"),
    count("supersedes"),
    *moment("superseded_at", needed=False),
    Index("ix_viabilities_vessel_id_at", "vessel_id", "at"),
    changeable="superseded_at",
)
readings = _table(
    "readings",
    refers("vessel", "vessels", needed=True),
    *moment(),
    text("quantity", needed=True),
    signed("value", needed=True),
    text("sensor"),
    Index("ix_readings_vessel_id_at", "vessel_id", "at"),
)
sensor_events = _table(
    "sensor_events",
    refers("vessel", "vessels", needed=True),
    # When it was known; what it will come to is written down when it is over.
    *moment(),
    choice("quantity", get_args(ReadingName)),
    choice("kind", get_args(SensorEventKind)),
    text("reason", needed=True),
    *moment("since_at"),
    *moment("ended_at", needed=False),
    signed("extreme"),
    measure("area"),
    *moment("assessed_at", needed=False),
    text("assessment"),
    text("source_sha256"),
    text("recipe_sha256"),
    Index(
        "uq_sensor_events_event",
        *("vessel_id", "quantity", "kind", "reason", "since_at"),
        unique=True,
    ),
    Index("ix_sensor_events_vessel_id_at", "vessel_id", "at"),
    changeable="ended_at extreme area assessed_at assessment",
)
exchanges = _table(
    "exchanges",
    refers("vessel", "vessels", needed=True),
    *moment(),
    measure("volume_ml", above_zero=True),
    refers("medium", "media"),
    text("note"),
    Index("ix_exchanges_vessel_id_at", "vessel_id", "at"),
)
outlooks = _table(
    "outlooks",
    refers("vessel", "vessels", needed=True),
    # Hashes of the confluences that growth was fitted to, and of the settings it depends on.
    text("measurements_sha256", needed=True, formerly="history_sha256"),
    text("settings_sha256", needed=True, formerly="recipe_sha256"),
    Column("outlook", JsonText, nullable=False),
    UniqueConstraint("measurements_sha256", "settings_sha256", name="uq_outlooks_hashes"),
    Index("ix_outlooks_vessel_id", "vessel_id"),
)
recommendations = _table(
    "recommendations",
    refers("vessel", "vessels", needed=True),
    *moment(),
    *moment("expires_at"),
    choice("action", ACTIONS[:-1]),
    text("code", needed=True),
    text("state", needed=True),
    text("rule"),
    text("history_sha256", needed=True),
    text("recipe_sha256", needed=True),
    text("recipe", needed=True),
    text("recipe_status", needed=True),
    Column("content", JsonText, nullable=False),
    text("sha256", needed=True),
    Index("ix_recommendations_vessel_id_at", "vessel_id", "at"),
)
dispositions = _table(
    "dispositions",
    refers("vessel", "vessels", needed=True),
    refers("recommendation", "recommendations"),
    refers("person", "people", needed=True),
    *moment(),
    choice("verdict", ("accept", "override")),
    choice("action", ACTIONS),
    text("reason_code"),
    text("reason"),
    # Why the recommendation could not have been accepted, where it was overridden.
    text("doubt"),
    text("sha256", needed=True),
    Index("ix_dispositions_vessel_id_at", "vessel_id", "at"),
)
documents = _table(
    "documents",
    choice("kind", ("method", "recipe", "policy")),
    text("name", needed=True),
    text("version", needed=True),
    text("sha256", needed=True),
    text("content", needed=True),
    refers("author", "people", needed=True),
    choice("status", STATUSES),
    refers("supersedes", "documents"),
    UniqueConstraint("kind", "name", "version", name="uq_documents_version"),
    Index("ix_documents_sha256", "sha256"),
    changeable="status",
)
signatures = _table(
    "signatures",
    text("subject_kind", needed=True),
    text("subject", needed=True),
    text("record_sha256", needed=True),
    refers("person", "people", needed=True),
    text("printed_name", needed=True),
    *moment(),
    choice("meaning", MEANINGS),
    # The audit trail's end when it was signed: what is cut off behind it is missed.
    count("head_sequence"),
    text("head_sha256"),
    Index("ix_signatures_subject", "subject_kind", "subject"),
)
audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    # Text in all columns that the hash covers: it must come back to the letter.
    Column("at", Text, nullable=False),
    Column("local_offset_minutes", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text),
    Column("action", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", JsonText),
    Column("after", JsonText),
    Column("previous", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Index("ix_audit_subject", "subject_kind", "subject"),
)
TABLES: dict[str, Table] = {
    table.name: table for table in metadata.sorted_tables if table is not audit
}
