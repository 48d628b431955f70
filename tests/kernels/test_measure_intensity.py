"""Intensities against scikit-image and slow numpy, and the neighbours' sweep."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.measure import regionprops_table as _regionprops_table

from monolayer_kernels.measure_intensity import measure_intensity
from monolayer_kernels.measure_neighbours import count_within_radius, nearest_distance
from monolayer_kernels.measure_runs import find_runs, order_by_row, sum_runs
from monolayer_kernels.measure_surround import measure_background, measure_gradient
from monolayer_kernels.shape_border import find_border

Labels = NDArray[np.int32]
# scikit-image carries no types.
regionprops_table: Any = _regionprops_table
NAMES = {
    "intensity_mean": "intensity_mean",
    "intensity_std": "intensity_std",
    "intensity_min": "intensity_min",
    "intensity_max": "intensity_max",
    "centroid_weighted-0": "centroid_weighted_y_px",
    "centroid_weighted-1": "centroid_weighted_x_px",
}
points = arrays(np.float64, st.integers(0, 25), elements=st.integers(-20, 20).map(float))


def random_labels(seed: int, density: float, shape: tuple[int, int]) -> Labels:
    rng = np.random.default_rng(seed)
    return (rng.integers(1, 6, shape) * (rng.random(shape) < density)).astype(np.int32)


def intensities(labels: Labels, image: NDArray[Any], gap: int = 2, width: int = 5) -> Any:
    runs = find_runs(labels)
    sums = sum_runs(runs)
    order = order_by_row(runs.first, runs.row, labels.shape)
    return {
        **measure_intensity(runs, sums, image),
        "background": measure_background(runs, sums.bbox, order, image, (gap, width)),
        "gradient": measure_gradient(find_border(runs, sums), image),
    }


def reference(labels: Labels, image: NDArray[Any]) -> dict[str, Any]:
    properties = ["intensity_mean", "intensity_std", "intensity_min", "intensity_max"]
    wide = image.astype(np.float64)
    table: dict[str, Any] = regionprops_table(
        labels, wide, properties=[*properties, "centroid_weighted"]
    )
    return table


def test_backgrounds_of_counts_stored_as_floats_are_the_same() -> None:
    """Counts go by sums of columns, floats by walks along each frame; rows above the first too."""
    labels = np.zeros((60, 50), np.int32)
    labels[30:38, 10:20], labels[33:40, 24:30] = 1, 2
    image = np.random.default_rng(3).integers(0, 65535, labels.shape).astype(np.uint16)
    expected = intensities(labels, image)["background"]
    found = intensities(labels, image.astype(np.float64))["background"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_intensities_equal_scikit_image(dtype: type, density: float) -> None:
    labels = random_labels(3, density, (40, 33))
    rng = np.random.default_rng(4)
    top = 255 if dtype is np.uint8 else 65535
    image: NDArray[Any] = (rng.random(labels.shape) * top).astype(dtype)
    ours, theirs = intensities(labels, image), reference(labels, image)
    for name, column in NAMES.items():
        np.testing.assert_allclose(ours[column], theirs[name], rtol=1e-9, err_msg=column)
    sums = np.bincount(labels.ravel(), image.ravel().astype(np.float64))[1:]
    np.testing.assert_allclose(ours["intensity_sum"], sums[sums > 0], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_an_object_of_more_pixels_than_are_gathered_at_a_time(dtype: type) -> None:
    """Runs of every length to 130, beside an object that ends at the image's last pixel."""
    labels = np.zeros((131, 140), np.int32)
    for y in range(131):
        labels[y, 5 : 5 + y], labels[y, 136:] = 1, 2
    image: Any = np.random.default_rng(6).integers(0, 65536, labels.shape).astype(dtype)
    ours, theirs = intensities(labels, image), reference(labels, image)
    for name, column in NAMES.items():
        np.testing.assert_allclose(ours[column], theirs[name], rtol=1e-9, err_msg=column)


def test_a_large_offset_does_not_cancel() -> None:
    """A bright field with a noise of one level, and a dark first pixel."""
    rng = np.random.default_rng(0)
    image = (65000 + rng.integers(0, 3, (200, 200))).astype(np.uint16)
    image[0, 0] = 0
    labels = np.ones(image.shape, np.int32)
    exact = np.sqrt(np.mean((image - image.mean(dtype=np.longdouble)) ** 2))
    assert intensities(labels, image)["intensity_std"][0] == pytest.approx(float(exact), rel=1e-12)


def test_an_even_object_has_no_deviation() -> None:
    image = np.full((9, 9), 40001, np.uint16)
    assert intensities(np.ones((9, 9), np.int32), image)["intensity_std"].tolist() == [0.0]


def test_a_black_object_has_no_weighted_centroid() -> None:
    found = intensities(np.ones((3, 3), np.int32), np.zeros((3, 3), np.uint8))
    assert np.isnan(found["centroid_weighted_y_px"]).all()
    assert found["intensity_sum"].tolist() == [0.0]


def slow_background(labels: Labels, image: NDArray[Any], k: int, gap: int, width: int) -> float:
    y, x = np.nonzero(labels == k)
    frame = np.zeros(np.add(labels.shape, 200), bool)
    for reach, value in ((gap + width, True), (gap, False)):
        rows = slice(y.min() + 100 - reach, y.max() + 101 + reach)
        frame[rows, x.min() + 100 - reach : x.max() + 101 + reach] = value
    chosen = frame[100:-100, 100:-100] & (labels == 0)
    return float(image[chosen].mean()) if chosen.any() else np.nan


@pytest.mark.parametrize(("gap", "width"), [(0, 1), (2, 5), (1, 60), (50, 3)])
def test_local_background_equals_the_slow_frame(gap: int, width: int) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[5:12, 6:20], labels[0:4, 30:50], labels[20:30, 21:22] = 1, 2, 3
    labels[36:40, 0:3], labels[13:16, 8:11] = 4, 5
    image = np.random.default_rng(1).integers(0, 60000, labels.shape).astype(np.uint16)
    found = intensities(labels, image, gap, width)["background"]
    slow = [slow_background(labels, image, k, gap, width) for k in range(1, 6)]
    np.testing.assert_allclose(found, slow, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_brightest_counts_overflow_no_sum(dtype: Any) -> None:
    """Blocks, bands and a run that ends with the image: all as in floating point, to the bit."""
    labels = np.zeros((70, 90), np.int32)
    labels[3:66, 8:80], labels[66:, 20:], labels[0, :2] = 1, 2, 3
    image = np.full(labels.shape, np.iinfo(dtype).max, dtype)
    image[::7, ::5] -= 3
    found = intensities(labels, image)
    exact = intensities(labels, image.astype(np.float64))
    for name in ("intensity_sum", "intensity_min", "intensity_max", "background", "gradient"):
        assert found[name].tolist() == exact[name].tolist(), name
    for name in ("intensity_std", "centroid_weighted_y_px", "centroid_weighted_x_px"):
        np.testing.assert_allclose(found[name], exact[name], rtol=1e-12, err_msg=name)


def test_border_pixels_outside_the_image_are_refused() -> None:
    runs = find_runs(np.ones((4, 6), np.int32))
    border = find_border(runs, sum_runs(runs))
    for shape in ((3, 6), (4, 5)):
        with pytest.raises(ValueError, match="rows 0 to 3, columns 0 to 5"):
            measure_gradient(border, np.zeros(shape, np.uint8))
    outside = border._replace(column=border.column - 1)
    with pytest.raises(ValueError, match="columns -1 to 4"):
        measure_gradient(outside, np.zeros((4, 6), np.uint8))


def test_local_background_without_a_free_pixel_is_unknown() -> None:
    found = intensities(np.ones((5, 5), np.int32), np.ones((5, 5), np.uint8))
    assert np.isnan(found["background"]).all()


def test_edge_gradient_equals_numpy_on_border_pixels() -> None:
    from scipy.ndimage import binary_erosion

    labels = random_labels(8, 0.8, (30, 41))
    labels[4:15, 5:20] = 9
    image = np.random.default_rng(2).integers(0, 60000, labels.shape).astype(np.uint16)
    length = np.hypot(*np.gradient(image.astype(float)))
    found = intensities(labels, image)["gradient"]
    slow = []
    for k in np.unique(labels[labels > 0]):
        mask = labels == k
        slow.append(length[mask & ~binary_erosion(mask)].mean())
    np.testing.assert_allclose(found, slow, rtol=1e-12)


def test_single_row_image_has_gradients() -> None:
    found = intensities(np.ones((1, 3), np.int32), np.array([[0, 2, 4]], np.uint8))
    assert found["gradient"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("image", "frame", "error", "named"),
    [
        (np.zeros((3, 3), np.int32), {}, TypeError, "int32"),
        (np.zeros((3, 4), np.uint8), {}, ValueError, r"\(3, 4\)"),
        (np.zeros((3, 6), np.uint8)[:, ::2], {}, ValueError, "contiguous"),
        (np.zeros((3, 3), np.uint8), {"gap": -1}, ValueError, "-1"),
        (np.zeros((3, 3), np.uint8), {"width": 0}, ValueError, "and 0"),
    ],
)
def test_bad_images_are_named(
    image: NDArray[Any], frame: dict[str, int], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        intensities(np.ones((3, 3), np.int32), image, **frame)


@settings(deadline=None, max_examples=100)
@given(points, st.integers(0, 2**32 - 1), st.sampled_from([0.5, 3.0, 5.0, 100.0]))
def test_neighbours_equal_the_slow_table(y: NDArray[np.float64], seed: int, radius: float) -> None:
    x = np.random.default_rng(seed).integers(-9, 9, y.size).astype(float)
    squared = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    np.fill_diagonal(squared, np.inf)
    nearest = np.sqrt(squared.min(axis=1, initial=np.inf))
    nearest[np.isinf(nearest)] = np.nan
    assert np.array_equal(nearest_distance(y, x), nearest, equal_nan=True)
    assert np.array_equal(nearest_distance(x, y), nearest, equal_nan=True)
    assert np.array_equal(count_within_radius(y, x, radius), (squared <= radius**2).sum(axis=1))


def test_bad_points_are_named() -> None:
    two = np.zeros(2)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        nearest_distance(two, np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        nearest_distance(two, np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="-1"):
        count_within_radius(two, two, -1.0)


def test_a_border_of_more_pixels_than_were_made_room_for() -> None:
    runs = find_runs(np.ones((1, 3000), np.int32))
    border = find_border(runs, sum_runs(runs))
    np.testing.assert_array_equal(border.column, np.arange(3000))
    assert border.row.max() == 0
