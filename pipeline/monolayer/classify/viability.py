"""The rule: two compensated signals of an object make it living, dead, indeterminate or debris.

`classify_cells` knows both kinds of rule. With a limit for the living cells' dye a cell that shows
neither dye is debris and one that shows both is dying, hence dead; without one (Hoechst stains
all) the dead cells' dye decides alone.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CLASSES", "classify_cells"]

CLASSES = ("live", "dead", "indeterminate", "debris")
LIVE, DEAD, INDETERMINATE, DEBRIS = range(4)

Limits = tuple[float, float]


def classify_cells(
    signals: ArrayLike,
    dead_band: Limits,
    cell_band: Limits | None = None,
    debris: NDArray[np.bool_] | None = None,
) -> NDArray[np.str_]:
    """Classify objects.

    Parameters
    ----------
    signals : array_like of float, shape (n, 2)
        Compensated signal of the cells' dye (Hoechst, calcein, AO) and of the dead cells' dye.
    dead_band : tuple of float
        Up to the first negative, above the second positive.
    cell_band : tuple of float, optional
        The same for the cells' dye; None where that dye stains living and dead alike.
    debris : ndarray of bool, shape (n,), optional
        Objects that a gate has taken for debris already.

    Returns
    -------
    ndarray of str, shape (n,)
        ``live``, ``dead``, ``indeterminate`` or ``debris``.

    Raises
    ------
    ValueError
        Another shape, or a signal that is not finite: it would be neither above nor below.
    """
    light = np.asarray(signals, dtype=np.float64)
    if light.ndim != 2 or light.shape[1] != 2:
        raise ValueError(f"signals must have the shape (n, 2), not {light.shape}")
    if not np.isfinite(light).all():
        raise ValueError("signals must be finite")
    cell, dead = light[:, 0], light[:, 1]
    codes = np.full(len(light), INDETERMINATE)
    intact = dead <= dead_band[0]
    if cell_band is None:
        codes[intact] = LIVE
    else:
        codes[intact & (cell > cell_band[1])] = LIVE
        codes[intact & (cell <= cell_band[0])] = DEBRIS
    codes[dead > dead_band[1]] = DEAD
    if debris is not None:
        codes[debris] = DEBRIS
    classes: NDArray[np.str_] = np.array(CLASSES)[codes]
    return classes
