"""Labels that change on the screen: only what changed is drawn, outlines as napari's own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from monolayer_napari.layers import apart, outlines, redraw


@pytest.fixture
def made(display: str | None) -> Any:
    """Makes labels layers; after `display`, which keeps a person's own settings of napari away."""
    del display
    return pytest.importorskip("napari.layers", reason="napari comes with the extra 'gui'").Labels


def blocks() -> Any:
    """Nine objects of 8 x 8 pixels that touch in pairs, in a field of 64 x 48."""
    labels = np.zeros((64, 48), np.int32)
    for n in range(9):
        row, column = 4 + 20 * (n // 3), 4 + 8 * (n % 3)
        labels[row : row + 8, column : column + 8] = n + 1
    return labels


@settings(max_examples=30, deadline=None)
@given(arrays(np.int32, (9, 11), elements=st.integers(0, 3)))
def test_outlines_are_those_of_napari(labels: Any) -> None:
    """Slowly: the largest label around is not the smallest within two steps."""
    cross = ndimage.generate_binary_structure(2, 1)
    largest = ndimage.grey_dilation(labels, footprint=cross)
    least = ndimage.grey_erosion(labels, footprint=ndimage.iterate_structure(cross, 2))
    np.testing.assert_array_equal(outlines(labels), np.where(largest == least, 0, labels))


@pytest.mark.parametrize("contour", [0, 1, 3])
def test_only_the_box_of_what_changed_is_drawn(made: Any, contour: int) -> None:
    layer = made(blocks())
    layer.contour = contour
    drawn: list[tuple[Any, Any]] = []
    layer.events.labels_update.connect(lambda event: drawn.append((event.offset, event.data)))
    labels = blocks()
    labels[labels == 2] = 1  # merged with its neighbour, whose outline opens
    redraw(layer, labels)
    np.testing.assert_array_equal(layer.data, labels)
    ((offset, part),) = drawn
    assert part.size < labels.size / 8
    whole = made(labels.copy())
    whole.contour = contour
    expected: list[Any] = []
    whole.events.labels_update.connect(lambda event: expected.append(event.data))
    everywhere = np.nonzero(np.ones_like(labels))
    whole.data_setitem(everywhere, 99 + np.zeros(labels.size, np.int32), refresh=False)
    whole.data_setitem(everywhere, labels.ravel())
    there = tuple(slice(at, at + n) for at, n in zip(offset, part.shape, strict=True))
    np.testing.assert_array_equal(part, expected[0][there])


def test_places_from_a_thread_are_taken_and_nothing_is_drawn_of_equals(made: Any) -> None:
    layer, labels = made(blocks()), blocks()
    drawn: list[Any] = []
    layer.events.labels_update.connect(drawn.append)
    redraw(layer, labels)
    assert not drawn
    labels[labels == 5] = 0
    places = apart(layer.data, labels)
    assert places is not None
    assert len(places) == 64
    redraw(layer, labels, places)
    np.testing.assert_array_equal(layer.data, labels)


def test_another_shape_and_many_changes_fill_the_layer_anew(made: Any) -> None:
    layer = made(blocks())
    mine = layer.data
    everything = blocks() + 1
    redraw(layer, everything)
    assert layer.data is mine
    np.testing.assert_array_equal(layer.data, everything)
    smaller = blocks()[:32]
    assert apart(layer.data, smaller) is None
    redraw(layer, smaller)
    np.testing.assert_array_equal(layer.data, smaller)
    assert not np.shares_memory(layer.data, smaller)
