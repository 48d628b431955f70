"""Adherent cells: what one looks like, alone and with room.

A cell is an ellipsoidal body with processes: each part gives a distance that is 1 on its own
outline, and the cell is where their smooth union ``(sum d^-4)^(-1/4)`` is below 1, which webs the
corners between body and process as a cell's membrane does. Spread over its area, a cell's
volume makes its thickness: a flat cell is thin, a spindle thick, a rounded one a ball.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws, quantise
from monolayer.simulate.nuclei import Nucleus, draw_cell
from monolayer.simulate.phase.settings import AdherentSettings
from monolayer.simulate.settings import NucleiSettings

__all__ = [
    "AdherentCell",
    "Process",
    "Sprite",
    "draw_adherent",
    "meeting",
    "paint_cell",
    "rounded",
    "squeezed",
]

Image = NDArray[np.float64]

# A nucleus that divides is another shape; in phase contrast such a cell is a rounded one.
NUCLEI = NucleiSettings(dividing_fraction=0, length_um=19, aspect_ratio=1.5)
COARSE = 72
DIRECTIONS = 16


@dataclass(frozen=True, slots=True)
class Process:
    """A tapering arm from the body's centre; angles from the cell's axis.

    Attributes
    ----------
    direction : float
        Radians from the cell's long axis.
    length, root, tip : float
        Reach from the centre, half-width there and at the end; in pixels.
    """

    direction: float
    length: float
    root: float
    tip: float


@dataclass(frozen=True, slots=True)
class AdherentCell:
    """One cell; lengths in pixels, positions on the padded canvas.

    Attributes
    ----------
    kind : str
        spindle, stellate, flat or rounded.
    angle : float
        Of the long axis, from the x axis towards y, in radians.
    major, minor : float
        Half axes of the body.
    bend : float
        Sideways shift of the axis per squared distance along it.
    supports : tuple of float
        How far its pixels reach from its centre in `DIRECTIONS` directions, the first one along
        its axis.
    volume_um3 : float
        Of the whole cell.
    dome : float
        Height of the body over that of a well-spread cell's: above 3 it is refractile.
    nucleus : Nucleus
        Centred on (0, 0) at angle 0 of the cell.
    shift : tuple of (int, int)
        Place in the noise that makes its outline ragged.
    """

    y: float
    x: float
    kind: str
    angle: float
    major: float
    minor: float
    processes: tuple[Process, ...]
    bend: float
    supports: tuple[float, ...]
    volume_um3: float
    dome: float
    nucleus: Nucleus
    shift: tuple[int, int]

    def placed(self, y: float, x: float) -> "AdherentCell":
        """The same cell elsewhere."""
        return replace(self, y=y, x=x)

    def box(self) -> tuple[float, float, float, float]:
        """Least and greatest offset of its pixels from its centre: top, bottom, left, right."""
        quarter = math.pi / 2
        right, bottom, left, top = (self._reach(k * quarter - self.angle) for k in range(4))
        return -top, bottom, -left, right

    def _reach(self, direction: float) -> float:
        """Farthest pixel in a direction from the cell's axis, at most: hulls are convex."""
        turn = 2 * math.pi / DIRECTIONS
        before = math.floor(direction / turn)
        past = direction - before * turn
        low, high = self.supports[before % DIRECTIONS], self.supports[(before + 1) % DIRECTIONS]
        return (low * math.sin(turn - past) + high * math.sin(past)) / math.sin(turn)

    def nucleus_there(self) -> Nucleus:
        """The nucleus where the cell lies and as it is turned."""
        turned = replace(self.nucleus, angle=self.nucleus.angle + self.angle)
        return turned.moved(self.y, self.x)


@dataclass(frozen=True, slots=True)
class Sprite:
    """A cell's pixels.

    Attributes
    ----------
    top, left : int
        Offset of the first pixel from the pixel of the cell's centre, in steps.
    inside : ndarray of bool, shape (h, w)
    thickness_um : ndarray of float64
        0 outside.
    nucleus : ndarray of float64
        The nucleus's own distance over its outline's distance.
    """

    top: int
    left: int
    inside: NDArray[np.bool_]
    thickness_um: Image
    nucleus: Image


def draw_adherent(
    settings: AdherentSettings, draws: Draws, pixel_size_um: float, angle: float
) -> AdherentCell:
    """One cell at the origin along `angle`."""
    area = draws.log_normal(settings.area_um2, settings.area_cv) / pixel_size_um**2
    volume = draws.log_normal(settings.volume_um3, 0.25)
    lobe = draws.uniform()
    nucleus = draw_cell(NUCLEI, draws, pixel_size_um)[0]
    nucleus = replace(nucleus, angle=0.15 * draws.normal())
    cell = AdherentCell(
        0, 0, "spindle", angle, 1, 1, (), 0, (), volume,
        draws.log_normal(1.2, 0.7), nucleus,
        (draws.index(512), draws.index(512)),
    )  # fmt: skip
    aspect = max(1.3, draws.log_normal(settings.aspect_ratio, settings.aspect_ratio_cv))
    limits = np.cumsum(
        (settings.rounded_fraction, settings.flat_fraction, settings.stellate_fraction)
    )
    if lobe < limits[0]:
        return rounded(cell, draws, pixel_size_um)
    if lobe < limits[1]:
        # A cell that spreads far is also a large one.
        cell = replace(_flat(cell, draws), volume_um3=1.6 * volume)
        area *= 1.8
    elif lobe < limits[2]:
        cell = _stellate(cell, draws)
    else:
        cell = _spindle(cell, draws, aspect)
    return _scaled(cell, area)


def squeezed(cell: AdherentCell, share: float) -> AdherentCell:
    """The cell on this share of its area; a rounded cell is no smaller in a crowd."""
    if cell.kind == "rounded" or share == 1:
        return cell
    scale = math.sqrt(share)
    supports = tuple(reach * scale for reach in cell.supports)
    return replace(_resized(cell, scale), supports=supports, volume_um3=cell.volume_um3 * scale)


def paint_cell(cell: AdherentCell, ragged: Image, pixel_size_um: float, step: int = 1) -> Sprite:
    """Evaluate a cell at the pixel centres around its own.

    Parameters
    ----------
    cell : AdherentCell
    ragged : ndarray of float64, shape (N, N)
        Smooth periodic noise around 1 that roughens outlines.
    pixel_size_um : float
    step : int
        Evaluate every so many pixels only.
    """
    top, bottom, left, right = cell.box()
    rows, columns = _steps((top, bottom), step), _steps((left, right), step)
    y: Image = np.asarray(rows - (cell.y - math.floor(cell.y)), np.float64)
    x: Image = np.asarray(columns - (cell.x - math.floor(cell.x)), np.float64)
    depth2, body2 = _depth2(cell, y[:, None], x[None, :])
    if cell.kind != "rounded":
        size = ragged.shape[0]
        depth2 *= ragged[((rows + cell.shift[0]) % size)[:, None], (columns + cell.shift[1]) % size]
    inside = depth2 < 1
    height = _height(cell, depth2, body2)
    total = quantise(float(height.sum()) * (step * pixel_size_um) ** 2)
    height *= cell.volume_um3 / total if total else 0
    nucleus = _nucleus_distance(cell, y, x)
    return Sprite(int(rows[0]) // step, int(columns[0]) // step, inside, height, nucleus)


def meeting(
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


def _steps(extent: tuple[float, float], step: int) -> NDArray[np.int64]:
    """Multiples of `step` from one end to the other."""
    return np.arange(math.floor(extent[0] / step), math.ceil(extent[1] / step) + 1) * step


def _nucleus_distance(cell: AdherentCell, y: Image, x: Image) -> Image:
    """Distance from the nucleus's centre over its ellipse's distance."""
    angle = cell.nucleus.angle + cell.angle
    cos, sin = math.cos(angle), math.sin(angle)
    u = (x[None, :] * cos + y[:, None] * sin) / cell.nucleus.major
    v = (y[:, None] * cos - x[None, :] * sin) / cell.nucleus.minor
    return np.sqrt(u * u + v * v)


def _height(cell: AdherentCell, depth2: Image, body2: Image) -> Image:
    """Relative thickness: a lamella that falls to its edge, and the body's dome."""
    rest = np.maximum(1 - depth2, 0)
    fall = np.sqrt(rest)
    if cell.kind == "rounded":
        return fall
    dome = 1 / (1 + body2) ** 2
    # Half of the lamella ends in a ruffled edge, half fades out over some micrometres.
    edge = 0.5 * np.minimum(1, 2.5 * fall) + 0.5 * np.minimum(1, 4 * rest)
    lamella = 0.5 if cell.kind == "flat" else 0.3
    height: Image = lamella * edge + rest * (0.35 + cell.dome * dome)
    return height


def _depth2(cell: AdherentCell, y: Image, x: Image) -> tuple[Image, Image]:
    """Squared distance over outline's distance, of the whole cell and of its body."""
    cos, sin = math.cos(cell.angle), math.sin(cell.angle)
    u = x * cos + y * sin
    v = y * cos - x * sin - cell.bend * u * u
    body2 = (u / cell.major) ** 2 + (v / cell.minor) ** 2
    total = 1 / (body2 * body2 + 1e-9)
    for process in cell.processes:
        c, s = math.cos(process.direction), math.sin(process.direction)
        along = np.clip((u * c + v * s) / process.length, 0, 1)
        aside2 = (u - along * (c * process.length)) ** 2 + (v - along * (s * process.length)) ** 2
        width = process.root + along * (process.tip - process.root)
        d2 = aside2 / (width * width)
        total += 1 / (d2 * d2 + 1e-9)
    return 1 / np.sqrt(total), body2


def _scaled(cell: AdherentCell, area_px: float) -> AdherentCell:
    """The cell with this area, measured on a coarse grid, and its reach."""
    longest = max((p.length + p.tip for p in cell.processes), default=cell.major)
    span = 1.6 * max(longest, cell.major)
    grid = np.linspace(-span, span, COARSE)
    # At angle 0 the canvas's axes are the cell's own.
    inside = _depth2(replace(cell, angle=0.0), grid[:, None], grid[None, :])[0] < 1
    step = grid[1] - grid[0]
    scale = math.sqrt(area_px / (int(inside.sum()) * step * step))
    v, u = grid[np.nonzero(inside)[0]], grid[np.nonzero(inside)[1]]
    supports = tuple(
        # Room for a ragged outline, and for what lies between the points of the grid.
        1.16 * scale * (float((u * math.cos(turn) + v * math.sin(turn)).max()) + step)
        for turn in np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    )
    return replace(_resized(cell, scale), supports=supports)


def _resized(cell: AdherentCell, scale: float) -> AdherentCell:
    processes = tuple(
        Process(p.direction, p.length * scale, p.root * scale, p.tip * scale)
        for p in cell.processes
    )
    return replace(
        cell, major=cell.major * scale, minor=cell.minor * scale, processes=processes,
        bend=cell.bend / scale,
    )  # fmt: skip


def _spindle(cell: AdherentCell, draws: Draws, aspect: float) -> AdherentCell:
    """Two processes at opposite ends, and sometimes a spur."""
    half = aspect / 2
    ends = [
        Process(side + 0.12 * draws.normal(), half * draws.uniform(0.8, 1.2),
                draws.uniform(0.24, 0.36), draws.uniform(0.05, 0.14))
        for side in (0.0, math.pi)
    ]  # fmt: skip
    if draws.happens(0.35):
        ends.append(_arm(draws, draws.angle(), half * draws.uniform(0.3, 0.6)))
    return replace(
        cell,
        major=0.45 * half,
        minor=0.48,
        processes=tuple(ends),
        bend=0.16 * draws.normal() / half,
    )


def _stellate(cell: AdherentCell, draws: Draws) -> AdherentCell:
    n = 3 + draws.index(2)
    turn = draws.angle()
    arms = tuple(
        _arm(
            draws, turn + 2 * math.pi * (k + 0.25 * draws.normal()) / n, draws.log_normal(1.6, 0.6)
        )
        for k in range(n)
    )
    return replace(
        cell, kind="stellate", major=draws.uniform(0.7, 0.95), minor=0.6, processes=arms,
        bend=0.05 * draws.normal(),
    )  # fmt: skip


def _flat(cell: AdherentCell, draws: Draws) -> AdherentCell:
    n = 3 + draws.index(4)
    turn = draws.angle()
    arms = tuple(
        Process(turn + 2 * math.pi * (k + 0.2 * draws.normal()) / n, draws.uniform(0.9, 1.5),
                draws.uniform(0.5, 0.8), draws.uniform(0.08, 0.3))
        for k in range(n)
    )  # fmt: skip
    return replace(cell, kind="flat", major=1.1, minor=draws.uniform(0.7, 1), processes=arms)


def rounded(cell: AdherentCell, draws: Draws, pixel_size_um: float) -> AdherentCell:
    """A ball of the cell's volume on the plastic, about to divide."""
    radius = quantise(math.cbrt(cell.volume_um3 * 3 / (4 * math.pi))) / pixel_size_um
    ratio = draws.uniform(0.9, 1.0)
    nucleus = replace(cell.nucleus, major=0.55 * radius, minor=0.5 * radius)
    return replace(
        cell,
        kind="rounded",
        major=radius,
        minor=radius * ratio,
        processes=(),
        bend=0.0,
        supports=(radius,) * DIRECTIONS,
        nucleus=nucleus,
    )


def _arm(draws: Draws, direction: float, length: float) -> Process:
    return Process(direction, length, draws.uniform(0.22, 0.38), draws.uniform(0.04, 0.12))
