"""Containers (many fields in one name), and what any file tells of a page.

A TIFF is read by the house itself (`probe`, `stack`, `decode`). Whatever another library reads
stands behind this contract: a module with the four functions of `Container`, imported when the
first such name is met and never before, because those libraries take seconds to import.

The trick: a container's planes are numbered from 0 in an order of its own, so that a field's
`Plane(path, page)` is all that a worker needs, as it is for the pages of a TIFF.
"""

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from posixpath import splitext
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SUFFIXES",
    "Container",
    "PageOf",
    "PixelSize",
    "Stamp",
    "container",
    "container_kind",
    "shared_sha256",
    "stamp_of",
]

_KINDS = {
    "vendor": ("monolayer.read.vendor", (".czi", ".lif", ".nd2")),
}
_KIND_OF = {suffix: kind for kind, (_, suffixes) in _KINDS.items() for suffix in suffixes}
SUFFIXES = tuple(_KIND_OF)
"""What names of containers end in, lower case."""

Stamp = tuple[int, int]
"""Bytes and time of change: a file that differs in one of them is another file."""


def stamp_of(path: Path) -> Stamp:
    """Tell a file from what it was before."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def shared_sha256(path: Path) -> str:
    """SHA-256 of a file of many fields, computed once a process.

    Field by field a stack of 100 time points was read 100 times for its name alone.
    """
    return _sha256(path, stamp_of(path))


@lru_cache(maxsize=256)
def _sha256(path: Path, stamp: Stamp) -> str:
    del stamp
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class PageOf:
    """Where one page belongs in its file; counts from 0, -1 where the file has no such axis.

    `well` and `field` are names, where a container knows them.
    """

    page: int
    series: int = -1
    t: int = -1
    c: int = -1
    z: int = -1
    channel: str = ""
    well: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Micrometres per pixel, who said so, and a note where it was not believed."""

    um: float | None = None
    source: str = ""
    note: str = ""


class Container(Protocol):
    """What the module of one kind of container offers.

    Each raises `ImageError` with a sentence that costs the file, or the field, its row, and
    `MissingExtraError` where the library that reads it is not installed.
    """

    def pages_of(self, path: Path) -> tuple[list[PageOf], str]:
        """Every plane's place (`PageOf.well` and ``field`` where the file knows), and a note."""
        ...

    def read_pages(self, path: Path, pages: Sequence[int]) -> "Iterator[NDArray[Any]]":
        """Pixels of planes, one at a time: (height, width) or (height, width, samples)."""
        ...

    def pixel_size(self, path: Path, page: int) -> PixelSize:
        """Micrometres per pixel of a plane, unknown where the file does not say."""
        ...

    def digest(self, path: Path) -> str:
        """SHA-256 of the file's bytes."""
        ...


def container_kind(path: str) -> str:
    """Kind of container that a path names, by its suffix alone; empty for all other files."""
    return _KIND_OF.get(splitext(path)[1].lower(), "")


def container(kind: str) -> Container:
    """Give the module that reads a kind of container."""
    return cast(Container, importlib.import_module(_KINDS[kind][0]))
