"""``monolayer study``: make a study, put into it what happened, look at it."""

from pathlib import Path
from typing import Literal

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import actor_option, reason_option, study_argument
from monolayer.errors import ConfigError

__all__ = ["command"]

_ENTERED = "entered by hand"


@click.group("study")
def command() -> None:
    """Lots, vessels, visits, exchanges, readings and what became of them, in one database.

    STUDY is a file (SQLite, made by 'init'), or the URL of a PostgreSQL database such as
    postgresql://USER@HOST/NAME.
    """


@command.command("init")
@study_argument
@actor_option
@click.option("--printed-name", metavar="NAME", help="Your name as signatures print it.")
def init(where: str, name: str, printed_name: str | None) -> None:
    """Make a study, or bring an older one up to this version.

    You become its first person, with all roles.
    """
    from monolayer.study import Study
    from monolayer.study.database import shown

    if _is_there(where):
        versions = Study.upgrade(where, actor=name)
        if versions is None:
            click.echo(f"{shown(where)} is a study of this version; nothing to do.")
        else:
            click.echo(
                f"{shown(where)}: brought up from version {versions[0]} to {versions[1]}; older "
                "monolayers cannot use it any more."
            )
        return
    Study.create(where, actor=name, printed_name=printed_name).close()
    click.echo(f"{shown(where)}: a new study; its first person is {name}.")


@command.command("add", short_help="Add one row: a vessel, a medium exchange, a reading.")
@study_argument
@click.argument("kind")
@click.argument("values", nargs=-1, metavar="COLUMN=VALUE...")
@actor_option
@reason_option
def add(where: str, kind: str, values: tuple[str, ...], name: str, reason: str | None) -> None:
    """Add one row, such as: exchanges vessel=V-017 at=2026-11-12T08:00+01:00 volume_ml=650.

    KIND: people, donors, media, lots, vessel_types, vessels, acquisitions, exchanges, readings or
    viabilities. A time brings its offset from UTC; time_h=48 is hours since seeding.
    """
    from monolayer.custody import recording
    from monolayer.study import Study
    from monolayer.study.table_import import row_of

    cells = dict(_split(each) for each in values)
    with Study.open(where) as opened, recording(opened, name, reason or _ENTERED) as change:
        number = change.add(kind, **row_of(change, kind, cells))
        sequence, head = change.head
    click.echo(f"{kind}: added as number {number}; audit entry {sequence}, {head[:12]}.")


@command.command("import", short_help="Add the lines of CSV tables, or what a run found.")
@study_argument
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", metavar="KIND", help="What the lines are; the file's own name if left out.")
@click.option("--vessel", metavar="NAME", help="The vessel that all fields of a run show.")
@click.option("--at", metavar="TIME|HOURS", help="When it was imaged; or hours since seeding.")
@click.option(
    "--visits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV table of which wells of a run show which vessel, when and which layer.",
)
@click.option(
    "--supersede", is_flag=True, help="A run takes the place of earlier figures of its time."
)
@actor_option
@reason_option
def import_(
    where: str,
    sources: tuple[Path, ...],
    kind: str | None,
    vessel: str | None,
    at: str | None,
    visits: Path | None,
    supersede: bool,
    name: str,
    reason: str | None,
) -> None:
    """Add the lines of CSV tables, or what a run's folder found: all of it, or nothing.

    A table is named after its rows: vessels.csv, acquisitions.csv, exchanges.csv, readings.csv,
    viabilities.csv, lots.csv, donors.csv, media.csv, vessel_types.csv, people.csv.

    A run needs --vessel and --at, or --visits.
    """
    from monolayer.custody import recording
    from monolayer.study import Study
    from monolayer.study.sources import Told, import_sources

    told = Told(kind, vessel, at, visits, supersede)
    why = reason or f"imported from {', '.join(path.name for path in sources)}"
    with Study.open(where) as opened, recording(opened, name, why) as change:
        lines = import_sources(change, sources, told)
        sequence, head = change.head
    click.echo("\n".join(lines))
    click.echo(f"Audit trail: {sequence} entries, {head[:12]}.")


@command.command("end", short_help="Close a culture: passaged, harvested or discarded.")
@study_argument
@click.argument("vessel")
@click.option(
    "--how",
    type=click.Choice(["passaged", "harvested", "discarded"]),
    required=True,
    help="What became of it.",
)
@click.option("--at", required=True, metavar="TIME|HOURS", help="When; or hours since seeding.")
@click.option("--cells-out", type=float, metavar="N", help="Viable cells that came out.")
@click.option("--viability-out", type=float, metavar="SHARE", help="Their viability, 0 to 1.")
@click.option(
    "--into",
    multiple=True,
    metavar="NAME:TYPE:CELLS",
    help="A vessel that is seeded from it, of a passage; give one for each.",
)
@actor_option
@reason_option
def end(
    where: str,
    vessel: str,
    how: str,
    at: str,
    cells_out: float | None,
    viability_out: float | None,
    into: tuple[str, ...],
    name: str,
    reason: str | None,
) -> None:
    """Close VESSEL's culture: passaged, harvested or discarded, with its yield.

    A passage opens its children, such as --into V-021:T-175:7e5 --into V-022:T-175:7e5; they take
    over lot and medium, and count passage and doublings on.
    """
    from monolayer.custody import recording
    from monolayer.study import Study
    from monolayer.study.passage import Child, close_vessel
    from monolayer.study.sources import time_of

    act: Literal["discard", "record"] = "discard" if how == "discarded" else "record"
    why = reason or _ENTERED
    with Study.open(where) as opened, recording(opened, name, why, act) as change:
        lines = close_vessel(
            change,
            vessel,
            how,
            time_of(change, vessel, at),
            cells_out=cells_out,
            viability_out=viability_out,
            children=[Child.parsed(each) for each in into],
        )
    click.echo("\n".join(lines))


@command.command("assess")
@study_argument
@click.argument("event", type=click.IntRange(min=1))
@click.option(
    "--finding", required=True, metavar="TEXT", help="What it means for the cells, in words."
)
@click.option("--at", metavar="TIME", help="When it was assessed. Default: now.")
@actor_option
def assess(where: str, event: int, finding: str, at: str | None, name: str) -> None:
    """Say what EVENT, an excursion or a sensor's fault, means; it stops no decision then.

    'monolayer study show STUDY VESSEL' lists events with their numbers. By default reviewers and
    approvers assess.
    """
    from monolayer.culture.sensor_store import assess_event
    from monolayer.custody import recording
    from monolayer.study import Study
    from monolayer.study.csv_lines import moment_in

    moment = None if at is None else moment_in("--at", at)
    with Study.open(where) as opened, recording(opened, name, finding, "assess") as change:
        click.echo(assess_event(change, event, finding, moment or change.at))


@command.command("show")
@study_argument
@click.argument("subject", metavar="[NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Vessels that have ended as well.")
@json_option
def show(where: str, subject: str | None, everything: bool, as_json: bool) -> None:
    """Show a study: its vessels in culture; or NAME, a vessel or a lot."""
    from monolayer.cli._study_words import lines_of
    from monolayer.study import Study
    from monolayer.study.shown import shown_as_data

    with Study.open(where) as opened:
        data = shown_as_data(opened, subject, everything=everything)
    if as_json:
        echo_json(data)
    else:
        click.echo("\n".join(lines_of(data)))


def _is_there(where: str) -> bool:
    """Whether something is in the place that could be a study."""
    from monolayer.study.database import engine_of, reading, shown, sqlite_path
    from monolayer.study.migrate import version_of

    path = sqlite_path(where)
    if path is not None and not path.exists():
        return False
    engine = engine_of(where)
    try:
        with reading(engine, shown(where)) as connection:
            return version_of(connection, shown(where)) is not None
    finally:
        engine.dispose()


def _split(pair: str) -> tuple[str, str]:
    name, is_, value = pair.partition("=")
    if not is_:
        raise ConfigError(f"'{pair}': give COLUMN=VALUE, such as vessel=V-017.")
    return name, value
