"""Bright field as relative contrast: what is darker or brighter than the empty chamber.

1. Background: medians of blocks wider than several cells, straight lines between them.
2. Contrast: the image over its background, minus 1, so that lamp and exposure do not matter.
3. The grid of a counting chamber is taken off: what stays the same along a row or column over
   several cells' length.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer_kernels.background import subtract_background
from monolayer_kernels.lines import line_levels
from monolayer_kernels.smooth import gaussian

__all__ = ["Contrast", "flatten"]

Plane = NDArray[np.float32]

# Lengths in typical diameters. Two cells in a row are less than half of a stretch of 4.5: at 3 they
# were taken for a piece of line and lost most of their contrast.
_BLOCK = 6.0
_SMOOTH = 0.035
_LINE_REACH = 2.25

# Pixels a side of a block of which every other row and column is enough.
_MANY = 64

# Steps of the contrast in which lines are looked for, and the least that is a line.
_STEPS = 64
_ZERO = 128
_LEAST_LINE = 0.04


@dataclass(frozen=True, slots=True)
class Contrast:
    """A plane of relative contrast.

    Attributes
    ----------
    contrast : ndarray (H, W) float32
        Grey value over background, minus 1; smoothed a little, without the chamber's lines.
    lines : ndarray (H, W) bool
        Where a line was taken off.
    """

    contrast: Plane
    lines: NDArray[np.bool_]


def flatten(image: Plane, diameter: float) -> Contrast:
    """Contrast of a bright-field plane.

    Parameters
    ----------
    image : ndarray (H, W) float32
    diameter : float
        Typical diameter of a cell, pixels.

    Raises
    ------
    ImageError
        ``not_bright_field``: the background is not above 0 everywhere.
    """
    block = max(1, round(_BLOCK * diameter))
    above = subtract_background(image, _block_medians(image, block), block)
    background = image - above
    if not background.min() > 0:
        raise ImageError(
            "not_bright_field",
            "The background is 0 or below, but bright field has a lit one: give the raw image, "
            "not one that a background was subtracted from.",
        )
    raw = gaussian(above / background, _SMOOTH * diameter)
    levels = _line_levels(raw, diameter)
    lines = levels.astype(np.float32)
    lines -= _ZERO
    lines /= _STEPS
    return Contrast(np.subtract(raw, lines, out=lines), levels != _ZERO)


def _line_levels(raw: Plane, diameter: float) -> NDArray[np.uint8]:
    """Level of the line on which each pixel lies, `_ZERO` where there is none."""
    steps = raw * np.float32(_STEPS)
    np.rint(steps, out=steps)
    steps += _ZERO
    np.clip(steps, 0, 255, out=steps)
    reach = max(1, round(_LINE_REACH * diameter))
    return line_levels(steps.astype(np.uint8), reach, _ZERO, math.ceil(_LEAST_LINE * _STEPS))


def _block_medians(image: Plane, block: int) -> Plane:
    """Median of each block; at the far edges of a whole block moved inwards.

    Every other row and column will do: a quarter of some 14,000 pixels.
    """
    step = 2 if block > _MANY else 1
    grid = np.empty([-(-side // block) for side in image.shape], np.float32)
    for at in np.ndindex(*grid.shape):
        rows, columns = (_stretch(at[axis], block, step, image.shape[axis]) for axis in range(2))
        grid[at] = _median(image[rows, columns].ravel())
    return grid


def _median(values: Plane) -> np.float32:
    """As numpy's own, to the last bit; that one spends most of its time on what cannot be here."""
    half = values.size // 2
    if values.size % 2:
        return np.float32(np.partition(values, half)[half])
    middle = np.partition(values, (half - 1, half))
    return np.float32((middle[half - 1] + middle[half]) / np.float32(2))


def _stretch(i: int, block: int, step: int, side: int) -> slice:
    first = max(0, min(i * block, side - block))
    return slice(first, first + block, step)
