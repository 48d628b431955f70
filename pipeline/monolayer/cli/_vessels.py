"""What ``decide`` and ``explain`` share: which histories, which recipe, and at what time."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.decide import Check, Recommendation
    from monolayer.history import VesselHistory

__all__ = ["as_data", "recommendations", "vessel_options", "when", "words_of"]

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.argument("history", type=click.Path(path_type=Path), metavar="HISTORY.yaml"),
    click.option(
        "--recipe",
        "recipe_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Recipe ('monolayer init --recipe' writes one); the example recipe if left out.",
    ),
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


def recommendations(
    history: Path, recipe_path: Path | None, at: str | None, vessel: str | None
) -> list["Recommendation"]:
    """Recommend for every vessel asked for, in the file's order."""
    from monolayer.culture import recommend_for
    from monolayer.history_file import read_histories
    from monolayer.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    histories = read_histories(history)
    if vessel is not None:
        names = ", ".join(each.vessel.name for each in histories)
        histories = [each for each in histories if each.vessel.name == vessel]
        if not histories:
            raise ConfigError(f"--vessel {vessel}: is not in {history}; there are {names}.")
    return [recommend_for(each, recipe, at_h=_at_h(at, each)) for each in histories]


def _at_h(at: str | None, history: "VesselHistory") -> float | None:
    """Hours since seeding of what ``--at`` says."""
    if at is None:
        return None
    try:
        return float(at)
    except ValueError:
        pass
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


def as_data(found: "Recommendation") -> dict[str, Any]:
    """A recommendation as plain data, with what it names as evidence and what it masks."""
    from dataclasses import asdict

    data = asdict(found)
    data["evidence"] = [asdict(check) for check in found.evidence]
    data["masked"] = list(found.masked)
    for verdict, row in zip(found.verdicts, data["verdicts"], strict=True):
        row["evaluated"] = verdict.evaluated
    return data


def _plain(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
