"""The contract of an assay on a scan: a field that is looked at window by window.

    fix ─▶ find (each row of windows) ─▶ settle ─▶ measure (each row) ─▶ finish

1. `fix` settles from samples what holds for the whole scan.
2. `find` and `measure` see one row of windows; rows can be done anywhere, in any order.
3. `settle` and `finish` see what the rows left, and no pixel.

What a row gives depends on the scan and the method alone. How much is read at once is the
engine's to choose and must not matter to the last bit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell
from monolayer.method import Method
from monolayer.read.scans import Scan
from monolayer_kernels.stitch import Tile, cut_tiles

__all__ = ["Arrays", "Fixed", "MeasuredRow", "Part", "RowInput", "ScanAssay", "ScanWork"]

Arrays = Mapping[str, NDArray[Any]]
Fixed = dict[str, Any]
"""What holds for a whole scan, as JSON holds it: ``margin_px`` among it."""


@dataclass(frozen=True, slots=True)
class ScanWork:
    """What every step knows.

    Attributes
    ----------
    scan : Scan
        The planes, box by box.
    roles : mapping of str to str
        Channel of each of the assay's roles.
    method : Method
        Settings of every stage.
    tile_px : int
        Columns that memory allows to be read at once.
    """

    scan: Scan
    roles: Mapping[str, str]
    method: Method
    tile_px: int

    def rows(self, fixed: Fixed) -> list[list[Tile]]:
        """Windows, row by row from the top; the scan and the method alone decide them."""
        side = self.method.read.window_px
        tiles = cut_tiles(self.scan.shape, side, fixed["margin_px"])
        across = -(-self.scan.shape[1] // side)
        return [tiles[i : i + across] for i in range(0, len(tiles), across)]


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring windows of a row, and the pixels that they and their margin hold.

    Attributes
    ----------
    tiles : sequence of Tile
    pixels : mapping of str to ndarray, shape (rows, columns)
        Every channel.
    corner : tuple of int
        Row and column of the first pixel.
    """

    tiles: Sequence[Tile]
    pixels: Arrays
    corner: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowInput:
    """What is known when a row is measured.

    Attributes
    ----------
    index : int
        Which row, from 0.
    tiles : sequence of Tile
        Its windows.
    found, settled : mapping of int to mapping of str to ndarray
        What `find` and `settle` gave for this row and, where they are, those above and below.
    """

    index: int
    tiles: Sequence[Tile]
    found: Mapping[int, Arrays]
    settled: Mapping[int, Arrays]


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """What one row of windows gave.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n,)
        Its objects; empty for an assay without.
    labels : callable
        Label image of the rows from the first to before the second argument, int32, full width.
    tallies : dict of str to ndarray
        What `finish` needs.
    """

    columns: dict[str, NDArray[Any]]
    labels: Callable[[int, int], NDArray[np.int32]]
    tallies: dict[str, NDArray[Any]] = field(default_factory=dict)


class ScanAssay(Protocol):
    """How an assay evaluates a scan. Pure: the planes are arrays that come in boxes."""

    def fix(self, work: ScanWork) -> Fixed:
        """Settle from samples what holds for the whole scan."""
        ...

    def find(self, work: ScanWork, fixed: Fixed, tiles: Sequence[Tile]) -> Arrays:
        """First look at one row of windows."""
        ...

    def settle(self, work: ScanWork, fixed: Fixed, found: Sequence[Arrays]) -> Sequence[Arrays]:
        """Decide what only the rows together can tell; one entry a row.

        An array of ``found`` is loaded when it is asked for, not before.
        """
        ...

    def measure(
        self, work: ScanWork, fixed: Fixed, row: RowInput, parts: Iterable[Part]
    ) -> MeasuredRow:
        """Second look at one row of windows; ``parts`` come from left to right."""
        ...

    def n_labels(self, settled: Sequence[Arrays]) -> int:
        """Largest label of the scan's label image."""
        ...

    def finish(
        self,
        work: ScanWork,
        fixed: Fixed,
        tallies: Sequence[Arrays],
        column: Callable[[str], NDArray[Any]],
    ) -> tuple[dict[str, Cell], dict[str, NDArray[Any]]]:
        """Row of the fields table, and columns that only all objects together can tell.

        ``column`` gives one column of all objects. A row may hold ``notes`` for its reader.
        """
        ...
