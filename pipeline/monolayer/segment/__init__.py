"""Find nuclei in a fluorescence plane: pixels in, numbered labels out."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.nuclei import FIGURES, Segmentation, segment_nuclei
    from monolayer.segment.settings import SegmentSettings

__all__ = ["FIGURES", "SegmentSettings", "Segmentation", "segment_nuclei"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FIGURES": "nuclei",
        "SegmentSettings": "settings",
        "Segmentation": "nuclei",
        "segment_nuclei": "nuclei",
    },
)
