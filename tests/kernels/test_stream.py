"""Row strips against the label image: the same sums to the last bit, whatever the strips."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from monolayer_kernels import stream
from monolayer_kernels.measure_runs import Runs, RunSums, find_runs, sum_runs
from monolayer_kernels.stream import ScanSums, concatenate_scans, open_scan

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
EIGHT = np.ones((3, 3), bool)


def scan(
    image: NDArray[Any], threshold: float, connectivity: int, rows: int
) -> tuple[ScanSums, list[ScanSums]]:
    state = open_scan(image.shape[1], threshold, connectivity)
    parts = [state.push(image[y : y + rows]) for y in range(0, len(image), rows)]
    parts.append(state.finish())
    assert state.rows == len(image)
    return concatenate_scans(parts), parts


def in_memory(
    image: NDArray[Any], threshold: float, connectivity: int
) -> tuple[Runs, RunSums, NDArray[np.intp]]:
    """Sums of scipy's labels, and the order of their first pixels."""
    labels, _ = ndimage.label(image > threshold, EIGHT if connectivity == 8 else None)
    runs = find_runs(np.ascontiguousarray(labels, np.int32))
    sums = sum_runs(runs)
    return runs, sums, np.lexsort((sums.origin[:, 1], sums.origin[:, 0]))


def assert_same(image: NDArray[Any], threshold: float, connectivity: int, rows: int) -> None:
    got, _ = scan(image, threshold, connectivity, rows)
    runs, sums, order = in_memory(image, threshold, connectivity)
    for name in RunSums._fields:
        np.testing.assert_array_equal(getattr(got.sums, name), getattr(sums, name)[order], name)
    np.testing.assert_array_equal(got.n_runs, np.diff(runs.first)[order])
    assert_same_grey(image, got, runs, sums, order)


def assert_same_grey(
    image: NDArray[Any],
    got: ScanSums,
    runs: Runs,
    sums: RunSums,
    order: NDArray[np.intp],
) -> None:
    """Pixel by pixel, in Python's own integers."""
    for row, k in enumerate(order):
        oy, ox = (int(v) for v in sums.origin[k])
        base = int(image[oy, ox])
        own = range(runs.first[k], runs.first[k + 1])
        pixels = [
            (int(image[y, x]) - base, int(y) - oy, x - ox)
            for y, a, b in ((runs.row[i], int(runs.start[i]), int(runs.stop[i])) for i in own)
            for x in range(a, b)
        ]
        wanted = [
            sum(d for d, _, _ in pixels),
            sum(d * d for d, _, _ in pixels),
            sum(d * y for d, y, _ in pixels),
            sum(d * x for d, _, x in pixels),
        ]
        assert got.grey.base[row] == base
        assert got.grey.added[row].tolist() == wanted
        levels = [d + base for d, _, _ in pixels]
        assert got.grey.extremes[row].tolist() == [min(levels), max(levels)]


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    rows=st.integers(1, 41),
    density=st.floats(0.02, 0.98),
    connectivity=st.sampled_from([4, 8]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
@settings(max_examples=150, deadline=None)
def test_strips_give_the_sums_of_the_whole(
    seed: int,
    height: int,
    width: int,
    rows: int,
    density: float,
    connectivity: int,
    dtype: type[np.uint8 | np.uint16],
) -> None:
    top = np.iinfo(dtype).max
    image = np.random.default_rng(seed).integers(0, top, (height, width), endpoint=True)
    assert_same(image.astype(dtype), (1 - density) * top, connectivity, rows)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("rows", [1, 7, 64, 333])
def test_objects_of_many_rows(connectivity: int, rows: int) -> None:
    """Blobs, rings and long snakes that join, part and enclose one another."""
    noise = np.random.default_rng(5).random((333, 90))
    image = np.round(ndimage.gaussian_filter(noise, 2.0) * 40_000).astype(np.uint16)
    assert_same(image, float(np.median(image)), connectivity, rows)


def test_corner_contacts_count_once_objects_are_joined() -> None:
    """With 4-connectivity two arms touch by corners long before they join further down."""
    image = np.zeros((9, 6), np.uint8)
    for y in range(8):
        image[y, 2 - y % 2] = 9
        image[y, 3 - y % 2] = 9
    image[:8, 0] = 9
    image[8] = 9
    for rows in (1, 2, 9):
        assert_same(image, 5, 4, rows)


def test_a_sweep_in_the_middle_of_a_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    """More objects and contacts than slots: swept while rows of the strip are left."""
    y, x = np.indices((300, 40))
    board = ((y + x) % 2 * 200).astype(np.uint8)
    for connectivity in (4, 8):
        assert_same(board, 100, connectivity, 300)
    dots = ((y % 2 == 0) & (x % 2 == 0)).astype(np.uint8)
    swept = []
    true_sweep = stream.ScanState._sweep

    def counted(state: stream.ScanState) -> NDArray[np.int64]:
        swept.append(state.rows)
        return true_sweep(state)

    monkeypatch.setattr(stream.ScanState, "_sweep", counted)
    got, _ = scan(dots, 0, 8, 300)
    assert len(got.n_runs) == 150 * 20
    assert len(swept) > 2


def test_contacts_of_tall_neighbours_do_not_pile_up() -> None:
    """Two 4-connected zigzags that touch by a corner in every second row, for 4,000 rows."""
    if INTERPRETED:
        pytest.skip("too slow without the compiler")
    image = np.zeros((4000, 5), np.uint8)
    image[:, 1] = image[:, 3] = 9
    image[::4, 2] = 9
    image[2::4, 2] = 9
    image[::4, 1] = 0
    image[1::4, 2] = 0
    assert_same(image, 5, 4, 4000)


def test_objects_are_handed_out_when_they_end() -> None:
    image = np.zeros((12, 9), np.uint16)
    image[0:2, 1:3] = 7
    image[5:7, 4:6] = 7
    image[10:12, 0] = 7
    _, parts = scan(image, 6.5, 8, 4)
    assert [len(part.n_runs) for part in parts] == [1, 1, 0, 1]


def test_first_open_bounds_what_is_still_to_come() -> None:
    rng = np.random.default_rng(11)
    image = (rng.random((200, 31)) < 0.45).astype(np.uint8)
    state = open_scan(31, 0, 8)
    assert state.first_open == (0, 0)
    bound = (0, 0)
    for y in range(0, 200, 10):
        part = state.push(image[y : y + 10])
        firsts = [tuple(origin) for origin in part.sums.origin.tolist()]
        assert firsts == sorted(firsts)
        assert all(first >= bound for first in firsts)
        assert state.first_open >= bound
        bound = state.first_open
    assert all(tuple(origin) >= bound for origin in state.finish().sums.origin.tolist())


@pytest.mark.parametrize("threshold", [0.0, 6.0, 6.5, 6.999, 7.0, 254.0, 255.0, 300.0, 1e9])
def test_pixels_above_the_threshold_and_no_others(threshold: float) -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    got, _ = scan(image, threshold, 8, 5)
    assert int(got.sums.moments[:, 0].sum()) == int((image > threshold).sum())


@pytest.mark.parametrize("width", [1, 7, 8, 9, 63, 64, 65])
def test_runs_at_every_word_boundary(width: int) -> None:
    rng = np.random.default_rng(width)
    for density in (0.1, 0.5, 0.9, 1.0):
        assert_same((rng.random((6, width)) < density).astype(np.uint8), 0, 4, 3)


@pytest.mark.skipif(INTERPRETED, reason="too slow without the compiler")
def test_an_object_of_30000_rows_and_columns_does_not_overflow() -> None:
    side = 30_000
    line = (65_535 - np.arange(side) % 7).astype(np.uint16)
    strip = np.broadcast_to(line, (1_000, side)).copy()
    state = open_scan(side, 1.0)
    for _ in range(30):
        assert len(state.push(strip).n_runs) == 0
    got = state.finish()
    linear, square = side * (side - 1) // 2, (side - 1) * side * (2 * side - 1) // 6
    moments = [side**2, side * linear, side * linear, side * square, side * square, linear**2]
    assert got.sums.moments.tolist() == [moments]
    assert got.sums.bbox.tolist() == [[0, 0, side, side]]
    diagonal = (side - 1) ** 2
    pairs = [side * (side - 1), side * (side - 1), diagonal, diagonal, side - 1]
    assert got.sums.pairs.tolist() == [pairs]
    below = [-(x % 7) for x in range(side)]
    added = [
        side * sum(below),
        side * sum(d * d for d in below),
        linear * sum(below),
        side * sum(d * x for x, d in enumerate(below)),
    ]
    assert got.grey.added.tolist() == [added]


@pytest.mark.skipif(INTERPRETED, reason="too slow without the compiler")
def test_arms_that_join_far_below_are_moved_exactly() -> None:
    """A U of 60,000 rows: its arms are two objects until the last row."""
    height, width = 60_000, 40
    arms = np.zeros((6_000, width), np.uint16)
    arms[:, 2:5] = arms[:, 30:39] = 60_000
    state = open_scan(width, 1.0)
    for _ in range(9):
        state.push(arms)
    last = arms.copy()
    last[-1, 2:39] = 60_000
    state.push(last)
    got = state.finish()
    columns = [*range(3), *range(28, 37)]
    bridge = [x for x in range(37) if x not in columns]
    n = height * len(columns) + len(bridge)
    y = height * (height - 1) // 2 * len(columns) + (height - 1) * len(bridge)
    yy = (height - 1) * height * (2 * height - 1) // 6 * len(columns)
    yy += (height - 1) ** 2 * len(bridge)
    x = height * sum(columns) + sum(bridge)
    xx = height * sum(c * c for c in columns) + sum(c * c for c in bridge)
    xy = height * (height - 1) // 2 * sum(columns) + (height - 1) * sum(bridge)
    assert got.sums.moments.tolist() == [[n, y, x, yy, xx, xy]]


def test_an_object_taller_than_its_sums_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_SIDE_PX", 600)
    column = np.full((500, 3), 9, np.uint8)
    state = open_scan(3, 1.0)
    column[:4] = 0
    state.push(column)
    with pytest.raises(ValueError, match="row 4, column 0 is taller than 600 rows"):
        state.push(np.full((500, 3), 9, np.uint8))


def test_memory_depends_on_the_width_alone() -> None:
    rng = np.random.default_rng(3)
    strip = (rng.random((50, 64)) < 0.3).astype(np.uint8)
    state = open_scan(64, 0, 4)
    before = [values.nbytes for values in state._arena]
    for _ in range(40):
        state.push(strip)
        assert int(state._arena.counts[0]) <= 33
    assert [values.nbytes for values in state._arena] == before
    assert sum(before) < 1_000_000


def test_nothing_found() -> None:
    got, _ = scan(np.zeros((10, 10), np.uint8), 0, 8, 3)
    assert got.sums.origin.shape == (0, 2)
    assert got.grey.added.shape == (0, 4)
    assert concatenate_scans([]).sums.moments.shape == (0, 6)
    assert len(open_scan(3, 0).finish().n_runs) == 0


def test_a_strip_of_no_rows_changes_nothing() -> None:
    state = open_scan(4, 0)
    state.push(np.ones((1, 4), np.uint8))
    assert len(state.push(np.empty((0, 4), np.uint8)).n_runs) == 0
    assert state.finish().sums.moments[:, 0].tolist() == [4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 1.0, 8), "width must be 1 to 65535 pixels, not 0"),
        ((65_536, 1.0, 8), "not 65536"),
        ((5, -1.0, 8), "threshold must be 0 or more and finite, not -1.0"),
        ((5, float("nan"), 8), "not nan"),
        ((5, float("inf"), 8), "not inf"),
        ((5, 1.0, 6), "connectivity must be 4 or 8, not 6"),
    ],
)
def test_bad_scans(arguments: tuple[int, float, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        open_scan(*arguments)


def test_bad_strips() -> None:
    state = open_scan(6, 1.0)
    with pytest.raises(TypeError, match="uint8 or uint16 in native byte order; got <f4"):
        state.push(np.zeros((2, 6), np.float32))
    with pytest.raises(TypeError, match="got >u2"):
        state.push(np.zeros((2, 6), ">u2"))
    with pytest.raises(ValueError, match=r"shape \(rows, 6\); got \(2, 5\)"):
        state.push(np.zeros((2, 5), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(rows, 6\); got \(6,\)"):
        state.push(np.zeros(6, np.uint8))
    with pytest.raises(ValueError, match="C-contiguous; got strides"):
        state.push(np.zeros((2, 12), np.uint8)[:, ::2])
    state.push(np.zeros((2, 6), np.uint8))
    with pytest.raises(TypeError, match="share a dtype; got uint16 after uint8"):
        state.push(np.zeros((2, 6), np.uint16))
    state.finish()
    with pytest.raises(ValueError, match="finished after 2 rows"):
        state.push(np.zeros((2, 6), np.uint8))
