"""Microscope makers' files (CZI, LIF, ND2) through bioio's readers, each of which is a package.

    scene, and tile of a mosaic -> field     channel by name     T, Z as in the file

1. Every plane of every scene is numbered, in the order scene, tile, T, C, Z (`pages_of`).
2. A plane is read alone (`read_pages`): memory holds one of them, never the file.

The trick: a scene's name is taken for a well (`scenes`) only where all scenes of the file are
named that way; a name that was guessed would put cells into the wrong well.
"""

import importlib
import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError, MissingExtraError
from monolayer.read.pixel_size import believed
from monolayer.read.scenes import Place, places_of
from monolayer.read.sources import PageOf, PixelSize, Stamp, shared_sha256, stamp_of

__all__ = ["digest", "pages_of", "pixel_size", "read_pages"]

# They say on their loggers what the field's row will say.
for _name in ("bioio_czi", "liffile", "nd2"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class _Maker:
    """One maker's format: its reader's package, the options it needs, and how files begin."""

    name: str
    package: str
    heads: tuple[bytes, ...]
    options: tuple[tuple[str, Any], ...] = ()
    blue_first: bool = False


_MAKERS = {
    ".czi": _Maker("CZI", "bioio_czi", (b"ZISRAWFILE",), blue_first=True),
    # By its own default a chunk, which is read at once, is a whole Z stack.
    ".lif": _Maker("LIF", "bioio_lif", (b"\x70\0\0\0",), (("chunk_dims", "YX"),)),
    ".nd2": _Maker("ND2", "bioio_nd2", (b"\xda\xce\xbe\n", b"\0\0\0\x0cjP  ")),
}


@dataclass(frozen=True, slots=True)
class _At:
    """Where a plane lies in its file."""

    scene: int
    index: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a file holds: place and page of each plane, and a pixel size a scene."""

    at: tuple[_At, ...]
    pages: tuple[PageOf, ...]
    sizes: tuple[PixelSize, ...]


def pages_of(path: Path) -> tuple[list[PageOf], str]:
    """Place every plane of a file.

    Parameters
    ----------
    path : Path
        A file whose suffix is known here.

    Raises
    ------
    ImageError
        ``empty_file``, ``wrong_extension``, ``unreadable``, or ``unsupported`` for axes that a
        field cannot hold and for scenes that the file's own list leaves out.
    MissingExtraError
        The format's reader is not installed.
    """
    return list(_contents(path, stamp_of(path)).pages), ""


def read_pages(path: Path, pages: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Read planes one by one: (height, width), with samples last for a colour image.

    Raises
    ------
    ImageError
        ``unreadable``.
    """
    import dask.config

    maker, stamp = _MAKERS[path.suffix.lower()], stamp_of(path)
    contents = _contents(path, stamp)
    for page in pages:
        # Within a Dask worker a reader that works lazily would hand its own work to the cluster,
        # and wait for a worker that waits for it.
        with _explained(path), dask.config.set(scheduler="synchronous"):
            if page >= len(contents.at):
                raise IndexError(f"no plane {page + 1}")
            where = contents.at[page]
            reader = _reader(path, stamp)
            reader.set_scene(where.scene)
            axes = "YXS" if "S" in reader.dims.order else "YX"
            pixels = np.asarray(reader.get_image_data(axes, **dict(where.index)))
        yield pixels[..., ::-1] if axes == "YXS" and maker.blue_first else pixels


def pixel_size(path: Path, page: int) -> PixelSize:
    """Micrometres per pixel of a plane; unknown where the file is not calibrated."""
    contents = _contents(path, stamp_of(path))
    return contents.sizes[contents.at[page].scene] if page < len(contents.at) else PixelSize()


def digest(path: Path) -> str:
    """SHA-256 of the file, computed once a process: its fields share it."""
    return shared_sha256(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say which file and what to do, whatever its reader raises."""
    try:
        yield
    except (ImageError, MissingExtraError, FileNotFoundError, PermissionError):
        raise
    # Readers raise what they like, some of them classes made in C++ that derive from nothing else.
    except Exception as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        detail = f"{path.name} cannot be read ({why}): copy it again, or export it as OME-TIFF."
        raise ImageError("unreadable", detail) from error


@lru_cache(maxsize=4)
def _reader(path: Path, stamp: Stamp) -> Any:
    """Bioio's reader of a file; it holds no pixel and keeps no file open."""
    maker = _MAKERS[path.suffix.lower()]
    _check_head(path, maker, stamp[0])
    try:
        package = importlib.import_module(maker.package)
    except ModuleNotFoundError as error:
        if error.name != maker.package:
            raise
        raise MissingExtraError.named(maker.package.replace("_", "-"), "vendor") from None
    with _explained(path):
        return package.Reader(str(path), **dict(maker.options))


def _check_head(path: Path, maker: _Maker, size: int) -> None:
    if not size:
        raise ImageError("empty_file", f"{path.name} is empty (0 bytes): copy it again.")
    with path.open("rb") as handle:
        head = handle.read(16)
    if not head.startswith(maker.heads):
        detail = (
            f"{path.name} does not begin as a {maker.name} file: "
            "copy it again, or give it its right suffix."
        )
        raise ImageError("wrong_extension", detail)


@lru_cache(maxsize=64)
def _contents(path: Path, stamp: Stamp) -> _Contents:
    reader = _reader(path, stamp)
    with _explained(path):
        scenes = tuple(reader.scenes)
        _check_scenes(path, len(scenes))
        places = places_of(scenes)
        at: list[_At] = []
        pages: list[PageOf] = []
        sizes: list[PixelSize] = []
        for scene, place in enumerate(places):
            reader.set_scene(scene)
            sizes.append(_pixel_size(path, reader))
            for index, page in _planes(path, reader, place):
                at.append(_At(scene, index))
                pages.append(replace(page, page=len(pages)))
    return _Contents(tuple(at), tuple(pages), tuple(sizes))


def _planes(
    path: Path, reader: Any, place: Place
) -> Iterator[tuple[tuple[tuple[str, int], ...], PageOf]]:
    """Index and place of each plane of the scene that the reader is at."""
    shape = dict(zip(reader.dims.order, reader.dims.shape, strict=True))
    if unknown := [axis for axis, n in shape.items() if axis not in "MTCZYXS" and n > 1]:
        detail = f"{path.name} has the axis {unknown[0]!r}: export it with scenes, T, C and Z only."
        raise ImageError("unsupported", detail)
    axes = [axis for axis in "MTCZ" if axis in shape]
    names = _channel_names(reader, shape.get("C", 1))
    for position in itertools.product(*(range(shape[axis]) for axis in axes)):
        index = dict(zip(axes, position, strict=True))
        t, c, z = (index[axis] if shape.get(axis, 1) > 1 else -1 for axis in "TCZ")
        tile = index["M"] if shape.get("M", 1) > 1 else -1
        name = names[index.get("C", 0)] if names else ""
        where = place.tile(tile)
        yield (
            tuple(index.items()),
            PageOf(0, t=t, c=c, z=z, channel=name, well=where.well, field=where.field),
        )


def _channel_names(reader: Any, count: int) -> list[str]:
    """Names that tell the channels apart; none where some are missing or equal."""
    names = [str(name).strip() for name in reader.channel_names or ()]
    return names if len(names) == count == len(set(names)) and all(names) else []


def _pixel_size(path: Path, reader: Any) -> PixelSize:
    sizes = reader.physical_pixel_sizes
    if not sizes.X or not sizes.Y or (sizes.X == sizes.Y == 1 and not _is_calibrated(path)):
        return PixelSize()
    return believed(_MAKERS[path.suffix.lower()].name, float(sizes.X), float(sizes.Y))


def _is_calibrated(path: Path) -> bool:
    """Whether 1 um per pixel was measured: ND2's reader gives it where nothing is known."""
    if path.suffix.lower() != ".nd2":
        return True
    import nd2

    with nd2.ND2File(path) as file:
        channels = getattr(file.metadata, "channels", None) or ()
        return any(all(channel.volume.axesCalibrated[:2]) for channel in channels)


def _check_scenes(path: Path, named: int) -> None:
    """Refuse a CZI whose metadata name fewer scenes than it holds.

    Its reader would leave the others out without a word: a file written by pylibCZIrw 6.1 lists
    none, and of two scenes the first was read.
    """
    if path.suffix.lower() != ".czi":
        return
    from aicspylibczi import CziFile

    ranges = [shape.get("S", (0, 1)) for shape in CziFile(path).get_dims_shape()]
    held = sum(end - start for start, end in ranges)
    if held > named:
        detail = (
            f"{path.name} holds {held} scenes, of which its metadata name {named}: "
            "save it again in the maker's program, or export it as OME-TIFF."
        )
        raise ImageError("unsupported", detail)
