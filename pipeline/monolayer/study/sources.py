"""What ``monolayer study import`` is given: tables and runs, told apart and put in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monolayer.errors import ConfigError
from monolayer.study.change import Change
from monolayer.study.csv_lines import moment_after, moment_in
from monolayer.study.run_import import import_run
from monolayer.study.table_import import import_table, import_tables
from monolayer.study.visits import Visit, read_visits

__all__ = ["Told", "import_sources", "time_of"]


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller said of the sources: kind of a table's rows; whom and when a run shows."""

    kind: str | None = None
    vessel: str | None = None
    at: str | None = None
    visits: Path | None = None
    supersede: bool = False


def import_sources(change: Change, sources: Sequence[Path], told: Told) -> list[str]:
    """Add tables first, then runs; answers a line for each.

    Raises
    ------
    ConfigError
        What was told does not fit the sources.
    InputError
        A line or a run cannot be; leave the change by it, and nothing is written.
    """
    runs = [path for path in sources if path.is_dir()]
    tables = [path for path in sources if not path.is_dir()]
    if told.kind is not None and (len(tables) != 1 or runs):
        raise ConfigError(
            "--kind is for one table; give it alone, or name tables after their rows."
        )
    if (told.vessel or told.visits or told.at or told.supersede) and not runs:
        raise ConfigError(
            "--vessel, --at, --visits and --supersede are for a run; give its folder."
        )
    if told.kind is not None:
        added = {tables[0]: import_table(change, tables[0], told.kind)}
    else:
        added = import_tables(change, tables)
    lines = [f"{path}: {n} {'row' if n == 1 else 'rows'}." for path, n in added.items()]
    for run in runs:
        lines += _import_run(change, run, told)
    return lines


def time_of(change: Change, vessel: str, text: str) -> datetime:
    """A time as people give it: a date with its offset, or hours since the vessel's seeding."""
    try:
        hours = float(text)
    except ValueError:
        return moment_in("--at", text)
    return moment_after(change.seeded_at(vessel), hours)


def _import_run(change: Change, run: Path, told: Told) -> list[str]:
    added = import_run(change, run, _visits(change, run, told), supersede=told.supersede)
    return [
        f"{run}: vessel {row['vessel']} at {row['at'].isoformat()}, {row['n_fields_ok']} of "
        f"{row['n_fields']} fields."
        for row in added
    ]


def _visits(change: Change, run: Path, told: Told) -> list[Visit]:
    if told.visits is not None:
        if told.vessel is not None or told.at is not None:
            raise ConfigError("--visits says vessels and times; leave out --vessel and --at.")
        return read_visits(told.visits)
    if told.vessel is None or told.at is None:
        raise ConfigError(f"{run}: which vessel does it show, and when? --vessel and --at say so.")
    return [Visit(told.vessel, time_of(change, told.vessel, told.at))]
