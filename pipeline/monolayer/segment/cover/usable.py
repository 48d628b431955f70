"""Parts of an image in which no surface can be judged: the vessel's wall.

Cells in phase contrast are darker and brighter than the surface in turn: over some 20 um they
average to its level. A wall swallows or deflects light and stays dark over such a length.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.cover.masks import Mask, grow
from monolayer.segment.cover.texture import Texture
from monolayer_kernels.cover import draw_patches, enlarge
from monolayer_kernels.label import find_above, group_runs
from monolayer_kernels.objects import paint_runs
from monolayer_kernels.smooth import bin_mean

__all__ = ["REASONS", "find_unusable"]

REASONS = ("wall",)
"""Why a part of an image is not usable."""

_BLOCK = 16
_DARK = 0.8
_BLACK = 0.4
_ROUGH = 0.15
_DEVIANT = 0.12
_SHARE_OF_SIDE = 0.25


def find_unusable(texture: Texture) -> dict[str, Mask]:
    """Masks of what is not usable, by reason, disjoint, at the working scale."""
    return {"wall": _walls(texture)}


def _walls(texture: Texture) -> Mask:
    level, shape = texture.level, texture.image.shape
    if level <= 0 or min(shape) < 2 * _BLOCK:
        return np.zeros(shape, np.uint8)
    mean = bin_mean(texture.image, _BLOCK) / np.float32(level)
    rough = bin_mean(texture.deviation, _BLOCK) / np.float32(level)
    dark = ((mean < _DARK) & (rough > _ROUGH)) | (mean < _BLACK)
    deviant = dark | ((rough > _ROUGH) & (np.abs(mean - 1) > _DEVIANT))
    wall = grow(_along_border(deviant.astype(np.uint8), dark), 1)
    return enlarge(wall, _BLOCK, (shape[0], shape[1])).view(np.uint8)


def _along_border(deviant: Mask, dark: NDArray[np.bool_]) -> Mask:
    """Patches with something dark in them that run along the image's border."""
    patches = group_runs(find_above(deviant, 0), 8)
    labels = paint_runs(patches, deviant.shape)
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    long = np.zeros(patches.label.size + 1, np.bool_)
    for edge in edges:
        counts = np.bincount(edge, minlength=long.size)
        long |= counts >= max(2, _SHARE_OF_SIDE * edge.size)
    holds = np.zeros_like(long)
    holds[np.unique(labels[dark])] = True
    return draw_patches(patches, (long & holds)[1:], (deviant.shape[0], deviant.shape[1]))
