"""Nuclei in a fluorescence plane: checked, handed to the segmenter that the settings name."""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.pixels import check_plane
from monolayer.segment.registry import open_segmenter
from monolayer.segment.segmenter import Segmentation
from monolayer.segment.settings import SegmentSettings

__all__ = ["segment_nuclei"]


def segment_nuclei(
    pixels: NDArray[np.generic],
    settings: SegmentSettings | None = None,
    pixel_size_um: float | None = None,
) -> Segmentation:
    """Find and outline the nuclei of one fluorescence plane.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or floats, nuclei brighter than the background; any memory order. Counts give
        the same result whatever dtype they are stored in, up to 24 bits.
    settings : SegmentSettings, optional
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by settings in um.

    Returns
    -------
    Segmentation
        The same to the last bit for the same pixels and settings.

    Raises
    ------
    ImageError
        A setting is in um and the pixel size is not known, pixels are not finite, or a plug-in
        returned something that is no segmentation.
    ConfigError, MissingExtraError
        The segmenter that the settings name cannot be opened.
    ValueError, TypeError
        ``pixels`` is not 2-D, is empty or does not hold real numbers.
    """
    plane = check_plane(pixels)
    return open_segmenter(settings or SegmentSettings()).segment(plane, pixel_size_um)
