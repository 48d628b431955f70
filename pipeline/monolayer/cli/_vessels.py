"""What verbs about vessels share: histories of a file or study, which recipe, at what time."""

import gc
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.culture.advise import Advice
    from monolayer.decide import Check, Recommendation
    from monolayer.history import VesselHistory
    from monolayer.recipe import Recipe

__all__ = [
    "advice_for",
    "histories_of",
    "history_options",
    "recipe_for",
    "recommendations",
    "vessel_options",
    "when",
    "words_of",
]

Command = TypeVar("Command", bound=Callable[..., Any])
_HISTORIES = (
    click.argument(
        "history", type=click.Path(path_type=Path), metavar="[HISTORY.yaml]", required=False
    ),
    click.option(
        "--study", metavar="STUDY", help="Vessels of this study (a file or URL) instead of a file."
    ),
    click.option(
        "--recipe",
        "recipe_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Recipe ('monolayer init --recipe' writes one). Default: the study's approved one; "
        "else the example recipe.",
    ),
)
_OPTIONS = (
    *_HISTORIES,
    click.option(
        "--at",
        metavar="TIME|HOURS",
        help="When to decide: a date with its offset from UTC, or hours since seeding. Default: "
        "each vessel's latest record.",
    ),
    click.option("--vessel", metavar="NAME", help="Only this vessel."),
)


def vessel_options(command: Command) -> Command:
    """Give a command the options that say which vessels are decided about, and when."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def history_options(command: Command) -> Command:
    """Give a command the options that say where vessels' histories are, and the recipe."""
    for option in reversed(_HISTORIES):
        command = option(command)
    return command


def histories_of(
    history: Path | None, study: str | None, vessel: str | None = None, *, ended: bool | None = None
) -> list["VesselHistory"]:
    """Histories of a file or of a study, in its order; only one vessel's where it is named.

    `ended` narrows a study to vessels that have ended, or are in culture; a file is taken whole.
    """
    if (history is None) == (study is None):
        raise ConfigError("give either HISTORY.yaml or --study STUDY.")
    if study is not None:
        from monolayer.study import Study

        with Study.open(study) as opened:
            return opened.histories(None if vessel is None else [vessel], ended=ended)
    from monolayer.intake.history_file import read_histories

    assert history is not None
    found = read_histories(history)
    if vessel is None:
        return found
    chosen = [each for each in found if each.vessel.name == vessel]
    if not chosen:
        names = ", ".join(each.vessel.name for each in found)
        raise ConfigError(f"--vessel {vessel}: is not in {history}; there are {names}.")
    return chosen


def advice_for(study: str | None, recipe: "Recipe") -> "Advice":
    """Recommends by a recipe, with a study's stored outlooks where there is one."""
    from monolayer.culture.advise import Advice, stored_outlooks

    if study is None:
        return Advice(recipe)
    from monolayer.study import Study

    with Study.open(study) as opened:
        return Advice(recipe, stored_outlooks(opened, recipe))


def recipe_for(study: str | None, path: Path | None) -> "Recipe":
    """The recipe of a file; of a study the approved one, and where a file's stands in it."""
    if study is None:
        from monolayer.recipe import load_recipe

        return load_recipe(path)
    from monolayer.custody import recipe_in_force
    from monolayer.study import Study

    with Study.open(study) as opened:
        return recipe_in_force(opened, path)


def recommendations(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    at: str | None,
    vessel: str | None,
) -> tuple[list["Recommendation"], "Advice"]:
    """Recommend for every vessel asked for, in order; with the advice and what it had to fit."""
    # No record refers back to another, yet the collector of cycles looked through 300,000 of them
    # again and again, a quarter of the time for 10,000 vessels.
    gc.disable()
    try:
        return _recommended(history, study, recipe_for(study, recipe_path), at, vessel)
    finally:
        gc.enable()


def _recommended(
    history: Path | None, study: str | None, recipe: "Recipe", at: str | None, vessel: str | None
) -> tuple[list["Recommendation"], "Advice"]:
    histories = histories_of(history, study, vessel, ended=None if at or vessel else False)
    advice = advice_for(study, recipe)
    times = [_at_h(at, each) for each in histories]
    asked = list(zip(histories, times, strict=True))
    if study is not None and vessel is None:
        # Of a whole study those that were in culture then; a vessel that is named says why not.
        asked = [(each, at_h) for each, at_h in asked if at_h is None or each.alive_at(at_h)]
    return [advice(each, at_h) for each, at_h in asked], advice


def _at_h(at: str | None, history: "VesselHistory") -> float | None:
    """Hours since seeding of what ``--at`` says."""
    if at is None:
        return None
    try:
        hours = float(at)
    except ValueError:
        hours = None
    if hours is not None and math.isfinite(hours):
        return hours
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(f"--at {at}: give hours since seeding, or 2026-11-23T14:10+01:00.")
    if history.vessel.seeded_at is None:
        raise ConfigError(f"--at {at}: vessel {history.vessel.name} has no seeded_at; give hours.")
    return (moment - history.vessel.seeded_at).total_seconds() / 3600


def when(time_h: float | None, clock: datetime | None) -> str:
    """A time as a date where that is known, else as hours since seeding."""
    if time_h is None:
        return "unknown"
    return f"{time_h:.1f} h" if clock is None else f"{clock:%Y-%m-%d %H:%M %z}"


def words_of(check: "Check") -> str:
    """A comparison in words: value, limit and margin."""
    value = "unknown" if check.value is None else _plain(check.value)
    limit = "" if check.limit is None else f", limit {_plain(check.limit)}"
    margin = "" if check.margin is None else f", margin {check.margin:+.3g}"
    return f"{check.name} {value}{limit}{margin}"


def _plain(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
