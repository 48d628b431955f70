"""Spill-over between two channels: estimated from single-stain controls, and taken out.

A channel sees m = M f, where f is each dye's light in its own channel and M[i, j] the share of
dye j that channel i sees, with ones on the diagonal. Solving M f = m per object's mean is the
same as per pixel, as both are linear, and touches a thousand numbers instead of millions.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["checked_spillover", "compensate", "estimate_spill"]

Float64 = NDArray[np.float64]

# A determinant below this multiplies noise tenfold: dyes that the channels hardly tell apart.
_LEAST_DETERMINANT = 0.1


def compensate(signals: ArrayLike, spillover: ArrayLike) -> Float64:
    """Light of each dye, from what two channels saw.

    Parameters
    ----------
    signals : array_like of float, shape (n, 2)
        Signal of each object above the background, a column a channel.
    spillover : array_like of float, shape (2, 2)
        M of m = M f: ones on the diagonal.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        A column a dye; may be negative, as noise is.

    Raises
    ------
    ValueError
        Another shape, or a spill-over that `checked_spillover` refuses.

    Notes
    -----
    Bagwell and Adams (1993), Ann. N. Y. Acad. Sci. 677:167.
    """
    seen = np.asarray(signals, dtype=np.float64)
    if seen.ndim != 2 or seen.shape[1] != 2:
        raise ValueError(f"signals must have the shape (n, 2), not {seen.shape}")
    matrix = checked_spillover(spillover)
    across, back = matrix[0, 1], matrix[1, 0]
    # Cramer's rule: a solver of a linear algebra library may differ between machines.
    rest = 1 - across * back
    first = (seen[:, 0] - across * seen[:, 1]) / rest
    second = (seen[:, 1] - back * seen[:, 0]) / rest
    return np.stack((first, second), axis=1)


def checked_spillover(spillover: ArrayLike) -> Float64:
    """The spill-over as an array, or an error that says what is wrong with it.

    Raises
    ------
    ValueError
        Not 2 x 2, not finite, negative, a diagonal that is not 1, or channels that see nearly the
        same.
    """
    matrix = np.asarray(spillover, dtype=np.float64)
    if matrix.shape != (2, 2):
        raise ValueError(f"spill-over must be a 2 x 2 matrix, not of shape {matrix.shape}")
    if not np.isfinite(matrix).all() or matrix.min() < 0:
        raise ValueError(f"spill-over {matrix.tolist()} must be finite and not negative")
    if matrix[0, 0] != 1 or matrix[1, 1] != 1:
        raise ValueError(f"spill-over {matrix.tolist()} must have ones on the diagonal")
    if 1 - matrix[0, 1] * matrix[1, 0] < _LEAST_DETERMINANT:
        raise ValueError(
            f"spill-over {matrix.tolist()} cannot be taken out: both channels see nearly the same; "
            "use other filters"
        )
    return matrix


def estimate_spill(own: ArrayLike, other: ArrayLike) -> float:
    """Share of a dye's light that another channel sees, from a single-stain control.

    Parameters
    ----------
    own, other : array_like of float, shape (n,)
        Signals of the control's objects in the dye's own channel and in the other one.

    Returns
    -------
    float
        Median of other / own, each object weighted by its light; not below 0. Noise makes the
        ratio of a dim object worthless, and a few dirty objects must not move it.

    Raises
    ------
    ValueError
        Different lengths, or no object that shines in its own channel.
    """
    bright, leaked = np.asarray(own, np.float64), np.asarray(other, np.float64)
    if bright.shape != leaked.shape or bright.ndim != 1:
        raise ValueError(f"signals must be of one length, not {bright.shape} and {leaked.shape}")
    shines = bright > 0
    if not shines.any():
        raise ValueError("no object shines in the dye's own channel")
    weight = bright[shines]
    ratio = leaked[shines] / weight
    order = np.argsort(ratio, kind="stable")
    total = np.cumsum(weight[order])
    middle = int(np.searchsorted(total, total[-1] / 2))
    return max(0.0, float(ratio[order[middle]]))
