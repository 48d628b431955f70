"""What only the fields together can tell: doubles, one blurred among sharp ones, one incomplete.

Verdicts of this kind belong to the run, not to the field's own work, so they are given when the
tables are made and a field's part stays as it is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from monolayer.field import State
from monolayer.inspect import (
    FIGURES,
    GATE_COLUMNS,
    InspectSettings,
    blurred_beside,
    has_focus,
    lacking,
)

__all__ = ["mark_blurred", "mark_doubles", "mark_incomplete"]

Row = dict[str, Any]

_KEPT = {
    "field_id", "plate", "well", "well_text", "field", "time", "paths", "height_px", "width_px",
    "pixel_size_um", "pixel_size_source", "channel", "image_sha256", "pixels_sha256", "notes",
    *FIGURES, *(name for name, _ in GATE_COLUMNS),
}  # fmt: skip


def mark_doubles(rows: list[Row]) -> list[Row]:
    """Two fields with the same pixels are one image: the first in the plan's order stands."""
    first: dict[str, str] = {}
    return [_unless_double(row, first) for row in rows]


def _unless_double(row: Row, first: dict[str, str]) -> Row:
    pixels = row.get("pixels_sha256")
    if row["state"] != State.OK or not pixels:
        return row
    original = first.setdefault(pixels, row["field_id"])
    if original == row["field_id"]:
        return row
    detail = (
        f"{row['paths']}: has the same pixels as field {original}, which stands for both; remove "
        "the copy, or look why the microscope saved one image twice."
    )
    return _not_evaluable(row, "duplicate_image", detail)


def mark_blurred(rows: list[Row], settings: InspectSettings) -> list[Row]:
    """Fields whose focus lies far below that of their plate's others are not evaluable."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows):
        if row["state"] == State.OK and has_focus(row, settings):
            groups.setdefault((row["plate"], row["channel"]), []).append(i)
    marked = list(rows)
    for members in groups.values():
        slopes = np.array([rows[i]["focus_log_log_slope"] for i in members], np.float64)
        for place in np.flatnonzero(blurred_beside(slopes, settings)):
            row = rows[members[place]]
            detail = (
                f"{row['paths']}: out of focus beside its plate's other fields (power log-log "
                f"slope {slopes[place]:.2f}, their median {np.median(slopes):.2f}); image it "
                "again, or change inspect.max_focus_deviation."
            )
            marked[members[place]] = _not_evaluable(row, "out_of_focus", detail)
    return marked


def mark_incomplete(
    rows: list[Row], lacks: Mapping[str, str], settings: InspectSettings
) -> list[Row]:
    """Fields whose record is not whole are beyond a limit of the quality gate.

    Parameters
    ----------
    rows : list of dict
        Rows of the fields table.
    lacks : mapping of str to str
        By field id, the sentence that names a channel which only this field lacks.
    settings : InspectSettings
        ``gate``; without a reference, fields are flagged and not refused.
    """
    return [_unless_incomplete(row, lacks.get(row["field_id"], ""), settings) for row in rows]


def _unless_incomplete(row: Row, lacks: str, settings: InspectSettings) -> Row:
    problem = lacking(row, lacks, settings.gate) if row["state"] == State.OK else None
    if problem is None:
        return row
    judged = row.get("quality_gate") in ("pass", "flagged")
    refused = judged and settings.gate.beyond == "refuse"
    told = dict(zip(("quality_reason", "quality_detail"), problem, strict=True))
    if row.get("quality_reason"):
        told = {}  # the first limit that a field is beyond is the one that is named
    marked = row | told
    if judged:
        marked["quality_gate"] = "refused" if refused else "flagged"
    return _not_evaluable(marked, *problem) if refused else marked


def _not_evaluable(row: Row, reason: str, detail: str) -> Row:
    kept = {name: value for name, value in row.items() if name in _KEPT}
    verdict = {"state": str(State.NOT_EVALUABLE), "reason": reason, "detail": detail}
    return kept | verdict
