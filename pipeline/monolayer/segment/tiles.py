"""Nuclei of a plane too large for memory: the field's method on overlapping windows.

1. The typical diameter is fixed once for the plane: as told, or the median of what is found in
   nine samples.
2. The plane is cut into windows of the size of a field, with a margin around each, and each is
   segmented; `monolayer_kernels.stitch` gives an object to the window whose core holds its first
   pixel.
3. What two windows kept of one place (more than half of the smaller one) is counted once.

The one trick: background, noise and brightness are measured in each window, so the windows are
part of the method and stay where they are. Tiles only say how much is read at once, and nothing
depends on them: same windows, same objects.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ConfigError
from monolayer.segment.nuclei import segment_nuclei
from monolayer.segment.settings import SegmentSettings
from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.objects import join_objects, select_objects
from monolayer_kernels.stitch import Tile, cut_tiles, own_objects, shared_pixels, shift_runs

__all__ = ["TileBand", "segment_tiles"]

ReadWindow = Callable[[int, int, int, int], NDArray[Any]]

WINDOW_PX = 2048
SAMPLE_PX = 1024
_SAMPLES = (0.5, 0.2, 0.8)
_MARGIN_DIAMETERS = 5


@dataclass(frozen=True, slots=True)
class TileBand:
    """Objects of one row of windows.

    Attributes
    ----------
    rows : tuple of int
        First row that the windows look at, and the row after the last.
    runs : Runs
        Of the objects whose first pixels lie in the windows' cores, in the plane's coordinates,
        in the order of those pixels within the band; labels go on from band to band.
    scores : ndarray of float64, shape (n,)
        Confidence of each: see `monolayer.segment.Segmentation`.
    n_cut : int
        Objects that reach a side of their window: larger than the margin, so perhaps cut.
    n_doubles : int
        Objects left out because a neighbouring window had the same one.
    """

    rows: tuple[int, int]
    runs: Runs
    scores: NDArray[np.float64]
    n_cut: int
    n_doubles: int


def segment_tiles(
    read_window: ReadWindow,
    shape: tuple[int, int],
    settings: SegmentSettings,
    pixel_size_um: float | None = None,
    *,
    tile_px: int = 8192,
    window_px: int = WINDOW_PX,
    margin_px: int | None = None,
) -> Iterator[TileBand]:
    """Find the nuclei of a large plane, one row of windows after the other.

    The count and every outline are the same to the last bit for any `tile_px`. They are not for
    another `window_px` or `margin_px`, which are therefore the method's: on a mosaic of 30 real
    fields (3,278 nuclei in one window of 3072 px) windows of 512 to 2048 px gave 0.2 to 0.6 %
    more, and 98.4 to 99.0 % of the nuclei agreed (F1 at IoU 0.5).

    Parameters
    ----------
    read_window : callable
        Gives the pixels of a box: top, left, bottom, right, the last two exclusive. Called for
        nine samples first where no diameter is told, then from top to bottom.
    shape : tuple of int
        Height and width of the plane.
    settings : SegmentSettings
        As for a field.
    pixel_size_um : float, optional
        Micrometres per pixel; only needed by settings in um.
    tile_px : int
        How many columns are read at once, in whole windows, at least one.
    window_px : int
        Side of a window's core.
    margin_px : int, optional
        How far a window looks beyond its core; must be wider than any object. Left out: five
        typical diameters, the reach of the background's estimate.

    Yields
    ------
    TileBand
        From the top. Bands are in order and so are the objects of each.

    Raises
    ------
    ConfigError
        A setting in um without a pixel size, or no nucleus in any sample to take a size from.
    """
    settings, size, diameter = _fixed(read_window, shape, settings, pixel_size_um)
    margin = margin_px if margin_px is not None else math.ceil(_MARGIN_DIAMETERS * diameter)
    label, before = 1, _none()
    for band in _bands(cut_tiles(shape, window_px, margin)):
        found = []
        for tiles in _groups(band, tile_px):
            box = _around(tiles)
            pixels = read_window(*box)
            found += [_own(_part(pixels, box, t), t, shape, (settings, size)) for t in tiles]
        runs = join_objects([before, *(objects for objects, _, _ in found)])
        old = before.label.size
        doubles = _doubles(runs)
        doubles = doubles[doubles >= old]
        kept = np.setdiff1d(np.arange(old, runs.label.size), doubles)
        firsts = runs.first[kept]
        kept = kept[np.lexsort((runs.start[firsts], runs.row[firsts]))]
        own = select_objects(runs, kept)
        own = own._replace(label=np.arange(label, label + kept.size, dtype=np.int32))
        label += kept.size
        scores = np.concatenate([part for _, part, _ in found])[kept - old]
        rows = (band[0].window[0], band[0].window[2])
        yield TileBand(rows, own, scores, sum(cut for _, _, cut in found), doubles.size)
        # Only what reaches into the next row of windows can be met there again.
        lasts = own.row[own.first[1:] - 1]
        before = select_objects(own, np.flatnonzero(lasts >= band[0].core[2]))


def _fixed(
    read_window: ReadWindow,
    shape: tuple[int, int],
    settings: SegmentSettings,
    size: float | None,
) -> tuple[SegmentSettings, float | None, float]:
    """Settings with the diameter told, the pixel size to give with them, diameter in pixels."""
    if settings.expected_diameter_um is not None:
        if size is None:
            detail = "expected_diameter_um is set but the pixel size is unknown: give it too."
            raise ConfigError(detail)
        return settings, size, settings.expected_diameter_um / size
    if size is None and settings.min_area_um2 is not None:
        detail = "min_area_um2 is set but the pixel size is unknown: give it too."
        raise ConfigError(detail)
    samples = (segment_nuclei(read_window(*window), settings, size) for window in _samples(shape))
    diameters = [found.diameter_px for found in samples if found.diameter_px and found.scores.size]
    if not diameters:
        detail = "no nucleus was found in the plane's samples: give expected_diameter_um."
        raise ConfigError(detail)
    diameter = float(np.median(diameters))
    # Where nobody knows the pixel size, a pixel is the unit of the only length that is told.
    unit = 1.0 if size is None else size
    return settings.model_copy(update={"expected_diameter_um": diameter * unit}), unit, diameter


def _samples(shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Nine windows, from the middle to the corners; they depend on the plane alone."""
    boxes: dict[tuple[int, int, int, int], None] = {}
    for fy in _SAMPLES:
        for fx in _SAMPLES:
            top = max(0, min(int(fy * shape[0]) - SAMPLE_PX // 2, shape[0] - SAMPLE_PX))
            left = max(0, min(int(fx * shape[1]) - SAMPLE_PX // 2, shape[1] - SAMPLE_PX))
            bottom, right = min(top + SAMPLE_PX, shape[0]), min(left + SAMPLE_PX, shape[1])
            boxes[top, left, bottom, right] = None
    return sorted(boxes)


def _bands(tiles: list[Tile]) -> Iterator[list[Tile]]:
    """Tiles of equal top, in order."""
    band: list[Tile] = []
    for tile in tiles:
        if band and tile.core[0] != band[0].core[0]:
            yield band
            band = []
        band.append(tile)
    yield band


def _groups(band: list[Tile], tile_px: int) -> Iterator[list[Tile]]:
    """Neighbouring windows whose cores are read together."""
    group: list[Tile] = []
    for tile in band:
        if group and tile.core[3] - group[0].core[1] > tile_px:
            yield group
            group = []
        group.append(tile)
    yield group


def _around(tiles: Sequence[Tile]) -> tuple[int, int, int, int]:
    """Box around the windows of neighbours."""
    first, last = tiles[0].window, tiles[-1].window
    return first[0], first[1], last[2], last[3]


def _part(pixels: NDArray[Any], box: tuple[int, int, int, int], tile: Tile) -> NDArray[Any]:
    """A window's pixels out of those of a box of the same rows."""
    return pixels[:, tile.window[1] - box[1] : tile.window[3] - box[1]]


def _own(
    pixels: NDArray[Any],
    tile: Tile,
    shape: tuple[int, int],
    how: tuple[SegmentSettings, float | None],
) -> tuple[Runs, NDArray[np.float64], int]:
    """A window's own objects in the plane's coordinates, their scores, how many may be cut."""
    found = segment_nuclei(pixels, *how)
    runs = find_runs(found.labels)
    owned = own_objects(runs, tile, shape)
    own = shift_runs(select_objects(runs, owned.kept), tile.window[0], tile.window[1])
    return own, found.scores[owned.kept], int(owned.cut.sum())


def _doubles(runs: Runs) -> NDArray[np.intp]:
    """Objects that share more than half of the smaller one's pixels with one that comes before."""
    pairs, shared = shared_pixels(runs)
    areas = np.add.reduceat(runs.stop - runs.start, runs.first[:-1]) if runs.row.size else shared
    out: set[int] = set()
    for (a, b), pixels in zip(pairs.tolist(), shared.tolist(), strict=True):
        if a not in out and 2 * pixels > min(areas[a], areas[b]):
            out.add(b)
    return np.array(sorted(out), np.intp)


def _none() -> Runs:
    nothing = np.zeros(0, np.int32)
    return Runs(nothing, np.zeros(1, np.int64), nothing, nothing, nothing)
