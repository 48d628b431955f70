"""Find what part of a surface is covered by cells: pixels in, a mask of cover out."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.cover.cover import Cover, segment_cover
    from monolayer.segment.cover.settings import ConfluenceSettings, CoverCalibration

__all__ = ["ConfluenceSettings", "Cover", "CoverCalibration", "segment_cover"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ConfluenceSettings": "settings",
        "Cover": "cover",
        "CoverCalibration": "settings",
        "segment_cover": "cover",
    },
)
