"""One large plane in row strips: a whole-vessel scan that must not be held in memory.

1. `open_strips` reads a TIFF's directory only: shape, dtype, pixel size, and whether all is there.
2. `Strips.read` walks down the plane once. Rows that lie one after the other in the file are read
   straight into one buffer; compressed strips and tiles are decoded one band at a time.

The one trick: bytes are read, not memory-mapped. A mapping was no faster, counts every page that
was touched as memory of the process, and kills it where a file shrinks while it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.read.decode import check_whole, reading
from monolayer.read.pixel_size import GIVEN, pixel_size_of
from monolayer.read.probe import probe_image
from monolayer.read.sources import PixelSize

__all__ = ["Strips", "open_strips"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Strips:
    """A plane on disk, from `open_strips`.

    Attributes
    ----------
    path : Path
        The TIFF or BigTIFF.
    page : int
        Position of the plane among the file's top-level pages.
    shape : tuple of int
        Height and width in pixels.
    dtype : dtype
        uint8 or uint16, in native byte order.
    pixel_size : PixelSize
        Micrometres per pixel, and who said so.
    band_rows : int
        Rows that one band of the file's own strips or tiles holds; 1 where any number can be read.
    plain : bool
        Whether all rows lie one after the other in the file, as they are.
    tiled : bool
        Whether the file keeps its pixels in tiles.
    shown : str
        The file as sentences show it.
    """

    path: Path
    page: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize
    band_rows: int
    plain: bool
    tiled: bool = False
    shown: str = ""

    def read(self, max_strip_mb: float = 32.0, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Read the plane from top to bottom.

        Parameters
        ----------
        max_strip_mb : float
            Memory for one strip, MiB. A compressed file is decoded in whole bands of its own
            strips or tiles, of which one must fit.
        rows : int, optional
            Rows of each strip but the last, within that memory; as many as fit if left out.

        Yields
        ------
        ndarray of uint8 or uint16, shape (rows, width), C-contiguous
            Valid until the next one is asked for: the memory is used again.

        Raises
        ------
        ImageError
            The file is damaged, cut, changed since it was opened, or its bands are too large.
        """
        yield from self._between(0, self.shape[0], max_strip_mb, rows)

    def window(
        self, top: int, left: int, bottom: int, right: int, max_strip_mb: float = 32.0
    ) -> NDArray[Any]:
        """Read a box of the plane; the last two sides are exclusive.

        Of plain rows and of tiles only what the box touches is read. Compressed strips hold whole
        rows, which are decoded `max_strip_mb` at a time.
        """
        pixels = np.empty((bottom - top, right - left), self.dtype)
        if self.plain or self.tiled:
            with reading(self.shown), tifffile.TiffFile(self.path) as tif:
                page = tif.pages[self.page].aspage()
                with self.path.open("rb") as handle:
                    fill = self._fill_rows if self.plain else self._fill_tiles
                    return fill(handle, page, pixels, (top, left))
        y = 0
        for strip in self._between(top, bottom, max_strip_mb, None):
            pixels[y : y + len(strip)] = strip[:, left:right]
            y += len(strip)
        return pixels

    def _fill_rows(
        self,
        handle: BinaryIO,
        page: tifffile.TiffPage,
        pixels: NDArray[Any],
        corner: tuple[int, int],
    ) -> NDArray[Any]:
        """Stretches of rows that lie one after the other in the file."""
        (top, left), width, size = corner, self.shape[1], self.dtype.itemsize
        stored = np.empty(pixels.shape, self.dtype.newbyteorder(page.parent.byteorder))
        # Whole rows are one stretch.
        lines = [stored] if pixels.shape[1] == width else list(stored)
        for y, line in enumerate(lines, start=top):
            handle.seek(page.dataoffsets[0] + (y * width + left) * size)
            if handle.readinto(line.data.cast("B")) != line.nbytes:  # type: ignore[attr-defined]
                detail = f"{self.shown} ends before its row {y + 1}: copy it again."
                raise ImageError("truncated", detail)
        return _as_shown(page, stored, self.dtype)

    def _fill_tiles(
        self,
        handle: BinaryIO,
        page: tifffile.TiffPage,
        pixels: NDArray[Any],
        corner: tuple[int, int],
    ) -> NDArray[Any]:
        """The tiles that the box touches, one after the other."""
        (top, left), (rows, columns) = corner, (page.tilelength, page.tilewidth)
        across = -(-self.shape[1] // columns)
        for tile_y in range(top // rows, -(-(top + pixels.shape[0]) // rows)):
            for tile_x in range(left // columns, -(-(left + pixels.shape[1]) // columns)):
                index = tile_y * across + tile_x
                handle.seek(page.dataoffsets[index])
                tile = _decode(page, handle.read(page.databytecounts[index]), index)
                _copy(tile, (tile_y * rows, tile_x * columns), pixels, corner)
        return _as_shown(page, pixels, self.dtype)

    def _between(
        self, top: int, bottom: int, max_strip_mb: float, rows: int | None
    ) -> Iterator[NDArray[Any]]:
        """Strips from one row to before another."""
        band = self._rows_a_strip(max_strip_mb)
        if rows:
            band = min(band, -(-rows // self.band_rows) * self.band_rows)
        first = top // self.band_rows * self.band_rows
        last = min(-(-bottom // self.band_rows) * self.band_rows, self.shape[0])
        with reading(self.shown), tifffile.TiffFile(self.path) as tif:
            page = tif.pages[self.page].aspage()
            with self.path.open("rb") as handle:
                walk = self._plain if self.plain else self._decoded
                bands = walk(handle, page, (first, last), band)
                yield from _cut(_trim(bands, first, top, bottom), min(rows or band, band))

    def _rows_a_strip(self, max_strip_mb: float) -> int:
        """Rows within the memory, in whole bands."""
        row_bytes = self.shape[1] * self.dtype.itemsize
        bands = int(max_strip_mb * MIB) // (row_bytes * self.band_rows)
        if bands < 1:
            needed = self.band_rows * row_bytes / MIB
            detail = (
                f"{self.shown} must be decoded {self.band_rows} rows at a time, {needed:.1f} MiB "
                f"where max_strip_mb is {max_strip_mb:g}: raise it, or store the scan in tiles."
            )
            raise ImageError("strip_too_large", detail)
        return min(bands * self.band_rows, self.shape[0])

    def _plain(
        self, handle: BinaryIO, page: tifffile.TiffPage, span: tuple[int, int], rows: int
    ) -> Iterator[NDArray[Any]]:
        """Rows that lie one after the other in the file."""
        width = self.shape[1]
        buffer = np.empty((rows, width), self.dtype.newbyteorder(page.parent.byteorder))
        handle.seek(page.dataoffsets[0] + span[0] * width * self.dtype.itemsize)
        for top in range(*span, rows):
            strip = buffer[: span[1] - top]
            if handle.readinto(strip.data.cast("B")) != strip.nbytes:  # type: ignore[attr-defined]
                detail = f"{self.shown} ends before its row {top + len(strip)}: copy it again."
                raise ImageError("truncated", detail)
            yield _as_shown(page, strip, self.dtype)

    def _decoded(
        self, handle: BinaryIO, page: tifffile.TiffPage, span: tuple[int, int], rows: int
    ) -> Iterator[NDArray[Any]]:
        """Bands of compressed strips or tiles, as many as fit into the memory."""
        width = self.shape[1]
        across = -(-width // page.tilewidth) if page.is_tiled else 1
        buffer = np.empty((rows, width), self.dtype)
        for top in range(*span, rows):
            strip = buffer[: span[1] - top]
            first = top // self.band_rows * across
            for index in range(first, first + -(-len(strip) // self.band_rows) * across):
                handle.seek(page.dataoffsets[index])
                _place(page, handle.read(page.databytecounts[index]), index, strip, top)
            yield _as_shown(page, strip, self.dtype)


def open_strips(
    path: Path, pixel_size_um: float | None = None, page: int = 0, shown: str = ""
) -> Strips:
    """Read a TIFF's directory, and check that one of its planes can be read in strips.

    Parameters
    ----------
    path : Path
        TIFF or BigTIFF; strips or tiles, compressed or not.
    pixel_size_um : float, optional
        Wins over what the file says.
    page : int
        Position of the plane among the file's top-level pages.
    shown : str
        The file as sentences show it; its path if left out.

    Returns
    -------
    Strips

    Raises
    ------
    ImageError
        The file is missing, damaged, cut, no TIFF, or holds something else than one grey sample
        of 8 or 16 bits a pixel.
    """
    shown = shown or str(path)
    with reading(shown):
        probe = probe_image(path, shown)
        if probe.format != "tiff":
            detail = f"{shown} is a {probe.format.upper()} image: store the scan as TIFF."
            raise ImageError("unsupported", detail)
        size = PixelSize(pixel_size_um, GIVEN) if pixel_size_um else pixel_size_of(path, probe)
        with tifffile.TiffFile(path) as tif:
            if not 0 <= page < len(tif.pages):
                detail = f"{shown} has {len(tif.pages)} pages and none numbered {page} from 0."
                raise ImageError("missing_page", detail)
            found = tif.pages[page].aspage()
            _check(found, shown)
            check_whole(found, shown, path.stat().st_size)
            dtype = np.dtype(found.dtype).newbyteorder("=")
            shape = (found.imagelength, found.imagewidth)
            plain = bool(found.is_contiguous)
            rows = 1 if plain else _band_rows(found)
            return Strips(path, page, shape, dtype, size, rows, plain, bool(found.is_tiled), shown)


def _check(page: tifffile.TiffPage, shown: str) -> None:
    if page.samplesperpixel != 1:
        detail = f"{shown} has {page.samplesperpixel} samples a pixel: export one grey channel."
        raise ImageError("unsupported", detail)
    if page.dtype is None or np.dtype(page.dtype) not in (np.uint8, np.uint16):
        detail = f"{shown} holds {page.dtype} values: a scan must be 8 or 16 bits, unsigned."
        raise ImageError("unsupported", detail)
    if 0 in (page.imagelength, page.imagewidth):
        raise ImageError("unreadable", f"{shown} holds no pixel: copy or export it again.")


def _band_rows(page: tifffile.TiffPage) -> int:
    """Rows that are decoded at once."""
    rows = page.tilelength if page.is_tiled else page.rowsperstrip
    return int(min(rows, page.imagelength))


def _place(page: tifffile.TiffPage, data: bytes, index: int, strip: NDArray[Any], top: int) -> None:
    """Decode one strip or tile into its place."""
    # tifffile types neither the decoder nor what it gives.
    decode: Any = page.decode
    pixels, (_, _, y, x, _), (_, height, width, _) = decode(data, index, jpegtables=page.jpegtables)
    into = strip[y - top : y - top + height, x : x + width]
    into[:] = pixels[0, : len(into), : into.shape[1], 0]


def _decode(page: tifffile.TiffPage, data: bytes, index: int) -> NDArray[Any]:
    """One tile, whole."""
    decode: Any = page.decode
    pixels: NDArray[Any] = decode(data, index, jpegtables=page.jpegtables)[0]
    return pixels[0, :, :, 0]


def _copy(
    tile: NDArray[Any], at: tuple[int, int], pixels: NDArray[Any], corner: tuple[int, int]
) -> None:
    """Copy of a tile what lies within a box, whose first pixel is `corner`."""
    y, x = at[0] - corner[0], at[1] - corner[1]
    into = pixels[max(0, y) : max(0, y + tile.shape[0]), max(0, x) : max(0, x + tile.shape[1])]
    into[:] = tile[max(0, -y) :, max(0, -x) :][: into.shape[0], : into.shape[1]]


def _as_shown(page: tifffile.TiffPage, strip: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Native byte order, and white not stored as 0."""
    native: NDArray[Any] = strip.astype(dtype, copy=False)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        native = np.invert(native)
    return native


def _trim(
    bands: Iterator[NDArray[Any]], first: int, top: int, bottom: int
) -> Iterator[NDArray[Any]]:
    """Leave out the rows above `top` and from `bottom` on; the first band begins at `first`."""
    for band in bands:
        yield band[max(0, top - first) : bottom - first]
        first += len(band)


def _cut(bands: Iterator[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Strips of exactly so many rows, the last one of fewer, from bands of any height."""
    rest: NDArray[Any] | None = None
    for band in bands:
        start = 0
        if rest is not None:
            start = rows - len(rest)
            joined = np.concatenate([rest, band[:start]])
            if len(joined) < rows:
                rest = joined
                continue
            yield joined
        while start + rows <= len(band):
            yield band[start : start + rows]
            start += rows
        rest = band[start:].copy() if start < len(band) else None
    if rest is not None:
        yield rest
