"""What covers a surface: local contrast, and masks that grow into one another step by step.

Masks are bytes, 0 or 1. One step of growth is an *or* of three shifted rows, which the compiler
vectorises, so growing, shrinking, opening, closing and peeling are all calls of `spread`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.smooth import check_plane

__all__ = ["finest_noise", "local_deviation", "reaching", "spread"]

Mask = NDArray[np.uint8]
Plane = NDArray[np.float32]

_FOURTH_GAIN = 4900


def finest_noise(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Variance of the finest detail in each square block: of the noise, where optics blur.

    The fourth difference (1, -4, 6, -4, 1) both ways, of which white noise of variance v leaves
    4900 v, passes little but the corner of the spectrum, where a microscope that is sampled
    finely enough passes nothing. In simulated fields of 6 to 100 % confluence a low quantile of
    it was the same within 2 %; that of second differences rose by a half.

    Parameters
    ----------
    image : ndarray (H, W) of uint8, uint16 or float32, C-contiguous
    side : int
        Of a block in pixels, even; what does not fill a block is left out, and so are the outer
        two pixels of the image.

    Returns
    -------
    ndarray ((H - 4) // side, (W - 4) // side) float64
        Every second row is looked at.

    Raises
    ------
    TypeError, ValueError
        Another dtype or layout, an odd side, or an image smaller than a block and its frame.
    """
    if image.dtype.type not in (np.uint8, np.uint16, np.float32):
        raise TypeError(f"image must be uint8, uint16 or float32, not {image.dtype}")
    if image.ndim != 2 or not image.flags.c_contiguous:
        raise ValueError(f"image must be 2-D and C-contiguous, not of shape {image.shape}")
    if side < 2 or side % 2 or min(image.shape) < side + 4:
        raise ValueError(f"side must be even and at most {min(image.shape) - 4} px, not {side}")
    out = np.zeros(((image.shape[0] - 4) // side, (image.shape[1] - 4) // side))
    _fourth_differences(image, side, out)
    return out / (_FOURTH_GAIN * side * side // 2)


def local_deviation(image: Plane, radius: int) -> Plane:
    """Standard deviation in the square of side ``2 radius + 1`` around each pixel.

    Beyond the border the border's own pixels are repeated. Sums are taken in float64 and not
    carried from pixel to pixel, so that no rounding builds up along a row.

    Parameters
    ----------
    image : ndarray (H, W) float32
    radius : int
        Pixels, 1 to 15.

    Returns
    -------
    ndarray (H, W) float32
        Divided by the number of pixels, not by one less.

    Raises
    ------
    TypeError, ValueError
        Another dtype, not 2-D, empty, or another radius.
    """
    if image.dtype != np.float32:
        raise TypeError(f"image must be float32, not {image.dtype}")
    check_plane(image)
    if not 1 <= radius <= 15:
        raise ValueError(f"radius must be 1 to 15 pixels, not {radius}")
    padded = np.pad(image, radius, mode="edge")
    # Squares of differences from a typical value: 16 bits squared would eat the precision.
    padded -= np.float32(image.reshape(-1)[:: max(1, image.size // 1024)].mean(dtype=np.float64))
    out = np.empty_like(image)
    _deviate(padded, 2 * radius + 1, out)
    return out


def spread(mask: Mask, over: Mask | None, steps: int) -> Mask:
    """Grow a mask by a number of pixels, into pixels that are open to it.

    Steps go in turn to the four and to the eight neighbours: an octagon in the open.

    Parameters
    ----------
    mask : ndarray (H, W) uint8
        0 or 1; its own pixels always stay.
    over : ndarray (H, W) uint8, or None
        1 where the mask may grow; None: everywhere.
    steps : int
        At least 0; 0 gives a copy.

    Raises
    ------
    TypeError, ValueError
        Another dtype, other shapes, or a negative number of steps.
    """
    if mask.dtype != np.uint8 or (over is not None and over.dtype != np.uint8):
        raise TypeError("masks must be uint8 of 0 and 1")
    check_plane(mask)
    if over is not None and over.shape != mask.shape:
        raise ValueError(f"shapes differ: {mask.shape}, {over.shape}")
    if steps < 0:
        raise ValueError(f"steps must be at least 0, not {steps}")
    height, width = mask.shape
    near = np.zeros((height + 2, width + 2), np.uint8)
    near[1:-1, 1:-1] = mask
    far = near.copy()
    free = np.ones_like(mask) if over is None else np.ascontiguousarray(over)
    for step in range(steps):
        _step(near, free, step % 2 == 1, far)
        near, far = far, near
    return np.ascontiguousarray(near[1:-1, 1:-1])


def reaching(runs: Runs, image: Plane, level: float) -> NDArray[np.bool_]:
    """Whether any pixel of each object is larger than a level.

    Parameters
    ----------
    runs : Runs
        n objects.
    image : ndarray (H, W) float32
    level : float

    Returns
    -------
    ndarray (n,) bool
    """
    out = np.zeros(runs.label.size, np.bool_)
    _reach(runs, image, np.float32(level), out)
    return out


@kernel
def _fourth_differences(image: NDArray[Any], side: int, sums: NDArray[np.float64]) -> None:
    line = np.empty(image.shape[1], np.float32)
    squares = np.empty(image.shape[1] - 4, np.float32)
    for i in range(sums.shape[0]):
        for y in range(i * side, (i + 1) * side, 2):
            _bend(image[y], image[y + 1], image[y + 2], image[y + 3], image[y + 4], line)
            _bend(line, line[1:], line[2:], line[3:], line[4:], squares)
            for x in range(squares.size):
                squares[x] *= squares[x]
            for j in range(sums.shape[1]):
                total = np.float64(0)
                for x in range(j * side, (j + 1) * side):
                    total += squares[x]
                sums[i, j] += total


@kernel
def _bend(a: Any, b: Any, c: Any, d: Any, e: Any, out: Plane) -> None:
    """Fourth difference of five rows, or of a row and its shifted selves."""
    for x in range(out.size):
        ends = np.float32(a[x]) + np.float32(e[x])
        sides = np.float32(b[x]) + np.float32(d[x])
        out[x] = ends - np.float32(4) * sides + np.float32(6) * np.float32(c[x])


@kernel
def _deviate(padded: Plane, side: int, out: Plane) -> None:
    """Sums down the columns first, then of ``side`` columns side by side."""
    height, width = out.shape
    sums = np.empty((2, padded.shape[1]))
    for y in range(height):
        sums[:] = 0
        for j in range(side):
            _add_row(padded[y + j], sums[0], sums[1])
        _combine(sums[0], sums[1], side, out[y, :width])


@kernel
def _add_row(row: Plane, linear: NDArray[np.float64], square: NDArray[np.float64]) -> None:
    for x in range(row.size):
        value = np.float64(row[x])
        linear[x] += value
        square[x] += value * value


@kernel
def _combine(
    linear: NDArray[np.float64], square: NDArray[np.float64], side: int, out: Plane
) -> None:
    n = side * side
    total = linear[: out.size].copy()
    squares = square[: out.size].copy()
    for j in range(1, side):
        _add(linear[j:], total)
        _add(square[j:], squares)
    for x in range(out.size):
        mean = total[x] / n
        out[x] = np.sqrt(max(squares[x] / n - mean * mean, 0.0))


@kernel
def _add(more: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    for x in range(total.size):
        total[x] += more[x]


@kernel
def _step(near: Mask, free: Mask, diagonal: bool, far: Mask) -> None:
    """One step; the masks have a frame of one pixel, ``free`` has none."""
    height, width = near.shape[0] - 2, near.shape[1] - 2
    column = np.empty(width + 2, np.uint8)
    for y in range(height):
        above, own, below = near[y], near[y + 1], near[y + 2]
        for x in range(width + 2):
            column[x] = above[x] | own[x] | below[x]
        left, right = (column, column[2:]) if diagonal else (own, own[2:])
        _join(own[1:], left, column[1:], right, free[y], far[y + 1, 1:])


@kernel
def _join(own: Mask, left: Mask, middle: Mask, right: Mask, open_to: Mask, out: Mask) -> None:
    for x in range(open_to.size):
        out[x] = own[x] | ((left[x] | middle[x] | right[x]) & open_to[x])


@kernel
def _reach(runs: Runs, image: Any, level: np.float32, out: NDArray[np.bool_]) -> None:
    for k in range(runs.label.size):
        found = False
        for i in range(runs.first[k], runs.first[k + 1]):
            for x in range(runs.start[i], runs.stop[i]):
                found |= image[runs.row[i], x] > level
        out[k] = found
