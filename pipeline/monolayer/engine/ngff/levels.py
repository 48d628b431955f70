"""Coarser levels of an image: exact for integers, whatever the order of the work."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["halved", "n_levels", "subsampled"]

COARSEST = 256


def n_levels(height: int, width: int) -> int:
    """Levels until the coarsest has at most 256 pixels a side."""
    return 1 + max(0, (max(height, width) - 1).bit_length() - COARSEST.bit_length() + 1)


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Mean of 2 x 2 pixels, integers rounded half up; at an odd edge of those that are there.

    Parameters
    ----------
    plane : ndarray, shape (height, width)
        Of integers, booleans or floats.

    Returns
    -------
    ndarray, shape (ceil(height / 2), ceil(width / 2))
        Of the same type.
    """
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    if plane.dtype.kind == "f":
        wide = even.astype(np.float64)
    else:
        wide = even.astype(np.int64 if plane.dtype.itemsize > 2 else np.int32)
    total = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    mean = total / 4 if plane.dtype.kind == "f" else (total + 2) // 4
    return mean.astype(plane.dtype)


def subsampled(labels: NDArray[Any]) -> NDArray[Any]:
    """Every other pixel of a label image: a mean of labels would be another object's."""
    return labels[::2, ::2]
