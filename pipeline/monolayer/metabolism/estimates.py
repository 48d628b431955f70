"""Cell numbers by what cells do: take up glucose, and hold a charge."""

import math

from monolayer.errors import InputError
from monolayer.metabolism.fusion import Estimate
from monolayer.metabolism.settings import MetabolismSettings

__all__ = ["cells_from_capacitance", "cells_from_consumption"]


def cells_from_consumption(
    consumed_umol: float,
    consumed_se_umol: float,
    days_at_end: float,
    settings: MetabolismSettings,
) -> Estimate | None:
    """Cells at the end of a stretch in which they took up so much glucose at the process's rate.

    Parameters
    ----------
    consumed_umol, consumed_se_umol : float
        Taken up over the stretch.
    days_at_end : float
        Integral of cells over the stretch for each cell at its end, in days: what is needed of
        the growth, and no cell number; ``(1 - e^(-mu t)) / mu`` for one rate of growth.
    settings : MetabolismSettings
        The process's rate.

    Returns
    -------
    Estimate or None
        None where the process's rate is not told, or nothing was taken up.

    Raises
    ------
    InputError
        A stretch of no days.
    """
    rate = settings.glucose_rate_of_process
    if rate is None or consumed_umol <= 0:
        return None
    if not days_at_end > 0:
        raise InputError(f"{days_at_end:g} d is no stretch; give days above 0.")
    cells = consumed_umol * 1e6 / (rate * days_at_end)
    cv = math.hypot(consumed_se_umol / consumed_umol, settings.glucose_rate_of_process_cv)
    return Estimate("metabolism", cells, cells * cv) if cv > 0 else None


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
