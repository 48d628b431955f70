"""Find nuclei in a fluorescence plane: pixels in, numbered labels out."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.nuclei import segment_nuclei
    from monolayer.segment.registry import (
        SegmenterIdentity,
        open_segmenter,
        segmenter_identity,
        segmenter_names,
    )
    from monolayer.segment.segmenter import FIGURES, Segmentation, Segmenter, SegmenterKind
    from monolayer.segment.settings import SegmentSettings

__all__ = [
    "FIGURES",
    "SegmentSettings",
    "Segmentation",
    "Segmenter",
    "SegmenterIdentity",
    "SegmenterKind",
    "open_segmenter",
    "segment_nuclei",
    "segmenter_identity",
    "segmenter_names",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FIGURES": "segmenter",
        "SegmentSettings": "settings",
        "Segmentation": "segmenter",
        "Segmenter": "segmenter",
        "SegmenterIdentity": "registry",
        "SegmenterKind": "segmenter",
        "open_segmenter": "registry",
        "segment_nuclei": "nuclei",
        "segmenter_identity": "registry",
        "segmenter_names": "registry",
    },
)
