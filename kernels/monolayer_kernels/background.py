"""The slow background of a plane, on a coarse grid.

Means of small tiles, the lowest tile of each block of 4 x 4, then a grey opening whose window is
wider than any object, then a blur, and straight lines between the blocks. The lowest tile finds
the narrow gaps of a nearly covered field, where whole blocks hold no background at all. The
opening works on the small grid, so its cost does not matter.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import bin_mean, bin_rows, check_plane, gaussian

__all__ = [
    "GridRows",
    "check_grid",
    "estimate_background",
    "grey_opening",
    "grid_lines",
    "grid_row",
    "open_grid",
    "running_maximum",
    "subtract_background",
    "subtract_background_levels",
]

Plane = NDArray[np.float32]

_TILES_A_WINDOW = 40
_TILES_A_BLOCK = 4


class GridRows(NamedTuple):
    """A grid of blocks on its way to pixels, see `open_grid`.

    Attributes
    ----------
    grid : ndarray float32
    block : int
    sides : ndarray (2, width) uintp
        Grid columns left and right of each pixel.
    share : ndarray (width,) float32
        How far each pixel is on the way from one to the other.
    lines : ndarray (3, more than width) float32
        Two grid rows at every pixel, and the line between them.
    state : ndarray (2,) int64
        Grid row that lies above, and which of the lines is the one below.
    """

    grid: Plane
    block: int
    sides: NDArray[np.uintp]
    share: Plane
    lines: Plane
    state: NDArray[np.int64]


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

    Raises
    ------
    ValueError
        Not 2-D, empty, or a window that is not finite and above 0.
    """
    if not (np.isfinite(window) and window > 0):
        raise ValueError(f"window must be a finite number of pixels above 0, not {window}")
    tile = max(1, round(window / _TILES_A_WINDOW))
    block = tile * _TILES_A_BLOCK
    grid = _lowest_tiles(image, tile)
    opened = grey_opening(grid, max(1, round(window / block / 2)))
    return gaussian(opened, window / block / 4), block


def subtract_background(image: NDArray[np.generic], grid: Plane, block: int) -> Plane:
    """The image minus the background, straight lines between the centres of the blocks.

    Raises
    ------
    TypeError, ValueError
        A grid that `check_grid` refuses.
    """
    source = np.ascontiguousarray(image, dtype=np.float32)
    check_grid(source.shape, grid, block)
    out = np.empty_like(source)
    _subtract(source, grid, block, out)
    return out


def subtract_background_levels(
    levels: NDArray[np.uint16], grid: Plane, block: int, pedestal: int, *, in_place: bool = False
) -> NDArray[np.uint16]:
    """As `subtract_background`, in 16 bits: rounded, ``pedestal`` added, held within 0 to 65,535.

    Half the pixels of a background lie below it: the pedestal keeps them. ``in_place`` overwrites
    the levels, which must be C-contiguous: fresh memory cost more than the subtraction.

    Raises
    ------
    TypeError, ValueError
        Levels of another dtype, a pedestal that is none, or a grid that `check_grid` refuses.
    """
    if levels.dtype != np.uint16:
        raise TypeError(f"levels must be uint16, not {levels.dtype}")
    if not 0 <= pedestal < 1 << 16:
        raise ValueError(f"pedestal must be 0 to 65535, not {pedestal}")
    if in_place and not levels.flags.c_contiguous:
        raise ValueError(f"levels must be C-contiguous to be overwritten, not {levels.strides}")
    check_grid(levels.shape, grid, block)
    rest = levels if in_place else np.copy(levels, order="C")
    _subtract_levels(rest, grid, block, np.float32(pedestal + 0.5))
    return rest


def grey_opening(grid: Plane, radius: int) -> Plane:
    """Minimum, then maximum, over squares of side ``2 radius + 1`` clipped at the border.

    Raises
    ------
    ValueError
        A negative radius, or a grid that is not 2-D or is empty.
    """
    check_plane(grid)
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    low = running_maximum(running_maximum(-grid, radius).T, radius).T
    return np.ascontiguousarray(running_maximum(running_maximum(-low, radius).T, radius).T)


def _lowest_tiles(image: NDArray[np.generic], tile: int) -> Plane:
    check_plane(image)
    rows, columns = (-(-side // (tile * _TILES_A_BLOCK)) for side in image.shape)
    out = np.empty((rows, columns), dtype=np.float32)
    if tile == 1:
        _lowest(bin_mean(image, tile), out)
    else:
        counts = image.dtype in (np.uint8, np.uint16)
        source = np.ascontiguousarray(image, dtype=image.dtype if counts else np.float32)
        _lowest_means(source, tile, out)
    return out


def check_grid(shape: tuple[int, ...], grid: Plane, block: int) -> None:
    """Refuse a grid that does not cover a plane of this shape.

    Raises
    ------
    TypeError
        Another dtype than float32.
    ValueError
        A block below 1, another shape, NaN or infinity.
    """
    if block < 1:
        raise ValueError(f"block must be at least 1, not {block}")
    expected = (-(-shape[0] // block), -(-shape[1] // block))
    if grid.shape != expected:
        raise ValueError(f"grid must have shape {expected} for blocks of {block}, not {grid.shape}")
    if grid.dtype != np.float32:
        raise TypeError(f"grid must be float32, not {grid.dtype}")
    if not np.isfinite(grid).all():
        raise ValueError(f"grid must be finite; {int((~np.isfinite(grid)).sum())} are not")


def running_maximum(grid: Plane, radius: int) -> Plane:
    """Down the columns, of windows twice as high each time: few passes however high they are."""
    # For a small grid `numpy.pad` took as long as all the rest.
    rows = np.full((len(grid) + 2 * radius, grid.shape[1]), -np.inf, grid.dtype)
    rows[radius : radius + len(grid)] = grid
    side, reach = 2 * radius + 1, 1
    while reach < side:
        step = min(reach, side - reach)
        rows = np.maximum(rows[:-step], rows[step:])
        reach += step
    return rows


@kernel
def _lowest_means(source: NDArray[Any], tile: int, out: Plane) -> None:
    """Block row by block row: as a plane of their own the tiles of a scan were fresh memory."""
    height, width = source.shape
    tiles = np.empty((_TILES_A_BLOCK, -(-width // tile)), dtype=np.float32)
    for r in range(out.shape[0]):
        top = r * tile * _TILES_A_BLOCK
        own = source[top : min(top + tile * _TILES_A_BLOCK, height)]
        n = -(-own.shape[0] // tile)
        bin_rows(own, tile, tiles[:n])
        _lowest(tiles[:n], out[r : r + 1])


@kernel
def _lowest(tiles: Plane, out: Plane) -> None:
    height, width = tiles.shape
    line = np.empty(width, dtype=np.float32)
    for r in range(out.shape[0]):
        line[:] = np.inf
        for y in range(r * _TILES_A_BLOCK, min((r + 1) * _TILES_A_BLOCK, height)):
            row = tiles[y]
            for x in range(width):
                line[x] = min(line[x], row[x])
        _lowest_of_four(line, out[r])


@kernel
def _lowest_of_four(line: Plane, out: Plane) -> None:
    """With the number in the code the loads of neighbouring blocks are shuffled as vectors."""
    whole = line.size // _TILES_A_BLOCK
    for c in range(whole):
        low, high = min(line[4 * c], line[4 * c + 1]), min(line[4 * c + 2], line[4 * c + 3])
        out[c] = min(low, high)
    if whole < out.size:
        out[whole] = line[_TILES_A_BLOCK * whole :].min()


@kernel
def _spread(values: Plane, rows: GridRows, out: Plane) -> None:
    """A grid row at every pixel, in straight lines between the blocks' centres."""
    left, right, share = rows.sides[0], rows.sides[1], rows.share
    for x in range(share.size):
        near = values[left[x]]
        out[x] = near + share[x] * (values[right[x]] - near)


@kernel
def _between(i: int, block: int, blocks: int) -> tuple[int, float]:
    """The block whose centre lies before pixel i, and how far i is on the way to the next."""
    at = min(max((i + 0.5) / block - 0.5, 0.0), blocks - 1.0)
    before = min(int(at), max(blocks - 2, 0))
    return before, at - before


@kernel
def open_grid(grid: Plane, block: int, width: int) -> GridRows:
    """Make ready to draw straight lines between the centres of blocks, row by row."""
    # Unsigned, so that no index may count from the end.
    sides = np.zeros((2, width), dtype=np.uintp)
    share = np.zeros(width, dtype=np.float32)
    if grid.size:
        for x in range(width):
            left, share[x] = _between(x, block, grid.shape[1])
            sides[0, x] = left
            sides[1, x] = min(left + 1, grid.shape[1] - 1)
    # The odd length keeps lines from sharing cache sets where the width is a power of two.
    lines = np.empty((3, width + 144), dtype=np.float32)
    return GridRows(grid, block, sides, share, lines, np.array([-1, 0], dtype=np.int64))


@kernel
def grid_lines(rows: GridRows, y: int) -> tuple[Plane, Plane, np.float32]:
    """Grid rows above and below row y at every pixel, and how far y is on the way.

    A grid row is spread to pixels once, not looked up at every pixel; what was below is above
    next.
    """
    grid, lines = rows.grid, rows.lines
    if rows.block == 1:
        return grid[y], grid[y], np.float32(0)
    top, part = _between(y, rows.block, grid.shape[0])
    if top != rows.state[0]:
        lower = 1 - rows.state[1]
        if top == 0:
            _spread(grid[0], rows, lines[0])
            lower = 1
        _spread(grid[min(top + 1, grid.shape[0] - 1)], rows, lines[lower])
        rows.state[0], rows.state[1] = top, lower
    lower = rows.state[1]
    return lines[1 - lower], lines[lower], np.float32(part)


@kernel
def grid_row(rows: GridRows, y: int) -> Plane:
    """The grid at every pixel of row y; rows must be asked for from the first one downwards."""
    upper, lower, part = grid_lines(rows, y)
    line: Plane = rows.lines[2, : rows.share.size]
    _blend(upper, lower, part, line)
    return line


@kernel
def _subtract(source: Plane, grid: Plane, block: int, out: Plane) -> None:
    rows = open_grid(grid, block, source.shape[1])
    for y in range(source.shape[0]):
        _difference(source[y], grid_row(rows, y), out[y])


@kernel
def _difference(row: Plane, level: Plane, out: Plane) -> None:
    for x in range(out.size):
        out[x] = row[x] - level[x]


@kernel
def _subtract_levels(
    levels: NDArray[np.uint16], grid: Plane, block: int, pedestal: np.float32
) -> None:
    rows = open_grid(grid, block, levels.shape[1])
    for y in range(levels.shape[0]):
        upper, lower, part = grid_lines(rows, y)
        _lower_levels(levels[y], (upper, lower), part, pedestal)


@kernel
def _lower_levels(
    row: NDArray[np.uint16], levels: tuple[Plane, Plane], part: np.float32, pedestal: np.float32
) -> None:
    upper, lower = levels
    for x in range(row.size):
        level = upper[x] + part * (lower[x] - upper[x])
        rest = np.float32(row[x]) - level + pedestal
        row[x] = np.int32(min(max(rest, np.float32(0)), np.float32(65535)))


@kernel
def _blend(upper: Plane, lower: Plane, part: np.float32, out: Plane) -> None:
    for x in range(out.size):
        out[x] = upper[x] + part * (lower[x] - upper[x])
