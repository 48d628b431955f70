"""Figures of merit of one image, and pooled over each dataset.

Pooling sums the objects of all images before it divides, so an image weighs by its objects;
count errors are summed up image by image, so there an image weighs one. An image without true
objects has no count error in percent (null, not 0): its false objects are counted by themselves.
An image that could not be scored is counted and enters no sum; where none could be, every figure
is null, as an empty sum would read as a perfect score.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.evaluate.manifest import ManifestRow, read_mask
from monolayer.evaluate.matching import Matches, count_overlaps, match_labels

__all__ = ["ImageScore", "evaluate_pairs", "f1_score", "pool_scores", "score_image", "score_pair"]

Row = dict[str, Any]

COUNTS = (
    "n_true",
    "n_predicted",
    "true_positives_iou50",
    "false_positives_iou50",
    "false_negatives_iou50",
    "true_positives_iou70",
    "false_positives_iou70",
    "false_negatives_iou70",
)


@dataclass(frozen=True)
class ImageScore:
    """How one image's predicted objects agree with the true ones.

    Attributes
    ----------
    n_true, n_predicted : int
        Objects in either label image.
    true_positives_iou50, false_positives_iou50, false_negatives_iou50 : int
        Pairs, and objects without a partner, at IoU >= 0.5; ``_iou70`` at IoU >= 0.7.
    f1_iou50, f1_iou70 : float
        2 TP / (2 TP + FP + FN); 1 where both images are empty.
    mean_matched_iou : float or None
        Mean IoU of the pairs at 0.5; None where there is no pair.
    count_error_percent : float or None
        100 (predicted - true) / true; None where there is no true object.
    """

    n_true: int
    n_predicted: int
    true_positives_iou50: int
    false_positives_iou50: int
    false_negatives_iou50: int
    f1_iou50: float
    true_positives_iou70: int
    false_positives_iou70: int
    false_negatives_iou70: int
    f1_iou70: float
    mean_matched_iou: float | None
    count_error_percent: float | None


def f1_score(true_positives: int, false_positives: int, false_negatives: int) -> float:
    """Harmonic mean of precision and recall; 1 where there was nothing to find or to miss."""
    objects = 2 * true_positives + false_positives + false_negatives
    return 2 * true_positives / objects if objects else 1.0


def score_image(truth: NDArray[Any], predicted: NDArray[Any]) -> ImageScore:
    """Score one image.

    Parameters
    ----------
    truth, predicted : ndarray of integer, shape (H, W)
        Label images, 0 for background; labels need not be consecutive.

    Raises
    ------
    TypeError, ValueError
        As `count_overlaps`.
    """
    overlaps = count_overlaps(truth, predicted)
    loose, strict = match_labels(overlaps, iou=0.5), match_labels(overlaps, iou=0.7)
    return ImageScore(
        n_true=loose.n_true,
        n_predicted=loose.n_predicted,
        true_positives_iou50=loose.true_positives,
        false_positives_iou50=loose.false_positives,
        false_negatives_iou50=loose.false_negatives,
        f1_iou50=_f1(loose),
        true_positives_iou70=strict.true_positives,
        false_positives_iou70=strict.false_positives,
        false_negatives_iou70=strict.false_negatives,
        f1_iou70=_f1(strict),
        mean_matched_iou=loose.mean_matched_iou,
        count_error_percent=_count_error_percent(loose.n_true, loose.n_predicted),
    )


def evaluate_pairs(
    pairs: Iterable[ManifestRow],
    segment: Callable[[ManifestRow], NDArray[Any]],
    read_truth: Callable[[ManifestRow], NDArray[Any]] | None = None,
) -> list[Row]:
    """Score each image against its mask: one row an image, in the order given.

    Parameters
    ----------
    pairs : iterable of ManifestRow
        Images with their masks.
    segment : callable
        Makes the predicted label image, shape (H, W), of a row.
    read_truth : callable, optional
        Makes the true label image of a row; `read_mask` of its mask where absent.

    Returns
    -------
    list of dict
        ``dataset, path, mask, state, reason, detail`` and the fields of `ImageScore`, which are
        None where ``state`` is ``failed``: an image or a mask that cannot be used costs its row.
    """
    return [score_pair(pair, segment, read_truth) for pair in pairs]


def score_pair(
    pair: ManifestRow,
    segment: Callable[[ManifestRow], NDArray[Any]],
    read_truth: Callable[[ManifestRow], NDArray[Any]] | None = None,
) -> Row:
    """One row of `evaluate_pairs`, for callers that show progress or share the work."""
    row: Row = {"dataset": pair.dataset, "path": pair.path_text, "mask": pair.mask_text}
    try:
        truth, predicted = (read_truth or _truth_of)(pair), segment(pair)
        _check_shapes(pair, truth, predicted)
    except ImageError as error:
        nothing = dict.fromkeys(ImageScore.__dataclass_fields__)
        return row | {"state": "failed", "reason": error.reason, "detail": error.detail} | nothing
    score = asdict(score_image(truth, predicted))
    return row | {"state": "ok", "reason": None, "detail": None} | score


def pool_scores(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Pool the rows of `evaluate_pairs` over each dataset, in order of first appearance.

    Returns
    -------
    list of dict
        ``dataset, n_images, n_failed``, the summed counts, pooled ``precision``, ``recall`` and
        ``f1`` at IoU 0.5 and 0.7, ``mean_matched_iou`` over all pairs, the median and the mean
        over images of the absolute count error in percent, ``count_error_percent`` of the sums,
        ``n_empty_images`` and ``false_objects_on_empty``; all but the first three None where no
        image of the dataset could be scored.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["dataset"]), []).append(row)
    return [_pool(dataset, group) for dataset, group in groups.items()]


def _f1(matches: Matches) -> float:
    return f1_score(matches.true_positives, matches.false_positives, matches.false_negatives)


def _count_error_percent(n_true: int, n_predicted: int) -> float | None:
    return 100 * (n_predicted - n_true) / n_true if n_true else None


def _truth_of(pair: ManifestRow) -> NDArray[Any]:
    return read_mask(pair.mask)


def _check_shapes(pair: ManifestRow, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
    if truth.shape != predicted.shape:
        raise ImageError(
            "mask_shape",
            f"{pair.mask_text} has shape {truth.shape} but its image has {predicted.shape}: "
            "give the mask of this very image.",
        )


def _pool(dataset: str, group: Sequence[Mapping[str, Any]]) -> Row:
    scored = [row for row in group if row["state"] == "ok"]
    images = {"dataset": dataset, "n_images": len(group), "n_failed": len(group) - len(scored)}
    return images | (_figures(scored) if scored else dict.fromkeys(_figures([])))


def _figures(scored: Sequence[Mapping[str, Any]]) -> Row:
    total = {name: sum(int(row[name]) for row in scored) for name in COUNTS}
    errors = [abs(e) for row in scored if (e := row["count_error_percent"]) is not None]
    empty = [row for row in scored if row["n_true"] == 0]
    return {
        **total,
        **_rates(total, "iou50"),
        **_rates(total, "iou70"),
        "mean_matched_iou": _mean_matched_iou(scored),
        "count_error_percent": _count_error_percent(total["n_true"], total["n_predicted"]),
        "median_absolute_count_error_percent": median(errors) if errors else None,
        "mean_absolute_count_error_percent": fmean(errors) if errors else None,
        "n_empty_images": len(empty),
        "false_objects_on_empty": sum(int(row["n_predicted"]) for row in empty),
    }


def _rates(total: Mapping[str, int], at: str) -> Row:
    tp = total[f"true_positives_{at}"]
    fp, fn = total[f"false_positives_{at}"], total[f"false_negatives_{at}"]
    return {
        f"precision_{at}": tp / (tp + fp) if tp + fp else None,
        f"recall_{at}": tp / (tp + fn) if tp + fn else None,
        f"f1_{at}": f1_score(tp, fp, fn),
    }


def _mean_matched_iou(scored: Sequence[Mapping[str, Any]]) -> float | None:
    matched = [row for row in scored if row["mean_matched_iou"] is not None]
    pairs = sum(int(row["true_positives_iou50"]) for row in matched)
    total = sum(row["mean_matched_iou"] * row["true_positives_iou50"] for row in matched)
    return float(total / pairs) if pairs else None
