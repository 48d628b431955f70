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
    help="Where crosscheck and agreement go, as Parquet and as CSV.",
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
    metavar="X",
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
    metavar="X",
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
    counts by the plausible area of a cell. Over all wells, bias and limits of agreement show
    what single wells hide. Exit code 3 says that a well disagrees.
    """
    from monolayer.engine.crosscheck import agreement_of, crosscheck_runs, tally, write_crosscheck

    settings = _settings(
        confidence=confidence,
        method_uncertainty=method_uncertainty,
        **({"cell_area_um2": cell_area_um2} if cell_area_um2 else {}),
    )
    folders = [run.expanduser().resolve() for run in runs]
    table = crosscheck_runs(folders, settings, [part.strip() for part in match.split(",") if part])
    agreement = agreement_of(table, confidence)
    written = write_crosscheck(output, table, agreement) if output is not None else []
    verdicts, rows, pairs = tally(table), table.to_pylist(), agreement.to_pylist()
    if as_json:
        told = {"settings": settings.model_dump(mode="json"), "verdicts": verdicts}
        echo_json(told | {"comparisons": rows, "agreement": pairs})
    else:
        _tell(rows, verdicts, confidence)
        for pair in pairs:
            click.echo(_agreement(pair, confidence))
        for path in written:
            click.echo(f"Wrote {path}")
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
            *(f"{_value(row, side)} ({row[f'assay_{side}']})" for side in "ab"),
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


def _value(row: dict[str, Any], side: str) -> str:
    """A figure; the plausible range where confluence speaks of density."""
    if row[f"column_{side}"] != "confluence" or row["unit"] != "cells/cm2":
        return _number(row[f"value_{side}"])
    low, high = row[f"ci_low_{side}"], row[f"ci_high_{side}"]
    return f"{_number(low)} to {_number(high)}" if high is not None else f"from {_number(low)}"


def _agreement(pair: dict[str, Any], confidence: float) -> str:
    """One sentence a pair of runs."""
    share = "" if pair["bias_percent"] is None else f" ({pair['bias_percent']:+.1f} %)"
    sentence = (
        f"{pair['quantity']}, {pair['assay_a']} of {pair['run_a']} less {pair['assay_b']} of "
        f"{pair['run_b']}: bias {_number(pair['bias'])} {pair['unit']}{share} over "
        f"{pair['n_wells']} well{'' if pair['n_wells'] == 1 else 's'}"
    )
    if pair["bias_ci_low"] is None:
        return f"{sentence}."
    return (
        f"{sentence}, {confidence:.0%} interval {_number(pair['bias_ci_low'])} to "
        f"{_number(pair['bias_ci_high'])}, limits of agreement {_number(pair['limit_low'])} to "
        f"{_number(pair['limit_high'])}."
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
