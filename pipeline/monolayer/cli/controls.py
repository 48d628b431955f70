"""``monolayer controls``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import (
    echo_json,
    json_option,
    layout_option,
    method_option,
    pixel_size_option,
    progress,
)
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.classify import ControlLot

__all__ = ["command"]


@click.command("controls")
@click.argument("images", type=click.Path(path_type=Path))
@click.option(
    "--unstained",
    required=True,
    metavar="WELLS",
    help="Wells without the dead cells' dye, such as A01,A02; with Hoechst, calcein or AO, or "
    "their cells could not be found.",
)
@click.option("--killed", required=True, metavar="WELLS", help="Wells of killed cells, fully dyed.")
@click.option(
    "--single",
    "singles",
    multiple=True,
    metavar="DYE=WELLS",
    help="Wells with one dye alone, such as hoechst=A01 (dyes: hoechst, calcein, ao, pi, ethd1); "
    "of both dyes, unless viability.compensate is false. The dead cells' dye needs killed cells.",
)
@method_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="METHOD",
    help="The method file to write: the draft with thresholds and spill-over.",
)
@click.option("--lot", "lot_id", default="", metavar="NAME", help="Name of the reagent lot.")
@layout_option
@pixel_size_option
@click.option("--force", is_flag=True, help="Replace METHOD if it is there.")
@json_option
def command(
    images: Path,
    unstained: str,
    killed: str,
    singles: Sequence[str],
    method_path: Path | None,
    output: Path,
    lot_id: str,
    layout: str,
    pixel_size_um: float | None,
    force: bool,
    as_json: bool,
) -> None:
    """Measure the control wells of a viability stain in IMAGES and write a complete method.

    Thresholds and spill-over are then fixed for all images of the reagent lot.
    """
    from monolayer.engine.controls import ControlWells, measure_controls
    from monolayer.engine.files import write_file
    from monolayer.engine.plan import make_plan
    from monolayer.method import commented_method, load_method

    if output.exists() and not force:
        raise ConfigError(f"{output}: is there already; give another, or --force to replace it.")
    method = load_method(method_path).with_pixel_size(pixel_size_um)
    method = method.model_copy(update={"assay": "viability"})
    wells = ControlWells(_wells(unstained), _wells(killed), _singles(singles))
    plan = make_plan(images, method, layout)
    with progress(quiet=as_json) as notify:
        lot, skipped = measure_controls(plan, wells, lot_id.strip(), notify)
    viability = method.viability.model_copy(update={"lot": lot, "control_wells": wells.all})
    complete = method.model_copy(update={"viability": viability})
    write_file(output, commented_method(complete).encode())
    if as_json:
        echo_json({"method": str(output), "lot": lot.model_dump(mode="json"), "skipped": skipped})
    else:
        _tell(lot, skipped, output)


def _wells(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _singles(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        dye, equals, wells = text.partition("=")
        if not equals or not _wells(wells):
            raise ConfigError(f"--single '{text}': give DYE=WELLS, such as hoechst=A01,A02.")
        found[dye.strip().lower()] = found.get(dye.strip().lower(), ()) + _wells(wells)
    return found


def _tell(lot: "ControlLot", skipped: Sequence[str], output: Path) -> None:
    low, high = lot.dead_band
    lines = [f"Lot {lot.id} ({lot.stain}): " + ", ".join(_numbers(lot))]
    if lot.spillover is None:
        lines.append("Spill-over is not taken out (viability.compensate is false).")
    else:
        (_, back), (forth, _) = lot.spillover
        lines.append(f"Spill-over: {forth:.1%} of the cells' dye, {back:.1%} of the dead cells'.")
    lines.append(f"Intact up to {low:.4g} grey levels above the background, dead above {high:.4g}.")
    lines += [f"Left out: {sentence}" for sentence in skipped]
    lines.append(f"Wrote {output}; use it with: monolayer run IMAGES -o RUN --method {output}")
    for line in lines:
        click.echo(line)


def _numbers(lot: "ControlLot") -> list[str]:
    return [f"{n} objects {name.replace('_', ' ')}" for name, n in lot.n_objects.items()]
