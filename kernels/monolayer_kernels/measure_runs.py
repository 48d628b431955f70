"""Runs of a label image: the one walk over the pixels from which all shapes are measured.

A run is a stretch of equal labels within a row. The walk finds them, a counting sort brings each
object's runs together in row order, and from there on no shape looks at the image again. The walk
flags where a row changes, which the compiler vectorises, and reads the flags eight at a time:
pixel by pixel it took three times as long.
The one trick: moments of a run are closed forms, and how runs overlap with the row above gives
the intercepts of four directions (Crofton's perimeter) and the Euler number.

Accumulators: int64 throughout, with the object's first pixel as origin. The largest sum is that of
squared offsets, at most side**4 / 3, which stays below 2**63 up to a side of 65,535 pixels; larger
images are refused. Sums are therefore exact and do not depend on any order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.flags import list_flags

__all__ = [
    "MAX_SIDE_PX",
    "InRows",
    "RowWork",
    "RunSums",
    "Runs",
    "find_runs",
    "group_by_label",
    "list_row",
    "order_by_row",
    "row_work",
    "sum_runs",
]

MAX_SIDE_PX = 65_535

# A larger table of labels than this many entries a run is sorted instead of indexed.
_DENSE_ENTRIES = 1_000_000

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]
UInt64 = NDArray[np.uint64]
RowWork = tuple[UInt64, UInt8, Int32, Int32]


class Runs(NamedTuple):
    """Runs of n objects, object by object, in row and then column order.

    Attributes
    ----------
    label : ndarray of int32, shape (n,)
        Labels present, ascending: row i of every result belongs to ``label[i]``.
    first : ndarray of int64, shape (n + 1,)
        Object i owns the runs ``first[i]`` to ``first[i + 1] - 1``.
    row, start, stop : ndarray of int32, shape (number of runs,)
        Pixel row, first column and the column after the last.
    """

    label: Int32
    first: Int64
    row: Int32
    start: Int32
    stop: Int32


class RunSums(NamedTuple):
    """Exact integer sums of n objects.

    Attributes
    ----------
    origin : ndarray of int64, shape (n, 2)
        Row and column of the object's first pixel, origin of the moments.
    bbox : ndarray of int64, shape (n, 4)
        First row, first column, row after the last, column after the last.
    moments : ndarray of int64, shape (n, 6)
        Sums over pixels of 1, y, x, y y, x x, x y from the origin.
    pairs : ndarray of int64, shape (n, 5)
        Pairs of neighbouring pixels along a row, down a column, down to the right and down to
        the left; and pairs of runs in neighbouring rows that touch with 8-connectivity.
    """

    origin: Int64
    bbox: Int64
    moments: Int64
    pairs: Int64


class InRows(NamedTuple):
    """Items of objects (runs, border pixels) in the image's own order, row by row.

    Object by object, each row of each object would be fetched from memory anew: on a field that
    no longer fits the processor's cache that took three times as long.

    Attributes
    ----------
    first : ndarray of int64, shape (height + 1,)
        Row y holds the items ``first[y]`` to ``first[y + 1] - 1``.
    item, owner : ndarray of int32, shape (number of items,)
        Position in the table by objects, and row of the object's results.
    width : int
        Columns of the image.
    """

    first: Int64
    item: Int32
    owner: Int32
    width: int


def find_runs(labels: Int32) -> Runs:
    """Find the runs of a label image; gaps in the labels are allowed.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width), C-contiguous
        0 is background.

    Returns
    -------
    Runs
        Grouped by object, labels ascending.

    Raises
    ------
    TypeError
        Another dtype than int32.
    ValueError
        Not two-dimensional, empty, not C-contiguous, too large, or a negative label.
    """
    _check_labels(labels)
    return group_by_label(_all_runs(labels))


def group_by_label(found: Int32) -> Runs:
    """Bring each object's runs together.

    Parameters
    ----------
    found : ndarray of int32, shape (4, number of runs)
        Row, first column, column after the last and label of each run, in row-major order.

    Returns
    -------
    Runs
        Labels ascending.

    Raises
    ------
    ValueError
        A negative label.
    """
    value = found[3]
    if value.min(initial=0) < 0:
        raise ValueError(f"labels must not be negative; found {value.min()}")
    label, index, count = _present(value)
    first = np.zeros(label.size + 1, np.int64)
    np.cumsum(count, out=first[1:])
    # One cell for each label or, where `index` replaced them, each row.
    place = np.zeros(int(index.max(initial=0)) + 1, np.int64)
    place[label if index is value else slice(label.size)] = first[:-1]
    grouped = np.empty((3, value.size), np.int32)
    _group(index, place, found, grouped)
    return Runs(label, first, grouped[0], grouped[1], grouped[2])


def sum_runs(runs: Runs) -> RunSums:
    """Sum moments, bounding boxes and neighbour pairs over each object's runs.

    Parameters
    ----------
    runs : Runs
        From `find_runs`.

    Returns
    -------
    RunSums
        Exact; the cost grows with the number of runs, not with the image.
    """
    n = runs.label.size
    sums = RunSums(
        np.empty((n, 2), np.int64),
        np.empty((n, 4), np.int64),
        np.zeros((n, 6), np.int64),
        np.zeros((n, 5), np.int64),
    )
    _sum_moments(runs, sums)
    _count_pairs(runs, sums.pairs)
    return sums


def order_by_row(first: Int64, row: Int32, shape: tuple[int, ...]) -> InRows:
    """Order items that lie object by object by the image's rows.

    Parameters
    ----------
    first : ndarray of int64, shape (n + 1,)
        Object i owns the items ``first[i]`` to ``first[i + 1] - 1``.
    row : ndarray of int32, shape (number of items,)
        Each item's row, ascending within an object.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    InRows
        Stable: within a row in the order of the objects.

    Raises
    ------
    ValueError
        An item outside the image, or another number of items than the objects own.
    """
    if first[-1] != row.size:
        raise ValueError(f"objects own {first[-1]} items, but there are {row.size}")
    height, width = shape
    if row.size and (int(row.min()) < 0 or int(row.max()) >= height):
        raise ValueError(f"rows must lie in 0 to {height - 1}; found {row.min()} to {row.max()}")
    counts = np.zeros(height + 1, np.int64)
    _count(row, counts[1:])
    starts = np.cumsum(counts)
    order = InRows(starts, np.empty(row.size, np.int32), np.empty(row.size, np.int32), width)
    _order(first, row, starts[:-1].copy(), order)
    return order


def _check_labels(labels: Int32) -> None:
    if labels.dtype != np.int32:
        msg = f"labels must be int32; got {labels.dtype}."
        raise TypeError(msg)
    if labels.ndim != 2 or labels.size == 0:
        msg = f"labels must be a 2-D image of at least one pixel; got shape {labels.shape}."
        raise ValueError(msg)
    if max(labels.shape) > MAX_SIDE_PX:
        msg = f"labels of shape {labels.shape} exceed {MAX_SIDE_PX} pixels a side; measure tiles."
        raise ValueError(msg)
    if not labels.flags.c_contiguous:
        msg = f"labels must be C-contiguous; got strides {labels.strides}: np.ascontiguousarray."
        raise ValueError(msg)


def _all_runs(labels: Int32) -> Int32:
    """Walk once; only where more than one pixel in 16 begins a run, a second time."""
    capacity, work = max(1024, labels.size // 16), row_work(labels.shape[1])
    while True:
        found = np.empty((4, capacity), np.int32)
        n = int(_scan(labels, work, found))
        if n <= capacity:
            return found[:, :n]
        capacity = n


def row_work(width: int) -> RowWork:
    """Room for `list_row`: a flag for each pixel and one more for the end, in words of eight."""
    words = np.zeros(width // 8 + 1, np.uint64)
    flags = words.view(np.uint8)
    return words, flags, np.empty(words.size, np.int32), np.empty(flags.size, np.int32)


def _present(value: Int32) -> tuple[Int32, Int32, Int64]:
    """Labels that occur, ascending; a small number for each run's label; runs of each label."""
    top = int(value.max(initial=0))
    if top > _DENSE_ENTRIES + 4 * value.size:
        label, index, count = np.unique(value, return_inverse=True, return_counts=True)
        return label, np.asarray(index, np.int32), count.astype(np.int64, copy=False)
    counts = np.zeros(top + 1, np.int64)
    _count(value, counts)
    present = np.flatnonzero(counts)
    return present.astype(np.int32), value, counts[present]


@kernel
def _flag(line: Int32, flags: UInt8) -> None:
    """Flag each pixel that differs from the one before it, with background beyond both ends."""
    last = line.size - 1
    before, own, changed = line[:-1], line[1:], flags[1:]
    flags[0] = line[0] != 0
    for x in range(last):
        changed[x] = own[x] != before[x]
    flags[last + 1] = line[last] != 0


@kernel
def _scan(labels: Int32, work: RowWork, found: Int32) -> int:
    n = 0
    for y in range(labels.shape[0]):
        n = list_row(labels[y], y, work, found, n)
    return n


@kernel
def list_row(line: Int32, y: int, work: RowWork, found: Int32, n: int) -> int:
    """Write row, start, stop and label of each run of row y from ``found[:, n]`` on while they fit.

    Returns n and how many there are.
    """
    words, flags, hits, places = work
    _flag(line, flags)
    for i in range(list_flags(words, hits, 0, places) - 1):
        value = line[places[i]]
        if value == 0:
            continue
        if n < found.shape[1]:
            found[0, n] = y
            found[1, n] = places[i]
            found[2, n] = places[i + 1]
            found[3, n] = value
        n += 1
    return n


@kernel
def _count(value: Int32, counts: Int64) -> None:
    """Count how often each value occurs."""
    for i in range(value.size):
        counts[value[i]] += 1


@kernel
def _group(index: Int32, place: Int64, runs: Int32, grouped: Int32) -> None:
    """Counting sort by object, stable, so that each object's runs keep their row order."""
    for i in range(index.size):
        to = place[index[i]]
        place[index[i]] += 1
        grouped[0, to] = runs[0, i]
        grouped[1, to] = runs[1, i]
        grouped[2, to] = runs[2, i]


@kernel
def _order(first: Int64, row: Int32, place: Int64, order: InRows) -> None:
    """Counting sort by row."""
    for k in range(first.size - 1):
        for i in range(first[k], first[k + 1]):
            to = place[row[i]]
            place[row[i]] += 1
            order.item[to] = i
            order.owner[to] = k


@kernel
def _sum_moments(runs: Runs, sums: RunSums) -> None:
    """Closed forms of each run's moments, added up from the object's first pixel."""
    for k in range(runs.label.size):
        i = runs.first[k]
        oy, ox = np.int64(runs.row[i]), np.int64(runs.start[i])
        left, right, bottom = ox, ox, oy
        n = sy = sx = syy = sxx = sxy = np.int64(0)
        for i in range(runs.first[k], runs.first[k + 1]):
            dy = runs.row[i] - oy
            dx = runs.start[i] - ox
            m = np.int64(runs.stop[i] - runs.start[i])
            ramp = m * (m - 1) // 2
            columns = m * dx + ramp
            n += m
            sy += m * dy
            sx += columns
            syy += m * dy * dy
            sxx += m * dx * dx + 2 * dx * ramp + (m - 1) * m * (2 * m - 1) // 6
            sxy += dy * columns
            left = min(left, np.int64(runs.start[i]))
            right = max(right, np.int64(runs.stop[i]))
            bottom = np.int64(runs.row[i])
        sums.origin[k, 0] = sums.bbox[k, 0] = oy
        sums.origin[k, 1] = ox
        sums.bbox[k, 1] = left
        sums.bbox[k, 2] = bottom + 1
        sums.bbox[k, 3] = right
        for j, value in enumerate((n, sy, sx, syy, sxx, sxy)):
            sums.moments[k, j] = value


@kernel
def _count_pairs(runs: Runs, pairs: Int64) -> None:
    """Count each object's neighbouring pixels; ``above`` trails the runs of the row above.

    The run above is moved by -1, 0 and 1 columns: what the two share then are pairs along the
    three directions down.
    """
    first, row, start, stop = runs.first, runs.row, runs.start, runs.stop
    for k in range(first.size - 1):
        above = first[k]
        along = down = right = left = touching = np.int64(0)
        for i in range(first[k], first[k + 1]):
            y, a, b = row[i] - 1, start[i], stop[i]
            along += b - a - 1
            while row[above] < y or (row[above] == y and stop[above] < a):
                above += 1
            j = above
            while row[j] == y and start[j] <= b:
                c, d = start[j], stop[j]
                down += max(0, min(b, d) - max(a, c))
                right += max(0, min(b, d + 1) - max(a, c + 1))
                left += max(0, min(b, d - 1) - max(a, c - 1))
                touching += 1
                j += 1
        for j, value in enumerate((along, down, right, left, touching)):
            pairs[k, j] = value
