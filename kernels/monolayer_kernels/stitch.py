"""Objects found in overlapping tiles of one plane, each counted once.

The rule: a plane is cut into cores that do not overlap, and a tile looks at its core and a margin
around it. An object belongs to the tile whose core holds its first pixel in row-major order; what
a tile finds beside that is left to its neighbours. A pixel lies in exactly one core, so wherever
two tiles that hold an object whole outline it alike, exactly one of them keeps it: the count and
the outlines do not depend on the size of the tiles.

What the caller must see to:

- The margin is wider than any object (`own_objects` names those it cannot vouch for: they belong
  to the tile but reach a side at which its window cuts the plane).
- The outline of an object does not depend on the window it is seen in. Where it does, two tiles
  may both keep an object, or neither. `shared_pixels` finds what was kept twice; what was lost
  cannot be seen from the tiles.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Int32, Int64, Runs

__all__ = ["Owned", "Tile", "cut_tiles", "own_objects", "shared_pixels", "shift_runs"]


class Tile(NamedTuple):
    """A tile of a plane; both boxes are top, left, bottom, right, the last two exclusive.

    Attributes
    ----------
    core : tuple of int
        The tile's own pixels.
    window : tuple of int
        What it looks at: the core and the margin, as far as the plane reaches.
    """

    core: tuple[int, int, int, int]
    window: tuple[int, int, int, int]


class Owned(NamedTuple):
    """Which of a tile's objects are its own.

    Attributes
    ----------
    kept : ndarray of intp
        Objects whose first pixel lies in the core, in the order of their first pixels.
    cut : ndarray of bool, shape (len(kept),)
        Whether each may be cut by the window: it touches a side that is not the plane's border.
    """

    kept: NDArray[np.intp]
    cut: NDArray[np.bool_]


def cut_tiles(shape: tuple[int, int], side_px: int, margin_px: int) -> list[Tile]:
    """Cut a plane into tiles, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the plane.
    side_px : int
        Side of a core; cores at the right and the bottom may be smaller.
    margin_px : int
        How far a window reaches beyond its core.

    Raises
    ------
    ValueError
        A plane without pixels, a side below 1 or a negative margin.
    """
    height, width = shape
    if height < 1 or width < 1:
        msg = f"a plane needs pixels; got shape {shape}."
        raise ValueError(msg)
    if side_px < 1 or margin_px < 0:
        msg = f"tiles need side_px >= 1 and margin_px >= 0; got {side_px} and {margin_px}."
        raise ValueError(msg)
    tiles = []
    for top in range(0, height, side_px):
        for left in range(0, width, side_px):
            bottom, right = min(top + side_px, height), min(left + side_px, width)
            window = (
                max(0, top - margin_px),
                max(0, left - margin_px),
                min(height, bottom + margin_px),
                min(width, right + margin_px),
            )
            tiles.append(Tile((top, left, bottom, right), window))
    return tiles


def own_objects(runs: Runs, tile: Tile, shape: tuple[int, int]) -> Owned:
    """Choose a tile's own objects.

    Parameters
    ----------
    runs : Runs
        Objects of the tile in coordinates of its window, each with its runs in row-major order.
    tile : Tile
        From `cut_tiles`.
    shape : tuple of int
        Of the plane.

    Returns
    -------
    Owned
    """
    top, left, bottom, right = tile.window
    firsts = runs.first[:-1]
    y, x = runs.row[firsts] + top, runs.start[firsts] + left
    core = tile.core
    inside = (y >= core[0]) & (y < core[2]) & (x >= core[1]) & (x < core[3])
    kept = np.flatnonzero(inside)
    kept = kept[np.lexsort((x[kept], y[kept]))]
    lasts = runs.row[runs.first[1:] - 1]
    cut = np.zeros(firsts.size, np.bool_)
    if top > 0:
        cut |= runs.row[firsts] == 0
    if bottom < shape[0]:
        cut |= lasts == bottom - top - 1
    if firsts.size and left > 0:
        cut |= np.minimum.reduceat(runs.start, firsts) == 0
    if firsts.size and right < shape[1]:
        cut |= np.maximum.reduceat(runs.stop, firsts) == right - left
    return Owned(kept, cut[kept])


def shift_runs(runs: Runs, down: int, to_right: int) -> Runs:
    """Runs in coordinates whose origin lies so many pixels up and to the left."""
    row = (runs.row + down).astype(np.int32)
    start, stop = (runs.start + to_right).astype(np.int32), (runs.stop + to_right).astype(np.int32)
    return runs._replace(row=row, start=start, stop=stop)


def shared_pixels(runs: Runs) -> tuple[Int64, Int64]:
    """Find the objects that lie upon one another.

    Parameters
    ----------
    runs : Runs
        Objects that may overlap, none itself.

    Returns
    -------
    pairs : ndarray of int64, shape (n, 2)
        Positions of two objects with pixels in common, the lower one first; ascending.
    shared : ndarray of int64, shape (n,)
        How many pixels.
    """
    owner = np.repeat(np.arange(runs.label.size), np.diff(runs.first))
    order = np.lexsort((runs.start, runs.row))
    table: Int32 = np.empty((owner.size, 4), np.int32)
    table[:, 0], table[:, 1] = runs.row[order], runs.start[order]
    table[:, 2], table[:, 3] = runs.stop[order], owner[order]
    found = np.empty((int(_overlaps(table, np.empty((0, 3), np.int32))), 3), np.int32)
    _overlaps(table, found)
    pairs, which = np.unique(found[:, :2], axis=0, return_inverse=True)
    shared = np.zeros(len(pairs), np.int64)
    np.add.at(shared, which.ravel(), found[:, 2])
    return pairs.astype(np.int64), shared


@kernel
def _overlaps(table: Int32, found: Int32) -> int:
    """Write owners and columns in common of runs that overlap, while they fit; count them."""
    n = 0
    for i in range(len(table)):
        k = i + 1
        while k < len(table) and table[k, 0] == table[i, 0] and table[k, 1] < table[i, 2]:
            if n < len(found):
                found[n, 0] = min(table[i, 3], table[k, 3])
                found[n, 1] = max(table[i, 3], table[k, 3])
                found[n, 2] = min(table[i, 2], table[k, 2]) - table[k, 1]
            n += 1
            k += 1
    return n
