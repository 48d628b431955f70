"""``monolayer export``."""

from pathlib import Path

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

__all__ = ["command"]

TABLES = ("objects", "fields", "wells", "plates")
SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "arrow": ".arrow"}


@click.command("export")
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the files go; made where absent.",
)
@click.option(
    "--table",
    "tables",
    type=click.Choice(TABLES),
    multiple=True,
    help="Only this table; may be given more than once. Default: all.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(tuple(SUFFIXES)),
    default="csv",
    show_default=True,
    help="Parquet is what the run's folder holds already.",
)
@json_option
def command(
    run_folder: Path, output: Path, tables: tuple[str, ...], file_format: str, as_json: bool
) -> None:
    """Write the tables of RUN for spreadsheets and other programs.

    Units stand in the columns' names; an empty cell is unknown and never zero.
    """
    from monolayer.engine.export import export_table
    from monolayer.results import open_run

    run = open_run(run_folder)
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file; give a folder with -o.")
    written = []
    for name in tables or TABLES:
        path = output / f"{name}{SUFFIXES[file_format]}"
        rows = export_table(getattr(run, name), path, file_format)
        written.append({"table": name, "path": str(path), "rows": rows})
    if as_json:
        echo_json(written)
    else:
        for item in written:
            click.echo(f"{item['path']}: {item['rows']} rows")
