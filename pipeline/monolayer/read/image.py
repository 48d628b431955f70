"""One field's pixels: every channel as one 2-D image, with who took them and how sharp they are.

1. Hash the files, so that what was read can be named.
2. Read the segmented channel first: its plane decides the plane of the others.
3. Read the rest, and refuse a field whose channels do not fit one another.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.field import Field, FieldImage, Plane
from monolayer.read.decode import bit_depth, full_scale, read_pages, reading, to_grey, to_working
from monolayer.read.focus import sharpness
from monolayer.read.pixel_size import GIVEN, PixelSize, pixel_size_of
from monolayer.read.probe import Probe, probe_image
from monolayer.read.settings import ReadSettings, channel_to_segment
from monolayer.read.sources import container, container_kind
from monolayer.read.stack import pages_of

__all__ = ["read_field"]


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
    pixels, z = _channel(field.channels[segmented], source, None)
    channels = {segmented: pixels}
    for name, planes in field.channels.items():
        if name != segmented:
            channels[name], _ = _channel(planes, source, z)
    channels = {name: channels[name] for name in field.channels}
    _check_shapes(field, channels)
    size = _pixel_size(field.channels[segmented][0], source)
    return FieldImage(
        channels=channels,
        pixel_size_um=size.um,
        pixel_size_source=size.source,
        full_scale=_full_scales(field, channels, source),
        image_sha256=digests[0] if len(digests) == 1 else _sha256(*(d.encode() for d in digests)),
        pixels_sha256=_pixels_sha256(channels),
        notes=tuple(source.notes),
    )


def _open(path: str, source: _Source) -> str:
    """Probe a file and give its SHA-256."""
    file = source.folder / path
    with reading(path):
        source.probes[path] = probe_image(file, path)
        _, note = pages_of(file, source.probes[path])
        source.note(note)
        if kind := container_kind(file.name):
            return container(kind).digest(file)
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()


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
                yield to_working(grey, path)
        start = end


def _channel(
    planes: tuple[Plane, ...], source: _Source, z: int | None
) -> tuple[NDArray[Any], int | None]:
    """A channel's image, and its place in the stack where one plane of several was taken.

    `z` is the segmented channel's plane, which the other channels take too where they have it.
    """
    if len(planes) == 1:
        return next(_images(planes, source)), None
    how = source.settings.z
    if how == "max":
        source.note(f"Z: maximum of {len(planes)} planes.")
        return _maximum(_images(planes, source)), None
    wanted = how if isinstance(how, int) else z
    same = [plane for plane in planes if plane.z == wanted]
    if same:
        return next(_images(same, source)), same[0].z
    if isinstance(how, int):
        detail = (
            f"{planes[0].path} and its stack have {len(planes)} planes and none with index {how}: "
            f"set z to max, best_focus or 0 to {len(planes) - 1}."
        )
        raise ImageError("z_out_of_range", detail)
    image, best = _sharpest(_images(planes, source))
    why = "best focus" if how else "best focus, as z was not set"
    source.note(f"Z: plane {best + 1} of {len(planes)} ({why}).")
    return image, planes[best].z


def _maximum(images: Iterator[NDArray[Any]]) -> NDArray[Any]:
    top = next(images)
    for image in images:
        if image.shape != top.shape:
            raise ImageError("shape_mismatch", _planes_differ(top, image))
        top = np.maximum(top, image)
    return top


def _sharpest(images: Iterator[NDArray[Any]]) -> tuple[NDArray[Any], int]:
    """The sharpest image and its position; the first of equals."""
    best = next(images)
    position, top = 0, sharpness(best)
    for i, image in enumerate(images, start=1):
        if image.shape != best.shape:
            raise ImageError("shape_mismatch", _planes_differ(best, image))
        if (value := sharpness(image)) > top:
            best, position, top = image, i, value
    return best, position


def _planes_differ(one: NDArray[Any], other: NDArray[Any]) -> str:
    return (
        f"Planes of a stack have the shapes {one.shape} and {other.shape}: "
        "export the stack again, or name its planes in separate folders."
    )


def _check_shapes(field: Field, channels: Mapping[str, NDArray[Any]]) -> None:
    shapes = {name: image.shape for name, image in channels.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {h} x {w}" for name, (h, w) in shapes.items())
        detail = f"Channels of {field.field_id} differ in size ({listed} px): export them alike."
        raise ImageError("shape_mismatch", detail)


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


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _pixels_sha256(channels: Mapping[str, NDArray[Any]]) -> str:
    parts: list[bytes] = []
    for image in channels.values():
        parts.append(f"{image.shape} {image.dtype.str}".encode())
        parts.append(image.tobytes())
    return _sha256(*parts)
