"""What a mass balance finds: rates of stretches, and of a whole culture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.metabolism.settings import Metabolite

__all__ = ["MassBalance", "Rate"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A specific rate over a stretch between exchanges, or over all of a culture.

    Attributes
    ----------
    quantity : str
        Which metabolite.
    from_h, to_h : float
        From seeding or an exchange to the next, or to the last sample.
    pmol_per_cell_d : float
        Uptake of glucose and glutamine, release of lactate and ammonium.
    se, assay_se : float
        Standard error of all, and of the assays without the cell numbers.
    low, high : float
        Interval.
    amount_umol : float
        What the cells took up or released in that time.
    cell_days : float
        Integral of viable cells.
    n : int
        Samples in it.
    flags : tuple of str
        ``CELLS_EXTRAPOLATED``, ``OUTSIDE_WINDOW``, ``OTHER_DIRECTION``, ``NOT_TOLD_FROM_ZERO``;
        ``START_NOT_FRESH``: the sample at hour 0 is not of the fresh medium;
        ``DEPLETED``: nothing was left at a sample, so that the rate is too low.
    """

    quantity: Metabolite
    from_h: float
    to_h: float
    pmol_per_cell_d: float
    se: float
    assay_se: float
    low: float
    high: float
    amount_umol: float
    cell_days: float
    n: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MassBalance:
    """The rates of one metabolite.

    Attributes
    ----------
    quantity : str
        Which.
    intervals : tuple of Rate
        One a stretch between exchanges; one without a sample is joined to the next.
    whole : Rate
        All that was taken up or released over the integral of all cells.
    constant : Rate
        The one rate that fits all samples best; closer than `whole` where the rate is one.
    constant_p : float or None
        Probability of the samples if it is; None where nothing is left to tell.
    covariance : ndarray of float64, shape (n, n)
        Of the intervals' rates: neighbours share a sample.
    chi2, freedom, p : float, int, float or None
        Whether the samples fit one rate an interval; p is None where nothing is left to tell.
    end_h, end_mmol_per_l, end_se : float
        Concentration at the last sample, by the balance.
    solution : ndarray of float64
        Start, fresh medium, and the intervals' rates.
    """

    quantity: Metabolite
    intervals: tuple[Rate, ...]
    whole: Rate
    constant: Rate
    constant_p: float | None
    covariance: Floats
    chi2: float
    freedom: int
    p: float | None
    end_h: float
    end_mmol_per_l: float
    end_se: float
    solution: Floats
