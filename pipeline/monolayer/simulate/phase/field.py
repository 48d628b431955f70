"""One simulated phase-contrast field: adherent cells, dirt, light, camera, truth.

1. Cells are laid on a canvas with a margin and spread over it (`phase_layer`).
2. Their thickness, with nuclei, grains and debris, delays the light; the phase objective makes
   contrast of it (`phase_optics`).
3. The field is cut out, shaded by obstacles, and exposed.
4. The truth is the cells with at least one pixel in the field, numbered by their first pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.field import number_labels
from monolayer.simulate.optics import blur, smooth_noise
from monolayer.simulate.phase.artefacts import (
    Obstacles,
    add_debris,
    add_floating,
    draw_obstacles,
    ring_shade,
)
from monolayer.simulate.phase.cells import AdherentCell
from monolayer.simulate.phase.layer import Layer, lay_cells
from monolayer.simulate.phase.optics import expose_phase, fast_size, phase_contrast, phase_delay
from monolayer.simulate.phase.place import outline_noise, place_adherent
from monolayer.simulate.phase.settings import AdherentSettings, PhaseSettings

__all__ = [
    "SimulatedPhaseField",
    "canvas_shape",
    "inner_part",
    "render_phase",
    "simulate_phase_field",
]

Image = NDArray[np.float64]

MARGIN_UM = 60.0


@dataclass(frozen=True, slots=True)
class SimulatedPhaseField:
    """A phase-contrast image and its exact truth.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W)
        What the camera gives.
    labels : ndarray of int32, shape (H, W)
        Truth: 1..n ordered by first pixel in row-major order, 0 where no cell covers. Where
        cells lie over each other, the one that is thicker there has the pixel.
    covered : ndarray of bool, shape (H, W)
        Truth: a cell covers the plastic.
    usable : ndarray of bool, shape (H, W)
        Truth: no wall, bubble or scratch.
    confluence : float
        Covered share of the usable pixels, 0 to 1; nan if none is usable.
    truth : dict of str to ndarray, shape (n,)
        One row a cell, in the order of the labels: ``label``, ``centroid_y_px``,
        ``centroid_x_px``, ``area_px``, ``area_um2`` (of its pixels in the field),
        ``nucleus_y_px``, ``nucleus_x_px`` (may lie outside the field), ``angle_rad``,
        ``volume_um3``, ``touches_border`` and ``kind`` (spindle, stellate, flat, rounded).
    """

    pixels: NDArray[Any]
    labels: NDArray[np.int32]
    covered: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    confluence: float
    truth: dict[str, NDArray[Any]]


def simulate_phase_field(settings: PhaseSettings, seed: int, index: int = 0) -> SimulatedPhaseField:
    """Simulate one phase-contrast field of adherent cells.

    Parameters
    ----------
    settings : PhaseSettings
        Optics, cells and artefacts.
    seed : int
        At least 0; the same seed gives the same bits.
    index : int
        Position of the field in its vessel, at least 0: fields of one seed are independent.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """
    draws = Draws(seed, index)
    pixel = settings.optics.pixel_size_um
    ragged = outline_noise(draws, pixel)
    cells = place_adherent(settings.cells, draws, ragged, pixel, canvas_shape(settings))
    return render_phase(settings, draws, ragged, cells, settings.cells.confluence_pct / 100)


def render_phase(
    settings: PhaseSettings,
    draws: Draws,
    ragged: Image,
    cells: Sequence[AdherentCell],
    coverage: float,
) -> SimulatedPhaseField:
    """Image and truth of cells that lie on the canvas, spread to cover `coverage` of it."""
    pixel = settings.optics.pixel_size_um
    margin, inner = _margin(settings), inner_part(settings)
    layer = lay_cells(cells, ragged, pixel, canvas_shape(settings), coverage)
    shape = (settings.height_px, settings.width_px)
    obstacles = draw_obstacles(settings.artefacts, draws, shape, pixel)
    pixels = _photograph(settings, draws, layer, cells, obstacles, inner)
    labels, kept = number_labels(layer.labels[inner] * ~obstacles.solid)
    truth = _table(labels, [cells[k] for k in kept], pixel, margin)
    covered, usable = labels > 0, obstacles.usable
    n_usable = int(np.count_nonzero(usable))
    share = int(np.count_nonzero(covered & usable)) / n_usable if n_usable else math.nan
    return SimulatedPhaseField(pixels, labels, covered, usable, share, truth)


def canvas_shape(settings: PhaseSettings) -> tuple[int, int]:
    """Size of the field with its margin, in sides that the Fourier transform is fast for."""
    margin = 2 * _margin(settings)
    return fast_size(settings.height_px + margin), fast_size(settings.width_px + margin)


def inner_part(settings: PhaseSettings) -> tuple[slice, slice]:
    """Where the field lies on its canvas."""
    margin = _margin(settings)
    return (
        slice(margin, margin + settings.height_px),
        slice(margin, margin + settings.width_px),
    )


def _margin(settings: PhaseSettings) -> int:
    return math.ceil(MARGIN_UM / settings.optics.pixel_size_um)


def _photograph(
    settings: PhaseSettings,
    draws: Draws,
    layer: Layer,
    cells: Sequence[AdherentCell],
    obstacles: Obstacles,
    inner: tuple[slice, slice],
) -> NDArray[Any]:
    pixel = settings.optics.pixel_size_um
    thickness = _optical_thickness(settings.cells, draws, layer, cells, pixel)
    add_debris(settings.artefacts, draws, thickness, pixel)
    gathered = np.ones(thickness.shape)
    add_floating(settings.artefacts, draws, thickness, gathered, pixel)
    thickness[inner] *= ~obstacles.solid
    intensity = phase_contrast(settings.optics, phase_delay(settings.optics, thickness))[inner]
    shape = (settings.height_px, settings.width_px)
    shade = ring_shade(settings.artefacts, draws, shape, pixel) * obstacles.shade
    shade *= gathered[inner]
    return expose_phase(settings.optics, intensity * shade, draws)


def _optical_thickness(
    settings: AdherentSettings,
    draws: Draws,
    layer: Layer,
    cells: Sequence[AdherentCell],
    pixel_size_um: float,
) -> Image:
    """Micrometres of cytoplasm that would delay as the layer does.

    A nucleus has less index than the cytoplasm and nucleoli have more, so that it shows as a
    paler oval with dark points.
    """
    shape = (layer.labels.shape[0], layer.labels.shape[1])
    fine = smooth_noise(draws, shape, max(0.9 / pixel_size_um, 0.6))
    coarse = smooth_noise(draws, shape, max(3 / pixel_size_um, 0.8))
    uneven = np.maximum(1 + settings.texture * (0.75 * fine + 0.65 * coarse), 0.1)
    inside = np.clip((1 - layer.nucleus) * 6, 0, 1)
    uneven += 0.6 * inside * (1 - uneven)
    thickness = layer.thickness_um * uneven * (1 - 0.3 * inside)
    grains = np.zeros(shape)
    for cell in cells:
        _add_grains(grains, cell, settings, draws)
    sigma = max(0.55 / pixel_size_um, 0.5)
    grains = blur(grains, sigma) * (2 * math.pi * sigma * sigma)
    return np.maximum(thickness + grains * (layer.labels > 0), 0)


def _add_grains(
    grains: Image, cell: AdherentCell, settings: AdherentSettings, draws: Draws
) -> None:
    """Points of extra micrometres: vesicles around the nucleus, nucleoli in it, in place."""
    spread = draws.normals((draws.count(settings.granules_per_cell), 3))
    places = 0.65 * spread[:, :2] * (cell.minor, cell.major)
    _add_points(grains, cell, places, 0.1 + 0.4 * np.abs(spread[:, 2]))
    nucleoli = draws.normals((1 + draws.index(4), 3))
    places = 0.45 * nucleoli[:, :2] * (cell.nucleus.minor, cell.nucleus.major)
    _add_points(grains, cell, places, 1.0 + 0.6 * np.abs(nucleoli[:, 2]))


def _add_points(grains: Image, cell: AdherentCell, places: Image, heights: Image) -> None:
    """Add to the pixels that lie across and along a cell's axis from its centre, in place."""
    cos, sin = math.cos(cell.angle), math.sin(cell.angle)
    v, u = places.T
    y = np.floor(cell.y + u * sin + v * cos).astype(np.int64)
    x = np.floor(cell.x + u * cos - v * sin).astype(np.int64)
    here = (y >= 0) & (y < grains.shape[0]) & (x >= 0) & (x < grains.shape[1])
    np.add.at(grains, (y[here], x[here]), heights[here])


def _table(
    labels: NDArray[np.int32], cells: Sequence[AdherentCell], pixel_size_um: float, margin: int
) -> dict[str, NDArray[Any]]:
    n = len(cells)
    y, x = np.nonzero(labels)
    of = labels[y, x] - 1
    area = np.bincount(of, minlength=n)
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return {
        "label": np.arange(1, n + 1, dtype=np.int32),
        "centroid_y_px": np.bincount(of, y, n) / area,
        "centroid_x_px": np.bincount(of, x, n) / area,
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "nucleus_y_px": np.array([cell.y - margin for cell in cells], np.float64),
        "nucleus_x_px": np.array([cell.x - margin for cell in cells], np.float64),
        "angle_rad": np.array([cell.angle for cell in cells], np.float64),
        "volume_um3": np.array([cell.volume_um3 for cell in cells], np.float64),
        "touches_border": np.isin(np.arange(1, n + 1), border),
        "kind": np.array([cell.kind for cell in cells], dtype="U8"),
    }
