"""``monolayer simulate``: a registry of kinds, each one settings class and two functions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option, progress

__all__ = ["KINDS", "Kind", "command"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Names in `monolayer.simulate` of what makes one kind of folder.

    Attributes
    ----------
    settings : str
        Settings class; what it makes without arguments is the default.
    plan : str
        ``plan(settings)``: the fields that will be written, to count them.
    write : str
        ``write(folder, settings, seed, on_field)``.
    images : str
        Folder of the images below the one written.
    """

    settings: str
    plan: str
    write: str
    images: str = "images"

    def make(self, folder: Path, given: Any, seed: int, notify: Callable[[int, int], None]) -> int:
        """Write the folder and say how many fields it has."""
        from monolayer import simulate

        settings = self.load(given)
        total = len(getattr(simulate, self.plan)(settings))
        written: list[object] = []

        def count_up(field: object) -> None:
            written.append(field)
            notify(len(written), total)

        getattr(simulate, self.write)(folder, settings, seed, count_up)
        return total

    def load(self, given: Any) -> Any:
        """Settings from what a file held, or the defaults.

        Raises
        ------
        ConfigError
            A setting is unknown or out of range.
        """
        from pydantic import ValidationError

        from monolayer import simulate
        from monolayer.errors import ConfigError

        try:
            return getattr(simulate, self.settings).model_validate(given or {})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigError(f"Simulation settings: {where}: {first['msg']}.") from error


KINDS = {
    "plate": Kind("SimulateSettings", "plan_fields", "simulate_plate", "plate"),
    "chamber": Kind("ChamberSettings", "plan_chamber", "simulate_chamber"),
    "phase": Kind("PhasePlateSettings", "plan_phase_plate", "simulate_phase_plate"),
    "series": Kind("SeriesSettings", "plan_series", "simulate_series"),
    "cells": Kind("CellPlateSettings", "plan_cell_plate", "simulate_cell_plate"),
    "livedead": Kind("LiveDeadPlateSettings", "plan_livedead", "simulate_livedead_plate"),
    "vessel": Kind("VesselSettings", "plan_vessel", "simulate_vessel"),
}


@click.command("simulate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="plate",
    show_default=True,
    help="plate: fluorescent nuclei; chamber: suspended cells in bright field; "
    "phase: phase contrast from sparse to full; "
    "series: a growing culture in phase contrast and its nuclei; "
    "cells: nuclei and the cells around them, from young to old; "
    "livedead: living and dead cells under two dyes, with control wells; "
    "vessel: phase contrast of one whole vessel.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Same seed, same bytes. Default: that of sample_data/.",
)
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="YAML of settings that differ from the defaults, such as a folder's settings.yaml.",
)
@json_option
def command(
    folder: Path, kind: str, seed: int | None, settings_path: Path | None, as_json: bool
) -> None:
    """Make SIMULATED images with exact truth in FOLDER.

    Images go into a folder of their own, label masks into truth/; manifest.csv pairs them.
    Without options it is the plate in sample_data/ of the source tree, bit for bit.
    """
    from monolayer.simulate import SAMPLE_SEED

    made, chosen = KINDS[kind], SAMPLE_SEED if seed is None else seed
    given = _read(settings_path)
    with progress(quiet=as_json) as notify:
        total = made.make(
            folder, given, chosen, lambda done, total: notify("simulated", done, total)
        )
    if as_json:
        echo_json({"folder": str(folder), "kind": kind, "seed": chosen, "fields": total})
    else:
        images = folder / made.images
        click.echo(f"{total} SIMULATED fields: {images}; truth: {folder / 'truth'}")
        click.echo(f"How to score a method on them: {folder / 'README.md'}")


def _read(path: Path | None) -> Any:
    """What a settings file holds; nothing without one."""
    import yaml

    from monolayer.errors import ConfigError

    if path is None:
        return None
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML settings: {error}.") from error
