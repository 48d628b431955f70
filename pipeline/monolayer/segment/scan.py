"""Objects of a scan too large for memory: one fixed threshold over row strips.

A scan has one threshold. Chosen strip by strip it would depend on the strips; so it is given, or
found from the histogram of the whole scan in a pass of its own, which costs one more reading.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from monolayer.errors import ConfigError
from monolayer.settings import Settings
from monolayer_kernels.stream import ScanSums, concatenate_scans, open_scan
from monolayer_kernels.threshold import (
    Histogram,
    histogram,
    threshold_li,
    threshold_otsu,
    threshold_triangle,
)

__all__ = ["ScanSettings", "find_objects", "find_threshold"]

Strips = Iterable[NDArray[Any]]

# Rows of a table's row group, and of what waits in memory for its turn.
BATCH = 16_384
PIECE = 512

_RULES = {"otsu": threshold_otsu, "li": threshold_li, "triangle": threshold_triangle}


class ScanSettings(Settings):
    """How objects are found in a scan."""

    threshold: (
        Literal["otsu", "li", "triangle"] | Annotated[float, Field(ge=0, allow_inf_nan=False)]
    ) = "otsu"
    """Objects are pixels above this grey level; or the method that finds it from the histogram
    of the whole scan: otsu; li (minimum cross-entropy) or triangle, which are lower where nuclei
    cover little of it."""

    connectivity: Literal[4, 8] = 8
    """Pixels of one object share a side (4), or a side or a corner (8)."""

    min_area_um2: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Smallest object counted, um2; needs the pixel size. Null: only min_area_px holds."""

    min_area_px: int = Field(default=1, ge=1)
    """Smallest object counted, pixels."""


def find_threshold(strips: Strips, settings: ScanSettings) -> float:
    """Grey level above which pixels belong to objects; reads the scan only if it must.

    Parameters
    ----------
    strips : iterable of ndarray of uint8 or uint16, shape (rows, width)
        The whole scan, in any order.
    settings : ScanSettings
        Its ``threshold``.

    Returns
    -------
    float
        The same whatever the strips, because the histogram is a sum of integers.

    Raises
    ------
    ConfigError
        The scan's grey levels give no threshold.
    """
    if not isinstance(settings.threshold, str):
        return settings.threshold
    total = np.zeros(1 << 16, np.int64)
    for strip in strips:
        found = histogram(strip)
        low = int(found.low)
        total[low : low + found.counts.size] += found.counts
    levels = np.flatnonzero(total)
    if levels.size < 2:
        detail = (
            f"the scan holds {levels.size} different grey levels, so {settings.threshold} finds "
            "no threshold: give a number."
        )
        raise ConfigError(detail)
    first, last = int(levels[0]), int(levels[-1])
    return _RULES[settings.threshold](Histogram(total[first : last + 1], first, 1.0))


def find_objects(
    strips: Strips,
    width: int,
    threshold: float,
    settings: ScanSettings,
    pixel_size_um: float | None = None,
) -> Iterator[ScanSums]:
    """Find the objects of a scan in one pass from top to bottom.

    Parameters
    ----------
    strips : iterable of ndarray of uint8 or uint16, shape (rows, width)
        In order from the top. A strip is not looked at again after the next is asked for.
    width : int
        Columns, at most 65,535.
    threshold : float
        Objects are pixels above it: from `find_threshold`.
    settings : ScanSettings
        Connectivity and the smallest object.
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by ``min_area_um2``.

    Yields
    ------
    ScanSums
        16,384 objects at a time, the last time fewer, in the order of their first pixels. The
        batches are the same for any height of the strips.

    Raises
    ------
    ConfigError
        ``min_area_um2`` is set and the pixel size is not known.
    ValueError, TypeError
        Strips that do not fit: see `monolayer_kernels.stream.ScanState.push`.
    """
    smallest = _smallest(settings, pixel_size_um)
    state = open_scan(width, threshold, settings.connectivity)
    queue = _Queue(smallest)
    for strip in strips:
        # In pieces: the objects of a strip of thousands of rows would all be handed out at once.
        for top in range(0, len(strip), PIECE):
            queue.add(state.push(strip[top : top + PIECE]))
            yield from queue.batches(state.first_open)
    queue.add(state.finish())
    yield from queue.batches(None)


def _smallest(settings: ScanSettings, pixel_size_um: float | None) -> float:
    """Pixels of the smallest object counted."""
    if settings.min_area_um2 is None:
        return settings.min_area_px
    if pixel_size_um is None:
        detail = (
            f"min_area_um2 is {settings.min_area_um2:g} but the pixel size is unknown: give "
            "pixel_size_um, or min_area_px instead."
        )
        raise ConfigError(detail)
    return max(settings.min_area_px, settings.min_area_um2 / pixel_size_um**2)


class _Queue:
    """Finished objects that wait until all that begin before them are finished too.

    Objects end in another order than they begin. One that reaches from the top of a scan to its
    bottom holds up all others: then the queue grows with the number of objects, by 0.2 kB each.
    """

    def __init__(self, smallest: float) -> None:
        self._smallest = smallest
        self._parts: list[ScanSums] = []
        self._count = 0
        # Sorting is tried again only when a batch more has come: behind an object as tall as
        # the scan it would otherwise be done in vain at every strip.
        self._try_at = BATCH

    def add(self, found: ScanSums) -> None:
        kept = found.take(found.sums.moments[:, 0] >= self._smallest)
        if len(kept.n_runs):
            self._parts.append(kept)
            self._count += len(kept.n_runs)

    def batches(self, before: tuple[int, int] | None) -> Iterator[ScanSums]:
        """Full batches of objects that begin before a pixel; with None all, the last one short."""
        if before is not None and self._count < self._try_at:
            return
        waiting = concatenate_scans(self._parts)
        ready = self._count if before is None else _count_before(waiting, before)
        full = ready if before is None else ready - ready % BATCH
        for start in range(0, full, BATCH):
            yield waiting.take(np.arange(start, min(start + BATCH, full)))
        self._parts = [waiting.take(np.arange(full, self._count))]
        self._count -= full
        self._try_at = self._count + BATCH


def _count_before(waiting: ScanSums, before: tuple[int, int]) -> int:
    """Objects, of some in order, that begin before a pixel."""
    y, x = waiting.sums.origin.T
    return int(np.count_nonzero((y < before[0]) | ((y == before[0]) & (x < before[1]))))
