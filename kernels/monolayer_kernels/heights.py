"""Height above the background at every pixel of a plane, smoothed, in one walk.

The same to the last bit as `smooth.gaussian` and `background.subtract_background` one after the
other, but the smoothed plane is never written: a row of it is still in the processor's cache when
the background is taken off. Counts are read as they are, half the bytes of float32, and where
65,536 steps are fine enough, heights are written as counts as well (`smooth_levels`): what is read
many times afterwards is half as large.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.background import check_grid, grid_row, open_grid
from monolayer_kernels.objects import Levels
from monolayer_kernels.smooth import check_plane, paired_weights, smooth_row

__all__ = ["grid_at", "smooth_heights", "smooth_levels"]

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_HIGHEST = 65535
_READ = (np.uint8, np.uint16, np.float32)


def smooth_heights(image: NDArray[Any], sigma: float, grid: Float32, block: int) -> Float32:
    """The image smoothed with a Gaussian, minus a background.

    Parameters
    ----------
    image : ndarray (H, W)
        Any real dtype; it is taken as float32.
    sigma : float
        Standard deviation in pixels, see `smooth.gaussian`.
    grid : ndarray float32
        Background at the centres of the blocks, see `background.estimate_background`.
    block : int
        Side of a block in pixels.

    Raises
    ------
    ValueError
        ``image`` is not 2-D or is empty, ``sigma`` is negative or not finite, or ``grid`` does
        not fit.
    """
    source, weights = _checked(image, sigma, grid, block)
    out = np.empty(image.shape, np.float32)
    _smooth_heights(source, weights, grid, block, out)
    return out


def smooth_levels(image: NDArray[Any], sigma: float, grid: Float32, block: int) -> Levels:
    """As `smooth_heights`, in 65,536 steps over the range that heights can take.

    Every height is that of `smooth_heights` to half a step (and float32's own rounding).
    """
    source, weights = _checked(image, sigma, grid, block)
    low = float(source.min()) - float(grid.max())
    step = (float(source.max()) - float(grid.min()) - low) / _HIGHEST or 1.0
    out = np.empty(image.shape, np.uint16)
    _smooth_levels(source, weights, (grid, block), (np.float32(low), np.float32(1 / step)), out)
    return Levels(out, step, low)


def _checked(
    image: NDArray[Any], sigma: float, grid: Float32, block: int
) -> tuple[NDArray[Any], Float32]:
    check_plane(image)
    check_grid(image.shape, grid, block)
    weights = paired_weights(sigma)
    if weights.size == 1:
        weights = np.append(weights, np.zeros(2, np.float32))
    dtype = image.dtype if image.dtype.type in _READ and image.dtype.isnative else np.float32
    return np.ascontiguousarray(image, dtype), weights


def grid_at(grid: Float32, block: int, y: Float64, x: Float64) -> Float64:
    """The grid at some places, straight lines between the centres of the blocks.

    Parameters
    ----------
    grid, block
        As for `smooth_heights`.
    y, x : ndarray (n,) float64
        Pixels; 0 is the centre of the first.
    """
    top, down = _between(y, block, grid.shape[0])
    left, right = _between(x, block, grid.shape[1])
    below, beside = (np.minimum(i + 1, n - 1) for i, n in zip((top, left), grid.shape, strict=True))
    upper = grid[top, left] * (1 - right) + grid[top, beside] * right
    lower = grid[below, left] * (1 - right) + grid[below, beside] * right
    values: Float64 = upper * (1 - down) + lower * down
    return values


def _between(at: Float64, block: int, blocks: int) -> tuple[NDArray[np.intp], Float64]:
    """The block whose centre lies before each place, and how far that is on the way to the next."""
    place = np.clip((at + 0.5) / block - 0.5, 0, blocks - 1)
    before = np.minimum(place.astype(np.intp), max(blocks - 2, 0))
    return before, place - before


@kernel
def _smooth_heights(
    source: NDArray[Any], weights: Float32, grid: Float32, block: int, out: Float32
) -> None:
    rows = open_grid(grid, block, source.shape[1])
    line = np.empty(source.shape[1] + 2 * weights.size, np.float32)
    for y in range(source.shape[0]):
        smooth_row(source, y, weights, line, out[y])
        _take_off(grid_row(rows, y), out[y])


@kernel
def _take_off(level: Float32, row: Float32) -> None:
    for x in range(row.size):
        row[x] -= level[x]


@kernel
def _smooth_levels(
    source: NDArray[Any],
    weights: Float32,
    background: tuple[Float32, int],
    scale: tuple[np.float32, np.float32],
    out: NDArray[np.uint16],
) -> None:
    width = source.shape[1]
    rows = open_grid(background[0], background[1], width)
    line = np.empty(width + 2 * weights.size, np.float32)
    row = np.empty(width, np.float32)
    for y in range(source.shape[0]):
        smooth_row(source, y, weights, line, row)
        _count_steps(row, grid_row(rows, y), scale, out[y])


@kernel
def _count_steps(
    row: Float32, level: Float32, scale: tuple[np.float32, np.float32], out: NDArray[np.uint16]
) -> None:
    low, steps = scale
    for x in range(row.size):
        count = ((row[x] - level[x]) - low) * steps + np.float32(0.5)
        # Rounding of the smoothing may leave the range by a hair.
        out[x] = np.int32(min(max(count, np.float32(0)), np.float32(65535)))
