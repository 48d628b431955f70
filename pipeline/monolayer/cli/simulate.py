"""``monolayer simulate``."""

from pathlib import Path

import click

from monolayer.cli._shared import echo_json, json_option, progress

__all__ = ["command"]


@click.command("simulate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Same seed, same bytes. Default: that of sample_data/.",
)
@json_option
def command(folder: Path, seed: int | None, as_json: bool) -> None:
    """Make a small SIMULATED plate of fluorescent nuclei with exact truth in FOLDER.

    Images go into plate/, label masks into truth/; manifest.csv pairs them. Without a seed it
    is the plate in sample_data/ of the source tree, bit for bit.
    """
    from monolayer.simulate import SAMPLE_SEED, SimulateSettings, plan_fields, simulate_plate

    settings = SimulateSettings()
    chosen = SAMPLE_SEED if seed is None else seed
    total = len(plan_fields(settings))
    with progress(quiet=as_json) as notify:
        written: list[object] = []

        def count_up(field: object) -> None:
            written.append(field)
            notify("simulated", len(written), total)

        simulate_plate(folder, settings, chosen, count_up)
    if as_json:
        echo_json({"folder": str(folder), "seed": chosen, "fields": total})
    else:
        click.echo(f"{total} SIMULATED fields: {folder / 'plate'}; truth: {folder / 'truth'}")
        click.echo(f"Score the method on them: monolayer evaluate --manifest {folder}/manifest.csv")
