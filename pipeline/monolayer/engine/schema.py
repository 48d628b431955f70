"""Columns of the run's tables, the same whatever became of the fields.

A run in which every field failed has the same columns as one in which none did: programs that
read the tables need no special case, and null is where a number is not known.
"""

import pyarrow as pa

from monolayer.assays import assay_of
from monolayer.engine.plan import Plan
from monolayer.inspect import FIGURES as INSPECTED
from monolayer.inspect import GATE_COLUMNS
from monolayer.summarise.schema import schema_of

__all__ = ["IDENTITY", "fields_schema"]

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
    return schema_of(columns)
