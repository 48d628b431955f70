"""``monolayer export``."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option, progress
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
    metavar="FOLDER",
    help="Where the files go; made where absent. For ome-zarr also PLATE.zarr. Needed, but for "
    "--into-input.",
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
    type=click.Choice((*SUFFIXES, "ome-zarr")),
    default="csv",
    show_default=True,
    help="Parquet is what the run's folder holds already; ome-zarr holds images, labels and "
    "tables.",
)
@click.option(
    "--into-input",
    is_flag=True,
    help="With ome-zarr: write labels and tables into the OME-Zarr that was counted.",
)
@json_option
def command(
    run_folder: Path,
    output: Path | None,
    tables: tuple[str, ...],
    file_format: str,
    into_input: bool,
    as_json: bool,
) -> int:
    """Write the tables of RUN for spreadsheets and other programs.

    Units stand in the columns' names; an empty cell is unknown and never zero. With --format
    ome-zarr: a plate with the images, the label images and the tables (ngio's convention).
    """
    if into_input:
        return _into_input(run_folder, output, file_format, as_json)
    if output is None:
        raise ConfigError("Nobody said where the files go: give a folder with -o.")
    if file_format == "ome-zarr":
        return _plates(run_folder, output, as_json)
    _tables(run_folder, output, tables, file_format, as_json)
    return 0


def _into_input(run_folder: Path, output: Path | None, file_format: str, as_json: bool) -> int:
    from monolayer.engine.ngff.image import Storage
    from monolayer.engine.ngff.results import add_to_input

    if output is not None or file_format != "ome-zarr":
        raise ConfigError("--into-input goes with --format ome-zarr and without -o.")
    written = add_to_input(run_folder.expanduser().resolve(), Storage())
    if as_json:
        echo_json({"images": written})
    else:
        click.echo(f"{written} images have labels and tables now.")
    return 0


def _plates(run_folder: Path, output: Path, as_json: bool) -> int:
    from monolayer.cli.convert import tell
    from monolayer.engine.executors.settings import ExecutionSettings
    from monolayer.engine.ngff.image import Storage
    from monolayer.engine.ngff.results import export_plates

    run, place = run_folder.expanduser().resolve(), output.expanduser().resolve()
    with progress(quiet=as_json) as notify:
        done = export_plates(run, place, Storage(), ExecutionSettings(), notify)
    return tell(done, as_json)


def _tables(
    run_folder: Path, output: Path, tables: tuple[str, ...], file_format: str, as_json: bool
) -> None:
    from monolayer.engine.export import export_table
    from monolayer.results import open_run

    run = open_run(run_folder)
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file; give a folder with -o.")
    written: list[dict[str, Any]] = []
    for name in tables or TABLES:
        path = output / f"{name}{SUFFIXES[file_format]}"
        rows = export_table(getattr(run, name), path, file_format)
        written.append({"table": name, "path": str(path), "rows": rows})
    if as_json:
        echo_json(written)
    else:
        from monolayer.drawing.numbers import plural

        for item in written:
            click.echo(f"{item['path']}: {plural(item['rows'], 'row')}")
