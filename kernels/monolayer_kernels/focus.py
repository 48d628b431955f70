"""Figures of an image's sharpness, noise and background: block sums, Laplacian, ring sums.

Accumulators: integer images are summed in int64 within a block or a row, floating-point images in
float64; rows are then added in float64 from top to bottom. One fixed order, hence the same bits
every time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = [
    "bin_means",
    "block_statistics",
    "edge_figures",
    "laplacian_variance",
    "ring_sums",
    "tenengrad",
]

Image = NDArray[Any]
Float64 = NDArray[np.float64]

_DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


def block_statistics(image: Image, side_px: int) -> tuple[Float64, Float64]:
    """Mean and noise variance of each square block.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous.
    side_px : int
        Even side of a block; rows and columns that do not fill a block are left out.

    Returns
    -------
    tuple of ndarray of float64, shape (height // side_px, width // side_px)
        Mean, and mean over 2 x 2 cells within the block (at every column, at every second row)
        of (a - b - c + d) squared / 4: the variance of white noise, blind to even slopes.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        An odd side, a side below 2, an image smaller than a block, NaN or infinity in a block.
    """
    _check_image(image)
    if side_px < 2 or side_px % 2 or min(image.shape) < side_px:
        msg = f"side_px must be even, from 2 to the image's {min(image.shape)} px; got {side_px}."
        raise ValueError(msg)
    shape = (image.shape[0] // side_px, image.shape[1] // side_px)
    sums = np.zeros((2, *shape), _sum_dtype(image))
    _sum_blocks(image, side_px, sums)
    _finite(float(sums.sum()))
    cells = (side_px - 1) * side_px // 2
    return sums[0] / (side_px * side_px), sums[1] / (4 * cells)


def bin_means(image: Image, side_px: int) -> Float64:
    """Means of `block_statistics` for the smallest blocks, in a tenth of its time.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous.
    side_px : int
        2 or 4; rows and columns that do not fill a block are left out.

    Returns
    -------
    ndarray of float64, shape (height // side_px, width // side_px)
        The same to the last bit.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another side, an image smaller than a block, NaN or infinity in a block.
    """
    _check_image(image)
    if side_px not in (2, 4) or min(image.shape) < side_px:
        msg = (
            f"side_px must be 2 or 4, and at most the image's {min(image.shape)} px; got {side_px}."
        )
        raise ValueError(msg)
    sums = np.empty((image.shape[0] // side_px, image.shape[1] // side_px), _sum_dtype(image))
    # What fits into half of a word is added twice as fast.
    columns = np.empty(image.shape[1], np.int32 if sums.dtype == np.int64 else np.float64)
    (_sum_twos if side_px == 2 else _sum_fours)(image, columns, sums)
    _finite(float(sums.sum()))
    return sums / (side_px * side_px)


def edge_figures(image: Image) -> tuple[float, float]:
    """`laplacian_variance` and `tenengrad`; of integers in one walk.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous, at least 3 x 3.

    Returns
    -------
    tuple of float
        The same to the last bit, in squared grey levels.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        An image below 3 x 3, or one that is not finite.
    """
    _check_image(image)
    _check_neighbours(image)
    if image.dtype.kind != "u":
        return laplacian_variance(image), tenengrad(image)
    n = (image.shape[0] - 2) * (image.shape[1] - 2)
    linear, square, steep = _sum_edges(image)
    return max(square / n - (linear / n) ** 2, 0.0), steep / n


def laplacian_variance(image: Image) -> float:
    """Variance of the 4-neighbour Laplacian over the pixels that have all four neighbours.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous, at least 3 x 3. White noise of variance v gives 20 v.

    Returns
    -------
    float
        In squared grey levels.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        An image below 3 x 3, or one that is not finite.
    """
    _check_image(image)
    _check_neighbours(image)
    n = (image.shape[0] - 2) * (image.shape[1] - 2)
    linear, square = _sum_laplacian(image, np.zeros(2, _sum_dtype(image)))
    variance = square / n - (linear / n) ** 2
    return max(_finite(variance), 0.0)


def tenengrad(image: Image) -> float:
    """Mean squared length of Sobel's gradient (Tenenbaum 1970), where all neighbours exist.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous, at least 3 x 3. White noise of variance v gives 24 v.

    Returns
    -------
    float
        In squared grey levels, with Sobel's weights 1, 2, 1 as they are.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        An image below 3 x 3, or one that is not finite.
    """
    _check_image(image)
    _check_neighbours(image)
    n = (image.shape[0] - 2) * (image.shape[1] - 2)
    return _finite(_sum_sobel(image, np.zeros((3, image.shape[1]), _sum_dtype(image))) / n)


def ring_sums(power: Float64, steps: tuple[float, float], rings: int) -> Float64:
    """Sum a spectrum over rings of equal spatial frequency.

    Parameters
    ----------
    power : ndarray of float64, shape (height, width // 2 + 1)
        Squared magnitude of ``rfft2`` of an image of `height` x `width`; the conjugate half is
        counted in, also for the middle column of an even width, which is its own conjugate and
        lies beyond every ring that is cut at the shorter side's Nyquist frequency.
    steps : tuple of float
        Frequency step between rows and between columns, in units of a ring's width.
    rings : int
        Ring k holds the frequencies from k up to but not including k + 1.

    Returns
    -------
    ndarray of float64, shape (rings,)
        Sums in one fixed order.

    Raises
    ------
    ValueError
        Not 2-D, a step that is not finite and above 0, or fewer than one ring.
    """
    if power.ndim != 2:
        msg = f"power must be 2-D; got shape {power.shape}."
        raise ValueError(msg)
    if not (min(steps) > 0 and np.isfinite(steps).all()):
        msg = f"steps must be finite and above 0; got {steps}."
        raise ValueError(msg)
    if rings < 1:
        msg = f"rings must be at least 1; got {rings}."
        raise ValueError(msg)
    sums = np.zeros(rings)
    _sum_rings(power, steps[0], steps[1], sums)
    return sums


def _check_image(image: Image) -> None:
    if image.dtype.type not in _DTYPES or not image.dtype.isnative:
        msg = f"image must be uint8, uint16, float32 or float64; got {image.dtype}."
        raise TypeError(msg)
    if image.ndim != 2 or not image.flags.c_contiguous:
        msg = f"image must be 2-D and C-contiguous; got shape {image.shape}."
        raise ValueError(msg)


def _check_neighbours(image: Image) -> None:
    if min(image.shape) < 3:
        msg = f"a pixel with all its neighbours needs at least 3 x 3 pixels; got {image.shape}."
        raise ValueError(msg)


def _finite(figure: float) -> float:
    """A figure, unless a pixel that is none went into it."""
    if not np.isfinite(figure):
        msg = f"image must be finite; a figure of it came out as {figure}."
        raise ValueError(msg)
    return float(figure)


def _sum_dtype(image: Image) -> np.dtype[Any]:
    return np.dtype(np.int64 if image.dtype.kind == "u" else np.float64)


@kernel
def _add_rows(upper: Image, lower: Image, columns: NDArray[Any], zero: Any) -> None:
    """Add two rows to column sums: pixels, and squared cross differences to the right.

    `zero` has the sums' dtype, so that differences of unsigned pixels do not wrap.
    """
    total, square = columns[0], columns[1]
    last = upper.size - 1
    for x in range(last):
        above, below = zero + upper[x], zero + lower[x]
        cross = above - below - (zero + upper[x + 1]) + lower[x + 1]
        total[x] += above + below
        square[x] += cross * cross
    total[last] += zero + upper[last] + lower[last]


@kernel
def _sum_blocks(image: Image, side: int, sums: NDArray[Any]) -> None:
    """Add row pairs to column sums, which the compiler vectorises, then columns to blocks."""
    _, rows, across = sums.shape
    zero = sums[0, 0, 0]
    columns = np.empty((2, image.shape[1]), sums.dtype)
    for i in range(rows):
        columns[:] = 0
        for y in range(i * side, (i + 1) * side, 2):
            _add_rows(image[y], image[y + 1], columns, zero)
        for j in range(across):
            total = square = zero
            for x in range(j * side, (j + 1) * side - 1):
                total += columns[0, x]
                square += columns[1, x]
            sums[0, i, j] = total + columns[0, (j + 1) * side - 1]
            sums[1, i, j] = square


@kernel
def _sum_twos(image: Image, columns: NDArray[Any], sums: NDArray[Any]) -> None:
    """Sum blocks of 2 x 2; with a side that the compiler does not know it packs nothing."""
    zero = sums.dtype.type(0)
    for i in range(sums.shape[0]):
        a, b, out = image[2 * i], image[2 * i + 1], sums[i]
        for x in range(a.size):
            columns[x] = (zero + a[x]) + b[x]
        for j in range(out.size):
            out[j] = zero + columns[2 * j] + columns[2 * j + 1]


@kernel
def _sum_fours(image: Image, columns: NDArray[Any], sums: NDArray[Any]) -> None:
    """Sum blocks of 4 x 4."""
    zero = sums.dtype.type(0)
    for i in range(sums.shape[0]):
        a, b, c, d = image[4 * i], image[4 * i + 1], image[4 * i + 2], image[4 * i + 3]
        out = sums[i]
        for x in range(a.size):
            columns[x] = ((zero + a[x]) + b[x]) + ((zero + c[x]) + d[x])
        for j in range(out.size):
            x = 4 * j
            out[j] = zero + columns[x] + columns[x + 1] + columns[x + 2] + columns[x + 3]


@kernel
def _sum_edges(image: Image) -> tuple[float, float, float]:
    """Sums of the Laplacian, of its square, and of Sobel's squared gradient, of integers.

    Values are brought to 32 bits before they are squared to 64: packed twice as tightly.
    """
    linear = square = steep = 0.0
    narrow, wide = np.int32, np.int64
    for y in range(1, image.shape[0] - 1):
        a, b, c = image[y - 1, :-2], image[y - 1, 1:-1], image[y - 1, 2:]
        d, e, f = image[y, :-2], image[y, 1:-1], image[y, 2:]
        g, h, i = image[y + 1, :-2], image[y + 1, 1:-1], image[y + 1, 2:]
        row_linear = row_square = row_steep = wide(0)
        for x in range(e.size):
            up, down, left, right = narrow(b[x]), narrow(h[x]), narrow(d[x]), narrow(f[x])
            first, second = narrow(a[x]) - narrow(i[x]), narrow(c[x]) - narrow(g[x])
            across = wide(narrow(2 * (right - left) + second - first))
            along = wide(narrow(2 * (down - up) - second - first))
            bend = wide(narrow(up + down + left + right - 4 * narrow(e[x])))
            row_steep += across * across + along * along
            row_linear += bend
            row_square += bend * bend
        linear += row_linear
        square += row_square
        steep += row_steep
    return linear, square, steep


@kernel
def _sum_laplacian(image: Image, zeros: NDArray[Any]) -> tuple[float, float]:
    """Sum of the Laplacian and of its square."""
    linear = square = 0.0
    zero = zeros[0]
    for y in range(1, image.shape[0] - 1):
        up, down = image[y - 1, 1:-1], image[y + 1, 1:-1]
        left, own, right = image[y, :-2], image[y, 1:-1], image[y, 2:]
        row_linear = row_square = zero
        for x in range(own.size):
            bend = (zero + up[x]) + down[x] + left[x] + right[x] - 4 * (zero + own[x])
            row_linear += bend
            row_square += bend * bend
        linear += row_linear
        square += row_square
    return linear, square


@kernel
def _sum_sobel(image: Image, work: NDArray[Any]) -> float:
    """Sum of squared gradients; Sobel's kernels are a sum and a difference, first down a column."""
    total = 0.0
    zero = work[0, 0]
    smooth, slope = work[1], work[2]
    for y in range(1, image.shape[0] - 1):
        up, own, down = image[y - 1], image[y], image[y + 1]
        for x in range(own.size):
            above, below = zero + up[x], zero + down[x]
            smooth[x] = above + below + 2 * (zero + own[x])
            slope[x] = below - above
        before, after = smooth[:-2], smooth[2:]
        left, middle, right = slope[:-2], slope[1:-1], slope[2:]
        row = zero
        for x in range(before.size):
            across, along = after[x] - before[x], left[x] + 2 * middle[x] + right[x]
            row += across * across + along * along
        total += row
    return total


@kernel
def _sum_rings(power: Float64, step_y: float, step_x: float, sums: Float64) -> None:
    """Add each frequency's power to its ring; columns above zero stand for two."""
    height, width = power.shape
    for y in range(height):
        fy = min(y, height - y) * step_y
        for x in range(width):
            ring = int(np.sqrt(fy * fy + (x * step_x) ** 2))
            if ring >= sums.size:
                break
            sums[ring] += power[y, x] if x == 0 else 2 * power[y, x]
