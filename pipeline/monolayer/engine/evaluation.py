"""Score a method against a manifest of images with truth masks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from monolayer.assays import assay_of
from monolayer.engine.files import write_file
from monolayer.engine.work import process_field
from monolayer.errors import ImageError
from monolayer.evaluate import Found, ManifestRow, read_manifest, score_row, scorer_of
from monolayer.field import Field, Plane, State
from monolayer.method import Method
from monolayer.segment import segmenter_identity

__all__ = ["evaluate_manifest", "write_scores"]

Rows = list[dict[str, Any]]


def evaluate_manifest(
    path: Path, method: Method, notify: Callable[[str, int, int], None]
) -> tuple[Rows, Rows, int]:
    """Score every image of a manifest, then pool over datasets.

    An image that the method does not evaluate (blank, out of focus) counts as one in which
    nothing was found: leaving it out would flatter the method.

    Returns
    -------
    images, datasets : list of dict
        One row an image, and one a dataset.
    skipped : int
        Rows of another modality.
    """
    # What the method cannot do is one error here, not a failure of every image.
    if method.uses("segment"):
        segmenter_identity(method.segment)
    scorer = scorer_of(method.assay)
    manifest = read_manifest(path, assay_of(method).modality, scorer.needs)
    images: Rows = []
    for done, row in enumerate(manifest.rows, start=1):
        images.append(score_row(row, scorer, lambda pair: _find(pair, method)))
        notify("images", done, len(manifest.rows))
    return images, scorer.pool(images), manifest.n_skipped


def write_scores(folder: Path, images: Rows, datasets: Rows) -> None:
    """Write ``images.csv`` and ``datasets.csv``."""
    for name, rows in (("images", images), ("datasets", datasets)):
        table = pa.Table.from_pylist(rows)
        write_file(folder / f"{name}.csv", partial(csv.write_csv, table))


def _find(row: ManifestRow, method: Method) -> Found:
    plane = Plane(row.path.name)
    field = Field(row.dataset, "", row.path.stem, "", {"image": (plane,)})
    chosen = method if method.read.pixel_size_um else method.with_pixel_size(row.pixel_size_um)
    result = process_field(field, row.path.parent, chosen)
    if result.labels is not None:
        return Found(result.labels, result.objects)
    if result.row["state"] == State.NOT_EVALUABLE:
        nothing = np.zeros((result.row["height_px"], result.row["width_px"]), np.int32)
        return Found(nothing, evaluated=False)
    raise ImageError(result.row["reason"], result.row["detail"])
