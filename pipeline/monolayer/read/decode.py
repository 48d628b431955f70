"""Pages of a file as 2-D grey images: decoding, colour, and the three working dtypes.

1. `read_pages` decodes with tifffile or imagecodecs and refuses a file that ends too early
   (decoders fill what is missing with black, which would be counted as empty ground).
2. `to_grey` makes one sample of several, or refuses.
3. `to_working` makes uint8, uint16 or float32, and refuses what is not finite.
"""

import logging
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer.errors import ConfigError, ImageError
from monolayer.read.lzw import lzw_pixels
from monolayer.read.pixel_size import ome_element
from monolayer.read.probe import Probe
from monolayer.read.settings import ReadSettings
from monolayer.read.sources import container, container_kind

__all__ = [
    "as_grey",
    "bit_depth",
    "check_whole",
    "full_scale",
    "read_pages",
    "reading",
    "to_grey",
    "to_working",
]

# Without a handler of its own tifffile's log runs into the progress display; what it says of a
# damaged file is said by the file's row.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAX_UNCHECKED_BYTES = 2**32
MAX_RATIO = 1000  # no lossless codec shrinks a real image as far

# What decoders raise on damaged files, found by cutting and flipping bytes of good ones.
_DAMAGE = (
    ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
    ArithmeticError, struct.error, MemoryError, EOFError,
)  # fmt: skip


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Say which file and what to do, whatever goes wrong while it is read.

    Raises
    ------
    ImageError
        With the reason: ``missing_file``, ``permission`` or ``unreadable``.
    """
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        detail = f"{shown} is not there any more: bring it back, or plan the run again."
        raise ImageError("missing_file", detail) from error
    except PermissionError as error:
        detail = f"{shown} may not be read: give its user read permission."
        raise ImageError("permission", detail) from error
    except OSError as error:
        detail = f"{shown} cannot be read ({error.strerror or error}): check the disk."
        raise ImageError("unreadable", detail) from error
    except _DAMAGE as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        detail = f"{shown} is damaged ({why}): copy or export it again."
        raise ImageError("unreadable", detail) from error


def read_pages(
    path: Path, shown: str, probe: Probe, pages: Sequence[int]
) -> Iterator[NDArray[Any]]:
    """Decode pages one by one.

    Parameters
    ----------
    path, shown : Path, str
        The file, and its path as sentences show it.
    probe : Probe
        What its first bytes told.
    pages : sequence of int
        As `monolayer.read.stack.PageOf` counts them.

    Yields
    ------
    ndarray
        (height, width) or (height, width, samples).
    """
    if kind := container_kind(path.name):
        yield from container(kind).read_pages(path, pages)
    elif probe.format == "tiff":
        yield from _tiff_pages(path, shown, pages)
    else:
        yield _png_or_jpeg(path, shown, probe.format)


def _png_or_jpeg(path: Path, shown: str, form: str) -> NDArray[Any]:
    data = path.read_bytes()
    # libjpeg paints a cut image grey and goes on, so the end marker is looked for.
    end = b"IEND" if form == "png" else b"\xff\xd9"
    if end not in data[-4096:]:
        raise ImageError("truncated", f"{shown} ends too early: copy it again.")
    decode = imagecodecs.png_decode if form == "png" else imagecodecs.jpeg8_decode
    return np.asarray(decode(data))


def _tiff_pages(path: Path, shown: str, pages: Sequence[int]) -> Iterator[NDArray[Any]]:
    size = path.stat().st_size
    with tifffile.TiffFile(path) as tif:
        for number in pages:
            if number >= len(tif.pages):
                yield _image_of_run(tif, shown, number)
                continue
            page = tif.pages[number].aspage()
            check_whole(page, shown, size)
            plain = lzw_pixels(page)
            pixels = page.asarray() if plain is None else plain
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
                pixels = np.moveaxis(pixels, 0, -1)
            yield _shown_values(page, pixels)


def _image_of_run(tif: tifffile.TiffFile, shown: str, number: int) -> NDArray[Any]:
    """One image of a stack that a single directory describes."""
    series = tif.series[0]
    stack = series.asarray() if series.ndim > 2 else np.empty((0, 1, 1))
    images = stack.reshape(-1, *stack.shape[-2:])
    if number >= len(images):
        detail = f"{shown} has no image {number + 1}, it ends too early: copy it again."
        raise ImageError("truncated", detail)
    image: NDArray[Any] = images[number]
    return image


def check_whole(page: tifffile.TiffPage, shown: str, size: int) -> None:
    """Refuse a page whose pixels are not all in a file of `size` bytes.

    Raises
    ------
    ImageError
        ``unsupported`` (a volume), ``unreadable`` (a size that cannot be) or ``truncated``.
    """
    if page.imagedepth > 1:
        detail = f"{shown} holds a volume in one page: export it as 2-D planes."
        raise ImageError("unsupported", detail)
    if page.nbytes > MAX_UNCHECKED_BYTES and page.nbytes > MAX_RATIO * size:
        # A flipped bit in the width would otherwise ask for all of the memory there is.
        detail = (
            f"{shown} claims {page.nbytes / 1e9:.0f} GB of pixels in {size} bytes: copy it again."
        )
        raise ImageError("unreadable", detail)
    ends = [at + n for at, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    holes = sum(n == 0 for n in page.databytecounts)
    short = page.compression == 1 and sum(page.databytecounts) < _stored_bytes(page)
    if not ends or holes or max(ends) > size or short:
        raise ImageError("truncated", f"{shown} ends before its pixels do: copy it again.")


def _stored_bytes(page: tifffile.TiffPage) -> int:
    """Bytes of a page without compression; 0 where the samples are not stored alike."""
    if page.photometric == tifffile.PHOTOMETRIC.YCBCR:  # its colours may be subsampled
        return 0
    bits = page.imagewidth * page.bitspersample * page.samplesperpixel
    return page.imagelength * (bits // 8)


def _shown_values(page: tifffile.TiffPage, pixels: NDArray[Any]) -> NDArray[Any]:
    """Undo what a TIFF may do to values: a look-up table, and white stored as 0."""
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return _through_palette(page.colormap, pixels)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
        inverted: NDArray[Any] = np.invert(pixels)
        return inverted
    return pixels


def _through_palette(colormap: NDArray[Any], pixels: NDArray[Any]) -> NDArray[Any]:
    """Colours where the palette has some, but values where it only colours a grey scale."""
    if (np.diff(colormap.astype(np.int64), axis=1) >= 0).all():
        return pixels  # a ramp to grey or to one colour shows values, it does not hold them
    return np.moveaxis(colormap[:, pixels], 0, -1)


def to_grey(pixels: NDArray[Any], settings: ReadSettings, shown: str) -> tuple[NDArray[Any], str]:
    """One sample a pixel.

    Parameters
    ----------
    pixels : ndarray
        (height, width) or (height, width, samples): grey, grey + alpha, RGB or RGB + alpha.
    settings : ReadSettings
        Its ``rgb`` is used.
    shown : str
        The file, for the sentences.

    Returns
    -------
    pixels : ndarray
        (height, width), the input's dtype.
    note : str
        What was done; empty for a grey image.

    Raises
    ------
    ImageError
        ``rgb`` where colour is not allowed, ``unsupported`` for other numbers of samples,
        ``unreadable`` where a damaged file says that it has no pixel.
    """
    if pixels.size == 0:
        raise ImageError("unreadable", f"{shown} holds no pixel: copy or export it again.")
    if pixels.ndim == 2:
        return pixels, ""
    samples = pixels.shape[-1] if pixels.ndim == 3 else 0
    if samples in (1, 2):
        return pixels[..., 0], "" if samples == 1 else "alpha is ignored"
    if samples not in (3, 4):
        detail = f"{shown} has pixels of shape {pixels.shape}: export one grey image a channel."
        raise ImageError("unsupported", detail)
    red, green, blue = (pixels[..., i] for i in range(3))
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red, "three equal colours are read as grey"
    if settings.rgb == "reject":
        detail = (
            f"{shown} is a colour image where grey is expected: export one grey image a channel, "
            "or set rgb to luminance, red, green or blue."
        )
        raise ImageError("rgb", detail)
    if settings.rgb == "luminance":
        return _luminance(red, green, blue), "the luminance of a colour image is used"
    grey = {"red": red, "green": green, "blue": blue}[settings.rgb]
    return grey, f"the {settings.rgb} of a colour image is used"


def _luminance(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.601 luma, rounded for integers."""
    luma = 0.299 * red.astype(np.float64) + 0.587 * green + 0.114 * blue
    return (luma if red.dtype.kind == "f" else np.rint(luma)).astype(red.dtype)


def to_working(pixels: NDArray[Any], shown: str) -> NDArray[Any]:
    """Convert to uint8, uint16 or float32, whichever holds the values.

    bool becomes 0 and 255; other integers become uint8 or uint16 where all values fit, else
    float32, which is exact up to 2**24.

    Raises
    ------
    ImageError
        ``unsupported`` (complex numbers), ``non_finite`` (NaN or infinity).
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind in "ui":
        return _integers(pixels)
    if pixels.dtype.kind != "f":
        detail = f"{shown} holds {pixels.dtype} values: export real numbers."
        raise ImageError("unsupported", detail)
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused
        values = np.ascontiguousarray(pixels, dtype=np.float32)
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        detail = (
            f"{shown} is NaN or infinite at {bad} of {values.size} pixels: export it without them."
        )
        raise ImageError("non_finite", detail)
    return values


def as_grey(image: NDArray[Any]) -> tuple[NDArray[Any], float | None]:
    """Bring an array from a notebook into the form that files are read into.

    Parameters
    ----------
    image : ndarray
        (height, width), or (height, width, 3 or 4) with equal colours.

    Returns
    -------
    pixels : ndarray
        (height, width), uint8, uint16 or float32.
    full_scale : float or None
        As `full_scale` says.

    Raises
    ------
    ConfigError
        It is no real, finite grey image: the caller's to mend, as there is no file.
    """
    try:
        grey, _ = to_grey(image, ReadSettings(), "The array")
        pixels = to_working(grey, "The array")
    except ImageError as error:
        raise ConfigError(error.detail) from error
    return pixels, full_scale(pixels, 0)


def _integers(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.dtype in (np.uint8, np.uint16):
        native = pixels.dtype.newbyteorder("=")
    elif pixels.size and pixels.min() >= 0 and pixels.max() <= 65535:
        native = np.dtype(np.uint8 if pixels.dtype.itemsize == 1 else np.uint16)
    else:
        native = np.dtype(np.float32)
    return np.ascontiguousarray(pixels, dtype=native)


def bit_depth(probe: Probe) -> int:
    """Bits that the metadata say the detector gives; 0 where they say nothing.

    Only a number below the width of the stored integers is information: 16 bits in a 16-bit
    file is what programs write by default.
    """
    stored = next(iter(probe.numbers(258)), 0)
    text = probe.description
    found = re.search(r'id="(?:Camera Bit Depth|bits-per-pixel)"[^>]* value="(\d+)', text)
    bits = [stored, int(found[1]) if found else 0]
    pixels = ome_element(text, "Pixels")
    if pixels is not None and pixels.get("SignificantBits", "").isdecimal():
        bits.append(int(pixels.get("SignificantBits", "")))
    return min((n for n in bits if 8 < n < 16), default=0)


def full_scale(pixels: NDArray[Any], bits: int) -> float | None:
    """Largest value the detector can give.

    255 for uint8. For uint16 what the metadata say; else the limit of a 10-, 12- or 14-bit
    detector where the largest value is exactly that limit (a saturated detector gives it
    exactly, others hit it by chance in one pixel, which does no harm), else 65535. None for
    float.
    """
    if pixels.dtype == np.uint8:
        return 255.0
    if pixels.dtype != np.uint16:
        return None
    largest = int(pixels.max()) if pixels.size else 0
    if bits and largest < 2**bits:
        return float(2**bits - 1)
    return float(largest if largest in (1023, 4095, 16383) else 65535)
