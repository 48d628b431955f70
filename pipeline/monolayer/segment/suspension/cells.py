"""Cells in suspension in a bright-field plane: found, weighed, told living from dead.

`contrast` takes off background and chamber lines, `find` outlines what is left, `signs` measures
it and `judge` decides. All of it happens where a cell is about 20 pixels wide: the image is
binned to that, by one factor that a setting tells or that explains the image best.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.segment.suspension.contrast import flatten
from monolayer.segment.suspension.find import find_objects
from monolayer.segment.suspension.judge import (
    centre_contrasts,
    is_live,
    live_probabilities,
    scores,
)
from monolayer.segment.suspension.settings import SuspensionSettings
from monolayer.segment.suspension.signs import Signs, read_signs
from monolayer_kernels.measure_runs import Runs, find_runs, sum_runs
from monolayer_kernels.objects import paint_runs, select_objects
from monolayer_kernels.smooth import bin_mean

__all__ = ["ChamberPlane", "Suspension", "judge_suspension", "segment_suspension"]

Float64 = NDArray[np.float64]

# Pixels across a typical cell where cells are looked for.
_WORKING = 20.0
_FACTORS = (1, 2, 4, 8)
# Shorter side, in typical cells, of the smallest image that is binned to find the scale.
_FEWEST = 10
# How much more a coarser image must explain.
_PREFER = 1.5
# Cells whose median width is believed, and how far off (in octaves) it is used to look again.
_ENOUGH = 10
_OFF = 0.25
# Scales that a plane keeps: those of the search, and as many told or refined ones.
_KEPT = 2 * len(_FACTORS)


@dataclass(frozen=True, slots=True)
class Suspension:
    """Cells of one plane, in the row-major order of their first pixels.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        0 for background; cells are 1 to n.
    scores : ndarray (n,) float64
        Probability of being a cell, 0 to 1.
    live : ndarray (n,) bool
        By the rule of the settings' mode.
    live_probabilities : ndarray (n,) float64
        Of the mode refractile, whatever the mode.
    centre_contrasts : ndarray (n,) float64
        Mean contrast of the inner half: what the mode trypan_blue judges by.
    diameter_px : float
        Typical diameter that was looked for.
    """

    labels: NDArray[np.int32]
    scores: Float64
    live: NDArray[np.bool_]
    live_probabilities: Float64
    centre_contrasts: Float64
    diameter_px: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """What may be a cell at one scale, whatever the settings; the diameter is the full image's."""

    objects: Runs
    signs: Signs
    shape: tuple[int, ...]
    factor: int
    diameter: float


@dataclass(frozen=True, slots=True)
class _Judged:
    objects: Runs
    shape: tuple[int, ...]
    factor: int
    scores: Float64
    live: NDArray[np.bool_]
    live_probabilities: Float64
    centre_contrasts: Float64
    diameter: float

    @property
    def widths(self) -> Float64:
        """Diameters over the one looked for."""
        areas = sum_runs(self.objects).moments[:, 0]
        return 2 * np.sqrt(areas / np.pi) * self.factor / self.diameter

    @property
    def explained(self) -> float:
        """Pixels of the full image that are in cells of about the size looked for."""
        widths = self.widths
        weights = np.where((widths > 0.5) & (widths < 2), self.scores, 0.0)
        return float(np.sum(weights * widths**2)) * self.diameter**2


def segment_suspension(
    pixels: NDArray[np.generic],
    settings: SuspensionSettings | None = None,
    pixel_size_um: float | None = None,
) -> Suspension:
    """Find the cells of one bright-field plane of a counting chamber.

    Parameters
    ----------
    pixels : ndarray (H, W)
        Integers or floats, proportional to light; any memory order. Grey: of a colour image of
        trypan blue the red.
    settings : SuspensionSettings, optional
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by settings in um.

    Raises
    ------
    ImageError
        A setting is in um and the pixel size is not known, pixels are not finite, or the
        background is not lit.
    ValueError, TypeError
        ``pixels`` is not 2-D, is empty or does not hold real numbers.
    """
    return ChamberPlane(pixels).segment(settings, pixel_size_um)


class ChamberPlane:
    """One bright-field plane under any settings: objects of each scale are found once.

    Parameters
    ----------
    pixels : ndarray (H, W)
        As for `segment_suspension`, which says what may go wrong; they must not change meanwhile.
    """

    def __init__(self, pixels: NDArray[np.generic]) -> None:
        self._image = _checked(pixels)
        self._seen: dict[tuple[int, float], _Seen] = {}

    def segment(
        self, settings: SuspensionSettings | None = None, pixel_size_um: float | None = None
    ) -> Suspension:
        """Find the cells, as `segment_suspension` does."""
        settings = settings or SuspensionSettings()
        told = _told(settings.expected_diameter_um, pixel_size_um)
        best = self._at_told(told, settings) if told else self._at_best(settings)
        first = best.objects.first[:-1]
        order = np.lexsort((best.objects.start[first], best.objects.row[first]))
        labels = paint_runs(select_objects(best.objects, order), best.shape)
        return Suspension(
            _enlarged(labels, best.factor, self._image.shape),
            best.scores[order],
            best.live[order],
            best.live_probabilities[order],
            best.centre_contrasts[order],
            best.diameter,
        )

    def _at_told(self, told: float, settings: SuspensionSettings) -> _Judged:
        factor = max(1, round(told / _WORKING))
        return _judged(self._look(factor, told / factor), settings)

    def _at_best(self, settings: SuspensionSettings) -> _Judged:
        """The finest scale, unless a coarser one explains clearly more of the image."""
        best = _judged(self._look(1, _WORKING), settings)
        for factor in _FACTORS[1:]:
            if min(self._image.shape) < _FEWEST * _WORKING * factor:
                break
            coarse = _judged(self._look(factor, _WORKING), settings)
            if coarse.explained > _PREFER * best.explained:
                best = coarse
        return self._refined(best, settings)

    def _refined(self, first: _Judged, settings: SuspensionSettings) -> _Judged:
        """Look again at the width that enough cells have, where it is another."""
        if first.scores.size < _ENOUGH:
            return first
        width = float(np.median(first.widths))
        if abs(math.log2(width)) <= _OFF:
            return first
        return self._at_told(width * first.diameter, settings)

    def _look(self, factor: int, diameter: float) -> _Seen:
        """What may be a cell, ``diameter`` pixels wide in the image binned by ``factor``."""
        seen = self._seen.pop((factor, diameter), None)
        if seen is None:
            plane = flatten(bin_mean(self._image, factor), diameter)
            objects = find_objects(plane.contrast, diameter)
            signs = read_signs(objects, plane, diameter)
            seen = _Seen(objects, signs, plane.contrast.shape, factor, diameter * factor)
        # Last in, last out: the scales of the search are wanted each time, widths of once are not.
        self._seen[factor, diameter] = seen
        while len(self._seen) > _KEPT:
            del self._seen[next(iter(self._seen))]
        return seen


def judge_suspension(
    pixels: NDArray[np.generic],
    labels: NDArray[np.int32],
    diameter_px: float,
    settings: SuspensionSettings,
) -> Suspension:
    """Judge cells whose outlines are given, at the scale at which they were looked for.

    Parameters
    ----------
    pixels : ndarray (H, W)
        As for `segment_suspension`.
    labels : ndarray (H, W) int32
        Outlines; may have gaps.
    diameter_px : float
        Typical diameter, as `Suspension.diameter_px`.
    settings : SuspensionSettings
        Mode and limits between living and dead.

    Returns
    -------
    Suspension
        The labels as given; one value a label, labels ascending. NaN (and not living) for what is
        too small to be seen at that scale.
    """
    image = _checked(pixels)
    factor = max(1, round(diameter_px / _WORKING))
    objects = find_runs(np.ascontiguousarray(labels[::factor, ::factor]))
    diameter = diameter_px / factor
    signs = read_signs(objects, flatten(bin_mean(image, factor), diameter), diameter)
    present = find_runs(np.ascontiguousarray(labels)).label
    at = np.searchsorted(present, objects.label)

    def of_all(values: NDArray[Any], unknown: float) -> NDArray[Any]:
        filled = np.full(len(present), unknown, dtype=values.dtype)
        filled[at] = values
        return filled

    return Suspension(
        labels,
        of_all(scores(signs), np.nan),
        of_all(is_live(signs, settings), 0),
        of_all(live_probabilities(signs), np.nan),
        of_all(centre_contrasts(signs), np.nan),
        diameter_px,
    )


def _checked(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"pixels must be 2-D and not empty, not of shape {pixels.shape}")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be integers or floats, not {pixels.dtype}")
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    bad = int(image.size - np.count_nonzero(np.isfinite(image)))
    if bad:
        raise ImageError("not_finite", f"{bad} pixels are NaN or infinite; export the image anew.")
    return image


def _told(um: float | None, size: float | None) -> float | None:
    if um is None:
        return None
    if size is None:
        raise ImageError(
            "pixel_size_unknown",
            f"expected_diameter_um is {um:g} but the pixel size is unknown; give --pixel-size-um.",
        )
    return um / size


def _judged(seen: _Seen, settings: SuspensionSettings) -> _Judged:
    signs = seen.signs
    found = scores(signs)
    kept = np.flatnonzero(found >= settings.min_score)
    return _Judged(
        select_objects(seen.objects, kept),
        seen.shape,
        seen.factor,
        found[kept],
        is_live(signs, settings)[kept],
        live_probabilities(signs)[kept],
        centre_contrasts(signs)[kept],
        seen.diameter,
    )


def _enlarged(labels: NDArray[np.int32], factor: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
    if factor == 1:
        return labels
    full = np.repeat(np.repeat(labels, factor, axis=0), factor, axis=1)
    return np.ascontiguousarray(full[: shape[0], : shape[1]])
