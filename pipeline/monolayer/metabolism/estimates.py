"""Cell numbers by what cells do: take up glucose, and hold a charge."""

import math

from monolayer.errors import InputError
from monolayer.metabolism.fusion import Estimate
from monolayer.metabolism.settings import MetabolismSettings

__all__ = ["cells_from_capacitance", "cells_from_consumption"]


def cells_from_consumption(
    consumed_umol: float,
    consumed_se_umol: float,
    hours: float,
    growth_per_h: float,
    settings: MetabolismSettings,
) -> Estimate | None:
    """Cells at the end of a stretch in which they took up so much glucose at the process's rate.

    ``N_end = consumed / q x mu / (1 - e^(-mu t))``.

    Parameters
    ----------
    consumed_umol, consumed_se_umol : float
        Taken up over the stretch.
    hours, growth_per_h : float
        Its length and the growth in it.
    settings : MetabolismSettings
        The process's rate.

    Returns
    -------
    Estimate or None
        None where the process's rate is not told, or nothing was taken up.
    """
    rate = settings.glucose_rate_of_process
    if rate is None or consumed_umol <= 0:
        return None
    if not hours > 0:
        raise InputError(f"{hours:g} h is no stretch; give hours above 0.")
    x = growth_per_h * hours
    mean_over_end = -math.expm1(-x) / x if x else 1.0
    cells = consumed_umol * 1e6 / (rate * hours / 24) / mean_over_end
    cv = math.hypot(consumed_se_umol / consumed_umol, settings.glucose_rate_of_process_cv)
    return Estimate("metabolism", cells, cells * cv)


def cells_from_capacitance(
    pf_per_cm: float, volume_ml: float, settings: MetabolismSettings
) -> Estimate | None:
    """Viable cells by the capacitance of the medium, with the site's own calibration.

    It measures the viable *volume*: a culture of enlarged, senescent cells reads high.

    Returns
    -------
    Estimate or None
        None where there is no calibration, or nothing above the blank.
    """
    per_million = settings.capacitance_per_million_cells_per_ml
    above = pf_per_cm - settings.capacitance_blank_pf_per_cm
    if per_million is None or above <= 0:
        return None
    cells = above / per_million * 1e6 * volume_ml
    return Estimate("capacitance", cells, cells * settings.capacitance_cv)
