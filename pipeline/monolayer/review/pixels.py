"""Pixels as runs, lines as pixels: the small geometry of corrections.

Runs are ``(row, start, stop)``; points are (row, column), a pixel's centre is a whole number.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import CorrectionError

__all__ = ["line_pixels", "mask_of", "point_pixel", "runs_of"]

Run = tuple[int, int, int]
Bools = NDArray[np.bool_]


def runs_of(mask: Bools) -> tuple[Run, ...]:
    """Runs of a mask, row by row.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    """
    rows = np.flatnonzero(mask.any(axis=1))
    framed = np.zeros((len(rows), mask.shape[1] + 2), np.int8)
    framed[:, 1:-1] = mask[rows]
    steps = np.diff(framed, axis=1)
    at, start = np.nonzero(steps == 1)
    _, stop = np.nonzero(steps == -1)
    triples = zip(rows[at].tolist(), start.tolist(), stop.tolist(), strict=True)
    return tuple(triples)


def mask_of(runs: Sequence[Run], shape: tuple[int, ...]) -> Bools:
    """Mask of runs.

    Raises
    ------
    CorrectionError
        A run is empty or leaves the image.
    """
    mask = np.zeros(shape, np.bool_)
    for row, start, stop in runs:
        if not (0 <= row < shape[0] and 0 <= start < stop <= shape[1]):
            raise CorrectionError(
                f"the run of pixels ({row}, {start}, {stop}) is not within the image of "
                f"{shape[0]} x {shape[1]} px; draw inside it."
            )
        mask[row, start:stop] = True
    return mask


def point_pixel(point: tuple[float, float]) -> tuple[int, int]:
    """Pixel in which a point lies."""
    return int(np.floor(point[0] + 0.5)), int(np.floor(point[1] + 0.5))


def line_pixels(points: Sequence[tuple[float, float]]) -> NDArray[np.int64]:
    """Pixels of a line through points, each touching the next by a side or a corner.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Row and column; some may lie outside of an image.
    """
    pieces = []
    for (y0, x0), (y1, x1) in pairwise(points):
        # A step of at most one pixel along the longer side leaves no gap.
        n = int(np.ceil(max(abs(y1 - y0), abs(x1 - x0)))) + 1
        y, x = np.linspace(y0, y1, n + 1), np.linspace(x0, x1, n + 1)
        pieces.append(np.floor(np.column_stack((y, x)) + 0.5).astype(np.int64))
    return np.unique(np.concatenate(pieces), axis=0)
