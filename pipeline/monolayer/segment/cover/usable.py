"""Parts of an image in which no surface can be judged: walls of the vessel, and bubbles.

A dense layer is dark in many places as well, and a full vessel that is refused is the worst error
of all. So darkness alone is not enough: what is taken out must have the shape that only a wall or
a bubble has, and where that is in doubt the surface counts as usable.

1. Means of blocks of about 10 um, relative to the whole image. Dark ones make patches.
2. A wall is a straight line, near one side of the image and about along it, that is dark nearly
   all its way, and a few blocks further in no longer is, as no uneven illumination does. It takes
   what is dark or rough and joins it, from the image's side to that line.
3. A bubble is a round, quiet patch closed in by a dark rim; cells leave gaps that are ragged.
"""

from typing import NamedTuple

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

Plane = NDArray[np.float32]

_BLOCK = 8
_DARK = 0.8
_ROUGH = 0.15
_DEVIANT = 0.12
_LEAST_INSIDE = 40
_MARGIN = 1
# Shares of a wall's innermost dark line, of each quarter of it, and of all that lies behind it.
_LINE = 0.6
_PART = 0.4
_FILLED = 0.7
_AT_SIDE = 0.5
_STEP = 0.75
_LIT = 0.7
_AFTER = 6
_ABRUPT = 4
_LEAST_LINE = 0.75
_DEEPEST = 0.5
_SLANT = 0.15
_SHEAR_STEP = 2
_LEAST_SIDE = 16
_ROUND = 0.9
_QUIET = 0.05
_RIM = 3
_MOST = 0.5


class _Line(NamedTuple):
    depth: int
    shear: int


def find_unusable(texture: Texture) -> dict[str, Mask]:
    """Masks of what is not usable, by reason, disjoint, at the working scale."""
    shape = (texture.image.shape[0], texture.image.shape[1])
    if texture.level <= 0 or min(shape) < _LEAST_SIDE * _BLOCK:
        return {reason: np.zeros(shape, np.uint8) for reason in REASONS}
    mean = bin_mean(texture.image, _BLOCK) / np.float32(texture.level)
    rough = bin_mean(texture.deviation, _BLOCK) / np.float32(texture.level)
    wall = _walls(mean, rough)
    bubble = _bubbles(mean, rough) & (1 - wall)
    found = zip(REASONS, (wall, bubble), strict=True)
    return {reason: enlarge(mask, _BLOCK, shape).view(np.uint8) for reason, mask in found}


def _walls(mean: Plane, rough: Plane) -> Mask:
    dark = mean < np.float32(_DARK)
    deviant = dark | ((rough > _ROUGH) & (np.abs(mean - 1) > _DEVIANT))
    wall = np.zeros(mean.shape, np.bool_)
    for turn in range(4):
        # At the image's very side most of a wall is in view; the search below takes its time.
        if np.rot90(deviant, turn)[:2].mean(axis=1).max() < _AT_SIDE:
            continue
        line = _dark_line(np.rot90(mean, turn))
        if line is not None:
            lines = _depths(np.rot90(mean, turn).shape, line.shear)
            if np.rot90(deviant, turn)[lines <= line.depth].mean() >= _FILLED:
                wall |= np.rot90(lines <= line.depth + _ABRUPT, -turn)
    if not wall.any():
        return wall.view(np.uint8)
    patches = group_runs(find_above((deviant & wall).astype(np.uint8), 0), 8)
    kept = _touching_border(patches, deviant.shape)
    grown = grow(draw_patches(patches, kept, (mean.shape[0], mean.shape[1])), _MARGIN)
    # What a wall lets through in between is no surface either.
    return fill_small(grown, _LEAST_INSIDE)


def _dark_line(mean: Plane) -> _Line | None:
    """The innermost of the straight dark lines along the first row's side."""
    reach = int(_SLANT * mean.shape[1])
    best = None
    for shear in range(-reach, reach + 1, _SHEAR_STEP):
        lines, inside = _along(mean, shear)
        counts = np.maximum(inside.sum(axis=1), 1)
        level = lines.sum(axis=1, dtype=np.float64) / counts
        long = counts >= _LEAST_LINE * mean.shape[1]
        if not (level[long] < _STEP * level.max()).any():
            continue
        after = np.lib.stride_tricks.sliding_window_view(level[_MARGIN + 1 :], _AFTER)
        n = after.shape[0]
        # Held against the surface just behind, as the lamp may be dim on that side.
        usual = np.median(after, axis=1)
        dark = inside[:n] & (lines[:n] < (_DARK * usual)[:, None])
        shares = np.minimum(
            dark.sum(axis=1) / counts[:n] / _LINE, _least_part(dark, inside[:n]) / _PART
        )
        beyond = lines[_ABRUPT : n + _ABRUPT]
        lit = (beyond >= (_DARK * usual)[:, None]).sum(axis=1) / counts[_ABRUPT : n + _ABRUPT]
        found = (shares >= 1) & (level[:n] < _STEP * usual) & (lit >= _LIT)
        depths = np.flatnonzero(found & long[:n])
        if depths.size and (best is None or depths[-1] > best.depth):
            best = _Line(int(depths[-1]), shear)
    return best


def _least_part(dark: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dark share of that quarter of each line that has least."""
    parts = np.linspace(0, dark.shape[1], 5).astype(np.int64)[:-1]
    counts = np.add.reduceat(inside, parts, axis=1, dtype=np.int64)
    shares = np.add.reduceat(dark, parts, axis=1, dtype=np.int64) / np.maximum(counts, 1)
    return np.asarray(np.where(counts > 0, shares, 1.0).min(axis=1), np.float64)


def _along(mean: Plane, shear: int) -> tuple[Plane, NDArray[np.bool_]]:
    """Lines of this shear from the first row's side on, 0 where outside; and what is inside."""
    height, width = mean.shape
    last = min(int(_DEEPEST * height) + _AFTER, height - 1)
    lines = np.arange(last + 1)[:, None] + _offsets(width, shear)
    inside = (lines >= 0) & (lines < height)
    seen = mean[np.clip(lines, 0, height - 1), np.arange(width)]
    return np.where(inside, seen, np.float32(0)), inside


def _depths(shape: tuple[int, ...], shear: int) -> NDArray[np.int64]:
    """On which line of this shear each block lies."""
    return np.arange(shape[0])[:, None] - _offsets(shape[1], shear)[None, :]


def _offsets(width: int, shear: int) -> NDArray[np.int64]:
    return np.rint(shear * ((np.arange(width) + 0.5) / width - 0.5)).astype(np.int64)


def _touching_border(patches: Runs, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    labels = paint_runs(patches, shape)
    at = np.zeros(patches.label.size + 1, np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        at[edge] = True
    return at[1:]


def _bubbles(mean: Plane, rough: Plane) -> Mask:
    """Round quiet holes in what is dark, with the rim that closes them in."""
    shape = (mean.shape[0], mean.shape[1])
    dark = (mean < np.float32(_DARK)).astype(np.uint8)
    rims = group_runs(find_above(dark, 0), 8)
    discs = group_runs(fill_gaps(find_above(dark, 0), 8), 8)
    every = draw_patches(discs, np.ones(discs.label.size, np.bool_), shape)
    holes = group_runs(find_above(every & (1 - dark), 0), 4)
    if not holes.label.size or not rims.label.size:
        return np.zeros(shape, np.uint8)
    kept = _round_and_quiet(paint_runs(holes, shape), rough, holes.label.size)
    inside = draw_patches(holes, kept, shape)
    bubble = inside | (grow(inside, _RIM) & dark)
    return grow(bubble, _MARGIN)


def _round_and_quiet(labels: NDArray[np.int32], rough: Plane, n: int) -> NDArray[np.bool_]:
    """Which patches are discs, by their second moment, and hold no texture in their mean."""
    y, x = np.nonzero(labels)
    of = labels[y, x]
    area = np.maximum(np.bincount(of, minlength=n + 1), 1)
    centre_y = np.bincount(of, y, n + 1) / area
    centre_x = np.bincount(of, x, n + 1) / area
    far2 = (y - centre_y[of]) ** 2 + (x - centre_x[of]) ** 2
    moment = np.bincount(of, far2, n + 1) + area / 6
    roundness = area * area / (2 * np.pi * moment)
    texture = np.bincount(of, rough[y, x], n + 1) / area
    disc = (area >= _LEAST_INSIDE) & (area <= _MOST * labels.size) & (roundness >= _ROUND)
    return np.asarray((disc & (texture <= _QUIET))[1:], np.bool_)
