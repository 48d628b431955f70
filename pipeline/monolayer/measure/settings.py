"""What a method may choose about measuring objects."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["MeasureSettings"]


class MeasureSettings(Settings):
    """Settings of the measure stage."""

    neighbour_radius_um: float = Field(default=50.0, gt=0, allow_inf_nan=False)
    """Radius in micrometres around a centroid within which neighbours are counted."""

    background_gap_px: int = Field(default=2, ge=0)
    """Pixels between an object's bounding box and the frame in which its local background is
    taken: wide enough to clear the object's blurred edge."""

    background_width_px: int = Field(default=5, ge=1)
    """Width in pixels of the frame in which the local background is taken."""
