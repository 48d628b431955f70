"""``monolayer sensors``."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import histories_of, recipe_for
from monolayer.drawing.numbers import plural
from monolayer.errors import ConfigError, InputError

if TYPE_CHECKING:
    from monolayer.history import VesselHistory
    from monolayer.recipe import Recipe
    from monolayer.sensors import Findings, SensorSeries

__all__ = ["command"]


@click.command("sensors")
@click.argument("readings", type=click.Path(path_type=Path), metavar="READINGS.csv")
@click.option(
    "--nodes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What each node of an OPC UA export is (docs/sensors.md).",
)
@click.option(
    "--history",
    "history_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The vessels' history: when they were seeded, imaged and fed. With -o, the history with "
    "readings and events in it is written too, for 'decide'.",
)
@click.option(
    "--study", metavar="STUDY", help="The same of a study (a file or URL) instead of --history."
)
@click.option("--vessel", metavar="NAME", help="The vessel, where READINGS.csv names none.")
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipe whose section 'sensors' is used ('monolayer init --recipe' writes one). Default: "
    "the study's approved one; else the example recipe.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write report.html and the tables as Parquet and CSV there.",
)
@click.option(
    "--store",
    is_flag=True,
    help="Write readings, excursions and faults into the study, for 'decide --study'. What is "
    "there already is not written twice.",
)
@click.option(
    "--as", "name", metavar="NAME", help="Person of the study who does this, for --store."
)
@click.option(
    "--reason",
    metavar="TEXT",
    default="sensors examined",
    show_default=True,
    help="Why; stands in the audit trail.",
)
@json_option
def command(
    readings: Path,
    nodes: Path | None,
    history_path: Path | None,
    study: str | None,
    vessel: str | None,
    recipe_path: Path | None,
    output: Path | None,
    store: bool,
    name: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Say what sensors saw: faults, gaps, and excursions beyond alert and action limits.

    READINGS.csv is a long or wide table, or an OPC UA export. Units are read and converted; a
    missing, unknown or mixed one is refused with its line.
    """
    from monolayer.intake.sensor_file import read_sensors
    from monolayer.sensors import examine_all

    if store and (study is None or name is None):
        raise ConfigError("--store writes into a study; give --study and --as NAME with it.")
    recipe = recipe_for(study, recipe_path)
    read = histories_of(history_path, study) if history_path or study else []
    histories = {each.vessel.name: each for each in read}
    seeded = {name: each.vessel.seeded_at for name, each in histories.items()}
    series = read_sensors(readings, nodes=nodes, seeded=seeded, vessel=vessel)
    _check_vessels(readings, histories, {each.vessel for each in series})
    series, stored = _in_culture(series, histories)
    exchanges = {name: _exchanges(histories, name) for name in histories}
    found = examine_all(series, recipe.sensors, exchanges)
    if output is not None:
        _write(output, found, histories, recipe, readings)
    if store and study is not None and name is not None:
        stored += _store(study, found, recipe, readings, name, reason)
    if as_json:
        from monolayer.culture.sensor_report import as_data

        echo_json([as_data(each) for each in found])
    else:
        for each in found:
            click.echo("\n".join(_sentences(each)))
    for line in stored:
        click.echo(line, err=as_json)
    if output is not None and not as_json:
        click.echo(f"Wrote {output / 'report.html'} and its tables.")


def _check_vessels(path: Path, histories: dict[str, "VesselHistory"], vessels: set[str]) -> None:
    unknown = sorted(vessels - set(histories))
    if histories and unknown:
        raise InputError(
            f"{path}: vessel {unknown[0]} has no history; there are {', '.join(histories)}."
        )


def _in_culture(
    series: "list[SensorSeries]", histories: dict[str, "VesselHistory"]
) -> "tuple[list[SensorSeries], list[str]]":
    """Without what a probe said after its vessel's end, and sentences on how much that was."""
    kept, said = [], []
    for each in series:
        history = histories.get(each.vessel)
        ended_h = None if history is None else history.ended_h
        within = each if ended_h is None else each.until(ended_h)
        if len(within) < len(each):
            after = plural(len(each) - len(within), "reading")
            said.append(f"{each.vessel}, {each.quantity}: {after} after its end left out.")
        if len(within):
            kept.append(within)
    return kept, said


def _exchanges(histories: dict[str, "VesselHistory"], vessel: str) -> list[float]:
    history = histories.get(vessel)
    return [] if history is None else [exchange.time_h for exchange in history.exchanges]


def _write(
    output: Path,
    found: list["Findings"],
    histories: dict[str, "VesselHistory"],
    recipe: "Recipe",
    readings: Path,
) -> None:
    from monolayer.culture.sensor_report import write_sensors
    from monolayer.intake.history_file import write_histories
    from monolayer.sensors import with_sensors

    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output}: is a file; name a folder.")
    write_sensors(output, found, histories, recipe, readings)
    if histories:
        told = [
            with_sensors(
                history, [each for each in found if each.series.vessel == name], recipe.sensors
            )
            for name, history in histories.items()
        ]
        write_histories(output / "history.yaml", told)


def _store(
    study: str, found: list["Findings"], recipe: "Recipe", readings: Path, name: str, reason: str
) -> list[str]:
    from monolayer.culture.sensor_store import store_sensors
    from monolayer.custody import recording
    from monolayer.study import Study

    digest = hashlib.sha256(readings.read_bytes()).hexdigest()
    with Study.open(study) as opened, recording(opened, name, reason) as change:
        added = store_sensors(change, found, recipe, digest)
    new = f"{plural(added.n_readings, 'reading')}, {plural(added.n_events, 'event')}"
    return [f"Stored {new}; {added.n_ended:,} ended.", *added.left_open]


def _sentences(found: "Findings") -> list[str]:
    from monolayer.culture.sensor_report import sentences

    return sentences(found)
