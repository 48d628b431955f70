"""``monolayer batch-report``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import histories_of, history_options
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.batch.content import BatchRecord, VisitPicture
    from monolayer.history import VesselHistory

__all__ = ["command"]


@click.command("batch-report")
@history_options
@click.option("--lot", metavar="NAME", help="Of a study: the vessels of this lot.")
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
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    lot: str | None,
    record_path: Path | None,
    vessel: str | None,
    runs: tuple[str, ...],
    output: Path,
    pdf: Path | None,
    issued: str | None,
    as_json: bool,
) -> None:
    """Write the batch report of vessels of HISTORY.yaml or of a study: HTML, and PDF to sign.

    Growth, images, recommendations with their evidence beside what persons decided, deviations,
    yields and signatures; what nobody recorded says so. Of a study, all that it holds of the lot
    or vessel is taken from there, the pictures from its runs.
    """
    from monolayer.batch import record_sha256, render_batch, to_pdf
    from monolayer.engine.files import write_file

    issued_at = _moment(issued)
    if study is not None:
        _only(history, record_path, runs)
        record = _of_study(study, recipe_path, lot, vessel, issued_at)
    else:
        record = _of_files(history, recipe_path, record_path, vessel, runs, issued_at)
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


def _only(history: Path | None, record_path: Path | None, runs: tuple[str, ...]) -> None:
    given = (("HISTORY.yaml", history), ("--record", record_path), ("--run", runs))
    beside = [name for name, value in given if value]
    if beside:
        raise ConfigError(f"--study has all of it; leave out {' and '.join(beside)}.")


def _of_study(
    where: str,
    recipe_path: Path | None,
    lot: str | None,
    vessel: str | None,
    issued_at: datetime,
) -> "BatchRecord":
    from monolayer.dossier import batch_record
    from monolayer.dossier.study import lot_of_study, recipe_of_study
    from monolayer.engine.visit_pictures import recorded_pictures
    from monolayer.recipe import load_recipe
    from monolayer.study import Study

    with Study.open(where) as study:
        recipe = recipe_of_study(study) if recipe_path is None else load_recipe(recipe_path)
        found = lot_of_study(study, recipe, lot=lot, vessel=vessel)
    pictures = {
        each.vessel.name: recorded_pictures(each, found.runs[each.vessel.name])
        for each in found.histories
        if any(found.runs[each.vessel.name])
    }
    return batch_record(found.histories, recipe, found.recorded, pictures, issued_at)


def _of_files(
    history: Path | None,
    recipe_path: Path | None,
    record_path: Path | None,
    vessel: str | None,
    runs: tuple[str, ...],
    issued_at: datetime,
) -> "BatchRecord":
    from monolayer.dossier import batch_record, read_recorded
    from monolayer.recipe import load_recipe

    every = histories_of(history, None)
    recorded = None if record_path is None else read_recorded(record_path, every)
    chosen = every if vessel is None else histories_of(history, None, vessel)
    return batch_record(
        chosen, load_recipe(recipe_path), recorded, _pictures(runs, chosen), issued_at
    )


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
