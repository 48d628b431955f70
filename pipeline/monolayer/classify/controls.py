"""Thresholds from control wells: what cells without the dye and cells full of it look like.

Between the two controls' limits lies what neither of them showed: leaking and dying cells, light
from a neighbour. The middle of that gap speaks for neither side and is the indeterminate band. It
is fixed for a lot of reagents; an image that is all living would make any threshold of its own cut
through noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Band", "band_from_controls", "youden_cut"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Band:
    """Limits of one dye's signal, grey levels above the background.

    Attributes
    ----------
    low, high : float
        Up to ``low`` negative, above ``high`` positive, between them indeterminate.
    negative_limit, positive_limit : float
        The controls' own quantiles: below the first most of the negative control, above the second
        most of the positive one. They cross where the controls overlap.
    cut, youden_index : float
        The single cut that parts the controls best, and how well: sensitivity + specificity - 1.
    indeterminate_negative, indeterminate_positive : float
        Share of each control that lies in the band.
    """

    low: float
    high: float
    negative_limit: float
    positive_limit: float
    cut: float
    youden_index: float
    indeterminate_negative: float
    indeterminate_positive: float


def band_from_controls(
    negative: ArrayLike,
    positive: ArrayLike,
    negative_quantile: float = 0.99,
    positive_quantile: float = 0.01,
    gap_share: float = 0.5,
) -> Band:
    """Limits between two controls.

    Parameters
    ----------
    negative, positive : array_like of float, shape (n,) and (m,)
        Compensated signals of cells without the dye, and of cells that surely took it up.
    negative_quantile, positive_quantile : float
        Quantiles that limit them: the unstained 99th and the killed 1st percentile.
    gap_share : float
        Share of the gap between the limits, around its middle, that is the band; 0 to 1. Where
        the limits cross, the band is all of their overlap.

    Raises
    ------
    ValueError
        A control without objects, a signal that is not finite, or a quantile outside 0 to 1.
    """
    without, full = _checked("negative", negative), _checked("positive", positive)
    below = float(np.quantile(without, negative_quantile))
    above = float(np.quantile(full, positive_quantile))
    margin = (1 - gap_share) / 2 * max(above - below, 0.0)
    low, high = min(below, above) + margin, max(below, above) - margin
    cut, index = youden_cut(without, full)
    doubts = _between(without, low, high), _between(full, low, high)
    return Band(low, high, below, above, cut, index, *doubts)


def youden_cut(negative: ArrayLike, positive: ArrayLike) -> tuple[float, float]:
    """The cut of the largest sensitivity + specificity - 1, and that index.

    Among equal cuts the lowest; it lies midway between two neighbouring signals.

    Notes
    -----
    Youden (1950), Cancer 3:32.
    """
    without, full = np.sort(_checked("negative", negative)), np.sort(_checked("positive", positive))
    levels = np.unique(np.concatenate((without, full)))
    specificity = np.searchsorted(without, levels, side="right") / without.size
    missed = np.searchsorted(full, levels, side="right") / full.size
    best = int(np.argmax(specificity - missed))
    following = levels[min(best + 1, levels.size - 1)]
    return float((levels[best] + following) / 2), float(specificity[best] - missed[best])


def _between(signals: Float64, low: float, high: float) -> float:
    return float(np.count_nonzero((signals > low) & (signals <= high)) / signals.size)


def _checked(name: str, signals: ArrayLike) -> Float64:
    values = np.asarray(signals, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"the {name} control has no objects (shape {values.shape})")
    if not np.isfinite(values).all():
        raise ValueError(f"the {name} control has signals that are not finite")
    return values
