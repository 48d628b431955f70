"""A culture that grows: the same cells divide, spread and move from visit to visit.

1. How many cells there are at a time is the law's, rounded; nothing dies.
2. The oldest cells divide: a daughter lies at the mother's end, both start small and spread to
   their full area within three quarters of a doubling time.
3. Cells wander where there is room and turn and step aside where there is none, which is how
   contact inhibition aligns them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws, quantise
from monolayer.simulate.field import SimulatedField, photograph
from monolayer.simulate.phase.cells import (
    AdherentCell,
    Sprite,
    draw_adherent,
    paint_cell,
    rounded,
    squeezed,
)
from monolayer.simulate.phase.culture_settings import CultureSettings, SeriesSettings
from monolayer.simulate.phase.field import (
    SimulatedPhaseField,
    canvas_shape,
    inner_part,
    render_phase,
)
from monolayer.simulate.phase.place import FULL, STRIDE, Floor, coverage_of_area, outline_noise
from monolayer.simulate.settings import SimulateSettings

__all__ = ["Visit", "expected_density", "simulate_culture"]

Image = NDArray[np.float64]

# Photographs have streams of their own, so that taking one changes nothing in the culture.
PHOTOGRAPHS = 2_000_000
SWEEPS = 2
TRIES = 4
NEWBORN = 0.55


@dataclass(frozen=True, slots=True)
class Visit:
    """One field of a culture at one time.

    Attributes
    ----------
    time_h : float
        Hours after seeding.
    expected_density_cells_per_cm2 : float
        What the law of growth says.
    density_cells_per_cm2 : float
        Of the canvas, which is the field and a margin: the law's, but for rounding.
    phase : SimulatedPhaseField
        The phase-contrast channel and its truth.
    nuclei : SimulatedField or None
        The nuclei of the same cells, where they are photographed.
    """

    time_h: float
    expected_density_cells_per_cm2: float
    density_cells_per_cm2: float
    phase: SimulatedPhaseField
    nuclei: SimulatedField | None


@dataclass(slots=True)
class _Cell:
    """A cell of the culture: what it is when it has room, and where and how old it is."""

    whole: AdherentCell
    age_h: float


def expected_density(settings: CultureSettings, time_h: float) -> float:
    """Cells per cm2 that the law of growth says for a time."""
    rate = math.log(2) / settings.doubling_time_h
    start, grown = settings.initial_density_cells_per_cm2, rate * max(0.0, time_h - settings.lag_h)
    if settings.law == "exponential":
        return start * math.exp(grown)
    capacity = settings.capacity_cells_per_cm2
    return capacity / (1 + (capacity / start - 1) * math.exp(-grown))


def simulate_culture(settings: SeriesSettings, seed: int, index: int = 0) -> Iterator[Visit]:
    """Simulate one field of a growing culture, visit by visit.

    Parameters
    ----------
    settings : SeriesSettings
        Culture, cells and optics.
    seed : int
        At least 0; the same seed gives the same bits.
    index : int
        Position of the field in its vessel, at least 0.

    Yields
    ------
    Visit
        One for each of ``settings.culture.times_h``.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """
    culture = _Culture(settings, Draws(seed, index))
    times = settings.culture.times_h
    for number, time_h in enumerate(times):
        culture.grow(time_h)
        photographs = Draws(seed, PHOTOGRAPHS + index * len(times) + number)
        yield culture.visit(photographs)


class _Culture:
    """Cells on the canvas of one field."""

    def __init__(self, settings: SeriesSettings, draws: Draws) -> None:
        self._settings, self._draws = settings, draws
        self._pixel = settings.phase.optics.pixel_size_um
        self._canvas = canvas_shape(settings.phase)
        self._area_cm2 = self._canvas[0] * self._canvas[1] * (self._pixel * 1e-4) ** 2
        self._ragged = outline_noise(draws, self._pixel)
        self._rounding = draws.uniform()
        self._time_h = 0.0
        self._cells: list[_Cell] = []
        age = settings.culture.doubling_time_h
        for _ in range(self._number()):
            self._cells.append(_Cell(self._somewhere(), draws.uniform(0, age)))

    def grow(self, time_h: float) -> None:
        """Let the culture live until a time."""
        passed, self._time_h = time_h - self._time_h, time_h
        for cell in self._cells:
            cell.age_h += passed
        while (missing := self._number() - len(self._cells)) > 0:
            oldest = sorted(self._cells, key=lambda cell: -cell.age_h)
            for mother in oldest[:missing]:
                self._divide(mother, passed)
        self._wander(passed)

    def visit(self, draws: Draws) -> Visit:
        """Photograph the field."""
        phase = self._settings.phase
        shown = [self._shown(cell, draws) for cell in self._cells]
        floor = Floor(self._canvas)
        area = sum(floor.take(*_spot(cell, self._ragged)) for cell in shown)
        coverage = coverage_of_area(area / floor.size)
        seen = render_phase(phase, draws, self._ragged, shown, coverage)
        nuclei = self._nuclei(shown, draws) if self._settings.nuclei_channel else None
        return Visit(
            self._time_h,
            expected_density(self._settings.culture, self._time_h),
            len(shown) / self._area_cm2,
            seen,
            nuclei,
        )

    def _number(self) -> int:
        """Cells on the canvas: the law's, rounded up or down once for the whole series."""
        density = quantise(expected_density(self._settings.culture, self._time_h))
        return max(1, math.floor(density * self._area_cm2 + self._rounding))

    def _somewhere(self) -> AdherentCell:
        cell = self._new(self._draws.angle())
        return cell.placed(
            self._draws.uniform(0, self._canvas[0]), self._draws.uniform(0, self._canvas[1])
        )

    def _new(self, angle: float) -> AdherentCell:
        # Rounding up is what a cell does at a time, not what it is.
        cells = self._settings.phase.cells.model_copy(update={"rounded_fraction": 0.0})
        return draw_adherent(cells, self._draws, self._pixel, angle)

    def _divide(self, mother: _Cell, passed: float) -> None:
        """Two cells for one: the mother and, at one of her ends, a daughter."""
        born_ago = self._draws.uniform(0, passed)
        mother.age_h = born_ago
        whole = mother.whole
        side = 1 if self._draws.happens(0.5) else -1
        apart = side * 0.6 * max(whole.major, 12 / self._pixel)
        daughter = self._new(whole.angle + 0.3 * self._draws.normal())
        y, x = _inside(
            whole.y + apart * math.sin(whole.angle),
            whole.x + apart * math.cos(whole.angle),
            self._canvas,
        )
        self._cells.append(_Cell(daughter.placed(y, x), born_ago))

    def _spread(self, cell: _Cell) -> AdherentCell:
        """The cell as large as its age and the crowd let it be."""
        settings = self._settings
        young = cell.age_h / (0.75 * settings.culture.doubling_time_h)
        grown = NEWBORN + (1 - NEWBORN) * min(1.0, young)
        natural = len(self._cells) / self._area_cm2 * settings.phase.cells.area_um2 * 1e-8
        return squeezed(cell.whole, grown * min(1.0, FULL / natural))

    def _wander(self, passed: float) -> None:
        floor = Floor(self._canvas)
        spread = [self._spread(cell) for cell in self._cells]
        for there in spread:
            floor.take(*_spot(there, self._ragged))
        step = math.sqrt(2 * self._settings.culture.motility_um2_per_h * passed / SWEEPS)
        for _ in range(SWEEPS):
            for k, there in enumerate(spread):
                floor.leave(*_spot(there, self._ragged))
                spread[k] = self._moved(there, floor, quantise(step) / self._pixel)
                floor.take(*_spot(spread[k], self._ragged))
        for cell, there in zip(self._cells, spread, strict=True):
            cell.whole = replace(cell.whole, y=there.y, x=there.x, angle=there.angle)

    def _moved(self, cell: AdherentCell, floor: Floor, step: float) -> AdherentCell:
        """The first free place of some tries, or the freest of them and of staying."""
        limit = self._settings.phase.cells.overlap_limit
        best, least = cell, floor.crowding(*_spot(cell, self._ragged))
        for _ in range(TRIES):
            y, x = _inside(
                cell.y + step * self._draws.normal(),
                cell.x + step * self._draws.normal(),
                self._canvas,
            )
            turned = replace(cell, y=y, x=x, angle=cell.angle + 0.3 * self._draws.normal())
            crowding = floor.crowding(*_spot(turned, self._ragged))
            if crowding <= limit:
                return turned
            if crowding < least:
                best, least = turned, crowding
        return best

    def _shown(self, cell: _Cell, draws: Draws) -> AdherentCell:
        spread = self._spread(cell)
        if draws.happens(self._settings.phase.cells.rounded_fraction):
            return rounded(spread, draws, self._pixel)
        return spread

    def _nuclei(self, cells: list[AdherentCell], draws: Draws) -> SimulatedField:
        phase = self._settings.phase
        optics: dict[str, Any] = {"pixel_size_um": self._pixel}
        settings = SimulateSettings(
            height_px=phase.height_px,
            width_px=phase.width_px,
            optics=self._settings.fluorescence.model_copy(update=optics),
            debris=self._settings.debris,
        )
        nuclei = [cell.nucleus_there() for cell in cells]
        return photograph(settings, draws, nuclei, self._canvas, inner_part(phase))


def _spot(cell: AdherentCell, ragged: Image) -> tuple[Sprite, int, int]:
    """A cell and where it lies, as `Floor` takes it."""
    sprite = paint_cell(cell, ragged, 1.0, STRIDE)
    return sprite, math.floor(cell.y) // STRIDE, math.floor(cell.x) // STRIDE


def _inside(y: float, x: float, shape: tuple[int, int]) -> tuple[float, float]:
    """Reflect a place that lies off the canvas."""
    return _reflect(y, shape[0]), _reflect(x, shape[1])


def _reflect(value: float, size: int) -> float:
    folded = math.fmod(abs(value), 2 * size)
    return min(folded if folded < size else 2 * size - folded, size - 1.0)
