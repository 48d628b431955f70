"""Counting and measuring do not depend on place, turn, storage or numbering."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monolayer.measure import MeasureSettings, measure_objects
from monolayer.segment import SegmentSettings, segment_nuclei

reproducible = settings(deadline=None, derandomize=True, max_examples=12)
Turn = Callable[[Any], Any]
TURNS: dict[str, Turn] = {
    "quarter turn": np.rot90,
    "transposition": np.transpose,
    "mirror": np.fliplr,
}
turned = pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())

# Columns that say where an object lies, which way it points or how far the border is.
PLACED = ("bbox_", "centroid_", "orientation", "label")
AT_THE_BORDER = ("touches_border", "weight")


@st.composite
def labelled(draw: Any, margin: int = 0) -> tuple[Any, Any]:
    """Blobs, and an image of 12-bit noise beneath them."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    dims = draw(st.integers(8, 40)), draw(st.integers(8, 40))
    blobs = ndimage.gaussian_filter(rng.random(dims), draw(st.sampled_from([0.0, 1.0, 2.0])))
    labels, _ = ndimage.label(blobs > np.quantile(blobs, draw(st.sampled_from([0.5, 0.8]))))
    image = rng.integers(1, 4096, dims).astype(np.uint16)
    return np.pad(labels.astype(np.int32), margin), np.pad(image, margin)


def measured(labels: Any, image: Any) -> Any:
    return measure_objects(labels, {"dna": image}, MeasureSettings(), 0.5)


def assert_same(found: Any, expected: Any, without: tuple[str, ...], rtol: float) -> None:
    assert list(found) == list(expected)
    for name, column in expected.items():
        if not name.startswith(without):
            # Differences of large sums: relative to what was summed, not to what is left.
            np.testing.assert_allclose(
                found[name], column, rtol=rtol, atol=1e-7, equal_nan=True, err_msg=name
            )


@turned
@reproducible
@given(field=labelled())
def test_turning_a_field_turns_its_objects(turn: Turn, field: Any) -> None:
    labels, image = field
    expected, found = measured(labels, image), measured(turn(labels), turn(image))
    assert_same(found, expected, PLACED, 1e-9)
    np.testing.assert_array_equal(found["label"], expected["label"])


@reproducible
@given(field=labelled())
def test_transposing_swaps_rows_and_columns(field: Any) -> None:
    labels, image = field
    expected, found = measured(labels, image), measured(labels.T, image.T)
    for name in ("bbox_min_y_px", "bbox_max_y_px", "centroid_y_px", "centroid_weighted_y_px_dna"):
        other = name.replace("_y_", "_x_")
        np.testing.assert_allclose(found[other], expected[name], rtol=1e-12)
        np.testing.assert_allclose(found[name], expected[other], rtol=1e-12)


@reproducible
@given(field=labelled(margin=12), down=st.integers(0, 40), right=st.integers(0, 40))
def test_moving_an_object_changes_where_it_is_and_nothing_else(
    field: Any, down: int, right: int
) -> None:
    labels, image = field
    pad = ((down, 3), (right, 5))
    expected, found = measured(labels, image), measured(np.pad(labels, pad), np.pad(image, pad))
    assert_same(found, expected, (*PLACED, *AT_THE_BORDER), 1e-9)
    np.testing.assert_array_equal(found["orientation_rad"], expected["orientation_rad"])
    np.testing.assert_allclose(found["centroid_y_px"], expected["centroid_y_px"] + down, rtol=1e-12)
    np.testing.assert_array_equal(found["bbox_max_x_px"], expected["bbox_max_x_px"] + right)


@reproducible
@given(field=labelled(), seed=st.integers(0, 99))
def test_renumbering_permutes_rows(field: Any, seed: int) -> None:
    labels, image = field
    names = np.zeros(int(labels.max()) + 1, np.int32)
    # With gaps: labels need not be consecutive.
    names[1:] = 1 + 3 * np.random.default_rng(seed).permutation(int(labels.max()))
    expected, found = measured(labels, image), measured(names[labels], image)
    rows = np.searchsorted(found["label"], names[expected["label"]])
    assert_same({k: v[rows] for k, v in found.items()}, expected, ("label",), 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@reproducible
@given(field=labelled())
def test_storage_changes_no_measurement(dtype: Any, field: Any) -> None:
    labels, image = field
    image = image % 251
    expected = measured(labels, image)
    other = np.asfortranarray(image.astype(dtype))
    for same in (labels.astype(np.int64), np.asfortranarray(labels), labels.astype(np.uint16)):
        assert_same(measured(same, other), expected, (), 1e-6 if dtype == np.float32 else 1e-9)


@st.composite
def nuclei(draw: Any) -> Any:
    """A drawn field of 12 nuclei with soft edges, apart or just touching."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    height, width = 132, 168
    y, x = np.mgrid[:height, :width]
    image = 300 + rng.normal(0, 8, (height, width))
    for i in range(12):
        cy, cx = 22 + 42 * (i // 4) + rng.uniform(-8, 8), 22 + 41 * (i % 4) + rng.uniform(-8, 8)
        a, b = rng.uniform(8, 11, 2)
        far = np.hypot((y - cy) / a, (x - cx) / b)
        image += rng.uniform(900, 1500) * np.clip((1.08 - far) * 6, 0, 1)
    return image.astype(np.uint16)


SETTINGS = SegmentSettings(expected_diameter_um=13.0)


@reproducible
@given(image=nuclei())
def test_storage_changes_no_label(image: Any) -> None:
    expected = segment_nuclei(image, SETTINGS, 0.65)
    assert expected.labels.max() >= 10
    for same in (
        image.astype(np.float32),
        image.astype(np.float64),
        image.astype(np.int32),
        np.asfortranarray(image),
        np.ascontiguousarray(image[::-1, ::-1])[::-1, ::-1],
    ):
        found = segment_nuclei(same, SETTINGS, 0.65)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.scores, expected.scores)


@turned
@reproducible
@given(image=nuclei())
def test_turning_a_field_keeps_its_count_and_its_area(turn: Turn, image: Any) -> None:
    expected = segment_nuclei(image, SETTINGS, 0.65)
    found = segment_nuclei(turn(image), SETTINGS, 0.65)
    assert found.labels.max() == expected.labels.max()
    # Grids of blocks and ties begin at the top left: outlines may differ by single pixels.
    overlap = (found.labels > 0) & (turn(expected.labels) > 0)
    assert overlap.sum() >= 0.99 * max((found.labels > 0).sum(), (expected.labels > 0).sum())


@reproducible
@given(image=nuclei(), grey=st.integers(1, 2000), gain=st.sampled_from([1, 2, 8]))
def test_offset_and_gain_of_the_camera_change_no_count(image: Any, grey: int, gain: int) -> None:
    expected = segment_nuclei(image, SETTINGS, 0.65)
    found = segment_nuclei(image * np.uint16(gain) + np.uint16(grey), SETTINGS, 0.65)
    assert found.labels.max() == expected.labels.max()
