"""What a plug-in returned, judged: label images by others keep our promises or cost the field.

Promised to every later step: int32, the plane's shape, objects 1 to n in the order of their first
pixels, a score of 0 to 1 or NaN each, and nothing smaller than ``min_area_um2``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.pixels import smallest_area
from monolayer.segment.segmenter import FIGURES, Outlined, Segmentation, Segmenter
from monolayer.segment.settings import SegmentSettings
from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.objects import select_objects

__all__ = ["CheckedSegmenter"]


class CheckedSegmenter:
    """A segmenter whose results are checked and numbered in our order."""

    def __init__(self, inner: Segmenter, settings: SegmentSettings) -> None:
        self._inner = inner
        self._settings = settings

    @property
    def version(self) -> str:
        """The inner segmenter's."""
        return self._inner.version

    @property
    def weights_sha256(self) -> str | None:
        """The inner segmenter's."""
        return self._inner.weights_sha256

    def segment(self, pixels: NDArray[Any], pixel_size_um: float | None) -> Segmentation:
        """Segment a copy of the plane, then check what came back.

        Raises
        ------
        ImageError
            ``segmenter_output``: labels or scores are not what they must be.
        """
        smallest = smallest_area(self._settings, pixel_size_um)
        found = self._inner.segment(pixels.copy(), pixel_size_um)
        runs = find_runs(self._labels(found.labels, pixels.shape))
        scores = self._scores(found.scores, runs.label.size)
        areas = _areas(runs)
        kept = np.flatnonzero(areas >= smallest)
        first = runs.first[kept]
        kept = kept[np.lexsort((runs.start[first], runs.row[first]))]
        outlined = Outlined(select_objects(runs, kept), pixels.shape)
        diameter = found.diameter_px or _typical_diameter(areas[kept])
        return Segmentation(outlined, scores[kept], diameter, _figures(scores[kept]))

    def _labels(self, labels: Any, shape: tuple[int, ...]) -> NDArray[np.int32]:
        if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
            kind = getattr(labels, "dtype", type(labels).__name__)
            raise self._refused(f"labels of {kind}, not an array of integers")
        if labels.shape != shape:
            raise self._refused(f"labels of shape {labels.shape} for a plane of {shape}")
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high > np.iinfo(np.int32).max:
            raise self._refused(f"labels from {low} to {high}, not from 0 to 2^31 - 1")
        return np.ascontiguousarray(labels, np.int32)

    def _scores(self, given: Any, n: int) -> NDArray[np.float64]:
        scores = np.asarray(given, np.float64)
        if scores.size == 0:
            return np.full(n, np.nan)
        if scores.shape != (n,):
            raise self._refused(f"scores of shape {scores.shape} for {n} objects")
        if ((scores < 0) | (scores > 1)).any():
            low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
            raise self._refused(f"scores from {low:g} to {high:g}, not from 0 to 1")
        return scores

    def _refused(self, what: str) -> ImageError:
        name = self._settings.method
        return ImageError("segmenter_output", f"the segmenter '{name}' gave {what}: mend it.")


def _areas(runs: Runs) -> NDArray[np.int64]:
    if not runs.row.size:
        return np.zeros(0, np.int64)
    lengths = (runs.stop - runs.start).astype(np.int64)
    areas: NDArray[np.int64] = np.add.reduceat(lengths, runs.first[:-1])
    return areas


def _typical_diameter(areas: NDArray[np.int64]) -> float | None:
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if areas.size else None


def _figures(scores: NDArray[np.float64]) -> dict[str, float | None]:
    known = scores[~np.isnan(scores)]
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    return figures | {"segment_mean_score": float(known.mean()) if known.size else None}
