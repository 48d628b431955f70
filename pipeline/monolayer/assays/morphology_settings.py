"""The section ``morphology`` of a method: whose shapes, and what is called what."""

from pydantic import Field

from monolayer.segment.cells.settings import CellOutlineSettings
from monolayer.settings import Settings
from monolayer.summarise.reference_settings import CultureSettings, Reference, ReferenceLimits
from monolayer.summarise.shape_settings import ShapeSettings

__all__ = ["MorphologySettings"]


class MorphologySettings(Settings):
    """Settings of the assay morphology; nuclei are found as the section ``segment`` says."""

    cell_channel: str | None = None
    """Channel that shows cytoplasm or membrane, named as found (w2, C02, ch2, actin). Empty: the
    morphology is that of the nuclei alone, and the rows say so."""

    outline: CellOutlineSettings = Field(default_factory=CellOutlineSettings)
    """How the cell around each nucleus is outlined."""

    max_nuclear_share: float = Field(default=0.8, gt=0, le=1)
    """Largest median of nuclear over cell area; above it no cells are seen (stain missing, or
    channels swapped) and the field is not evaluable."""

    max_light_ratio: float = Field(default=0.15, gt=0, allow_inf_nan=False)
    """Largest light beside the nuclei as a share of that in them, the nuclear channel's over the
    cell channel's; above it the channels are taken for swapped and the field is not evaluable."""

    shapes: ShapeSettings = Field(default_factory=ShapeSettings)
    """What is called a spindle, and what flattened."""

    culture: CultureSettings = Field(default_factory=CultureSettings)
    """What the images show; it must agree with the reference's."""

    reference: Reference | None = None
    """The process's own reference, or the path of its file (``monolayer reference`` makes one),
    relative to the method file. Empty: wells are not compared."""

    limits: ReferenceLimits = Field(default_factory=ReferenceLimits)
    """When a well is compared, what is an alert and what asks for action."""
