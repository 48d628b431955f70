"""``monolayer evaluate``: hold the method against truth masks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import (
    assay_option,
    echo_json,
    json_option,
    method_option,
    pixel_size_option,
    progress,
)

if TYPE_CHECKING:
    from monolayer.evaluate import Scorer

__all__ = ["command"]


@click.command("evaluate")
@click.option(
    "--manifest",
    required=True,
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Columns path and mask (label images; suspension: boxes.csv instead); dataset, "
    "pixel_size_um if you like.",
)
@assay_option
@method_option
@pixel_size_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="SCORES",
    help="Folder for images.csv (a row an image) and datasets.csv (pooled).",
)
@json_option
def command(
    manifest: Path,
    assay: str | None,
    method_path: Path | None,
    pixel_size_um: float | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Score the method against images with known truth.

    Nuclei: an object is found when its intersection over union with a true one is at least 0.5
    (and 0.7, the stricter column); F1 is pooled over all objects of a dataset. Confluence: the
    error in percentage points. Suspension: a cell is found when its centre lies in a true box.
    Images that failed are counted, listed and left out, and end the command with code 3.
    """
    from monolayer.engine.evaluation import evaluate_manifest, write_scores
    from monolayer.evaluate import scorer_of
    from monolayer.method import load_method

    method = load_method(method_path, assay).with_pixel_size(pixel_size_um)
    with progress(quiet=as_json) as notify:
        images, datasets, skipped = evaluate_manifest(manifest, method, notify)
    if output is not None:
        write_scores(output, images, datasets)
    if as_json:
        echo_json({"datasets": datasets, "images": images, "skipped": skipped})
    else:
        _tell(images, datasets, skipped, output, scorer_of(method.assay))
    return 3 if any(row["state"] == "failed" for row in images) else 0


def _tell(
    images: Sequence[dict[str, Any]],
    datasets: Sequence[dict[str, Any]],
    skipped: int,
    output: Path | None,
    scorer: "Scorer",
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=scorer.title)
    for heading in scorer.headings.values():
        table.add_column(heading, justify="left" if heading == "dataset" else "right")
    for row in datasets:
        table.add_row(*(_text(row[name]) for name in scorer.headings))
    Console(width=120).print(table)
    for row in images:
        if row["state"] == "failed":
            click.echo(f"failed: {row['path']} ({row['reason']}): {row['detail']}")
    if skipped:
        click.echo(f"{skipped} rows of the manifest are of another modality and were left out.")
    if output is not None:
        click.echo(f"Scores: {output / 'images.csv'}, {output / 'datasets.csv'}")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
