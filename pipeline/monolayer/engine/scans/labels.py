"""A scan's label image: rows of windows become compressed tiles, tiles become one tiled BigTIFF.

The trick: tiles are compressed where a row is measured, in any worker and any order; the file is
then written by copying bytes, with memory for one tile.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

__all__ = ["encode_tiles", "label_dtype", "tile_side", "write_tiles"]

_LARGEST_TILE = 256
_LEVEL = 6


def tile_side(window_px: int) -> int:
    """Side of the tiles: rows of windows hold whole rows of tiles."""
    return math.gcd(window_px, _LARGEST_TILE)


def label_dtype(n_labels: int) -> np.dtype[Any]:
    """Return uint16 where it holds all labels, as most viewers prefer; else uint32."""
    return np.dtype(np.uint16 if n_labels <= np.iinfo(np.uint16).max else np.uint32)


def encode_tiles(
    labels: Callable[[int, int], NDArray[np.int32]],
    rows: tuple[int, int],
    side: int,
    dtype: np.dtype[Any],
    small: Callable[[NDArray[np.int32]], NDArray[np.uint8]],
) -> dict[str, NDArray[Any]]:
    """Compress a row of windows, one row of tiles at a time.

    Parameters
    ----------
    labels : callable
        Label image of some rows of pixels.
    rows : tuple of int
        The first row and the row after the last.
    side : int
        Of the tiles.
    dtype : dtype
        From `label_dtype`.
    small : callable
        Makes a row of tiles small, for the scan's picture.

    Returns
    -------
    dict of str to ndarray
        ``tiles`` (uint8, all of them one after the other) and ``tile_bytes`` (int64, length of
        each), from left to right and then down; ``picture_labels`` (uint8).
    """
    encoded: list[bytes] = []
    shown: list[NDArray[np.uint8]] = []
    blank: bytes | None = None
    for top in range(*rows, side):
        full = labels(top, min(top + side, rows[1]))
        shown.append(small(full))
        strip = full.astype(dtype)
        for left in range(0, strip.shape[1], side):
            tile = np.zeros((side, side), dtype)
            part = strip[:, left : left + side]
            tile[: part.shape[0], : part.shape[1]] = part
            if part.any():
                encoded.append(_compressed(tile))
            else:
                blank = blank or _compressed(tile)
                encoded.append(blank)
    return {
        "tiles": np.frombuffer(b"".join(encoded), np.uint8),
        "tile_bytes": np.array([len(tile) for tile in encoded], np.int64),
        "picture_labels": np.vstack(shown),
    }


def write_tiles(
    path: Path,
    rows: Sequence[Callable[[], dict[str, NDArray[Any]]]],
    shape: tuple[int, int],
    side: int,
    dtype: np.dtype[Any],
    pixel_size_um: float | None,
) -> None:
    """Write the label image from its rows' tiles, loaded one row at a time."""

    def tiles() -> Iterator[bytes]:
        for load in rows:
            row = load()
            data, start = row["tiles"], 0
            for length in row["tile_bytes"].tolist():
                yield data[start : start + length].tobytes()
                start += length

    scale: dict[str, Any] = {}
    if pixel_size_um:
        scale = {"resolution": (1e4 / pixel_size_um,) * 2, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        tiles(),
        shape=shape,
        dtype=dtype,
        tile=(side, side),
        compression="zlib",
        bigtiff=True,
        metadata=None,
        **scale,
    )


def _compressed(tile: NDArray[Any]) -> bytes:
    # zlib's own format by libdeflate, in half of its time.
    return bytes(imagecodecs.deflate_encode(tile.tobytes(), _LEVEL))
