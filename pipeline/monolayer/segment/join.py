"""Joining parts of one nucleus that the tree of levels took for several.

Above the saddle to a touching neighbour a nucleus may exist only as its own bright spots, and
three spots outvote the pair. Grown to their outlines the spots touch along long seams that are
no darker than they are, and they are equally bright: that tells them from neighbours. The
weights are a logistic regression on the touching parts found in three laboratories' images,
rounded; fitted on any two of them it held on the third, and on simulated clumps. (The shape of
the union added nothing: of three spots no two make an ellipse.)
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.contrast import Contrast
from monolayer.segment.detect import circle_area
from monolayer_kernels.contact import Contacts, group_contacts, label_contacts
from monolayer_kernels.measure_runs import Runs, sum_runs
from monolayer_kernels.objects import run_means

__all__ = ["join_parts", "seam_evidence"]

# Joined at odds of two to one: of the two mistakes, parts can still be joined in review.
_DOUBT = 0.7


def join_parts(
    labels: NDArray[np.int32], objects: Runs, contrast: Contrast, diameter: float
) -> NDArray[np.int64]:
    """Which object each becomes, 0 to m - 1, when touching parts of one nucleus are joined.

    The pairs that fit best are joined first, each part to one other at a time, until none fits.

    Parameters
    ----------
    labels : ndarray (H, W) int32
    objects : Runs
        The same objects, all labels present.
    contrast : Contrast
        What they were outlined in.
    diameter : float
        Typical diameter of a nucleus, pixels of that plane.
    """
    count = objects.label.size
    contacts = label_contacts(labels, contrast.height)
    names = np.arange(count + 1)
    areas, means = sum_runs(objects).moments[:, 0], run_means(objects, contrast.height)
    # One row a label, the background's first.
    areas = np.append(1, areas)
    light = np.append(1.0, means) * areas.astype(np.float64)
    while len(contacts.pairs):
        odds = seam_evidence(contacts, areas, light, diameter)
        first, second = contacts.pairs[_best_for_both(contacts.pairs, odds, count)].T
        if not len(first):
            break
        areas[first] += areas[second]
        light[first] += light[second]
        step = np.arange(count + 1)
        step[second] = first
        names = step[names]
        contacts = group_contacts(contacts._replace(pairs=step[contacts.pairs]))
    _, joined = np.unique(names[1:], return_inverse=True)
    return joined.astype(np.int64, copy=False)


def seam_evidence(
    contacts: Contacts, areas: NDArray[np.int64], light: NDArray[np.float64], diameter: float
) -> NDArray[np.float64]:
    """Log odds that touching parts are two nuclei, rounded so that no last bit decides.

    Parameters
    ----------
    contacts : Contacts
    areas, light : ndarray (n + 1,)
        Pixels of each label and their sum of heights.
    diameter : float
        Typical diameter of a nucleus, pixels.
    """
    pair_areas, heights = areas[contacts.pairs], (light / areas)[contacts.pairs]
    smaller = pair_areas.min(axis=1)
    dimmer = np.maximum(heights.min(axis=1), 1e-6)
    typical = circle_area(diameter)
    seam = contacts.faces / (2 * np.sqrt(smaller / np.pi))
    depth = np.clip(contacts.light / contacts.faces / dimmer, 0.3, 1.2)
    unlike = np.log2(np.minimum(heights.max(axis=1) / dimmer, 8.0))
    size = 0.8 * np.log2(np.maximum(smaller / typical, 0.05))
    size += np.log2(np.clip(pair_areas.sum(axis=1) / typical, 0.25, 4.0))
    odds: NDArray[np.float64] = np.round(7.1 - 6.4 * depth - seam + 5.6 * unlike + size, 6)
    return odds


def _best_for_both(
    pairs: NDArray[np.int64], odds: NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """Pairs to join that are the likeliest of both their parts'; of equals the first."""
    rank = np.empty(len(odds), dtype=np.int64)
    rank[np.argsort(odds, kind="stable")] = np.arange(len(odds))
    best = np.full(count + 1, len(odds))
    np.minimum.at(best, pairs[:, 0], rank)
    np.minimum.at(best, pairs[:, 1], rank)
    mutual = (best[pairs] == rank[:, None]).all(axis=1)
    return np.flatnonzero(mutual & (odds < -_DOUBT))
