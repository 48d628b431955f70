"""``monolayer simulate``."""

from pathlib import Path

import click

from monolayer.errors import ConfigError

__all__ = ["command"]


@click.command("simulate")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the plate goes: plate/ (images), truth/ (masks), truth.csv, manifest.csv.",
)
@click.option("--seed", type=int, default=None, help="Same seed, same bytes.")
def command(output: Path, seed: int | None) -> None:
    """Make a small SIMULATED plate of fluorescent nuclei with exact truth.

    The default is the plate in sample_data/ of the source tree, bit for bit.
    """
    from monolayer.simulate import SAMPLE_SEED, SimulateSettings, simulate_plate

    if output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output}: is not empty; give a new folder with -o.")
    simulate_plate(output, SimulateSettings(), SAMPLE_SEED if seed is None else seed)
    click.echo(f"Simulated plate: {output}")
