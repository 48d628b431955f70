"""Find nuclei in a fluorescence plane: pixels in, numbered labels out."""

from monolayer.segment.nuclei import Segmentation, segment_nuclei
from monolayer.segment.settings import SegmentSettings

__all__ = ["SegmentSettings", "Segmentation", "segment_nuclei"]
