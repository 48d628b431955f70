"""What a user may say about nuclei; all lengths in um, everything else found in the image."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["SegmentSettings"]


class SegmentSettings(Settings):
    """How nuclei are found in a fluorescence plane."""

    expected_diameter_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Typical diameter of a nucleus, um. Null: found in each image by itself."""

    min_area_um2: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Smallest object reported, um2. Null: only ``min_relative_area`` holds."""

    min_relative_area: float = Field(default=0.11, ge=0, lt=1)
    """Smallest object reported, as a share of the typical nucleus's area."""

    contour_level: float = Field(default=0.45, gt=0, lt=1)
    """Height of the contour between background (0) and the object's own mean (1)."""

    min_signal_to_noise: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    """Least height above background of an object, in standard deviations of the noise."""
