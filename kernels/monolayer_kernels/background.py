"""The slow background of a plane and the noise on top of it.

Background: means of small tiles, the lowest tile of each block of 4 x 4, then a grey opening
whose window is wider than any object, then a blur, and straight lines between the blocks. The
lowest tile finds the narrow gaps of a nearly covered field, where whole blocks hold no
background at all. The opening works on the small grid, so its cost does not matter.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.smooth import bin_mean, gaussian

__all__ = [
    "GridRows",
    "check_grid",
    "estimate_background",
    "estimate_noise",
    "grey_opening",
    "grid_lines",
    "grid_row",
    "median",
    "open_grid",
    "running_maximum",
    "subtract_background",
    "subtract_background_levels",
]

Plane = NDArray[np.float32]

_TILES_A_WINDOW = 40
_TILES_A_BLOCK = 4
_GAUSSIAN_OF_MAD = 1.4826
_LAPLACIAN_GAIN = 36.0**0.5


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
    """
    tile = max(1, round(window / _TILES_A_WINDOW))
    block = tile * _TILES_A_BLOCK
    grid = _lowest_tiles(bin_mean(image, tile))
    opened = grey_opening(grid, max(1, round(window / block / 2)))
    return gaussian(opened, window / block / 4), block


def subtract_background(image: NDArray[np.generic], grid: Plane, block: int) -> Plane:
    """The image minus the background, straight lines between the centres of the blocks."""
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
    """
    if levels.dtype != np.uint16:
        raise TypeError(f"levels must be uint16, not {levels.dtype}")
    if not 0 <= pedestal < 1 << 16:
        raise ValueError(f"pedestal must be 0 to 65535, not {pedestal}")
    if in_place and not levels.flags.c_contiguous:
        raise ValueError(f"levels must be C-contiguous to be overwritten, not {levels.strides}")
    check_grid(levels.shape, grid, block)
    rest = levels if in_place else np.array(levels, order="C")
    _subtract_levels(rest, grid, block, np.float32(pedestal + 0.5))
    return rest


def grey_opening(grid: Plane, radius: int) -> Plane:
    """Minimum, then maximum, over squares of side ``2 radius + 1`` clipped at the border."""
    if radius < 0:
        raise ValueError(f"radius must be at least 0, not {radius}")
    low = running_maximum(running_maximum(-grid, radius).T, radius).T
    return np.ascontiguousarray(running_maximum(running_maximum(-low, radius).T, radius).T)


def estimate_noise(image: NDArray[np.generic], dark: NDArray[np.bool_]) -> float:
    """Standard deviation of the pixel noise: median absolute Laplacian over dark pixels.

    The 3 x 3 Laplacian with weights 1, -2, 4 is blind to planes and slopes (Immerkaer 1996,
    https://doi.org/10.1006/cviu.1996.0060); the median is blind to the edges of objects.
    """
    source = np.ascontiguousarray(image, dtype=np.float32)
    if source.shape != dark.shape:
        raise ValueError(f"dark must have the image's shape {source.shape}, not {dark.shape}")
    values = np.empty(source.size + 1, dtype=np.float32)
    n = _laplacian(source, np.ascontiguousarray(dark), values)
    if n == 0:
        return 0.0
    return median(values[:n]) * _GAUSSIAN_OF_MAD / _LAPLACIAN_GAIN


def median(values: NDArray[np.float32]) -> float:
    """Median of finite float32 numbers, equal to ``numpy.median``.

    Found by counting: a histogram of the upper half of the bits, whose order is that of the
    numbers, leaves only the few values of one or two bins to be sorted.

    Raises
    ------
    ValueError
        ``values`` is empty or not float32.
    """
    if values.dtype != np.float32 or values.size == 0:
        raise ValueError(f"values must be float32 and not empty, not {values.dtype} {values.shape}")
    flat = np.ascontiguousarray(values).reshape(-1)
    tables = np.zeros((2, 1 << 16), dtype=np.int64)
    _count_keys(flat, tables)
    counts = tables.sum(axis=0)
    total = np.cumsum(counts)
    ranks = np.array([(flat.size - 1) // 2, flat.size // 2])
    low, high = np.searchsorted(total, ranks, side="right").tolist()
    below = int(total[low] - counts[low])
    found = np.empty(int(total[high]) - below + 1, dtype=np.float32)
    _values_between(flat, *_bounds(low, high), found)
    return float(np.mean(np.partition(found[:-1], ranks - below)[ranks - below]))


def _bounds(low: int, high: int) -> tuple[np.float32, np.float32]:
    """Least and largest number whose keys' upper halves are these."""
    keys = np.array([low << 16, (high << 16) + 0xFFFF]) - (1 << 31)
    bits = np.where(keys < 0, keys ^ 0x7FFFFFFF, keys).astype(np.int32)
    least, largest = np.nan_to_num(bits.view(np.float32), nan=np.inf)
    return np.float32(least), np.float32(largest)


def _lowest_tiles(tiles: Plane) -> Plane:
    shape = tuple(-(-side // _TILES_A_BLOCK) for side in tiles.shape)
    out = np.empty(shape, dtype=np.float32)
    _lowest(tiles, out)
    return out


def check_grid(shape: tuple[int, ...], grid: Plane, block: int) -> None:
    """Refuse a grid that does not cover a plane of this shape."""
    expected = (-(-shape[0] // block), -(-shape[1] // block))
    if grid.shape != expected:
        raise ValueError(f"grid must have shape {expected} for blocks of {block}, not {grid.shape}")


def running_maximum(grid: Plane, radius: int) -> Plane:
    """Down the columns, of windows twice as high each time: few passes however high they are."""
    rows = np.pad(grid, ((radius, radius), (0, 0)), constant_values=-np.inf)
    side, reach = 2 * radius + 1, 1
    while reach < side:
        step = min(reach, side - reach)
        rows = np.maximum(rows[:-step], rows[step:])
        reach += step
    return rows


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
def _laplacian(source: Plane, dark: NDArray[np.bool_], values: Plane) -> int:
    height, width = source.shape
    line = np.empty(max(width - 2, 0), dtype=np.float32)
    n = 0
    for y in range(1, height - 1):
        _laplacian_row(source[y - 1], source[y], source[y + 1], line)
        inner = dark[y, 1:]
        # Written always, kept only where dark: no branch to guess.
        for x in range(line.size):
            values[n] = line[x]
            n += inner[x]
    return n


@kernel
def _laplacian_row(above: Plane, row: Plane, below: Plane, line: Plane) -> None:
    above_right, right, below_right = above[2:], row[2:], below[2:]
    above_centre, centre, below_centre = above[1:], row[1:], below[1:]
    for x in range(line.size):
        corners = above[x] + above_right[x]
        corners += below[x] + below_right[x]
        sides = above_centre[x] + below_centre[x]
        sides += row[x] + right[x]
        line[x] = abs(corners - np.float32(2) * sides + np.float32(4) * centre[x])


@kernel
def _count_keys(values: Plane, counts: NDArray[np.int64]) -> None:
    """Two tables in turn: counting the same key twice in a row in one of them has to wait."""
    bits = values.view(np.int32)
    odd, even = counts[0], counts[1]
    for i in range(0, bits.size - 1, 2):
        even[_key(bits[i]) >> 16] += 1
        odd[_key(bits[i + 1]) >> 16] += 1
    if bits.size % 2:
        even[_key(bits[bits.size - 1]) >> 16] += 1


@kernel
def _key(bits: int) -> int:
    """Bits of a float32 in the order of the numbers, from 0."""
    wide = np.int64(bits)
    return int((wide ^ ((wide >> 31) & 0x7FFFFFFF)) + (1 << 31))


@kernel
def _values_between(values: Plane, low: np.float32, high: np.float32, found: Plane) -> None:
    n = 0
    # Written always, kept only where it belongs: no branch to guess.
    for i in range(values.size):
        value = values[i]
        found[n] = value
        n += (value >= low) & (value <= high)


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
