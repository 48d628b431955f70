"""What is no cell, what cannot be counted well, and what contradicts the stain.

A gate takes fragments out, clumps raise a flag, and contradictions (PI where Hoechst shows no
nucleus, less than no light after compensation) say that channels or controls were mixed up.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monolayer_kernels.background import estimate_background
from monolayer_kernels.contact import label_contacts
from monolayer_kernels.label import label_above
from monolayer_kernels.measure_runs import sum_runs
from monolayer_kernels.objects import run_means

__all__ = ["count_unmatched", "find_clumps", "find_debris", "looks_over_compensated"]

# Of an object's own diameter: the background's window must be wider than any clump.
_WINDOW = 5.0


def find_debris(
    area_um2: NDArray[np.float64] | None,
    content: ArrayLike,
    min_area_um2: float,
    least_content: tuple[float, float] | None,
) -> NDArray[np.bool_]:
    """Objects that are too small, or hold too little of both dyes, to be cells.

    Parameters
    ----------
    area_um2 : ndarray of float64, shape (n,), or None
        None where the pixel size is unknown; then only the content is judged.
    content : array_like of float, shape (n, 2)
        Compensated light of each dye, summed over the object.
    min_area_um2 : float
        Smaller objects are debris.
    least_content : tuple of float or None
        Light of each dye below which an object is no whole cell. One dye is enough to be one: PI
        displaces Hoechst, and dead cells lose calcein.
    """
    light = np.asarray(content, dtype=np.float64)
    debris = np.zeros(len(light), np.bool_)
    if area_um2 is not None:
        debris |= area_um2 < min_area_um2
    if least_content is not None:
        debris |= (light < np.asarray(least_content)).all(axis=1)
    return debris


def find_clumps(labels: NDArray[np.int32], present: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of the objects `present` share a border with another one.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        0 is background.
    present : ndarray of int32, shape (n,)
        Labels asked for, ascending.
    """
    touching = np.unique(label_contacts(labels, labels.astype(np.float32)).pairs)
    return np.isin(present, touching)


def count_unmatched(
    labels: NDArray[np.int32],
    dead: NDArray[np.generic],
    level: float,
    least_area_px: float,
    diameter_px: float,
) -> int:
    """Count objects of the dead cells' dye where the nuclear stain shows no nucleus.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Nuclei of the nuclear stain.
    dead : ndarray of uint8, uint16 or float32, shape (height, width)
        Channel of the dead cells' dye.
    level : float
        Grey levels above the background from which the dye is taken to be there.
    least_area_px, diameter_px : float
        Smallest object counted, and the usual diameter of a nucleus, pixels.
    """
    pixels = np.ascontiguousarray(dead)
    grid, block = estimate_background(pixels, _WINDOW * diameter_px)
    bright = label_above(pixels, grid + np.float32(level), block=block)
    if not bright.label.size:
        return 0
    areas = sum_runs(bright).moments[:, 0]
    covered = run_means(bright, (labels > 0).astype(np.float32))
    return int(np.count_nonzero((areas >= least_area_px) & (covered == 0)))


def looks_over_compensated(
    dead_signals: NDArray[np.float64], limit: float, fewest: int, share: float
) -> bool:
    """Whether too many objects shine less than not at all after compensation.

    Noise of a signal that is not there is as wide below zero as above: objects further below than
    the dead cells' limit is above mean swapped channels, or another lot's spill-over.
    """
    below = int(np.count_nonzero(dead_signals < -abs(limit)))
    return below >= fewest and below > share * dead_signals.size
