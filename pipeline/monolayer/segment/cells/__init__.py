"""Outlines of cells in a channel that shows cytoplasm or membrane, one around each nucleus."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.cells.channels import ChannelCheck, check_channels
    from monolayer.segment.cells.outline import CELL_FIGURES, OutlinedCells, outline_cells
    from monolayer.segment.cells.settings import CellOutlineSettings

__all__ = [
    "CELL_FIGURES",
    "CellOutlineSettings",
    "ChannelCheck",
    "OutlinedCells",
    "check_channels",
    "outline_cells",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CELL_FIGURES": "outline",
        "CellOutlineSettings": "settings",
        "ChannelCheck": "channels",
        "OutlinedCells": "outline",
        "check_channels": "channels",
        "outline_cells": "outline",
    },
)
