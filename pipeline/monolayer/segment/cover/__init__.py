"""Find what part of a surface is covered by cells: pixels in, a mask of cover out."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.cover.cover import (
        FIGURES,
        Cover,
        CoverReference,
        cover_reference,
        segment_cover,
        segment_cover_window,
    )
    from monolayer.segment.cover.settings import ConfluenceSettings, CoverCalibration
    from monolayer.segment.cover.usable import REASONS

__all__ = [
    "FIGURES",
    "REASONS",
    "ConfluenceSettings",
    "Cover",
    "CoverCalibration",
    "CoverReference",
    "cover_reference",
    "segment_cover",
    "segment_cover_window",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FIGURES": "cover",
        "REASONS": "usable",
        "ConfluenceSettings": "settings",
        "Cover": "cover",
        "CoverCalibration": "settings",
        "CoverReference": "cover",
        "cover_reference": "cover",
        "segment_cover": "cover",
        "segment_cover_window": "cover",
    },
)
