"""Hu's moments and filled areas against scikit-image, closed forms and invariances."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from skimage.measure import regionprops_table as _regionprops_table

from monolayer_kernels.measure_runs import MAX_SIDE_PX, Runs, find_runs, sum_runs
from monolayer_kernels.shape_fill import fill_areas
from monolayer_kernels.shape_hu import measure_hu

Labels = NDArray[np.int32]
# scikit-image carries no types.
regionprops_table: Any = _regionprops_table
small_labels = arrays(
    np.int32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2)
)


def hu(labels: Labels) -> NDArray[np.float64]:
    runs = find_runs(np.ascontiguousarray(labels))
    return np.stack(list(measure_hu(runs, sum_runs(runs)).values()))


def filled(labels: Labels) -> NDArray[np.int64]:
    runs = find_runs(np.ascontiguousarray(labels))
    return fill_areas(runs, sum_runs(runs))


def noise(seed: int) -> Labels:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 40, 2))
    labels = rng.integers(1, 2 + seed % 3, shape) * (rng.random(shape) < (0.3, 0.7, 0.9)[seed % 3])
    labels[0, 0] = 1
    return labels.astype(np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_noise_equals_scikit_image(seed: int) -> None:
    labels = noise(seed)
    table = regionprops_table(labels, properties=["area_filled", "moments_hu"])
    expected = [table[f"moments_hu-{i}"] for i in range(7)]
    np.testing.assert_allclose(hu(labels), expected, rtol=1e-9, atol=1e-13)
    assert np.array_equal(filled(labels), table["area_filled"])


@settings(deadline=None, max_examples=80)
@given(small_labels)
def test_any_labels_fill_as_in_scikit_image(labels: Labels) -> None:
    if labels.any():
        table = regionprops_table(labels, properties=["area_filled"])
        assert np.array_equal(filled(labels), table["area_filled"])


@pytest.mark.parametrize(
    ("rows", "area"),
    [
        (["111", "101", "111"], 9),
        (["110", "101", "111"], 7),  # open at a corner
        (["11111", "10001", "10101", "10001", "11111"], 25),  # an island in the hole
        (["11111", "10101", "11111"], 15),
        (["1111", "1001", "1101"], 9),  # open below
        (["1111", "1011", "1101", "1111"], 16),  # two holes that touch by a corner
        (["101"], 2),
    ],
)
def test_holes_by_hand(rows: list[str], area: int) -> None:
    labels = np.array([[int(pixel) for pixel in row] for row in rows], np.int32)
    assert filled(labels).tolist() == [area]


@settings(deadline=None, max_examples=40)
@given(small_labels)
def test_turning_changes_no_moment_but_the_mirrors_sign(labels: Labels) -> None:
    first = hu(labels)
    np.testing.assert_allclose(hu(np.rot90(labels)), first, rtol=1e-9, atol=1e-13)
    first[6] *= -1
    np.testing.assert_allclose(hu(labels.T), first, rtol=1e-9, atol=1e-13)


def power_sum(n: int, power: int) -> int:
    """Sum of k**power for k below n, exactly."""
    if power == 1:
        return n * (n - 1) // 2
    if power == 2:
        return (n - 1) * n * (2 * n - 1) // 6
    return (n * (n - 1) // 2) ** 2


def triangle_hu(side: int) -> list[float]:
    """Hu's moments of rows of 1, 2, ... side pixels, in exact fractions up to the last root."""
    k = range(1, side + 1)
    raw = {
        (p, q): sum((m - 1) ** p * (m if q == 0 else power_sum(m, q)) for m in k)
        for p in range(4)
        for q in range(4 - p)
    }
    n = raw[0, 0]
    ty, tx = Fraction(raw[1, 0], n), Fraction(raw[0, 1], n)
    nu = {
        (2, 0): raw[2, 0] - n * ty**2,
        (0, 2): raw[0, 2] - n * tx**2,
        (1, 1): raw[1, 1] - n * ty * tx,
        (3, 0): raw[3, 0] - 3 * ty * raw[2, 0] + 2 * n * ty**3,
        (0, 3): raw[0, 3] - 3 * tx * raw[0, 2] + 2 * n * tx**3,
        (2, 1): raw[2, 1] - 2 * ty * raw[1, 1] - tx * raw[2, 0] + 2 * n * ty**2 * tx,
        (1, 2): raw[1, 2] - 2 * tx * raw[1, 1] - ty * raw[0, 2] + 2 * n * tx**2 * ty,
    }
    scaled = {key: value / Fraction(n) ** 2 for key, value in nu.items()}
    p, q = scaled[3, 0] + scaled[1, 2], scaled[2, 1] + scaled[0, 3]
    u, v = scaled[3, 0] - 3 * scaled[1, 2], 3 * scaled[2, 1] - scaled[0, 3]
    spread, cross = scaled[2, 0] + scaled[0, 2], scaled[2, 0] - scaled[0, 2]
    return [
        float(spread),
        float(cross**2 + 4 * scaled[1, 1] ** 2),
        float((u**2 + v**2) / n),
        float((p**2 + q**2) / n),
    ]


@pytest.mark.parametrize("side", [5, 1000, 30_000, MAX_SIDE_PX])
def test_a_triangle_of_any_size_keeps_its_moments(side: int) -> None:
    """Its third-order sums pass int64 from about 10,000 pixels a side."""
    row = np.arange(side, dtype=np.int32)
    runs = Runs(np.array([1], np.int32), np.array([0, side]), row, row * 0, row + 1)
    found = np.stack(list(measure_hu(runs, sum_runs(runs)).values()))[:, 0]
    np.testing.assert_allclose(found[:4], triangle_hu(side), rtol=1e-9, atol=1e-25)


@pytest.mark.parametrize("side", [3, 30_000, MAX_SIDE_PX])
def test_a_square_of_any_size_has_one_moment(side: int) -> None:
    row = np.arange(side, dtype=np.int32)
    runs = Runs(np.array([1], np.int32), np.array([0, side]), row, row * 0, row * 0 + side)
    found = np.stack(list(measure_hu(runs, sum_runs(runs)).values()))[:, 0]
    assert found[0] == pytest.approx((1 - 1 / side**2) / 6, rel=1e-14)
    np.testing.assert_allclose(found[1:], 0, atol=1e-25)


def test_no_object_gives_empty_columns() -> None:
    labels = np.zeros((3, 3), np.int32)
    assert hu(labels).shape == (7, 0)
    assert filled(labels).shape == (0,)
