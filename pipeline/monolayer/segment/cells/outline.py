"""The cell around each nucleus, in a channel that shows cytoplasm or membrane.

1. Height above the background, in a window that some background must be seen in; its noise.
2. Each nucleus grows over everything that is brighter than background and haze, brightest pixels
   first, in steps of an eighth of an octave, first come first served within a step. Two cells meet
   in the valley between them, or half way where there is none.
3. The outline is then drawn where the height is half that of the cell's own thin part, and the
   growing is done again from the start with these levels. The first time, to find them, every
   other pixel will do.

The trick is the logarithmic step: it weighs brightness against distance. On a few simulated fields
of 5,000, 20,000 and 60,000 cells per cm2 the mean overlap with the truth was .92, .82 and .68; with
distance alone (one step for all) .03 to .15 less, and with a flood over a cost of gradient and
distance (Jones 2005) .88, .83 and .71 at best, for a kernel of its own.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.cells.settings import CellOutlineSettings
from monolayer.segment.contrast import background_peak, grey_step
from monolayer_kernels.background import estimate_background, subtract_background
from monolayer_kernels.flood import grow_labels
from monolayer_kernels.labels import fill_holes, label_boxes
from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.noise import estimate_noise, median
from monolayer_kernels.smooth import gaussian, gaussian_weights

__all__ = ["CELL_FIGURES", "OutlinedCells", "outline_cells"]

CELL_FIGURES = ("cell_background_noise", "cell_brightness", "cell_area_fraction")
"""Names of `OutlinedCells.figures`, the same whatever was found."""

Labels = NDArray[np.int32]

_STEPS_AN_OCTAVE = 8
_ROUNDING = 12**-0.5
# A nucleus is the cell's own even where the dye leaves it dark.
_NUCLEUS = np.float32(3e38)
_THIN_PART = 0.25


@dataclass(frozen=True, slots=True)
class OutlinedCells:
    """Cells of one plane.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        0 for background; a cell has the number of its nucleus and holds all of it.
    stained : ndarray (n,) bool
        Whether anything was seen around or over the nucleus; where nothing was, the label is the
        bare nucleus and is no cell's outline.
    figures : dict of str to float or None
        ``cell_background_noise`` (grey values, after smoothing), ``cell_brightness`` (median
        height over the nuclei), ``cell_area_fraction`` (share of pixels that a cell covers).
    """

    labels: Labels
    stained: NDArray[np.bool_]
    figures: dict[str, float | None] = field(default_factory=dict)


def outline_cells(
    pixels: NDArray[np.generic],
    nuclei: Labels,
    nucleus_diameter_px: float | None,
    settings: CellOutlineSettings | None = None,
) -> OutlinedCells:
    """Outline the cell around each nucleus.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or finite floats, cells brighter than the background.
    nuclei : ndarray (H, W) int32
        Label image of the nuclei, numbered 1 to n.
    nucleus_diameter_px : float or None
        Typical diameter of a nucleus, the unit of the settings; None where there are no nuclei.
    settings : CellOutlineSettings, optional

    Returns
    -------
    OutlinedCells
        The same to the last bit for the same pixels, nuclei and settings.

    Raises
    ------
    ImageError
        Pixels are not finite.
    ValueError, TypeError
        Shapes differ, pixels hold no real numbers, labels are not 1 to n, or the diameter is not
        above 0.
    """
    image = _checked(pixels, nuclei)
    seeds = find_runs(np.ascontiguousarray(nuclei))
    n = seeds.label.size
    if n and int(seeds.label[-1]) != n:
        raise ValueError(f"nuclei must be numbered 1 to {n}; the last is {seeds.label[-1]}")
    if n == 0 or nucleus_diameter_px is None:
        return OutlinedCells(np.zeros(image.shape, np.int32), np.zeros(0, np.bool_), _nothing())
    if not nucleus_diameter_px > 0:
        raise ValueError(f"nucleus_diameter_px must be above 0, not {nucleus_diameter_px}")
    settings = settings or CellOutlineSettings()
    height, noise = _measure_height(image, nucleus_diameter_px, settings)
    brightness = float(np.median(height[nuclei > 0]))
    lowest = max(
        settings.min_signal_to_noise * noise,
        settings.min_relative_brightness * brightness,
        # Of a flat plane without noise nothing is brighter than the background.
        float(np.finfo(np.float32).tiny),
    )
    labels = _outline(seeds, nuclei, height, lowest, settings.contour_level)
    stained = _stained(labels, nuclei, height, lowest)
    covered = np.concatenate([[False], stained])[labels]
    figures: dict[str, float | None] = {
        "cell_background_noise": noise,
        "cell_brightness": brightness,
        "cell_area_fraction": float(np.count_nonzero(covered)) / labels.size,
    }
    return OutlinedCells(labels, stained, figures)


def _checked(pixels: NDArray[np.generic], nuclei: Labels) -> NDArray[np.float32]:
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    if pixels.shape != nuclei.shape:
        raise ValueError(f"pixels have shape {pixels.shape}, but nuclei {nuclei.shape}")
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError(
            "not_finite",
            f"{bad} pixels of the cell channel are NaN or infinite; export the image anew.",
        )
    return image


def _nothing() -> dict[str, float | None]:
    return {**dict.fromkeys(CELL_FIGURES), "cell_area_fraction": 0.0}


def _measure_height(
    image: NDArray[np.float32], diameter: float, settings: CellOutlineSettings
) -> tuple[NDArray[np.float32], float]:
    """Height above the background, smoothed, and its noise where there is only background."""
    sigma = settings.smoothing * diameter
    smooth = gaussian(image, sigma) if sigma > 0 else image
    window = settings.background_window * diameter
    height = subtract_background(smooth, *estimate_background(smooth, window))
    gain = 1.0
    if sigma > 0:
        weights = gaussian_weights(sigma).astype(np.float64)
        gain = float(weights[0] ** 2 + 2 * (weights[1:] ** 2).sum())
    noise = estimate_noise(image, height <= median(height)) * gain
    noise = max(noise, grey_step(image) * _ROUNDING * gain)
    if noise == 0:
        return height, 0.0
    zero, spread = background_peak(height, noise)
    height -= np.float32(zero)
    return height, max(noise, spread)


def _outline(
    seeds: Runs,
    nuclei: Labels,
    height: NDArray[np.float32],
    lowest: float,
    level: float,
) -> Labels:
    """Grow twice: over all that is bright enough, then down to each cell's own level."""
    octaves = np.log2(np.maximum(height, np.float32(lowest)) / np.float32(lowest))
    # Rounded, because the logarithm may differ in its last bit between machines.
    steps = np.minimum(np.round(octaves * _STEPS_AN_OCTAVE, 3), 255).astype(np.uint8)
    ground = np.where(nuclei > 0, _NUCLEUS, height)
    n = seeds.label.size
    own = level * lowest * _first_look(ground, steps, nuclei, lowest, n)
    thresholds = np.maximum(own, lowest).astype(np.float32)
    labels = grow_labels(seeds, ground, steps, thresholds)
    fill_holes(labels, label_boxes(labels, n))
    return labels


def _first_look(
    ground: NDArray[np.float32],
    steps: NDArray[np.uint8],
    nuclei: Labels,
    lowest: float,
    n: int,
) -> NDArray[np.float64]:
    """Height of each cell's thin part, over the lowest of all, grown on every other pixel.

    On all pixels it took four times as long, and the outlines were no better (overlap within .001).
    """
    seeds = find_runs(np.ascontiguousarray(nuclei[::2, ::2]))
    coarse, order = np.ascontiguousarray(ground[::2, ::2]), np.ascontiguousarray(steps[::2, ::2])
    thresholds = np.full(seeds.label.size, lowest, dtype=np.float32)
    return _thin_heights(grow_labels(seeds, coarse, order, thresholds), order, n)


def _thin_heights(labels: Labels, steps: NDArray[np.uint8], n: int) -> NDArray[np.float64]:
    """Lower quartile of the heights of each label, over the lowest of all; from a histogram."""
    codes = labels * np.int32(256) + steps
    counts = np.bincount(codes[labels > 0], minlength=(n + 1) * 256)
    total = np.cumsum(counts.reshape(n + 1, 256)[1:], axis=1)
    wanted = _THIN_PART * total[:, -1]
    step = np.argmax(total >= wanted[:, np.newaxis], axis=1)
    row = np.arange(n)
    below = np.where(step > 0, total[row, step - 1], 0)
    part = (wanted - below) / np.maximum(total[row, step] - below, 1)
    # Rounded, because powers may differ in their last bit between machines.
    edges = np.round(2.0 ** (np.arange(257) / _STEPS_AN_OCTAVE), 4)
    heights: NDArray[np.float64] = edges[step] + part * (edges[step + 1] - edges[step])
    return heights


def _stained(
    labels: Labels, nuclei: Labels, height: NDArray[np.float32], lowest: float
) -> NDArray[np.bool_]:
    """Cells that reach beyond their nucleus, or whose nucleus is itself bright."""
    n = int(nuclei.max())
    around = np.bincount(labels[nuclei == 0], minlength=n + 1)[1:]
    area = np.bincount(nuclei.ravel(), minlength=n + 1)[1:]
    bright = np.bincount(nuclei[height >= lowest], minlength=n + 1)[1:]
    stained: NDArray[np.bool_] = (around > 0) | (2 * bright >= area)
    return stained
