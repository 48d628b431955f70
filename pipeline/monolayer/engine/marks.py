"""What only the fields together can tell: doubles, and a blurred field among sharp ones.

Verdicts of this kind belong to the run, not to the field's own work, so they are given when the
tables are made and a field's part stays as it is.
"""

from typing import Any

import numpy as np

from monolayer.field import State
from monolayer.inspect import FIGURES, InspectSettings, blurred_beside

__all__ = ["mark_blurred", "mark_doubles"]

Row = dict[str, Any]

_KEPT = {
    "field_id", "plate", "well", "well_text", "field", "time", "paths", "height_px", "width_px",
    "pixel_size_um", "pixel_size_source", "channel", "image_sha256", "pixels_sha256", "notes",
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
        if row["state"] == State.OK and _has_focus(row, settings):
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


def _has_focus(row: Row, settings: InspectSettings) -> bool:
    """Whether there is something in the field that can be in focus."""
    signal, slope = row.get("signal_to_noise"), row.get("focus_log_log_slope")
    return slope is not None and (signal or 0.0) >= settings.focus_min_signal_to_noise


def _not_evaluable(row: Row, reason: str, detail: str) -> Row:
    kept = {name: value for name, value in row.items() if name in _KEPT or name in FIGURES}
    verdict = {"state": str(State.NOT_EVALUABLE), "reason": reason, "detail": detail}
    return kept | verdict
