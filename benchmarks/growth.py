"""Does the cost a pixel stay the same: 1 to 100 megapixels, 100 to 20,000 objects a field."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import images
from benchmarks.harness import Result, Work, measure
from benchmarks.works import count_and_measure, threshold_settings
from monolayer.segment import SegmentSettings

__all__ = ["by_megapixels", "by_objects"]

Count = Callable[[NDArray[Any]], object]


def _methods() -> dict[str, Count]:
    """Each method of counting and measuring that this version has."""
    methods: dict[str, Count] = {
        "tree": partial(_count, SegmentSettings(expected_diameter_um=13.0))
    }
    if settings := threshold_settings({"expected_diameter_um": 13.0}):
        methods["threshold"] = partial(_count, settings)
    return methods


def _count(settings: Any, image: NDArray[Any]) -> object:
    return count_and_measure(image, settings)


def by_megapixels(image: NDArray[np.uint16], rounds: int) -> list[Result]:
    """The same kind of field at 1, 4, 16, 36 and 100 megapixels."""
    return [
        measure(_work(f"{method}, {side * side / 1e6:.0f} MP", count, grown), rounds)
        for method, count in _methods().items()
        for side in (1_000, 2_000, 4_000, 6_000, 10_000)
        for grown in [images.tile_to(image, side)]
    ]


def by_objects(rounds: int) -> list[Result]:
    """100 to 20,000 objects of one size on a field of 36 megapixels."""
    return [
        measure(_work(f"{method}, {n} objects", count, drawn), rounds)
        for n in (100, 1_000, 5_000, 20_000)
        for drawn in [images.discs(6_000, n, radius=10.0)]
        for method, count in _methods().items()
    ]


def _work(name: str, count: Count, image: NDArray[Any]) -> Work:
    return Work(name, image.size / 1e6, {"monolayer": partial(count, image)})
