"""Chores on objects that are kept as runs: paint, select, clean, average, weigh the outline.

Objects are `monolayer_kernels.measure_runs.Runs`: disjoint, each with its runs in row-major
order. A chore walks the runs of one object after the other and costs what the objects cover; as
walks over the whole label image the same chores took five times as long.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_inside
from monolayer_kernels.measure_intensity import fetch_rows
from monolayer_kernels.measure_runs import Runs, RunSums
from monolayer_kernels.runs import shape_scores
from monolayer_kernels.union import find_root

__all__ = [
    "Levels",
    "Plane",
    "ellipse_scores",
    "join_objects",
    "keep_largest_patch",
    "outline_falls",
    "paint_runs",
    "repaint_runs",
    "run_means",
    "select_objects",
]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# So many runs a row of the image, and it pays to fetch whole rows before their runs are read.
_DENSE_RUNS = 8


class Levels(NamedTuple):
    """A plane kept as counts, half the size of float32: sums over it are exact.

    Attributes
    ----------
    counts : ndarray (H, W) uint16
    step, low : float
        The value of a pixel is ``low + step * counts``.
    """

    counts: NDArray[np.uint16]
    step: float
    low: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.counts.shape


Plane = Float32 | Levels


def paint_runs(runs: Runs, shape: tuple[int, ...]) -> Int32:
    """Label image of the objects; 0 where there is none.

    Raises
    ------
    ValueError
        An object that leaves the image.
    """
    check_inside(runs, shape)
    labels = np.zeros(shape, np.int32)
    _paint(runs, labels)
    return labels


def repaint_runs(runs: Runs, labels: Int32) -> None:
    """Give the objects' pixels their labels, in place; the others are left alone.

    Raises
    ------
    ValueError
        An object that leaves the image.
    """
    check_inside(runs, labels.shape)
    _paint(runs, labels)


def select_objects(runs: Runs, order: NDArray[np.intp]) -> Runs:
    """The named objects in the named order, labelled anew from 1.

    Raises
    ------
    ValueError
        A position that is none of an object.
    """
    n = runs.label.size
    if len(order) and not 0 <= int(order.min()) <= int(order.max()) < n:
        raise ValueError(f"positions must be 0 to {n - 1}; got {order.min()} to {order.max()}")
    counts = np.diff(runs.first)[order]
    first = np.zeros(len(order) + 1, np.int64)
    np.cumsum(counts, out=first[1:])
    chosen = np.empty((3, int(first[-1])), np.int32)
    _select(runs, np.asarray(order), first, chosen)
    label = np.arange(1, len(order) + 1, dtype=np.int32)
    return Runs(label, first, chosen[0], chosen[1], chosen[2])


def join_objects(several: Sequence[Runs]) -> Runs:
    """All objects of several sets, one set after the other, labelled anew from 1."""
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(runs.first) for runs in several)])
    first = np.cumsum(counts)
    row, start, stop = (
        np.concatenate([column, *(getattr(runs, name) for runs in several)])
        for name, column in zip(("row", "start", "stop"), np.empty((3, 0), np.int32), strict=True)
    )
    return Runs(np.arange(1, len(first), dtype=np.int32), first, row, start, stop)


def keep_largest_patch(runs: Runs) -> Runs:
    """Each object's largest 4-connected patch; of equals the one that comes first."""
    keep = np.ones(len(runs.row), np.bool_)
    if _largest_patches(runs, keep):
        return runs
    first = np.zeros_like(runs.first)
    np.cumsum(np.add.reduceat(keep, runs.first[:-1], dtype=np.int64), out=first[1:])
    return Runs(runs.label, first, runs.row[keep], runs.start[keep], runs.stop[keep])


def run_means(runs: Runs, image: Plane) -> Float64:
    """Mean of the image over each object.

    Raises
    ------
    ValueError
        An object that leaves the image.
    """
    check_inside(runs, image.shape)
    means = np.empty(runs.label.size)
    if isinstance(image, Levels):
        dense = runs.row.size > _DENSE_RUNS * image.shape[0]
        _mean_counts(runs, image.counts, dense, means)
        means *= image.step
        means += image.low
    else:
        _means(runs, image, means)
    return means


def ellipse_scores(sums: RunSums) -> Float64:
    """How close each object's shape is to an ellipse, see `monolayer_kernels.runs.shape_scores`."""
    chords = sums.moments[:, :1] - sums.pairs[:, :4]
    return shape_scores(np.hstack([sums.moments, chords, sums.origin]))


def outline_falls(runs: Runs, image: Plane, reach: int) -> Float64:
    """Mean fall of the image across each object's outline.

    At every face between a pixel of the object and one that is not, the value ``reach`` pixels
    outwards is taken from the value ``reach - 1`` pixels inwards, along the row or column. Faces
    within ``reach`` of the image border are left out; an object without any gets 0.

    Parameters
    ----------
    runs : Runs
    image : ndarray (H, W) float32, or Levels
    reach : int
        Pixels, at least 1.

    Returns
    -------
    ndarray (n,) float64
        In units of ``image``.

    Raises
    ------
    ValueError
        A reach below 1, or an object that leaves the image.
    """
    if reach < 1:
        raise ValueError(f"reach must be at least 1, not {reach}")
    check_inside(runs, image.shape)
    falls = np.zeros(runs.label.size)
    if isinstance(image, Levels):
        _falls(runs, image.counts, reach, (np.int64(0), np.int64(0)), falls)
        falls *= image.step
    else:
        _falls(runs, image, reach, (np.float32(0), np.float64(0)), falls)
    return falls


@kernel
def _select(runs: Runs, order: NDArray[np.intp], first: Int64, chosen: Int32) -> None:
    for k in range(order.size):
        i = runs.first[order[k]]
        for to in range(first[k], first[k + 1]):
            chosen[0, to], chosen[1, to], chosen[2, to] = runs.row[i], runs.start[i], runs.stop[i]
            i += 1


@kernel
def _paint(runs: Runs, labels: Int32) -> None:
    for k in range(runs.label.size):
        for i in range(runs.first[k], runs.first[k + 1]):
            labels[runs.row[i], runs.start[i] : runs.stop[i]] = runs.label[k]


@kernel
def _means(runs: Runs, image: Float32, means: Float64) -> None:
    row, start, stop = runs.row, runs.start, runs.stop
    for k in range(runs.label.size):
        # A plain 0.0 would, without the compiler, take on the image's float32.
        total, n = np.float64(0), 0
        for i in range(runs.first[k], runs.first[k + 1]):
            # Unsigned: an index that might count from the end made each run twice as dear.
            y, left = np.uintp(row[i]), np.uintp(start[i])
            # Four sums side by side: one would wait for its own last addition.
            a = b = c = d = np.float64(0)
            length = np.uintp(stop[i]) - left
            whole = length & ~np.uintp(3)
            for x in range(left, left + whole, np.uintp(4)):
                a += image[y, x]
                b += image[y, x + np.uintp(1)]
                c += image[y, x + np.uintp(2)]
                d += image[y, x + np.uintp(3)]
            for x in range(left + whole, left + length):
                a += image[y, x]
            total += (a + b) + (c + d)
            n += stop[i] - start[i]
        means[k] = total / n


@kernel
def _mean_counts(runs: Runs, counts: NDArray[np.uint16], dense: bool, means: Float64) -> float:
    """Where objects are dense, rows are fetched first; what is returned has no meaning.

    For float32, twice as many bytes, that gained nothing.
    """
    row, start, stop = runs.row, runs.start, runs.stop
    fetched, seen = 0, 0.0
    for k in range(runs.label.size):
        bottom = row[runs.first[k + 1] - 1] + 1
        if dense & (fetched < bottom):
            top = max(fetched, int(row[runs.first[k]]))
            seen = max(seen, fetch_rows(counts, top, int(bottom)))
            fetched = int(bottom)
        total, n = np.int64(0), 0
        for i in range(runs.first[k], runs.first[k + 1]):
            y = np.uintp(row[i])
            # Fits 32 bits: a side has 65,535 pixels at most.
            part = np.uint32(0)
            for x in range(np.uintp(start[i]), np.uintp(stop[i])):
                part += np.uint32(counts[y, x])
            total += np.int64(part)
            n += stop[i] - start[i]
        means[k] = total / n
    return seen


@kernel
def _largest_patches(runs: Runs, keep: NDArray[np.bool_]) -> bool:
    """Clear ``keep`` for runs of smaller patches; return whether there were none."""
    whole = True
    for k in range(runs.label.size):
        first, n = runs.first[k], runs.first[k + 1] - runs.first[k]
        patch = _patches(runs.row[first : first + n], runs.start[first:], runs.stop[first:])
        if patch.max() == 0:
            continue
        whole = False
        area = np.zeros(n, np.int64)
        for i in range(n):
            area[patch[i]] += runs.stop[first + i] - runs.start[first + i]
        largest = np.argmax(area)
        for i in range(n):
            keep[first + i] = patch[i] == largest
    return whole


@kernel
def _patches(row: Int32, start: Int32, stop: Int32) -> Int64:
    """First run of each run's 4-connected patch."""
    n = len(row)
    parent = np.arange(n)
    j = 0
    for i in range(n):
        above = row[i] - 1
        while row[j] < above or (row[j] == above and stop[j] <= start[i]):
            j += 1
        k = j
        while row[k] == above and start[k] < stop[i]:
            a, b = find_root(parent, i), find_root(parent, k)
            parent[max(a, b)] = min(a, b)
            k += 1
    for i in range(n):
        # A parent comes before its child, so its own parent is the root already.
        parent[i] = parent[parent[i]]
    return parent


@kernel
def _falls(
    runs: Runs, image: NDArray[Any], reach: int, zeros: tuple[Any, Any], falls: Float64
) -> float:
    """``zeros`` are of the types in which two pixels are subtracted, and differences added.

    Rows are fetched before they are looked at: waiting for memory face by face took half of the
    time again. What is returned has no meaning: see `fetch_rows`.
    """
    zero, none = zeros
    height, width = image.shape
    row, starts, stops = runs.row, runs.start, runs.stop
    back = reach - 1
    fetched, seen = 0, 0.0
    for k in range(runs.label.size):
        total, faces = none, 0
        first, last = runs.first[k], runs.first[k + 1]
        above, below = first, first
        bottom = min(row[last - 1] + 1 + reach, height)
        if fetched < bottom:
            top = max(fetched, int(row[first]) - reach)
            seen = max(seen, fetch_rows(image, top, int(bottom)))
            fetched = int(bottom)
        for i in range(first, last):
            y, start, stop = row[i], starts[i], stops[i]
            if reach <= start < width - reach:
                total += (zero + image[y, start + back]) - image[y, start - reach]
                faces += 1
            if reach <= stop - 1 < width - reach:
                total += (zero + image[y, stop - 1 - back]) - image[y, stop - 1 + reach]
                faces += 1
            if not reach <= y < height - reach:
                continue
            while row[above] < y - 1:
                above += 1
            while below < last and row[below] <= y:
                below += 1
            for side in range(2):
                step = -1 if side == 0 else 1
                j = above if side == 0 else below
                inner, outer = np.uintp(y - step * back), np.uintp(y + step * reach)
                x = start
                while x < stop:
                    # The next stretch of the neighbouring row that is the object's own.
                    while j < last and row[j] == y + step and stops[j] <= x:
                        j += 1
                    covered = j < last and row[j] == y + step
                    end = min(stop, starts[j]) if covered else stop
                    if end > x:
                        faces += end - x
                        for c in range(np.uintp(x), np.uintp(end)):
                            total += (zero + image[inner, c]) - image[outer, c]
                    x = max(x, stops[j]) if covered else stop
        falls[k] = total / max(faces, 1)
    return seen
