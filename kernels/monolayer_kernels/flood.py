"""Growing labels over a plane, brightest pixel first, each down to its own threshold.

The queue is a list of pixels a grey step, first in, first out: a priority flood whose cost is
the same for every pixel. Grey steps are the caller's (uint8), so that no order hangs on the
last bit of a float.

A large plane is flooded component by component of what is bright enough at all. What is taken is
the same to the pixel, as no component sees another's, but one queue for all would go over the
whole plane once a grey step: of 64 megapixels that took 6.4 ms a megapixel, now 3.2.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_inside
from monolayer_kernels.label import RowRuns, connect_runs, find_above
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.union import find_root

__all__ = ["grow_labels"]

Labels = NDArray[np.int32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

# More pixels than this no longer fit the processor's cache, and components are worth finding.
_CACHED_PX = 1 << 19


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
        Steps of another dtype, shapes that differ, another number of thresholds than of seeds, a
        threshold that is NaN, or a seed that leaves the image.
    """
    if steps.dtype != np.uint8:
        raise TypeError(f"steps must be uint8, not {steps.dtype}")
    check_inside(seeds, contrast.shape)
    if contrast.shape != steps.shape:
        raise ValueError(f"shapes differ: {contrast.shape}, {steps.shape}")
    if len(thresholds) != seeds.label.size:
        raise ValueError(f"{seeds.label.size} seeds but {len(thresholds)} thresholds")
    if np.isnan(thresholds).any():
        nameless = int(seeds.label[np.argmax(np.isnan(thresholds))])
        raise ValueError(f"thresholds must be numbers; that of label {nameless} is NaN")
    contrast, steps = np.ascontiguousarray(contrast), np.ascontiguousarray(steps)
    labels = np.zeros(contrast.shape, dtype=np.int32)
    links = np.empty(contrast.size, dtype=np.int32)
    limit = np.full(int(seeds.label.max(initial=0)) + 1, np.inf, dtype=np.float32)
    limit[seeds.label] = thresholds
    parts = _components(seeds, contrast, thresholds)
    ordered = seeds, np.argsort(parts, kind="stable")
    _plant(ordered, contrast, thresholds, labels)
    # Room not written to costs nothing; listed twice, the rim was half as dear as the flood.
    rim, ends = np.empty(max(1, contrast.size // 4), dtype=np.int64), np.empty_like(ordered[1])
    n = _rim(ordered, contrast, labels, thresholds, (rim, ends))
    if n > len(rim):
        rim = np.empty(n, dtype=np.int64)
        _rim(ordered, contrast, labels, thresholds, (rim, ends))
    ends = ends[np.flatnonzero(np.diff(parts[ordered[1]], append=-1))]
    flat = contrast.ravel(), steps.ravel()
    _grow_parts((rim, ends), contrast.shape[1], flat, limit, (labels.reshape(-1), links))
    return labels


def _components(
    seeds: Runs, contrast: NDArray[np.float32], thresholds: NDArray[np.float32]
) -> Int32:
    """A number for each seed; those with different ones cannot meet."""
    parts = np.zeros(seeds.label.size, np.int32)
    if contrast.size <= _CACHED_PX or parts.size < 2:
        return parts
    # Above the next smaller number: at the lowest threshold, or brighter.
    low = float(np.nextafter(thresholds.min(), np.float32(-np.inf)))
    rows = find_above(contrast, low)
    _find_parts(seeds, rows, connect_runs(rows, 4), parts)
    return parts


@kernel
def _find_parts(seeds: Runs, rows: RowRuns, parent: Int32, parts: Int32) -> None:
    """Root of the component that holds each seed; components that share a seed become one."""
    for k in range(parts.size):
        own = -1
        for i in range(seeds.first[k], seeds.first[k + 1]):
            y = seeds.row[i]
            j, end = rows.first[y], rows.first[y + 1]
            j += np.searchsorted(rows.stop[j:end], seeds.start[i], side="right")
            while j < end and rows.start[j] < seeds.stop[i]:
                root = find_root(parent, j)
                own = root if own < 0 else find_root(parent, own)
                parent[max(own, root)] = own = min(own, root)
                j += 1
        parts[k] = max(own, 0)
    for k in range(parts.size):
        parts[k] = find_root(parent, parts[k]) if parent.size else 0


@kernel
def _plant(
    ordered: tuple[Runs, Int64],
    contrast: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    labels: Labels,
) -> None:
    seeds, order = ordered
    for k in order:
        for i in range(seeds.first[k], seeds.first[k + 1]):
            y = seeds.row[i]
            for x in range(seeds.start[i], seeds.stop[i]):
                if contrast[y, x] >= thresholds[k]:
                    labels[y, x] = seeds.label[k]


@kernel
def _rim(
    ordered: tuple[Runs, Int64],
    contrast: NDArray[np.float32],
    labels: Labels,
    thresholds: NDArray[np.float32],
    out: tuple[Int64, Int64],
) -> int:
    """List the pixels with a neighbour that is free and bright enough; most have none.

    Seed by seed in the order given, with the end of each one's list.
    """
    seeds, order = ordered
    rim, ends = out
    height, width = labels.shape
    n = 0
    for turn in range(order.size):
        k = order[turn]
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
        ends[turn] = n
    return n


@kernel
def _grow_parts(
    rims: tuple[Int64, Int64],
    width: int,
    image: tuple[NDArray[np.float32], NDArray[np.uint8]],
    limit: NDArray[np.float32],
    out: tuple[Labels, Int32],
) -> None:
    """Flood each component from its part of the rim."""
    rim, ends = rims
    queue = np.full(256, -1, dtype=np.int32), np.full(256, -1, dtype=np.int32)
    start = np.int64(0)
    for end in ends:
        _grow(rim[start:end], width, image, limit, queue, out)
        start = end


@kernel
def _grow(
    rim: Int64,
    width: int,
    image: tuple[NDArray[np.float32], NDArray[np.uint8]],
    limit: NDArray[np.float32],
    queue: tuple[Int32, Int32],
    out: tuple[Labels, Int32],
) -> None:
    """Flood from the rim; pixels are numbered through, as rows and columns took a third longer.

    The queue's lists are empty before and after.
    """
    contrast, steps = image
    labels, links = out
    first, last = queue
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
