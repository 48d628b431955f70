"""One simulated field: cells on a canvas wider than the field, light, camera, truth.

1. Nuclei are laid on a canvas with a margin, so that they cross the field's border as they do
   under a microscope and light comes in from outside.
2. Their light is blurred by the lens, a share of it widely, and stray light is added.
3. The field is cut out and exposed.
4. The truth is the nuclei with at least one pixel in the field, numbered by their first pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.nuclei import Nucleus, place_cells
from monolayer.simulate.optics import background, blur, expose, illumination, lens_sigma_px
from monolayer.simulate.scene import (
    chromatin,
    label_nuclei,
    paint_floating,
    paint_nuclei,
    paint_smears,
    paint_specks,
)
from monolayer.simulate.settings import SimulateSettings

__all__ = [
    "SimulatedField",
    "number_labels",
    "padded",
    "photograph",
    "simulate_field",
    "truth_table",
]

MARGIN_UM = 30.0


@dataclass(frozen=True, slots=True)
class SimulatedField:
    """An image and its exact truth.

    Attributes
    ----------
    pixels : ndarray of uint16, shape (H, W)
        What the camera gives.
    labels : ndarray of int32, shape (H, W)
        Truth: 1..n ordered by first pixel in row-major order, 0 background.
    truth : dict of str to ndarray, shape (n,)
        One row a nucleus, in the order of the labels: ``label``, ``centroid_y_px``,
        ``centroid_x_px``, ``area_px``, ``area_um2`` (of its pixels in the field),
        ``touches_border``, ``phase`` (interphase, metaphase, anaphase), ``dividing``,
        ``mother_pair`` (number of the anaphase pair, 0 for none), ``dna`` (1 to 2) and
        ``intensity_electrons`` (expected, of the whole nucleus in the lamp's centre).
    """

    pixels: NDArray[np.uint16]
    labels: NDArray[np.int32]
    truth: dict[str, NDArray[Any]]


def simulate_field(settings: SimulateSettings, seed: int, index: int = 0) -> SimulatedField:
    """Simulate one field of fluorescent nuclei.

    Parameters
    ----------
    settings : SimulateSettings
        Optics, nuclei and debris.
    seed : int
        At least 0; the same seed gives the same bits.
    index : int
        Position of the field in its plate, at least 0: fields of one seed are independent.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """
    draws = Draws(seed, index)
    canvas, inner = padded(settings)
    nuclei = place_cells(settings.nuclei, draws, settings.optics.pixel_size_um, canvas)
    return photograph(settings, draws, nuclei, canvas, inner)


def padded(settings: SimulateSettings) -> tuple[tuple[int, int], tuple[slice, slice]]:
    """Shape of the canvas with its margin, and the field's part of it."""
    margin = math.ceil(MARGIN_UM / settings.optics.pixel_size_um)
    canvas = (settings.height_px + 2 * margin, settings.width_px + 2 * margin)
    return canvas, (slice(margin, -margin), slice(margin, -margin))


def photograph(
    settings: SimulateSettings,
    draws: Draws,
    nuclei: Sequence[Nucleus],
    canvas: tuple[int, int],
    inner: tuple[slice, slice],
) -> SimulatedField:
    """Image and truth of nuclei that lie on a canvas, seen through its inner part."""
    pixel = settings.optics.pixel_size_um
    electrons = _light(settings, draws, nuclei, canvas)[inner]
    shape = (settings.height_px, settings.width_px)
    electrons += background(settings.optics, draws, shape)
    electrons *= illumination(settings.optics, draws, shape)
    pixels = expose(electrons, settings.optics, draws)
    labels, kept = number_labels(label_nuclei(nuclei, canvas)[inner])
    return SimulatedField(pixels, labels, truth_table(labels, [nuclei[k] for k in kept], pixel))


def _light(
    settings: SimulateSettings, draws: Draws, nuclei: Sequence[Nucleus], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Expected electrons of all that shines, on the canvas."""
    pixel, optics = settings.optics.pixel_size_um, settings.optics
    texture = chromatin(draws, shape, settings.nuclei.texture, pixel)
    signal = settings.nuclei.signal_electrons
    sharp = paint_nuclei(nuclei, texture, draws, pixel)
    sharp += signal * paint_specks(settings.debris, draws, shape, pixel)
    soft = signal * paint_smears(settings.debris, draws, shape, pixel)
    soft += signal * paint_floating(settings.debris, draws, shape, pixel)
    haze = optics.haze_fraction
    lens = blur(sharp, lens_sigma_px(optics))
    return (1 - haze) * lens + haze * blur(sharp, optics.haze_um / pixel) + soft


def number_labels(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], list[int]]:
    """Number the labels present by first pixel; say which nucleus each was."""
    present, first = np.unique(labels, return_index=True)
    nuclei = present[present > 0][np.argsort(first[present > 0])]
    renumber = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    renumber[nuclei] = np.arange(1, len(nuclei) + 1)
    return renumber[labels], [int(label) - 1 for label in nuclei]


def truth_table(
    labels: NDArray[np.int32], nuclei: Sequence[Nucleus], pixel_size_um: float
) -> dict[str, NDArray[Any]]:
    """One row a nucleus of the field, as `SimulatedField.truth` lists them."""
    n = len(nuclei)
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
        "touches_border": np.isin(np.arange(1, n + 1), border),
        "phase": np.array([nucleus.phase for nucleus in nuclei], dtype="U10"),
        "dividing": np.array([nucleus.phase != "interphase" for nucleus in nuclei], bool),
        "mother_pair": np.array([nucleus.pair for nucleus in nuclei], np.int64),
        "dna": np.array([nucleus.dna for nucleus in nuclei], np.float64),
        "intensity_electrons": np.array([nucleus.light for nucleus in nuclei], np.float64),
    }
