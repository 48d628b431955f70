"""Settings of the batch report: what a full yield is, and when a yield is out of the ordinary."""

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = ["BatchSettings"]


class BatchSettings(Settings):
    """What the batch report holds yields against. Empty: the report says that it is unknown."""

    theoretical_density_cells_per_cm2: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Viable cells per cm2 of growth area that a harvest would give without any loss: the
    theoretical yield of a vessel is its growth area times this."""

    min_percent_of_theoretical: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Percentage of theoretical yield below which the yield is a deviation."""

    max_percent_of_theoretical: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Percentage of theoretical yield above which the yield is a deviation."""

    max_difference_to_run: float = Field(default=0.005, ge=0, le=1)
    """Largest difference (confluence, 0 to 1) between a visit as recorded and the run whose
    picture is shown; more is a deviation."""

    @model_validator(mode="after")
    def _in_order(self) -> "BatchSettings":
        low, high = self.min_percent_of_theoretical, self.max_percent_of_theoretical
        if low is not None and high is not None and low > high:
            message = f"min_percent_of_theoretical {low:g} must not be above"
            raise ValueError(f"{message} max_percent_of_theoretical {high:g}")
        return self
