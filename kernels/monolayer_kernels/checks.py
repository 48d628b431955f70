"""What shells ask before a compiled loop trusts its arguments.

A compiled loop that is given objects of another image, or sums of other objects, writes where
nothing of its own lies. What is asked here costs as much as a look at the runs, never a walk over
the image, but for `finite_range`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from monolayer_kernels.measure_runs import Runs, RunSums

__all__ = ["check_inside", "check_plain", "check_sums", "finite_range"]


def check_plain(name: str, array: object) -> None:
    """Refuse what is no numpy array, or one with a mask, which kernels would not see.

    Raises
    ------
    TypeError
        It is another object.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a numpy array, not {type(array).__name__}")
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} must have no mask, which nothing here would see: give filled(0)")


def check_inside(runs: "Runs", shape: tuple[int, ...]) -> None:
    """Refuse objects that leave an image.

    Parameters
    ----------
    runs : Runs
    shape : tuple of int
        Height and width of the image.

    Raises
    ------
    ValueError
        Another number of dimensions, or a run that lies beyond a side.
    """
    if len(shape) != 2:
        raise ValueError(f"an image of objects must be 2-D, not of shape {shape}")
    if not runs.row.size:
        return
    top, left = int(runs.row.min()), int(runs.start.min())
    bottom, right = int(runs.row.max()), int(runs.stop.max())
    if top < 0 or left < 0 or bottom >= shape[0] or right > shape[1]:
        raise ValueError(
            f"image has shape {shape}, but objects reach from row {top}, column {left} "
            f"to row {bottom}, column {right - 1}"
        )


def check_sums(runs: "Runs", sums: "RunSums") -> None:
    """Refuse sums of other objects, told by their number, first pixels and last rows.

    Raises
    ------
    ValueError
        They differ.
    """
    n = runs.label.size
    if len(sums.bbox) != n:
        raise ValueError(f"sums are of {len(sums.bbox)} objects, but runs of {n}")
    firsts, lasts = runs.first[:-1], runs.first[1:] - 1
    other = (
        (sums.origin[:, 0] != runs.row[firsts])
        | (sums.origin[:, 1] != runs.start[firsts])
        | (sums.bbox[:, 2] != runs.row[lasts] + 1)
    )
    if other.any():
        label = int(runs.label[int(np.argmax(other))])
        raise ValueError(f"sums are not those of the runs: label {label} lies elsewhere")


def finite_range(image: NDArray[Any]) -> tuple[float, float]:
    """Least and greatest value of an image of floats.

    Raises
    ------
    ValueError
        NaN, infinity, or values so far apart that their difference is infinite.
    """
    low, high = float(image.min()), float(image.max())
    if not np.isfinite(high - low):
        raise ValueError(f"image must be finite; it reaches from {low} to {high}")
    return low, high
