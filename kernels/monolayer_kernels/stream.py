"""Objects of an image that is too tall for memory: threshold, label and sum in row strips.

A row becomes runs, a run joins the objects that it touches in the row above, and all that is
kept of an object is its integer sums. The one trick: only objects that the last row still
touches can grow, so every other one is handed out and its place is used again; memory depends
on the image's width, never on its height or on how many objects it holds.

1. A row's comparison with the threshold is written as bytes, which vectorises, and looked at
   eight at a time: a word that repeats the byte before it holds no edge of a run.
2. A run takes the place (slot) of an object above it; where it touches two, the one with the
   earlier first pixel takes over the other's sums, moved by whole pixels to its own origin.
3. Where slots run short, and at the end of a strip, a sweep hands out what is finished and
   moves the rest together.

Accumulators: int64, origin at the object's first pixel, as in ``measure_runs``. The largest sums
that must fit are those of an object of 65,535 x 65,535 pixels (side**4 / 3 for squared offsets,
side**4 / 2 for grey levels times offsets: both below 2**63); wider images and taller objects are
refused. The sum of squared grey levels may wrap, but the variance computed from it does not.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.measure_runs import MAX_SIDE_PX, RunSums
from monolayer_kernels.stream_rows import (
    ABOVE,
    AREA,
    BASE,
    BOTTOM,
    GREY,
    GREY_2,
    GREY_X,
    GREY_Y,
    LEFT,
    LOW,
    N_SUMS,
    ORIGIN_X,
    ORIGIN_Y,
    RIGHT,
    ROW_PAIRS,
    RUNS,
    SLOTS,
    gather_contacts,
    make_arena,
    sweep,
    take_rows,
)

__all__ = ["GreySums", "ScanState", "ScanSums", "concatenate_scans", "open_scan"]

Int64 = NDArray[np.int64]
Strip = NDArray[Any]


class GreySums(NamedTuple):
    """Exact integer sums of n objects' grey levels.

    Attributes
    ----------
    base : ndarray of int64, shape (n,)
        Grey level of the object's first pixel, from which `added` counts.
    added : ndarray of int64, shape (n, 4)
        Sums over pixels of d, d d, d y and d x, where d is the grey level above `base` and y
        and x count from the first pixel.
    extremes : ndarray of int64, shape (n, 2)
        Least and largest grey level.
    """

    base: Int64
    added: Int64
    extremes: Int64


class ScanSums(NamedTuple):
    """What is known of finished objects.

    Attributes
    ----------
    sums : RunSums
        As `monolayer_kernels.measure_runs.sum_runs` gives them for a label image.
    n_runs : ndarray of int64, shape (n,)
        Runs of each object.
    grey : GreySums
        Of the pixels that were compared with the threshold.
    """

    sums: RunSums
    n_runs: Int64
    grey: GreySums

    def take(self, rows: NDArray[Any]) -> "ScanSums":
        """Return some of the objects, by index or by mask."""
        return ScanSums(
            RunSums(*(values[rows] for values in self.sums)),
            self.n_runs[rows],
            GreySums(*(values[rows] for values in self.grey)),
        )


class ScanState:
    """A scan in progress, from `open_scan`."""

    def __init__(self, width: int, threshold: float, connectivity: int) -> None:
        self._width = width
        self._threshold = threshold
        self._diagonal = connectivity == 8
        self._arena = make_arena(width)
        self._dtype: np.dtype[Any] | None = None
        self._y = 0
        self._finished = False

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return self._y

    @property
    def first_open(self) -> tuple[int, int]:
        """First pixel, in row-major order, of all objects that are not handed out yet.

        Whatever is handed out later begins there or after; (rows, 0) where none is open. Valid
        after `push`.
        """
        n = int(self._arena.counts[SLOTS])
        origins = self._arena.sums[:n, :LEFT]
        if n == 0:
            return self._y, 0
        at = int(np.argmin(origins[:, 0] * (self._width + 1) + origins[:, 1]))
        return int(origins[at, 0]), int(origins[at, 1])

    def push(self, strip: Strip) -> ScanSums:
        """Take the next rows; hand out the objects that end above the last of them.

        Parameters
        ----------
        strip : ndarray of uint8 or uint16, shape (rows, width)
            Rows must be contiguous; the dtype must stay the same through the scan.

        Returns
        -------
        ScanSums
            Ordered by first pixel. An object of a later call may begin before one of these:
            see `first_open`.

        Raises
        ------
        TypeError
            Another dtype.
        ValueError
            Another width, rows that are not contiguous, a scan that is finished, or an object
            taller than 65,535 rows.
        """
        self._check(strip)
        least = strip.dtype.type(min(np.floor(self._threshold), np.iinfo(strip.dtype).max))
        done, parts = 0, []
        while done < len(strip):
            rows = int(take_rows(strip[done:], self._y, least, self._diagonal, self._arena))
            done += rows
            self._y += rows
            parts.append(self._sweep())
        return _scan_sums(_in_order(parts))

    def finish(self) -> ScanSums:
        """Hand out the objects that the last row touches; nothing can be pushed after this."""
        self._arena.counts[ABOVE] = 0
        self._finished = True
        return _scan_sums(_in_order([self._sweep()]))

    def _sweep(self) -> Int64:
        ended = np.empty((int(self._arena.counts[SLOTS]), N_SUMS), np.int64)
        n = int(sweep(self._arena, (self._y - 1) % 2, ended))
        gather_contacts(self._arena)
        open_sums = self._arena.sums[: self._arena.counts[SLOTS]]
        for sums in (ended[:n], open_sums):
            heights = sums[:, BOTTOM] - sums[:, ORIGIN_Y]
            if heights.size and int(heights.max()) > MAX_SIDE_PX:
                y, x = sums[int(heights.argmax()), :LEFT].tolist()
                msg = (
                    f"the object whose first pixel is row {y}, column {x} is taller than "
                    f"{MAX_SIDE_PX} rows, beyond which its sums would overflow: raise the "
                    "threshold, or cut the scan."
                )
                raise ValueError(msg)
        return ended[:n].copy()

    def _check(self, strip: Strip) -> None:
        if self._finished:
            msg = f"the scan was finished after {self._y} rows; open another one."
            raise ValueError(msg)
        if strip.dtype.type not in (np.uint8, np.uint16) or not strip.dtype.isnative:
            msg = f"a strip must be uint8 or uint16 in native byte order; got {strip.dtype.str}."
            raise TypeError(msg)
        if self._dtype not in (None, strip.dtype):
            msg = f"strips of one scan must share a dtype; got {strip.dtype} after {self._dtype}."
            raise TypeError(msg)
        if strip.ndim != 2 or strip.shape[1] != self._width:
            msg = f"a strip must have shape (rows, {self._width}); got {strip.shape}."
            raise ValueError(msg)
        if not strip.flags.c_contiguous:
            msg = f"a strip must be C-contiguous; got strides {strip.strides}."
            raise ValueError(msg)
        self._dtype = strip.dtype


def open_scan(width: int, threshold: float, connectivity: int = 8) -> ScanState:
    """Begin a scan.

    Parameters
    ----------
    width : int
        Columns of the image, 1 to 65,535.
    threshold : float
        Objects are pixels above it. At least 0; finite.
    connectivity : int
        4 (sides) or 8 (sides and corners).

    Returns
    -------
    ScanState
        Takes row strips by `ScanState.push`; about 1 kB a column of memory at 8-connectivity.

    Raises
    ------
    ValueError
        A width, threshold or connectivity that cannot be.
    """
    if not 1 <= width <= MAX_SIDE_PX:
        msg = f"width must be 1 to {MAX_SIDE_PX} pixels, not {width}; scan tiles of wider images."
        raise ValueError(msg)
    if not (np.isfinite(threshold) and threshold >= 0):
        msg = f"threshold must be 0 or more and finite, not {threshold}."
        raise ValueError(msg)
    if connectivity not in (4, 8):
        msg = f"connectivity must be 4 or 8, not {connectivity}."
        raise ValueError(msg)
    return ScanState(width, threshold, connectivity)


def concatenate_scans(parts: list[ScanSums]) -> ScanSums:
    """Join results of `ScanState.push` and `ScanState.finish`, ordered by first pixel."""
    if not parts:
        return _scan_sums(np.empty((0, N_SUMS), np.int64))
    joined = ScanSums(
        RunSums(*(np.concatenate(values) for values in zip(*(p.sums for p in parts), strict=True))),
        np.concatenate([part.n_runs for part in parts]),
        GreySums(
            *(np.concatenate(values) for values in zip(*(p.grey for p in parts), strict=True))
        ),
    )
    return joined.take(np.lexsort((joined.sums.origin[:, 1], joined.sums.origin[:, 0])))


def _in_order(parts: list[Int64]) -> Int64:
    table = np.concatenate(parts) if parts else np.empty((0, N_SUMS), np.int64)
    return table[np.lexsort((table[:, ORIGIN_X], table[:, ORIGIN_Y]))]


def _scan_sums(table: Int64) -> ScanSums:
    """The table of sums under the names that the measures know."""
    moments, base = table[:, AREA:ROW_PAIRS], table[:, BASE]
    grey, grey_2 = table[:, GREY], table[:, GREY_2]
    added = (
        grey - base * moments[:, 0],
        grey_2 - 2 * base * grey + base * base * moments[:, 0],
        table[:, GREY_Y] - base * moments[:, 1],
        table[:, GREY_X] - base * moments[:, 2],
    )
    return ScanSums(
        RunSums(
            origin=table[:, :LEFT].copy(),
            bbox=table[:, (ORIGIN_Y, LEFT, BOTTOM, RIGHT)],
            moments=moments.copy(),
            pairs=table[:, ROW_PAIRS:RUNS].copy(),
        ),
        table[:, RUNS].copy(),
        GreySums(base.copy(), np.stack(added, axis=1), table[:, LOW:AREA].copy()),
    )
