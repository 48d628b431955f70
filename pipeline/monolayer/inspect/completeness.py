"""Completeness: whether a field's record is whole, and whether a well has enough good fields.

A well that says ``reimage`` still has its figures: they are worth what their intervals say. The
state is advice to the person at the microscope, and the input of a decision.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from monolayer.field import State
from monolayer.inspect.settings import GateSettings

__all__ = ["PLATE_QUALITY", "WELL_QUALITY", "lacking", "plate_quality", "well_quality"]

Row = Mapping[str, Any]
Columns = list[tuple[str, str]]

WELL_QUALITY: Columns = [
    ("quality_state", "string"),
    ("quality_reason", "string"),
    ("ok_fields_fraction", "float64"),
    ("n_fields_flagged", "int64"),
]
"""Columns of `well_quality`, in order, with Arrow's aliases."""

PLATE_QUALITY: Columns = [("n_wells_reimage", "int64"), ("n_fields_flagged", "int64")]
"""Columns of `plate_quality`."""


def lacking(row: Row, lacks_channel: str, settings: GateSettings) -> tuple[str, str] | None:
    """Return what a field's record lacks of ``required``, besides its pixel size.

    Parameters
    ----------
    row : mapping
        Row of the fields table.
    lacks_channel : str
        Empty, or a sentence that names a channel that the field's neighbours have.
    settings : GateSettings
        ``required``.

    Returns
    -------
    (str, str) or None
        Reason code and sentence.
    """
    if lacks_channel and "channels" in settings.required:
        return "incomplete_channels", lacks_channel
    if not row["time"] and "time" in settings.required:
        return "no_time", "Neither a file name nor the method says when this field was imaged."
    return None


def well_quality(field_rows: Sequence[Row], settings: GateSettings) -> dict[str, Any]:
    """Return whether a well has enough good fields.

    Parameters
    ----------
    field_rows : sequence of mapping
        Rows of the fields table, one for every planned field of the well at one time.
    settings : GateSettings
        ``min_ok_fields`` and ``min_ok_fraction``.

    Returns
    -------
    dict
        ``quality_state``: ``reimage`` where too few planned fields were evaluated; otherwise
        ``ok`` if the gate judged every evaluated field, and ``no_reference`` if it could not.
        ``quality_reason``: the sentence. Flagged fields were evaluated and lie beyond a limit.
    """
    ok = [row for row in field_rows if row["state"] == State.OK]
    unjudged = sum(row.get("quality_gate") in (None, "no_reference") for row in ok)
    state, reason = "ok", None
    if (few := _too_few(field_rows, len(ok), settings)) is not None:
        state, reason = "reimage", few
    elif unjudged:
        state = "no_reference"
        reason = f"{unjudged} of {len(ok)} fields were held against no quality reference."
    return {
        "quality_state": state,
        "quality_reason": reason,
        "ok_fields_fraction": len(ok) / len(field_rows),
        "n_fields_flagged": sum(bool(row.get("quality_reason")) for row in ok),
    }


def plate_quality(well_rows: Sequence[Row]) -> dict[str, Any]:
    """Return how many wells should be imaged again, and how many fields are flagged."""
    return {
        "n_wells_reimage": sum(row["quality_state"] == "reimage" for row in well_rows),
        "n_fields_flagged": sum(row["n_fields_flagged"] for row in well_rows),
    }


def _too_few(field_rows: Sequence[Row], n_ok: int, settings: GateSettings) -> str | None:
    planned = len(field_rows)
    if n_ok >= settings.min_ok_fields and n_ok >= settings.min_ok_fraction * planned:
        return None
    causes = [row["reason"] or row["state"] for row in field_rows if row["state"] != State.OK]
    counted = ", ".join(f"{causes.count(cause)} {cause}" for cause in dict.fromkeys(causes))
    asked = f"{settings.min_ok_fraction:.0%} of them and at least {settings.min_ok_fields}"
    return f"{n_ok} of {planned} planned fields are ok, asked are {asked}: {counted or 'too few'}."
