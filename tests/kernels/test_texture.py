"""Quantiles, co-occurrence and local structure against numpy and scikit-image."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.feature import graycomatrix as _graycomatrix
from skimage.feature import graycoprops as _graycoprops

from monolayer_kernels.measure_quantiles import QUANTILES, measure_quantiles
from monolayer_kernels.measure_runs import find_runs, sum_runs
from monolayer_kernels.texture import LEVELS, measure_structure, measure_texture

Labels = NDArray[np.int32]
# scikit-image carries no types.
graycomatrix: Any = _graycomatrix
graycoprops: Any = _graycoprops
DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


def found(measure: Callable[..., Any], labels: Labels, image: NDArray[Any]) -> dict[str, Any]:
    runs = find_runs(labels)
    table: dict[str, Any] = measure(runs, sum_runs(runs), image)
    return table


def example(seed: int) -> tuple[Labels, NDArray[Any]]:
    """Three interwoven objects of any density; every fourth seed one of each dtype."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 26, 2))
    n = 1 + 2 * (seed % 2)
    density = (0.4, 0.9, 1.0)[seed % 3]
    labels = rng.integers(1, n + 1, shape) * (rng.random(shape) < density)
    labels[0, 0] = 1
    return labels.astype(np.int32), (rng.random(shape) * 250).astype(DTYPES[seed % 4])


def slow_pairs(mask: NDArray[np.bool_], image: NDArray[Any]) -> NDArray[np.float64]:
    """Shares of pairs of levels: scikit-image's matrix without the level of what lies outside."""
    values = image.astype(np.float64)
    low, high = values[mask].min(), values[mask].max()
    scaled = (values - low) * LEVELS / (high - low if high > low else 1.0)
    levels = np.where(mask, np.clip(scaled, 0, LEVELS - 1).astype(np.uint8) + 1, 0)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    pairs = graycomatrix(levels.astype(np.uint8), [1], angles, LEVELS + 1, symmetric=True)
    within: NDArray[np.float64] = pairs.astype(float).sum(axis=3, keepdims=True)[1:, 1:]
    return within


@pytest.mark.parametrize("seed", range(16))
def test_texture_equals_scikit_image(seed: int) -> None:
    labels, image = example(seed)
    ours = found(measure_texture, labels, image)
    for i, label in enumerate(np.unique(labels[labels > 0])):
        pairs = slow_pairs(labels == label, image)
        if pairs.sum() == 0:
            assert all(np.isnan(column[i]) for column in ours.values())
            continue
        for name in ("contrast", "homogeneity", "energy", "correlation"):
            expected = graycoprops(pairs / pairs.sum(), name)[0, 0]
            value = ours[f"texture_{name}"][i]
            if np.isnan(value):
                assert name == "correlation"
                assert expected == 1, "null only where scikit-image has its 1 for even objects"
            else:
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12), name


def test_texture_of_two_halves_is_as_computed_by_hand() -> None:
    """2 x 2 pixels, levels 1 1 / 32 32: of 6 pairs 2 are equal and 4 differ by 31."""
    image = np.array([[10, 10], [90, 90]], np.uint8)
    ours = found(measure_texture, np.ones((2, 2), np.int32), image)
    assert ours["texture_contrast"].tolist() == [pytest.approx(4 * 31**2 / 6)]
    assert ours["texture_homogeneity"].tolist() == [pytest.approx((2 + 4 / 962) / 6)]
    assert ours["texture_energy"].tolist() == [pytest.approx(np.sqrt(2 * 2**2 + 2 * 4**2) / 12)]
    assert ours["texture_correlation"].tolist() == [pytest.approx(-1 / 3)]


def test_texture_does_not_see_gain_and_offset() -> None:
    labels, image = example(12)
    brighter = image.astype(np.uint16) * np.uint16(64) + np.uint16(1000)
    first, second = (found(measure_texture, labels, pixels) for pixels in (image, brighter))
    for name, column in first.items():
        assert np.array_equal(second[name], column, equal_nan=True), name


@pytest.mark.parametrize("seed", range(12))
def test_quantiles_equal_numpy(seed: int) -> None:
    labels, image = example(seed)
    ours = found(measure_quantiles, labels, image)
    for i, label in enumerate(np.unique(labels[labels > 0])):
        expected = np.quantile(image[labels == label].astype(np.float64), QUANTILES)
        np.testing.assert_allclose([column[i] for column in ours.values()], expected, rtol=1e-12)


def test_quantiles_name_their_share() -> None:
    image = np.arange(101, dtype=np.uint16).reshape(1, 101)
    ours = found(measure_quantiles, np.ones((1, 101), np.int32), image)
    assert {name: column[0] for name, column in ours.items()} == {
        f"intensity_q{q:02d}": q for q in (5, 25, 50, 75, 95)
    }


def slow_structure(mask: NDArray[np.bool_], image: NDArray[Any]) -> tuple[list[Any], Any]:
    """3 x 3 windows wholly within the mask, and their summed structure tensor."""
    wide = image.astype(np.float64)
    windows, tensor = [], np.zeros((2, 2))
    for y in range(1, mask.shape[0] - 1):
        for x in range(1, mask.shape[1] - 1):
            around = np.s_[y - 1 : y + 2, x - 1 : x + 2]
            if mask[around].all():
                windows.append(wide[around])
                gradient = [wide[y + 1, x] - wide[y - 1, x], wide[y, x + 1] - wide[y, x - 1]]
                tensor += np.outer(gradient, gradient) / 4
    return windows, tensor


@pytest.mark.parametrize("seed", range(12))
def test_structure_equals_the_slow_windows(seed: int) -> None:
    labels, image = example(seed)
    ours = found(measure_structure, labels, image)
    for i, label in enumerate(np.unique(labels[labels > 0])):
        windows, tensor = slow_structure(labels == label, image)
        if not windows:
            assert all(np.isnan(column[i]) for column in ours.values())
            continue
        deviation, width = np.std(windows, axis=(1, 2)).mean(), np.ptp(windows, axis=(1, 2)).mean()
        assert ours["local_std"][i] == pytest.approx(deviation, rel=1e-9)
        assert ours["local_range"][i] == pytest.approx(width, rel=1e-9)
        small, large = np.linalg.eigvalsh(tensor)
        coherency = ours["structure_coherency"][i]
        assert coherency == pytest.approx((large - small) / (large + small), rel=1e-9)
        along = ours["structure_orientation_rad"][i]
        direction = np.array([np.cos(along), np.sin(along)])
        assert direction @ tensor @ direction == pytest.approx(small, rel=1e-6, abs=1e-9 * large)


@pytest.mark.parametrize("angle", [-1.2, -0.5, 0.0, 0.4, 1.1])
def test_stripes_are_coherent_and_turned_by_their_angle(angle: float) -> None:
    y, x = np.mgrid[:80, :80]
    image = np.sin(0.3 * (x * np.cos(angle) - y * np.sin(angle)))
    ours = found(measure_structure, np.ones((80, 80), np.int32), image)
    assert ours["structure_coherency"][0] == pytest.approx(1, abs=0.01)
    assert ours["structure_orientation_rad"][0] == pytest.approx(angle, abs=0.02)


def test_even_object_has_no_direction() -> None:
    ours = found(measure_structure, np.ones((5, 5), np.int32), np.full((5, 5), 7, np.uint8))
    assert ours["local_std"].tolist() == ours["local_range"].tolist() == [0.0]
    assert np.isnan(ours["structure_coherency"]).all()
    assert np.isnan(ours["structure_orientation_rad"]).all()


@pytest.mark.parametrize("measure", [measure_quantiles, measure_structure, measure_texture])
def test_bad_images_are_named(measure: Callable[..., Any]) -> None:
    labels = np.ones((3, 3), np.int32)
    with pytest.raises(TypeError, match="int32"):
        found(measure, labels, labels)
    with pytest.raises(ValueError, match=r"\(3, 2\), but objects reach"):
        found(measure, labels, np.zeros((3, 2), np.uint8))


@pytest.mark.parametrize("measure", [measure_quantiles, measure_structure, measure_texture])
def test_no_object_gives_empty_columns(measure: Callable[..., Any]) -> None:
    ours = found(measure, np.zeros((3, 3), np.int32), np.zeros((3, 3), np.uint8))
    assert {column.shape for column in ours.values()} == {(0,)}
