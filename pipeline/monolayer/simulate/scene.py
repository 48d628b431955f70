"""Paint nuclei and debris as light on a canvas, and the nuclei as labels.

Light adds where nuclei lie over each other, as in a widefield microscope. The label of a shared
pixel goes to the nucleus in which it lies deeper, so that both stay whole and the border runs
through the middle of the overlap.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.nuclei import Nucleus, Patch, outline_patch
from monolayer.simulate.optics import blur, smooth_noise
from monolayer.simulate.settings import DebrisSettings

__all__ = ["label_nuclei", "paint_floating", "paint_nuclei", "paint_smears", "paint_specks"]

Image = NDArray[np.float64]


def paint_nuclei(
    nuclei: Sequence[Nucleus], texture: Image, draws: Draws, pixel_size_um: float
) -> Image:
    """Expected electrons of all nuclei, sharp; `texture` has mean 1."""
    light = np.zeros(texture.shape)
    for nucleus in nuclei:
        patch = outline_patch(nucleus, (texture.shape[0], texture.shape[1]))
        height = np.maximum(1 - patch.r**2, 0) ** nucleus.roundness
        part = height * texture[patch.rows, patch.columns]
        if nucleus.phase == "interphase":
            part *= _nucleoli(nucleus, patch, draws, pixel_size_um)
        # Per area of the ellipse, not per sum of the patch, so that a nucleus cut by the canvas
        # is as bright as a whole one; 1 + roundness makes the mean of the profile 1.
        area = math.pi * nucleus.major * nucleus.minor
        part *= nucleus.light / area * (1 + nucleus.roundness)
        light[patch.rows, patch.columns] += part
    return light


def chromatin(draws: Draws, shape: tuple[int, int], amount: float, pixel_size_um: float) -> Image:
    """Texture of mean 1: grains of about 1 um on domains of about 3 um."""
    fine = smooth_noise(draws, shape, max(0.45 / pixel_size_um, 0.5))
    coarse = smooth_noise(draws, shape, max(1.5 / pixel_size_um, 0.7))
    return np.maximum(1 + amount * (0.9 * fine + 0.6 * coarse), 0.15)


def label_nuclei(nuclei: Sequence[Nucleus], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Label k + 1 for nucleus k, each in one piece; a nucleus off the canvas has no pixel."""
    depth = np.ones(shape)
    labels = np.zeros(shape, np.int32)
    for k, nucleus in enumerate(nuclei):
        patch = outline_patch(nucleus, shape)
        here = (patch.rows, patch.columns)
        deeper = patch.r < depth[here]
        labels[here][deeper] = k + 1
        depth[here][deeper] = patch.r[deeper]
    for k, nucleus in enumerate(nuclei):
        patch = outline_patch(nucleus, shape)
        _keep_one_piece(labels[patch.rows, patch.columns], k + 1)
    return labels


def paint_specks(
    settings: DebrisSettings, draws: Draws, shape: tuple[int, int], pixel_size_um: float
) -> Image:
    """Small bright grains in focus; a unit is the mean signal of a nucleus."""
    light = np.zeros(shape)
    for _ in range(draws.count(settings.specks_per_mm2 * _area_mm2(shape, pixel_size_um))):
        sigma = draws.uniform(0.35, 1.0) / pixel_size_um
        _add_spot(light, draws, (sigma, sigma), draws.log_normal(0.7, 0.7))
    return light


def paint_smears(
    settings: DebrisSettings, draws: Draws, shape: tuple[int, int], pixel_size_um: float
) -> Image:
    """Dim, wide, uneven patches; a unit is the mean signal of a nucleus."""
    light = np.zeros(shape)
    for _ in range(draws.count(settings.smears_per_mm2 * _area_mm2(shape, pixel_size_um))):
        sigma = (draws.uniform(4, 9) / pixel_size_um, draws.uniform(9, 22) / pixel_size_um)
        _add_spot(light, draws, sigma, draws.uniform(0.02, 0.07))
    uneven = smooth_noise(draws, shape, 3 / pixel_size_um)
    return light * np.maximum(1 + 0.35 * uneven, 0)


def paint_floating(
    settings: DebrisSettings, draws: Draws, shape: tuple[int, int], pixel_size_um: float
) -> Image:
    """Dead cells far above the focal plane; a unit is the mean signal of a nucleus."""
    light = np.zeros(shape)
    for _ in range(draws.count(settings.floating_per_mm2 * _area_mm2(shape, pixel_size_um))):
        sigma = draws.uniform(7, 12) / pixel_size_um
        _add_spot(light, draws, (sigma, sigma * draws.uniform(0.85, 1)), draws.uniform(0.06, 0.25))
    return blur(light, 1 / pixel_size_um)


def _nucleoli(nucleus: Nucleus, patch: Patch, draws: Draws, pixel_size_um: float) -> Image:
    """Dim holes where ribosomes are made, and a thin bright rim of dense chromatin."""
    shade = np.ones(patch.r.shape)
    y = np.arange(patch.rows.start, patch.rows.stop)[:, None]
    x = np.arange(patch.columns.start, patch.columns.stop)[None, :]
    for _ in range(1 + draws.index(4)):
        distance, direction = 0.6 * math.sqrt(draws.uniform()), draws.angle()
        reach = distance * nucleus.radius(direction)
        dy = y - nucleus.y - reach * math.sin(direction)
        dx = x - nucleus.x - reach * math.cos(direction)
        width = draws.uniform(0.7, 1.5) / pixel_size_um
        shade -= draws.uniform(0.15, 0.4) * np.exp(-(dy**2 + dx**2) / (2 * width**2))
    rim = np.exp(-(((patch.r - 0.9) / 0.1) ** 2))
    return np.maximum(shade, 0.25) * (1 + 0.1 * rim)


def _keep_one_piece(window: NDArray[np.int32], label: int) -> None:
    """Give the smaller pieces of a label back to the background, in place."""
    mask = (window == label).astype(np.uint8)
    if not mask.any():
        return  # OpenCV 5 crashes the process on an array without pixels.
    n, pieces, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if n > 2:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        window[(mask > 0) & (pieces != largest)] = 0


def _add_spot(light: Image, draws: Draws, sigma: tuple[float, float], peak: float) -> None:
    """Add one elliptical Gaussian spot anywhere, in place."""
    centre_y, centre_x = draws.uniform(0, light.shape[0]), draws.uniform(0, light.shape[1])
    angle = draws.angle()
    reach = math.ceil(4 * max(sigma))
    top, left = max(0, int(centre_y) - reach), max(0, int(centre_x) - reach)
    window = light[top : int(centre_y) + reach + 1, left : int(centre_x) + reach + 1]
    dy = np.arange(top, top + window.shape[0])[:, None] - centre_y
    dx = np.arange(left, left + window.shape[1])[None, :] - centre_x
    u = (dx * math.cos(angle) + dy * math.sin(angle)) / sigma[0]
    v = (dy * math.cos(angle) - dx * math.sin(angle)) / sigma[1]
    window += peak * np.exp(-(u * u + v * v) / 2)


def _area_mm2(shape: tuple[int, int], pixel_size_um: float) -> float:
    return shape[0] * shape[1] * (pixel_size_um * 1e-3) ** 2
