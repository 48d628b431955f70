"""Planes of a field's stacks to one 2-D image a channel, whatever kind of file they come from.

1. Read the segmented channel first: its plane decides the plane of the others.
2. Read the rest, and refuse a field whose channels do not fit one another.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.field import Field, Plane
from monolayer.read.focus import sharpness
from monolayer.read.settings import ReadSettings
from monolayer.read.sources import PixelSize

__all__ = ["FieldStack", "Images", "Reading", "pixels_sha256", "read_channels", "sha256_of"]

Images = Callable[[Sequence[Plane]], Iterator[NDArray[Any]]]
"""Decodes planes one by one, each of shape (height, width)."""


@dataclass(frozen=True, slots=True)
class FieldStack:
    """A field as its files hold it: every plane of every channel, values unchanged.

    Attributes
    ----------
    planes : mapping of str to tuple of Plane
        Of each channel.
    images : callable
        Decodes planes, one by one; valid while the field is open.
    pixel_size : PixelSize
        Micrometres per pixel.
    significant_bits : mapping of str to int
        Bits that each channel's detector gives; 0 where nobody says.
    """

    planes: Mapping[str, tuple[Plane, ...]]
    images: Images
    pixel_size: PixelSize
    significant_bits: Mapping[str, int]


class Reading(Protocol):
    """How a field is read, and where to say what a reader of the report must know."""

    @property
    def settings(self) -> ReadSettings:
        """What the method says of reading."""
        ...

    def note(self, text: str) -> None:
        """Say it; an empty text says nothing."""
        ...


def read_channels(
    field: Field, segmented: str, images: Images, reading: Reading
) -> dict[str, NDArray[Any]]:
    """Read every channel of a field.

    Parameters
    ----------
    field : Field
        Its channels' planes are read.
    segmented : str
        The channel whose plane the others follow.
    images : callable
        Decodes planes.
    reading : Reading
        Settings and notes.

    Returns
    -------
    dict of str to ndarray
        One image a channel, all of one shape, in the field's order.

    Raises
    ------
    ImageError
        Planes or channels do not fit one another, or a plane asked for is not there.
    """
    pixels, z = _channel(field.channels[segmented], images, reading, None)
    channels = {segmented: pixels}
    for name, planes in field.channels.items():
        if name != segmented:
            channels[name], _ = _channel(planes, images, reading, z)
    channels = {name: channels[name] for name in field.channels}
    _check_shapes(field, channels)
    return channels


def _channel(
    planes: tuple[Plane, ...], images: Images, reading: Reading, z: int | None
) -> tuple[NDArray[Any], int | None]:
    """A channel's image, and its place in the stack where one plane of several was taken.

    `z` is the segmented channel's plane, which the other channels take too where they have it.
    """
    if len(planes) == 1:
        return next(images(planes)), None
    how = reading.settings.z
    if how == "max":
        reading.note(f"Z: maximum of {len(planes)} planes.")
        return _maximum(images(planes)), None
    wanted = how if isinstance(how, int) else z
    same = [plane for plane in planes if plane.z == wanted]
    if same:
        return next(images(same)), same[0].z
    if isinstance(how, int):
        detail = (
            f"{planes[0].path} and its stack have {len(planes)} planes and none with index {how}: "
            f"set z to max, best_focus or 0 to {len(planes) - 1}."
        )
        raise ImageError("z_out_of_range", detail)
    image, best = _sharpest(images(planes))
    why = "best focus" if how else "best focus, as z was not set"
    reading.note(f"Z: plane {best + 1} of {len(planes)} ({why}).")
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


def sha256_of(*parts: bytes | memoryview) -> str:
    """SHA-256 of bytes, one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def pixels_sha256(channels: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the pixels that are used, with their shapes and types."""
    parts: list[bytes | memoryview] = []
    for image in channels.values():
        parts.append(f"{image.shape} {image.dtype.str}".encode())
        # The array itself: a copy of it as bytes takes as long as a seventh of its decoding.
        parts.append(np.ascontiguousarray(image).data)
    return sha256_of(*parts)
