"""What a file is, from its first bytes: format, and a TIFF's first directory read by hand.

A plan over thousands of files must not open each with a full TIFF reader (1.5 ms and an import
of half a second); most hold one plain page, which 300 bytes tell.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import splitext
from typing import BinaryIO

from monolayer.errors import ImageError
from monolayer.read.sources import container_kind

__all__ = ["Probe", "probe", "probe_image", "sniff"]

# Tags of TIFF 6.0 that are needed before the pixels are.
BITS, DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, UNIT = 258, 270, 282, 283, 296
SUB_IFDS, STK_UIC2 = 330, 33629
_WANTED = frozenset({254, 256, 257, BITS, DESCRIPTION, 282, 283, UNIT, SUB_IFDS, STK_UIC2})
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q", 18: "Q"}
_SHAPE = frozenset({254, 256, 257})
MAX_PAGES = 1_000_000

Value = bytes | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A file's format and, for a TIFF, its first directory.

    Attributes
    ----------
    format : str
        ``tiff``, ``png``, ``jpeg``, or a kind of container (`monolayer.read.sources`), of which
        nothing else is told here.
    tags : mapping of int to bytes or tuple of int
        The first directory's tags that reading needs; rationals as (numerator, denominator).
    plain : bool
        One page and nothing hanging from it.
    pages : tuple of tuple of int
        Width, height and NewSubfileType of each top-level page, where there are several.
    """

    format: str
    tags: Mapping[int, Value] = field(default_factory=dict)
    plain: bool = True
    pages: tuple[tuple[int, ...], ...] = ()

    @property
    def description(self) -> str:
        """ImageDescription as text; OME-XML is UTF-8, others Latin-1 at worst."""
        raw = self.tags.get(DESCRIPTION, b"")
        raw = bytes(raw) if isinstance(raw, tuple) else raw
        raw = raw.rstrip(b"\0 \r\n")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Values of a numeric tag; empty where it is absent."""
        value = self.tags.get(tag, ())
        return value if isinstance(value, tuple) else ()


def sniff(head: bytes) -> str:
    """Format from a file's first eight bytes; empty where it is no image format known here."""
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "jpeg" if head.startswith(b"\xff\xd8\xff") else ""


def probe_image(path: Path, shown: str) -> Probe:
    """Probe an image that is about to be read.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        Its path as the sentences show it.

    Raises
    ------
    ImageError
        ``empty_file``, ``unreadable``, ``wrong_extension`` or ``truncated``.
    """
    if kind := container_kind(path.name):
        return Probe(kind, plain=False)
    with path.open("rb") as handle:
        head = handle.read(8)
        if not head:
            raise ImageError("empty_file", f"{shown} is empty (0 bytes): copy it again.")
        found = sniff(head)
        if not found:
            detail = f"{shown} is not a TIFF, PNG or JPEG image: remove it or export it again."
            raise ImageError("unreadable", detail)
        _check_suffix(shown, found)
        if found != "tiff":
            return Probe(found)
        try:
            return _directories(handle, head)
        except (struct.error, ValueError) as error:
            detail = f"{shown} ends before its TIFF directory does: copy it again."
            raise ImageError("truncated", detail) from error


def probe(path: Path) -> Probe | None:
    """Probe a file for the plan; None where it cannot be read, which reading will explain."""
    try:
        return probe_image(path, path.name)
    except (OSError, ImageError):
        return None


def _check_suffix(shown: str, found: str) -> None:
    suffix = splitext(shown)[1].lower()
    expected = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}.get(suffix, "tiff")
    if found != expected:
        good = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}[found]
        raise ImageError(
            "wrong_extension",
            f"{shown} holds a {found.upper()} image although its name ends in {suffix}: "
            f"rename it to {Path(shown).stem}{good}.",
        )


def _directories(handle: BinaryIO, head: bytes) -> Probe:
    """First directory's tags, and the shapes of all pages in the chain."""
    form = _Form.of(head)
    handle.seek(8 if form.big else 4)
    (start,) = form.unpack(form.pointer, handle.read(8 if form.big else 4))
    tags, following = _directory(handle, form, start, _WANTED)
    pages, seen = [_page(tags)], {start}
    while following and following not in seen and len(seen) < MAX_PAGES:
        seen.add(following)
        page, following = _directory(handle, form, following, _SHAPE)
        pages.append(_page(page))
    plain = len(pages) == 1 and STK_UIC2 not in tags
    return Probe("tiff", tags, plain, () if plain else tuple(pages))


def _page(tags: Mapping[int, Value]) -> tuple[int, ...]:
    def first(tag: int) -> int:
        value = tags.get(tag, (0,))
        return int(value[0]) if value else 0

    return first(256), first(257), first(254)


@dataclass(frozen=True, slots=True)
class _Form:
    """Byte order and width of a TIFF's numbers."""

    order: str
    big: bool

    @classmethod
    def of(cls, head: bytes) -> "_Form":
        return cls("<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+"))

    @property
    def pointer(self) -> str:
        return "Q" if self.big else "I"

    def size(self, letters: str) -> int:
        return struct.calcsize(self.order + letters)

    def unpack(self, letters: str, raw: bytes, at: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self.order + letters, raw, at)


def _directory(
    handle: BinaryIO, form: _Form, start: int, wanted: frozenset[int]
) -> tuple[dict[int, Value], int]:
    """Tags of one directory, and where the next one starts (0: nowhere)."""
    handle.seek(start)
    count_letter = "Q" if form.big else "H"
    (count,) = form.unpack(count_letter, handle.read(form.size(count_letter)))
    if not 0 < count < 4096:
        raise ValueError(count)
    step, width = form.size("HH" + 2 * form.pointer), form.size(form.pointer)
    block = handle.read(count * step + width)
    (following,) = form.unpack(form.pointer, block, count * step)
    tags: dict[int, Value] = {}
    entries = struct.iter_unpack(f"{form.order}HH{form.pointer}{width}s", block[: count * step])
    for tag, kind, n, inline in entries:
        # The first of several descriptions is the instrument's; tifffile adds one of its own.
        if tag in wanted and kind in _TYPES and tag not in tags:
            tags[tag] = _value(handle, form, (kind, n), inline)
    return tags, following


def _value(handle: BinaryIO, form: _Form, entry: tuple[int, int], inline: bytes) -> Value:
    kind, n = entry
    letter = _TYPES[kind]
    size = n * (1 if letter == "s" else form.size(letter))
    raw = inline[:size]
    if size > len(inline):
        handle.seek(form.unpack(form.pointer, inline)[0])
        raw = handle.read(size)
    if len(raw) != size:
        raise ValueError(size)
    return raw if letter == "s" else form.unpack(letter * n, raw)
