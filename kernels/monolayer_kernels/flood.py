"""Growing labels over a plane, brightest pixel first, each down to its own threshold.

The queue is a list of pixels a grey step, first in, first out: a priority flood whose cost is
the same for every pixel. Grey steps are the caller's (uint8), so that no order hangs on the
last bit of a float.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_inside
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

    Raises
    ------
    TypeError, ValueError
        Steps of another dtype, shapes that differ, another number of thresholds than of seeds, or
        a seed that leaves the image.
    """
    if steps.dtype != np.uint8:
        raise TypeError(f"steps must be uint8, not {steps.dtype}")
    check_inside(seeds, contrast.shape)
    if contrast.shape != steps.shape:
        raise ValueError(f"shapes differ: {contrast.shape}, {steps.shape}")
    if len(thresholds) != seeds.label.size:
        raise ValueError(f"{seeds.label.size} seeds but {len(thresholds)} thresholds")
    labels = np.zeros(contrast.shape, dtype=np.int32)
    links = np.empty(contrast.size, dtype=np.int32)
    limit = np.full(int(seeds.label.max(initial=0)) + 1, np.inf, dtype=np.float32)
    limit[seeds.label] = thresholds
    _plant(seeds, contrast, thresholds, labels)
    # Room not written to costs nothing; listed twice, the rim was half as dear as the flood.
    rim = np.empty(max(1, contrast.size // 4), dtype=np.int64)
    n = _rim(seeds, contrast, labels, thresholds, rim)
    if n > len(rim):
        rim = np.empty(n, dtype=np.int64)
        _rim(seeds, contrast, labels, thresholds, rim)
    flat = np.ascontiguousarray(contrast).ravel(), np.ascontiguousarray(steps).ravel()
    _grow(rim[:n], contrast.shape[1], flat, limit, (labels.reshape(-1), links))
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
def _rim(
    seeds: Runs,
    contrast: NDArray[np.float32],
    labels: Labels,
    thresholds: NDArray[np.float32],
    rim: NDArray[np.int64],
) -> int:
    """List the pixels with a neighbour that is free and bright enough; most have none."""
    height, width = labels.shape
    n = 0
    for k in range(seeds.label.size):
        low, label = thresholds[k], seeds.label[k]
        for i in range(seeds.first[k], seeds.first[k + 1]):
            y, start, stop = np.int64(seeds.row[i]), seeds.start[i], seeds.stop[i]
            # At the image's border a pixel stands for its missing neighbour: it is never free.
            above, below = y - (y > 0), y + (y + 1 < height)
            own = labels[y, start:stop]
            up, light_up = labels[above, start:stop], contrast[above, start:stop]
            down, light_down = labels[below, start:stop], contrast[below, start:stop]
            # Beside a pixel within the run lies another of the run, taken or too dark.
            left = start > 0 and labels[y, start - 1] == 0 and contrast[y, start - 1] >= low
            right = stop < width and labels[y, stop] == 0 and contrast[y, stop] >= low
            grows = 0
            for x in range(own.size):
                grows += ((up[x] == 0) & (light_up[x] >= low)) | (
                    (down[x] == 0) & (light_down[x] >= low)
                )
            if grows == 0 and not left and not right:
                continue
            for x in range(own.size):
                free = (up[x] == 0 and light_up[x] >= low) or (
                    down[x] == 0 and light_down[x] >= low
                )
                free = free or (x == 0 and left) or (x == own.size - 1 and right)
                if free and own[x] == label:
                    if n < len(rim):
                        rim[n] = y * width + start + x
                    n += 1
    return n


@kernel
def _grow(
    rim: NDArray[np.int64],
    width: int,
    image: tuple[NDArray[np.float32], NDArray[np.uint8]],
    limit: NDArray[np.float32],
    out: tuple[Labels, NDArray[np.int32]],
) -> None:
    """Flood from the rim; pixels are numbered through, as rows and columns took a third longer."""
    contrast, steps = image
    labels, links = out
    first = np.full(256, -1, dtype=np.int32)
    last = np.full(256, -1, dtype=np.int32)
    top = np.int64(-1)
    # The queue is written out twice: as a function of its arrays it cost more than the growing.
    for at in rim:
        step = np.int64(steps[at])
        links[at] = -1
        if first[step] < 0:
            first[step] = at
        else:
            links[last[step]] = at
        last[step] = at
        top = max(top, step)
    while top >= 0:
        at = np.int64(first[top])
        if at < 0:
            top -= 1
            continue
        first[top] = links[at]
        label = labels[at]
        low = limit[label]
        x = np.int64(np.uint32(at) % np.uint32(width))
        for side in range(4):
            if side == 0:
                to, inside = at + width, at + width < labels.size
            elif side == 1:
                to, inside = at - width, at >= width
            elif side == 2:
                to, inside = at + 1, x + 1 < width
            else:
                to, inside = at - 1, x > 0
            if inside and labels[to] == 0 and contrast[to] >= low:
                labels[to] = label
                step = min(np.int64(steps[to]), top)
                links[to] = -1
                if first[step] < 0:
                    first[step] = to
                else:
                    links[last[step]] = to
                last[step] = to
