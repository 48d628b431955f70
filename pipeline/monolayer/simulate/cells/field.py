"""A field of nuclei and of the cells around them, with exact truth for both.

The nuclear channel is `simulate_field`'s, bit for bit. Around each nucleus lies a cell: a spindle,
an ordinary or a flattened one. Where two cells would overlap, the pixel goes to the one in which
it lies deeper, as contact-inhibited cells share the floor; over a nucleus lies its own cell. Light
comes from what each cell holds, so the junction of two crowded cells is no dark line: they differ
by their staining only, as dyed cells do.

The cells' random numbers are a stream of their own, so that the nuclei do not depend on them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.cells.settings import CellFieldSettings, CellsSettings
from monolayer.simulate.draws import Draws
from monolayer.simulate.field import SimulatedField, number_labels, padded, simulate_field
from monolayer.simulate.nuclei import Nucleus, Wavy, around, clip, draw_waves, place_cells
from monolayer.simulate.optics import background, blur, expose, illumination, lens_sigma_px
from monolayer.simulate.scene import chromatin, label_nuclei

__all__ = ["SimulatedCellField", "simulate_cell_field"]

KINDS = ("spindle", "ordinary", "flattened")

# Far above the number of fields of any plate: no nuclear channel draws from these streams.
_STREAM = 1 << 40
# Exponent of the half-width (1 - u^2)^t along the cell: 0.5 is an ellipse, 1 a lens.
_TAPER = {"spindle": 1.0, "ordinary": 0.6, "flattened": 0.5}
# Area of such an outline over the product of its half axes.
_FULLNESS = {
    kind: 2 * math.sqrt(math.pi) * math.gamma(t + 1) / math.gamma(t + 1.5)
    for kind, t in _TAPER.items()
}
# Cells are not cut at the canvas before their light is in the field.
_REACH = 1.3


@dataclass(frozen=True, slots=True)
class SimulatedCellField:
    """Two channels of one field and their exact truth.

    Attributes
    ----------
    nuclei : SimulatedField
        The nuclear channel with its own truth.
    pixels : ndarray of uint16, shape (H, W)
        The cell channel.
    labels : ndarray of int32, shape (H, W)
        Truth of the cells: 1..n ordered by first pixel in row-major order, 0 background.
    nucleus_labels : ndarray of int32, shape (H, W)
        The nuclei under their cells' numbers.
    truth : dict of str to ndarray, shape (n,)
        One row a cell: ``label``, ``kind`` (spindle, ordinary, flattened), ``area_px``,
        ``area_um2`` (of its pixels in the field), ``nucleus_area_px`` (0 where the nucleus lies
        outside), ``touches_border``.
    """

    nuclei: SimulatedField
    pixels: NDArray[np.uint16]
    labels: NDArray[np.int32]
    nucleus_labels: NDArray[np.int32]
    truth: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Cell(Wavy):
    """One cell."""

    kind: str
    stain: float


def simulate_cell_field(
    settings: CellFieldSettings, seed: int, index: int = 0
) -> SimulatedCellField:
    """Simulate one field of fluorescent nuclei and dyed cells.

    Parameters
    ----------
    settings : CellFieldSettings
        Both channels.
    seed : int
        At least 0; the same seed gives the same bits.
    index : int
        Position of the field in its plate, at least 0: fields of one seed are independent.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """
    nuclear = settings.nuclei
    field = simulate_field(nuclear, seed, index)
    pixel = nuclear.optics.pixel_size_um
    canvas, inner = padded(nuclear)
    # The field draws its nuclei first: the same stream gives the same nuclei again.
    nuclei = place_cells(nuclear.nuclei, Draws(seed, index), pixel, canvas)
    draws = Draws(seed, index + _STREAM)
    cells = [_cell_around(nucleus, settings.cells, draws, pixel) for nucleus in nuclei]
    labels, depth = _share_floor(cells, label_nuclei(nuclei, canvas))
    light = _cell_light(cells, labels, depth, settings, draws)[inner]
    light += background(settings.cell_optics, draws, light.shape)
    light *= illumination(settings.cell_optics, draws, light.shape)
    pixels = expose(light, settings.cell_optics, draws)
    seen, kept = number_labels(labels[inner])
    of_nucleus = np.zeros(len(nuclei) + 1, np.int32)
    of_nucleus[[k + 1 for k in kept]] = np.arange(1, len(kept) + 1)
    nucleus_labels = of_nucleus[label_nuclei(nuclei, canvas)[inner]]
    truth = _table(seen, nucleus_labels, [cells[k] for k in kept], pixel)
    return SimulatedCellField(field, pixels, seen, nucleus_labels, truth)


def _cell_around(nucleus: Nucleus, settings: CellsSettings, draws: Draws, pixel: float) -> _Cell:
    """Draw a cell; every cell draws as many numbers, so that one setting moves one thing."""
    u = draws.uniform()
    kind = "flattened" if u < settings.flattened_fraction else "ordinary"
    if u >= 1 - settings.spindle_fraction:
        kind = "spindle"
    area = draws.log_normal(getattr(settings, f"{kind}_area_um2"), settings.area_cv)
    ratio = draws.log_normal(getattr(settings, f"{kind}_aspect_ratio"), settings.aspect_ratio_cv)
    minor = math.sqrt(area / (_FULLNESS[kind] * max(1.02, ratio)))
    waves = draw_waves(draws, settings.irregularity)
    # A nucleus lies along its cell; opposite directions are the same.
    aside = (nucleus.angle - settings.direction_rad + math.pi / 2) % math.pi - math.pi / 2
    angle = settings.direction_rad + (1 - settings.alignment) * aside
    stain = draws.log_normal(1, settings.signal_cv)
    shift, way = 0.25 * draws.uniform() * minor / pixel, draws.angle()
    return _Cell(
        y=nucleus.y + shift * math.sin(way),
        x=nucleus.x + shift * math.cos(way),
        major=minor * max(1.02, ratio) / pixel,
        minor=minor / pixel,
        angle=angle,
        waves=waves if kind != "spindle" else ((0.0, 0.0),) * len(waves),
        kind=kind,
        stain=stain,
    )


def _window(cell: _Cell, shape: tuple[int, int]) -> tuple[slice, slice]:
    reach = math.ceil(_REACH * cell.major) + 1
    return (clip(cell.y, reach, shape[0]), clip(cell.x, reach, shape[1]))


def _depth(cell: _Cell, window: tuple[slice, slice]) -> NDArray[np.float64]:
    """Distance from the centre over the outline's: below 1 inside."""
    u, v, edge = around(cell, *window)
    narrow = np.maximum(1 - (u / edge) ** 2, 1e-4) ** (_TAPER[cell.kind] - 0.5)
    return np.hypot(u, v / narrow) / edge


def _share_floor(
    cells: Sequence[_Cell], nuclei: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Label k + 1 for cell k, each in one piece with its nucleus, and how deep pixels lie."""
    shape = (nuclei.shape[0], nuclei.shape[1])
    depth = np.ones(shape)
    labels = np.zeros(shape, np.int32)
    for k, cell in enumerate(cells):
        window = _window(cell, shape)
        r = _depth(cell, window)
        deeper = r < depth[window]
        labels[window][deeper] = k + 1
        depth[window][deeper] = r[deeper]
    labels = np.where(nuclei > 0, nuclei, labels)
    for k, cell in enumerate(cells):
        window = _window(cell, shape)
        _keep_piece_of_nucleus(labels[window], nuclei[window], k + 1)
    return labels, depth


def _keep_piece_of_nucleus(
    labels: NDArray[np.int32], nuclei: NDArray[np.int32], label: int
) -> None:
    """Give back to the background what is cut off from the cell's nucleus, in place."""
    mask = (labels == label).astype(np.uint8)
    if not mask.any():
        return  # OpenCV 5 crashes the process on an array without pixels.
    n, pieces = cv2.connectedComponents(mask, connectivity=4)
    if n > 2:
        own = np.bincount(pieces[nuclei == label], minlength=n)
        size = np.bincount(pieces.ravel(), minlength=n)
        score = own if own[1:].any() else size
        labels[(mask > 0) & (pieces != 1 + int(np.argmax(score[1:])))] = 0


def _cell_light(
    cells: Sequence[_Cell],
    labels: NDArray[np.int32],
    depth: NDArray[np.float64],
    settings: CellFieldSettings,
    draws: Draws,
) -> NDArray[np.float64]:
    """Expected electrons of the cells, on the canvas, after the lens."""
    cell, optics = settings.cells, settings.cell_optics
    stain = np.array([0.0, *(one.stain for one in cells)])
    thickness = cell.lamella + (1 - cell.lamella) * np.maximum(1 - depth * depth, 0)
    texture = chromatin(draws, (labels.shape[0], labels.shape[1]), cell.texture, 2.0)
    sharp = cell.signal_electrons * stain[labels] * thickness * texture
    haze = optics.haze_fraction
    near = blur(sharp, lens_sigma_px(optics))
    return (1 - haze) * near + haze * blur(sharp, optics.haze_um / optics.pixel_size_um)


def _table(
    labels: NDArray[np.int32],
    nuclei: NDArray[np.int32],
    cells: Sequence[_Cell],
    pixel_size_um: float,
) -> dict[str, NDArray[Any]]:
    n = len(cells)
    area = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return {
        "label": np.arange(1, n + 1, dtype=np.int32),
        "kind": np.array([cell.kind for cell in cells], dtype="U9"),
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "nucleus_area_px": np.bincount(nuclei.ravel(), minlength=n + 1)[1:],
        "touches_border": np.isin(np.arange(1, n + 1), border),
    }
