"""Yields between metabolites. Cell numbers cancel in them, so only the assays' errors count."""

import math
from dataclasses import dataclass

from scipy import special

from monolayer.metabolism.rate import Rate
from monolayer.metabolism.settings import MetabolismSettings

__all__ = ["Yields", "yields_of"]

_CARBONS_OF_GLUCOSE, _CARBONS_OF_LACTATE = 6, 3


@dataclass(frozen=True, slots=True)
class Yields:
    """What was made of what, over one stretch.

    Attributes
    ----------
    from_h, to_h : float
        The stretch.
    lactate_per_glucose : float or None
        mol/mol; 2 is full glycolysis. None: no glucose was taken up.
    se : float or None
        Its standard error.
    lactate_carbon_recovery : float or None
        Share of the glucose's carbon that is found in lactate: half of the yield.
    ammonium_per_glutamine : float or None
        mol/mol.
    flags : tuple of str
        ``LACTATE_ABOVE_GLUCOSE``: above the limit by more than its error can be;
        ``LACTATE_HIGH``: above it, within its error.
    """

    from_h: float
    to_h: float
    lactate_per_glucose: float | None
    se: float | None
    lactate_carbon_recovery: float | None
    ammonium_per_glutamine: float | None
    flags: tuple[str, ...]


def yields_of(
    glucose: Rate | None,
    lactate: Rate | None,
    settings: MetabolismSettings,
    glutamine: Rate | None = None,
    ammonium: Rate | None = None,
) -> Yields:
    """Yields of rates over the same stretch.

    Raises
    ------
    ValueError
        Rates over different times, or none at all.
    """
    given = [rate for rate in (glucose, lactate, glutamine, ammonium) if rate is not None]
    if not given or len({(rate.from_h, rate.to_h) for rate in given}) != 1:
        raise ValueError("yields need rates over one and the same stretch")
    lactate_yield, se = _ratio(lactate, glucose)
    ammonium_yield, _ = _ratio(ammonium, glutamine)
    recovery = (
        None if lactate_yield is None else lactate_yield * _CARBONS_OF_LACTATE / _CARBONS_OF_GLUCOSE
    )
    return Yields(
        given[0].from_h,
        given[0].to_h,
        lactate_yield,
        se,
        recovery,
        ammonium_yield,
        _flags(lactate_yield, se, settings),
    )


def _ratio(made: Rate | None, of: Rate | None) -> tuple[float | None, float | None]:
    """Ratio and its standard error to first order; None where nothing was taken up."""
    if made is None or of is None or of.pmol_per_cell_d <= 0:
        return None, None
    ratio = made.pmol_per_cell_d / of.pmol_per_cell_d
    se = math.hypot(made.assay_se, ratio * of.assay_se) / of.pmol_per_cell_d
    return ratio, se


def _flags(value: float | None, se: float | None, settings: MetabolismSettings) -> tuple[str, ...]:
    limit = settings.max_lactate_per_glucose
    if value is None or se is None or value <= limit:
        return ()
    reach = se * float(special.ndtri(settings.confidence))
    return ("LACTATE_ABOVE_GLUCOSE",) if value - reach > limit else ("LACTATE_HIGH",)
