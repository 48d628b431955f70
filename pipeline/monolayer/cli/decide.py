"""``monolayer decide``."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import recommendations, vessel_options, when, words_of
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.culture.advise import Advice
    from monolayer.decide import Recommendation

__all__ = ["command"]


@click.command("decide")
@vessel_options
@click.option(
    "--store", is_flag=True, help="Write the recommendations into the study, to be disposed of."
)
@click.option("--as", "name", metavar="NAME", help="Person of the study who asks, for --store.")
@click.option(
    "--reason",
    metavar="TEXT",
    default="recommendations asked for",
    show_default=True,
    help="Why; stands in the audit trail.",
)
@json_option
def command(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    at: str | None,
    vessel: str | None,
    store: bool,
    name: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Recommend what to do with vessels of HISTORY.yaml or of a study, by a recipe's rules.

    A recommendation: feed, passage, harvest, image again, hold, escalate or continue, with its
    rule, evidence and what was not evaluated. A person disposes. Of a study, the vessels in
    culture; growth that is stored with the visits (--store) is not fitted again.
    """
    if store and (study is None or name is None):
        raise ConfigError("--store writes into a study; give --study and --as NAME with it.")
    found, advice = recommendations(history, study, recipe_path, at, vessel)
    if store and study is not None and name is not None:
        _store(study, advice, found, name, reason)
    if as_json:
        from monolayer.decide.answer import as_data

        echo_json([as_data(each) for each in found])
        return
    if not found:
        click.echo("no vessel is in culture then.")
    for each in found:
        click.echo("\n".join(_sentences(each)))


def _store(
    where: str, advice: "Advice", found: "list[Recommendation]", name: str, reason: str
) -> None:
    from monolayer.culture.advise import store_outlooks, store_recommendations
    from monolayer.study import Study

    with Study.open(where) as study:
        store_outlooks(study, advice, name)
        store_recommendations(study, found, name, reason)


def _sentences(found: "Recommendation") -> list[str]:
    lines = [
        f"{found.vessel}: {found.action} ({found.code}), state {found.state}, at "
        f"{when(found.at_h, found.at)}, valid until {when(found.expires_h, found.expires_at)}"
    ]
    if found.evidence:
        lines.append(f"  {found.rule}: " + "; ".join(words_of(each) for each in found.evidence))
    if found.warnings:
        lines.append("  warnings: " + ", ".join(found.warnings))
    if found.masked:
        lines.append("  behind it: " + ", ".join(found.masked))
    lines += [
        f"  not evaluated: {rule} (no {', '.join(lacks)})"
        for rule, lacks in found.not_evaluated.items()
    ]
    lines.append(f"  {_forecast(found)}")
    lines.append(
        f"  recipe {found.recipe} ({found.recipe_status}) {found.recipe_sha256[:12]}, records "
        f"{found.history_sha256[:12]}"
    )
    return lines


def _forecast(found: "Recommendation") -> str:
    outlook = found.outlook
    if outlook.crossing_h is None:
        return f"no forecast: {outlook.reason}"
    seeded = None if found.at is None else found.at
    ends = []
    for end in (outlook.prediction_low_h, outlook.prediction_high_h):
        clock = None if seeded is None or end is None else _shifted(found, end)
        ends.append("an open end" if end is None else when(end, clock))
    return f"crosses the target between {ends[0]} and {ends[1]} (prediction, {outlook.model})"


def _shifted(found: "Recommendation", time_h: float) -> datetime:
    assert found.at is not None
    return found.at + timedelta(hours=time_h - found.at_h)
