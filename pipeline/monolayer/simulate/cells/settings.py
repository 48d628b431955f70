"""What is simulated beside the nuclei where a cell channel is asked for.

The defaults are mesenchymal stromal cells in an early passage with a cytoplasmic dye: spindles,
ordinary spread cells and a few flattened ones.
"""

from typing import Annotated

from pydantic import Field, model_validator

from monolayer.settings import Settings
from monolayer.simulate.settings import NucleiSettings, OpticsSettings, SimulateSettings

__all__ = ["CellFieldSettings", "CellsSettings"]


class CellsSettings(Settings):
    """Cells: how many of which shape, how large, how bright."""

    spindle_fraction: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of cells that are long and narrow with pointed ends."""
    flattened_fraction: Annotated[float, Field(ge=0, le=1)] = 0.08
    """Share of cells that are wide and thin, as old ones are. All others are ordinary."""
    spindle_area_um2: Annotated[float, Field(gt=0)] = 1_200
    """Median area of a spindle that nobody crowds."""
    spindle_aspect_ratio: Annotated[float, Field(ge=1)] = 5.5
    """Median of its long over its short axis."""
    ordinary_area_um2: Annotated[float, Field(gt=0)] = 2_000
    """Median area of an ordinary cell that nobody crowds."""
    ordinary_aspect_ratio: Annotated[float, Field(ge=1)] = 2.0
    """Median of its long over its short axis."""
    flattened_area_um2: Annotated[float, Field(gt=0)] = 6_000
    """Median area of a flattened cell that nobody crowds."""
    flattened_aspect_ratio: Annotated[float, Field(ge=1)] = 1.25
    """Median of its long over its short axis."""
    area_cv: Annotated[float, Field(ge=0, le=1)] = 0.22
    """Coefficient of variation of each kind's area (log-normal)."""
    aspect_ratio_cv: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Coefficient of variation of each kind's aspect ratio (log-normal)."""
    irregularity: Annotated[float, Field(ge=0, le=0.2)] = 0.06
    """Standard deviation of the outline's waves, relative to the radius; spindles have none."""
    direction_rad: float = 0.0
    """Direction that the cells share, from axis 1 towards axis 0."""
    alignment: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much they do: 0 any direction, 1 all the same."""
    signal_electrons: Annotated[float, Field(gt=0)] = 400
    """Electrons per pixel over the thickest part of a cell of median staining."""
    signal_cv: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Coefficient of variation of the staining (log-normal)."""
    lamella: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Thickness at the rim over that in the middle."""
    texture: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Relative standard deviation of the cytoplasm's texture."""


class CellFieldSettings(Settings):
    """All that the simulator of two-channel fields needs beside a seed."""

    nuclei: SimulateSettings = SimulateSettings(
        height_px=1024,
        width_px=1024,
        nuclei=NucleiSettings(density_cells_per_cm2=12_000, touching_fraction=0.08),
    )
    """The nuclear channel: optics, nuclei and debris; nuclei in their cells seldom touch. Its
    plate is not used."""
    cells: CellsSettings = CellsSettings()
    """The cells."""
    cell_optics: OpticsSettings = OpticsSettings(emission_nm=520, section_thickness_um=3)
    """Optics of the cell channel; the pixel size must be that of the nuclear channel."""

    @model_validator(mode="after")
    def _one_pixel_size(self) -> "CellFieldSettings":
        sizes = self.nuclei.optics.pixel_size_um, self.cell_optics.pixel_size_um
        if sizes[0] != sizes[1]:
            raise ValueError(f"channels of one field have one pixel size, not {sizes}")
        return self
