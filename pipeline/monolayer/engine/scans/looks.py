"""What is taken of every window as it is read: grey levels, hashes, and a small picture.

All of it is of the windows' cores, which do not overlap, and of integers that add up: the same
for any way of reading.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.windows import Arrays, Part
from monolayer.read.scans import Scan
from monolayer.segment.tiles import around, tile_groups
from monolayer_kernels.smooth import bin_mean
from monolayer_kernels.stitch import Tile
from monolayer_kernels.threshold import histogram

__all__ = ["Looks", "levels_of", "parts_of", "picture_step", "pixels_sha256", "small_labels"]

_LEVELS = 1 << 16
# Longer side of the small picture, at most.
_PICTURE_PX = 1024


def parts_of(scan: Scan, tiles: Sequence[Tile], tile_px: int, reach: int) -> Iterator[Part]:
    """Read a row of windows, as many columns at once as allowed, and `reach` more around them."""
    for group in tile_groups(tiles, tile_px):
        top, left, bottom, right = around(group)
        top, left = max(0, top - reach), max(0, left - reach)
        bottom, right = min(scan.shape[0], bottom + reach), min(scan.shape[1], right + reach)
        pixels = {
            name: reader.window(top, left, bottom, right) for name, reader in scan.channels.items()
        }
        yield Part(group, pixels, (top, left))


def picture_step(shape: tuple[int, int], window_px: int) -> int:
    """Pixels a side that one pixel of the small picture stands for: a divisor of the windows'."""
    step = 1
    while max(shape) > _PICTURE_PX * step and window_px % (2 * step) == 0:
        step *= 2
    return step


class Looks:
    """Takes what is wanted of each part on its way to the assay."""

    def __init__(self, channel: str, width: int, step: int) -> None:
        self._channel, self._width, self._step = channel, width, step
        self._levels = np.zeros(_LEVELS, np.int64)
        self._digests: list[bytes] = []
        self._picture: list[NDArray[np.uint16]] = []

    def watch(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Hand the parts on."""
        for part in parts:
            for tile in part.tiles:
                self._take(tile, part)
            yield part

    def _take(self, tile: Tile, part: Part) -> None:
        (top, left, bottom, right), (y, x) = tile.core, part.corner
        cores = {
            name: np.ascontiguousarray(image[top - y : bottom - y, left - x : right - x])
            for name, image in part.pixels.items()
        }
        counts = histogram(cores[self._channel])
        low = int(counts.low)
        self._levels[low : low + counts.counts.size] += counts.counts
        digest = hashlib.sha256()
        for image in cores.values():
            digest.update(image.data)
        self._digests.append(digest.digest())
        self._picture.append(_shrunk(cores[self._channel], self._step))

    def tallies(self) -> dict[str, NDArray[Any]]:
        """What was taken of one row of windows."""
        return {
            "levels": self._levels,
            "digests": np.frombuffer(b"".join(self._digests), np.uint8),
            "picture": np.hstack(self._picture),
        }


def pixels_sha256(scan: Scan, tallies: Sequence[Arrays]) -> str:
    """Name of the pixels used: the hash of all windows' hashes, in order."""
    described = [f"{n} {r.shape} {r.dtype.str}" for n, r in scan.channels.items()]
    digest = hashlib.sha256(";".join(described).encode())
    for tally in tallies:
        digest.update(tally["digests"].tobytes())
    return digest.hexdigest()


def small_labels(labels: NDArray[np.int32], step: int, regions: bool) -> NDArray[np.uint8]:
    """Labels for the small picture.

    Regions keep theirs, by the pixel in the middle of each square. Objects, which would be lost
    between such pixels, become 1 where they fill half of a square or more.
    """
    if regions:
        middle = np.arange(step // 2, labels.shape[0] + step // 2, step).clip(max=len(labels) - 1)
        across = np.arange(step // 2, labels.shape[1] + step // 2, step)
        kept = labels[np.ix_(middle, across.clip(max=labels.shape[1] - 1))]
        return np.ascontiguousarray(kept, np.uint8)
    filled = bin_mean((labels > 0).view(np.uint8), step) >= np.float32(0.5)
    return filled.view(np.uint8)


def _shrunk(image: NDArray[Any], step: int) -> NDArray[np.uint16]:
    """Means of squares, those at the right and the bottom of what there is of them."""
    means: NDArray[np.uint16] = np.rint(bin_mean(image, step)).astype(np.uint16)
    return means


def levels_of(tallies: Sequence[Mapping[str, NDArray[Any]]]) -> NDArray[np.int64]:
    """Histogram of the whole scan."""
    total: NDArray[np.int64] = np.sum([tally["levels"] for tally in tallies], axis=0)
    return total
