"""What a method may choose about image quality and illumination, and the reference it judges by."""

import hashlib
import json
from typing import Literal

from pydantic import Field, field_validator, model_validator

from monolayer.settings import Settings

__all__ = [
    "FIGURES",
    "FigureReference",
    "GateSettings",
    "IlluminationSettings",
    "InspectSettings",
    "QualityReference",
]

FIGURES = (
    "intensity_min",
    "intensity_max",
    "saturated_fraction",
    "background_level",
    "noise_level",
    "signal_level",
    "signal_to_noise",
    "focus_log_log_slope",
    "focus_laplacian_variance",
    "focus_laplacian_over_noise",
    "focus_tenengrad",
    "focus_tenengrad_over_noise",
    "illumination_ratio",
    "illumination_tilt_x",
    "illumination_tilt_y",
)
"""Names of the figures of image quality, in the order of the fields table."""


class FigureReference(Settings):
    """What an instrument usually gives for one figure of one channel."""

    median: float = Field(allow_inf_nan=False)
    """Median of the reference fields."""

    robust_sd: float = Field(ge=0, allow_inf_nan=False)
    """1.4826 times the median absolute deviation; 0 where more than half of the fields are equal,
    and then the figure is not judged."""

    n_fields: int = Field(ge=1)
    """Fields that gave the figure."""


class QualityReference(Settings):
    """An instrument's own image quality with one objective, from runs that were found good."""

    instrument: str = Field(min_length=1)
    """The microscope, as the site calls it."""

    objective: str = Field(min_length=1)
    """The objective, such as 10x/0.3."""

    version: str = "1"
    """The site's version of this reference."""

    pixel_size_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Micrometres per pixel of the reference fields; null where nobody said."""

    runs: dict[str, str] = Field(default_factory=dict)
    """Runs that it was made of, each with its method's hash."""

    channels: dict[str, dict[str, FigureReference]]
    """Median and robust SD of each figure, channel by channel."""

    sha256: str
    """Hash of all of the above; a reference that was changed by hand is refused."""

    def content_sha256(self) -> str:
        """Hash of the content, as canonical JSON."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @model_validator(mode="after")
    def _unchanged(self) -> "QualityReference":
        if self.sha256 != self.content_sha256():
            raise ValueError(
                "the quality reference was changed after it was made (its sha256 differs); make "
                "it again with 'monolayer quality'"
            )
        return self


class GateSettings(Settings):
    """Settings of the quality gate; its limits are examples that a site sets for itself."""

    instrument: str = ""
    """The microscope of these images; where named, the reference must be of the same one."""

    objective: str = ""
    """The objective of these images; where named, the reference must be of the same one."""

    max_robust_z: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    """Robust standard deviations by which a figure may differ from the reference's median."""

    figures: tuple[str, ...] = (
        "background_level",
        "noise_level",
        "focus_log_log_slope",
        "focus_laplacian_over_noise",
        "illumination_ratio",
        "illumination_tilt_x",
        "illumination_tilt_y",
    )
    """Figures that are judged: by default those that the instrument sets more than the culture.
    Any figure of the fields table can be named; those of focus are judged only where there is
    something to be in focus."""

    beyond: Literal["refuse", "flag"] = "refuse"
    """What becomes of a field beyond a limit of the gate: refuse makes it not evaluable, flag says
    so beside its results. Without a reference the gate only flags."""

    max_saturated_fraction: float = Field(default=0.001, ge=0, le=1)
    """Largest share of saturated pixels that passes the gate."""

    required: tuple[Literal["pixel_size", "channels", "time"], ...] = ("pixel_size", "channels")
    """What must be known of every field: its pixel size, all channels that its neighbours have,
    its time."""

    min_ok_fields: int = Field(default=1, ge=1)
    """Evaluated fields below which a well should be imaged again."""

    min_ok_fraction: float = Field(default=0.8, ge=0, le=1)
    """Share of the planned fields that must be evaluated, or the well should be imaged again."""

    @field_validator("figures")
    @classmethod
    def _known_figures(cls, figures: tuple[str, ...]) -> tuple[str, ...]:
        for name in figures:
            if name not in FIGURES:
                raise ValueError(f"unknown figure {name!r}; known: {', '.join(FIGURES)}")
        return figures


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

    gate: GateSettings = Field(default_factory=GateSettings)
    """The quality gate: fields are held against the instrument's own reference before any
    assay."""

    reference: QualityReference | None = None
    """The instrument's reference: a file of 'monolayer quality', named relative to this one; a
    method in use holds its content. Null passes no field: every one is said to have none."""

    @model_validator(mode="after")
    def _same_optics(self) -> "InspectSettings":
        if self.reference is None:
            return self
        for name in ("instrument", "objective"):
            given, known = getattr(self.gate, name), getattr(self.reference, name)
            if given and given.casefold().strip() != known.casefold().strip():
                raise ValueError(
                    f"the quality reference is of {name} {known!r} and not of {given!r}: each "
                    "has its own reference"
                )
        return self


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
