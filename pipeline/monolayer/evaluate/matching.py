"""Pair the objects of two label images, one to one, by intersection over union.

1. `count_overlaps` walks over the pixels once and lists the pairs of labels that share any.
2. `match_labels` keeps the pairs at or above the threshold and, where an object has more than
   one candidate, chooses as many pairs as possible and, among those, the largest sum of IoU.

The trick: along a row the pair (truth, predicted) rarely changes, so pixels become runs before
anything is sorted.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["Matches", "Overlaps", "count_overlaps", "match_labels"]


@dataclass(frozen=True)
class Overlaps:
    """Which objects of two label images share pixels.

    Attributes
    ----------
    true_labels, predicted_labels : ndarray of int64, shapes (n_true,) and (n_predicted,)
        Labels present, ascending.
    true_index, predicted_index : ndarray of intp, shape (n_pairs,)
        Positions in the two arrays above of each pair that shares pixels.
    iou : ndarray of float64, shape (n_pairs,)
        Shared pixels over pixels of either.
    """

    true_labels: NDArray[np.int64]
    predicted_labels: NDArray[np.int64]
    true_index: NDArray[np.intp]
    predicted_index: NDArray[np.intp]
    iou: NDArray[np.float64]


@dataclass(frozen=True)
class Matches:
    """Objects of two label images paired at one IoU threshold.

    Attributes
    ----------
    threshold : float
        IoU that a pair must reach.
    n_true, n_predicted : int
        Objects in either image.
    true_labels, predicted_labels : ndarray of int64, shape (n_matched,)
        Labels of each pair, ascending in the truth's.
    iou : ndarray of float64, shape (n_matched,)
        Of each pair.
    """

    threshold: float
    n_true: int
    n_predicted: int
    true_labels: NDArray[np.int64]
    predicted_labels: NDArray[np.int64]
    iou: NDArray[np.float64]

    @cached_property
    def true_positives(self) -> int:
        """Pairs."""
        return len(self.iou)

    @property
    def false_positives(self) -> int:
        """Predicted objects without a partner."""
        return self.n_predicted - self.true_positives

    @property
    def false_negatives(self) -> int:
        """True objects without a partner."""
        return self.n_true - self.true_positives

    @property
    def precision(self) -> float | None:
        """Share of the predicted objects that are true; None where nothing was predicted."""
        return self.true_positives / self.n_predicted if self.n_predicted else None

    @property
    def recall(self) -> float | None:
        """Share of the true objects that were found; None where there are none."""
        return self.true_positives / self.n_true if self.n_true else None

    @property
    def mean_matched_iou(self) -> float | None:
        """Mean IoU of the pairs; None where there is no pair."""
        return float(self.iou.mean()) if self.true_positives else None


def count_overlaps(truth: NDArray[Any], predicted: NDArray[Any]) -> Overlaps:
    """List the pairs of labels that share pixels, with their IoU.

    Parameters
    ----------
    truth, predicted : ndarray of integer, shape (H, W)
        Label images, 0 for background. Labels need not be consecutive.

    Raises
    ------
    TypeError
        An image does not hold integers.
    ValueError
        The shapes differ or an image holds a negative label.
    """
    _check_labels(truth, predicted)
    base = int(predicted.max(initial=0)) + 1
    codes, pixels = _count_codes(truth.astype(np.int64).ravel() * base + predicted.ravel())
    in_truth, in_predicted = codes // base, codes % base
    true_labels, true_index, true_area = _group(in_truth, pixels)
    predicted_labels, predicted_index, predicted_area = _group(in_predicted, pixels)
    both = (in_truth > 0) & (in_predicted > 0)
    i, j, shared = true_index[both], predicted_index[both], pixels[both]
    iou = shared / (true_area[i] + predicted_area[j] - shared)
    return Overlaps(true_labels, predicted_labels, i, j, iou)


def match_labels(
    truth: NDArray[Any] | Overlaps, predicted: NDArray[Any] | None = None, iou: float = 0.5
) -> Matches:
    """Pair true and predicted objects one to one.

    A pair counts if its IoU is at least the threshold. Above 0.5 no object has two candidates;
    at 0.5 and below the assignment has the most pairs and, among those, the largest sum of IoU.

    Parameters
    ----------
    truth : ndarray of integer, shape (H, W), or Overlaps
        True label image; or what `count_overlaps` made of both images, to try several
        thresholds for one pass over the pixels.
    predicted : ndarray of integer, shape (H, W), optional
        Predicted label image; absent where `truth` is an `Overlaps`.
    iou : float
        Threshold, above 0 and at most 1.

    Raises
    ------
    ValueError
        The threshold is out of range, or see `count_overlaps`.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou is {iou}: give a threshold above 0 and at most 1.")
    if isinstance(truth, Overlaps):
        overlaps = truth
    elif predicted is None:
        raise TypeError("predicted is missing: give both label images, or the Overlaps of both.")
    else:
        overlaps = count_overlaps(truth, predicted)
    chosen = _assign(overlaps, np.flatnonzero(overlaps.iou >= iou))
    return Matches(
        iou,
        len(overlaps.true_labels),
        len(overlaps.predicted_labels),
        overlaps.true_labels[overlaps.true_index[chosen]],
        overlaps.predicted_labels[overlaps.predicted_index[chosen]],
        overlaps.iou[chosen],
    )


def _check_labels(truth: NDArray[Any], predicted: NDArray[Any]) -> None:
    for name, labels in (("truth", truth), ("predicted", predicted)):
        if labels.dtype.kind not in "iu":
            raise TypeError(f"{name} holds {labels.dtype}: label images hold integers.")
        if labels.dtype.kind == "i" and labels.min(initial=0) < 0:
            raise ValueError(f"{name} holds {labels.min()}: labels start at 1, background is 0.")
    if truth.shape != predicted.shape:
        raise ValueError(
            f"truth has shape {truth.shape} and predicted {predicted.shape}: "
            "both must show the same field at the same scale."
        )


def _count_codes(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct codes, ascending, and how many pixels hold each."""
    if not codes.size:
        return codes, codes
    starts = np.concatenate(([0], np.flatnonzero(codes[1:] != codes[:-1]) + 1))
    lengths = np.diff(starts, append=codes.size)
    distinct, of_run = np.unique(codes[starts], return_inverse=True)
    return distinct, _sum_by(of_run, lengths, len(distinct))


def _group(
    labels: NDArray[np.int64], pixels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.int64]]:
    """Labels above 0, the position of each entry among them (-1 for background), and areas."""
    distinct, index = np.unique(labels, return_inverse=True)
    area = _sum_by(index, pixels, len(distinct))
    background = int(len(distinct) > 0 and distinct[0] == 0)
    return distinct[background:], index - background, area[background:]


def _sum_by(index: NDArray[np.intp], values: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    total = np.zeros(size, np.int64)
    np.add.at(total, index, values)
    return total


def _assign(overlaps: Overlaps, candidates: NDArray[np.intp]) -> NDArray[np.intp]:
    """Positions of the chosen pairs, each object at most once."""
    i, j = overlaps.true_index[candidates], overlaps.predicted_index[candidates]
    rows, row = np.unique(i, return_inverse=True)
    columns, column = np.unique(j, return_inverse=True)
    if len(rows) == len(columns) == len(candidates):
        return candidates
    # A pair's gain of 1 + IoU/size lets no sum of IoU outweigh one more pair.
    position = np.full((len(rows), len(columns)), -1)
    position[row, column] = candidates
    gain = np.zeros(position.shape)
    gain[row, column] = 1 + overlaps.iou[candidates] / (len(rows) + len(columns))
    chosen = position[linear_sum_assignment(gain, maximize=True)]
    return np.sort(chosen[chosen >= 0])
