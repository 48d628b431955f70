"""Grey TIFF pages in LZW strips, the commonest export of microscopes, by the house's own decoder.

Anything else, and anything odd, is left to tifffile: what is refused, and with which words, is
decided there.
"""

from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer_kernels.lzw import decode_lzw

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
    pixels = np.empty((page.imagelength, page.imagewidth), page.dtype)
    rows, file = page.rowsperstrip, page.parent.filehandle
    strips = zip(page.dataoffsets, page.databytecounts, strict=True)
    for i, (offset, n_bytes) in enumerate(strips):
        file.seek(offset)
        out = pixels[i * rows : (i + 1) * rows].reshape(-1).view(np.uint8)
        if not decode_lzw(file.read(n_bytes), out):
            return None
    if not pixels.dtype.newbyteorder(page.parent.byteorder).isnative:
        pixels.byteswap(inplace=True)
    if page.predictor == _HORIZONTAL:
        # It may be given its own input to write to, row by row.
        imagecodecs.delta_decode(pixels, axis=-1, out=pixels)
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
        and len(page.dataoffsets) == -(-page.imagelength // max(page.rowsperstrip, 1))
    )
