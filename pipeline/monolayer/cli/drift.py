"""``monolayer drift``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.drift import DriftSettings
    from monolayer.history import VesselHistory

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.group("drift")
def command() -> None:
    """Watch lots drift: control charts of growth, viability, morphology, yield, image quality.

    'collect' gathers lots from a study, histories or runs; 'freeze' makes limits from good lots,
    once; 'check' holds later lots against them.
    """


@command.command("collect", short_help="Gather a row a lot from a study, histories or runs.")
@click.argument("runs", type=_FILE, nargs=-1, metavar="[RUN...]")
@click.option("--study", metavar="STUDY", help="A study: a row a lot, over its vessels.")
@click.option("--history", type=_FILE, metavar="FILE", help="Vessels' histories, likewise.")
@click.option("--recipe", type=_FILE, metavar="FILE", help="Recipe whose growth settings are used.")
@click.option(
    "-o", "--output", type=_FILE, required=True, metavar="CSV", help="The table to write."
)
def collect(
    runs: tuple[Path, ...],
    study: str | None,
    history: Path | None,
    recipe: Path | None,
    output: Path,
) -> None:
    """Gather a row a lot: growth, viability, morphology of vessels; or image quality of RUNs."""
    from monolayer.culture.lot_figures import figures_of_lots, figures_of_runs, lots_csv
    from monolayer.engine.files import write_file

    if (bool(runs), study is not None, history is not None).count(True) != 1:
        raise ConfigError("give one of: RUNs, --study, --history.")
    if runs:
        rows = figures_of_runs([run.expanduser().resolve() for run in runs])
    else:
        from monolayer.recipe import load_recipe

        rows = figures_of_lots(_histories(study, history), load_recipe(recipe))
    write_file(output, lots_csv(rows))
    click.echo(f"Wrote {output}: {len(rows)} rows")


def _histories(study: str | None, history: Path | None) -> "list[VesselHistory]":
    if study is not None:
        from monolayer.study import Study

        with Study.open(study) as opened:
            return opened.histories()
    from monolayer.intake.history_file import read_histories

    assert history is not None
    return read_histories(history)


@command.command("freeze")
@click.argument("lots", type=_FILE, metavar="LOTS.csv")
@click.option(
    "-o", "--output", type=_FILE, required=True, metavar="FILE", help="The limits to write."
)
@click.option("--columns", metavar="A,B", help="Quantities; every column of numbers if left out.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="LOT=REASON",
    help="Leave a lot out, and say why; as often as needed.",
)
@click.option("--settings", "settings_path", type=_FILE, metavar="FILE", help="Charts and rules.")
@click.option(
    "--name",
    default="process",
    show_default=True,
    metavar="TEXT",
    help="What the limits are called.",
)
def freeze_(
    lots: Path,
    output: Path,
    columns: str | None,
    exclude: tuple[str, ...],
    settings_path: Path | None,
    name: str,
) -> None:
    """Freeze limits from the good lots of LOTS.csv (phase I).

    LOTS.csv has lot, optionally at (time with its offset), and columns with their unit in the
    name. A lot beyond 3 sigma is refused until it is left out with a reason.
    """
    from monolayer.drift import freeze
    from monolayer.engine.analysis_files import write_yaml
    from monolayer.intake.lots_table import read_lots
    from monolayer.settings_file import content_sha256

    if output.exists():
        raise ConfigError(f"{output}: is there already; frozen limits are not replaced.")
    found = read_lots(lots, _named(columns))
    frozen = freeze(
        found.names, found.columns, _settings(settings_path), left_out=_reasons(exclude), name=name
    )
    write_yaml(output, frozen)
    for each in frozen.quantities:
        click.echo(
            f"{each.column}: centre {each.at(0):.4g}, limits {each.at(-3):.4g} to {each.at(3):.4g} "
            f"({each.n_lots} lots)"
        )
    click.echo(f"Wrote {output}, SHA-256 {content_sha256(frozen)}")


@command.command("check")
@click.argument("lots", type=_FILE, metavar="LOTS.csv")
@click.option("--limits", type=_FILE, required=True, metavar="FILE", help="What 'freeze' wrote.")
@click.option("-o", "--output", type=_FILE, metavar="FOLDER", help="Write report and tables there.")
@json_option
def check(lots: Path, limits: Path, output: Path | None, as_json: bool) -> int:
    """Hold the lots of LOTS.csv against frozen limits. Exit code 3: a rule is broken."""
    from monolayer.drift import FrozenLimits, watch
    from monolayer.drift.page import page_of, tables_of
    from monolayer.intake.lots_table import read_lots
    from monolayer.settings_file import content_sha256, load_settings

    frozen = load_settings(limits, FrozenLimits, "--limits", "monolayer drift freeze")
    table = read_lots(lots)
    found = watch(frozen, table.names, table.columns)
    if not found:
        names = ", ".join(each.column for each in frozen.quantities)
        raise ConfigError(f"{lots}: has none of the columns that {limits} has limits of: {names}.")
    tables = tables_of(found)
    written: list[Path] = []
    if output is not None:
        from monolayer.engine.analysis_files import write_analysis

        described = {"limits": frozen.model_dump_json(), "limits_sha256": content_sha256(frozen)}
        written = write_analysis(output, page_of(frozen, found), tables, described)
    if as_json:
        echo_json({"limits_sha256": content_sha256(frozen), **tables})
    else:
        for one in found:
            for lot in one.lots:
                if lot.rules:
                    click.echo(
                        f"{lot.name}: {one.limits.column} {lot.value:.4g} ({lot.z:+.2f} sigma) "
                        f"breaks {', '.join(lot.rules)}"
                    )
        n = len({row["lot"] for row in tables["violations"]})
        click.echo(f"{n} of {len(table.names)} lots break a rule.")
        for path in written:
            click.echo(f"Wrote {path}")
    return 3 if tables["violations"] else 0


def _named(columns: str | None) -> list[str] | None:
    return (
        None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    )


def _reasons(exclude: tuple[str, ...]) -> dict[str, str]:
    reasons = {}
    for each in exclude:
        lot, _, reason = each.partition("=")
        reasons[lot.strip()] = reason.strip()
    return reasons


def _settings(path: Path | None) -> "DriftSettings":
    from monolayer.drift import DriftSettings
    from monolayer.settings_file import load_settings

    if path is None:
        return DriftSettings()
    return load_settings(path, DriftSettings, "--settings", "docs/drift.md")
