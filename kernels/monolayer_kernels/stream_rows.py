"""The loops of ``stream``: one row's runs, the objects they join, and the sweep of what ended.

Little-endian byte order is taken for granted, as by all machines that numba supports.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.union import find_root

__all__ = ["Arena", "gather_contacts", "make_arena", "sweep", "take_rows"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]
Strip = NDArray[Any]

# Columns of the table of sums, one row an object. From AREA on they only add up.
ORIGIN_Y, ORIGIN_X, LEFT, BOTTOM, RIGHT, BASE, LOW, HIGH = range(8)
AREA, Y, X, YY, XX, XY = range(8, 14)
ROW_PAIRS, COLUMN_PAIRS, DOWN_RIGHT, DOWN_LEFT, TOUCHING, RUNS = range(14, 20)
GREY, GREY_2, GREY_Y, GREY_X = range(20, 24)
N_SUMS = 24

# What `Arena.counts` counts.
SLOTS, ABOVE, CONTACTS = range(3)

_ONE = np.uint64(1)
_BYTE = np.uint64(8)
_LAST_BYTE = np.uint64(56)
_ONES = np.uint64(0x0101010101010101)
_BYTE_VALUES = np.uint64(255)


class Arena(NamedTuple):
    """All memory of a scan. A slot is a row of `parent` and `sums`.

    `edges` and `slots` hold the runs of two rows, which take turns: start, stop, start, stop
    ..., and each run's slot. `contacts` are corners at which two objects touch without being
    joined (4-connectivity only): both slots, and how many touch down to the right and left.
    """

    words: UInt64
    edges: Int32
    slots: Int32
    parent: Int32
    sums: Int64
    contacts: Int32
    counts: Int64


def make_arena(width: int) -> Arena:
    """Memory for a scan of this width."""
    most = (width + 1) // 2
    # A row opens at most `most` slots while at most `most` are open: four times as many slots
    # make a sweep, which costs as much as there are slots, rare.
    slots = max(4 * most, 1024)
    # A row adds two contacts a run. What a sweep keeps is one a pair of open neighbours, and a
    # planar map of n regions has at most 3 n of them.
    contacts = 8 * most + 1024
    return Arena(
        words=np.zeros(width // 8 + 1, np.uint64),
        edges=np.zeros((2, 2 * most + 2), np.int32),
        slots=np.zeros((2, most + 1), np.int32),
        parent=np.zeros(slots, np.int32),
        sums=np.zeros((slots, N_SUMS), np.int64),
        contacts=np.zeros((contacts, 4), np.int32),
        counts=np.zeros(3, np.int64),
    )


def gather_contacts(arena: Arena) -> None:
    """Add up the contacts of each pair of objects.

    Two tall neighbours may touch in every other row; a pair counted once, there are never more
    than three times as many contacts as open objects, because a map is a planar graph.
    """
    contacts = arena.contacts[: arena.counts[CONTACTS]]
    if len(contacts):
        pairs, which = np.unique(contacts[:, :2], axis=0, return_inverse=True)
        gathered = arena.contacts[: len(pairs)]
        corners = contacts[:, 2:].copy()
        gathered[:, :2], gathered[:, 2:] = pairs, 0
        np.add.at(gathered[:, 2:], which.ravel(), corners)
        arena.counts[CONTACTS] = len(pairs)


@kernel
def _find_edges(row: Strip, threshold: Any, words: UInt64, edges: Int32) -> int:
    """Write the first and the past-the-last column of each run above the threshold; count both.

    ``words`` has at least one byte more than the row, which stays 0 and ends the last run.
    """
    flags = words.view(np.uint8)
    for x in range(row.size):
        flags[x] = row[x] > threshold
    n = 0
    carry = _ONE - _ONE
    for i in range(words.size):
        word = words[i]
        change = word ^ ((word << _BYTE) | carry)
        carry = word >> _LAST_BYTE
        while change:
            before = change - _ONE
            # One bit a byte is left below the first change: their sum is its position.
            edges[n] = 8 * i + np.int64((~change & before & _ONES) % _BYTE_VALUES)
            n += 1
            change &= before
    return n


@kernel
def _open_slot(arena: Arena, y: int, start: int, grey: int) -> int:
    """Begin an object at its first pixel."""
    slot: int = arena.counts[SLOTS]
    arena.counts[SLOTS] += 1
    arena.parent[slot] = slot
    own = arena.sums[slot]
    own[:] = 0
    own[ORIGIN_Y] = y
    own[ORIGIN_X] = own[LEFT] = start
    own[BASE] = own[LOW] = own[HIGH] = grey
    return slot


@kernel
def _merge(arena: Arena, a: int, b: int) -> int:
    """Join two objects; the one with the earlier first pixel takes over the other's sums."""
    if a == b:
        return a
    one, other = arena.sums[a], arena.sums[b]
    later = one[ORIGIN_Y] > other[ORIGIN_Y]
    if later or (one[ORIGIN_Y] == other[ORIGIN_Y] and one[ORIGIN_X] > other[ORIGIN_X]):
        a, b = b, a
        one, other = other, one
    arena.parent[b] = a
    dy, dx = other[ORIGIN_Y] - one[ORIGIN_Y], other[ORIGIN_X] - one[ORIGIN_X]
    n, y, x, grey = other[AREA], other[Y], other[X], other[GREY]
    for i in range(AREA, N_SUMS):
        one[i] += other[i]
    one[Y] += n * dy
    one[X] += n * dx
    one[YY] += (2 * y + n * dy) * dy
    one[XX] += (2 * x + n * dx) * dx
    one[XY] += (x + n * dx) * dy + y * dx
    one[GREY_Y] += grey * dy
    one[GREY_X] += grey * dx
    one[LEFT] = min(one[LEFT], other[LEFT])
    one[RIGHT] = max(one[RIGHT], other[RIGHT])
    one[BOTTOM] = max(one[BOTTOM], other[BOTTOM])
    one[LOW] = min(one[LOW], other[LOW])
    one[HIGH] = max(one[HIGH], other[HIGH])
    return a


@kernel
def _add_grey(own: Int64, line: Strip, dy: int, dx: int) -> None:
    """Add a run's grey levels; dy and dx lead from the object's first pixel to the run's."""
    total = squares = ramp = np.int64(0)
    low = high = line[0]
    for x in range(line.size):
        grey = np.int64(line[x])
        total += grey
        squares += grey * grey
        ramp += grey * x
        low = min(low, line[x])
        high = max(high, line[x])
    own[GREY] += total
    own[GREY_2] += squares
    own[GREY_Y] += total * dy
    own[GREY_X] += ramp + total * dx
    own[LOW] = min(own[LOW], np.int64(low))
    own[HIGH] = max(own[HIGH], np.int64(high))


@kernel
def _add_run(own: Int64, y: int, start: int, stop: int) -> None:
    """Add a run's area and moments in closed form."""
    dy, dx, n = y - own[ORIGIN_Y], start - own[ORIGIN_X], stop - start
    ramp = n * (n - 1) // 2
    columns = n * dx + ramp
    own[AREA] += n
    own[Y] += n * dy
    own[X] += columns
    own[YY] += n * dy * dy
    own[XX] += n * dx * dx + 2 * dx * ramp + (n - 1) * n * (2 * n - 1) // 6
    own[XY] += dy * columns
    own[ROW_PAIRS] += n - 1
    own[RUNS] += 1
    own[LEFT] = min(own[LEFT], start)
    own[RIGHT] = max(own[RIGHT], stop)
    own[BOTTOM] = y + 1


@kernel
def _add_pairs(own: Int64, run: Int32, above: Int32) -> None:
    """Add the pairs of neighbours that a run forms with one that it touches in the row above."""
    start, stop, left, right = run[0], run[1], above[0], above[1]
    own[COLUMN_PAIRS] += max(0, min(stop, right) - max(start, left))
    own[DOWN_RIGHT] += max(0, min(stop, right + 1) - max(start, left + 1))
    own[DOWN_LEFT] += max(0, min(stop, right - 1) - max(start, left - 1))
    own[TOUCHING] += 1


@kernel
def _add_contact(arena: Arena, a: int, b: int, to_right: bool) -> None:
    """Note a corner where two objects touch: it counts if they are joined later."""
    contact = arena.contacts[arena.counts[CONTACTS]]
    arena.counts[CONTACTS] += 1
    contact[0], contact[1] = a, b
    contact[2], contact[3] = to_right, not to_right


@kernel
def _join_run(arena: Arena, turn: int, i: int, first: int, diagonal: bool) -> int:
    """Object of a run: those of the runs above that it touches, joined; -1 where there is none."""
    edges, above = arena.edges[turn], arena.edges[1 - turn]
    start, stop = edges[2 * i], edges[2 * i + 1]
    reach = 1 if diagonal else 0
    slot = -1
    k = first
    while k < arena.counts[ABOVE] and above[2 * k] < stop + reach:
        if above[2 * k + 1] + reach > start:
            root = find_root(arena.parent, arena.slots[1 - turn, k])
            slot = root if slot < 0 else _merge(arena, slot, root)
        k += 1
    return slot


@kernel
def _pair_run(arena: Arena, turn: int, i: int, first: int) -> None:
    """Count the pairs of neighbours of a run with the row above."""
    edges, above = arena.edges[turn], arena.edges[1 - turn]
    run, slot = edges[2 * i : 2 * i + 2], arena.slots[turn, i]
    k = first
    while k < arena.counts[ABOVE] and above[2 * k] <= run[1]:
        root = find_root(arena.parent, arena.slots[1 - turn, k])
        if root == slot:
            _add_pairs(arena.sums[slot], run, above[2 * k : 2 * k + 2])
        else:
            _add_contact(arena, slot, root, above[2 * k + 1] == run[0])
        k += 1


@kernel
def _take_row(row: Strip, y: int, n: int, diagonal: bool, arena: Arena) -> None:
    """Give each of a row's n runs to its object; ``first`` trails the runs of the row above."""
    turn = y % 2
    edges, above = arena.edges[turn], arena.edges[1 - turn]
    first = 0
    for i in range(n):
        start, stop = int(edges[2 * i]), int(edges[2 * i + 1])
        while first < arena.counts[ABOVE] and above[2 * first + 1] < start:
            first += 1
        slot = _join_run(arena, turn, i, first, diagonal)
        if slot < 0:
            slot = _open_slot(arena, y, start, row[start])
        arena.slots[turn, i] = slot
        own = arena.sums[slot]
        _pair_run(arena, turn, i, first)
        _add_run(own, y, start, stop)
        _add_grey(own, row[start:stop], y - own[ORIGIN_Y], start - own[ORIGIN_X])
    arena.counts[ABOVE] = n


@kernel
def take_rows(strip: Strip, y: int, threshold: Any, diagonal: bool, arena: Arena) -> int:
    """Take rows while there is room for all that a row can open; return how many."""
    most = arena.slots.shape[1]
    for i in range(len(strip)):
        no_slots = arena.counts[SLOTS] + most > arena.parent.size
        if no_slots or arena.counts[CONTACTS] + 2 * most > len(arena.contacts):
            return i
        n = _find_edges(strip[i], threshold, arena.words, arena.edges[(y + i) % 2]) // 2
        _take_row(strip[i], y + i, n, diagonal, arena)
    return len(strip)


@kernel
def _sweep_contacts(arena: Arena, place: Int32) -> None:
    """Count the contacts of objects that were joined; keep those of two that are open."""
    contacts = arena.contacts
    kept = 0
    for i in range(arena.counts[CONTACTS]):
        a, b = find_root(arena.parent, contacts[i, 0]), find_root(arena.parent, contacts[i, 1])
        if a == b:
            arena.sums[a, DOWN_RIGHT] += contacts[i, 2]
            arena.sums[a, DOWN_LEFT] += contacts[i, 3]
            arena.sums[a, TOUCHING] += contacts[i, 2] + contacts[i, 3]
        elif place[a] >= 0 and place[b] >= 0:
            contacts[kept, 0] = min(place[a], place[b])
            contacts[kept, 1] = max(place[a], place[b])
            contacts[kept, 2], contacts[kept, 3] = contacts[i, 2], contacts[i, 3]
            kept += 1
    arena.counts[CONTACTS] = kept


@kernel
def sweep(arena: Arena, turn: int, ended: Int64) -> int:
    """Move open objects to the first slots, copy the others to ``ended``; return how many."""
    parent, sums, slots = arena.parent, arena.sums, arena.slots[turn]
    size = arena.counts[SLOTS]
    place = np.full(size, -1, np.int32)
    for k in range(arena.counts[ABOVE]):
        slots[k] = find_root(parent, slots[k])
        place[slots[k]] = 0
    still_open = 0
    for slot in range(size):
        if place[slot] == 0:
            place[slot] = still_open
            still_open += 1
    _sweep_contacts(arena, place)
    n = 0
    for slot in range(size):
        if place[slot] >= 0:
            sums[place[slot]] = sums[slot]
        elif parent[slot] == slot:
            ended[n] = sums[slot]
            n += 1
    for k in range(arena.counts[ABOVE]):
        slots[k] = place[slots[k]]
    for slot in range(still_open):
        parent[slot] = slot
    arena.counts[SLOTS] = still_open
    return n
