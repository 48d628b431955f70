"""Chores on byte masks: grow, shrink, open, close, and drop or fill what is small."""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.cover import draw_patches, spread
from monolayer_kernels.label import find_above, group_runs

__all__ = ["Mask", "close", "drop_small", "fill_small", "grow", "open_", "shrink"]

Mask = NDArray[np.uint8]


def grow(mask: Mask, steps: int) -> Mask:
    """Grow by a number of pixels; nothing comes in from beyond the image."""
    return spread(mask, None, steps)


def shrink(mask: Mask, steps: int) -> Mask:
    """Shrink by a number of pixels, but not from the image's border."""
    return 1 - spread(1 - mask, None, steps)


def open_(mask: Mask, steps: int) -> Mask:
    """Take off what is thinner than twice the steps."""
    return grow(shrink(mask, steps), steps)


def close(mask: Mask, steps: int) -> Mask:
    """Fill what is narrower than twice the steps."""
    return shrink(grow(mask, steps), steps)


def drop_small(mask: Mask, area: float, connectivity: int = 8) -> Mask:
    """Take out the patches of fewer pixels than an area."""
    patches = group_runs(find_above(mask, 0), connectivity)
    lengths = np.zeros(patches.row.size + 1, np.int64)
    np.cumsum(patches.stop - patches.start, out=lengths[1:])
    areas = np.diff(lengths[patches.first])
    return draw_patches(patches, areas >= area, mask.shape)


def fill_small(mask: Mask, area: float) -> Mask:
    """Fill the gaps of fewer pixels than an area."""
    return 1 - drop_small(1 - mask, area, connectivity=4)
