"""What a method may choose about measuring objects."""

from typing import Literal

from pydantic import Field, field_validator

from monolayer.settings import Settings

__all__ = ["GROUPS", "Group", "MeasureSettings"]

Group = Literal[
    "axes",
    "outline",
    "hull",
    "neighbours",
    "intensity",
    "background",
    "edge",
    "hu",
    "quantiles",
    "texture",
    "structure",
]
GROUPS: tuple[Group, ...] = (
    "axes",
    "outline",
    "hull",
    "neighbours",
    "intensity",
    "background",
    "edge",
)


class MeasureSettings(Settings):
    """Settings of the measure stage."""

    groups: tuple[Group, ...] = GROUPS
    """Groups of columns. Label, area, bounding box, centroid, border contact and weight are always
    given. Of the shape: axes (moment ellipse), outline (perimeters, Euler number, filled area),
    hull (convex area, Feret diameters), neighbours, hu (Hu's moments). Of each channel: intensity
    (mean to maximum, weighted centroid), background (around the object), edge (gradient at the
    border), quantiles (5 to 95 %), texture (co-occurrence of grey levels), structure (local
    variation and direction). Off are hu, quantiles, texture and structure: in us a nucleus and
    channel they cost about 1, 3, 9 and 17, beside 10 for all the others together."""

    neighbour_radius_um: float = Field(default=50.0, gt=0, allow_inf_nan=False)
    """Radius in micrometres around a centroid within which neighbours are counted."""

    background_gap_px: int = Field(default=2, ge=0)
    """Pixels between an object's bounding box and the frame in which its local background is
    taken: wide enough to clear the object's blurred edge."""

    background_width_px: int = Field(default=5, ge=1)
    """Width in pixels of the frame in which the local background is taken."""

    @field_validator("groups")
    @classmethod
    def _once(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        twice = sorted({group for group in groups if groups.count(group) > 1})
        if twice:
            msg = f"measure each group once; given twice: {', '.join(twice)}"
            raise ValueError(msg)
        return groups
