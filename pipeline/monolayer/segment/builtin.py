"""The explicitly programmed methods: nuclei found by one of two, then judged alike.

`tree` and `threshold` find objects; `confidence` scores each, and out goes what is too small, too
faint or too soft.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from monolayer.segment.confidence import Evidence, weigh_objects
from monolayer.segment.detect import circle_area
from monolayer.segment.found import Found
from monolayer.segment.pixels import smallest_area, told_diameter
from monolayer.segment.segmenter import FIGURES, Outlined, Segmentation
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.threshold import find_by_threshold
from monolayer.segment.tree import find_by_tree
from monolayer.settings import Settings
from monolayer_kernels.measure_runs import Runs, RunSums
from monolayer_kernels.objects import join_objects, select_objects

__all__ = ["ThresholdSegmenter", "TreeSegmenter"]


class _NoOptions(Settings):
    """These methods are set in ``segment`` itself."""


class _Programmed:
    """What both methods share: no weights, and the same judgement."""

    Options: ClassVar[type[BaseModel]] = _NoOptions
    weights_sha256: str | None = None

    def __init__(self, options: _NoOptions, settings: SegmentSettings) -> None:  # noqa: ARG002
        self.version = version("monolayer")
        self._settings = settings

    def segment(self, pixels: NDArray[Any], pixel_size_um: float | None) -> Segmentation:
        """Find and judge; where nothing holds at the likeliest scale, at the next one."""
        told = told_diameter(self._settings, pixel_size_um)
        least = smallest_area(self._settings, pixel_size_um)
        for found in self._find(pixels, told):
            smallest = self._settings.min_relative_area * circle_area(found.diameter)
            kept = _judge(found, max(smallest, least), self._settings)
            if kept.scores.size:
                return kept
        return _nothing(pixels, told)

    def _find(self, pixels: NDArray[Any], told: float | None) -> Iterator[Found]:
        raise NotImplementedError


class TreeSegmenter(_Programmed):
    """The best components of many levels: see `monolayer.segment.tree`."""

    def _find(self, pixels: NDArray[Any], told: float | None) -> Iterator[Found]:
        return find_by_tree(pixels, told, self._settings)


class ThresholdSegmenter(_Programmed):
    """One level for the field: see `monolayer.segment.threshold`."""

    def _find(self, pixels: NDArray[Any], told: float | None) -> Iterator[Found]:
        image = pixels.astype(np.uint16, copy=False) if pixels.dtype == np.uint8 else pixels
        found = find_by_threshold(image, told, self._settings)
        return iter([found] if found else [])


def _judge(found: Found, smallest: float, settings: SegmentSettings) -> Segmentation:
    """Score the objects and leave out what is no nucleus."""
    objects, contrast = found.objects, found.contrast
    evidence = weigh_objects(found)
    kept = _in_order(objects, _believed(evidence, smallest, contrast.noise, settings))
    scores = evidence.scores[kept]
    figures = {
        "segment_noise": contrast.noise,
        "segment_brightness": evidence.brightness,
        "segment_mean_score": float(scores.mean()) if scores.size else None,
    }
    sums = RunSums(*(each[kept] for each in evidence.sums))
    outlined = Outlined(select_objects(objects, kept), contrast.height.shape, sums)
    return Segmentation(outlined, scores, found.diameter, figures)


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
    return Segmentation(Outlined(join_objects([]), image.shape), np.zeros(0), diameter, figures)
