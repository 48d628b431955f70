"""Shapes from runs against scikit-image, hand-computed cases and invariances."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from skimage.measure import regionprops_table as _regionprops_table
from skimage.morphology import convex_hull_image as _convex_hull_image

from monolayer_kernels.measure_runs import MAX_SIDE_PX, Runs, find_runs, sum_runs
from monolayer_kernels.shape import measure_axes, measure_extents, measure_outline
from monolayer_kernels.shape_border import find_border, measure_perimeters
from monolayer_kernels.shape_hull import measure_hulls

Labels = NDArray[np.int32]
# scikit-image carries no types.
regionprops_table: Any = _regionprops_table
convex_hull_image: Any = _convex_hull_image
INTEGER = {
    "area": "area_px",
    "area_bbox": "area_bbox_px",
    "area_convex": "area_convex_px",
    "euler_number": "euler_number",
    "bbox-0": "bbox_min_y_px",
    "bbox-1": "bbox_min_x_px",
    "bbox-2": "bbox_max_y_px",
    "bbox-3": "bbox_max_x_px",
}
REAL = {
    "centroid-0": "centroid_y_px",
    "centroid-1": "centroid_x_px",
    "extent": "extent",
    "solidity": "solidity",
    "equivalent_diameter_area": "equivalent_diameter_area_px",
    "perimeter": "perimeter_px",
    "perimeter_crofton": "perimeter_crofton_px",
    "feret_diameter_max": "feret_diameter_max_px",
    "axis_major_length": "axis_major_length_px",
    "inertia_tensor_eigvals-0": "inertia_tensor_eigvals_0_px2",
}
small_labels = arrays(
    np.int32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)
)


def shapes(labels: Labels) -> dict[str, Any]:
    runs = find_runs(np.ascontiguousarray(labels))
    sums = sum_runs(runs)
    perimeter = measure_perimeters(runs, sums)
    assert np.array_equal(perimeter, find_border(runs, sums).perimeter_px)
    hulls, extents = measure_hulls(runs), measure_extents(sums)
    return {
        "label": runs.label,
        **extents,
        **measure_axes(sums),
        **measure_outline(sums, np.diff(runs.first)),
        **hulls,
        "solidity": extents["area_px"] / hulls["area_convex_px"],
        "perimeter_px": perimeter,
    }


def reference(labels: Labels) -> dict[str, Any]:
    names = {name.split("-")[0] for name in (*INTEGER, *REAL)}
    properties = ["label", "orientation", "inertia_tensor", *sorted(names)]
    table: dict[str, Any] = regionprops_table(labels, properties=properties)
    return table


def random_labels(seed: int, density: float, n: int, shape: tuple[int, int]) -> Labels:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(1, n + 1, shape) * (rng.random(shape) < density)
    return drawn.astype(np.int32)


def blobs(seed: int, n: int, side: int) -> Labels:
    """Overlapping rotated ellipses: touching, cut by the border, with holes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for k in range(1, n + 1):
        cy, cx, angle = rng.random(3) * (side, side, np.pi)
        a, b = rng.uniform(2, side / 6, 2)
        u = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)
        v = (x - cx) * np.cos(angle) - (y - cy) * np.sin(angle)
        r = (u / a) ** 2 + (v / b) ** 2
        labels[(r < 1) & ((k % 5 > 0) | (r > 0.2))] = k
    return labels


def assert_same_shapes(labels: Labels) -> None:
    ours, theirs = shapes(labels), reference(labels)
    assert np.array_equal(ours["label"], theirs["label"])
    for name, column in INTEGER.items():
        assert ours[column].dtype == np.int64, column
        assert np.array_equal(ours[column], theirs[name]), column
    for name, column in REAL.items():
        np.testing.assert_allclose(ours[column], theirs[name], rtol=1e-9, atol=0, err_msg=column)
    a, b, c = (theirs[f"inertia_tensor-{i}"] for i in ("0-0", "0-1", "1-1"))
    large = theirs["inertia_tensor_eigvals-0"]
    small = ours["inertia_tensor_eigvals_1_px2"]
    # Products of eigenvalues: the smaller one alone cancels in scikit-image.
    np.testing.assert_allclose(
        small * large, a * c - b * b, rtol=1e-9, atol=1e-9 * large.max() ** 2
    )
    directed = np.hypot(a - c, 2 * b) > 1e-6 * (a + c)
    turned = (ours["orientation_rad"] - theirs["orientation"])[directed]
    np.testing.assert_allclose(np.sin(turned), 0, atol=1e-9)


@pytest.mark.parametrize("density", [0.02, 0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 3, 40])
def test_shapes_of_noise_equal_scikit_image(density: float, n: int) -> None:
    labels = random_labels(int(100 * density) + n, density, n, (23, 31))
    labels[0, 0] = n
    assert_same_shapes(labels)


@pytest.mark.parametrize("seed", range(4))
def test_shapes_of_blobs_equal_scikit_image(seed: int) -> None:
    assert_same_shapes(blobs(seed, 25, 120))


@settings(deadline=None, max_examples=60)
@given(small_labels)
def test_shapes_of_any_labels_equal_scikit_image(labels: Labels) -> None:
    if labels.any():
        assert_same_shapes(labels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_lines_and_single_pixels_equal_scikit_image(shape: tuple[int, int]) -> None:
    assert_same_shapes(np.full(shape, 7, np.int32))


def test_rectangle_has_the_hand_computed_shape() -> None:
    """Worked example W22: 20 x 10 pixels."""
    labels = np.zeros((30, 40), np.int32)
    labels[5:15, 8:28] = 1
    found = {name: column[0] for name, column in shapes(labels).items()}
    assert found["area_px"] == 200
    assert found["axis_major_length_px"] == pytest.approx(23.065125, abs=1e-6)
    assert found["axis_minor_length_px"] == pytest.approx(11.489125, abs=1e-6)
    assert found["eccentricity"] == pytest.approx(0.867110, abs=1e-6)
    assert found["solidity"] == 1
    assert found["extent"] == 1
    assert found["orientation_rad"] == pytest.approx(np.pi / 2)
    assert found["feret_diameter_min_px"] == 10
    assert found["feret_diameter_max_px"] == pytest.approx(np.hypot(20, 9))
    assert found["perimeter_px"] == 2 * (19 + 9)


@pytest.mark.parametrize("side", [1, 2, 3, 6, 7, 36, 101])
def test_a_square_has_no_eccentricity_at_all(side: int) -> None:
    assert shapes(np.ones((side, side), np.int32))["eccentricity"].tolist() == [0]


def test_a_scratch_keeps_the_width_that_exact_fractions_give() -> None:
    """Two pixels wide and 3,000 long, aslant: the axes' ratio is 3,500."""
    row = np.arange(3000, dtype=np.int32)
    runs = Runs(np.array([1], np.int32), np.array([0, 3000]), row, row, row + np.int32(2))
    n, sy, sx, syy, sxx, sxy = sum_runs(runs).moments[0].tolist()
    var_y, var_x = Fraction(n * syy - sy * sy, n * n), Fraction(n * sxx - sx * sx, n * n)
    covariance = Fraction(n * sxy - sx * sy, n * n)
    found = measure_axes(sum_runs(runs))
    # Of the product, so that no root has to be taken exactly.
    large = Fraction(found["inertia_tensor_eigvals_0_px2"][0])
    small = float((var_y * var_x - covariance**2) / large)
    assert found["inertia_tensor_eigvals_1_px2"][0] == pytest.approx(small, rel=1e-9)
    assert found["axis_minor_length_px"][0] == pytest.approx(4 * np.sqrt(small), rel=1e-9)


def test_ideal_ellipse_has_its_textbook_shape() -> None:
    y, x = np.mgrid[-210:211, -210:211]
    labels = ((x / 200) ** 2 + (y / 100) ** 2 <= 1).astype(np.int32)
    found = {name: column[0] for name, column in shapes(labels).items()}
    assert found["eccentricity"] == pytest.approx(np.sqrt(0.75), abs=5e-4)
    assert found["feret_diameter_max_px"] == pytest.approx(400, abs=2)
    assert found["feret_diameter_min_px"] == pytest.approx(200, abs=2)
    assert found["perimeter_crofton_px"] == pytest.approx(968.845, rel=0.02)


def test_ring_with_an_island_has_euler_number_one() -> None:
    labels = np.ones((7, 7), np.int32)
    labels[1:6, 1:6] = 0
    labels[3, 3] = 1
    assert shapes(labels)["euler_number"].tolist() == [1]


def minimum_width(mask: NDArray[np.bool_]) -> float:
    """Least extent over the directions normal to lines through two edge midpoints."""
    y, x = np.nonzero(convex_hull_image(mask))
    steps = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)]
    points = np.unique(np.concatenate([np.stack((y + a, x + b), 1) for a, b in steps]), axis=0)
    gaps = (points[:, np.newaxis] - points).reshape(-1, 2)
    gaps = gaps[(gaps != 0).any(axis=1)]
    normals = np.stack((-gaps[:, 1], gaps[:, 0]), 1) / np.hypot(*gaps.T)[:, np.newaxis]
    return float(np.ptp(points @ np.unique(normals, axis=0).T, axis=0).min())


@pytest.mark.parametrize("seed", range(25))
def test_minimum_feret_equals_the_slow_search(seed: int) -> None:
    labels = random_labels(seed, (0.05, 0.2, 0.5)[seed % 3], 1, (3 + seed % 7, 8))
    labels[1, 2] = 1
    found = shapes(labels)["feret_diameter_min_px"][0]
    assert found == pytest.approx(minimum_width(labels > 0), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(small_labels)
def test_turning_changes_no_shape(labels: Labels) -> None:
    first = shapes(labels)
    for turned in (np.rot90(labels), labels.T, labels[::-1]):
        second = shapes(turned)
        for name in ("area_px", "area_convex_px", "euler_number", "perimeter_crofton_px"):
            np.testing.assert_allclose(second[name], first[name], rtol=1e-12, err_msg=name)
        for name in ("feret_diameter_max_px", "feret_diameter_min_px", "perimeter_px"):
            np.testing.assert_allclose(second[name], first[name], rtol=1e-12, err_msg=name)
        for name in ("axis_major_length_px", "inertia_tensor_eigvals_1_px2"):
            np.testing.assert_allclose(second[name], first[name], atol=1e-12, err_msg=name)


@settings(deadline=None, max_examples=40)
@given(small_labels, st.integers(1, 20), st.integers(1, 20))
def test_moving_changes_positions_only(labels: Labels, down: int, right: int) -> None:
    first, second = shapes(labels), shapes(np.pad(labels, ((down, 1), (right, 2))))
    for name, column in first.items():
        shift = (down if "_y_" in name else right) if name.startswith(("bbox_m", "centr")) else 0
        np.testing.assert_allclose(second[name], column + shift, rtol=1e-13, err_msg=name)


@settings(deadline=None, max_examples=40)
@given(small_labels, st.permutations([1, 5, 900_000_000]))
def test_renaming_labels_permutes_rows(labels: Labels, names: list[int]) -> None:
    renamed = np.array([0, *names], np.int32)[labels]
    first, second = shapes(labels), shapes(renamed)
    order = np.argsort(np.array([0, *names])[first["label"]])
    assert np.array_equal(second["label"], np.unique(renamed[renamed > 0]))
    for name in set(first) - {"label"}:
        assert np.array_equal(second[name], first[name][order], equal_nan=True), name


def test_no_object_gives_empty_columns() -> None:
    found = shapes(np.zeros((4, 5), np.int32))
    assert {column.shape for column in found.values()} == {(0,)}
    assert found["area_px"].dtype == np.int64
    assert found["extent"].dtype == np.float64


def test_noise_overflows_the_first_guess_of_runs() -> None:
    labels = (np.indices((70, 70)).sum(axis=0) % 2).astype(np.int32)
    assert shapes(labels)["area_px"].tolist() == [2450]


def test_a_field_as_large_as_allowed_keeps_its_moments_exact() -> None:
    """One run a row, 65,535 x 65,535: second moments as the closed form has them."""
    side = MAX_SIDE_PX
    row = np.arange(side, dtype=np.int32)
    runs = Runs(np.array([1], np.int32), np.array([0, side]), row, row * 0, row * 0 + side)
    sums = sum_runs(runs)
    assert int(sums.moments[0, 3]) == (side - 1) * side * (2 * side - 1) // 6 * side
    axis = 4 * np.sqrt((side**2 - 1) / 12)
    found = {**measure_extents(sums), **measure_axes(sums)}
    assert found["axis_major_length_px"][0] == pytest.approx(axis, rel=1e-12)
    assert found["axis_minor_length_px"][0] == pytest.approx(axis, rel=1e-12)
    assert found["area_px"][0] == side * side


@pytest.mark.parametrize(
    ("labels", "error", "named"),
    [
        (np.zeros((2, 2), np.int64), TypeError, "int64"),
        (np.zeros((2, 2, 2), np.int32), ValueError, r"\(2, 2, 2\)"),
        (np.zeros((0, 5), np.int32), ValueError, r"\(0, 5\)"),
        (np.zeros((4, 6), np.int32)[:, ::2], ValueError, "contiguous"),
        (np.array([[0, -3]], np.int32), ValueError, "-3"),
        (np.broadcast_to(np.int32(0), (1, MAX_SIDE_PX + 1)), ValueError, "65536"),
    ],
)
def test_bad_labels_are_named(labels: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        find_runs(labels)
