"""The slow background of a plane and the noise on top of it.

Background: means of small tiles, the lowest tile of each block of 4 x 4, then a grey opening
whose window is wider than any object, then a blur, and straight lines between the blocks. The
lowest tile finds the narrow gaps of a nearly covered field, where whole blocks hold no
background at all. The opening works on the small grid, so its cost does not matter.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import bin_mean, gaussian

__all__ = ["estimate_background", "estimate_noise", "grey_opening", "subtract_background"]

Plane = NDArray[np.float32]

_TILES_A_WINDOW = 40
_TILES_A_BLOCK = 4
_GAUSSIAN_OF_MAD = 1.4826
_LAPLACIAN_GAIN = 36.0**0.5


def estimate_background(image: NDArray[np.generic], window: float) -> tuple[Plane, int]:
    """Background on a coarse grid.

    Parameters
    ----------
    image : ndarray (H, W)
    window : float
        Side of the opening's window in pixels: wider than the widest object or clump.

    Returns
    -------
    grid : ndarray float32
        Background at the centres of the blocks.
    block : int
        Side of a block in pixels.
    """
    tile = max(1, round(window / _TILES_A_WINDOW))
    block = tile * _TILES_A_BLOCK
    grid = _lowest_tiles(bin_mean(image, tile))
    opened = grey_opening(grid, max(1, round(window / block / 2)))
    return gaussian(opened, window / block / 4), block


def subtract_background(image: NDArray[np.generic], grid: Plane, block: int) -> Plane:
    """The image minus the background, straight lines between the centres of the blocks."""
    source = np.ascontiguousarray(image, dtype=np.float32)
    expected = (-(-source.shape[0] // block), -(-source.shape[1] // block))
    if grid.shape != expected:
        raise ValueError(f"grid must have shape {expected} for blocks of {block}, not {grid.shape}")
    out = np.empty_like(source)
    _subtract(source, grid, block, out)
    return out


def grey_opening(grid: Plane, radius: int) -> Plane:
    """Minimum, then maximum, over squares of side ``2 radius + 1`` clipped at the border."""
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    low = _running_extreme(_running_extreme(-grid, radius).T, radius).T
    return np.ascontiguousarray(_running_extreme(_running_extreme(-low, radius).T, radius).T)


def estimate_noise(image: NDArray[np.generic], dark: NDArray[np.bool_]) -> float:
    """Standard deviation of the pixel noise: median absolute Laplacian over dark pixels.

    The 3 x 3 Laplacian with weights 1, -2, 4 is blind to planes and slopes (Immerkaer 1996,
    https://doi.org/10.1006/cviu.1996.0060); the median is blind to the edges of objects.
    """
    source = np.ascontiguousarray(image, dtype=np.float32)
    if source.shape != dark.shape:
        raise ValueError(f"dark must have the image's shape {source.shape}, not {dark.shape}")
    values = np.empty(source.size, dtype=np.float32)
    n = _laplacian(source, np.ascontiguousarray(dark), values)
    if n == 0:
        return 0.0
    return float(np.median(values[:n])) * _GAUSSIAN_OF_MAD / _LAPLACIAN_GAIN


def _lowest_tiles(tiles: Plane) -> Plane:
    height, width = (-(-side // _TILES_A_BLOCK) * _TILES_A_BLOCK for side in tiles.shape)
    padding = ((0, height - tiles.shape[0]), (0, width - tiles.shape[1]))
    padded = np.pad(tiles, padding, mode="edge")
    blocks = padded.reshape(height // _TILES_A_BLOCK, _TILES_A_BLOCK, -1, _TILES_A_BLOCK)
    return np.ascontiguousarray(blocks.min(axis=(1, 3)))


def _running_extreme(grid: Plane, radius: int) -> Plane:
    out = np.empty(grid.shape, dtype=np.float32)
    _running_maximum(np.ascontiguousarray(grid), radius, out)
    return out


@kernel
def _running_maximum(grid: Plane, radius: int, out: Plane) -> None:
    height, width = grid.shape
    for y in range(height):
        for x in range(width):
            best = grid[y, x]
            for k in range(max(0, x - radius), min(width, x + radius + 1)):
                best = max(best, grid[y, k])
            out[y, x] = best


@kernel
def _laplacian(source: Plane, dark: NDArray[np.bool_], values: Plane) -> int:
    height, width = source.shape
    n = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if dark[y, x]:
                corners = source[y - 1, x - 1] + source[y - 1, x + 1]
                corners += source[y + 1, x - 1] + source[y + 1, x + 1]
                sides = source[y - 1, x] + source[y + 1, x]
                sides += source[y, x - 1] + source[y, x + 1]
                values[n] = abs(corners - np.float32(2) * sides + np.float32(4) * source[y, x])
                n += 1
    return n


@kernel
def _subtract(source: Plane, grid: Plane, block: int, out: Plane) -> None:
    height, width = source.shape
    rows, columns = grid.shape
    left = np.empty(width, dtype=np.int64)
    share = np.empty(width, dtype=np.float32)
    for x in range(width):
        at = min(max((x + 0.5) / block - 0.5, 0.0), columns - 1.0)
        left[x] = min(int(at), max(columns - 2, 0))
        share[x] = at - left[x]
    line = np.empty(columns, dtype=np.float32)
    for y in range(height):
        at = min(max((y + 0.5) / block - 0.5, 0.0), rows - 1.0)
        top = min(int(at), max(rows - 2, 0))
        below = min(top + 1, rows - 1)
        part = np.float32(at - top)
        for c in range(columns):
            line[c] = grid[top, c] + part * (grid[below, c] - grid[top, c])
        for x in range(width):
            a = line[left[x]]
            b = line[min(left[x] + 1, columns - 1)]
            out[y, x] = source[y, x] - (a + share[x] * (b - a))
