"""What a simulated counting chamber looks like: cells, dirt, grid, microscope."""

from typing import Annotated, Literal

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["ChamberFieldSettings", "ChamberSettings"]

Share = Annotated[float, Field(ge=0, le=1)]


class ChamberFieldSettings(Settings):
    """One field of a counting chamber in bright field."""

    height_px: Annotated[int, Field(ge=64, le=8192)] = 800
    """Rows of the image."""
    width_px: Annotated[int, Field(ge=64, le=8192)] = 1000
    """Columns of the image."""
    pixel_size_um: Annotated[float, Field(gt=0, le=10)] = 0.65
    """Micrometres per pixel."""
    depth_mm: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Depth of the liquid."""
    concentration_cells_per_ml: Annotated[float, Field(ge=0, le=2e7)] = 1.5e6
    """Cells per mL in the chamber, after any dilution."""
    viability: Share = 0.85
    """Share of living cells."""
    stain: Literal["refractile", "trypan_blue"] = "refractile"
    """How dead cells show: dull and grainy without a dye, or with a centre dark with dye."""
    diameter_um: Annotated[float, Field(ge=3, le=60)] = 14
    """Median diameter of a cell."""
    diameter_cv: Annotated[float, Field(ge=0, le=0.5)] = 0.12
    """Coefficient of variation of the diameter (log-normal)."""
    clumped: Annotated[float, Field(ge=0, le=0.9)] = 0.15
    """Share of cells that settle against the cell before."""
    specks_per_mm2: Annotated[float, Field(ge=0, le=1000)] = 40
    """Small pale rings: platelets, fragments, red cells."""
    shadows_per_mm2: Annotated[float, Field(ge=0, le=200)] = 6
    """Soft dark patches: dirt out of focus."""
    grid: bool = True
    """Whether the chamber's lines are seen."""
    grid_spacing_um: Annotated[float, Field(ge=20)] = 200
    """Distance of neighbouring lines."""
    background_grey_levels: Annotated[float, Field(gt=10, le=250)] = 100
    """Grey level of the empty chamber in the lamp's centre."""
    vignetting: Annotated[float, Field(ge=0, le=0.6)] = 0.1
    """Share of light that the corners lack."""
    defocus_um: Annotated[float, Field(ge=0, le=20)] = 1
    """Distance of the cells from the focal plane."""
    noise_grey_levels: Annotated[float, Field(ge=0, le=20)] = 1.5
    """Standard deviation of the camera's noise."""


class ChamberSettings(Settings):
    """Samples in a counting chamber, several fields each."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "chamber"
    """Name of the set, the first part of each file name."""
    viabilities: Annotated[tuple[Share, ...], Field(min_length=1, max_length=12)] = (
        0.95, 0.85, 0.7, 0.5,
    )  # fmt: skip
    """Viability of each sample; each is a well."""
    fields_per_sample: Annotated[int, Field(ge=1, le=99)] = 4
    """Images of each sample."""
    field: ChamberFieldSettings = ChamberFieldSettings()
    """The images; a sample's viability stands in for theirs."""
