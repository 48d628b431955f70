"""Settings of the summarise stage."""

from pydantic import Field, field_validator

from monolayer.settings import Settings

__all__ = ["SummariseSettings"]


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
