"""The growth of one vessel: which points count, which laws fit, which is chosen.

1. Points before attachment is over are left out, and values without a logarithm (0, 100 %).
2. The passage's rate is the straight line's; its doubling time is what vessels are compared by.
3. Laws that the points can carry are fitted; the least AICc is chosen, Akaike weights kept.
"""

import math
from dataclasses import dataclass

import numpy as np

from monolayer.grow.doublings import LN2, GrowthRate, log_linear_rate
from monolayer.grow.fit import Fit, fit_law
from monolayer.grow.models import MODELS
from monolayer.grow.series import GrowthSeries, Quantity, ln_u_of
from monolayer.grow.settings import GrowSettings, ModelName

__all__ = ["Growth", "grow"]


@dataclass(frozen=True, slots=True)
class Growth:
    """What a series says of its vessel's growth.

    Attributes
    ----------
    vessel, quantity : str
        Whose growth, by what.
    n, n_used : int
        Points given, and points after attachment with a logarithm.
    first_h, last_h : float or None
        Of the points used, in hours since seeding.
    last_value : float or None
        The last measurement.
    rate : GrowthRate or None
        The straight line through ln u; None where there are not two times.
    doublings : float or None
        Population doublings between the first and the last point used, along that line.
    fits : tuple of Fit
        Laws that could be fitted, best first; empty with LOW_DATA.
    weights : tuple of float
        Akaike weights of `fits`, their sum 1.
    refused : tuple of (str, str)
        Laws that could not be fitted, with the reason.
    flags : tuple of str
        ``LOW_DATA``: too few points for any law. ``NO_GROWTH``: the interval of the rate holds 0.
    """

    vessel: str
    quantity: Quantity
    n: int
    n_used: int
    first_h: float | None
    last_h: float | None
    last_value: float | None
    rate: GrowthRate | None
    doublings: float | None
    fits: tuple[Fit, ...]
    weights: tuple[float, ...]
    refused: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]

    @property
    def chosen(self) -> Fit | None:
        """The law of least AICc."""
        return self.fits[0] if self.fits else None

    @property
    def fold(self) -> float | None:
        """2 to the doublings."""
        return None if self.doublings is None else 2.0**self.doublings


def grow(series: GrowthSeries, settings: GrowSettings | None = None) -> Growth:
    """Describe a vessel's growth by its rate and by laws of growth.

    Parameters
    ----------
    series : GrowthSeries
        All measurements of the vessel since it was seeded.
    settings : GrowSettings, optional
        The defaults where left out.
    """
    settings = settings or GrowSettings()
    used = series.since(settings.attachment_h).usable()
    rate = _rate(used, settings)
    fits, refused = _fits(used, settings)
    span = (float(used.times_h[0]), float(used.times_h[-1])) if len(used.values) else (None, None)
    return Growth(
        vessel=series.vessel,
        quantity=series.quantity,
        n=len(series.values),
        n_used=len(used.values),
        first_h=span[0],
        last_h=span[1],
        last_value=float(used.values[-1]) if len(used.values) else None,
        rate=rate,
        doublings=_doublings(rate, used),
        fits=fits,
        weights=_akaike_weights(fits),
        refused=refused,
        flags=_flags(rate, used, settings),
    )


def _rate(used: GrowthSeries, settings: GrowSettings) -> GrowthRate | None:
    if len(set(used.times_h.tolist())) < 2:
        return None
    ln_u = ln_u_of(used.quantity, used.values)
    return log_linear_rate(used.times_h.tolist(), ln_u.tolist(), settings.confidence)


def _doublings(rate: GrowthRate | None, used: GrowthSeries) -> float | None:
    if rate is None:
        return None
    return rate.rate_per_h * float(used.times_h[-1] - used.times_h[0]) / LN2


def _flags(rate: GrowthRate | None, used: GrowthSeries, settings: GrowSettings) -> tuple[str, ...]:
    flags = []
    if len(used.values) < settings.min_points_two_parameters:
        flags.append("LOW_DATA")
    low = rate.confidence_low_per_h if rate else None
    if rate and (rate.rate_per_h <= 0 or (low is not None and low <= 0)):
        flags.append("NO_GROWTH")
    return tuple(flags)


def _fits(
    used: GrowthSeries, settings: GrowSettings
) -> tuple[tuple[Fit, ...], tuple[tuple[str, str], ...]]:
    fitted: list[Fit] = []
    refused: list[tuple[str, str]] = []
    for model in settings.models:
        for fit_plateau in _plateaus(model, used, settings):
            found = _fit(model, fit_plateau, used, settings)
            if isinstance(found, str):
                refused.append((model, found))
            else:
                fitted.append(found)
    # Equal criteria (a plateau of 100 % that changes nothing) go to the simpler law.
    fitted.sort(key=lambda fit: (fit.aicc, len(fit.parameters)))
    return tuple(fitted), tuple(refused)


def _plateaus(model: ModelName, used: GrowthSeries, settings: GrowSettings) -> tuple[bool, ...]:
    """Whether the plateau is held, fitted, or both are tried."""
    if not MODELS[model].saturates:
        return (False,)
    plateau = _plateau(used.quantity, settings)
    if plateau is None:
        return (True,)
    reached = len(used.values) and float(used.values.max()) > settings.fit_plateau_above * plateau
    return (False, True) if reached else (False,)


def _plateau(quantity: Quantity, settings: GrowSettings) -> float | None:
    if quantity == "confluence":
        return settings.plateau_confluence
    return settings.plateau_density_cells_per_cm2


def _fit(
    model: ModelName, fit_plateau: bool, used: GrowthSeries, settings: GrowSettings
) -> Fit | str:
    needed = settings.min_points_two_parameters
    if len(MODELS[model].parameters) + fit_plateau > 2:
        needed = settings.min_points_three_parameters
    n = len(used.values)
    if model == "contact_inhibition" and used.quantity != "confluence":
        # One law under two names would count twice among the weights.
        return "of a density it is the logistic law with its plateau fitted"
    if n < needed:
        return f"{n} points after attachment, {needed} needed"
    if len(set(used.times_h.tolist())) < len(MODELS[model].parameters) + fit_plateau + 1:
        return "too few different times"
    plateau = _plateau(used.quantity, settings)
    if fit_plateau:
        highest = float(used.values.max())
        plateau = min(0.99, 1.1 * highest) if used.quantity == "confluence" else 1.5 * highest
    elif plateau is not None and MODELS[model].saturates and used.values.max() >= plateau:
        return f"a measurement is not below the plateau {plateau:g}"
    return fit_law(model, used, plateau, fit_plateau=fit_plateau, scale=settings.scale)


def _akaike_weights(fits: tuple[Fit, ...]) -> tuple[float, ...]:
    """Weights of the laws; those that go on for ever alike share one law's part.

    Three of the laws end in the same exponential. Weighed as three, they drew forecasts to the
    early side (benchmarks/expansions.py): redundancy after Burnham & Anderson (2002), 4.2.9.
    """
    if not fits:
        return ()
    if not math.isfinite(fits[0].aicc):
        return (1.0,) + (0.0,) * (len(fits) - 1)
    endless = sum(fit.endless for fit in fits)
    raw = np.exp([-0.5 * (fit.aicc - fits[0].aicc) for fit in fits])
    raw /= [endless if fit.endless else 1 for fit in fits]
    return tuple(float(weight) for weight in raw / raw.sum())
