"""Chores on label images: boxes, runs, holes, means, enlarging, renumbering.

A label image is int32: 0 is background, objects are 1 to n. Every function here walks the
pixels once in row-major order.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = [
    "enlarge_labels",
    "fill_holes",
    "label_boxes",
    "label_means",
    "label_runs",
    "renumber_labels",
]

Labels = NDArray[np.int32]


def label_boxes(labels: Labels, count: int) -> NDArray[np.int32]:
    """Bounding boxes of labels 1 to ``count``: top, left, bottom, right, the last two exclusive.

    A label that does not occur has an empty box at the origin.
    """
    boxes = np.zeros((count, 4), dtype=np.int32)
    _boxes(labels, boxes)
    return boxes


def fill_holes(labels: Labels, boxes: NDArray[np.int32]) -> None:
    """Give background that is enclosed by one label to it, in place.

    Enclosed means: no 4-connected way over pixels of other labels or background leads out of
    the label's bounding box. Pixels of other labels are left alone.
    """
    if len(boxes):
        size = int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).max())
        _fill(labels, boxes, np.empty(size, np.bool_), np.empty(size, np.int32))


def label_runs(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Runs of equal label, and the label minus 1 of each: what `runs.sum_runs` takes.

    Returns
    -------
    runs : ndarray (n, 4) int32
        Row, first column, column after the last, 0; in row-major order.
    components : ndarray (n,) int32
    """
    runs = np.empty((max(16, labels.size // 8), 4), dtype=np.int32)
    components = np.empty(len(runs), dtype=np.int32)
    n = _label_runs(labels, runs, components)
    if n > len(runs):
        runs, components = np.empty((n, 4), dtype=np.int32), np.empty(n, dtype=np.int32)
        _label_runs(labels, runs, components)
    return runs[:n], components[:n]


def label_means(
    labels: Labels, image: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of the image over labels 1 to ``count``, and their areas; an absent label has mean 0."""
    if labels.shape != image.shape:
        raise ValueError(f"shapes differ: {labels.shape} and {image.shape}")
    totals, areas = np.zeros(count, dtype=np.float64), np.zeros(count, dtype=np.int64)
    _sum_labels(labels, image, totals, areas)
    return totals / np.maximum(areas, 1), areas


def enlarge_labels(labels: Labels, factor: int, shape: tuple[int, int]) -> Labels:
    """Repeat each pixel ``factor`` times in both directions and crop to ``shape``."""
    height, width = shape
    expected = (-(-height // factor), -(-width // factor))
    if labels.shape != expected:
        raise ValueError(f"labels must have shape {expected} for {shape}, not {labels.shape}")
    out = np.empty(shape, dtype=np.int32)
    _enlarge(labels, factor, out)
    return out


def renumber_labels(labels: Labels, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Drop labels and number the others in the order of their first pixels, in place.

    Parameters
    ----------
    labels : ndarray (H, W) int32
        Changed in place.
    keep : ndarray (n,) bool
        Whether label ``i + 1`` stays.

    Returns
    -------
    ndarray (m,) intp
        Which of the old labels (minus 1) each new one was.
    """
    new = np.zeros(len(keep) + 1, dtype=np.int32)
    new[1:][~keep] = -1
    count = _renumber(labels, new)
    order = np.zeros(count, dtype=np.intp)
    found = np.flatnonzero(new[1:] > 0)
    order[new[1:][found] - 1] = found
    return order


@kernel
def _label_runs(labels: Labels, runs: NDArray[np.int32], components: NDArray[np.int32]) -> int:
    height, width = labels.shape
    n = 0
    for y in range(height):
        row = labels[y]
        x = 0
        while x < width:
            label = row[x]
            if label == 0:
                x += 1
                continue
            start = x
            while x < width and row[x] == label:
                x += 1
            if n < len(runs):
                runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = y, start, x, 0
                components[n] = label - 1
            n += 1
    return n


@kernel
def _boxes(labels: Labels, boxes: NDArray[np.int32]) -> None:
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label > 0:
                box = boxes[label - 1]
                if box[2] == 0:
                    box[0], box[1], box[2], box[3] = y, x, y + 1, x + 1
                else:
                    box[1] = min(box[1], x)
                    box[2] = y + 1
                    box[3] = max(box[3], x + 1)


@kernel
def _fill(
    labels: Labels,
    boxes: NDArray[np.int32],
    outside: NDArray[np.bool_],
    queue: NDArray[np.int32],
) -> None:
    for i in range(len(boxes)):
        label = i + 1
        top, left = boxes[i, 0], boxes[i, 1]
        height, width = boxes[i, 2] - top, boxes[i, 3] - left
        outside[: height * width] = False
        tail = 0
        for y in range(height):
            stride = 1 if y == 0 or y == height - 1 else max(1, width - 1)
            for x in range(0, width, stride):
                if labels[top + y, left + x] != label:
                    outside[y * width + x] = True
                    queue[tail] = y * width + x
                    tail += 1
        head = 0
        while head < tail:
            y, x = queue[head] // width, queue[head] % width
            head += 1
            for side in range(4):
                r = y + (side == 0) - (side == 1)
                c = x + (side == 2) - (side == 3)
                inside = 0 <= r < height and 0 <= c < width
                free = inside and not outside[r * width + c]
                if free and labels[top + r, left + c] != label:
                    outside[r * width + c] = True
                    queue[tail] = r * width + c
                    tail += 1
        for y in range(height):
            for x in range(width):
                if not outside[y * width + x] and labels[top + y, left + x] == 0:
                    labels[top + y, left + x] = label


@kernel
def _sum_labels(
    labels: Labels,
    image: NDArray[np.float32],
    totals: NDArray[np.float64],
    areas: NDArray[np.int64],
) -> None:
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label > 0:
                totals[label - 1] += image[y, x]
                areas[label - 1] += 1


@kernel
def _enlarge(labels: Labels, factor: int, out: Labels) -> None:
    height, width = out.shape
    for y in range(height):
        if y % factor:
            out[y] = out[y - 1]
        else:
            row = labels[y // factor]
            for x in range(width):
                out[y, x] = row[x // factor]


@kernel
def _renumber(labels: Labels, new: NDArray[np.int32]) -> int:
    height, width = labels.shape
    count = 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label > 0:
                if new[label] == 0:
                    count += 1
                    new[label] = count
                labels[y, x] = max(new[label], 0)
    return count
