"""Texture of labelled objects in one channel: grey-level co-occurrence, and local structure.

Both look at pixels and their neighbours, and only within the object: each object is drawn from its
runs into a small framed canvas, so that a pixel beyond it is told from its mark alone. Grey levels
are taken by ``np.float64``, because numba's ``float`` leaves float32 as it is.

The one trick of co-occurrence: level 0 marks what lies outside, pairs with it are counted like any
other, in a row and column that is then left out; so the loop has no branch.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_sums, finite_range
from monolayer_kernels.measure_intensity import check_image
from monolayer_kernels.measure_runs import Int64, Runs, RunSums

__all__ = ["LEVELS", "measure_structure", "measure_texture"]

LEVELS = 32

Image = NDArray[Any]
Float64 = NDArray[np.float64]


def measure_texture(runs: Runs, sums: RunSums, image: Image) -> dict[str, Float64]:
    """Measure Haralick's co-occurrence of grey levels (Haralick et al. 1973) in each object.

    The object's own range from its least to its greatest grey level is cut into 32 equal levels,
    so brightness and gain do not matter; pairs are neighbours at one pixel's distance in four
    directions, taken both ways and together, with both pixels in the object.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``texture_contrast``, ``texture_homogeneity``, ``texture_energy`` and
        ``texture_correlation`` as ``skimage.feature.graycoprops``; NaN in an object without
        pairs, and the correlation also where all pixels are of one level (scikit-image: 1).

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another layout, an image that is not finite or does not hold all objects, or sums of other
        objects.
    """
    _check(runs, sums, image)
    table = np.full((runs.label.size, 4), np.nan)
    canvas = np.zeros(_canvas_shape(sums), np.uint8)
    counts = np.zeros((LEVELS + 1, LEVELS + 1), np.int64)
    _textures(runs, sums.bbox, image, (canvas, counts), table)
    names = ("contrast", "homogeneity", "energy", "correlation")
    return {f"texture_{name}": table[:, i] for i, name in enumerate(names)}


def measure_structure(runs: Runs, sums: RunSums, image: Image) -> dict[str, Float64]:
    """Measure local variation and direction within each object.

    Only pixels whose eight neighbours belong to the object count, so that its edge does not.

    Parameters
    ----------
    runs, sums : Runs, RunSums
        From `find_runs` and `sum_runs` of `monolayer_kernels.measure_runs`.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        ``local_std`` and ``local_range``, means of the standard deviation and of greatest minus
        least grey level over 3 x 3 pixels; ``structure_coherency``, (a - b) / (a + b) of the
        eigenvalues a >= b of the summed structure tensor of central differences (0: no direction,
        1: stripes); ``structure_orientation_rad``, the stripes' angle to axis 0. NaN where no
        pixel counts; coherency and orientation also where there is no gradient.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another layout, an image that is not finite or does not hold all objects, or sums of other
        objects.
    """
    _check(runs, sums, image)
    table = np.zeros((runs.label.size, 6))
    canvas = np.zeros(_canvas_shape(sums), np.uint8)
    _structures(runs, sums.bbox, image, canvas, table)
    n = np.where(table[:, 0] == 0, np.nan, table[:, 0])
    yy, xx, yx = table[:, 3], table[:, 4], table[:, 5]
    trace, gap = yy + xx, np.hypot(yy - xx, 2 * yx)
    even = trace == 0
    # The gradient runs across the stripes: the tensor's long axis is turned by a right angle.
    angle = 0.5 * np.arctan2(-2 * yx, xx - yy) + 0.0
    return {
        "local_std": table[:, 1] / n,
        "local_range": table[:, 2] / n,
        "structure_coherency": gap / np.where(even, np.nan, trace),
        "structure_orientation_rad": np.where(even, np.nan, angle),
    }


def _check(runs: Runs, sums: RunSums, image: Image) -> None:
    check_sums(runs, sums)
    check_image(image, runs)
    if image.dtype.kind == "f":
        # NaN would be a level beyond the table's end.
        finite_range(image)


def _canvas_shape(sums: RunSums) -> tuple[int, int]:
    """Room for the largest object with a frame of one pixel."""
    height, width = (sums.bbox[:, 2:] - sums.bbox[:, :2]).max(axis=0, initial=0) + 2
    return int(height), int(width)


@kernel
def _range(runs: Runs, k: int, image: Image) -> tuple[float, float]:
    """Least and greatest grey level of an object."""
    low = high = np.float64(image[runs.row[runs.first[k]], runs.start[runs.first[k]]])
    for i in range(runs.first[k], runs.first[k + 1]):
        for x in range(runs.start[i], runs.stop[i]):
            value = np.float64(image[runs.row[i], x])
            low, high = min(low, value), max(high, value)
    return low, high


@kernel
def _draw_levels(runs: Runs, k: int, box: Int64, image: Image, canvas: Any) -> None:
    """Draw an object's levels, 1 to 32; the box begins at row and column 1."""
    low, high = _range(runs, k, image)
    # In float64 also for integers: quotients that are whole come out whole.
    width = high - low if high > low else 1.0
    for i in range(runs.first[k], runs.first[k + 1]):
        y = runs.row[i] - box[0] + 1
        for x in range(runs.start[i], runs.stop[i]):
            level = int((np.float64(image[runs.row[i], x]) - low) * LEVELS / width)
            canvas[y, x - box[1] + 1] = min(level, LEVELS - 1) + 1


@kernel
def _count_pairs(canvas: Any, height: int, width: int, counts: Int64) -> None:
    """Count pairs to the right, down to the left, down, and down to the right."""
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            own = counts[canvas[y, x]]
            own[canvas[y, x + 1]] += 1
            own[canvas[y + 1, x - 1]] += 1
            own[canvas[y + 1, x]] += 1
            own[canvas[y + 1, x + 1]] += 1


@kernel
def _describe_pairs(counts: Int64, row: Float64) -> None:
    """Contrast, homogeneity, energy and correlation of the pairs taken both ways."""
    n = total = squares = products = contrast = energy = 0
    homogeneity = 0.0
    for a in range(1, LEVELS + 1):
        for b in range(1, a + 1):
            both = int(counts[a, b] + counts[b, a]) if a > b else int(2 * counts[a, a])
            ways = 2 if a > b else 1
            # Symmetric: `both` stands at (a, b) and, off the diagonal, at (b, a) too.
            n += ways * both
            total += both * (a + b) if a > b else both * a
            squares += both * (a * a + b * b) if a > b else both * a * a
            products += ways * both * a * b
            contrast += ways * both * (a - b) * (a - b)
            energy += ways * both * both
            homogeneity += ways * both / (1.0 + (a - b) * (a - b))
    if n == 0:
        return
    row[0], row[1], row[2] = contrast / n, homogeneity / n, np.sqrt(float(energy)) / n
    # Integers up to the last division: variance times n squared.
    spread = n * squares - total * total
    if spread > 0:
        row[3] = (n * products - total * total) / spread


@kernel
def _textures(
    runs: Runs, bbox: Int64, image: Image, work: tuple[Any, Int64], table: Float64
) -> None:
    """Draw, count, describe and wipe each object."""
    canvas, counts = work
    for k in range(runs.label.size):
        height, width = bbox[k, 2] - bbox[k, 0], bbox[k, 3] - bbox[k, 1]
        _draw_levels(runs, k, bbox[k], image, canvas)
        counts[:] = 0
        _count_pairs(canvas, height, width, counts)
        _describe_pairs(counts, table[k])
        canvas[1 : height + 1, 1 : width + 1] = 0


@kernel
def _inner(canvas: Any, y: int, x: int) -> bool:
    """Whether a pixel and its eight neighbours belong to the object."""
    inside = True
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            inside &= canvas[y + dy, x + dx] != 0
    return inside


@kernel
def _add_structure(image: Image, y: int, x: int, row: Float64) -> None:
    """Add one pixel's local deviation, range and structure tensor."""
    low = high = base = np.float64(image[y, x])
    linear = square = 0.0
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            value = np.float64(image[j, i])
            low, high = min(low, value), max(high, value)
            linear += value - base
            square += (value - base) * (value - base)
    gy = (np.float64(image[y + 1, x]) - np.float64(image[y - 1, x])) / 2
    gx = (np.float64(image[y, x + 1]) - np.float64(image[y, x - 1])) / 2
    row[0] += 1
    row[1] += np.sqrt(max(square / 9 - (linear / 9) * (linear / 9), 0.0))
    row[2] += high - low
    row[3] += gy * gy
    row[4] += gx * gx
    row[5] += gy * gx


@kernel
def _structures(runs: Runs, bbox: Int64, image: Image, canvas: Any, table: Float64) -> None:
    """Mark, sum and wipe each object."""
    for k in range(runs.label.size):
        top, left = bbox[k, 0] - 1, bbox[k, 1] - 1
        own = range(runs.first[k], runs.first[k + 1])
        for i in own:
            canvas[runs.row[i] - top, runs.start[i] - left : runs.stop[i] - left] = 1
        for i in own:
            for x in range(runs.start[i], runs.stop[i]):
                if _inner(canvas, runs.row[i] - top, x - left):
                    _add_structure(image, runs.row[i], x, table[k])
        for i in own:
            canvas[runs.row[i] - top, runs.start[i] - left : runs.stop[i] - left] = 0
