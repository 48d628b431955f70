"""Growing labels over a plane, brightest pixel first, each down to its own threshold.

The queue is a list of pixels a grey step, first in, first out: a priority flood whose cost is
the same for every pixel. Grey steps are the caller's (uint8), so that no order hangs on the
last bit of a float.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_runs import Runs

__all__ = ["grow_labels"]

Labels = NDArray[np.int32]


def grow_labels(
    seeds: Runs,
    contrast: NDArray[np.float32],
    steps: NDArray[np.uint8],
    thresholds: NDArray[np.float32],
) -> Labels:
    """Each seed's pixels at or above its threshold that can be reached from it.

    Where two seeds meet, the pixel goes to the one that reaches it over brighter pixels.

    Parameters
    ----------
    seeds : Runs
        n objects; a pixel of a seed that is below the seed's threshold is dropped.
    contrast : ndarray (H, W) float32
    steps : ndarray (H, W) uint8
        Order of the flood, higher first; normally a monotone function of ``contrast``.
    thresholds : ndarray (n,) float32
        Of the seeds, in their order.

    Returns
    -------
    ndarray (H, W) int32
        ``seeds.label`` where a seed grew, else 0.
    """
    if contrast.shape != steps.shape:
        raise ValueError(f"shapes differ: {contrast.shape}, {steps.shape}")
    if len(thresholds) != seeds.label.size:
        raise ValueError(f"{seeds.label.size} seeds but {len(thresholds)} thresholds")
    labels = np.zeros(contrast.shape, dtype=np.int32)
    links = np.empty(contrast.size, dtype=np.int32)
    limit = np.full(int(seeds.label.max(initial=0)) + 1, np.inf, dtype=np.float32)
    limit[seeds.label] = thresholds
    _plant(seeds, contrast, thresholds, labels)
    _grow(seeds, contrast, steps, limit, (labels, links))
    return labels


@kernel
def _plant(
    seeds: Runs, contrast: NDArray[np.float32], thresholds: NDArray[np.float32], labels: Labels
) -> None:
    for k in range(seeds.label.size):
        for i in range(seeds.first[k], seeds.first[k + 1]):
            y = seeds.row[i]
            for x in range(seeds.start[i], seeds.stop[i]):
                if contrast[y, x] >= thresholds[k]:
                    labels[y, x] = seeds.label[k]


@kernel
def _grow(
    seeds: Runs,
    contrast: NDArray[np.float32],
    steps: NDArray[np.uint8],
    limit: NDArray[np.float32],
    out: tuple[Labels, NDArray[np.int32]],
) -> None:
    labels, links = out
    height, width = labels.shape
    first = np.full(256, -1, dtype=np.int32)
    last = np.full(256, -1, dtype=np.int32)
    top = np.int64(-1)
    for i in range(len(seeds.row)):
        y = seeds.row[i]
        for x in range(seeds.start[i], seeds.stop[i]):
            if labels[y, x] > 0 and _can_grow(labels, contrast, limit, (y, x)):
                _push(first, last, links, steps[y, x], y * width + x)
                top = max(top, np.int64(steps[y, x]))
    while top >= 0:
        at = first[top]
        if at < 0:
            top -= 1
            continue
        first[top] = links[at]
        y, x = at // width, at % width
        label = labels[y, x]
        for side in range(4):
            r = y + (side == 0) - (side == 1)
            c = x + (side == 2) - (side == 3)
            inside = 0 <= r < height and 0 <= c < width
            if inside and labels[r, c] == 0 and contrast[r, c] >= limit[label]:
                labels[r, c] = label
                step = int(min(np.int64(steps[r, c]), top))
                _push(first, last, links, step, r * width + c)


@kernel
def _can_grow(
    labels: Labels,
    contrast: NDArray[np.float32],
    limit: NDArray[np.float32],
    at: tuple[int, int],
) -> bool:
    """Whether a neighbour is free and bright enough; most of a seed's pixels have none."""
    height, width = labels.shape
    y, x = at
    low = limit[labels[y, x]]
    grows = y > 0 and labels[y - 1, x] == 0 and contrast[y - 1, x] >= low
    grows = grows or (x > 0 and labels[y, x - 1] == 0 and contrast[y, x - 1] >= low)
    if y + 1 < height:
        grows = grows or (labels[y + 1, x] == 0 and contrast[y + 1, x] >= low)
    if x + 1 < width:
        grows = grows or (labels[y, x + 1] == 0 and contrast[y, x + 1] >= low)
    return bool(grows)


@kernel
def _push(
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    links: NDArray[np.int32],
    step: int,
    at: int,
) -> None:
    links[at] = -1
    if first[step] < 0:
        first[step] = at
    else:
        links[last[step]] = at
    last[step] = at
