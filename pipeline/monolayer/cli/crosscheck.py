"""``monolayer crosscheck``: hold the assays of one vessel against one another."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option

__all__ = ["command"]


@click.command("crosscheck")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where crosscheck.parquet and crosscheck.csv go.",
)
@click.option(
    "--match",
    default="plate,well,time",
    show_default=True,
    metavar="KEY,...",
    help="What makes two runs' wells the same; leave plate out where microscopes name it "
    "differently.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence beyond which a difference is a disagreement.",
)
@click.option(
    "--cell-area-um2",
    type=(float, float),
    metavar="LOW HIGH",
    help="Plausible mean areas of a spread cell, for confluence without a calibration.  "
    "[default: 500 6000]",
)
@click.option(
    "--method-uncertainty",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Relative standard uncertainty of each assay beside its interval, such as 0.03.",
)
@json_option
def command(
    runs: tuple[Path, ...],
    output: Path | None,
    match: str,
    confidence: float,
    cell_area_um2: tuple[float, float] | None,
    method_uncertainty: float,
    as_json: bool,
) -> int:
    """Hold two or more RUNs of the same vessels against one another, well by well.

    Area densities (nuclei, live and dead, calibrated confluence), confluences and viabilities
    are compared within their joint interval; confluence without a calibration is held against
    counts by the plausible area of a cell. Exit code 3 says that something disagrees.
    """
    from monolayer.engine.crosscheck import crosscheck_runs, tally, write_crosscheck

    settings = _settings(
        confidence=confidence,
        method_uncertainty=method_uncertainty,
        **({"cell_area_um2": cell_area_um2} if cell_area_um2 else {}),
    )
    folders = [run.expanduser().resolve() for run in runs]
    table = crosscheck_runs(folders, settings, [part.strip() for part in match.split(",") if part])
    written = write_crosscheck(output, table) if output is not None else []
    verdicts, rows = tally(table), table.to_pylist()
    if as_json:
        told = {"settings": settings.model_dump(mode="json"), "verdicts": verdicts}
        echo_json(told | {"comparisons": rows})
    else:
        _tell(rows, verdicts, confidence)
        for path in written:
            click.echo(f"{path}: {len(rows)} rows")
    return 3 if verdicts["disagree"] else 0


def _settings(**given: Any) -> Any:
    from pydantic import ValidationError

    from monolayer.errors import ConfigError
    from monolayer.summarise.settings import CrosscheckSettings

    try:
        return CrosscheckSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"--{option}: {first['msg'].removeprefix('Value error, ')}.") from None


def _tell(rows: list[dict[str, Any]], verdicts: dict[str, int], confidence: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="u: standard uncertainty; disagreement: chi2 beyond its quantile")
    for heading in ("well", "quantity", "a", "b", "a - b", "u", "chi2", "verdict"):
        table.add_column(heading, justify="right" if heading in ("a - b", "u", "chi2") else "left")
    for row in rows:
        table.add_row(
            _where(row),
            row["quantity"],
            *(f"{_number(row[f'value_{side}'])} ({row[f'assay_{side}']})" for side in "ab"),
            *(_number(row[name]) for name in ("difference", "u_difference", "chi2")),
            row["verdict"].replace("_", " "),
        )
    Console(width=140).print(table)
    for row in rows:
        if row["detail"]:
            click.echo(f"{row['verdict'].replace('_', ' ')}: {_where(row)}: {row['detail']}")
    compared = verdicts["agree"] + verdicts["disagree"]
    click.echo(
        f"{verdicts['disagree']} of {compared} comparisons disagree; chance alone gives about "
        f"{(1 - confidence) * compared:.1f}. {verdicts['not_evaluable']} could not be made."
    )


def _where(row: dict[str, Any]) -> str:
    return "/".join(row[key] for key in ("plate", "well", "time") if row[key]) or "the vessel"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
