"""How steep each object's outline is."""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["edge_steps"]


def edge_steps(
    labels: NDArray[np.int32], contrast: NDArray[np.float32], count: int, reach: int
) -> NDArray[np.float64]:
    """Mean fall of the image across each label's outline.

    At every face between a pixel of the label and one that is not, the value ``reach`` pixels
    outwards is taken from the value ``reach - 1`` pixels inwards, along the row or column.
    Faces within ``reach`` of the image border are left out; a label without any gets 0.

    Parameters
    ----------
    labels : ndarray (H, W) int32
        0 for background, 1 to ``count``.
    contrast : ndarray (H, W) float32
    count : int
    reach : int
        Pixels, at least 1.

    Returns
    -------
    ndarray (count,) float64
        In units of ``contrast``.
    """
    if labels.shape != contrast.shape:
        raise ValueError(f"shapes differ: {labels.shape} and {contrast.shape}")
    if reach < 1:
        raise ValueError(f"reach must be at least 1, not {reach}")
    falls, faces = np.zeros(count, dtype=np.float64), np.zeros(count, dtype=np.int64)
    _steps(labels, contrast, reach, falls, faces)
    return falls / np.maximum(faces, 1)


@kernel
def _steps(
    labels: NDArray[np.int32],
    contrast: NDArray[np.float32],
    reach: int,
    falls: NDArray[np.float64],
    faces: NDArray[np.int64],
) -> None:
    height, width = labels.shape
    back = reach - 1
    for y in range(height):
        tall = reach <= y < height - reach
        for x in range(width):
            label = labels[y, x]
            if label == 0:
                continue
            wide = reach <= x < width - reach
            i = label - 1
            if tall and labels[y - 1, x] != label:
                falls[i] += contrast[y + back, x] - contrast[y - reach, x]
                faces[i] += 1
            if tall and labels[y + 1, x] != label:
                falls[i] += contrast[y - back, x] - contrast[y + reach, x]
                faces[i] += 1
            if wide and labels[y, x - 1] != label:
                falls[i] += contrast[y, x + back] - contrast[y, x - reach]
                faces[i] += 1
            if wide and labels[y, x + 1] != label:
                falls[i] += contrast[y, x - back] - contrast[y, x + reach]
                faces[i] += 1
