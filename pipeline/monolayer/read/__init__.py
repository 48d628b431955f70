"""Read: from files on disk to fields, and from a field to its pixels.

    find_fields ─▶ Listing of Field ─▶ read_field ─▶ FieldImage

`find_fields` decodes no pixel and opens no file with a full reader, so that a plan over thousands
of files takes a second; `read_field` imports the decoders when it is first called.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from monolayer.errors import ConfigError
from monolayer.field import Field, FieldImage
from monolayer.read.layouts import LAYOUTS, Layout
from monolayer.read.ngff import is_ngff
from monolayer.read.plan import Listing, find_fields
from monolayer.read.roots import Remote, Root, root_of
from monolayer.read.settings import ReadSettings, channel_among, channel_to_segment

if TYPE_CHECKING:
    from monolayer.read.channels import FieldStack

__all__ = [
    "LAYOUTS",
    "Layout",
    "Listing",
    "ReadSettings",
    "Remote",
    "Root",
    "as_grey",
    "channel_among",
    "channel_to_segment",
    "find_fields",
    "open_stack",
    "read_field",
    "root_of",
]


def read_field(field: Field, root: Root, settings: ReadSettings) -> FieldImage:
    """Read all channels of a field: see `monolayer.read.image.read_field`."""
    if is_ngff(field):
        from monolayer.read.ngff.field import read_field as read_group

        return read_group(field, root, settings)
    from monolayer.read import image

    return image.read_field(field, _on_disk(root), settings)


def open_stack(field: Field, root: Root, settings: ReadSettings) -> "FieldStack":
    """Open a field to read every plane of it: see `monolayer.read.image.open_stack`."""
    if is_ngff(field):
        from monolayer.read.ngff.field import open_stack as open_group

        return open_group(field, root, settings)
    from monolayer.read import image

    return image.open_stack(field, _on_disk(root), settings)


def _on_disk(root: Root) -> Path:
    if isinstance(root, Remote):
        raise ConfigError(f"{root}: only OME-Zarr is read from a URL; copy the files to a disk.")
    return root


def as_grey(image: NDArray[Any]) -> tuple[NDArray[Any], float | None]:
    """Bring an array into the form of a field's channel: see `monolayer.read.decode.as_grey`."""
    from monolayer.read import decode

    return decode.as_grey(image)
