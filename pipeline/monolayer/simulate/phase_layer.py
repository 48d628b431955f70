"""A layer of adherent cells: where they lie, who is on top, how they fill the gaps.

1. Cells are laid one after another where there is room, along their neighbourhood's direction,
   until they cover the target or there are as many as such a layer has.
2. Contact inhibition keeps nuclei apart and lets cells overlap little; a shared pixel belongs
   to the cell that is thicker there, and a piece cut off goes to the neighbour that cut it.
3. What is missing to the target is filled by spreading into the nearest gaps.

Between coverage C and the area x that all cells have over the area of the plastic, contact
inhibited cells lie between ``C = x`` (no overlap) and ``C = 1 - exp(-x)`` (random placement, Hall
1988); here ``C = x / (1 + x^6)^(1/6)``, close to the first one until the layer closes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.optics import smooth_noise
from monolayer.simulate.phase_cells import AdherentCell, Sprite, draw_adherent, paint_cell, squeezed
from monolayer.simulate.phase_settings import AdherentSettings

__all__ = [
    "Layer",
    "area_of_coverage",
    "coverage_of_area",
    "lay_cells",
    "outline_noise",
    "place_adherent",
]

Image = NDArray[np.float64]

TRIES = 40
RAGGED = 0.14
FULL = 1.15
LAMELLA_UM = 0.9
# A cell without room is tried again at this share of its area: in a closed layer cells are small.
SQUEEZE = 0.6
# Places are sought on every third pixel down and across.
STRIDE = 3
# Contact inhibited cells hardly crawl over one another: what lies below is thin.
UNDER = 0.25
# Nuclei keep this many of their own radii for themselves.
CORE = 1.1


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


def coverage_of_area(ratio: float) -> float:
    """Share covered by cells whose areas add up to `ratio` times the plastic's area."""
    return ratio / math.pow(1 + math.pow(ratio, 6), 1 / 6)


def area_of_coverage(coverage: float) -> float:
    """Invert `coverage_of_area`, at most `FULL`."""
    if coverage >= coverage_of_area(FULL):
        return FULL
    return coverage / math.pow(1 - math.pow(coverage, 6), 1 / 6)


def place_adherent(
    settings: AdherentSettings,
    draws: Draws,
    ragged: Image,
    pixel_size_um: float,
    shape: tuple[int, int],
) -> list[AdherentCell]:
    """Lay cells on the canvas until they cover the target."""
    field = _Directions(settings, draws, pixel_size_um, shape)
    floor = _Floor((shape[0] // STRIDE, shape[1] // STRIDE))
    target = settings.confluence_pct / 100
    room = area_of_coverage(target) * floor.size
    placed: list[AdherentCell] = []
    while room > 0 and floor.covered < target * floor.size:
        y, x = draws.uniform(0, shape[0]), draws.uniform(0, shape[1])
        aligned = draws.happens(settings.alignment + (1 - settings.alignment) * target**2)
        angle = field.at(y, x) + 0.25 * draws.normal() if aligned else draws.angle()
        cell = draw_adherent(settings, draws, pixel_size_um, angle)
        cell, sprite = _settle(
            cell, floor, ragged, settings.overlap_limit, draws, field if aligned else None
        )
        floor.take(sprite, math.floor(cell.y) // STRIDE, math.floor(cell.x) // STRIDE)
        placed.append(cell)
        room -= int(sprite.inside.sum())
    return placed


def outline_noise(draws: Draws, pixel_size_um: float) -> Image:
    """Periodic noise that makes outlines ragged: waves of some micrometres."""
    noise = smooth_noise(draws, (512, 512), max(2.6 / pixel_size_um, 0.7))
    return np.maximum(1 + RAGGED * noise, 0.5)


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
        window, part = _overlap(sprite, math.floor(cell.y), math.floor(cell.x), shape)
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


class _Directions:
    """A smooth field of axes, as cells of a dense layer follow one another."""

    def __init__(
        self, settings: AdherentSettings, draws: Draws, pixel: float, shape: tuple[int, int]
    ) -> None:
        self._step = max(1, round(settings.swirl_um / pixel / 8))
        coarse = (shape[0] // self._step + 2, shape[1] // self._step + 2)
        sigma = settings.swirl_um / pixel / self._step / 2
        # Half the angle of a random vector: an axis has no head.
        self._angle = 0.5 * np.arctan2(
            smooth_noise(draws, coarse, sigma), smooth_noise(draws, coarse, sigma)
        )

    def at(self, y: float, x: float) -> float:
        return float(self._angle[int(y) // self._step, int(x) // self._step])


def _settle(
    cell: AdherentCell,
    floor: "_Floor",
    ragged: Image,
    limit: float,
    draws: Draws,
    field: _Directions | None,
) -> tuple[AdherentCell, Sprite]:
    """Find a place for a cell, squeezed where there is none."""
    sprite = paint_cell(cell, ragged, 1.0, STRIDE)
    y, x, share = floor.find(sprite, limit, draws, field, cell.angle)
    if share > limit:
        cell = squeezed(cell, SQUEEZE)
        sprite = paint_cell(cell, ragged, 1.0, STRIDE)
        y, x, _ = floor.find(sprite, limit, draws, field, cell.angle)
    return cell.placed(y * STRIDE, x * STRIDE), sprite


class _Floor:
    """What of the canvas is taken, by cells and by nuclei."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._taken = np.zeros(shape, bool)
        self._cores = np.zeros(shape, bool)
        self.size = shape[0] * shape[1]
        self.covered = 0

    def find(
        self, sprite: Sprite, limit: float, draws: Draws, field: _Directions | None, angle: float
    ) -> tuple[int, int, float]:
        """The first free place of some tries, or the freest of them, and the share over others."""
        height, width = self._taken.shape
        best, where = math.inf, (draws.index(height), draws.index(width))
        for _ in range(TRIES):
            y, x = draws.index(height), draws.index(width)
            if field is not None and abs(math.sin(field.at(y * STRIDE, x * STRIDE) - angle)) > 0.5:
                continue
            share = self._crowding(sprite, y, x)
            if share < best:
                best, where = share, (y, x)
            if best <= limit:
                break
        return *where, best

    def take(self, sprite: Sprite, y: int, x: int) -> None:
        window, part = _overlap(sprite, y, x, self._taken.shape)
        inside = sprite.inside[part]
        self.covered += int((inside & ~self._taken[window]).sum())
        self._taken[window] |= inside
        self._cores[window] |= sprite.nucleus[part] < CORE

    def _crowding(self, sprite: Sprite, y: int, x: int) -> float:
        """Share of the cell over others; nuclei over one another count as much more."""
        window, part = _overlap(sprite, y, x, self._taken.shape)
        inside = sprite.inside[part]
        taken = self._taken[window]
        over = _share(inside & taken, inside)
        core = sprite.nucleus[part] < CORE
        cores = self._cores[window]
        return over + 5 * _share(core & cores, core)


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(part)) / max(1, int(np.count_nonzero(whole)))


def _overlap(
    sprite: Sprite, y: int, x: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Part of the canvas under a sprite, and part of the sprite on the canvas."""
    top, left = y + sprite.top, x + sprite.left
    bottom, right = top + sprite.inside.shape[0], left + sprite.inside.shape[1]
    rows = slice(max(0, top), max(0, min(shape[0], bottom)))
    columns = slice(max(0, left), max(0, min(shape[1], right)))
    part = (
        slice(rows.start - top, max(rows.stop - top, rows.start - top)),
        slice(columns.start - left, max(columns.stop - left, columns.start - left)),
    )
    return (rows, columns), part


def _give_away_pieces(labels: NDArray[np.int32], cells: Sequence[AdherentCell]) -> None:
    """Give each cell's smaller pieces to the neighbour they touch most, in place."""
    for k, cell in enumerate(cells):
        top, bottom, left, right = cell.box
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
