"""What a site calls a spindle, and what it calls flattened."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["ShapeSettings"]


class ShapeSettings(Settings):
    """Limits of shape and size; the defaults are examples for mesenchymal stromal cells."""

    spindle_min_aspect_ratio: float = Field(default=3.0, ge=1, allow_inf_nan=False)
    """A spindle's ratio of long to short axis is above this."""

    spindle_max_area_um2: float = Field(default=2_500.0, gt=0, allow_inf_nan=False)
    """A spindle's area is below this, um2."""

    flattened_min_area_um2: float = Field(default=4_000.0, gt=0, allow_inf_nan=False)
    """A flattened cell's area is above this, um2."""

    flattened_max_aspect_ratio: float = Field(default=2.0, ge=1, allow_inf_nan=False)
    """A flattened cell's ratio of long to short axis is below this."""

    orientation_min_aspect_ratio: float = Field(default=1.5, ge=1, allow_inf_nan=False)
    """Objects rounder than this have no direction worth counting in the orientation order."""
