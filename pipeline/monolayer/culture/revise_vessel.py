"""A vessel after corrections: acquisition, growth and recommendation, beside the automatic ones.

The earlier recommendation is stale as soon as the records it was made from are others; a person
who disposed of the vessel by it is told so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from monolayer.culture import outlook_of, recommend_for
from monolayer.decide.answer import Outlook, Recommendation
from monolayer.errors import CorrectionError
from monolayer.history import Acquisition, VesselHistory
from monolayer.recipe import Recipe
from monolayer.review.difference import Difference, Figure, differences

__all__ = ["VesselRevision", "revise_history", "revise_vessel", "visit_of_well"]

_OF_VISIT = (
    Figure("confluence", "Confluence", "%"),
    Figure("confluence_lower_bound", "Lower bound, one-sided", "%"),
    Figure("density_cells_per_cm2", "Area density of cells", "cells/cm²"),
    Figure("n_fields_ok", "Evaluated fields", ""),
)
_OF_GROWTH = (
    Figure("doubling_time_h", "Doubling time", "h"),
    Figure("crossing_h", "Crosses the target", "h after seeding"),
    Figure("prediction_low_h", "Crosses, earliest", "h after seeding"),
    Figure("prediction_high_h", "Crosses, latest", "h after seeding"),
)


@dataclass(frozen=True, slots=True)
class VesselRevision:
    """What corrections make of a vessel.

    Attributes
    ----------
    automatic, corrected : Recommendation
        Made from the automatic records, and from the corrected ones.
    differences : tuple of Difference
        Of the acquisition and of the growth.
    """

    automatic: Recommendation
    corrected: Recommendation
    differences: tuple[Difference, ...]

    @property
    def stale(self) -> bool:
        """Whether the earlier recommendation was made from records that are others now."""
        return self.automatic.history_sha256 != self.corrected.history_sha256

    @property
    def sentence(self) -> str:
        """What became of the recommendation."""
        before, after = self.automatic, self.corrected
        if not self.stale:
            return f"{before.vessel}: {before.action} ({before.code}) stands: nothing changed."
        now = f"{after.action} ({after.code})"
        same = (before.action, before.code) == (after.action, after.code)
        was = "still " if same else f"was {before.action} ({before.code}), is now "
        return (
            f"{before.vessel}: the earlier recommendation is stale, its records were corrected; "
            f"{was}{now}."
        )


def visit_of_well(row: Mapping[str, Any], visit: Acquisition) -> Acquisition:
    """An acquisition with the figures of one well; of a vessel that is one well, all of it.

    Parameters
    ----------
    row : mapping
        The well's row of the wells table, of the assay confluence or one that counts.
    visit : Acquisition
        What is known of it besides.

    Raises
    ------
    CorrectionError
        The well has neither confluence nor a density of cells.
    """
    n = int(row["n_fields_ok"])
    figures: dict[str, Any] = {"n_fields": row["n_fields_planned"], "n_fields_ok": n}
    if "confluence" in row:
        figures["confluence"] = row["confluence"]
        figures["confluence_lower_bound"] = row["confluence_lower_bound"]
        figures["confluence_se"] = _standard_error(row.get("confluence_sd"), n)
        figures["confluence_field_cv"] = row.get("confluence_cv")
    elif "density_cells_per_cm2" in row:
        figures["density_cells_per_cm2"] = row["density_cells_per_cm2"]
        figures["density_se"] = _standard_error(row.get("density_cells_per_cm2_sd"), n)
    else:
        raise CorrectionError(
            "these wells have neither confluence nor a density of cells: they are no acquisition."
        )
    return replace(visit, **figures)


def revise_history(history: VesselHistory, visit: Acquisition) -> VesselHistory:
    """The history with another acquisition in the place of the one at its time.

    Raises
    ------
    CorrectionError
        It has no acquisition at that time.
    """
    times = [each.time_h for each in history.acquisitions]
    if visit.time_h not in times:
        known = ", ".join(f"{time_h:g}" for time_h in times) or "none"
        raise CorrectionError(
            f"vessel {history.vessel.name} has no acquisition at {visit.time_h:g} h; there are "
            f"{known}."
        )
    visits = [visit if each.time_h == visit.time_h else each for each in history.acquisitions]
    return replace(history, acquisitions=tuple(visits))


def revise_vessel(
    automatic: VesselHistory,
    corrected: VesselHistory,
    recipe: Recipe,
    *,
    at_h: float | None = None,
) -> VesselRevision:
    """Hold growth and recommendation of two histories of one vessel side by side.

    Parameters
    ----------
    automatic, corrected : VesselHistory
        With the acquisitions as the run left them, and as they were corrected.
    recipe : Recipe
        Targets and limits.
    at_h : float, optional
        Now, in hours since seeding; the latest record's time where left out.
    """
    outlooks = [
        outlook_of(each.until(at_h or each.last_h), recipe) for each in (automatic, corrected)
    ]
    made = [
        recommend_for(each, recipe, at_h=at_h, outlook=outlook)
        for each, outlook in zip((automatic, corrected), outlooks, strict=True)
    ]
    told = _visits(automatic, corrected)
    before, after = map(_growth, outlooks)
    told += differences("growth", before, after, _OF_GROWTH)
    return VesselRevision(made[0], made[1], tuple(told))


def _visits(automatic: VesselHistory, corrected: VesselHistory) -> list[Difference]:
    told = []
    for before, after in zip(automatic.acquisitions, corrected.acquisitions, strict=True):
        if before == after:
            continue
        place = {"plate": automatic.vessel.name, "time": f"{before.time_h:g} h"}
        was, now = ({name: getattr(v, name) for name in _COLUMNS} | place for v in (before, after))
        told += differences("acquisition", was, now, _OF_VISIT)
    return told


_COLUMNS = tuple(figure.column for figure in _OF_VISIT)


def _growth(outlook: Outlook) -> dict[str, float | None]:
    return {figure.column: getattr(outlook, figure.column) for figure in _OF_GROWTH}


def _standard_error(sd: float | None, n: int) -> float | None:
    return None if sd is None or n < 2 else sd / math.sqrt(n)
