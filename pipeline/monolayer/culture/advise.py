"""Recommendations for a study's vessels: growth that was fitted once is stored and found again.

The trick: an outlook is stored under the hash of what it was fitted to (a vessel's confluences in
time) and of the settings it depends on. A sensor's reading, an exchange or another limit leaves it
good; a new visit or another law of growth does not.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monolayer.culture import outlook_key, outlook_of, recommend_for
from monolayer.decide.answer import Outlook, Recommendation, as_data
from monolayer.decide.evidence import is_valid
from monolayer.errors import InputError
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe

if TYPE_CHECKING:
    from monolayer.study import Study

__all__ = [
    "Advice",
    "fitted_to",
    "plain",
    "store_outlooks",
    "store_recommendations",
    "stored_outlooks",
]

_UNKNOWN = math.nan
_NUMBERS = tuple(
    field.name for field in fields(Outlook) if field.name not in ("grows", "model", "reason")
)


class Advice:
    """Recommends for vessels by one recipe; fits only what no stored outlook tells.

    Parameters
    ----------
    recipe : Recipe
        Targets and limits.
    known : mapping of str to Outlook, optional
        Stored outlooks by what they were fitted to, as `stored_outlooks` gives them.

    Attributes
    ----------
    fitted : dict of str to (str, Outlook)
        Vessel and outlook of each fit that had to be made, by what it was fitted to.
    """

    def __init__(self, recipe: Recipe, known: dict[str, Outlook] | None = None) -> None:
        self.recipe = recipe
        self.fitted: dict[str, tuple[str, Outlook]] = {}
        self._known = known or {}

    def outlook(self, history: VesselHistory) -> Outlook:
        """Growth and forecast of a history, stored or fitted."""
        key = fitted_to(history, self.recipe)
        found = self._known.get(key)
        if found is None:
            found = outlook_of(history, self.recipe)
            self._known[key] = found
            self.fitted[key] = (history.vessel.name, found)
        return found

    def __call__(self, history: VesselHistory, at_h: float | None = None) -> Recommendation:
        """Recommend; at the history's latest record where no time is given."""
        known = history if at_h is None else history.until(at_h)
        return recommend_for(known, self.recipe, at_h=at_h, outlook=self.outlook(known))


def fitted_to(history: VesselHistory, recipe: Recipe) -> str:
    """Hash of a vessel's name and of the confluences that its growth is fitted to."""
    limits = recipe.decide
    # Packed, as writing ninety numbers out as text took a quarter of a decision's time. No record
    # holds a NaN, so it can stand for what is unknown.
    numbers = [
        _UNKNOWN if number is None else number
        for visit in history.acquisitions
        if is_valid(visit, limits)
        for number in (visit.time_h, visit.confluence, visit.confluence_se)
    ]
    packed = struct.pack(f"<{len(numbers)}d", *numbers)
    return hashlib.sha256(packed + history.vessel.name.encode()).hexdigest()


def stored_outlooks(study: "Study", recipe: Recipe) -> dict[str, Outlook]:
    """A study's outlooks that are good for a recipe, by what they were fitted to."""
    from sqlalchemy import select

    from monolayer.study.tables import outlooks

    statement = select(outlooks.c.measurements_sha256, outlooks.c.outlook).where(
        outlooks.c.settings_sha256 == outlook_key(recipe)
    )
    with study.reading() as connection:
        return {key: _outlook(row) for key, row in connection.execute(statement)}


def store_outlooks(
    study: "Study", advice: Advice, actor: str, *, at: datetime | None = None
) -> int:
    """Store the outlooks that had to be fitted; answers how many.

    Parameters
    ----------
    study : Study
        Where.
    advice : Advice
        After it was asked.
    actor : str
        A person of the study.
    at : datetime, optional
        When; now where left out.

    Raises
    ------
    NotAllowedError
        The person's roles do not allow to record.
    """
    from monolayer.custody import recording

    key = outlook_key(advice.recipe)
    # Another may have stored the same fit in the meantime; both are equal.
    there = stored_outlooks(study, advice.recipe)
    fresh = {one: found for one, found in advice.fitted.items() if one not in there}
    if fresh:
        why = "growth fitted once for each visit"
        with recording(study, actor, why, at=at) as change:
            for fitted, (vessel, outlook) in fresh.items():
                change.add(
                    "outlooks",
                    vessel=vessel,
                    measurements_sha256=fitted,
                    settings_sha256=key,
                    outlook=asdict(outlook),
                )
    return len(fresh)


def store_recommendations(
    study: "Study",
    found: Sequence[Recommendation],
    actor: str,
    reason: str,
    *,
    at: datetime | None = None,
) -> int:
    """Write recommendations into a study, for a person to dispose of; answers how many.

    Parameters
    ----------
    study : Study
        Where the vessels are.
    found : sequence of Recommendation
        Of vessels whose clock is known.
    actor, reason : str
        Who asked for them, and why.
    at : datetime, optional
        When they were written; now where left out.

    Raises
    ------
    NotAllowedError
        The person's roles do not allow to record.
    InputError
        A vessel without a clock, or one that the study does not know.
    """
    from monolayer.custody import recording
    from monolayer.record import sha256_of

    with recording(study, actor, reason, at=at) as change:
        for each in found:
            if each.at is None or each.expires_at is None:
                raise InputError(
                    f"vessel {each.vessel}: has no seeded_at; a recommendation needs a date."
                )
            content = plain(each)
            change.add(
                "recommendations",
                vessel=each.vessel,
                at=each.at,
                expires_at=each.expires_at,
                action=each.action,
                code=each.code,
                state=each.state,
                rule=each.rule,
                history_sha256=each.history_sha256,
                recipe_sha256=each.recipe_sha256,
                recipe=each.recipe,
                recipe_status=each.recipe_status,
                content=content,
                sha256=sha256_of(content),
            )
    return len(found)


def plain(found: Recommendation) -> dict[str, Any]:
    """A recommendation as JSON, with every rule's verdict; what its hash is of."""
    content: dict[str, Any] = json.loads(json.dumps(as_data(found), default=_text))
    return content


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _outlook(row: Mapping[str, Any]) -> Outlook:
    # Canonical JSON writes 32.0 as 32, which comes back as a whole number.
    numbers: dict[str, Any] = {
        name: None if row[name] is None else float(row[name]) for name in _NUMBERS
    }
    return Outlook(**{**row, **numbers})
