"""Nuclei: their shapes, what they are doing, and where they lie.

A nucleus is an ellipse whose outline waves a little. Cells copy their DNA (amount 1 to 2, the
area following as its power 2/3) and divide: in metaphase as one bright bar, in anaphase as two
parallel bars. **A pair in anaphase is two objects**, as an annotator outlines them; both carry
the number of their pair.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws, quantise
from monolayer.simulate.settings import NucleiSettings

__all__ = [
    "Nucleus",
    "Patch",
    "Wavy",
    "around",
    "clip",
    "draw_cell",
    "draw_waves",
    "outline_patch",
    "place_cells",
]

WAVES = (2, 3, 4, 5)
TRIES = 40
# Share of interphase nuclei that are bent or lobed, as in every real culture.
LOBED = 0.18


@dataclass(frozen=True, slots=True)
class Wavy:
    """An ellipse whose outline waves; lengths in pixels, positions on the padded canvas.

    Attributes
    ----------
    waves : tuple of (float, float)
        Amplitude relative to the radius and phase of each wave of the outline.
    """

    y: float
    x: float
    major: float
    minor: float
    angle: float
    waves: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Nucleus(Wavy):
    """One nucleus.

    Attributes
    ----------
    phase : str
        interphase, metaphase or anaphase.
    dna : float
        1 before the DNA is copied, 2 after.
    light : float
        Expected electrons of the whole nucleus in the lamp's centre.
    roundness : float
        Exponent of the height profile (1 - r^2)^roundness: 0 is a cylinder, 0.5 an ellipsoid.
    pair : int
        Number of the anaphase pair in the field, 0 for none.
    """

    phase: str
    dna: float
    light: float
    roundness: float
    pair: int = 0

    def moved(self, dy: float, dx: float) -> "Nucleus":
        """The same nucleus elsewhere."""
        return replace(self, y=self.y + dy, x=self.x + dx)

    def radius(self, direction: float) -> float:
        """Distance from the centre to the outline of the bare ellipse."""
        across = direction - self.angle
        u, v = math.cos(across) / self.major, math.sin(across) / self.minor
        return 1 / math.hypot(u, v)


@dataclass(frozen=True, slots=True)
class Patch:
    """Where a nucleus meets the canvas.

    Attributes
    ----------
    rows, columns : slice
        Part of the canvas.
    r : ndarray of float64
        Distance from the centre over the outline's distance: below 1 inside.
    """

    rows: slice
    columns: slice
    r: NDArray[np.float64]


def outline_patch(nucleus: Nucleus, shape: tuple[int, int]) -> Patch:
    """Evaluate a nucleus's outline at the pixel centres around it; empty off the canvas."""
    reach = math.ceil(1.4 * max(nucleus.major, nucleus.minor)) + 1
    rows, columns = clip(nucleus.y, reach, shape[0]), clip(nucleus.x, reach, shape[1])
    u, v, edge = around(nucleus, rows, columns)
    return Patch(rows, columns, np.sqrt(u * u + v * v) / edge)


def around(
    wavy: Wavy, rows: slice, columns: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pixel centres of a window seen from an ellipse whose outline waves.

    Returns
    -------
    u, v, edge : ndarray of float64, shape (rows, columns)
        Along and across over the half axes, and the outline's distance over the bare ellipse's.
    """
    dy = np.arange(rows.start, rows.stop)[:, None] - wavy.y
    dx = np.arange(columns.start, columns.stop)[None, :] - wavy.x
    cos, sin = math.cos(wavy.angle), math.sin(wavy.angle)
    u = (dx * cos + dy * sin) / wavy.major
    v = (dy * cos - dx * sin) / wavy.minor
    turn = np.arctan2(v, u)
    edge = np.ones(turn.shape)
    for k, (amplitude, phase) in zip(WAVES, wavy.waves, strict=True):
        edge += amplitude * np.cos(k * turn + phase)
    return u, v, edge


def draw_cell(settings: NucleiSettings, draws: Draws, pixel_size_um: float) -> tuple[Nucleus, ...]:
    """One cell at the origin: one nucleus, or the two of an anaphase."""
    stain = draws.log_normal(1, settings.signal_cv)
    unit = settings.signal_electrons * _median_area_um2(settings) / pixel_size_um**2 * stain
    if not draws.happens(settings.dividing_fraction):
        return (_interphase(settings, draws, pixel_size_um, unit),)
    if draws.happens(0.5):
        return (_bar(draws, pixel_size_um, (6.4, 2.9), "metaphase", 2 * unit),)
    bar = _bar(draws, pixel_size_um, (5.4, 2.4), "anaphase", unit)
    other = _bar(draws, pixel_size_um, (5.4, 2.4), "anaphase", unit)
    apart = draws.uniform(3.6, 6.5) / pixel_size_um
    dy, dx = apart * math.cos(bar.angle), -apart * math.sin(bar.angle)
    return bar.moved(dy, dx), replace(other, angle=bar.angle + 0.15 * draws.normal()).moved(
        -dy, -dx
    )


def place_cells(
    settings: NucleiSettings, draws: Draws, pixel_size_um: float, shape: tuple[int, int]
) -> list[Nucleus]:
    """Lay cells on the canvas, some of them against others, hardly any over others.

    A cell that finds no room in `TRIES` tries is left out: a full layer stays full.
    """
    area_cm2 = shape[0] * shape[1] * (pixel_size_um * 1e-4) ** 2
    taken = np.zeros(shape, bool)
    placed: list[Nucleus] = []
    for _ in range(draws.count(settings.density_cells_per_cm2 * area_cm2)):
        cell = draw_cell(settings, draws, pixel_size_um)
        spot = _find_spot(cell, placed, taken, settings, draws)
        if spot is None:
            continue
        pair = 1 + max((n.pair for n in placed), default=0) if len(cell) == 2 else 0
        for nucleus in spot:
            patch = outline_patch(nucleus, shape)
            taken[patch.rows, patch.columns] |= patch.r < 1
            placed.append(replace(nucleus, pair=pair))
    return placed


def _interphase(
    settings: NucleiSettings, draws: Draws, pixel_size_um: float, unit: float
) -> Nucleus:
    phase = draws.uniform()
    # Of cycling cells about 60 % have not begun to copy their DNA and 15 % have done so.
    dna = 1.0 if phase < 0.6 else 2.0 if phase > 0.85 else 1 + (phase - 0.6) / 0.25
    # The volume follows the DNA, so each axis follows its cube root.
    growth = quantise(dna ** (1 / 3))
    major = draws.log_normal(settings.length_um, settings.length_cv) / 2 * growth / pixel_size_um
    ratio = max(1.02, draws.log_normal(settings.aspect_ratio, settings.aspect_ratio_cv))
    waves = draw_waves(draws, settings.irregularity * (3 if draws.happens(LOBED) else 1))
    light = unit * dna
    return Nucleus(0, 0, major, major / ratio, draws.angle(), waves, "interphase", dna, light, 0.3)


def _bar(
    draws: Draws, pixel_size_um: float, axes_um: tuple[float, float], phase: str, light: float
) -> Nucleus:
    scale = draws.log_normal(1, 0.1) / pixel_size_um
    dna = 2.0 if phase == "metaphase" else 1.0
    waves = draw_waves(draws, 0.08)
    major, minor = axes_um[0] * scale, axes_um[1] * scale
    return Nucleus(0, 0, major, minor, draws.angle(), waves, phase, dna, light, 0.5)


def draw_waves(draws: Draws, irregularity: float) -> tuple[tuple[float, float], ...]:
    """Waves of an outline, the shorter the weaker."""
    return tuple(
        (min(0.2, abs(irregularity * draws.normal() * 2 / k)), draws.angle()) for k in WAVES
    )


def _median_area_um2(settings: NucleiSettings) -> float:
    return math.pi / 4 * settings.length_um**2 / settings.aspect_ratio


def clip(centre: float, reach: int, size: int) -> slice:
    """What lies within reach of a centre, of so many pixels."""
    middle = math.floor(centre)
    start = min(max(middle - reach, 0), size)
    return slice(start, max(start, min(middle + reach + 1, size)))


def _find_spot(
    cell: Sequence[Nucleus],
    placed: Sequence[Nucleus],
    taken: NDArray[np.bool_],
    settings: NucleiSettings,
    draws: Draws,
) -> list[Nucleus] | None:
    touching = bool(placed) and draws.happens(settings.touching_fraction)
    for _ in range(TRIES):
        if touching:
            dy, dx = _beside(placed[draws.index(len(placed))], cell[0], draws)
        else:
            dy, dx = draws.uniform(0, taken.shape[0]), draws.uniform(0, taken.shape[1])
        moved = [nucleus.moved(dy, dx) for nucleus in cell]
        if all(_overlap(nucleus, taken) <= settings.overlap_limit for nucleus in moved):
            return moved
    return None


def _beside(neighbour: Nucleus, nucleus: Nucleus, draws: Draws) -> tuple[float, float]:
    """A place where the two outlines meet on the line between the centres."""
    direction = draws.angle()
    apart = neighbour.radius(direction) + nucleus.radius(direction + math.pi)
    apart *= draws.uniform(0.94, 1.04)
    return neighbour.y + apart * math.sin(direction), neighbour.x + apart * math.cos(direction)


def _overlap(nucleus: Nucleus, taken: NDArray[np.bool_]) -> float:
    """Share of a nucleus's pixels on the canvas that others have."""
    patch = outline_patch(nucleus, (taken.shape[0], taken.shape[1]))
    inside = patch.r < 1
    total = int(inside.sum())
    return int((inside & taken[patch.rows, patch.columns]).sum()) / total if total else 0.0
