"""Grow: a vessel's measurements in time become a rate, a law of growth and a forecast.

1. `doublings`: population doublings, fold, doubling time and rate, on their own for the notebook.
2. `grow`: the rate of a series, the laws that fit it and the one chosen.
3. `forecast`: when a target is crossed, with two intervals that are never mixed, or a refusal.

Pure functions of numbers; no files. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.grow.band import Band, band_of
    from monolayer.grow.bootstrap import BootstrapCrossing, bootstrap_crossing
    from monolayer.grow.crossing import Crossing, forecast, probability_before
    from monolayer.grow.curve import Growth, grow
    from monolayer.grow.doublings import (
        GrowthRate,
        attachment_efficiency,
        cumulative_doublings,
        doubling_time_h,
        fold_expansion,
        log_linear_rate,
        population_doublings,
        rate_of_passage,
    )
    from monolayer.grow.fit import Fit, fit_law
    from monolayer.grow.series import GrowthSeries
    from monolayer.grow.settings import GrowSettings
    from monolayer.grow.sharpen import expected_widths_h
    from monolayer.grow.vessels import VesselPlan, growth_area_cm2, plan_vessels

__all__ = [
    "Band",
    "BootstrapCrossing",
    "Crossing",
    "Fit",
    "GrowSettings",
    "Growth",
    "GrowthRate",
    "GrowthSeries",
    "VesselPlan",
    "attachment_efficiency",
    "band_of",
    "bootstrap_crossing",
    "cumulative_doublings",
    "doubling_time_h",
    "expected_widths_h",
    "fit_law",
    "fold_expansion",
    "forecast",
    "grow",
    "growth_area_cm2",
    "log_linear_rate",
    "plan_vessels",
    "population_doublings",
    "probability_before",
    "rate_of_passage",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Band": "band",
        "BootstrapCrossing": "bootstrap",
        "Crossing": "crossing",
        "Fit": "fit",
        "GrowSettings": "settings",
        "Growth": "curve",
        "GrowthRate": "doublings",
        "GrowthSeries": "series",
        "VesselPlan": "vessels",
        "attachment_efficiency": "doublings",
        "band_of": "band",
        "bootstrap_crossing": "bootstrap",
        "cumulative_doublings": "doublings",
        "doubling_time_h": "doublings",
        "expected_widths_h": "sharpen",
        "fit_law": "fit",
        "fold_expansion": "doublings",
        "forecast": "crossing",
        "grow": "curve",
        "growth_area_cm2": "vessels",
        "log_linear_rate": "doublings",
        "plan_vessels": "vessels",
        "population_doublings": "doublings",
        "probability_before": "crossing",
        "rate_of_passage": "doublings",
    },
)
