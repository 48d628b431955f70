"""Connected components of a thresholded image or a mask, without a label image.

1. A row's comparison is written as bytes, which vectorises; so is "differs from the pixel
   before", and of that eight bytes are looked at as one word: most words are zero.
2. Runs join those that they touch in the row above in a union-find whose roots are first runs,
   so that components are numbered by their first pixels without sorting.
3. A counting sort brings each object's runs together. Everything else about objects
   (`monolayer_kernels.measure_runs`, `.shape`, ...) starts from there.

Holes are filled in the same way: the gaps between runs are runs of background, and what is not
connected to the image's border is a hole.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.background import check_grid, grid_lines, open_grid
from monolayer_kernels.flags import list_flags
from monolayer_kernels.measure_runs import MAX_SIDE_PX, Runs
from monolayer_kernels.union import find_root

__all__ = [
    "RowRuns",
    "connect_runs",
    "fill_gaps",
    "find_above",
    "group_runs",
    "label_above",
]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]
UInt64 = NDArray[np.uint64]
Float32 = NDArray[np.float32]
Image = NDArray[Any]

_PIXELS = (np.uint8, np.uint16, np.float32)


class RowRuns(NamedTuple):
    """Runs of foreground in row-major order.

    Attributes
    ----------
    first : ndarray of int64, shape (height + 1,)
        Row y holds the runs ``first[y]`` to ``first[y + 1] - 1``.
    start, stop : ndarray of int32, shape (number of runs,)
        First column and the column after the last; runs of a row do not touch.
    width : int
        Columns of the image.
    """

    first: Int64
    start: Int32
    stop: Int32
    width: int


class Cut(NamedTuple):
    """One level, or, where ``grid`` is not empty, levels at the centres of blocks."""

    level: Any
    grid: Float32
    block: int


def label_above(
    image: Image,
    threshold: float | Float32,
    *,
    block: int = 1,
    connectivity: int = 8,
    fill_holes: bool = False,
) -> Runs:
    """Find the connected components of all pixels brighter than a threshold.

    Parameters
    ----------
    image : ndarray of uint8, uint16 or float32, shape (height, width), C-contiguous
    threshold : float or ndarray of float32, shape (ceil(height / block), ceil(width / block))
        A pixel belongs to an object where it is larger. One number; or one for each block, at
        its centre, with straight lines between, which is how a background is added without
        ever being an image.
    block : int
        Side of a block in pixels; 1 for a threshold a pixel.
    connectivity : {4, 8}
        Whether pixels that touch at a corner are connected.
    fill_holes : bool
        Whether background that does not reach the image's border becomes foreground. Background
        is connected by the other connectivity.

    Returns
    -------
    Runs
        Objects 1 to n in the order of their first pixels, as `scipy.ndimage.label` numbers them.

    Raises
    ------
    TypeError
        Another dtype, also of a grid.
    ValueError
        Not 2-D, empty, not C-contiguous, too large, another connectivity, a threshold that is NaN,
        or a grid that does not fit or is not finite.
    """
    _check_connectivity(connectivity)
    rows = find_above(image, threshold, block)
    return group_runs(fill_gaps(rows, connectivity) if fill_holes else rows, connectivity)


def find_above(image: Image, threshold: float | Float32, block: int = 1) -> RowRuns:
    """Find the runs of pixels brighter than a threshold, see `label_above`.

    Raises
    ------
    TypeError, ValueError
        As `label_above`.
    """
    _check_image(image)
    if isinstance(threshold, np.ndarray):
        check_grid(image.shape, threshold, block)
        level = image.dtype.type(0)
        return _row_runs(image, Cut(level, np.ascontiguousarray(threshold), block))
    if np.isnan(threshold):
        msg = "threshold must be a number; got NaN."
        raise ValueError(msg)
    if image.dtype.kind == "u":
        limit = int(np.iinfo(image.dtype).max)
        if not 0 <= threshold < limit:
            return _all_or_nothing(image.shape[0], image.shape[1] if threshold < 0 else 0)
        threshold = int(np.floor(threshold))
    with np.errstate(over="ignore"):
        level = image.dtype.type(threshold)
    if float(level) > threshold:
        # The nearest float32 lies above: one step down, and > means what it says.
        level = np.nextafter(level, np.float32(-np.inf))
    return _row_runs(image, Cut(level, np.empty((0, 0), np.float32), 1))


def fill_gaps(rows: RowRuns, connectivity: int = 8) -> RowRuns:
    """Fill holes: gaps between runs that are not connected to the image's border.

    Parameters
    ----------
    rows : RowRuns
    connectivity : {4, 8}
        Of the foreground; the background's is the other one.
    """
    _check_connectivity(connectivity)
    height = rows.first.size - 1
    gaps = _room(height, rows.start.size + height, rows.width)
    n = int(_find_gaps(rows, gaps))
    owner = connect_runs(gaps._replace(start=gaps.start[:n]), 4 if connectivity == 8 else 8)
    outside = np.zeros(int(_number(owner)), np.bool_)
    _mark_outside(gaps, owner, outside)
    filled = _room(height, rows.start.size, rows.width)
    n = int(_fill(rows, gaps, owner, outside, filled))
    return RowRuns(filled.first, filled.start[:n], filled.stop[:n], rows.width)


def group_runs(rows: RowRuns, connectivity: int = 8) -> Runs:
    """Connect runs to objects and bring each object's runs together."""
    parent = connect_runs(rows, connectivity)
    # A component's root is its first run: roots in ascending order are the objects in order.
    count = _number(parent)
    first = np.zeros(count + 1, np.int64)
    _count(parent, first[1:])
    np.cumsum(first, out=first)
    grouped = np.empty((3, parent.size), np.int32)
    _group(rows, parent, first[:-1].copy(), grouped)
    label = np.arange(1, count + 1, dtype=np.int32)
    return Runs(label, first, grouped[0], grouped[1], grouped[2])


def connect_runs(rows: RowRuns, connectivity: int = 8) -> Int32:
    """Join runs that touch: the parent of each in a union-find, see `monolayer_kernels.union`.

    Returns
    -------
    ndarray of int32, shape (number of runs,)
        Two runs with the same root belong to the same component; a root is its first run.

    Raises
    ------
    ValueError
        Another connectivity than 4 or 8.
    """
    _check_connectivity(connectivity)
    parent = np.empty(rows.start.size, np.int32)
    _connect(rows, connectivity == 8, parent)
    return parent


def _check_image(image: Image) -> None:
    if image.dtype.type not in _PIXELS or not image.dtype.isnative:
        msg = f"image must be uint8, uint16 or float32 in native byte order; got {image.dtype.str}."
        raise TypeError(msg)
    if image.ndim != 2 or image.size == 0:
        msg = f"image must be 2-D and not empty; got shape {image.shape}."
        raise ValueError(msg)
    if max(image.shape) > MAX_SIDE_PX:
        msg = f"an image of shape {image.shape} exceeds {MAX_SIDE_PX} pixels a side; scan strips."
        raise ValueError(msg)
    if not image.flags.c_contiguous:
        msg = f"image must be C-contiguous; got strides {image.strides}: np.ascontiguousarray."
        raise ValueError(msg)


def _check_connectivity(connectivity: int) -> None:
    if connectivity not in (4, 8):
        msg = f"connectivity must be 4 or 8; got {connectivity!r}."
        raise ValueError(msg)


def _room(height: int, n: int, width: int) -> RowRuns:
    first = np.zeros(height + 1, np.int64)
    return RowRuns(first, np.empty(n, np.int32), np.empty(n, np.int32), width)


def _all_or_nothing(height: int, width: int) -> RowRuns:
    n = height if width else 0
    first = np.minimum(np.arange(height + 1, dtype=np.int64), n)
    return RowRuns(first, np.zeros(n, np.int32), np.full(n, width, np.int32), width)


def _row_runs(image: Image, cut: Cut) -> RowRuns:
    """Walk once; only where more than one pixel in 16 begins or ends a run, a second time."""
    height, width = image.shape
    first = np.empty(height + 1, np.int64)
    # Each list of edges ends with room for a whole row of them.
    for capacity in (image.size // 16, image.size + height):
        edges = np.empty(capacity + width + 16, np.int32)
        n = int(_scan(image, cut, first, edges))
        if n >= 0:
            break
    return RowRuns(first, edges[0:n:2].copy(), edges[1:n:2].copy(), width)


@kernel
def _scan(image: Image, cut: Cut, first: Int64, edges: Int32) -> int:
    """Write first and last-plus-one column of each run; -1 if there is no room for them."""
    height, width = image.shape
    # The flag before the first pixel and the one after the last stay false.
    flags = np.zeros(width + 2, np.uint8)
    words = np.zeros(width // 8 + 1, np.uint64)
    changed = words.view(np.uint8)[: width + 1]
    hits = np.empty(words.size + 1, np.int32)
    spread = open_grid(cut.grid, cut.block, width)
    first[0] = n = 0
    for y in range(height):
        if cut.grid.size == 0:
            _flag_level(image[y], cut.level, flags[1:])
        else:
            upper, lower, part = grid_lines(spread, y)
            _flag_levels(image[y], (upper, lower), part, flags[1:])
        _flag_changes(flags, changed)
        n = list_flags(words, hits, n, edges)
        first[y + 1] = n // 2
        if n > edges.size - width - 16:
            return -1
    return n


@kernel
def _flag_level(row: Image, level: Any, flags: UInt8) -> None:
    for x in range(row.size):
        flags[x] = row[x] > level


@kernel
def _flag_levels(
    row: Image, levels: tuple[Float32, Float32], part: np.float32, flags: UInt8
) -> None:
    """Compare with the line between two grid rows, which is never written."""
    upper, lower = levels
    for x in range(row.size):
        level = upper[x] + part * (lower[x] - upper[x])
        flags[x] = np.float32(row[x]) > level


@kernel
def _flag_changes(flags: UInt8, changed: UInt8) -> None:
    after = flags[1:]
    for x in range(changed.size):
        changed[x] = flags[x] ^ after[x]


@kernel
def _connect(rows: RowRuns, diagonal: bool, parent: Int32) -> None:
    """Union-find over runs; a root is its component's first run."""
    first, start, stop = rows.first, rows.start, rows.stop
    reach = 1 if diagonal else 0
    for i in range(first[0], first[1]):
        parent[i] = i
    for y in range(1, first.size - 1):
        j, end = first[y - 1], first[y]
        for i in range(first[y], first[y + 1]):
            parent[i] = i
            left, right = start[i] - reach, stop[i] + reach
            while j < end and stop[j] <= left:
                j += 1
            k = j
            while k < end and start[k] < right:
                a, b = find_root(parent, k), find_root(parent, i)
                parent[max(a, b)] = min(a, b)
                k += 1


@kernel
def _number(parent: Int32) -> int:
    """Replace parents by numbers of components; a parent lies before its child."""
    count = 0
    for i in range(parent.size):
        if parent[i] == i:
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    return count


@kernel
def _count(owner: Int32, counts: Int64) -> None:
    for i in range(owner.size):
        counts[owner[i]] += 1


@kernel
def _group(rows: RowRuns, owner: Int32, place: Int64, grouped: Int32) -> None:
    """Counting sort by object, stable, so that each object's runs keep their row order."""
    for y in range(rows.first.size - 1):
        for i in range(rows.first[y], rows.first[y + 1]):
            to = place[owner[i]]
            place[owner[i]] += 1
            grouped[0, to] = y
            grouped[1, to] = rows.start[i]
            grouped[2, to] = rows.stop[i]


@kernel
def _find_gaps(rows: RowRuns, gaps: RowRuns) -> int:
    n = 0
    for y in range(rows.first.size - 1):
        left = 0
        for i in range(rows.first[y], rows.first[y + 1]):
            if rows.start[i] > left:
                gaps.start[n], gaps.stop[n] = left, rows.start[i]
                n += 1
            left = rows.stop[i]
        if left < rows.width:
            gaps.start[n], gaps.stop[n] = left, rows.width
            n += 1
        gaps.first[y + 1] = n
    return n


@kernel
def _mark_outside(gaps: RowRuns, owner: Int32, outside: NDArray[np.bool_]) -> None:
    """Mark the components of background that reach the border."""
    last = gaps.first.size - 2
    for y in range(last + 1):
        for i in range(gaps.first[y], gaps.first[y + 1]):
            if y in (0, last) or gaps.start[i] == 0 or gaps.stop[i] == gaps.width:
                outside[owner[i]] = True


@kernel
def _fill(
    rows: RowRuns, gaps: RowRuns, owner: Int32, outside: NDArray[np.bool_], filled: RowRuns
) -> int:
    """Join the runs of a row across gaps that are holes."""
    n = 0
    for y in range(rows.first.size - 1):
        gap = gaps.first[y]
        for i in range(rows.first[y], rows.first[y + 1]):
            while gap < gaps.first[y + 1] and gaps.stop[gap] < rows.start[i]:
                gap += 1
            before = gap < gaps.first[y + 1] and gaps.stop[gap] == rows.start[i]
            if before and not outside[owner[gap]]:
                # No hole begins at the border, so there is a run before this one.
                filled.stop[n - 1] = rows.stop[i]
                continue
            filled.start[n], filled.stop[n] = rows.start[i], rows.stop[i]
            n += 1
        filled.first[y + 1] = n
    return n
