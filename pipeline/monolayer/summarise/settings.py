"""Settings of the summarise stage, and of the cross-check between assays."""

from pydantic import Field, field_validator

from monolayer.settings import Settings

__all__ = ["CrosscheckSettings", "SummariseSettings"]


class SummariseSettings(Settings):
    """How objects become figures of a field, a well and a plate."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Confidence of every interval; 0.95 means that 95 of 100 such intervals hold the truth."""

    target_cv: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Coefficient of variation of a well's mean count that the fields still needed are for."""

    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    """Quantiles given of each size and intensity; whole percents, rising."""

    @field_validator("quantiles")
    @classmethod
    def _name_whole_percents(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        for quantile in quantiles:
            # The column is named after the percent (q05): 0.025 would collide or lie.
            if not 0 < quantile < 1 or abs(quantile * 100 - round(quantile * 100)) > 1e-9:
                message = f"quantile {quantile} is not a whole percent between 0.01 and 0.99"
                raise ValueError(message)
        if list(quantiles) != sorted(set(quantiles)):
            message = f"quantiles {quantiles} must rise: sort them and drop repeats"
            raise ValueError(message)
        return quantiles

    @property
    def quantile_names(self) -> tuple[str, ...]:
        """Column suffixes: ``q05`` for 0.05."""
        return tuple(f"q{round(quantile * 100):02d}" for quantile in self.quantiles)


class CrosscheckSettings(Settings):
    """When two assays of one vessel are said to disagree."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Confidence of the test: at 0.95, two sound assays are said to disagree in 1 of 20 wells."""

    cell_area_um2: tuple[float, float] = (500.0, 6000.0)
    """Smallest and largest mean area that a spread cell of this process can have. Confluence and
    a direct count disagree when no area between them explains both. Example values: 1,800 to
    2,500 um2 is usual for mesenchymal stromal cells of early passage (Oja et al. 2018)."""

    max_confluence: float = Field(default=0.95, gt=0, lt=1)
    """Confluence above which it says nothing of how many cells there are *at most*: a full layer
    may hold any number."""

    method_uncertainty: float = Field(default=0.0, ge=0, lt=1)
    """Relative standard uncertainty of each assay that its interval does not hold, such as 0.03
    for segmentation and pixel size; 0 takes the intervals as they are."""

    @field_validator("cell_area_um2")
    @classmethod
    def _rising(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 < area[0] < area[1] < float("inf"):
            message = f"cell_area_um2 {area} must be two rising areas above 0, such as [500, 6000]"
            raise ValueError(message)
        return area
