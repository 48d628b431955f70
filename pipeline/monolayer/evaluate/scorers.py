"""How each assay is held against truth: its figures of an image, and of a dataset.

A scorer is a value: which columns a manifest must have, how one image is scored, how a dataset
is pooled and which columns are printed. Anything wrong with an image or its truth costs its row.
"""

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ConfigError, ImageError
from monolayer.evaluate.confluence import FIGURES, pool_confluence, score_confluence
from monolayer.evaluate.manifest import ManifestRow, read_mask
from monolayer.evaluate.scores import ImageScore, pool_scores, score_image
from monolayer.evaluate.suspension import Box, pool_suspension, score_suspension

__all__ = ["SCORERS", "Found", "Scorer", "score_row", "scorer_of"]

Row = dict[str, Any]

_UNUSABLE = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What a method found in one image.

    Attributes
    ----------
    labels : ndarray of integer, shape (height, width)
        The label image; all 0 where the field was not evaluable: leaving such an image out would
        flatter the method.
    objects : mapping of str to ndarray
        Columns of the objects table.
    evaluated : bool
        False where the field was not evaluable.
    """

    labels: NDArray[Any]
    objects: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    evaluated: bool = True


@dataclass(frozen=True, slots=True)
class Scorer:
    """How one assay is scored.

    Attributes
    ----------
    needs : tuple of str
        Columns that a manifest must have.
    figures : tuple of str
        Columns of an image's row; None where the image could not be scored.
    headings : mapping of str to str
        Columns of a dataset's row that are printed, with their headings.
    title : str
        Of the printed table.
    score : callable
        Figures of one image.
    pool : callable
        Rows of datasets from rows of images.
    """

    needs: tuple[str, ...]
    figures: tuple[str, ...]
    headings: Mapping[str, str]
    title: str
    score: Callable[[ManifestRow, Found], Row]
    pool: Callable[[Iterable[Mapping[str, Any]]], list[Row]]


def scorer_of(assay: str) -> Scorer:
    """The scorer of an assay.

    Raises
    ------
    ConfigError
        There is no truth that the assay could be held against.
    """
    if assay not in SCORERS:
        raise ConfigError(
            f"assay '{assay}' has no score against annotated images; those with one: "
            f"{', '.join(SCORERS)}."
        )
    return SCORERS[assay]


def score_row(pair: ManifestRow, scorer: Scorer, find: Callable[[ManifestRow], Found]) -> Row:
    """Score one image; an image or a truth that cannot be used costs its row."""
    row: Row = {"dataset": pair.dataset, "path": pair.path_text, "mask": pair.mask_text}
    try:
        figures = scorer.score(pair, find(pair))
    except ImageError as error:
        nothing = dict.fromkeys(scorer.figures)
        return row | {"state": "failed", "reason": error.reason, "detail": error.detail} | nothing
    return row | {"state": "ok", "reason": None, "detail": None} | figures


def _score_nuclei(pair: ManifestRow, found: Found) -> Row:
    truth = read_mask(pair.mask)
    _check_shape(pair, truth, found)
    return asdict(score_image(truth, found.labels))


def _score_confluence(pair: ManifestRow, found: Found) -> Row:
    truth = read_mask(pair.mask, one_value=True)
    _check_shape(pair, truth, found)
    labels = found.labels
    if usable := pair.record.get("usable", "").strip():
        # What the truth itself cannot judge, the method need not.
        shown = read_mask(pair.path.parent / _beside(pair, usable), one_value=True)
        labels = np.where(shown > 0, labels, _UNUSABLE)
    return score_confluence(truth, labels if found.evaluated else None)


def _score_suspension(pair: ManifestRow, found: Found) -> Row:
    objects = found.objects
    centres = np.column_stack(
        [objects.get(f"centroid_{axis}_px", np.empty(0)) for axis in ("y", "x")]
    )
    live = np.asarray(objects.get("viability_class", np.empty(0, "U1")) == "live", bool)
    return score_suspension(_boxes_of(pair), centres, live)


def _check_shape(pair: ManifestRow, truth: NDArray[Any], found: Found) -> None:
    if truth.shape != found.labels.shape:
        raise ImageError(
            "mask_shape",
            f"{pair.mask_text} has shape {truth.shape} but its image has {found.labels.shape}: "
            "give the mask of this very image.",
        )


def _beside(pair: ManifestRow, name: str) -> Path:
    """A file that the manifest names, seen from the image's own folder."""
    depth = len(Path(pair.path_text).parent.parts)
    return Path(*[".."] * depth, name)


def _boxes_of(pair: ManifestRow) -> tuple[Box, ...]:
    """Boxes of an image: in the manifest's ``boxes``, else in boxes.csv near the image."""
    named = pair.record.get("boxes", "").strip()
    places = [pair.path.parent / _beside(pair, named)] if named else []
    places += [folder / "boxes.csv" for folder in (pair.path.parent, pair.path.parent.parent)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise ImageError("no_boxes", f"{pair.path_text}: no boxes.csv tells its true cells.")
    return _read_boxes(file.resolve()).get(pair.path_text, ())


@cache
def _read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    found: dict[str, list[Box]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line, record in enumerate(csv.DictReader(file), start=2):
            found.setdefault(str(record.get("path")), []).append(
                _box(record, f"{path} line {line}")
            )
    return {name: tuple(boxes) for name, boxes in found.items()}


def _box(record: Mapping[str, Any], where: str) -> Box:
    try:
        sides = [float(record[side]) for side in ("xmin", "ymin", "xmax", "ymax")]
    except (KeyError, TypeError, ValueError):
        sides = [math.nan]
    kind = record.get("class")
    if not all(map(math.isfinite, sides)) or kind not in ("live", "dead"):
        raise ConfigError(
            f"{where}: a box needs path, xmin, ymin, xmax, ymax in pixels and class live or dead."
        )
    xmin, ymin, xmax, ymax = sides
    return Box(xmin, ymin, xmax, ymax, kind == "live")


SCORERS = {
    "nuclei": Scorer(
        needs=("path", "mask"),
        figures=tuple(ImageScore.__dataclass_fields__),
        headings={
            "dataset": "dataset",
            "n_images": "images",
            "n_failed": "failed",
            "n_true": "true",
            "n_predicted": "found",
            "f1_iou50": "F1@0.5",
            "f1_iou70": "F1@0.7",
            "mean_matched_iou": "mean IoU",
            "median_absolute_count_error_percent": "count error %",
            "false_objects_on_empty": "on empty",
        },
        title="pooled over each dataset; count error: median of the images' absolute",
        score=_score_nuclei,
        pool=pool_scores,
    ),
    "confluence": Scorer(
        needs=("path", "mask"),
        figures=FIGURES,
        headings={
            "dataset": "dataset",
            "n_images": "images",
            "n_failed": "failed",
            "mean_absolute_error_points": "mean error",
            "largest_error_points": "largest",
            "mean_error_points": "bias",
            "spearman": "rank",
            "mean_cover_iou": "mean IoU",
        },
        title="errors in percentage points of the usable area; rank: Spearman's",
        score=_score_confluence,
        pool=pool_confluence,
    ),
    "suspension": Scorer(
        needs=("path",),
        figures=(
            "n_true_live",
            "n_true_dead",
            "n_found_live",
            "n_found_dead",
            "n_matched",
            "n_matched_class",
        ),
        headings={
            "dataset": "dataset",
            "n_images": "images",
            "n_failed": "failed",
            "n_true_live": "true live",
            "n_found_live": "found",
            "n_true_dead": "true dead",
            "n_found_dead": "found",
            "viability_error_points": "viability error",
            "f1_centre": "centre F1",
            "f1_centre_class": "with class",
        },
        title="pooled over each dataset; viability error in percentage points",
        score=_score_suspension,
        pool=pool_suspension,
    ),
}
