"""Grey TIFF pages in LZW strips, the commonest export of microscopes, by the house's own decoder.

Anything else, and anything odd, is left to tifffile: what is refused, and with which words, is
decided there.
"""

from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer_kernels.lzw import MOST_BYTES, decode_lzw_strip, open_lzw

__all__ = ["lzw_pixels"]

_NONE, _HORIZONTAL = 1, 2  # TIFF's numbers for predictors


def lzw_pixels(page: tifffile.TiffPage) -> NDArray[Any] | None:
    """Decode a page, or leave it.

    Parameters
    ----------
    page : tifffile.TiffPage
        Of an open file that holds all its strips (`check_whole`).

    Returns
    -------
    ndarray of uint8 or uint16, shape (height, width), or None
        C-contiguous, in this machine's byte order; None where tifffile is to decode it.
    """
    if not _is_plain(page):
        return None
    shape, rows = (page.imagelength, page.imagewidth), page.rowsperstrip
    pixels = np.empty(shape, page.dtype)
    stored = pixels.dtype.newbyteorder(page.parent.byteorder)
    work = open_lzw(_strip_bytes(page))
    strips = zip(page.dataoffsets, page.databytecounts, strict=True)
    for top, (offset, n_bytes) in zip(range(0, page.imagelength, rows), strips, strict=True):
        page.parent.filehandle.seek(offset)
        out = pixels[top : top + rows]
        decoded = decode_lzw_strip(page.parent.filehandle.read(n_bytes), work, out.nbytes)
        if decoded is None:
            return None
        # While the strip is at hand: the byte order, then the predictor.
        values = decoded.view(stored).reshape(out.shape).astype(pixels.dtype, copy=False)
        if page.predictor == _HORIZONTAL:
            imagecodecs.delta_decode(values, axis=-1, out=out)
        else:
            out[:] = values
    return pixels


def _is_plain(page: tifffile.TiffPage) -> bool:
    return (
        page.compression == tifffile.COMPRESSION.LZW
        and not page.is_tiled
        and page.predictor in (_NONE, _HORIZONTAL)
        and page.fillorder == 1
        and page.dtype in (np.uint8, np.uint16)
        and page.bitspersample == 8 * page.dtype.itemsize
        and page.shape == (page.imagelength, page.imagewidth)
        and _strip_bytes(page) <= MOST_BYTES
        and len(page.dataoffsets) == -(-page.imagelength // max(page.rowsperstrip, 1))
    )


def _strip_bytes(page: tifffile.TiffPage) -> int:
    rows = min(page.rowsperstrip, page.imagelength)
    return rows * page.imagewidth * page.bitspersample // 8
