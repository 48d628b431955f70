"""Nuclei in a fluorescence plane: found by one of two methods, then judged alike.

`tree` and `threshold` find objects; `confidence` scores each, and out goes what is too small, too
faint or too soft.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.confidence import Evidence, weigh_objects
from monolayer.segment.detect import circle_area
from monolayer.segment.found import Found
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.threshold import find_by_threshold
from monolayer.segment.tree import find_by_tree
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.objects import paint_runs, select_objects

__all__ = ["FIGURES", "Segmentation", "segment_nuclei"]

FIGURES = ("segment_noise", "segment_brightness", "segment_mean_score")
"""Names of `Segmentation.figures`, the same whatever was found."""

Counts = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Nuclei of one plane.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        0 for background; objects are 1 to n in the row-major order of their first pixels.
    scores : ndarray (n,) float64
        Confidence of each object, 0 to 1: the estimated probability that an expert would have
        outlined the same object. Low scores come first in a review queue.
    diameter_px : float or None
        Typical diameter: as given, or found; None where nothing was found.
    figures : dict of str to float or None
        ``segment_noise`` (standard deviation of the background after smoothing, grey values),
        ``segment_brightness`` (typical height of a nucleus above it), ``segment_mean_score``.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float64]
    diameter_px: float | None
    figures: dict[str, float | None] = field(default_factory=dict)


def segment_nuclei(
    pixels: NDArray[np.generic],
    settings: SegmentSettings | None = None,
    pixel_size_um: float | None = None,
) -> Segmentation:
    """Find and outline the nuclei of one fluorescence plane.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or floats, nuclei brighter than the background; any memory order. Counts give
        the same result whatever dtype they are stored in, up to 24 bits.
    settings : SegmentSettings, optional
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by settings in um.

    Returns
    -------
    Segmentation
        The same to the last bit for the same pixels and settings.

    Raises
    ------
    ImageError
        A setting is in um and the pixel size is not known, or pixels are not finite.
    ValueError, TypeError
        ``pixels`` is not 2-D, is empty or does not hold real numbers.
    """
    settings = settings or SegmentSettings()
    image = _checked(pixels, settings.method)
    told = _in_pixels("expected_diameter_um", settings.expected_diameter_um, pixel_size_um)
    side = _in_pixels("min_area_um2", settings.min_area_um2, pixel_size_um, root=True)
    for found in _find(image, told, settings):
        smallest = settings.min_relative_area * circle_area(found.diameter)
        smallest = max(smallest, side * side if side else 1)
        kept = _judge(found, smallest, settings)
        if kept.scores.size:
            return kept
    return _nothing(image, told)


def _checked(pixels: NDArray[np.generic], method: str) -> NDArray[np.float32] | Counts:
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    if method == "threshold" and pixels.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(pixels, dtype=np.uint16)
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    if pixels.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError("not_finite", f"{bad} pixels are NaN or infinite; export the image anew.")
    return image


def _in_pixels(name: str, um: float | None, size: float | None, root: bool = False) -> float | None:
    """Pixels for um; with ``root`` the side of a square of so many um2."""
    if um is None:
        return None
    if size is None:
        raise ImageError(
            "pixel_size_unknown",
            f"{name} is {um:g} but the pixel size is unknown; give --pixel-size-um.",
        )
    return (math.sqrt(um) if root else um) / size


def _find(
    image: NDArray[np.float32] | Counts, told: float | None, settings: SegmentSettings
) -> Iterator[Found]:
    if settings.method == "threshold":
        found = find_by_threshold(image, told, settings)
        yield from [found] if found else []
    else:
        yield from find_by_tree(image.astype(np.float32, copy=False), told, settings)


def _judge(found: Found, smallest: float, settings: SegmentSettings) -> Segmentation:
    """Score the objects and leave out what is no nucleus."""
    objects, contrast = found.objects, found.contrast
    evidence = weigh_objects(objects, contrast, found.diameter, found.brightness)
    kept = _in_order(objects, _believed(evidence, smallest, contrast.noise, settings))
    scores = evidence.scores[kept]
    figures = {
        "segment_noise": contrast.noise,
        "segment_brightness": found.brightness,
        "segment_mean_score": float(scores.mean()) if scores.size else None,
    }
    labels = paint_runs(select_objects(objects, kept), contrast.height.shape)
    return Segmentation(labels, scores, found.diameter, figures)


def _believed(
    evidence: Evidence, smallest: float, noise: float, settings: SegmentSettings
) -> NDArray[np.bool_]:
    keep = (evidence.areas >= smallest) & (evidence.scores >= settings.min_score)
    keep &= evidence.heights >= settings.min_signal_to_noise * noise
    return keep & ~evidence.blots()


def _in_order(objects: Runs, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which objects stay, in the row-major order of their first pixels."""
    kept = np.flatnonzero(keep)
    first = objects.first[kept]
    return kept[np.lexsort((objects.start[first], objects.row[first]))]


def _nothing(image: NDArray[Any], diameter: float | None) -> Segmentation:
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    return Segmentation(np.zeros(image.shape, np.int32), np.zeros(0), diameter, figures)
