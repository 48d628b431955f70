"""``monolayer batch-report``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.batch.content import VisitPicture
    from monolayer.history import VesselHistory

__all__ = ["command"]


@click.command("batch-report")
@click.argument("history", type=click.Path(path_type=Path), metavar="HISTORY.yaml")
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipe ('monolayer init --recipe' writes one); the example recipe if left out.",
)
@click.option(
    "--record",
    "record_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What persons recorded: lot, yields, decisions, deviations, steps, signatures.",
)
@click.option("--vessel", metavar="NAME", help="Only this vessel; else all, as a lot.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="VESSEL=RUN",
    help="Folder of a run with a vessel's images; give it again for the next. The times of its "
    "runs, in order, are the vessel's visits.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("batch.html"),
    show_default=True,
    metavar="FILE",
    help="The page to write.",
)
@click.option("--pdf", type=click.Path(path_type=Path), metavar="FILE", help="Print it too.")
@click.option(
    "--issued",
    metavar="TIME",
    help="When this copy is issued; now if left out. No part of the record's hash.",
)
@json_option
def command(
    history: Path,
    recipe_path: Path | None,
    record_path: Path | None,
    vessel: str | None,
    runs: tuple[str, ...],
    output: Path,
    pdf: Path | None,
    issued: str | None,
    as_json: bool,
) -> None:
    """Write the batch report of the vessels of HISTORY.yaml: HTML, and PDF to print and sign.

    Growth, images, recommendations with their evidence beside what persons decided, deviations,
    yields and signatures; what nobody recorded says so.
    """
    from monolayer.batch import record_sha256, render_batch, to_pdf
    from monolayer.dossier import batch_record, read_recorded
    from monolayer.engine.files import write_file
    from monolayer.history_file import read_histories
    from monolayer.recipe import load_recipe

    recipe, all_histories = load_recipe(recipe_path), read_histories(history)
    recorded = None if record_path is None else read_recorded(record_path, all_histories)
    histories = _chosen(history, all_histories, vessel)
    record = batch_record(histories, recipe, recorded, _pictures(runs, histories), _moment(issued))
    page = render_batch(record)
    # Printed before anything is written: a missing library leaves nothing half-done.
    printed = None if pdf is None else to_pdf(record, page)
    write_file(output, page.encode())
    if pdf is not None and printed is not None:
        write_file(pdf, printed)
    digest = record_sha256(record)
    if as_json:
        written = {"page": str(output), "pdf": None if pdf is None else str(pdf)}
        echo_json(written | {"sha256": digest, "vessels": [v.name for v in record.vessels]})
        return
    click.echo(f"{record.title}: {output}" + (f" and {pdf}" if pdf else ""))
    click.echo(f"record SHA-256 {digest}")


def _chosen(
    path: Path, histories: list["VesselHistory"], vessel: str | None
) -> list["VesselHistory"]:
    if vessel is None:
        return histories
    chosen = [each for each in histories if each.vessel.name == vessel]
    if not chosen:
        names = ", ".join(each.vessel.name for each in histories)
        raise ConfigError(f"--vessel {vessel}: is not in {path}; there are {names}.")
    return chosen


def _pictures(
    runs: tuple[str, ...], histories: list["VesselHistory"]
) -> dict[str, tuple["VisitPicture", ...]]:
    from monolayer.engine.visit_pictures import visit_pictures

    folders: dict[str, list[Path]] = {}
    for given in runs:
        name, _, folder = given.partition("=")
        if not folder:
            raise ConfigError(f"--run {given}: write VESSEL=FOLDER.")
        folders.setdefault(name, []).append(Path(folder))
    known = {each.vessel.name: each for each in histories}
    for name in folders:
        if name not in known:
            raise ConfigError(f"--run {name}=...: no such vessel; there are {', '.join(known)}.")
    return {name: visit_pictures(known[name], its) for name, its in folders.items()}


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone().replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(f"--issued {text}: write it as 2026-11-23T14:10+01:00.")
    return moment
