"""``monolayer convert``."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import (
    echo_json,
    execution_options,
    json_option,
    layout_option,
    method_option,
    pixel_size_option,
    progress,
    select_option,
)

__all__ = ["command", "tell"]


@click.command("convert")
@click.argument("images")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PLATE.zarr",
    help="The plate to be made; a folder takes one NAME.zarr for each plate of IMAGES.",
)
@method_option
@layout_option
@pixel_size_option
@select_option
@click.option(
    "--chunk",
    type=click.IntRange(min=64, max=16384),
    default=1024,
    show_default=True,
    metavar="PX",
    help="Height and width of a chunk, in pixels.",
)
@click.option("--sharded", is_flag=True, help="Keep all chunks of a plane in one file.")
@execution_options
@json_option
def command(
    images: str,
    output: Path,
    method_path: Path | None,
    layout: str,
    pixel_size_um: float | None,
    select: str | None,
    chunk: int,
    sharded: bool,
    as_json: bool,
    cluster: Path | None,
    **execution: Any,
) -> int:
    """Convert IMAGES (anything that 'monolayer plan' understands) to OME-Zarr 0.5.

    Pixels are kept to the last bit: a run over the plate counts the same. Takes up what an
    earlier call left; the plate appears under its name when all of it is there. Fields that
    cannot be read are named in the plate, and exit code 3 says that there are some.
    """
    from monolayer.engine.convert import convert
    from monolayer.engine.executors.settings import load_execution
    from monolayer.engine.ngff.image import Storage
    from monolayer.engine.plan import make_plan
    from monolayer.method import load_method

    method = load_method(method_path, None).with_options(pixel_size_um, None)
    plan = make_plan(images, method, layout, select)
    how = load_execution(cluster, **execution)
    with progress(quiet=as_json) as notify:
        storage = Storage(chunk, sharded)
        done = convert(plan, output.expanduser().resolve(), storage, how, notify)
    return tell(done, as_json)


def tell(done: list[Any], as_json: bool) -> int:
    """Say what became of each plate; give the exit code."""
    if as_json:
        echo_json([_summary(one) for one in done])
        return 3 if any(one.failed for one in done) else 0
    for one in done:
        click.echo(f"{one.path}: {one.n_images} images, {one.n_converted} converted now.")
        for field_id, detail in one.failed:
            click.echo(f"  not converted: {field_id}: {detail}")
    return 3 if any(one.failed for one in done) else 0


def _summary(one: Any) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "images": one.n_images,
        "converted": one.n_converted,
        "failed": [{"field_id": name, "detail": detail} for name, detail in one.failed],
    }
