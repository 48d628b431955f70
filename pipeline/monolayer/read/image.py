"""One field's pixels: every channel as one 2-D image, with who took them and how sharp they are.

1. Hash the files, so that what was read can be named.
2. Decode the planes that each channel is made of (`channels`).
3. Say how large a pixel is, and what the detector's largest value.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.field import Field, FieldImage, Plane
from monolayer.read.channels import FieldStack, pixels_sha256, read_channels, sha256_of
from monolayer.read.decode import bit_depth, full_scale, read_pages, reading, to_grey, to_working
from monolayer.read.pixel_size import GIVEN, pixel_size_of
from monolayer.read.probe import Probe, probe_image
from monolayer.read.settings import ReadSettings, channel_to_segment
from monolayer.read.sources import PixelSize, container, container_kind, shared_sha256
from monolayer.read.stack import pages_of

__all__ = ["open_stack", "read_field"]


@dataclass(slots=True)
class _Source:
    """Where the image files lie, what each is, and what a reader of the report must know."""

    folder: Path
    settings: ReadSettings
    probes: dict[str, Probe]
    notes: dict[str, None]

    def note(self, text: str) -> None:
        if text:
            self.notes[text] = None


def read_field(field: Field, root: Path, settings: ReadSettings) -> FieldImage:
    """Read all channels of a field.

    Parameters
    ----------
    field : Field
        From `find_fields`.
    root : Path
        What `find_fields` was given.
    settings : ReadSettings
        The same.

    Returns
    -------
    FieldImage
        Channels in natural order, all of one shape.

    Raises
    ------
    ImageError
        The field costs its row; ``reason`` says why.
    ConfigError
        The channel wanted is not among the field's.
    """
    if field.problem is not None:
        raise ImageError(*field.problem)
    segmented = channel_to_segment(field, settings)
    source = _Source(root if root.is_dir() else root.parent, settings, {}, {})
    digests = [_open(path, source) for path in field.paths]
    channels = read_channels(field, segmented, partial(_working, source=source), source)
    size = _pixel_size(field.channels[segmented][0], source)
    return FieldImage(
        channels=channels,
        pixel_size_um=size.um,
        pixel_size_source=size.source,
        full_scale=_full_scales(field, channels, source),
        image_sha256=digests[0] if len(digests) == 1 else sha256_of(*(d.encode() for d in digests)),
        pixels_sha256=pixels_sha256(channels),
        notes=tuple(source.notes),
    )


def open_stack(field: Field, root: Path, settings: ReadSettings) -> FieldStack:
    """Open a field to read every plane of it, values unchanged.

    Parameters
    ----------
    field, root, settings
        As `read_field` takes them.

    Raises
    ------
    ImageError
        The field cannot be read; ``reason`` says why.
    """
    if field.problem is not None:
        raise ImageError(*field.problem)
    source = _Source(root if root.is_dir() else root.parent, settings, {}, {})
    for path in field.paths:
        _probe(path, source)
    first = field.channels[channel_to_segment(field, settings)][0]
    bits = {
        name: bit_depth(source.probes[planes[0].path]) for name, planes in field.channels.items()
    }
    return FieldStack(
        planes=field.channels,
        images=partial(_images, source=source),
        pixel_size=_pixel_size(first, source),
        significant_bits=bits,
    )


def _probe(path: str, source: _Source) -> None:
    file = source.folder / path
    with reading(path):
        source.probes[path] = probe_image(file, path)
        _, note = pages_of(file, source.probes[path])
        source.note(note)


def _open(path: str, source: _Source) -> str:
    """Probe a file and give its SHA-256."""
    _probe(path, source)
    file = source.folder / path
    with reading(path):
        if kind := container_kind(file.name):
            return container(kind).digest(file)
        if not source.probes[path].plain:
            return shared_sha256(file)
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()


def _working(planes: Sequence[Plane], source: _Source) -> Iterator[NDArray[Any]]:
    """Decoded planes in the types that are worked with."""
    for plane, grey in zip(planes, _images(planes, source), strict=True):
        with reading(plane.path):
            yield to_working(grey, plane.path)


def _images(planes: Sequence[Plane], source: _Source) -> Iterator[NDArray[Any]]:
    """Decoded planes; each file is opened once for all of its pages that follow each other."""
    start = 0
    while start < len(planes):
        path = planes[start].path
        end = start
        while end < len(planes) and planes[end].path == path:
            end += 1
        pages = [plane.page for plane in planes[start:end]]
        with reading(path):
            for raw in read_pages(source.folder / path, path, source.probes[path], pages):
                grey, note = to_grey(raw, source.settings, path)
                source.note(f"{path}: {note}." if note else "")
                yield grey
        start = end


def _pixel_size(plane: Plane, source: _Source) -> PixelSize:
    if source.settings.pixel_size_um is not None:
        return PixelSize(source.settings.pixel_size_um, GIVEN)
    with reading(plane.path):
        size = pixel_size_of(source.folder / plane.path, source.probes[plane.path], plane.page)
    source.note(size.note)
    return size


def _full_scales(
    field: Field, channels: Mapping[str, NDArray[Any]], source: _Source
) -> dict[str, float]:
    scales = {}
    for name, image in channels.items():
        scale = full_scale(image, bit_depth(source.probes[field.channels[name][0].path]))
        if scale is not None:
            scales[name] = scale
    return scales
