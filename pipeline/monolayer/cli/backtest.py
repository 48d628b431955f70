"""``monolayer backtest``."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import histories_of, history_options
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.backtest import Backtest, BacktestSettings, Judgement, RecipeTotals, VesselRow

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.command("backtest")
@history_options
@click.option(
    "--against",
    "against_path",
    type=_FILE,
    metavar="FILE",
    help="A second recipe to hold it against.",
)
@click.option(
    "--settings",
    "settings_path",
    type=_FILE,
    metavar="FILE",
    help="YAML file with the window and the costs (docs/backtest.md).",
)
@click.option("--vessel", metavar="NAME", help="Only this vessel, visit by visit.")
@click.option("--csv", "csv_path", type=_FILE, metavar="FILE", help="Write a row a vessel.")
@click.option("--html", "html_path", type=_FILE, metavar="FILE", help="Write a page.")
@json_option
def command(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    against_path: Path | None,
    settings_path: Path | None,
    vessel: str | None,
    csv_path: Path | None,
    html_path: Path | None,
    as_json: bool,
) -> None:
    """Replay vessels of HISTORY.yaml, or the finished ones of a study, by a recipe.

    What would have been recommended when, from what was known then, against what was done. With
    --against two recipes are held against one another: too early, too late, missed, and the cost.
    """
    from monolayer.backtest import backtest, backtest_page
    from monolayer.engine.files import write_file
    from monolayer.recipe import load_recipe

    settings = _settings(settings_path)
    paths = [recipe_path] if against_path is None else [recipe_path, against_path]
    recipes = [load_recipe(path) for path in paths]
    histories = histories_of(history, study, vessel, ended=None if vessel else True)
    if not histories:
        raise ConfigError(f"{history or study}: there is no finished vessel to replay.")
    found = backtest(histories, recipes, settings)
    if csv_path is not None:
        write_file(csv_path, _csv(found).encode())
    if html_path is not None:
        write_file(html_path, backtest_page(found, settings).encode())
    if as_json:
        echo_json(_as_data(found, settings))
        return
    lines = _lines(found, settings)
    if vessel is not None:
        lines = [*_steps(found.rows[0]), *lines]
    click.echo("\n".join(lines))


def _settings(path: Path | None) -> "BacktestSettings":
    from pydantic import ValidationError

    from monolayer.backtest import BacktestSettings
    from monolayer.settings_file import load_yaml, sentence

    if path is None:
        return BacktestSettings()
    data = load_yaml(path, "--settings", "docs/backtest.md")
    try:
        return BacktestSettings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], BacktestSettings)}") from None


def _lines(found: "Backtest", settings: "BacktestSettings") -> list[str]:
    from monolayer.backtest.page import moved_words

    lines = []
    for row in found.rows:
        names = [each.name for each in found.totals]
        for name, judged in zip((*names, "done"), (*row.judgements, row.done), strict=True):
            said = "" if judged is None else f"{judged.timing.replace('_', ' ')}, "
            lines.append(f"{row.vessel}, {name}: {said}{moved_words(judged)}")
    lines += [_total(each, settings) for each in found.totals]
    if found.done is not None:
        lines.append(_total(found.done, settings))
    if found.only_first_in_window is not None:
        p_value = "" if found.p_value is None else f" (McNemar's exact p {found.p_value:.3g})"
        lines.append(
            f"in time by the first recipe alone {found.only_first_in_window}, by the second alone "
            f"{found.only_second_in_window}{p_value}"
        )
    return lines


def _total(each: "RecipeTotals", settings: "BacktestSettings") -> str:
    counts = ", ".join(f"{timing.replace('_', ' ')} {n}" for timing, n in each.timings.items() if n)
    asked = f", images asked {each.n_images_asked}, calls {each.n_calls}" if each.sha256 else ""
    return f"{each.name}: {counts}{asked}; cost {each.cost:,.0f} {settings.currency}"


def _steps(row: "VesselRow") -> list[str]:
    """What would have been recommended when; a line a visit and recipe."""
    lines = []
    for found in row.replays:
        lines.append(f"{row.vessel} by {found.recipe}:")
        for step in found.steps:
            confluence = "unknown" if step.confluence is None else f"{step.confluence:.1%}"
            ends = (step.prediction_low_h, step.prediction_high_h)
            low, high = ("open" if end is None else f"{end:.1f}" for end in ends)
            forecast = "" if ends[0] is None else f", crosses {low} to {high} h"
            lines.append(
                f"  {step.time_h:6.1f} h  {confluence:>7}  {step.action} ({step.code}){forecast}"
            )
    return lines


def _csv(found: "Backtest") -> str:
    out = io.StringIO(newline="")
    rows = list(_rows(found))
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _rows(found: "Backtest") -> list[dict[str, Any]]:
    rows = []
    for row in found.rows:
        for total, replay, judged in zip(found.totals, row.replays, row.judgements, strict=True):
            rows.append(
                {
                    "vessel": row.vessel,
                    "recipe": total.name,
                    **_judged("", judged),
                    "images_asked": replay.n_images_asked,
                    "calls": replay.n_calls,
                    **_judged("done_", row.done),
                    "recipe_sha256": replay.recipe_sha256,
                    "history_sha256": replay.history_sha256,
                }
            )
    return rows


def _judged(prefix: str, judged: "Judgement | None") -> dict[str, Any]:
    names = ("timing", "moved_as", "moved_h", "confluence", "cost")
    return {f"{prefix}{name}": getattr(judged, name, None) for name in names}


def _as_data(found: "Backtest", settings: "BacktestSettings") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "settings": settings.model_dump(mode="json"),
        "recipes": [asdict(each) for each in found.totals],
        "done": None if found.done is None else asdict(found.done),
        "only_first_in_window": found.only_first_in_window,
        "only_second_in_window": found.only_second_in_window,
        "p_value": found.p_value,
        "vessels": _rows(found),
        "steps": {
            row.vessel: [[asdict(step) for step in each.steps] for each in row.replays]
            for row in found.rows
        },
    }
