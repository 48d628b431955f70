"""A layer of adherent cells: who is on top, and how they fill the gaps.

1. Cells are painted one over another; a shared pixel belongs to the cell that is thicker there,
   and a piece cut off goes to the neighbour that cut it.
2. What is missing to the target is filled by spreading into the nearest gaps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.phase.cells import AdherentCell, meeting, paint_cell

__all__ = ["Layer", "lay_cells"]

Image = NDArray[np.float64]

LAMELLA_UM = 0.9
# Contact inhibited cells hardly crawl over one another: what lies below is thin.
UNDER = 0.25


@dataclass(frozen=True, slots=True)
class Layer:
    """Cells on the canvas.

    Attributes
    ----------
    labels : ndarray of int32, shape (H, W)
        k + 1 for cell k where it is on top, 0 where nothing covers.
    thickness_um : ndarray of float64, shape (H, W)
        Of all cells together.
    nucleus : ndarray of float64, shape (H, W)
        Distance from the nearest nucleus's centre over its outline's distance, inf far away.
    """

    labels: NDArray[np.int32]
    thickness_um: Image
    nucleus: Image


def lay_cells(
    cells: Sequence[AdherentCell],
    ragged: Image,
    pixel_size_um: float,
    shape: tuple[int, int],
    coverage: float,
) -> Layer:
    """Put cells on the canvas and let them spread until they cover `coverage` of it."""
    thickness, top = np.zeros(shape), np.zeros(shape)
    nucleus = np.full(shape, np.inf)
    labels = np.zeros(shape, np.int32)
    for k, cell in enumerate(cells):
        sprite = paint_cell(cell, ragged, pixel_size_um)
        window, part = meeting(sprite, math.floor(cell.y), math.floor(cell.x), shape)
        height = sprite.thickness_um[part]
        over = sprite.inside[part] & (height >= top[window])
        labels[window][over] = k + 1
        np.maximum(top[window], height, out=top[window])
        thickness[window] += height
        np.minimum(nucleus[window], sprite.nucleus[part], out=nucleus[window])
    thickness = top + UNDER * (thickness - top)
    _give_away_pieces(labels, cells)
    _spread(labels, thickness, coverage, pixel_size_um)
    return Layer(labels, thickness, nucleus)


def _give_away_pieces(labels: NDArray[np.int32], cells: Sequence[AdherentCell]) -> None:
    """Give each cell's smaller pieces to the neighbour they touch most, in place."""
    for k, cell in enumerate(cells):
        top, bottom, left, right = cell.box()
        rows = slice(max(0, math.floor(cell.y + top) - 3), max(0, math.ceil(cell.y + bottom) + 3))
        columns = slice(
            max(0, math.floor(cell.x + left) - 3), max(0, math.ceil(cell.x + right) + 3)
        )
        window = labels[rows, columns]
        mask = (window == k + 1).astype(np.uint8)
        if not mask.any():
            continue  # OpenCV 5 crashes the process on an array without pixels.
        n, pieces, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        main = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        for piece in range(1, n):
            if piece != main:
                _give_away(window, pieces == piece, k + 1)


def _give_away(window: NDArray[np.int32], piece: NDArray[np.bool_], own: int) -> None:
    around = cv2.dilate(piece.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    neighbours = window[around & ~piece]
    neighbours = neighbours[(neighbours > 0) & (neighbours != own)]
    window[piece] = np.bincount(neighbours).argmax() if neighbours.size else 0


def _spread(
    labels: NDArray[np.int32], thickness: Image, coverage: float, pixel_size_um: float
) -> None:
    """Fill the nearest gaps with thin lamella until the target is covered, in place."""
    missing = math.floor(coverage * labels.size) - int(np.count_nonzero(labels))
    if missing <= 0 or not labels.any():
        return
    distance, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    gap = labels == 0
    limit = float(np.partition(distance[gap], missing - 1)[missing - 1])
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[~gap]] = labels[~gap]
    filled = gap & (distance <= limit)
    labels[filled] = owner[nearest[filled]]
    fall = np.minimum(1, (limit + 1 - distance[filled]) * pixel_size_um / 2)
    thickness[filled] += LAMELLA_UM * np.sqrt(fall)
