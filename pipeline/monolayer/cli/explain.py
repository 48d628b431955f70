"""``monolayer explain``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import recommendations, vessel_options, when, words_of

if TYPE_CHECKING:
    from monolayer.decide import Recommendation, Verdict

__all__ = ["command"]


@click.command("explain")
@vessel_options
@json_option
def command(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    at: str | None,
    vessel: str | None,
    as_json: bool,
) -> None:
    """Say how each rule came to its answer: inputs, threshold, margin, verdict, in order."""
    found, _ = recommendations(history, study, recipe_path, at, vessel)
    if as_json:
        from monolayer.decide.answer import as_data

        echo_json([as_data(each) for each in found])
        return
    if not found:
        click.echo("no vessel is in culture then.")
    for each in found:
        click.echo(f"{each.vessel} at {when(each.at_h, each.at)}: {each.action} ({each.code})")
        for number, verdict in enumerate(each.verdicts, 1):
            click.echo("\n".join(_lines(number, verdict, each)))


def _lines(number: int, verdict: "Verdict", found: "Recommendation") -> list[str]:
    lines = [f"  {number:2d} {verdict.rule}: {_verdict(verdict, found)}"]
    lines += [f"       {words_of(check)}" for check in verdict.checks]
    lines += [f"       warning {code}" for code in verdict.warnings]
    if verdict.missing and verdict.evaluated:
        lines.append(f"       without {', '.join(verdict.missing)}")
    return lines


def _verdict(verdict: "Verdict", found: "Recommendation") -> str:
    if not verdict.evaluated:
        return f"NOT EVALUATED, no {', '.join(verdict.missing)}"
    if not verdict.fired:
        return "passed"
    if verdict.rule == found.rule:
        return f"{verdict.action} ({verdict.code}): decides"
    return f"{verdict.action} ({verdict.code}), behind {found.code}"
