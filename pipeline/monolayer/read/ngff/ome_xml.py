"""What bioformats2raw keeps of the original file: OME-XML beside the images."""

from monolayer.read.ngff.store import Store
from monolayer.read.pixel_size import ome_root

__all__ = ["series_names"]


def series_names(store: Store, path: str) -> list[str]:
    """Names of the images, in their order; empty where the file is absent or damaged."""
    content = store.contents([path]).get(path)
    text = content.decode("utf-8", errors="replace") if isinstance(content, bytes) else ""
    root = ome_root(text)
    images = root.findall("{*}Image") if root is not None else []
    return [(image.get("Name") or "").strip() for image in images]
