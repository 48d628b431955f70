"""What a phase-contrast image shows beside cells: debris, dead cells afloat, rings, walls.

Everything here covers nothing. Debris, floating cells and rings lie where cells may lie too, and
the plastic under them stays usable; walls, bubbles and scratches take their place away.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.simulate.draws import Draws
from monolayer.simulate.optics import smooth_noise
from monolayer.simulate.phase.settings import PhaseArtefactSettings

__all__ = ["Obstacles", "add_debris", "add_floating", "draw_obstacles", "ring_shade"]

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What makes parts of a field unusable.

    Attributes
    ----------
    usable : ndarray of bool, shape (H, W)
    shade : ndarray of float64, shape (H, W)
        Factor on the intensity.
    solid : ndarray of bool, shape (H, W)
        No cell can lie there: within a wall or under a bubble.
    """

    usable: Mask
    shade: Image
    solid: Mask


def add_debris(
    settings: PhaseArtefactSettings, draws: Draws, thickness: Image, pixel_size_um: float
) -> None:
    """Add fragments of membrane and protein, a few micrometres wide, in place."""
    for _ in range(draws.count(settings.debris_per_mm2 * _area_mm2(thickness, pixel_size_um))):
        grains = 1 + draws.index(5)
        y, x = draws.uniform(0, thickness.shape[0]), draws.uniform(0, thickness.shape[1])
        height = draws.uniform(0.3, 1.4)
        for _ in range(grains):
            sigma = draws.uniform(0.5, 1.1) / pixel_size_um
            spot_y = y + draws.normal() * 1.8 / pixel_size_um
            spot_x = x + draws.normal() * 1.8 / pixel_size_um
            window, dy, dx = _window(thickness, spot_y, spot_x, 4 * sigma)
            window += height * np.exp(-(dy * dy + dx * dx) / (2 * sigma * sigma))


def add_floating(
    settings: PhaseArtefactSettings,
    draws: Draws,
    thickness: Image,
    shade: Image,
    pixel_size_um: float,
) -> None:
    """Add balls of 10 to 18 um, in place.

    A ball afloat is a lens more than a delay: it gathers light in its middle and in a ring around
    its dark rim.
    """
    for _ in range(draws.count(settings.floating_per_mm2 * _area_mm2(thickness, pixel_size_um))):
        radius = draws.uniform(5, 9) / pixel_size_um
        y, x = draws.uniform(0, thickness.shape[0]), draws.uniform(0, thickness.shape[1])
        window, dy, dx = _window(thickness, y, x, radius)
        rest = np.maximum(1 - (dy * dy + dx * dx) / (radius * radius), 0)
        window += draws.uniform(2, 4) * np.sqrt(np.sqrt(rest))
        light, dy, dx = _window(shade, y, x, 2 * radius)
        r = np.sqrt(dy * dy + dx * dx) / radius
        light += draws.uniform(0.5, 3.0) * np.exp(-((r / draws.uniform(0.5, 0.8)) ** 4))
        light += draws.uniform(0.3, 0.8) * np.exp(-(((r - 1.2) / 0.2) ** 2))


def ring_shade(
    settings: PhaseArtefactSettings,
    draws: Draws,
    shape: tuple[int, int],
    pixel_size_um: float,
) -> Image:
    """Factor on the intensity: faint concentric rings of dust far above or below the focus."""
    shade = np.ones(shape)
    for _ in range(draws.count(settings.rings_per_mm2 * _area_mm2(shade, pixel_size_um))):
        radius = draws.uniform(8, 45) / pixel_size_um
        width = draws.uniform(1.5, 4) / pixel_size_um
        y, x = draws.uniform(0, shape[0]), draws.uniform(0, shape[1])
        window, dy, dx = _window(shade, y, x, radius + 4 * width)
        r = np.sqrt(dy * dy + dx * dx)
        wave = np.cos((r - radius) / width * 2.2) * np.exp(-(((r - radius) / width / 1.6) ** 2))
        window += draws.uniform(0.02, 0.09) * wave
    return shade


def draw_obstacles(
    settings: PhaseArtefactSettings, draws: Draws, shape: tuple[int, int], pixel_size_um: float
) -> Obstacles:
    """Walls, bubbles and scratches of a field."""
    obstacles = Obstacles(np.ones(shape, bool), np.ones(shape), np.zeros(shape, bool))
    if settings.channel_wall:
        _add_wall(obstacles, draws, pixel_size_um)
    for _ in range(settings.bubbles):
        _add_bubble(obstacles, draws, pixel_size_um)
    for _ in range(settings.scratches):
        _add_scratch(obstacles, draws, pixel_size_um)
    return obstacles


def _add_wall(obstacles: Obstacles, draws: Draws, pixel_size_um: float) -> None:
    """Everything beyond a straight line near one side: dark, mottled, with a bright edge."""
    height, width = obstacles.usable.shape
    side, depth = draws.index(4), draws.uniform(0.06, 0.16)
    tilt = 0.03 * draws.normal()
    y, x = _unit(height), _unit(width)
    across, along = (y[:, None], x[None, :]) if side < 2 else (x[None, :], y[:, None])
    inward = (across if side % 2 == 0 else 1 - across) - depth - tilt * (along - 0.5)
    reach = inward * (height if side < 2 else width) * pixel_size_um
    mottle = smooth_noise(draws, (height, width), 6 / pixel_size_um)
    wall = 1 / (1 + np.exp(np.clip(reach / 2.5, -40, 40)))
    edge = 0.8 * np.exp(-((reach / 5) ** 2)) + 0.25 * np.cos(reach / 4) * np.exp(-np.abs(reach) / 9)
    obstacles.shade[...] *= 1 - wall * (0.45 + 0.08 * mottle) + edge
    # The edge's own fringes reach into the field: what they shade is not to be measured either.
    obstacles.usable[...] &= reach > 15
    obstacles.solid[...] |= reach < 0


def _add_bubble(obstacles: Obstacles, draws: Draws, pixel_size_um: float) -> None:
    """A disc of 60 to 200 um with a dark rim, as air under water bends the light away."""
    height, width = obstacles.usable.shape
    radius = draws.uniform(30, 100) / pixel_size_um
    y, x = draws.uniform(0, height), draws.uniform(0, width)
    dy, dx = np.arange(height)[:, None] - y, np.arange(width)[None, :] - x
    inside = (radius - np.sqrt(dy * dy + dx * dx)) * pixel_size_um
    rim = np.exp(-(((inside - 5) / 4) ** 2))
    fringe = 0.5 * np.exp(-(((inside + 2) / 2) ** 2))
    obstacles.shade[...] *= np.maximum(1 - 0.85 * rim + fringe + 0.15 * (inside > 8), 0.05)
    obstacles.usable[...] &= inside < -8
    obstacles.solid[...] |= inside > 0


def _add_scratch(obstacles: Obstacles, draws: Draws, pixel_size_um: float) -> None:
    """A bright and dark line from side to side, a few micrometres wide, slightly bent."""
    height, width = obstacles.usable.shape
    angle, middle = draws.angle(), (draws.uniform(0.2, 0.8), draws.uniform(0.2, 0.8))
    dy = (np.arange(height) - middle[0] * height)[:, None] * pixel_size_um
    dx = (np.arange(width) - middle[1] * width)[None, :] * pixel_size_um
    along = dx * math.cos(angle) + dy * math.sin(angle)
    aside = dy * math.cos(angle) - dx * math.sin(angle) + 2e-4 * draws.normal() * along * along
    wide = draws.uniform(1.5, 4)
    bite = 1 + 0.3 * smooth_noise(draws, (height, width), 3 / pixel_size_um)
    groove = np.exp(-((aside / wide) ** 2))
    crest = np.exp(-(((np.abs(aside) - 2.2 * wide) / wide) ** 2))
    obstacles.shade[...] *= np.maximum(1 + bite * (0.7 * crest - 0.6 * groove), 0.1)
    obstacles.usable[...] &= np.abs(aside) > 4.5 * wide


def _window(image: Image, y: float, x: float, reach: float) -> tuple[Image, Image, Image]:
    """The part of an image around a spot, and the distances from it down and across."""
    r = math.ceil(reach) + 1
    top, left = max(0, math.floor(y) - r), max(0, math.floor(x) - r)
    window = image[top : math.floor(y) + r + 1, left : math.floor(x) + r + 1]
    dy = np.arange(top, top + window.shape[0])[:, None] - y
    dx = np.arange(left, left + window.shape[1])[None, :] - x
    return window, dy, dx


def _unit(size: int) -> Image:
    return np.asarray((np.arange(size) + 0.5) / size, np.float64)


def _area_mm2(image: Image, pixel_size_um: float) -> float:
    return image.size * (pixel_size_um * 1e-3) ** 2
