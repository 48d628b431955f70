"""Words of the widget Culture: whether a recommendation holds, what is forecast, what lacks."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monolayer.batch.content import Decision, Disposition
    from monolayer.decide import Recommendation
    from monolayer.history import VesselHistory
    from monolayer.notice import SiteSettings
    from monolayer.recipe import Recipe
    from monolayer.record import Proposal

__all__ = ["beside_words", "disposed_words", "forecast_words", "standing_words", "until_words"]


def standing_words(
    proposal: "Proposal | None",
    doubt: str | None,
    fresh: "Decision",
    decision: "Decision",
    now: datetime,
) -> str:
    """Whether what is shown can be accepted; if not, why, and what the records say now."""
    if proposal is None:
        return (
            "Made from the records and not stored: it can be accepted once it is; "
            f"{until_words(fresh, now)}"
        )
    if doubt is None:
        return f"Stored; {until_words(decision, now)}"
    return (
        f"Cannot be accepted: {doubt}. By the records as they are: {fresh.action} ({fresh.code})."
    )


def until_words(decision: "Decision", now: datetime) -> str:
    """How long a recommendation holds, or since when it does not."""
    from monolayer.batch.words import hours, local

    if decision.expires_at is None:
        return f"holds until {hours(decision.expires_h)} after seeding."
    verb = "expired at" if decision.expires_at <= now else "holds until"
    return f"{verb} {local(decision.expires_at)}."


def forecast_words(
    history: "VesselHistory",
    recipe: "Recipe",
    made: "Recommendation",
    site: "SiteSettings",
    now: datetime,
) -> str:
    """When the target is crossed: on the site's clock, or in hours where seeding has no date."""
    from monolayer.batch.words import hours, percent
    from monolayer.culture.day import vessel_now
    from monolayer.notice import crossing_sentence

    if history.vessel.seeded_at is not None:
        return f"{crossing_sentence(vessel_now(history, recipe, made), site, now)}."
    outlook = made.outlook
    if outlook.prediction_low_h is None:
        return f"vessel {made.vessel}: no forecast, {outlook.reason or 'none was made'}."
    high = outlook.prediction_high_h
    return (
        f"vessel {made.vessel} crosses {percent(recipe.decide.target_confluence)} between "
        f"{hours(outlook.prediction_low_h)} and {'an open end' if high is None else hours(high)} "
        "after seeding (prediction interval)."
    )


def beside_words(decision: "Decision") -> tuple[str, ...]:
    """Warnings, rules behind the answer, and what was not evaluated, a sentence each."""
    lines = []
    if decision.warnings:
        lines.append(f"Warnings: {', '.join(decision.warnings)}.")
    if decision.behind:
        lines.append(f"Behind it: {', '.join(decision.behind)}.")
    lines += [
        f"Not evaluated: {rule} (no {', '.join(lacks)})." for rule, lacks in decision.not_evaluated
    ]
    return tuple(lines)


def disposed_words(dispositions: "Sequence[Disposition]") -> str:
    """What a person decided last; empty where nobody did."""
    from monolayer.batch.words import clock

    if not dispositions:
        return ""
    last = dispositions[-1]
    verb = {"accept": "accepted", "override": "overrode to"}[last.verdict]
    reason = f": {last.reason}" if last.reason else ""
    return f"{last.person} {verb} {last.action}, {clock(last.at)}{reason}."
