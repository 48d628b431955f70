"""Settings of a backtest: what counts as in time, and what it costs where it is not."""

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = ["BacktestSettings"]


class BacktestSettings(Settings):
    """The window in which a vessel is moved in time, and the costs of mistakes.

    The numbers are examples that a site replaces by its own.
    """

    window_low: float = Field(default=0.80, gt=0, lt=1)
    """Confluence (0 to 1) below which a passage or harvest is too early."""

    window_high: float = Field(default=0.92, gt=0, lt=1)
    """Confluence above which it is too late."""

    smooth_visits: int = Field(default=5, ge=2, le=50)
    """Nearest visits through which a straight line (complementary log-log) tells the confluence
    at a time, looking back on the whole record."""

    max_gap_h: float = Field(default=12.0, gt=0, allow_inf_nan=False)
    """Hours from the nearest visit beyond which the confluence at a time is unknown."""

    currency: str = Field(default="EUR", min_length=1)
    """What the costs are in."""

    cost_too_early: float = Field(default=2000.0, ge=0, allow_inf_nan=False)
    """Cost of a vessel that is moved too early: cells not grown."""

    cost_too_late: float = Field(default=4000.0, ge=0, allow_inf_nan=False)
    """Cost of a vessel that is moved too late: cells that have changed."""

    cost_missed: float = Field(default=8000.0, ge=0, allow_inf_nan=False)
    """Cost of a vessel that was full and never recommended to be moved."""

    cost_image: float = Field(default=20.0, ge=0, allow_inf_nan=False)
    """Cost of each visit that a recommendation asked for (REIMAGE)."""

    cost_call: float = Field(default=100.0, ge=0, allow_inf_nan=False)
    """Cost of each time that a vessel is newly held or escalated: somebody has to look."""

    pictures: int = Field(default=24, ge=0, le=500)
    """Vessels drawn on the page, those that differ or went wrong first."""

    @model_validator(mode="after")
    def _window_in_order(self) -> "BacktestSettings":
        if not self.window_low < self.window_high:
            raise ValueError(
                f"window_low {self.window_low} must be below window_high {self.window_high}"
            )
        return self
