"""Columns of the run's tables, the same whatever became of the fields.

A run in which every field failed has the same columns as one in which none did: programs that
read the tables need no special case, and null is where a number is not known.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.assays import assay_of
from monolayer.engine.plan import Plan
from monolayer.inspect import FIGURES as INSPECTED
from monolayer.inspect import GATE_COLUMNS

__all__ = ["fields_schema", "objects_schema"]

IDENTITY = ("field_id", "plate", "well", "field", "time")


def fields_schema(plan: Plan) -> pa.Schema:
    """Columns of the fields table: who, what became of it, quality, the assay's, provenance."""
    texts = [*IDENTITY, "well_text", "state", "reason", "detail"]
    columns = [
        *((name, "string") for name in texts),
        ("channel", "string"),
        ("height_px", "int64"),
        ("width_px", "int64"),
        ("pixel_size_um", "float64"),
        ("pixel_size_source", "string"),
        *((name, "float64") for name in INSPECTED),
        *GATE_COLUMNS,
        *assay_of(plan.method).field_columns(plan.channels, plan.method),
        *((name, "string") for name in ("paths", "image_sha256", "pixels_sha256", "notes")),
    ]
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])


def objects_schema(parts: Iterable[Path]) -> pa.Schema:
    """Columns of the objects table: all that any part has, in the first part's order."""
    schemas = [pq.read_schema(part / "objects.parquet") for part in parts]
    measured = [schema for schema in schemas if "label" in schema.names]
    if not measured:
        return pa.schema([(name, pa.string()) for name in IDENTITY])
    return pa.unify_schemas(measured, promote_options="permissive").remove_metadata()
