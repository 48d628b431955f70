"""Parts of an image in which no surface can be judged: walls of the vessel, and bubbles.

Cells in phase contrast are darker and brighter than the surface in turn: over some 10 um they
average to its level. A wall, and the rim of a bubble, swallow or deflect light and stay dark over
such a length, and do so abruptly, as no uneven illumination does.

1. Means of blocks of about 10 um, relative to the whole image. Dark ones make patches.
2. A patch that begins abruptly and runs along the image's border is a wall, together with what
   is rough beside it.
3. A patch that closes a ring is a bubble, with all that the ring holds.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.cover.masks import Mask, fill_small, grow
from monolayer.segment.cover.texture import Texture
from monolayer_kernels.cover import draw_patches, enlarge
from monolayer_kernels.label import fill_gaps, find_above, group_runs
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.objects import paint_runs
from monolayer_kernels.smooth import bin_mean

__all__ = ["REASONS", "find_unusable"]

REASONS = ("wall", "bubble")
"""Why a part of an image is not usable."""

_BLOCK = 8
_DARK = 0.8
_LIGHT = 0.9
_ABRUPT = 3
_ROUGH = 0.15
_DEVIANT = 0.12
_SHARE_OF_SIDE = 0.25
_LEAST_INSIDE = 40
_MARGIN = 1


def find_unusable(texture: Texture) -> dict[str, Mask]:
    """Masks of what is not usable, by reason, disjoint, at the working scale."""
    shape = (texture.image.shape[0], texture.image.shape[1])
    if texture.level <= 0 or min(shape) < 4 * _BLOCK:
        return {reason: np.zeros(shape, np.uint8) for reason in REASONS}
    mean = bin_mean(texture.image, _BLOCK) / np.float32(texture.level)
    rough = bin_mean(texture.deviation, _BLOCK) / np.float32(texture.level)
    wall = _walls(mean, rough)
    bubble = _bubbles(mean) & (1 - wall)
    found = zip(REASONS, (wall, bubble), strict=True)
    return {reason: enlarge(mask, _BLOCK, shape).view(np.uint8) for reason, mask in found}


def _walls(mean: NDArray[np.float32], rough: NDArray[np.float32]) -> Mask:
    dark = (mean < _DARK).astype(np.uint8)
    abrupt = dark & grow((mean > _LIGHT).astype(np.uint8), _ABRUPT)
    deviant = dark | ((rough > _ROUGH) & (np.abs(mean - 1) > _DEVIANT)).astype(np.uint8)
    patches = group_runs(find_above(deviant, 0), 8)
    labels = paint_runs(patches, deviant.shape)
    kept = _along_border(patches, labels)
    kept &= np.isin(patches.label, labels[abrupt == 1])
    wall = grow(draw_patches(patches, kept, (mean.shape[0], mean.shape[1])), _MARGIN)
    # What a wall lets through in between is no surface either.
    return fill_small(wall, _LEAST_INSIDE)


def _along_border(patches: Runs, labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each patch holds a good part of one of the image's sides."""
    long = np.zeros(patches.label.size + 1, np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        long |= np.bincount(edge, minlength=long.size) >= _SHARE_OF_SIDE * edge.size
    return long[1:]


def _bubbles(mean: NDArray[np.float32]) -> Mask:
    rows = find_above((mean < _DARK).astype(np.uint8), 0)
    rims, discs = group_runs(rows, 8), group_runs(fill_gaps(rows, 8), 8)
    inside = _areas(discs) - _areas_within(discs, rims, mean.shape)
    shape = (mean.shape[0], mean.shape[1])
    return grow(draw_patches(discs, inside >= _LEAST_INSIDE, shape), _MARGIN)


def _areas(patches: Runs) -> NDArray[np.int64]:
    lengths = np.zeros(patches.row.size + 1, np.int64)
    np.cumsum(patches.stop - patches.start, out=lengths[1:])
    return np.diff(lengths[patches.first])


def _areas_within(discs: Runs, rims: Runs, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Blocks of each disc that are its rim's own."""
    labels = paint_runs(discs, shape)
    rim = paint_runs(rims, shape) > 0
    return np.bincount(labels[rim], minlength=discs.label.size + 1)[1:]
