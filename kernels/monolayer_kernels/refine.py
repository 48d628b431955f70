"""Carrying labels from a binned image to full resolution.

Only the seam is looked at: a binned pixel whose eight neighbours carry its own label passes as a
whole. Along the seam a full pixel belongs to the label that weighs most among the four nearest
binned pixels (bilinear weights: where two labels touch, their seam is a smooth line and not a
stair), if it reaches that label's threshold.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["refine_labels"]

Labels = NDArray[np.int32]


def refine_labels(
    labels: Labels, factor: int, image: NDArray[np.float32], thresholds: NDArray[np.float32]
) -> Labels:
    """Labels of the full image from those of the image binned by ``factor``.

    Parameters
    ----------
    labels : ndarray (ceil(H / factor), ceil(W / factor)) int32
        0 for background, else 1 to n.
    factor : int
        At least 2; 1 gives the labels themselves.
    image : ndarray (H, W) float32
    thresholds : ndarray (n,) float32
        Of labels 1 to n, in units of ``image``.

    Returns
    -------
    ndarray (H, W) int32
        A label may fall into patches along its seam, see `objects.keep_largest_patch`.
    """
    height, width = image.shape
    expected = (-(-height // factor), -(-width // factor))
    if labels.shape != expected:
        raise ValueError(f"labels must have shape {expected} for {image.shape}, not {labels.shape}")
    highest = int(labels.max()) if labels.size else 0
    if highest > len(thresholds):
        raise ValueError(f"label {highest} has no threshold, {len(thresholds)} given")
    if factor == 1:
        return labels
    out = np.zeros(image.shape, np.int32)
    _refine(labels, factor, image, thresholds, out)
    return out


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
    image: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    out: Labels,
) -> None:
    height, width = image.shape
    rows, columns = labels.shape
    seam = np.empty(columns, np.uint8)
    busy = np.empty(columns + 1, np.int64)
    middle = factor // 2
    for r in range(rows):
        _seams(labels, r, seam)
        own = labels[r]
        n = 0
        for c in range(columns):
            busy[n] = c
            n += (seam[c] != 0) | (own[c] != 0)
        for y in range(r * factor, min((r + 1) * factor, height)):
            up = 2 * (y - r * factor) + 1 < factor
            other = labels[max(r - 1, 0)] if up else labels[min(r + 1, rows - 1)]
            share = abs(2 * (y - r * factor) + 1 - factor)
            line, light = out[y], image[y]
            for i in range(n):
                c = busy[i]
                left, a, b = c * factor, own[c], other[c]
                stop = min(left + factor, width)
                if seam[c] == 0:
                    for x in range(left, stop):
                        line[x] = a
                    continue
                for half in range(2):
                    beside = min(c + 1, columns - 1) if half else max(c - 1, 0)
                    d, e = own[beside], other[beside]
                    label = max(max(a, b), max(d, e))
                    # Two labels meet at few pixels.
                    mixed = (0 < a < label) | (0 < b < label) | (0 < d < label) | (0 < e < label)
                    start = left + half * middle
                    for x in range(start, min(start + factor - middle, stop)):
                        if mixed:
                            offset = abs(2 * (x - left) + 1 - factor)
                            label = _heaviest((a, b, d, e), share, offset, factor)
                        if label > 0 and light[x] >= thresholds[label - 1]:
                            line[x] = label


@kernel
def _heaviest(values: tuple[int, int, int, int], share: int, offset: int, factor: int) -> int:
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
