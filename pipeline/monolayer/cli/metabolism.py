"""``monolayer metabolism``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import histories_of, history_options, recipe_for
from monolayer.errors import ConfigError, InputError

if TYPE_CHECKING:
    from monolayer.culture.metabolism import VesselMetabolism
    from monolayer.history import VesselHistory
    from monolayer.recipe import Recipe

__all__ = ["command"]

_EVERY_READING_H = 1 / 3600


@click.command("metabolism")
@history_options
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Concentrations (and capacitance) in time, as 'monolayer sensors' reads them, beside "
    "those in the history.",
)
@click.option("--vessel", metavar="NAME", help="Only this vessel.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write report.html, the tables as Parquet and CSV, and fluxes-VESSEL.json there.",
)
@click.option(
    "--model",
    "model_path",
    type=click.Path(path_type=Path),
    metavar="MODEL.json",
    help="Genome-scale model in COBRApy's JSON: written again with the fluxes as its bounds.",
)
@json_option
def command(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    samples: Path | None,
    vessel: str | None,
    output: Path | None,
    model_path: Path | None,
    as_json: bool,
) -> None:
    """Say what cells took up and made: rates, yields, when to feed, and how many they are.

    HISTORY.yaml (or a study) holds the vessels: growth area, medium volume, densities, exchanges,
    readings. The recipe's section 'metabolism' tells fresh medium, errors and the glucose floor.
    """
    from monolayer.culture.metabolism import metabolism_of
    from monolayer.culture.metabolism_report import as_data, sentences

    recipe = recipe_for(study, recipe_path)
    if model_path is not None and output is None:
        raise ConfigError("--model: give -o as well, the folder that the new model goes to.")
    vessels = _sampled(histories_of(history, study, vessel), samples, vessel, recipe)
    found = [metabolism_of(each, recipe.metabolism) for each in vessels]
    if output is not None:
        _write(output, found, recipe, [path for path in (history, samples) if path], model_path)
    if as_json:
        echo_json([as_data(each) for each in found])
        return
    for each in found:
        click.echo("\n".join(sentences(each)))
    if output is not None:
        click.echo(f"Wrote {output / 'report.html'}, its tables and fluxes.")


def _sampled(
    found: list["VesselHistory"], samples: Path | None, only: str | None, recipe: "Recipe"
) -> list["VesselHistory"]:
    """The histories with the readings of a file of samples in them."""
    from monolayer.intake.sensor_file import read_sensors
    from monolayer.sensors import examine_all, with_sensors

    histories = {each.vessel.name: each for each in found}
    if samples is None:
        return found
    seeded = {name: each.vessel.seeded_at for name, each in histories.items()}
    alone = next(iter(histories)) if len(histories) == 1 else None
    every = recipe.sensors.model_copy(update={"readings_every_h": _EVERY_READING_H})
    read = [
        series
        for series in read_sensors(samples, seeded=seeded, vessel=alone)
        if only is None or series.vessel == only
    ]
    strange = next((each.vessel for each in read if each.vessel not in histories), None)
    if strange is not None:
        raise InputError(
            f"{samples}: vessel {strange} is not among those asked for; there are "
            f"{', '.join(histories)}."
        )
    exchanges = {name: [each.time_h for each in own.exchanges] for name, own in histories.items()}
    for examined in examine_all(read, recipe.sensors, exchanges):
        name = examined.series.vessel
        histories[name] = with_sensors(histories[name], [examined], every)
    return list(histories.values())


def _write(
    output: Path,
    found: list["VesselMetabolism"],
    recipe: "Recipe",
    sources: list[Path],
    model_path: Path | None,
) -> None:
    from monolayer.culture.metabolism_report import write_metabolism

    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output}: is a file; name a folder.")
    write_metabolism(output, found, recipe, sources, _model(model_path))


def _model(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check --model.") from None
    except ValueError:
        raise ConfigError(f"{path}: is not JSON; cobra.io.save_json_model writes it.") from None
    if not isinstance(model, dict):
        raise ConfigError(f"{path}: is no model; cobra.io.save_json_model writes one.")
    return model
