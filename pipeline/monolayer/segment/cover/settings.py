"""What a user may say about confluence; lengths in um, contrasts in the image's own noise."""

from typing import Literal

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = ["ConfluenceSettings", "CoverCalibration"]


class CoverCalibration(Settings):
    """Mean area of one spread cell, from fields whose nuclei were counted as well."""

    version: str
    """What your site calls this calibration; it is written beside every number made with it."""
    cell_area_um2: float = Field(gt=0, allow_inf_nan=False)
    """Mean area that one cell covers, um2."""
    n_fields: int = Field(ge=3)
    """Number of fields it was fitted to."""
    rmse_cells_per_cm2: float = Field(ge=0, allow_inf_nan=False)
    """Root mean square difference between estimated and counted densities, cells/cm2."""
    confluence_low: float = Field(ge=0, lt=1)
    """Lowest confluence (0 to 1) of those fields; below it no density is estimated."""
    confluence_high: float = Field(gt=0, lt=1)
    """Highest confluence (0 to 1) of those fields; above it no density is estimated."""

    @model_validator(mode="after")
    def _order(self) -> "CoverCalibration":
        if self.confluence_low >= self.confluence_high:
            message = (
                f"confluence_low {self.confluence_low} must lie below confluence_high "
                f"{self.confluence_high}"
            )
            raise ValueError(message)
        return self


class ConfluenceSettings(Settings):
    """How the covered part of a surface is found."""

    source: Literal["phase", "fluorescence"] = "phase"
    """What the image shows: phase (phase contrast or bright field, cells by their texture) or
    fluorescence (a channel in which whole cells shine)."""

    working_pixel_um: float = Field(default=1.3, gt=0.1, le=10)
    """Pixel size at which cover is found; finer images are binned by whole numbers towards it.
    Where the pixel size is unknown the binning follows the texture's own sharpness."""

    min_contrast: float = Field(default=2.5, gt=1, le=100)
    """In phase: local contrast from which on surface is covered, as multiples of that of bare
    surface; where cells are seen it moves half way towards them, to 0.75 to 2.5 times of it."""

    seed_contrast: float = Field(default=8.0, gt=1, le=100)
    """In phase: a covered patch must reach this contrast somewhere, or it is dirt."""

    min_signal_to_noise: float = Field(default=6.0, gt=1, le=1000)
    """In fluorescence: brightness of cells above the background, in its standard deviations."""

    background_level: float | None = Field(default=None, allow_inf_nan=False)
    """In fluorescence: grey level of an empty field (a blank, same exposure). Empty: sought in each
    image, which fails where cells cover more than about three quarters of it."""

    min_relative_brightness: float = Field(default=0.3, ge=0, lt=1)
    """In fluorescence: brightness of a cell's edge, as a share of the typical cell's."""

    halo_width_um: float = Field(default=6.5, ge=0, le=50)
    """In phase: how far the bright halo reaches from a cell, um; it is taken off the cover."""

    min_area_um2: float = Field(default=300.0, ge=0, allow_inf_nan=False)
    """Smaller covered patches are debris, um2."""

    max_hole_um2: float = Field(default=100.0, ge=0, allow_inf_nan=False)
    """Smaller bare patches within cover are flat parts of cells, um2."""

    body_spacing_um: float = Field(default=20.0, gt=2, le=500)
    """In phase: cell bodies nearer to one another than this count as one, um."""

    find_walls: bool = True
    """In phase: whether the vessel's walls and bubbles are taken out of the usable area."""

    min_usable_fraction: float = Field(default=0.2, ge=0, le=1)
    """A field of which less can be judged (walls and the like) is not evaluable."""

    calibration: CoverCalibration | None = None
    """Mean cell area for the indirect estimate of cell density; without it none is given."""
