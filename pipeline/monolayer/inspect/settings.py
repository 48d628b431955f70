"""What a method may choose about image quality and illumination."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["IlluminationSettings", "InspectSettings"]


class InspectSettings(Settings):
    """Settings of the inspect stage: when a field is refused as not evaluable."""

    min_side_px: int = Field(default=16, ge=16)
    """Shortest side in pixels below which a field is too small to be inspected or counted."""

    max_saturated_fraction: float = Field(default=0.05, ge=0, le=1)
    """Largest share of pixels at the detector's upper limit. Counting survives some saturation,
    intensities do not: the worst of the annotated images that the defaults were checked on has
    0.0099, so 0.05 refuses gross over-exposure only. A site that compares intensities may set
    0.001."""

    min_focus_log_log_slope: float | None = Field(default=None, le=0, allow_inf_nan=False)
    """Least (most negative) power log-log slope of a field in focus; null judges no field. Blur
    lowers the slope, but by how much depends on magnification and cells: set it from the report's
    own figures of one instrument and objective, as Bray et al. (2012) advise."""

    max_focus_deviation: float | None = Field(default=4.0, gt=0, allow_inf_nan=False)
    """Robust standard deviations by which a field's power log-log slope may lie below the median
    of its plate's fields in the run before it is out of focus; needs 8 fields and a difference of
    at least 1. Null compares no fields."""

    focus_min_signal_to_noise: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    """Signal-to-noise ratio below which focus is not judged: a field without cells has no edges
    and is not out of focus."""


class IlluminationSettings(Settings):
    """Settings of the illumination correction from the run's own fields."""

    enabled: bool = False
    """Whether fields are divided by a flat field estimated from the run's own fields."""

    dark_level: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Grey level that the camera gives without light; it is not divided."""

    min_fields: int = Field(default=5, ge=1)
    """Least number of usable fields for an estimate."""

    background_quantile: float = Field(default=0.25, gt=0, lt=1)
    """Quantile within a tile of a field that is taken as its background: low where cells cover
    much of the field."""

    polynomial_degree: int = Field(default=4, ge=0, le=6)
    """Total degree of the polynomial that the flat field is smoothed to."""
