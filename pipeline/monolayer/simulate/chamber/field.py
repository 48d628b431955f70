"""One field of a counting chamber in bright field, with exact truth.

1. Cells settle at random, without lying on one another, some of them against the cell before;
   they are drawn on a wider canvas than the image, so that its border cuts cells as it comes.
2. Each is a radial profile of relative contrast: a living cell is a lens (bright centre, dark rim,
   pale halo), a dead one a dull and grainy disc, or one with a centre dark with dye.
3. Grid lines, pale specks and soft shadows join them; lamp, blur and noise follow.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.chamber.settings import ChamberFieldSettings
from monolayer.simulate.draws import Draws
from monolayer.simulate.optics import blur, smooth_noise

__all__ = ["SimulatedChamberField", "simulate_chamber_field"]

Image = NDArray[np.float64]

_GAP = 1.04  # of the sum of radii: what keeps its distance
_TOUCH = 0.97  # what settles against another
_TRIES = 400
_HALO = 1.5  # radii that a profile reaches


@dataclass(frozen=True, slots=True)
class SimulatedChamberField:
    """A simulated field and what is true of it.

    Attributes
    ----------
    pixels : ndarray (H, W) uint8
    labels : ndarray (H, W) int32
        Discs of the cells that the image shows, 1 to n.
    truth : dict of str to ndarray, shape (n,)
        ``label``, ``y_px``, ``x_px`` (pixel centres at whole numbers), ``diameter_px``,
        ``seen`` (share of the disc that the image shows, less what another covers), ``live``,
        ``in_clump`` (settled against another, or another against it) and ``inside`` (the centre
        lies in the image: each cell of a chamber is counted in one field).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    truth: dict[str, NDArray[Any]]


@dataclass(slots=True)
class _Cell:
    y: float
    x: float
    radius: float
    live: bool
    in_clump: bool = False


def simulate_chamber_field(
    settings: ChamberFieldSettings, seed: int, index: int = 0
) -> SimulatedChamberField:
    """Simulate one field; the same settings, seed and index give the same pixels.

    Raises
    ------
    ValueError
        The cells asked for do not fit next to one another.
    """
    draws = Draws(seed, index)
    shape = (settings.height_px, settings.width_px)
    cells = _settle(settings, draws)
    contrast = np.zeros(shape)
    for cell in cells:
        _add_cell(contrast, cell, settings, draws)
    contrast += _specks(settings, draws) + _shadows(settings, draws)
    if settings.grid:
        contrast = (1 + contrast) * (1 + _grid(settings, draws)) - 1
    labels, truth = _truth(cells, shape)
    return SimulatedChamberField(_expose(contrast, settings, draws), labels, truth)


def _settle(settings: ChamberFieldSettings, draws: Draws) -> list[_Cell]:
    """Cells on a canvas that is wider than the image by two diameters on each side."""
    size = settings.pixel_size_um
    margin = 2 * settings.diameter_um / size
    height, width = settings.height_px + 2 * margin, settings.width_px + 2 * margin
    volume_ml = height * width * (size * 1e-3) ** 2 * settings.depth_mm * 1e-3
    cells: list[_Cell] = []
    for _ in range(draws.count(settings.concentration_cells_per_ml * volume_ml)):
        radius = draws.log_normal(settings.diameter_um, settings.diameter_cv) / size / 2
        live, clumped = draws.happens(settings.viability), draws.happens(settings.clumped)
        for attempt in range(_TRIES):
            cell = _Cell(
                draws.uniform(-margin, height - margin),
                draws.uniform(-margin, width - margin),
                radius,
                live,
            )
            before = cells[-1] if cells and clumped and attempt < _TRIES // 2 else None
            if before is not None:
                _lean(cell, before, draws)
            if all(_apart(cell, other) for other in cells if other is not before):
                if before is not None:
                    cell.in_clump = before.in_clump = True
                cells.append(cell)
                break
        else:
            raise ValueError(
                f"{settings.concentration_cells_per_ml:g} cells per mL do not fit next to one "
                "another: lower the concentration or the depth."
            )
    return cells


def _lean(cell: _Cell, other: _Cell, draws: Draws) -> None:
    """Move a cell against another one."""
    angle, distance = draws.angle(), _TOUCH * (cell.radius + other.radius)
    cell.y = other.y + distance * math.sin(angle)
    cell.x = other.x + distance * math.cos(angle)


def _apart(cell: _Cell, other: _Cell) -> bool:
    return math.hypot(cell.y - other.y, cell.x - other.x) > _GAP * (cell.radius + other.radius)


def _add_cell(contrast: Image, cell: _Cell, settings: ChamberFieldSettings, draws: Draws) -> None:
    """Add one cell's profile, in place; of two the stronger contrast stays."""
    strength = draws.uniform(0.75, 1.1)
    offset = draws.uniform(-0.12, 0.12), draws.uniform(-0.12, 0.12)
    side = 2 * math.ceil(_HALO * cell.radius) + 1
    grain = smooth_noise(draws, (side, side), max(0.13 * cell.radius, 0.6))
    top, left = round(cell.y) - side // 2, round(cell.x) - side // 2
    rows = slice(max(0, top), max(0, top + side))
    columns = slice(max(0, left), max(0, left + side))
    window = contrast[rows, columns]
    if not window.size:
        return
    y = np.arange(rows.start, rows.start + window.shape[0])[:, None] - cell.y
    x = np.arange(columns.start, columns.start + window.shape[1])[None, :] - cell.x
    r = np.hypot(y, x) / cell.radius
    core = np.hypot(y / cell.radius - offset[0], x / cell.radius - offset[1])
    grains = grain[rows.start - top :, columns.start - left :][: r.shape[0], : r.shape[1]]
    added = strength * _profile(cell.live, settings.stain == "trypan_blue", r, core, grains)
    np.copyto(window, added, where=np.abs(added) > np.abs(window))


def _profile(live: bool, dyed: bool, r: Image, core: Image, grains: Image) -> Image:
    """Relative contrast at r radii from the centre; `core` is r about the lens's own axis."""
    inside = 1 / (1 + np.exp((r - 1) / 0.05))
    halo = 0.08 * np.exp(-(((r - 1.15) / 0.12) ** 2))
    rim = np.exp(-(((r - 0.8) / 0.2) ** 2))
    if live:
        bright = (0.5 if dyed else 1.3) * np.exp(-((core / 0.42) ** 2))
        return bright - 0.65 * rim * inside + halo
    if dyed:
        return -0.55 * np.exp(-((core / 0.75) ** 4)) * inside - 0.2 * rim * inside + halo
    return (-0.28 + 0.13 * grains - 0.2 * rim) * inside + 0.5 * halo


def _specks(settings: ChamberFieldSettings, draws: Draws) -> Image:
    """Small pale rings."""
    found = np.zeros((settings.height_px, settings.width_px))
    for _ in range(draws.count(settings.specks_per_mm2 * _area_mm2(settings))):
        y, x = draws.uniform(0, found.shape[0]), draws.uniform(0, found.shape[1])
        radius = draws.uniform(0.12, 0.25) * settings.diameter_um / settings.pixel_size_um
        r = _distance(found, y, x) / radius
        found += draws.uniform(0.05, 0.14) * (
            np.exp(-(r**2)) - 1.2 * np.exp(-(((r - 1.3) / 0.5) ** 2))
        )
    return found


def _shadows(settings: ChamberFieldSettings, draws: Draws) -> Image:
    """Dirt far from the focal plane."""
    found = np.zeros((settings.height_px, settings.width_px))
    for _ in range(draws.count(settings.shadows_per_mm2 * _area_mm2(settings))):
        y, x = draws.uniform(0, found.shape[0]), draws.uniform(0, found.shape[1])
        sigma = draws.uniform(0.5, 1.2) * settings.diameter_um / settings.pixel_size_um
        depth = draws.uniform(0.05, 0.15)
        found -= depth * np.exp(-((_distance(found, y, x) / sigma) ** 2) / 2)
    return found


def _grid(settings: ChamberFieldSettings, draws: Draws) -> Image:
    """Dark lines with pale sides along rows and columns, at a random offset."""
    spacing = settings.grid_spacing_um / settings.pixel_size_um
    width = 2.0 / settings.pixel_size_um
    lines = []
    for length in (settings.height_px, settings.width_px):
        start = draws.uniform(0, spacing)
        from_line = (np.arange(length) - start + spacing / 2) % spacing - spacing / 2
        u = from_line / width
        lines.append(0.3 * np.exp(-((np.abs(u) - 2) ** 2)) - 0.55 * np.exp(-(u**2)))
    down, across = np.broadcast_arrays(lines[0][:, None], lines[1][None, :])
    return np.where(np.abs(down) > np.abs(across), down, across)


def _expose(contrast: Image, settings: ChamberFieldSettings, draws: Draws) -> NDArray[np.uint8]:
    shape = contrast.shape
    y = np.linspace(-1, 1, shape[0])[:, None]
    x = np.linspace(-1, 1, shape[1])[None, :]
    lamp = settings.background_grey_levels * (1 - settings.vignetting * (y * y + x * x) / 2)
    sigma = math.hypot(0.5, 0.15 * settings.defocus_um) / settings.pixel_size_um
    light = lamp * np.maximum(1 + blur(contrast, sigma), 0.02)
    light += settings.noise_grey_levels * draws.normals((shape[0], shape[1]))
    return np.floor(np.clip(light, 0, 255) + 0.5).astype(np.uint8)


def _truth(
    cells: list[_Cell], shape: tuple[int, int]
) -> tuple[NDArray[np.int32], dict[str, NDArray[Any]]]:
    """Labels of what the image shows, in the row-major order of first pixels, and the table."""
    owner = np.zeros(shape, np.int32)
    depth = np.ones(shape)
    for k, cell in enumerate(cells):
        reach = math.ceil(cell.radius) + 1
        rows = slice(max(0, round(cell.y) - reach), max(0, round(cell.y) + reach + 1))
        columns = slice(max(0, round(cell.x) - reach), max(0, round(cell.x) + reach + 1))
        window = depth[rows, columns]
        y = np.arange(rows.start, rows.start + window.shape[0])[:, None] - cell.y
        x = np.arange(columns.start, columns.start + window.shape[1])[None, :] - cell.x
        r = np.hypot(y, x) / cell.radius
        deeper = r < window
        owner[rows, columns][deeper] = k + 1
        window[deeper] = r[deeper]
    present, first = np.unique(owner, return_index=True)
    order = present[np.argsort(first, kind="stable")]
    shown = order[order > 0]
    number = np.zeros(len(cells) + 1, np.int32)
    number[shown] = np.arange(1, len(shown) + 1)
    seen = [cells[k - 1] for k in shown.tolist()]
    y_px, x_px = np.array([cell.y for cell in seen]), np.array([cell.x for cell in seen])
    inside = (y_px >= -0.5) & (y_px < shape[0] - 0.5) & (x_px >= -0.5) & (x_px < shape[1] - 0.5)
    labels = number[owner]
    diameter_px = np.array([2 * cell.radius for cell in seen])
    shown_px = np.bincount(labels.ravel(), minlength=len(seen) + 1)[1:]
    return labels, {
        "label": np.arange(1, len(seen) + 1),
        "y_px": y_px,
        "x_px": x_px,
        "diameter_px": diameter_px,
        "seen": np.minimum(shown_px / (np.pi * diameter_px**2 / 4), 1.0),
        "live": np.array([cell.live for cell in seen], dtype=np.bool_),
        "in_clump": np.array([cell.in_clump for cell in seen], dtype=np.bool_),
        "inside": inside,
    }


def _distance(canvas: Image, y: float, x: float) -> Image:
    rows, columns = canvas.shape
    distance: Image = np.hypot(np.arange(rows)[:, None] - y, np.arange(columns)[None, :] - x)
    return distance


def _area_mm2(settings: ChamberFieldSettings) -> float:
    return settings.height_px * settings.width_px * (settings.pixel_size_um * 1e-3) ** 2
