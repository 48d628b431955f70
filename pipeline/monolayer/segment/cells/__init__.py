"""Outlines of cells in a channel that shows cytoplasm or membrane, one around each nucleus."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.cells.outline import CELL_FIGURES, OutlinedCells, outline_cells
    from monolayer.segment.cells.settings import CellOutlineSettings

__all__ = ["CELL_FIGURES", "CellOutlineSettings", "OutlinedCells", "outline_cells"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CELL_FIGURES": "outline",
        "CellOutlineSettings": "settings",
        "OutlinedCells": "outline",
        "outline_cells": "outline",
    },
)
