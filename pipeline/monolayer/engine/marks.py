"""What only the fields together can tell: doubles, one blurred among sharp ones, one incomplete.

Verdicts of this kind belong to the run, not to the field's own work, so they are given when the
tables are made and a field's part stays as it is.

They need four figures of each field, not its row: `Evidence` holds these for the whole run in
20 bytes a field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.field import State
from monolayer.inspect import (
    FIGURES,
    GATE_COLUMNS,
    InspectSettings,
    blurred_beside,
    has_focus,
    lacking,
)

__all__ = ["Evidence", "Verdict", "judge_together", "mark", "mark_incomplete"]

Row = dict[str, Any]

_KEPT = {
    "field_id", "plate", "well", "well_text", "field", "time", "paths", "height_px", "width_px",
    "pixel_size_um", "pixel_size_source", "channel", "image_sha256", "pixels_sha256", "notes",
    *FIGURES, *(name for name, _ in GATE_COLUMNS),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a field is not evaluable: a reason code, and the sentence after the field's paths."""

    reason: str
    sentence: str


class Evidence:
    """What fields are judged by together, in the plan's order.

    Parameters
    ----------
    n_fields : int
        Of the plan.
    settings : InspectSettings
        Says in which fields there is something to be in focus.
    """

    COLUMNS = ("field_id", "state", "plate", "channel", "pixels_sha256", *FIGURES)

    def __init__(self, n_fields: int, settings: InspectSettings) -> None:
        self.settings = settings
        # 64 bits: a million images have one chance in 30 million that two unlike ones share them.
        self.pixels = np.zeros(n_fields, np.uint64)
        self.slope = np.full(n_fields, np.nan)
        self.group = np.zeros(n_fields, np.int32)
        self._groups: dict[tuple[str, str], int] = {}

    def note(self, place: int, row: Mapping[str, Any]) -> None:
        """Take up the field at a place of the plan; only one that is ok can be judged."""
        if row["state"] != State.OK:
            return
        pixels = row.get("pixels_sha256")
        self.pixels[place] = _short(pixels) if pixels else 0
        if has_focus(row, self.settings):
            self.slope[place] = row["focus_log_log_slope"]
            key = (row["plate"], row["channel"])
            self.group[place] = self._groups.setdefault(key, len(self._groups))


def judge_together(evidence: Evidence, id_of: Callable[[int], str]) -> dict[int, Verdict]:
    """Say which fields are not evaluable, by their place in the plan.

    Parameters
    ----------
    evidence : Evidence
        Of all fields.
    id_of : callable
        Gives the id of the field at a place.
    """
    doubles = {
        place: Verdict(
            "duplicate_image",
            f"has the same pixels as field {id_of(first)}, which stands for both; remove the "
            "copy, or look why the microscope saved one image twice.",
        )
        for place, first in _doubles(evidence.pixels)
    }
    return doubles | _blurred(evidence, np.fromiter(doubles, np.int64, len(doubles)))


def _short(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _doubles(pixels: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Fields with the pixels of an earlier one: the first in the plan's order stands."""
    places = np.flatnonzero(pixels)
    _, first, which = np.unique(pixels[places], return_index=True, return_inverse=True)
    original = places[first][which]
    again = np.flatnonzero(original != places)
    return list(zip(places[again].tolist(), original[again].tolist(), strict=True))


def _blurred(evidence: Evidence, without: NDArray[np.int64]) -> dict[int, Verdict]:
    """Fields whose focus lies far below that of their plate's others in the same channel."""
    slopes = evidence.slope.copy()
    slopes[without] = np.nan
    places = np.flatnonzero(~np.isnan(slopes))
    places = places[np.argsort(evidence.group[places], kind="stable")]
    groups = np.split(places, np.flatnonzero(np.diff(evidence.group[places])) + 1)
    found: dict[int, Verdict] = {}
    for members in groups:
        for place in members[blurred_beside(slopes[members], evidence.settings)]:
            found[int(place)] = Verdict(
                "out_of_focus",
                "out of focus beside its plate's other fields (power log-log slope "
                f"{slopes[place]:.2f}, their median {np.median(slopes[members]):.2f}); image it "
                "again, or change inspect.max_focus_deviation.",
            )
    return found


def mark(row: Row, verdict: Verdict | None) -> Row:
    """Take the counts from a field that is judged not evaluable; leave what was read of it."""
    if verdict is None:
        return row
    return _not_evaluable(row, verdict.reason, f"{row['paths']}: {verdict.sentence}")


def mark_incomplete(row: Row, lacks: str, settings: InspectSettings) -> Row:
    """Hold a field whose record is not whole to be beyond a limit of the quality gate.

    Parameters
    ----------
    row : dict
        Row of the fields table.
    lacks : str
        Empty, or the sentence that names a channel which only this field lacks.
    settings : InspectSettings
        ``gate``; without a reference, fields are flagged and not refused.
    """
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
