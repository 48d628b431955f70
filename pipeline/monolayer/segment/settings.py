"""What a user may say about nuclei; lengths in um, everything else is found in the image."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from monolayer.settings import Settings

__all__ = ["SegmentSettings"]


class SegmentSettings(Settings):
    """How nuclei are found in a fluorescence plane."""

    method: str = Field(default="tree", min_length=1)
    """How objects are found: tree (the best components of many levels, each outlined at its own
    height), threshold (one level for the field: two to five times as fast, with and without
    threshold_split, but neighbours merge and dim nuclei are lost beside bright ones), onnx (a
    learned model in ONNX format), or the name of a segmenter that an installed package brings.
    For the last two only options, expected_diameter_um and min_area_um2 hold of what follows."""

    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Options of the method onnx or of a package's segmenter, checked by it. For onnx, model (the
    file) and sha256 (of the file) must be given."""

    threshold: (
        Literal["otsu", "li", "triangle", "local"]
        | Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ) = "li"
    """Level of the method threshold: otsu, li (minimum cross-entropy), triangle, local (the mean
    around each pixel), or a number of grey values above the background."""

    threshold_smoothing_px: float = Field(default=1.2, ge=0, le=100)
    """Standard deviation of the smoothing before the method threshold, pixels."""

    threshold_split: bool = True
    """Whether the method threshold cuts clumps as the method tree does."""

    expected_diameter_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Typical diameter of a nucleus, um; needs the pixel size. Null: found in each image."""

    min_area_um2: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Smallest object counted, um2; needs the pixel size. Null: only min_relative_area holds."""

    min_relative_area: float = Field(default=0.11, ge=0, lt=1)
    """Smallest object counted, as a share of the typical nucleus's area. The default leaves out
    micronuclei, which are by definition at most a third of a nucleus wide (a ninth of its area),
    and most debris."""

    min_score: float = Field(default=0.45, ge=0, lt=1)
    """Smallest confidence of an object counted, 0 to 1: see the column segmentation_score."""

    min_signal_to_noise: float = Field(default=8.0, gt=0, allow_inf_nan=False)
    """Least mean height of an object above the background, in standard deviations of the
    background."""

    min_relative_brightness: float = Field(default=0.12, ge=0, lt=1)
    """Least height of an object above the background, as a share of the typical nucleus's: what
    is fainter is taken for cytoplasm or haze. Lower it for very unequal staining."""

    contour_level: float = Field(default=0.5, gt=0, lt=1)
    """Height of the outline between the background (0) and the object's own mean (1)."""

    split_bias: float = Field(default=0.0, ge=-10, le=10)
    """Added to the evidence for cutting a clump: positive cuts more, negative less."""
