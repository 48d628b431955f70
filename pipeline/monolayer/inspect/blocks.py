"""Block means of an image and what they tell of its background.

Blocks are small enough to fit between cells and large enough to average noise away. Background is
the densest quarter of their means (Bickel's half-sample idea with a quarter): the shortest
interval of grey levels that holds a quarter of all blocks. It needs no threshold and holds while
background fills at least about a third of the field.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.focus import block_statistics

__all__ = ["Background", "Blocks", "fit_surface", "measure_background", "tile_levels", "to_blocks"]

Float64 = NDArray[np.float64]


class Blocks(NamedTuple):
    """Mean and noise variance of each block, in grey levels."""

    mean: Float64
    variance: Float64


class Background(NamedTuple):
    """Level and noise (standard deviation) of the background, and the brightest blocks' level.

    All in grey levels; ``bright`` is the 99th percentile of block means, rounded down.
    """

    level: float
    noise: float
    bright: float


def to_blocks(pixels: NDArray[Any]) -> Blocks:
    """Cut an image of at least 16 x 16 into blocks of 2 to 8 pixels, eight a side or more."""
    side = min(8, max(2, min(pixels.shape) // 16 * 2))
    return Blocks(*block_statistics(pixels, side))


def measure_background(blocks: Blocks) -> Background:
    """Median of the densest quarter of block means, and noise within those blocks."""
    # float32 halves the sort, which is half of the cost, and keeps 1/256 of a 16-bit level.
    means = blocks.mean.astype(np.float32)
    levels = np.sort(means, axis=None)
    quarter = max(1, levels.size // 4)
    low = int(np.argmin(levels[quarter:] - levels[:-quarter]))
    inside = levels[low : low + quarter + 1]
    chosen = (means >= inside[0]) & (means <= inside[-1])
    noise = np.sqrt(blocks.variance[chosen].mean())
    bright = levels[int(0.99 * (levels.size - 1))]
    return Background(float(inside[inside.size // 2]), float(noise), float(bright))


def tile_levels(mean: Float64, tiles: int, quantile: float) -> Float64:
    """Low quantile of the block means in each of tiles x tiles parts of a field.

    Parameters
    ----------
    mean : ndarray of float64, shape (rows, columns)
        Block means; rows and columns that do not fill a tile are left out.
    tiles : int
        Tiles a side, at most the blocks a side.
    quantile : float
        Position in the tile's sorted means, rounded down.

    Returns
    -------
    ndarray of float64, shape (tiles, tiles)
    """
    rows, columns = mean.shape[0] // tiles, mean.shape[1] // tiles
    cut = mean[: rows * tiles, : columns * tiles].reshape(tiles, rows, tiles, columns)
    levels = cut.transpose(0, 2, 1, 3).reshape(tiles, tiles, -1)
    place = int(quantile * (levels.shape[2] - 1))
    return np.partition(levels, place, axis=2)[:, :, place]


def fit_surface(levels: Float64, degree: int) -> Float64:
    """Fit a polynomial surface to tiles, robustly.

    Parameters
    ----------
    levels : ndarray of float64, shape (tiles, tiles)
        Tile centres span -1 + 1 / tiles to 1 - 1 / tiles of the field in both directions.
    degree : int
        Largest sum of the powers of y and x.

    Returns
    -------
    ndarray of float64, shape (degree + 1, degree + 1)
        Coefficient of ``y**i x**j``. Tiles farther from the surface than three scaled median
        absolute deviations, such as those that cells fill, are left out in two further fits.
    """
    tiles = levels.shape[0]
    centres = (2 * np.arange(tiles) + 1) / tiles - 1
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    y, x = np.meshgrid(centres, centres, indexing="ij")
    terms = np.stack([(y**i * x**j).ravel() for i, j in powers], axis=1)
    wanted, used = levels.ravel(), np.ones(levels.size, np.bool_)
    found = np.zeros(len(powers))
    for _ in range(3):
        found = np.linalg.lstsq(terms[used], wanted[used], rcond=None)[0]
        off = np.abs(wanted - terms @ found)
        near = off <= 3 * 1.4826 * np.median(off) + 1e-12 * np.abs(wanted).max()
        used = near if near.sum() > 2 * len(powers) else used
    surface = np.zeros((degree + 1, degree + 1))
    surface[tuple(np.transpose(powers))] = found
    return surface
