"""A vessel's figures for its batch record: growth and forecast, yield, doublings."""

import math
from typing import TYPE_CHECKING

from monolayer.batch.content import Curve, Forecast, GrowthFigures, Yield
from monolayer.culture import growth_series, why_no_series
from monolayer.drawing.content import Estimate
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe

if TYPE_CHECKING:
    from monolayer.grow import Growth

__all__ = ["doublings_of", "growth_of", "yield_of"]

_CURVE_POINTS = 121


def yield_of(
    history: VesselHistory, recipe: Recipe, seeded: float | None, harvested: float | None
) -> Yield:
    """Viable cells in and out; seeded ones are density times area where they are not recorded."""
    actual_basis = "no harvest is recorded" if harvested is None else "harvested, as recorded"
    if harvested is None and history.ended_as == "discarded":
        harvested, actual_basis = 0.0, "discarded: it gave nothing"
    vessel, area = history.vessel, history.vessel.growth_area_cm2
    if seeded is None and vessel.seeding_density_cells_per_cm2 and area:
        seeded = vessel.seeding_density_cells_per_cm2 * area
    density = recipe.batch.theoretical_density_cells_per_cm2
    counted = next(
        (v.density_cells_per_cm2 for v in reversed(history.acquisitions)
         if v.density_cells_per_cm2 is not None),
        None,
    )  # fmt: skip
    if density is None:
        theoretical, basis = None, "the recipe gives no theoretical density"
    elif area is None:
        theoretical, basis = None, "the growth area is not recorded"
    else:
        theoretical = density * area
        basis = f"{area:,.4g} cm² times {density:,.6g} viable cells/cm² (recipe)"
    return Yield(
        seeded=seeded,
        actual=harvested,
        theoretical=theoretical,
        basis=basis,
        on_surface=None if counted is None or area is None else counted * area,
        actual_basis=actual_basis,
    )


def doublings_of(history: VesselHistory, yielded: Yield) -> tuple[float | None, float | None, str]:
    """Of this passage, since the bank, and by what."""
    start = history.vessel.doublings_at_seeding
    if yielded.actual and yielded.seeded:
        here = math.log2(yielded.actual / yielded.seeded)
        return here, None if start is None else start + here, "viable harvested over viable seeded"
    level = next(
        (v.doublings for v in reversed(history.acquisitions) if v.doublings is not None), None
    )
    if level is not None:
        since = None if start is None else level - start
        return since, level, "as recorded with the last visit; no harvest count"
    return None, None, "needs viable cells seeded and harvested"


def growth_of(
    history: VesselHistory, recipe: Recipe
) -> tuple[GrowthFigures, Curve | None, Forecast]:
    """Fitted growth, its curve with both bands, and the forecast as of the last record."""
    from monolayer.grow import forecast, grow

    target, n = recipe.decide.target_confluence, len(history.acquisitions)
    series = growth_series(history, recipe)
    if series is None:
        reason = why_no_series(history)
        return GrowthFigures(n, 0, reason=reason), None, Forecast(target, reason=reason)
    growth = grow(series, recipe.grow)
    crossing = forecast(growth, target, recipe.grow)
    known = Forecast(
        target,
        crossing.time_h if crossing.median_h is None else crossing.median_h,
        crossing.prediction_low_h,
        crossing.prediction_high_h,
        crossing.model,
        crossing.reason,
    )
    return _figures(growth, n), _curve(growth, history, known, recipe), known


def _figures(growth: "Growth", n: int) -> GrowthFigures:
    rate, chosen = growth.rate, growth.chosen
    if rate is None:
        return GrowthFigures(n, growth.n_used, flags=growth.flags, reason="too few visits")
    low, high = rate.confidence_low_per_h, rate.confidence_high_per_h
    return GrowthFigures(
        n=n,
        n_used=growth.n_used,
        rate_per_d=Estimate(24 * rate.rate_per_h, _times(24, low), _times(24, high)),
        # The slowest growth is the longest doubling time; none at all doubles never.
        doubling_time_h=Estimate(rate.doubling_time_h, _halved(high), _halved(low)),
        law=None if chosen is None else chosen.model,
        residual_sd=None if chosen is None else chosen.residual_sd,
        flags=growth.flags,
        reason=None if chosen is not None else "; ".join(why for _, why in growth.refused[:1]),
    )


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


def _halved(rate_per_h: float | None) -> float | None:
    return math.log(2) / rate_per_h if rate_per_h is not None and rate_per_h > 0 else None


def _curve(
    growth: "Growth", history: VesselHistory, forecast: Forecast, recipe: Recipe
) -> Curve | None:
    import numpy as np

    from monolayer.grow import band_of

    if growth.first_h is None or growth.last_h is None:
        return None
    end = growth.last_h
    if history.ended_as is None:
        ahead = forecast.prediction_high_h or forecast.median_h or end
        end = max(end, ahead, history.last_h)
    times = np.linspace(growth.first_h, end, _CURVE_POINTS)
    band = band_of(growth, times, recipe.grow)
    if band is None:
        return None
    drawn = (band.times_h, band.value, band.confidence_low, band.confidence_high,
             band.prediction_low, band.prediction_high)  # fmt: skip
    return Curve(band.model, band.confidence, *(tuple(each.tolist()) for each in drawn))
