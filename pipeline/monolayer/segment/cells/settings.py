"""What a user may say about outlines of cells; all lengths are in diameters of a nucleus."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["CellOutlineSettings"]


class CellOutlineSettings(Settings):
    """How the cell around each nucleus is outlined in the cell channel."""

    smoothing: float = Field(default=0.06, ge=0, le=1)
    """Standard deviation of the smoothing, in diameters of the field's typical nucleus."""

    background_window: float = Field(default=12.0, gt=1, le=200)
    """Side of the window within which some background must be seen, in diameters of a nucleus:
    wider than the widest gapless patch of cells, narrower than the lamp's unevenness."""

    min_signal_to_noise: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    """Least height of a cell's pixel above the background, in standard deviations of the
    background."""

    min_relative_brightness: float = Field(default=0.1, ge=0, lt=1)
    """Least height of a cell's pixel above the background, as a share of what the cells of the
    field have over their nuclei: what is fainter is taken for haze."""

    contour_level: float = Field(default=0.5, gt=0, lt=1)
    """Height of the outline between the background (0) and the cell's own thin part (1), which is
    the lower quartile of its heights."""
