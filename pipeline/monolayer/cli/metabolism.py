"""``monolayer metabolism``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError, InputError

if TYPE_CHECKING:
    from monolayer.culture_metabolism import VesselMetabolism
    from monolayer.history import VesselHistory
    from monolayer.recipe import Recipe

__all__ = ["command"]


@click.command("metabolism")
@click.argument("history", type=click.Path(path_type=Path), metavar="HISTORY.yaml")
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Concentrations (and capacitance) in time, as 'monolayer sensors' reads them, beside "
    "those in the history.",
)
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipe whose section 'metabolism' is used: fresh medium, errors, floor.",
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
    history: Path,
    samples: Path | None,
    recipe_path: Path | None,
    vessel: str | None,
    output: Path | None,
    model_path: Path | None,
    as_json: bool,
) -> None:
    """Say what cells took up and made: rates, yields, when to feed, and how many they are.

    HISTORY.yaml holds the vessels: growth area, medium volume, densities, exchanges, readings.
    """
    from monolayer.culture_metabolism import metabolism_of
    from monolayer.metabolism_report import as_data, sentences
    from monolayer.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    if model_path is not None and output is None:
        raise ConfigError("--model: give -o as well, the folder that the new model goes to.")
    vessels = _vessels(history, samples, vessel, recipe)
    found = [metabolism_of(each, recipe.metabolism) for each in vessels]
    if output is not None:
        _write(output, found, recipe, [history, *([samples] if samples else [])], model_path)
    if as_json:
        echo_json([as_data(each) for each in found])
        return
    for each in found:
        click.echo("\n".join(sentences(each)))
    if output is not None:
        click.echo(f"Wrote {output / 'report.html'}, its tables and fluxes.")


def _vessels(
    path: Path, samples: Path | None, only: str | None, recipe: "Recipe"
) -> list["VesselHistory"]:
    from monolayer.history_file import read_histories
    from monolayer.sensor_file import read_sensors
    from monolayer.sensors import examine, with_sensors

    histories = {each.vessel.name: each for each in read_histories(path)}
    if only is not None and only not in histories:
        raise ConfigError(f"--vessel {only}: is not in {path}; there are {', '.join(histories)}.")
    if samples is not None:
        seeded = {name: each.vessel.seeded_at for name, each in histories.items()}
        alone = next(iter(histories)) if len(histories) == 1 else None
        for series in read_sensors(samples, seeded=seeded, vessel=alone):
            if series.vessel not in histories:
                raise InputError(
                    f"{samples}: vessel {series.vessel} is not in {path}; there are "
                    f"{', '.join(histories)}."
                )
            own = histories[series.vessel]
            exchanges = [exchange.time_h for exchange in own.exchanges]
            sampled = recipe.sensors.model_copy(update={"readings_every_h": 1 / 3600})
            examined = examine(series, recipe.sensors, exchanges)
            histories[series.vessel] = with_sensors(own, [examined], sampled)
    return [each for name, each in histories.items() if only in (None, name)]


def _write(
    output: Path,
    found: list["VesselMetabolism"],
    recipe: "Recipe",
    sources: list[Path],
    model_path: Path | None,
) -> None:
    from monolayer.metabolism_report import write_metabolism

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
