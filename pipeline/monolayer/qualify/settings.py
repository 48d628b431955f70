"""What a qualification is asked for: settings and the site's own limits, fixed beforehand."""

from typing import Annotated

from pydantic import Field as Setting

from monolayer.settings import Settings

__all__ = ["QualifyLimits", "QualifySettings", "UncertaintySettings"]

Percent = Annotated[float, Setting(ge=0, allow_inf_nan=False)]


class QualifyLimits(Settings):
    """When a method is fit for its use.

    ISO 20391-2 gives no limits: each is the site's own, and what is left empty is shown and not
    judged.
    """

    max_cv_percent: Percent | None = None
    """Largest coefficient of variation within samples, of any dilution fraction."""

    max_pi_sa_scaled: Annotated[float, Setting(ge=0)] | None = None
    """Largest scaled proportionality index (sum over samples: it belongs to one design)."""

    min_r2_uncentred: Annotated[float, Setting(ge=0, le=1)] | None = None
    """Smallest R2 of the weighted fit without intercept, as NIST's COMET computes it."""

    max_bias_percent: Percent | None = None
    """Largest bias against the second counter, either way."""

    max_intermediate_precision_percent: Percent | None = None
    """Largest coefficient of variation over operators, days, instruments and repeats."""

    max_expanded_uncertainty_percent: Percent | None = None
    """Largest expanded uncertainty of a result."""

    max_detection_limit: Annotated[float, Setting(ge=0)] | None = None
    """Largest limit of detection, in the unit of the series."""


class UncertaintySettings(Settings):
    """Components of the uncertainty budget that no series shows, as standard uncertainties.

    What is left empty is unknown, is named as such, and makes the budget incomplete.
    """

    pixel_size_percent: Percent | None = None
    """Of the pixel size; it enters an area twice."""

    segmentation_percent: Percent | None = None
    """Of the counting itself, such as from annotated images."""

    dilution_percent: Percent | None = None
    """Of dilution, volume or seeding."""

    sampling_percent: Percent | None = None
    """Between fields or aliquots. Empty: the series' own coefficient of variation is taken."""

    coverage_factor: Annotated[float, Setting(gt=0)] = 2.0
    """Expanded over standard uncertainty (GUM 6.2); 2 is about 95 %."""


class QualifySettings(Settings):
    """One qualification's plan."""

    name: Annotated[str, Setting(min_length=1)] = "qualification"
    """What your site calls it."""

    version: Annotated[str, Setting(min_length=1)] = "1"
    """Your site's version of this plan."""

    confidence: Annotated[float, Setting(gt=0.5, lt=1)] = 0.95
    """Of every interval, and of the limits of agreement."""

    bootstrap_draws: Annotated[int, Setting(ge=50, le=20_000)] = 1000
    """Repeats of the bootstrap, 50 or more."""

    seed: Annotated[int, Setting(ge=0)] = 1
    """Of the bootstrap: the same file gives the same intervals."""

    detection_error: Annotated[float, Setting(gt=0, lt=0.5)] = 0.05
    """Chance of a blank above the limit of blank, and of a sample at the limit of detection
    below it."""

    uncertainty: UncertaintySettings = Setting(default_factory=UncertaintySettings)
    """Components that the series does not show."""

    limits: QualifyLimits = Setting(default_factory=QualifyLimits)
    """What the method must hold."""
