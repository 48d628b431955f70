"""Cells that two dyes show, with the light of each dye: shared by the assay and its controls.

1. Objects are found in one channel, or in both and united (see `monolayer.classify.stains`).
2. Their mean light in both channels is measured above their own surroundings.
3. Spill-over is taken out, object by object.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.classify import compensate, match_nuclei, unite_labels
from monolayer.field import FieldImage
from monolayer.measure import measure_objects
from monolayer.method import Method
from monolayer.segment import segment_nuclei
from monolayer_kernels.background import estimate_background

__all__ = ["DyedCells", "find_dyed", "find_united", "given_dyed", "given_united"]

Float64 = NDArray[np.float64]
Labels = NDArray[np.int32]

# Of the shorter side: no background is asked for nearer to an object than that.
_WINDOW_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class DyedCells:
    """Objects of a field and their light.

    Attributes
    ----------
    labels : ndarray of int32, shape (height, width)
    columns : dict of str to ndarray, shape (n,)
        Label, position, area and weight of each object.
    seen : ndarray of float64, shape (n, 2)
        Mean of each channel above the object's surroundings, cells' dye first.
    light : ndarray of float64, shape (n, 2)
        The same with spill-over taken out; equal to `seen` where it is not.
    content : ndarray of float64, shape (n, 2)
        `light` times the area in pixels.
    dead_area_px : ndarray of float64, shape (n,)
        Area over which the dead cells' dye was taken: a nucleus's, of a body that has one.
    """

    labels: Labels
    columns: dict[str, NDArray[Any]]
    seen: Float64
    light: Float64
    content: Float64
    dead_area_px: Float64

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.seen)


def find_dyed(
    image: FieldImage, roles: Mapping[str, str], method: Method, finder: str, spillover: Any = None
) -> DyedCells:
    """Cells found in the channel of one dye.

    Parameters
    ----------
    image : FieldImage
    roles : mapping of str to str
        Channel of each of the stain's two dyes, cells' dye first.
    method : Method
        Its ``viability.find``, ``segment`` and ``measure`` are used.
    finder : str
        Dye in whose channel objects are looked for.
    spillover : array_like, shape (2, 2), optional
        Taken out where given.
    """
    labels = _find(image, roles[finder], method)
    columns, seen = _measure(labels, image, roles, method)
    return _with_light(labels, columns, seen, spillover)


def find_united(
    image: FieldImage,
    roles: Mapping[str, str],
    method: Method,
    least_dead: float,
    spillover: Any = None,
) -> DyedCells:
    """Cells that either dye shows, each once.

    Bodies come from the cells' dye. Objects of the other channel whose light of the dead cells'
    dye is above `least_dead` are nuclei of dead cells; the others are spill-over. The light of
    the dead cells' dye in a body that has such a nucleus is the nucleus's: over the whole body it
    would drown.
    """
    cells, dead = roles
    bodies = _find(image, roles[cells], method)
    shown = find_dyed(image, roles, method, dead, spillover)
    owner = match_nuclei(bodies, shown.labels, shown.light[:, 1] > least_dead)
    labels = unite_labels(bodies, shown.labels, owner)
    columns, seen = _measure(labels, image, roles, method)
    united = _with_light(labels, columns, seen, spillover)
    _take_nuclei(united, shown, owner)
    return united


def given_dyed(
    labels: Labels,
    image: FieldImage,
    roles: Mapping[str, str],
    method: Method,
    spillover: Any = None,
) -> DyedCells:
    """Cells whose outlines are given, with their light."""
    columns, seen = _measure(labels, image, roles, method)
    return _with_light(labels, columns, seen, spillover)


def given_united(
    labels: Labels,
    touched: Collection[int],
    image: FieldImage,
    roles: Mapping[str, str],
    method: Method,
    least_dead: float,
    spillover: Any = None,
) -> DyedCells:
    """Cells of either dye whose outlines are given; nuclei of dead cells are found again.

    What the run took for a nucleus without a body stays one where nobody touched it; all else is
    a body, which has the light of the dead nucleus that lies on it.
    """
    cells, dead = roles
    bodies = _find(image, roles[cells], method)
    shown = find_dyed(image, roles, method, dead, spillover)
    stained = shown.light[:, 1] > least_dead
    changed = np.array(sorted(touched), dtype=np.int64)
    alone = (labels > int(bodies.max(initial=0))) & ~np.isin(labels, changed)
    # Nuclei without a body took pixels off the bodies below: these were matched whole.
    below = np.where(np.isin(bodies, changed), 0, bodies)
    whole = np.where(alone, below, labels)
    used = np.bincount(whole.ravel()) > 0
    used[0] = False
    numbered = (np.cumsum(used) * used).astype(np.int32)[whole]
    owner = match_nuclei(numbered, shown.labels, stained)
    names = np.concatenate(([0], np.flatnonzero(used)))
    owner = np.where(owner > 0, names[np.maximum(owner, 0)], owner)
    columns, seen = _measure(labels, image, roles, method)
    united = _with_light(labels, columns, seen, spillover)
    owner[~np.isin(owner, columns["label"])] = 0
    _take_nuclei(united, shown, owner)
    return united


def _take_nuclei(united: DyedCells, shown: DyedCells, owner: NDArray[np.int64]) -> None:
    """Give bodies the dead cells' light of the nuclei that lie on them."""
    owned = owner > 0
    row = np.searchsorted(united.columns["label"], owner[owned])
    for values, of_nucleus in (
        (united.seen, shown.seen),
        (united.light, shown.light),
        (united.content, shown.content),
    ):
        values[row, 1] = of_nucleus[owned, 1]
    united.dead_area_px[row] = shown.dead_area_px[owned]


def _find(image: FieldImage, channel: str, method: Method) -> Labels:
    settings = method.segment
    if method.viability.find == "threshold":
        settings = settings.model_copy(update={"method": "threshold", "options": {}})
    return segment_nuclei(image.channels[channel], settings, image.pixel_size_um).labels


def _measure(
    labels: Labels, image: FieldImage, roles: Mapping[str, str], method: Method
) -> tuple[dict[str, NDArray[Any]], Float64]:
    """Place and size of each object, and its mean above the surroundings in both channels."""
    settings = method.measure.model_copy(update={"groups": ("intensity", "background")})
    channels = {dye: image.channels[channel] for dye, channel in roles.items()}
    measured = measure_objects(labels, channels, settings, image.pixel_size_um)
    seen = [_contrast(measured, dye, pixels) for dye, pixels in channels.items()]
    kept = {key: values for key, values in measured.items() if not _of_channel(key)}
    return kept, np.stack(seen, axis=1)


def _of_channel(column: str) -> bool:
    return column.startswith(("intensity_", "centroid_weighted_"))


def _contrast(measured: dict[str, NDArray[Any]], dye: str, pixels: NDArray[Any]) -> Float64:
    """Mean above the local background, or above the field's where none is free around."""
    contrast: Float64 = measured[f"intensity_contrast_{dye}"]
    hemmed_in = np.isnan(contrast)
    if hemmed_in.any():
        grid, _ = estimate_background(pixels, _WINDOW_SHARE * min(pixels.shape))
        level = float(np.median(grid))
        contrast = np.where(hemmed_in, measured[f"intensity_mean_{dye}"] - level, contrast)
    return contrast


def _with_light(
    labels: Labels, columns: dict[str, NDArray[Any]], seen: Float64, spillover: Any
) -> DyedCells:
    light = seen.copy() if spillover is None else compensate(seen, spillover)
    areas = columns["area_px"].astype(np.float64)
    return DyedCells(labels, columns, seen, light, light * areas[:, None], areas)
