"""Radial profiles: the slow one beside it, discs drawn for it, rotations."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer_kernels.measure_rings import moment_ellipses, ring_means
from monolayer_kernels.measure_runs import find_runs, sum_runs


def means_of(
    labels: NDArray[np.int32], image: NDArray[np.float32], rings: int
) -> NDArray[np.float64]:
    runs = find_runs(np.ascontiguousarray(labels))
    return ring_means(runs, moment_ellipses(sum_runs(runs)), image, rings)


def slow_means(
    labels: NDArray[np.int32], image: NDArray[np.float32], rings: int
) -> NDArray[np.float64]:
    out = []
    for label in np.unique(labels[labels > 0]):
        place = np.argwhere(labels == label).astype(float)
        apart = place - place.mean(axis=0)
        inverse = np.linalg.inv(4 * (apart.T @ apart / len(place) + np.eye(2) / 12))
        radius = np.sqrt(np.einsum("ni,ij,nj->n", apart, inverse, apart))
        ring = np.minimum((radius * rings).astype(int), rings - 1)
        values = image[labels == label]
        row = [values[ring == r].mean() if (ring == r).any() else np.nan for r in range(rings)]
        known = [value for value in row if not np.isnan(value)]
        for r in range(rings):
            row[r] = (row[r - 1] if r else known[0]) if np.isnan(row[r]) else row[r]
        out.append(row)
    return np.array(out)


def blobs() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    y, x = np.mgrid[:60, :70]
    labels = np.zeros((60, 70), np.int32)
    labels[np.hypot(y - 20, x - 18) < 11] = 1
    labels[np.hypot((y - 40) / 2, x - 50) < 7] = 2
    labels[2, 40:60] = 3
    labels[30, 5] = 4
    labels[50:52, 5:7] = 5
    return labels, np.random.default_rng(0).normal(0, 1, (60, 70)).astype(np.float32)


@pytest.mark.parametrize("rings", [2, 4, 7])
def test_equal_to_the_slow_profile(rings: int) -> None:
    labels, image = blobs()
    expected = slow_means(labels, image, rings)
    np.testing.assert_allclose(means_of(labels, image, rings), expected, rtol=1e-6, atol=1e-7)


def test_one_ring_is_the_mean() -> None:
    labels, image = blobs()
    expected = [image[labels == k].mean(dtype=float) for k in range(1, 6)]
    np.testing.assert_allclose(means_of(labels, image, 1)[:, 0], expected, rtol=1e-6)


def test_a_lens_is_bright_within_and_dark_without_however_it_is_turned() -> None:
    y, x = np.mgrid[:41, :61]
    r = np.hypot((y - 20) / 12, (x - 30) / 24)
    labels = (r < 1).astype(np.int32)
    image = np.where(r < 0.45, 1, -1).astype(np.float32)
    means = means_of(labels, image, 4)
    assert means[0, 0] == 1
    assert means[0, 2] == means[0, 3] == -1
    turned = means_of(np.rot90(labels), np.ascontiguousarray(np.rot90(image)), 4)
    np.testing.assert_allclose(turned, means, rtol=1e-12)


def test_a_ring_is_as_wide_as_the_others() -> None:
    """A quarter of the radius holds a sixteenth of the area."""
    y, x = np.mgrid[:201, :201]
    r = np.hypot(y - 100, x - 100)
    labels = (r < 90).astype(np.int32)
    image = np.where(r < 22.5, 1, 0).astype(np.float32)
    assert means_of(labels, image, 4)[0] == pytest.approx([1, 0, 0, 0], abs=0.01)


def test_no_object() -> None:
    labels = np.zeros((4, 4), np.int32)
    assert means_of(labels, np.zeros((4, 4), np.float32), 4).shape == (0, 4)


def test_another_ellipse_than_its_own() -> None:
    """A disc that the border halves, about the centre it would have whole."""
    y, x = np.mgrid[:41, :41]
    r = np.hypot(y - 20, x - 0)
    labels = (r < 16).astype(np.int32)
    image = np.where(r < 4, 1, 0).astype(np.float32)
    runs = find_runs(labels)
    circle = np.array([[20.0, 0.0, 1 / 256, 1 / 256, 0.0]])
    assert ring_means(runs, circle, image, 4)[0].tolist() == [1, 0, 0, 0]
    assert means_of(labels, image, 4)[0, 0] < 0.5


def test_bad_calls() -> None:
    labels, image = blobs()
    runs = find_runs(labels)
    ellipses = moment_ellipses(sum_runs(runs))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        ring_means(runs, ellipses, image, 0)
    wide: Any = image.astype(np.float64)
    with pytest.raises(TypeError, match="not 2-D float64"):
        ring_means(runs, ellipses, wide, 4)
    with pytest.raises(ValueError, match=r"5 x 5, not of shape \(2, 5\)"):
        ring_means(runs, ellipses[:2], image, 4)
    with pytest.raises(ValueError, match=r"shape \(40, 70\), but objects reach"):
        ring_means(runs, ellipses, image[:40], 4)
