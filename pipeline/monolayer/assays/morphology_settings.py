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

    shapes: ShapeSettings = Field(default_factory=ShapeSettings)
    """What is called a spindle, and what flattened."""

    culture: CultureSettings = Field(default_factory=CultureSettings)
    """What the images show; it must agree with the reference's."""

    reference: Reference | None = None
    """The process's own reference, or the path of its file (``monolayer reference`` makes one),
    relative to the method file. Empty: wells are not compared."""

    limits: ReferenceLimits = Field(default_factory=ReferenceLimits)
    """When a well is compared, what is an alert and what asks for action."""
