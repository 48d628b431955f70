"""Cuts by two ellipses, against the same fit pixel by pixel."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from monolayer_kernels.measure_runs import find_runs, sum_runs
from monolayer_kernels.objects import ellipse_scores, paint_runs
from monolayer_kernels.split import part_runs, propose_cuts

RNG = np.random.default_rng(11)
ROOT = np.sqrt(0.5)
STARTS = ((1, 0), (ROOT, ROOT), (ROOT, -ROOT))


def runs_of(mask: Any) -> Any:
    return find_runs(np.ascontiguousarray(mask, np.int32))


def cut_of(mask: Any) -> Any:
    """The two parts as a label image, and the cuts."""
    cuts = propose_cuts(runs_of(mask))
    return paint_runs(part_runs(cuts, cuts.found), mask.shape), cuts


def covariance(points: Any) -> Any:
    return np.cov(points.T, bias=True) + np.eye(2) / 12


def depth(points: Any, of: Any) -> Any:
    away = points - of.mean(0)
    return np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance(of)), away)


def join_strays(parts: Any) -> Any:
    for part in (1, 2):
        patches, n = ndimage.label(parts == part)
        if n > 1:
            largest = np.bincount(patches.ravel())[1:].argmax() + 1
            parts[(patches > 0) & (patches != largest)] = 3 - part
    return parts


def cut_slowly(mask: Any) -> float:
    """Best mean shape score of two parts, by the definition."""
    points = np.argwhere(mask).astype(float)
    _, vectors = np.linalg.eigh(covariance(points))
    best = 0.0
    for long, short in STARTS:
        line = long * vectors[:, 1] + short * vectors[::-1, 1] * (1, -1)
        first = (points - points.mean(0)) @ line <= 0
        for _ in range(12):
            if min(first.sum(), (~first).sum()) < 3:
                break
            now = depth(points, points[first]) <= depth(points, points[~first])
            if (now == first).all():
                break
            first = now
        parts = np.zeros(mask.shape, np.int32)
        parts[mask] = np.where(first, 1, 2)
        parts = join_strays(parts)
        areas = np.bincount(parts.ravel(), minlength=3)[1:]
        if areas.min() < 8:
            continue
        scores = ellipse_scores(sum_runs(find_runs(parts)))
        best = max(best, float(scores @ areas) / areas.sum())
    return best


def clump(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:50, :50]
    mask = np.zeros((50, 50), bool)
    for _ in range(rng.integers(2, 4)):
        cy, cx, angle = rng.uniform(17, 33), rng.uniform(17, 33), rng.uniform(0, 3)
        u = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)
        v = (x - cx) * np.cos(angle) - (y - cy) * np.sin(angle)
        mask |= (u / rng.uniform(5, 12)) ** 2 + (v / rng.uniform(5, 12)) ** 2 <= 1
    patches, _ = ndimage.label(mask)
    return patches == np.bincount(patches.ravel())[1:].argmax() + 1


def test_the_best_cut_is_as_good_as_one_found_pixel_by_pixel() -> None:
    masks = [clump(seed) for seed in range(25)]
    found = [propose_cuts(runs_of(mask)).parts_score[0] for mask in masks]
    # The first line runs along an axis whose sign is free, so a tie may end elsewhere.
    differences = np.abs(np.array(found) - [cut_slowly(mask) for mask in masks])
    assert np.median(differences) < 1e-9
    assert differences.max() < 0.03


def two_discs(gap: Any, radius: Any = 12, shape: Any = (50, 80)) -> Any:
    y, x = np.mgrid[: shape[0], : shape[1]]
    first = (y - 25) ** 2 + (x - 27) ** 2 < radius**2
    second = (y - 25) ** 2 + (x - 27 - gap) ** 2 < radius**2
    return first | second


@pytest.mark.parametrize("gap", [17, 20, 22])
def test_two_discs_are_cut_between_them(gap: Any) -> None:
    both = two_discs(gap)
    parts, cuts = cut_of(both)
    middle = 27 + gap / 2
    x = np.nonzero(parts == parts[25, 18])[1]
    assert np.abs(x.max() - middle) <= 1.5
    assert cuts.parts_score[0] > cuts.whole_score[0] + 0.04
    assert cuts.area[0] == both.sum()
    assert cuts.part_scores.min() > 0.95
    assert cuts.smaller_area[0] == np.bincount(parts.ravel())[1:].min()
    # The neck is the chord at the overlap, the minor axis about the diameter.
    chord = 2 * np.sqrt(144 - (gap / 2) ** 2)
    assert cuts.neck[0] == pytest.approx(chord / 24, abs=0.15)


def test_the_cut_turns_with_the_object() -> None:
    cuts, turned = propose_cuts(runs_of(two_discs(20))), propose_cuts(runs_of(two_discs(20).T))
    # Starts are tried in the object's own axes; a tie between pixels may fall differently.
    assert abs(turned.smaller_area - cuts.smaller_area)[0] <= 6
    assert turned.parts_score[0] == pytest.approx(cuts.parts_score[0], abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_parts_are_connected_and_cover_the_object(seed: int) -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random((60, 60)), 4)
    patches, _ = ndimage.label(smooth > np.median(smooth))
    one = patches == np.argmax(np.bincount(patches.ravel())[1:]) + 1
    parts, cuts = cut_of(one)
    assert cuts.found[0]
    np.testing.assert_array_equal(parts > 0, one)
    for part in (1, 2):
        assert ndimage.label(parts == part)[1] == 1


def test_several_objects_are_cut_as_each_alone() -> None:
    labels = np.zeros((50, 150), np.int32)
    for i in range(3):
        labels[:, 50 * i : 50 * i + 50][clump(i)] = i + 1
    together = propose_cuts(find_runs(labels))
    for i in range(3):
        alone = propose_cuts(runs_of(clump(i)))
        assert together.parts_score[i] == pytest.approx(alone.parts_score[0], rel=1e-12)
        assert together.smaller_area[i] == alone.smaller_area[0]
    chosen = paint_runs(part_runs(together, np.array([False, True, False])), labels.shape)
    np.testing.assert_array_equal(chosen > 0, labels == 2)


def test_specks_are_not_cut() -> None:
    cuts = propose_cuts(runs_of(np.ones((3, 5), bool)))
    assert not cuts.found.any()
    with pytest.raises(ValueError, match="0 cuts found"):
        part_runs(cuts, np.array([True]))
