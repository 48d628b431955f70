"""A field of an OME-Zarr: every channel as one 2-D image, as `monolayer.read.image` gives files."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.field import Field, FieldImage, Plane
from monolayer.read.channels import FieldStack, pixels_sha256, read_channels, sha256_of
from monolayer.read.decode import full_scale, to_working
from monolayer.read.ngff.pixels import ZarrImage, open_image
from monolayer.read.pixel_size import GIVEN
from monolayer.read.roots import Root, folder_of
from monolayer.read.settings import ReadSettings, channel_to_segment
from monolayer.read.sources import PixelSize

__all__ = ["open_stack", "read_field"]


@dataclass(slots=True)
class _Reading:
    """Settings, and what a reader of the report must know; as `channels.Reading` asks."""

    settings: ReadSettings
    opened: dict[str, ZarrImage]
    notes: dict[str, None] = field(default_factory=dict)

    def note(self, text: str) -> None:
        if text:
            self.notes[text] = None

    def images(self, planes: Sequence[Plane]) -> Iterator[NDArray[Any]]:
        for plane in planes:
            yield self.opened[plane.path].plane(plane.page)

    def working(self, planes: Sequence[Plane]) -> Iterator[NDArray[Any]]:
        for plane, pixels in zip(planes, self.images(planes), strict=True):
            yield to_working(pixels, plane.path)

    def significant_bits(self, where: Field) -> dict[str, int]:
        firsts = {name: planes[0] for name, planes in where.channels.items()}
        return {
            name: self.opened[plane.path].significant_bits(plane.page)
            for name, plane in firsts.items()
        }

    def pixel_size(self, path: str) -> PixelSize:
        if self.settings.pixel_size_um is not None:
            return PixelSize(self.settings.pixel_size_um, GIVEN)
        return self.opened[path].image.pixel_size


def read_field(where: Field, root: Root, settings: ReadSettings) -> FieldImage:
    """Read all channels of a field.

    Parameters
    ----------
    where : Field
        From `find_fields`, with paths of image groups.
    root : Path or Remote
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
    if where.problem is not None:
        raise ImageError(*where.problem)
    segmented = channel_to_segment(where, settings)
    folder = folder_of(root)
    with ExitStack() as stack:
        opened = {p: stack.enter_context(open_image(folder, p)) for p in where.paths}
        reading = _Reading(settings, opened)
        channels = read_channels(where, segmented, reading.working, reading)
        first = where.channels[segmented][0].path
        size = reading.pixel_size(first)
        reading.note(size.note)
        digests = [image.sha256 for image in opened.values()]
        for image in opened.values():
            reading.notes |= image.notes
        bits = reading.significant_bits(where)
    scales = {name: full_scale(pixels, bits[name]) for name, pixels in channels.items()}
    return FieldImage(
        channels=channels,
        pixel_size_um=size.um,
        pixel_size_source=size.source,
        full_scale={name: scale for name, scale in scales.items() if scale is not None},
        image_sha256=digests[0] if len(digests) == 1 else sha256_of(*map(str.encode, digests)),
        pixels_sha256=pixels_sha256(channels),
        notes=tuple(reading.notes),
    )


def open_stack(where: Field, root: Root, settings: ReadSettings) -> FieldStack:
    """Open a field to read every plane of it, values unchanged.

    Parameters
    ----------
    where, root, settings
        As `read_field` takes them.

    Raises
    ------
    ImageError
        The field cannot be read; ``reason`` says why.
    """
    if where.problem is not None:
        raise ImageError(*where.problem)
    opened = {path: open_image(folder_of(root), path) for path in where.paths}
    reading = _Reading(settings, opened)
    first = where.channels[channel_to_segment(where, settings)][0].path
    return FieldStack(
        planes=where.channels,
        images=reading.images,
        pixel_size=reading.pixel_size(first),
        significant_bits=reading.significant_bits(where),
    )
