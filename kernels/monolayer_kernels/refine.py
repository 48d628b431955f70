"""Carrying labels from a binned image to full resolution.

Only the seam is looked at: a binned pixel whose eight neighbours carry its own label passes as a
whole. Along the seam a full pixel belongs to the label that weighs most among the four nearest
binned pixels (bilinear weights: where two labels touch, their seam is a smooth line and not a
stair), if it reaches that label's threshold. Runs are listed as soon as a row is done: a label
image of the full plane took as long as all the rest.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import RowWork, Runs, group_by_label, list_row, row_work
from monolayer_kernels.objects import Levels, Plane

__all__ = ["refine_labels"]

Labels = NDArray[np.int32]
Float32 = NDArray[np.float32]

_HIGHEST = np.int32(2**31 - 1)


def refine_labels(labels: Labels, factor: int, image: Plane, thresholds: Float32) -> Runs:
    """Objects of the full image from their labels in the image binned by ``factor``.

    Parameters
    ----------
    labels : ndarray (ceil(H / factor), ceil(W / factor)) int32
        0 for background, else 1 to n.
    factor : int
        At least 2.
    image : ndarray (H, W) float32, or Levels
    thresholds : ndarray (n,) float32
        Of labels 1 to n, in units of ``image``.

    Returns
    -------
    Runs
        Of the labels that occur. An object may fall into patches along its seam, see
        `objects.keep_largest_patch`.

    Raises
    ------
    ValueError
        A factor below 2, shapes that do not fit, or a label that is negative or has no threshold.
    """
    if factor < 2:
        raise ValueError(f"factor must be at least 2, not {factor}")
    height, width = image.shape
    expected = (-(-height // factor), -(-width // factor))
    if labels.shape != expected:
        raise ValueError(f"labels must have shape {expected} for {image.shape}, not {labels.shape}")
    highest = int(labels.max()) if labels.size else 0
    if highest > len(thresholds):
        raise ValueError(f"label {highest} has no threshold, {len(thresholds)} given")
    if labels.size and int(labels.min()) < 0:
        raise ValueError(f"labels must not be negative; found {int(labels.min())}")
    pixels, limit = _limits(image, thresholds)
    capacity = max(1024, pixels.size // 16)
    while True:
        found = np.empty((4, capacity), np.int32)
        n = int(_refine(labels, factor, pixels, limit, (row_work(width), found)))
        if n <= capacity:
            return group_by_label(found[:, :n])
        capacity = n


def _limits(image: Plane, thresholds: Float32) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixels, and the least one of background and of each label: nothing reaches background's."""
    if isinstance(image, Levels):
        counts = np.ceil((thresholds.astype(np.float64) - image.low) / image.step)
        return image.counts, np.append(1 << 16, np.clip(counts, 0, 1 << 16)).astype(np.int32)
    return image, np.append(np.float32(np.inf), thresholds).astype(np.float32)


@kernel
def _seams(labels: Labels, r: int, seam: NDArray[np.uint8]) -> None:
    """Mark the binned pixels of row r that differ from one of their neighbours."""
    rows, columns = labels.shape
    up, own, down = labels[max(r - 1, 0)], labels[r], labels[min(r + 1, rows - 1)]
    beside = np.empty(columns, np.uint8)
    for c in range(columns):
        beside[c] = (own[c] != up[c]) | (own[c] != down[c])
        seam[c] = beside[c]
    for c in range(1, columns):
        differs = (own[c] != own[c - 1]) | beside[c] | beside[c - 1]
        seam[c] |= differs
        seam[c - 1] |= differs


@kernel
def _refine(
    labels: Labels,
    factor: int,
    image: NDArray[Any],
    limit: NDArray[Any],
    out: tuple[RowWork, Labels],
) -> int:
    """List the runs while they fit; return how many there are."""
    height, width = image.shape
    rows, columns = labels.shape
    seam = np.empty(columns, np.uint8)
    inner, outer = np.empty(columns + 1, np.int64), np.empty(columns + 1, np.int64)
    least, most = np.empty(columns, np.int32), np.empty(columns, np.int32)
    line = np.empty(width, np.int32)
    n = 0
    for r in range(rows):
        _seams(labels, r, seam)
        own = labels[r]
        inside = along = 0
        for c in range(columns):
            inner[inside], outer[along] = c, c
            inside += (seam[c] == 0) & (own[c] != 0)
            along += seam[c] != 0
        for y in range(r * factor, min((r + 1) * factor, height)):
            share = 2 * (y - r * factor) + 1 - factor
            other = labels[max(r - 1, 0)] if share < 0 else labels[min(r + 1, rows - 1)]
            _range_of_two(own, other, least, most)
            line[:] = 0
            for i in range(inside):
                left = inner[i] * factor
                for x in range(left, min(left + factor, width)):
                    line[x] = own[inner[i]]
            near = own, other, least, most
            _refine_seam(near, outer[:along], (factor, abs(share)), (image[y], limit), line)
            n = list_row(line, y, out[0], out[1], n)
    return n


@kernel
def _range_of_two(own: Labels, other: Labels, least: Labels, most: Labels) -> None:
    """Least and greatest label of a binned pixel and of the one above or below it, but for 0."""
    for c in range(own.size):
        a, b = own[c], other[c]
        most[c] = max(a, b)
        least[c] = min(a if a > 0 else _HIGHEST, b if b > 0 else _HIGHEST)


@kernel
def _refine_seam(
    near: tuple[Labels, Labels, Labels, Labels],
    seam: NDArray[np.int64],
    place: tuple[int, int],
    image: tuple[NDArray[Any], NDArray[Any]],
    line: Labels,
) -> None:
    """Label the pixels of a row along the seam."""
    own, other, least, most = near
    factor, share = place
    light, limit = image
    middle, last, width = factor // 2, own.size - 1, line.size
    for c in seam:
        left = c * factor
        stop = min(left + factor, width)
        for half in range(2):
            beside = np.uintp(min(c + 1, last) if half else max(c - 1, 0))
            label = max(most[c], most[beside])
            # Two labels meet at few pixels.
            mixed = min(least[c], least[beside]) < label
            start = left + half * middle
            for x in range(start, min(start + factor - middle, stop)):
                if mixed:
                    offset = abs(2 * (x - left) + 1 - factor)
                    four = own[c], other[c], own[beside], other[beside]
                    label = _heaviest(four, share, offset, factor)
                line[x] = label * np.int32(light[x] >= limit[np.uintp(label)])


@kernel
def _heaviest(values: tuple[Any, Any, Any, Any], share: int, offset: int, factor: int) -> int:
    """Label of the greatest bilinear weight; of equals that of the nearer pixel."""
    near = 2 * factor - offset
    weights = (
        (2 * factor - share) * near,
        share * near,
        (2 * factor - share) * offset,
        share * offset,
    )
    best, label = 0, 0
    for i in range(4):
        if values[i] == 0:
            continue
        total = 0
        for j in range(4):
            if values[j] == values[i]:
                total += weights[j]
        if total > best:
            best, label = total, values[i]
    return label
