"""From a vessel's history to its recommendation: the stages grow and decide, composed.

`outlook_of` fits the history's growth; `recommend_for` decides with it.
"""

import hashlib
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from monolayer.decide.answer import Outlook, Recommendation
from monolayer.decide.decide import recommend
from monolayer.history import Acquisition, VesselHistory
from monolayer.recipe import Recipe

if TYPE_CHECKING:
    from monolayer.grow import Growth, GrowthSeries

__all__ = [
    "growth_series",
    "outlook_key",
    "outlook_of",
    "recommend_for",
    "why_no_series",
    "with_doublings",
]

# Raised when the same measurements and settings come to give another outlook.
_OUTLOOK_VERSION = 1


def recommend_for(
    history: VesselHistory,
    recipe: Recipe,
    *,
    at_h: float | None = None,
    outlook: Outlook | None = None,
) -> Recommendation:
    """Recommend what to do with a vessel, by a recipe.

    Parameters
    ----------
    history : VesselHistory
        The vessel's records.
    recipe : Recipe
        Targets and limits.
    at_h : float, optional
        Now, in hours since seeding; the latest record's time where left out.
    outlook : Outlook, optional
        Growth as stored with the latest acquisition; fitted here where left out.

    Raises
    ------
    InputError
        The culture has ended, or its records contradict one another.
    """
    at_h = history.last_h if at_h is None else at_h
    known = history.until(at_h)
    if outlook is None:
        outlook = outlook_of(known, recipe)
    return recommend(
        with_doublings(known, outlook),
        recipe.decide,
        outlook,
        at_h=at_h,
        recipe=f"{recipe.name} {recipe.version}",
        recipe_status=recipe.status,
        recipe_sha256=recipe.sha256,
        history_sha256=known.sha256,
    )


def outlook_of(history: VesselHistory, recipe: Recipe) -> Outlook:
    """Fit a vessel's growth and forecast the crossing of the recipe's target."""
    from monolayer.grow import forecast, grow

    series = growth_series(history, recipe)
    if series is None:
        return Outlook(reason=why_no_series(history))
    growth = grow(series, recipe.grow)
    crossing = forecast(growth, recipe.decide.target_confluence, recipe.grow)
    grows, doubling_time_h = _grows(growth)
    return Outlook(
        doubling_time_h=doubling_time_h,
        grows=grows,
        crossing_h=crossing.time_h if crossing.median_h is None else crossing.median_h,
        prediction_low_h=crossing.prediction_low_h,
        prediction_high_h=crossing.prediction_high_h,
        model=crossing.model,
        reason=crossing.reason,
    )


def outlook_key(recipe: Recipe) -> str:
    """Hash of those settings of a recipe that an outlook depends on.

    An outlook stored with an acquisition is good for every recipe of the same key.
    """
    limits = recipe.decide
    content = [
        _OUTLOOK_VERSION,
        recipe.grow.model_dump(mode="json"),
        limits.target_confluence,
        limits.min_fields_ok,
        limits.min_fields_ok_share,
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def growth_series(history: VesselHistory, recipe: Recipe) -> "GrowthSeries | None":
    """The confluences of a history's evaluable visits; None where there are none."""
    import numpy as np

    from monolayer.decide.evidence import is_valid
    from monolayer.grow import GrowthSeries

    visits = [
        (visit.time_h, visit.confluence, visit.confluence_se)
        for visit in history.acquisitions
        if visit.confluence is not None and is_valid(visit, recipe.decide)
    ]
    if not visits:
        return None
    errors = [np.nan if se is None else se for _, _, se in visits]
    return GrowthSeries(
        history.vessel.name,
        "confluence",
        np.array([time_h for time_h, _, _ in visits]),
        np.array([confluence for _, confluence, _ in visits]),
        np.array(errors) if np.all(np.isfinite(errors)) else None,
    )


def why_no_series(history: VesselHistory) -> str:
    """Say why `growth_series` gave none."""
    measured = sum(visit.confluence is not None for visit in history.acquisitions)
    if measured:
        return f"none of the {measured} visits with a confluence has the fields the recipe asks for"
    return "no confluence was measured"


def with_doublings(history: VesselHistory, outlook: Outlook) -> VesselHistory:
    """The history with the latest visit's doubling level filled in, where it can be told.

    By counted density over seeding density; else by the doubling time as if the cells had grown
    at that rate since seeding, which errs to the high side. A level that is there stays.
    """
    vessel, visits = history.vessel, history.acquisitions
    if not visits or visits[-1].doublings is not None or vessel.doublings_at_seeding is None:
        return history
    since = _doublings_since_seeding(visits[-1], history, outlook)
    if since is None:
        return history
    last = replace(visits[-1], doublings=vessel.doublings_at_seeding + max(0.0, since))
    return replace(history, acquisitions=(*visits[:-1], last))


def _doublings_since_seeding(
    visit: Acquisition, history: VesselHistory, outlook: Outlook
) -> float | None:
    seeded = history.vessel.seeding_density_cells_per_cm2
    if visit.density_cells_per_cm2 and seeded:
        return math.log2(visit.density_cells_per_cm2 / seeded)
    if outlook.doubling_time_h is None:
        return None
    return visit.time_h / outlook.doubling_time_h


def _grows(growth: "Growth") -> tuple[bool | None, float | None]:
    """Whether it grows, and how fast; neither is told by too few points."""
    if growth.rate is None or "LOW_DATA" in growth.flags:
        return None, None
    return "NO_GROWTH" not in growth.flags, growth.rate.doubling_time_h
