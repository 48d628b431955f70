"""Hold confluence against truth masks: errors in points, overlap, and rank.

Rank (Spearman's) says whether a method would pick the fuller vessel; the error says whether its
number can be compared with a limit. A method can have the one without the other.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FIGURES", "pool_confluence", "score_confluence", "spearman"]

Row = dict[str, Any]

_UNUSABLE = 2


def score_confluence(truth: NDArray[Any], labels: NDArray[Any] | None) -> Row:
    """Score one image.

    Parameters
    ----------
    truth : ndarray of integer, shape (H, W)
        Objects or a mask; 0 where nothing covers.
    labels : ndarray of integer, shape (H, W), or None
        0 bare, 1 covered, 2 not usable; None where the image was not evaluated.

    Returns
    -------
    dict
        ``true_confluence`` (of the whole image), ``true_usable_confluence`` (of what the method
        calls usable), ``confluence``, ``error_points`` (against the latter, in percent points),
        ``error_whole_points``, ``cover_iou`` (intersection over union of the covered pixels) and
        ``usable_fraction``; None where it cannot be said.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    whole = np.count_nonzero(truth) / truth.size
    if labels is None:
        return dict.fromkeys(FIGURES) | {"true_confluence": whole}
    if truth.shape != labels.shape:
        raise ValueError(f"truth has shape {truth.shape} but the labels have {labels.shape}")
    usable = labels != _UNUSABLE
    n = int(np.count_nonzero(usable))
    real, found = (truth != 0) & usable, labels == 1
    either = int(np.count_nonzero(real | found))
    share = np.count_nonzero(found) / n if n else None
    fair = np.count_nonzero(real) / n if n else None
    return {
        "true_confluence": whole,
        "true_usable_confluence": fair,
        "confluence": share,
        "error_points": None if share is None or fair is None else 100 * (share - fair),
        "error_whole_points": None if share is None else 100 * (share - whole),
        "cover_iou": int(np.count_nonzero(real & found)) / either if either else None,
        "usable_fraction": n / truth.size,
    }


FIGURES = (
    "true_confluence",
    "true_usable_confluence",
    "confluence",
    "error_points",
    "error_whole_points",
    "cover_iou",
    "usable_fraction",
)


def pool_confluence(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Pool the rows of images over each ``dataset``, in order of first appearance.

    Returns
    -------
    list of dict
        ``dataset, n_images, n_failed``, mean absolute, greatest and mean error in points,
        ``spearman`` between true and found confluence and the mean ``cover_iou``; None where no
        image could be scored.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["dataset"]), []).append(row)
    return [_pool(dataset, group) for dataset, group in groups.items()]


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation; equal values share their mean rank. None without variation.

    Spearman (1904), American Journal of Psychology 15:72.

    Raises
    ------
    ValueError
        Lengths that differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values and {len(second)} values cannot be paired")
    a, b = _ranks(first), _ranks(second)
    spread = math.sqrt(float((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else None


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks about their mean."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return np.asarray(ranks - (len(values) + 1) / 2, dtype=np.float64)


def _pool(dataset: str, group: Sequence[Mapping[str, Any]]) -> Row:
    scored = [row for row in group if row.get("error_points") is not None]
    errors = [float(row["error_points"]) for row in scored]
    overlaps = [float(row["cover_iou"]) for row in scored if row["cover_iou"] is not None]
    true = [float(row["true_usable_confluence"]) for row in scored]
    return {
        "dataset": dataset,
        "n_images": len(group),
        "n_failed": len(group) - len(scored),
        "mean_absolute_error_points": fmean(map(abs, errors)) if errors else None,
        "largest_error_points": max(map(abs, errors), default=None),
        "mean_error_points": fmean(errors) if errors else None,
        "spearman": spearman(true, [float(row["confluence"]) for row in scored]),
        "mean_cover_iou": fmean(overlaps) if overlaps else None,
    }
