"""Parting one object: along a drawn line, or between points in its cells.

Every pixel of the object stays in one of its parts: a cut costs no area. Parts come largest
first, equal ones in the order of their first pixels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import CorrectionError
from monolayer.review.pixels import line_pixels, point_pixel

__all__ = ["split_by_line", "split_by_seeds"]

Bools = NDArray[np.bool_]
Point = tuple[float, float]

# What a line that grazes the outline leaves beside it is a crumb and no cell.
_CRUMB_PX = 5


def split_by_line(mask: Bools, points: Sequence[Point]) -> list[Bools]:
    """Cut an object along a line; the line's own pixels go to the nearest part.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        The object.
    points : sequence of (float, float)
        Corners of the line, (row, column).

    Returns
    -------
    list of ndarray of bool
        At least two parts.

    Raises
    ------
    CorrectionError
        The line does not part the object.
    """
    from scipy import ndimage

    box, inside = _boxed(mask)
    line = line_pixels(points) - (box[0].start, box[1].start)
    seen = np.all((line >= 0) & (line < inside.shape), axis=1)
    cut = np.zeros(inside.shape, np.bool_)
    cut[tuple(line[seen].T)] = True
    # A line whose pixels meet at corners parts pixels that meet at sides.
    labelled: Any = ndimage.label(inside & ~cut)
    pieces, n = labelled
    beside = np.unique(pieces[ndimage.binary_dilation(cut & inside, np.ones((3, 3)))])
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    parts = [int(p) for p in beside if p > 0 and sizes[p] >= _CRUMB_PX]
    if len(parts) < 2:
        raise CorrectionError(
            "the line parts nothing; draw it across the object from side to side."
        )
    # Pieces that the line does not reach belonged to the object before, and stay with its rest.
    main = max(parts, key=lambda p: (int(sizes[p]), -p))
    apart = [p for p in range(1, n + 1) if p not in set(beside.tolist())]
    pieces[np.isin(pieces, apart)] = main
    return _unboxed(_nearest(pieces, [*parts], inside), parts, mask.shape, box)


def split_by_seeds(mask: Bools, points: Sequence[Point]) -> list[Bools]:
    """Part an object between points: each floods its own hill of distance to the outline.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        The object.
    points : sequence of (float, float)
        One point in each cell, (row, column).

    Returns
    -------
    list of ndarray of bool
        As many parts as points.

    Raises
    ------
    CorrectionError
        A point lies outside of the object, two in one pixel, or one gets no pixel.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    box, inside = _boxed(mask)
    seeds = np.zeros(inside.shape, np.int32)
    for k, point in enumerate(points, 1):
        y, x = point_pixel(point)
        row, column = y - box[0].start, x - box[1].start
        within = 0 <= row < inside.shape[0] and 0 <= column < inside.shape[1]
        if not within or not inside[row, column]:
            raise CorrectionError(
                f"the point at row {y}, column {x} is not in the object; click inside it."
            )
        if seeds[row, column]:
            raise CorrectionError(f"two points lie in the pixel {y}, {x}; click farther apart.")
        seeds[row, column] = k
    # A frame of background: at the border of the box the object ends as well.
    distance: Any = ndimage.distance_transform_edt(np.pad(inside, 1))
    height = distance[1:-1, 1:-1]
    # skimage is untyped, and calling it so is an error under mypy's strict rules.
    flood: Callable[..., NDArray[np.int32]] = watershed
    flooded = flood(-height, seeds, mask=inside)
    wanted = list(range(1, len(points) + 1))
    return _unboxed(_nearest(flooded, wanted, inside), wanted, mask.shape, box)


def _boxed(mask: Bools) -> tuple[tuple[slice, slice], Bools]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return box, mask[box]


def _nearest(pieces: NDArray[np.int32], parts: Sequence[int], inside: Bools) -> NDArray[np.int32]:
    """Pixels of the object in no part, given to the part that is nearest."""
    from scipy import ndimage

    owned = np.isin(pieces, parts)
    if bool((owned | ~inside).all()):
        return np.where(inside, pieces, 0)
    nearest: Any = ndimage.distance_transform_edt(
        ~owned, return_distances=False, return_indices=True
    )
    row, column = nearest
    return np.where(inside, pieces[row, column], 0)


def _unboxed(
    pieces: NDArray[np.int32],
    parts: Sequence[int],
    shape: tuple[int, ...],
    box: tuple[slice, slice],
) -> list[Bools]:
    flat = pieces.ravel()
    order = sorted(
        parts, key=lambda p: (-int(np.count_nonzero(flat == p)), int(np.argmax(flat == p)))
    )
    masks = []
    for part in order:
        mask = np.zeros(shape, np.bool_)
        mask[box] = pieces == part
        masks.append(mask)
    return masks
