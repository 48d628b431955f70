"""Component tree of a plane cut at a few levels, and the choice of its best disjoint parts.

A node is one connected component of ``levels >= k``. Nodes are numbered level by level from the
lowest, so a parent always comes before its children. The one trick: one walk over the pixels,
with a stack of the runs that are open, finds the runs of all levels and which run holds which;
from there on only runs are connected and summed. (A stack of one labelling a level walked the
bright pixels once for every level and took 1.7 times as long, a pixel-wise union-find tree 10 to
20 times.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.runs import (
    AREA,
    CHORDS_ANTIDIAGONAL,
    CHORDS_DIAGONAL,
    CHORDS_HORIZONTAL,
    CHORDS_VERTICAL,
    FIRST_X,
    FIRST_Y,
    N_SUMS,
    SUM_X,
    SUM_XX,
    SUM_XY,
    SUM_Y,
    SUM_YY,
)

__all__ = ["ComponentTree", "branch_prominence", "build_tree", "choose_nodes", "node_runs"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

_NONE, _ONE = np.uintp(0), np.uintp(1)
_THREE = np.uint64(3)


class ComponentTree(NamedTuple):
    """Nodes of a component tree, parents before children.

    Attributes
    ----------
    level : ndarray (n,) int32
        The node is a component of ``levels >= level``.
    parent : ndarray (n,) int32
        Node of the level below that holds this one; -1 at the lowest level.
    sums : ndarray (n, N_SUMS) int64
        Integer sums of the node's pixels, see `monolayer_kernels.runs`.
    runs : ndarray (m, 4) int32
        Row, first column, column after the last, and the run of the level below that holds it
        (-1 at the lowest); level by level, in row-major order within each.
    node : ndarray (m,) int32
        Node of each run.
    """

    level: Int32
    parent: Int32
    sums: Int64
    runs: Int32
    node: Int32


def build_tree(levels: NDArray[np.uint8]) -> ComponentTree:
    """Component tree of an image of levels.

    Parameters
    ----------
    levels : ndarray (H, W) uint8
        0 is background; every other value is a level. Neighbours are 4-connected.

    Returns
    -------
    ComponentTree

    Raises
    ------
    ValueError
        Another dtype, or not 2-D.
    """
    if levels.ndim != 2 or levels.dtype != np.uint8:
        raise ValueError(f"levels must be 2-D uint8, not {levels.ndim}-D {levels.dtype}")
    levels = np.ascontiguousarray(levels)
    first = np.zeros(258, np.int64)
    _count_runs(levels, first[1:])
    np.cumsum(first, out=first)
    runs = np.empty((int(first[-1]), 4), np.int32)
    _open_runs(levels, first[:-1].copy(), runs)
    node, shared = np.empty(len(runs), np.int32), np.empty((len(runs), 3), np.int32)
    count = _join_levels(runs, first, node, shared)
    level, parent = np.empty(count, np.int32), np.full(count, -1, np.int32)
    sums = np.zeros((count, N_SUMS), np.int64)
    _sum_nodes(runs, node, shared, (level, parent, sums))
    return ComponentTree(level, parent, sums, runs, node)


def choose_nodes(parent: NDArray[np.int32], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Disjoint nodes whose values add up to the most.

    ``best(node) = max(value(node), sum of best(children))``; of equals the larger node is taken.
    Values are rounded to 2^-30 of the largest first, so that sums do not hang on their order.

    Parameters
    ----------
    parent : ndarray (n,) int32
        Parents come before children, -1 for none.
    value : ndarray (n,) float64
        Finite and not negative; a node of value 0 is never chosen.

    Returns
    -------
    ndarray (n,) bool

    Raises
    ------
    ValueError
        Lengths that differ, a parent that does not come before its child, or such a value.
    """
    if parent.shape != value.shape:
        raise ValueError(f"{len(parent)} parents but {len(value)} values")
    late = (parent < -1) | (parent >= np.arange(len(parent)))
    if late.any():
        node = int(np.argmax(late))
        raise ValueError(f"parents must come before children; node {node} has {parent[node]}")
    if value.size and not (np.isfinite(value).all() and value.min() >= 0):
        raise ValueError("value must be finite and not negative")
    largest = float(value.max()) if value.size else 0.0
    unit = largest / (1 << 30) if largest else 1.0
    chosen = np.zeros(len(parent), dtype=np.bool_)
    _choose(parent, np.rint(value / unit).astype(np.int64), chosen)
    return chosen


def node_runs(tree: ComponentTree, nodes: NDArray[np.intp]) -> Runs:
    """Runs of disjoint nodes: node ``nodes[i]`` becomes object ``i + 1``."""
    number = np.full(len(tree.level), -1, dtype=np.int32)
    number[nodes] = np.arange(len(nodes), dtype=np.int32)
    first = np.zeros(len(nodes) + 1, dtype=np.int64)
    # A node has as many horizontal chords as runs.
    np.cumsum(tree.sums[nodes, CHORDS_HORIZONTAL], out=first[1:])
    table = np.empty((3, int(first[-1])), dtype=np.int32)
    _take_nodes(tree.runs, tree.node, number, (first[:-1].copy(), table))
    label = np.arange(1, len(nodes) + 1, dtype=np.int32)
    return Runs(label, first, table[0], table[1], table[2])


def branch_prominence(
    tree: ComponentTree, heights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each node's branch rises above the saddle where it joins a higher one.

    Of two branches that meet, the one with the higher peak lives on and the other ends (elder
    rule of persistent homology; of equal peaks the branch that comes first lives on).

    Parameters
    ----------
    tree : ComponentTree
    heights : ndarray (highest level + 1,) float64
        Height of each level, ``heights[0]`` that of the background.

    Returns
    -------
    prominence : ndarray (n,) float64
        Peak minus saddle of the branch that the node lies on; for the last branch of each
        lowest component, peak minus ``heights[0]``.
    peak : ndarray (n,) float64
        Height of the highest level within the node.

    Raises
    ------
    ValueError
        Fewer heights than levels.
    """
    if tree.level.size and len(heights) <= int(tree.level.max()):
        raise ValueError(f"{len(heights)} heights for levels up to {int(tree.level.max())}")
    peak = heights[tree.level].astype(np.float64)
    prominence = np.empty(len(peak), dtype=np.float64)
    _prominence(tree.parent, heights[tree.level - 1] if len(peak) else peak, peak, prominence)
    return prominence, peak


@kernel
def _prominence(
    parent: NDArray[np.int32],
    saddle: NDArray[np.float64],
    peak: NDArray[np.float64],
    prominence: NDArray[np.float64],
) -> None:
    n = len(parent)
    elder = np.full(n, -1, dtype=np.int32)
    for i in range(n - 1, -1, -1):
        above = parent[i]
        if above >= 0 and (elder[above] < 0 or peak[i] >= peak[above]):
            elder[above] = i
            peak[above] = max(peak[above], peak[i])
    for i in range(n):
        above = parent[i]
        if above >= 0 and elder[above] == i:
            prominence[i] = prominence[above]
        else:
            prominence[i] = peak[i] - saddle[i]


@kernel
def _choose(parent: NDArray[np.int32], value: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
    n = len(parent)
    below = np.zeros(n, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        chosen[i] = value[i] > 0 and value[i] >= below[i]
        if parent[i] >= 0:
            below[parent[i]] += max(value[i], below[i])
    covered = np.zeros(n, dtype=np.bool_)
    for i in range(n):
        above = parent[i] >= 0 and covered[parent[i]]
        chosen[i] = chosen[i] and not above
        covered[i] = above or chosen[i]


@kernel
def _take_nodes(runs: Int32, node: Int32, number: Int32, out: tuple[Int64, Int32]) -> None:
    place, table = out
    for i in range(len(node)):
        k = number[node[i]]
        if k >= 0:
            for j in range(3):
                table[j, place[k]] = runs[i, j]
            place[k] += 1


@kernel
def _count_runs(levels: NDArray[np.uint8], counts: Int64) -> None:
    """Add the number of runs of each level to ``counts[level]``."""
    change = np.zeros(258, np.int64)
    for y in range(levels.shape[0]):
        before = np.uint8(0)
        for value in levels[y]:
            if value > before:
                change[np.int64(before) + 1] += 1
                change[np.int64(value) + 1] -= 1
            before = value
    total = np.int64(0)
    for k in range(256):
        total += change[k]
        counts[k] += total


@kernel
def _open_runs(levels: NDArray[np.uint8], place: Int64, runs: Int32) -> None:
    """Open a run at every rise, close it at the fall; ``place`` is where each level writes.

    Places are unsigned here and below: an index that might count from the end took a tenth longer.
    """
    height, width = levels.shape
    open_ = np.empty(256, np.int64)
    open_[0] = -1
    for y in range(height):
        depth = _NONE
        for x in range(width):
            value = np.uintp(levels[y, x])
            while depth < value:
                below = open_[depth]
                depth += _ONE
                i = place[depth]
                place[depth] = i + 1
                runs[np.uintp(i), 0], runs[np.uintp(i), 1], runs[np.uintp(i), 3] = y, x, below
                open_[depth] = i
            while depth > value:
                runs[np.uintp(open_[depth]), 2] = x
                depth -= _ONE
        while depth > _NONE:
            runs[np.uintp(open_[depth]), 2] = width
            depth -= _ONE


@kernel
def _join_levels(runs: Int32, first: Int64, node: Int32, shared: Int32) -> int:
    """Number the 4-connected components of all levels through; return how many there are."""
    count = 0
    most = max(1, int(np.diff(first).max()))
    corners, parent = np.empty((2 * most, 3), np.int32), np.empty(most, np.int32)
    for k in range(1, 256):
        own = slice(first[k], first[k + 1])
        if own.start == own.stop:
            break
        met = _join_level(runs[own], parent, shared[own], corners)
        count = _number_level(parent, corners[:met], count, (node[own], shared[own]))
    return count


@kernel
def _join_level(runs: Int32, parent: Int32, shared: Int32, corners: Int32) -> int:
    """Join the runs of one level, and count the pixels that each shares with the row above.

    ``shared`` counts neighbours of the same component straight above, above to the left and above
    to the right. Runs that meet at a corner only are listed, and looked at once all are joined;
    their number is returned.
    """
    n, met = np.uintp(runs.shape[0]), _NONE
    i = begin = _NONE
    row = -2
    while i < n:
        # Runs of the row above: none where that row has none.
        j, end_above = begin if runs[i, 0] == row + 1 else i, i
        begin, row = i, runs[i, 0]
        while i < n and runs[i, 0] == row:
            start, end = runs[i, 1], runs[i, 2]
            while j < end_above and runs[j, 2] < start:
                j += _ONE
            k, a = j, np.int32(i)
            straight = left = right = np.int32(0)
            while k < end_above and runs[k, 1] <= end:
                s, e = runs[k, 1], runs[k, 2]
                if e == start or s == end:
                    corners[met, 0], corners[met, 1] = i, k
                    corners[met, 2] = 1 if e == start else 2
                    met += _ONE
                else:
                    straight += min(end, e) - max(start, s)
                    left += min(end, e + 1) - max(start, s + 1)
                    right += min(end, e - 1) - max(start, s - 1)
                    a = _joined(parent, a, np.int32(k), np.int32(i))
                k += _ONE
            parent[i] = a
            shared[i, 0], shared[i, 1], shared[i, 2] = straight, left, right
            i += _ONE
    return int(met)


@kernel
def _joined(parent: Int32, a: np.int32, b: np.int32, own: np.int32) -> np.int32:
    """Root of run ``own``, so far ``a``, once it is joined to ``b`` of the row above.

    The lower number wins, so a root is always the component's first run.
    """
    while parent[np.uintp(b)] != b:
        parent[np.uintp(b)] = parent[np.uintp(parent[np.uintp(b)])]
        b = parent[np.uintp(b)]
    if a == own or b < a:
        if a != own:
            parent[np.uintp(a)] = b
        return b
    parent[np.uintp(b)] = a
    return a


@kernel
def _number_level(parent: Int32, corners: Int32, first: int, out: tuple[Int32, Int32]) -> int:
    """Number the components from ``first`` on, and count the pixels shared across corners."""
    node, shared = out
    count = first
    for i in range(node.size):
        # A parent comes before its child, so it is numbered already.
        if parent[i] == i:
            node[i] = count
            count += 1
        else:
            node[i] = node[np.uintp(parent[i])]
    for i in range(corners.shape[0]):
        here, above = np.uintp(corners[i, 0]), np.uintp(corners[i, 1])
        if node[here] == node[above]:
            shared[here, np.uintp(corners[i, 2])] += 1
    return count


@kernel
def _sum_nodes(runs: Int32, node: Int32, shared: Int32, nodes: tuple[Int32, Int32, Int64]) -> None:
    """Add every run to its node's sums; nodes and their levels follow from the order of runs."""
    level, parent, sums = nodes
    for i in range(len(node)):
        c = np.uintp(node[i])
        own = sums[c]
        y, start = np.int64(runs[i, 0]), np.int64(runs[i, 1])
        n = np.int64(runs[i, 2]) - start
        if own[AREA] == 0:
            own[FIRST_Y], own[FIRST_X] = y, start
            if runs[i, 3] >= 0:
                parent[c] = node[np.uintp(runs[i, 3])]
                level[c] = level[np.uintp(parent[c])] + 1
            else:
                level[c] = 1
        # Sums of x and x squared over the run, about the node's first pixel.
        dy, a = y - own[FIRST_Y], start - own[FIRST_X]
        ramp = n * (n - 1) >> 1
        sum_x = n * a + ramp
        own[AREA] += n
        own[SUM_Y] += dy * n
        own[SUM_X] += sum_x
        own[SUM_YY] += dy * dy * n
        # 0 + 1 + 4 + ... is a third of (2 n - 1) such ramps.
        own[SUM_XX] += n * a * (a + n - 1) + np.int64(np.uint64(ramp * (2 * n - 1)) // _THREE)
        own[SUM_XY] += dy * sum_x
        own[CHORDS_HORIZONTAL] += 1
        own[CHORDS_VERTICAL] += n - shared[i, 0]
        own[CHORDS_DIAGONAL] += n - shared[i, 1]
        own[CHORDS_ANTIDIAGONAL] += n - shared[i, 2]
