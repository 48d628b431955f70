"""A field too large for memory: its channels as planes that give any box of their pixels.

The size is told by the files' first bytes, so that a plan knows its scans before a pixel is
decoded; and by nothing else, so that a field takes the same road on every machine.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from monolayer.errors import ImageError
from monolayer.field import Field, Plane
from monolayer.read.ngff import is_group, is_ngff
from monolayer.read.ngff.window import group_shape, open_plane
from monolayer.read.probe import probe
from monolayer.read.roots import Remote, Root, folder_of
from monolayer.read.settings import ReadSettings
from monolayer.read.sources import PixelSize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scan", "WindowReader", "is_scan", "open_scan", "plane_shape"]

MP = 1e6
# No lossless codec shrinks a real image further; below this size a file is not even opened.
_MOST_PIXELS_A_BYTE = 1000
_PNG_HEAD = 24
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}


class WindowReader(Protocol):
    """One plane on disk that is read box by box."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        ...

    @property
    def dtype(self) -> "np.dtype[Any]":
        """uint8 or uint16, in native byte order."""
        ...

    @property
    def pixel_size(self) -> PixelSize:
        """Micrometres per pixel, and who said so."""
        ...

    def window(self, top: int, left: int, bottom: int, right: int) -> "NDArray[Any]":
        """Read a box, the last two sides exclusive, C-contiguous.

        Raises
        ------
        ImageError
            The file is damaged, cut, or gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scan:
    """A field's channels on disk.

    Attributes
    ----------
    channels : mapping of str to WindowReader
        In natural order, of equal shapes.
    pixel_size : PixelSize
        Of the segmented channel.
    bit_depths : mapping of str to int
        Bits that the metadata say each detector gives; 0 where they say nothing.
    notes : tuple of str
        What a reader of the report must know.
    """

    channels: Mapping[str, WindowReader]
    pixel_size: PixelSize
    bit_depths: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return next(iter(self.channels.values())).shape


def is_scan(field: Field, root: Root, settings: ReadSettings) -> tuple[int, int] | None:
    """Height and width of a field that is too large to be held as a whole; None for others.

    Parameters
    ----------
    field : Field
        From `find_fields`.
    root : Path or Remote
        What `find_fields` was given.
    settings : ReadSettings
        Its ``max_field_mp``.

    Returns
    -------
    tuple of int or None
        None too where the file cannot be read, which reading will explain.
    """
    if field.problem is not None or not field.channels:
        return None
    plane, folder = next(iter(field.channels.values()))[0], folder_of(root)
    if is_ngff(field):
        shape = group_shape(folder, plane.path)
    elif isinstance(folder, Remote):
        return None
    else:
        shape = None
        if not _is_small(f"{folder}/{plane.path}", settings):
            shape = plane_shape(folder / plane.path, plane.page, settings)
    if shape is None or shape[0] * shape[1] <= settings.max_field_mp * MP:
        return None
    return shape


def _is_small(path: str | Path, settings: ReadSettings) -> bool:
    """Whether a file cannot hold a scan, or is not there. Of a text: a Path takes twice as long."""
    try:
        return os.stat(path).st_size * _MOST_PIXELS_A_BYTE < settings.max_field_mp * MP  # noqa: PTH116
    except OSError:
        return True


def plane_shape(path: Path, page: int, settings: ReadSettings) -> tuple[int, int] | None:
    """Height and width of a file's plane, from its head; None where that does not say.

    Files too small to hold ``max_field_mp`` are not opened.
    """
    try:
        if _is_small(path, settings):
            return None
        told = probe(path)
        if told is None:
            return None
        if told.format == "tiff":
            width, height = told.numbers(256), told.numbers(257)
            if told.pages and page < len(told.pages):
                width, height = told.pages[page][:1], told.pages[page][1:2]
            return (height[0], width[0]) if height and width else None
        with path.open("rb") as handle:
            head = handle.read(1 << 16)
        return _png_shape(head) if told.format == "png" else _jpeg_shape(head)
    except OSError:
        return None


def open_scan(field: Field, root: Root, settings: ReadSettings, segmented: str) -> Scan:
    """Open a field's planes without reading a pixel.

    Parameters
    ----------
    field, root, settings
        As for `is_scan`.
    segmented : str
        The channel that says how large a pixel is.

    Raises
    ------
    ImageError
        A file is missing, damaged, or of a kind that cannot be read in windows.
    """
    folder, channels, depths = folder_of(root), dict[str, WindowReader](), dict[str, int]()
    for name, planes in field.channels.items():
        plane = _plane_of(planes, settings)
        channels[name], depths[name] = _open(folder, plane, settings.pixel_size_um)
    shapes = {reader.shape for reader in channels.values()}
    if len(shapes) > 1:
        listed = ", ".join(f"{name} {r.shape[0]} x {r.shape[1]}" for name, r in channels.items())
        detail = f"Channels of {field.field_id} differ in size ({listed} px): export them alike."
        raise ImageError("shape_mismatch", detail)
    size = channels[segmented].pixel_size
    notes = (size.note,) if size.note else ()
    return Scan(channels, size, depths, notes)


def _open(folder: Root, plane: Plane, pixel_size_um: float | None) -> tuple[WindowReader, int]:
    """One plane, and the bits that its metadata say the detector gives."""
    if is_group(plane.path):
        group = open_plane(folder, plane.path, plane.page, pixel_size_um)
        return group, group.significant_bits
    # A plan that only looks for scans needs no decoder.
    from monolayer.read.decode import bit_depth, reading
    from monolayer.read.probe import probe_image
    from monolayer.read.strips import open_strips

    assert not isinstance(folder, Remote)
    path = folder / plane.path
    with reading(plane.path):
        bits = bit_depth(probe_image(path, plane.path))
    return open_strips(path, pixel_size_um, plane.page, plane.path), bits


def _plane_of(planes: Sequence[Plane], settings: ReadSettings) -> Plane:
    """The one plane of a channel; a stack is not projected, as it would be read many times."""
    same = [plane for plane in planes if plane.z == settings.z] if len(planes) > 1 else planes
    if not same:
        detail = (
            f"{planes[0].path} is a scan in {len(planes)} planes: set read.z to the index of one, "
            "or export a projection."
        )
        raise ImageError("too_large", detail)
    return next(iter(same))


def _png_shape(head: bytes) -> tuple[int, int] | None:
    if len(head) < _PNG_HEAD:
        return None
    width, height = struct.unpack_from(">II", head, 16)
    return height, width


def _jpeg_shape(head: bytes) -> tuple[int, int] | None:
    for marker, at in _jpeg_segments(head):
        if marker in _JPEG_SIZES and at + 9 <= len(head):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return height, width
    return None


def _jpeg_segments(head: bytes) -> Iterator[tuple[int, int]]:
    """Marker and position of each segment up to the pixels."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        yield marker, at
        if marker in _JPEG_ALONE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + struct.unpack_from(">H", head, at + 2)[0]
