"""Growing labels over a plane, brightest pixel first, each down to its own threshold.

The queue is a list of pixels a grey step, first in, first out: a priority flood whose cost is
the same for every pixel. Grey steps are the caller's (uint8), so that no order hangs on the
last bit of a float.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["grow_labels"]

Labels = NDArray[np.int32]


def grow_labels(
    seeds: Labels,
    contrast: NDArray[np.float32],
    steps: NDArray[np.uint8],
    thresholds: NDArray[np.float32],
) -> Labels:
    """Each label's pixels at or above its threshold that can be reached from its seed.

    Where two labels meet, the pixel goes to the one that reaches it over brighter pixels.

    Parameters
    ----------
    seeds : ndarray (H, W) int32
        0 for none, else 1 to n; a seed pixel below its label's threshold is dropped.
    contrast : ndarray (H, W) float32
    steps : ndarray (H, W) uint8
        Order of the flood, higher first; normally a monotone function of ``contrast``.
    thresholds : ndarray (n,) float32
        Of labels 1 to n.
    """
    if not seeds.shape == contrast.shape == steps.shape:
        raise ValueError(f"shapes differ: {seeds.shape}, {contrast.shape}, {steps.shape}")
    highest = int(seeds.max()) if seeds.size else 0
    if highest > len(thresholds):
        raise ValueError(f"label {highest} has no threshold, {len(thresholds)} given")
    labels = np.zeros(seeds.shape, dtype=np.int32)
    links = np.empty(seeds.size, dtype=np.int32)
    _grow(seeds, contrast, steps, thresholds, labels, links)
    return labels


@kernel
def _grow(
    seeds: Labels,
    contrast: NDArray[np.float32],
    steps: NDArray[np.uint8],
    thresholds: NDArray[np.float32],
    labels: Labels,
    links: NDArray[np.int32],
) -> None:
    height, width = seeds.shape
    first = np.full(256, -1, dtype=np.int32)
    last = np.full(256, -1, dtype=np.int32)
    for y in range(height):
        for x in range(width):
            label = seeds[y, x]
            if label > 0 and contrast[y, x] >= thresholds[label - 1]:
                labels[y, x] = label
    top = np.int64(0)
    for y in range(height):
        for x in range(width):
            if labels[y, x] > 0:
                rim = (y > 0 and labels[y - 1, x] == 0) or (x > 0 and labels[y, x - 1] == 0)
                rim = rim or (y + 1 < height and labels[y + 1, x] == 0)
                rim = rim or (x + 1 < width and labels[y, x + 1] == 0)
                if rim:
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
            if inside and labels[r, c] == 0 and contrast[r, c] >= thresholds[label - 1]:
                labels[r, c] = label
                step = int(min(np.int64(steps[r, c]), top))
                _push(first, last, links, step, r * width + c)


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
