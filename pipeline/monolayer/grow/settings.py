"""Settings of the grow stage: which points count, which models, how far ahead."""

from typing import Literal

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["GrowSettings", "ModelName", "Scale"]

ModelName = Literal[
    "exponential", "exponential_lag", "logistic", "contact_inhibition", "gompertz", "baranyi"
]
Scale = Literal["auto", "linear"]

# Defaults of limits are examples that a site edits, like every number of a recipe.
_MODELS: tuple[ModelName, ...] = (
    "exponential",
    "exponential_lag",
    "logistic",
    "contact_inhibition",
    "gompertz",
    "baranyi",
)


class GrowSettings(Settings):
    """How a vessel's measurements in time become a rate and a forecast."""

    attachment_h: float = Field(default=24.0, ge=0, allow_inf_nan=False)
    """Hours after seeding whose measurements are left out: cells attach and spread then, and the
    confluence rises without a division."""

    models: tuple[ModelName, ...] = Field(default=_MODELS, min_length=1)
    """Models that may be chosen; the one of least AICc is."""

    average_models: bool = True
    """Whether the forecast weighs all fitted models by AICc (Akaike weights) instead of taking the
    chosen one for the truth: too few points tell models apart for that."""

    scale: Scale = "auto"
    """Scale on which the scatter is taken for even. auto: ln of a density, complementary log-log
    of a confluence, whose slope in time is the growth rate. linear: the numbers themselves."""

    plateau_confluence: float = Field(default=1.0, gt=0, le=1)
    """Confluence (0 to 1) that a full vessel of this process reaches."""

    plateau_density_cells_per_cm2: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Density that a full vessel reaches. Empty: it is fitted where there are points enough."""

    fit_plateau_above: float = Field(default=0.70, gt=0, lt=1)
    """Share of the plateau that the data must exceed before the plateau itself is fitted."""

    min_points_two_parameters: int = Field(default=5, ge=4)
    """Fewest points for a model of two parameters; with fewer the rate is marked LOW_DATA and
    nothing is forecast."""

    min_points_three_parameters: int = Field(default=7, ge=6)
    """Fewest points for a model of three or four parameters."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Confidence of every interval."""

    between_vessel_sd: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Standard deviation between vessels of one lot (of ln density, 0.05 is about 5 %), added to
    the prediction interval where one vessel stands for others."""

    law_error_sd: float = Field(default=0.015, ge=0, allow_inf_nan=False)
    """What every law of growth misses (standard deviation of ln density; 0.015 is 1.5 %), added to
    the prediction interval. To be found by replaying finished expansions until 95 % intervals hold
    95 %; the example is from simulated ones."""

    max_ahead_h: float = Field(default=72.0, gt=0, allow_inf_nan=False)
    """Longest forecast in hours after the last measurement; beyond it there is none."""

    max_ahead_spans: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """Longest forecast as a multiple of the time that the measurements cover."""

    bootstrap_draws: int = Field(default=0, ge=0, le=100_000)
    """Simulated repeats for the bootstrap interval of the crossing beside the other; 0: none."""

    seed: int = Field(default=0, ge=0)
    """Seed of those repeats: the same seed gives the same bits."""
