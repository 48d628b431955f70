"""``monolayer report``."""

from pathlib import Path

import click

from monolayer.cli._shared import echo_json, json_option

__all__ = ["command"]


@click.command("report")
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the images lie now, if they were moved since the run.",
)
@json_option
def command(run_folder: Path, images: Path | None, as_json: bool) -> None:
    """Make the HTML report of RUN again from its tables."""
    from monolayer.engine.reporting import write_report
    from monolayer.results import open_run

    run = open_run(run_folder)
    _ = run.fields  # an unfinished run says so before anything is drawn
    path = write_report(run.folder, images)
    if as_json:
        echo_json({"report": str(path)})
    else:
        click.echo(f"Report: {path}")
