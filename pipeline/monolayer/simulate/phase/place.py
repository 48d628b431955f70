"""Where adherent cells lie: laid one after another where there is room.

Cells are laid along their neighbourhood's direction until they cover the target or there are as
many as such a layer has; nuclei keep apart and cells overlap little (contact inhibition).

Between coverage C and the area x that all cells have over the area of the plastic, contact
inhibited cells lie between ``C = x`` (no overlap) and ``C = 1 - exp(-x)`` (random placement, Hall
1988); here ``C = x / (1 + x^6)^(1/6)``, close to the first one until the layer closes.
"""

import math

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.optics import smooth_noise
from monolayer.simulate.phase.cells import (
    AdherentCell,
    Sprite,
    draw_adherent,
    meeting,
    paint_cell,
    squeezed,
)
from monolayer.simulate.phase.settings import AdherentSettings

__all__ = [
    "FULL",
    "STRIDE",
    "Directions",
    "Floor",
    "area_of_coverage",
    "coverage_of_area",
    "outline_noise",
    "place_adherent",
]

Image = NDArray[np.float64]

TRIES = 120
RAGGED = 0.14
FULL = 1.05
# A cell without room is tried again at this share of its area: in a closed layer cells are small.
SQUEEZE = 0.65
# Places are sought on every third pixel down and across.
STRIDE = 3
# Nuclei keep this many of their own radii for themselves.
CORE = 1.1


def coverage_of_area(ratio: float) -> float:
    """Share covered by cells whose areas add up to `ratio` times the plastic's area."""
    return ratio / math.pow(1 + math.pow(ratio, 6), 1 / 6)


def area_of_coverage(coverage: float) -> float:
    """Invert `coverage_of_area`, at most `FULL`."""
    if coverage >= coverage_of_area(FULL):
        return FULL
    return coverage / math.pow(1 - math.pow(coverage, 6), 1 / 6)


def outline_noise(draws: Draws, pixel_size_um: float) -> Image:
    """Periodic noise that makes outlines ragged: waves of some micrometres."""
    noise = smooth_noise(draws, (512, 512), max(2.6 / pixel_size_um, 0.7))
    # The limit keeps each cell within its box.
    return np.maximum(1 + RAGGED * noise, 0.75)


class Directions:
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
        """Angle of the axis at a pixel."""
        return float(self._angle[int(y) // self._step, int(x) // self._step])


class Floor:
    """How many cells and nuclei lie over each spot of the canvas, `STRIDE` pixels apart."""

    def __init__(self, canvas: tuple[int, int]) -> None:
        shape = (canvas[0] // STRIDE, canvas[1] // STRIDE)
        self._taken = np.zeros(shape, np.int16)
        self._cores = np.zeros(shape, np.int16)
        self.size = shape[0] * shape[1]
        self.covered = 0

    def find(
        self, sprite: Sprite, limit: float, draws: Draws, field: Directions | None, angle: float
    ) -> tuple[int, int, float]:
        """The first free place of some tries, or the freest of them, and the share over others."""
        height, width = self._taken.shape
        best, where = math.inf, (draws.index(height), draws.index(width))
        for _ in range(TRIES):
            y, x = draws.index(height), draws.index(width)
            if self._taken[y, x]:
                continue  # A cell's middle never lies over another cell.
            if field is not None and abs(math.sin(field.at(y * STRIDE, x * STRIDE) - angle)) > 0.5:
                continue
            share = self.crowding(sprite, y, x)
            if share < best:
                best, where = share, (y, x)
            if best <= limit:
                break
        return *where, best

    def take(self, sprite: Sprite, y: int, x: int) -> int:
        """Put a cell there; returns how many spots of the canvas it takes."""
        window, part = meeting(sprite, y, x, self._taken.shape)
        inside = sprite.inside[part]
        self.covered += int((inside & (self._taken[window] == 0)).sum())
        self._taken[window] += inside
        self._cores[window] += sprite.nucleus[part] < CORE
        return int(np.count_nonzero(inside))

    def leave(self, sprite: Sprite, y: int, x: int) -> None:
        """Take a cell away that was put there."""
        window, part = meeting(sprite, y, x, self._taken.shape)
        inside = sprite.inside[part]
        self._taken[window] -= inside
        self._cores[window] -= sprite.nucleus[part] < CORE
        self.covered -= int((inside & (self._taken[window] == 0)).sum())

    def crowding(self, sprite: Sprite, y: int, x: int) -> float:
        """Share of the cell over others; nuclei over one another count as much more."""
        window, part = meeting(sprite, y, x, self._taken.shape)
        inside = sprite.inside[part]
        taken = self._taken[window] > 0
        over = _share(inside & taken, inside)
        core = sprite.nucleus[part] < CORE
        cores = self._cores[window] > 0
        return over + 5 * _share(core & cores, core)


def place_adherent(
    settings: AdherentSettings,
    draws: Draws,
    ragged: Image,
    pixel_size_um: float,
    shape: tuple[int, int],
) -> list[AdherentCell]:
    """Lay cells on the canvas until they cover the target."""
    field = Directions(settings, draws, pixel_size_um, shape)
    floor = Floor(shape)
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
        room -= floor.take(sprite, math.floor(cell.y) // STRIDE, math.floor(cell.x) // STRIDE)
        placed.append(cell)
    return placed


def _settle(
    cell: AdherentCell,
    floor: Floor,
    ragged: Image,
    limit: float,
    draws: Draws,
    field: Directions | None,
) -> tuple[AdherentCell, Sprite]:
    """Find a place for a cell, squeezed where there is none."""
    sprite = paint_cell(cell, ragged, 1.0, STRIDE)
    y, x, share = floor.find(sprite, limit, draws, field, cell.angle)
    if share > limit:
        cell = squeezed(cell, SQUEEZE)
        sprite = paint_cell(cell, ragged, 1.0, STRIDE)
        y, x, _ = floor.find(sprite, limit, draws, field, cell.angle)
    return cell.placed(y * STRIDE, x * STRIDE), sprite


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(part)) / max(1, int(np.count_nonzero(whole)))
