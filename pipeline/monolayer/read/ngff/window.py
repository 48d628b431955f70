"""A plane of an OME-Zarr as boxes of its pixels, for scans that must not be held in memory."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monolayer.errors import ImageError, InputError
from monolayer.read.ngff.metadata import groups_at, image_of
from monolayer.read.ngff.store import store_of
from monolayer.read.pixel_size import GIVEN
from monolayer.read.roots import Root
from monolayer.read.sources import PixelSize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ZarrPlane", "group_shape", "open_plane"]


@dataclass(frozen=True, slots=True)
class ZarrPlane:
    """See `monolayer.read.scans.WindowReader`; the image is opened for each box."""

    root: Root
    path: str
    page: int
    shape: tuple[int, int]
    dtype: "np.dtype[Any]"
    pixel_size: PixelSize
    significant_bits: int

    def window(self, top: int, left: int, bottom: int, right: int) -> "NDArray[Any]":
        """Read a box, the last two sides exclusive."""
        from monolayer.read.ngff.pixels import open_image  # zarr takes half a second to import

        with open_image(self.root, self.path) as image:
            pixels = image.plane(self.page, (slice(top, bottom), slice(left, right)))
        native: NDArray[Any] = pixels.astype(self.dtype, order="C", copy=False)
        return native


def open_plane(root: Root, path: str, page: int, pixel_size_um: float | None) -> ZarrPlane:
    """Open one plane of an image group.

    Raises
    ------
    ImageError
        It is not there, damaged, or holds other values than 8 or 16 bits, unsigned.
    """
    from monolayer.read.ngff.pixels import open_image

    with open_image(root, path) as image:
        dtype = image.dtype.newbyteorder("=")
        if dtype.name not in ("uint8", "uint16"):
            detail = f"{path} holds {dtype} values: a scan must be 8 or 16 bits, unsigned."
            raise ImageError("unsupported", detail)
        height, width = image.shape[-2:]
        size = PixelSize(pixel_size_um, GIVEN) if pixel_size_um else image.image.pixel_size
        bits = image.significant_bits(page)
        return ZarrPlane(root, path, page, (height, width), dtype, size, bits)


def group_shape(root: Root, path: str) -> tuple[int, int] | None:
    """Height and width of an image group, by its metadata; None where that cannot be read."""
    key = "" if path == "./" else path.strip("/")
    store = store_of(root)
    try:
        group = groups_at(store, [key]).get(key)
        if group is None or isinstance(group, ImageError):
            return None
        array = group.below(image_of(group).levels[0])
        told = store.contents([f"{array}/zarr.json", f"{array}/.zarray"])
        text = next(iter(told.values()))
        if isinstance(text, Exception):
            return None
        height, width = json.loads(text)["shape"][-2:]
    except (ImageError, InputError, StopIteration, ValueError, KeyError, OSError):
        return None
    return int(height), int(width)
