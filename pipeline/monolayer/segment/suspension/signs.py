"""What is measured of each object to tell cells from debris and living from dead cells.

All signs are relative: lengths to the typical diameter, contrasts to the background. They are
held within what cells show, so that no monster weighs more than a cell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.segment.suspension.contrast import Contrast
from monolayer_kernels.measure_intensity import measure_intensity
from monolayer_kernels.measure_rings import moment_ellipses, ring_means
from monolayer_kernels.measure_runs import Runs, RunSums, sum_runs
from monolayer_kernels.objects import ellipse_scores, outline_falls, run_means

__all__ = ["Signs", "read_signs"]

Float64 = NDArray[np.float64]

_RINGS = 4
_PIXEL = 1 / 12
_REACH = 0.1  # of a diameter


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of n objects, arrays of length n.

    Attributes
    ----------
    size : ndarray
        log2 of the diameter (of a disc of the same area) over the typical one.
    shape : ndarray
        Shape score: 1 for an ellipse, see `monolayer_kernels.runs.shape_scores`.
    elongation : ndarray
        log2 of major over minor axis.
    centre, inner, outer, rim : ndarray
        Mean contrast in four rings, from the centre outwards.
    brightest, darkest : ndarray
        Extremes of the contrast.
    sharpness : ndarray
        Fall of the absolute contrast across the outline over its mean.
    on_line : ndarray
        Share of the object's pixels that a line of the chamber was taken from.
    cut_off : ndarray
        1 where the border of the image cuts the object, else 0.
    """

    size: Float64
    shape: Float64
    elongation: Float64
    centre: Float64
    inner: Float64
    outer: Float64
    rim: Float64
    brightest: Float64
    darkest: Float64
    sharpness: Float64
    on_line: Float64
    cut_off: Float64


def read_signs(objects: Runs, plane: Contrast, diameter: float) -> Signs:
    """Measure the signs of objects that were found in a plane of contrast."""
    sums = sum_runs(objects)
    contrast = plane.contrast
    absolute = np.abs(contrast)
    ellipses = _whole_ellipses(sums, contrast.shape)
    rings = np.clip(ring_means(objects, ellipses, contrast, _RINGS), -1, 2)
    extremes = measure_intensity(objects, sums, contrast)
    falls = outline_falls(objects, absolute, max(1, round(_REACH * diameter)))
    falls /= np.maximum(run_means(objects, absolute), 1e-3)
    diameters = 2 * np.sqrt(sums.moments[:, 0] / np.pi)
    return Signs(
        size=np.clip(np.log2(diameters / diameter), -1.5, 1.5),
        shape=ellipse_scores(sums),
        elongation=_elongation(sums),
        centre=rings[:, 0],
        inner=rings[:, 1],
        outer=rings[:, 2],
        rim=rings[:, 3],
        brightest=np.clip(extremes["intensity_max"], 0, 2),
        darkest=np.clip(extremes["intensity_min"], -1, 0),
        sharpness=np.clip(falls, -2, 6),
        on_line=run_means(objects, plane.lines.astype(np.float32)),
        cut_off=_cut_off(sums, contrast.shape),
    )


def _whole_ellipses(sums: RunSums, shape: tuple[int, ...]) -> Float64:
    """Each object's own ellipse, or the circle that it was before one side of the image cut it.

    Of a disc more than half of which is seen, the extent along the border is the diameter, and
    the extent from the border the radius and how far inside the centre lies.
    """
    ellipses = moment_ellipses(sums)
    top, left, bottom, right = sums.bbox.T.astype(np.float64)
    height, width = bottom - top, right - left
    sides = np.column_stack((top == 0, bottom == shape[0], left == 0, right == shape[1]))
    across = np.column_stack((width, width, height, height)) / 2
    along = np.column_stack((height, height, width, width))
    inside = along - across
    for side in range(4):
        cut = sides[:, side] & (sides.sum(axis=1) == 1) & (inside[:, side] > 0)
        cut &= along[:, side] < 2 * across[:, side]
        centre_y, centre_x = (top + bottom - 1) / 2, (left + right - 1) / 2
        at = inside[:, side] - 0.5
        if side < 2:
            centre_y = at if side == 0 else shape[0] - 1 - at
        else:
            centre_x = at if side == 2 else shape[1] - 1 - at
        square = across[:, side] ** -2
        circle = np.column_stack((centre_y, centre_x, square, square, np.zeros(len(square))))
        ellipses[cut] = circle[cut]
    return ellipses


def _elongation(sums: RunSums) -> Float64:
    area, y, x, yy, xx, xy = sums.moments.T.astype(np.float64)
    y, x = y / area, x / area
    vy, vx, c = yy / area - y * y + _PIXEL, xx / area - x * x + _PIXEL, xy / area - x * y
    mean, apart = (vy + vx) / 2, np.sqrt(((vy - vx) / 2) ** 2 + c * c)
    elongation: Float64 = np.minimum(np.log2((mean + apart) / (mean - apart)) / 2, 2.0)
    return elongation


def _cut_off(sums: RunSums, shape: tuple[int, ...]) -> Float64:
    bbox = sums.bbox
    cut = np.any(bbox[:, :2] == 0, axis=1) | np.any(bbox[:, 2:] == shape, axis=1)
    return np.where(cut, 1.0, 0.0)
