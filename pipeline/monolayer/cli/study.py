"""``monolayer study``: make a study, put into it what happened, look at it."""

from pathlib import Path

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


@command.command("add")
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
    from monolayer.study import Study
    from monolayer.study.table_import import row_of

    cells = dict(_split(each) for each in values)
    with Study.open(where) as opened, opened.change(name, reason or _ENTERED) as change:
        number = change.add(kind, **row_of(change, kind, cells))
        sequence, head = change.head
    click.echo(f"{kind}: added as number {number}; audit entry {sequence}, {head[:12]}.")


@command.command("import")
@study_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", metavar="KIND", help="What the lines are; the file's own name if left out.")
@actor_option
@reason_option
def import_(
    where: str, files: tuple[Path, ...], kind: str | None, name: str, reason: str | None
) -> None:
    """Add the lines of CSV tables: all of them, or none.

    A table is named after its rows: vessels.csv, acquisitions.csv, exchanges.csv, readings.csv,
    viabilities.csv, lots.csv, donors.csv, media.csv, vessel_types.csv, people.csv.
    """
    from monolayer.study import Study
    from monolayer.study.table_import import import_table, import_tables

    if kind is not None and len(files) > 1:
        raise ConfigError("--kind is for one file; give it alone, or name files after their rows.")
    with Study.open(where) as opened, opened.change(name, reason or _ENTERED) as change:
        if kind is not None:
            added = {files[0]: import_table(change, files[0], kind)}
        else:
            added = import_tables(change, files)
        sequence, head = change.head
    for path, n in added.items():
        click.echo(f"{path}: {n} {'row' if n == 1 else 'rows'}.")
    click.echo(f"Audit trail: {sequence} entries, {head[:12]}.")


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
