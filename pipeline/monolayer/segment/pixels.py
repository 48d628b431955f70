"""What every segmenter is given: a plane that is one, and settings in um as pixels."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.settings import SegmentSettings
from monolayer_kernels.checks import check_plain

__all__ = ["check_plane", "smallest_area", "told_diameter"]


def check_plane(pixels: NDArray[np.generic]) -> NDArray[Any]:
    """The plane as uint8, uint16 or float32, C-contiguous; see `segment_nuclei` for the errors.

    Raises
    ------
    TypeError, ValueError, ImageError
        No array of real numbers or one with a mask; not 2-D or empty; NaN or infinity.
    """
    check_plain("pixels", pixels)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    if pixels.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(pixels)
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    if pixels.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError("not_finite", f"{bad} pixels are NaN or infinite; export the image anew.")
    return image


def told_diameter(settings: SegmentSettings, pixel_size_um: float | None) -> float | None:
    """Typical diameter in pixels, where the settings say it."""
    return _in_pixels("expected_diameter_um", settings.expected_diameter_um, pixel_size_um)


def smallest_area(settings: SegmentSettings, pixel_size_um: float | None) -> float:
    """Smallest object counted, pixels: at least one, more where ``min_area_um2`` says so."""
    side = _in_pixels("min_area_um2", settings.min_area_um2, pixel_size_um, root=True)
    return side * side if side else 1


def _in_pixels(name: str, um: float | None, size: float | None, root: bool = False) -> float | None:
    """Pixels for um; with ``root`` the side of a square of so many um2."""
    if um is None:
        return None
    if size is None:
        raise ImageError(
            "pixel_size_unknown",
            f"{name} is {um:g} but the pixel size is unknown; give --pixel-size-um.",
        )
    return (math.sqrt(um) if root else um) / size
