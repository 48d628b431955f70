"""``monolayer reference``."""

from pathlib import Path

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

__all__ = ["command"]

BANDS = "500,1000,2000,4000,8000,16000,32000,64000,128000"


@click.command("reference")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="YAML",
    help="The reference's file, named in a method under morphology.reference.",
)
@click.option(
    "--name",
    default="reference",
    show_default=True,
    metavar="TEXT",
    help="What the site calls it.",
)
@click.option(
    "--version",
    default="1",
    show_default=True,
    metavar="TEXT",
    help="The site's version of it.",
)
@click.option(
    "--density-bands",
    default=BANDS,
    show_default=True,
    metavar="N,N,...",
    help="Limits of the bands in cells per cm2: wells are compared within a band only.",
)
@click.option(
    "--min-objects",
    type=click.IntRange(min=1),
    default=30,
    metavar="N",
    show_default=True,
    help="Objects clear of the border that a well must have to be taken up.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def command(
    runs: tuple[Path, ...],
    output: Path,
    name: str,
    version: str,
    density_bands: str,
    min_objects: int,
    force: bool,
    as_json: bool,
) -> None:
    """Make a reference of morphology from finished runs of good cultures.

    Each well is one unit: the file holds the median and the scaled MAD between wells, by donor
    type, medium and day (as the runs' methods say) and band of density.
    """
    import yaml

    from monolayer.engine.files import write_file
    from monolayer.engine.reference import read_reference_run
    from monolayer.summarise.reference import build_reference

    if output.exists() and not force:
        raise ConfigError(f"{output}: is there already; give another path, or --force.")
    edges = _numbers(density_bands)
    made = build_reference(
        name, version, [read_reference_run(run) for run in runs], edges, min_objects
    )
    head = "# A reference of morphology. Made by 'monolayer reference'; an edited one is refused.\n"
    text = head + yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False)
    write_file(output, text.encode())
    if as_json:
        echo_json({"path": str(output), **made.model_dump(mode="json")})
        return
    for band in made.bands:
        limits = (band.density_low_cells_per_cm2, band.density_high_cells_per_cm2)
        click.echo(f"{limits[0]:g} to {limits[1]:g} cells per cm2: {band.n_wells} wells")
    click.echo(f"Wrote {output}; name it in a method under morphology.reference.")


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--density-bands {text}: give numbers with commas between, such as {BANDS}."
        ) from None
