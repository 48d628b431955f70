"""``monolayer quality``: the reference that an instrument's images are judged by."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.inspect import QualityReference

__all__ = ["command"]


@click.command("quality")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--instrument", required=True, metavar="NAME", help="The microscope's name.")
@click.option("--objective", required=True, metavar="NAME", help="The objective, such as 10x/0.3.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the reference goes, such as quality.yaml.",
)
@click.option(
    "--version",
    default="1",
    show_default=True,
    metavar="TEXT",
    help="Your site's version of the reference.",
)
@click.option(
    "--min-fields",
    type=click.IntRange(min=3),
    default=40,
    metavar="N",
    show_default=True,
    help="Fewest good fields of each channel: of 20, the default gate refuses 1 good field in 7 "
    "by chance, of 40 1 in 15, of 100 1 in 28.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def command(
    runs: tuple[Path, ...],
    instrument: str,
    objective: str,
    output: Path,
    version: str,
    min_fields: int,
    force: bool,
    as_json: bool,
) -> None:
    """Make the quality reference of an instrument with an objective from its own good RUNS.

    A method that names the file (inspect: reference: quality.yaml) holds every field against it
    before any assay. Each instrument and objective needs its own.
    """
    from monolayer.engine.quality import reference_of_runs, write_reference

    if output.exists() and not force:
        raise ConfigError(
            f"{output}: is there already; give another path, or --force to replace it."
        )
    folders = [run.expanduser().resolve() for run in runs]
    reference = reference_of_runs(folders, instrument, objective, version, min_fields)
    write_reference(output, reference)
    if as_json:
        echo_json(reference.model_dump(mode="json"))
    else:
        _tell(reference, output)


def _tell(reference: "QualityReference", output: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{reference.instrument} with {reference.objective}")
    for heading in ("channel", "figure", "median", "robust SD", "fields"):
        table.add_column(heading, justify="left" if heading in ("channel", "figure") else "right")
    for channel, figures in reference.channels.items():
        for name, figure in figures.items():
            spread = f"{figure.robust_sd:.3g}" if figure.robust_sd else "0: not judged"
            table.add_row(channel, name, f"{figure.median:.4g}", spread, str(figure.n_fields))
    Console(width=100).print(table)
    if reference.pixel_size_um is None:
        click.echo("No pixel size is known, so another objective cannot be told by it.")
    click.echo(f"Wrote {output}; a method uses it with  inspect: {{reference: {output.name}}}")
