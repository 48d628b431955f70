"""OME-Zarr 0.4 and 0.5, on disk and in object stores.

    store ─▶ metadata ─▶ listing     names and metadata files only: what a plan needs
    pixels ─▶ field, window          zarr is imported when the first pixel is read

A plane's path ends in ``/`` where it is an image group of an OME-Zarr and no file; its page is
its number in the C order of the axes before y and x of the full resolution.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from monolayer.field import Field
from monolayer.read.ngff.listing import Found, fields_at
from monolayer.read.ngff.store import store_of
from monolayer.read.roots import Remote, Root

__all__ = ["GROUP_FILES", "find_ngff", "is_group", "is_ngff", "remote_groups", "stamp"]

GROUP_FILES = frozenset({"zarr.json", ".zgroup", ".zattrs"})
"""A folder that holds one of these is a Zarr group, and so is one called ``.zarr``."""


def is_group(path: str) -> bool:
    """Whether a plane's path is an image group and no file."""
    return path.endswith("/")


def is_ngff(field: Field) -> bool:
    """Whether a field lies in an OME-Zarr."""
    return any(is_group(path) for path in field.paths)


def find_ngff(folder: Root, paths: Sequence[str], plate: str) -> Found:
    """Find the fields of OME-Zarrs.

    Parameters
    ----------
    folder : Path or Remote
        What the paths are relative to.
    paths : sequence of str
        Of the OME-Zarrs; empty for `folder` itself.
    plate : str
        Plate of the images that belong to none.
    """
    store, found = store_of(folder), Found()
    owners: dict[str, str] = {}
    for path in paths:
        name = PurePosixPath(path).name or _own_name(folder)
        one = fields_at(store, path, name, plate)
        taken = {f.plate for f in (*one.fields, *one.missing)} - {plate}
        if any(owners.setdefault(name, path) != path for name in taken):
            # Two plates of one name are told apart by where they lie.
            own = path.removesuffix(".zarr").replace("/", "_")
            one.fields = [_in_plate(f, own, plate) for f in one.fields]
            one.missing = [_in_plate(f, own, plate) for f in one.missing]
        found.fields += one.fields
        found.missing += one.missing
        if found.pixel_size.um is None:
            found.pixel_size = one.pixel_size
    return found


def remote_groups(remote: Remote) -> list[str]:
    """OME-Zarrs at a URL: itself, or those called ``.zarr`` directly below it."""
    store = store_of(remote)
    if store.contents(sorted(GROUP_FILES)):
        return [""]
    return [name for name in store.children() if name.endswith(".zarr")]


def stamp(folder: Root, path: str) -> str:
    """What changes when an image group does: each file's size with its time or ETag.

    Everything below the group but its labels and tables, which do not change the pixels.
    """
    stamps = store_of(folder).stamps(path.removeprefix("./"))
    kept = (
        f"{name} {told}"
        for name, told in stamps.items()
        if PurePosixPath(name).parts[0] not in ("labels", "tables")
    )
    return "\n".join(kept)


def _own_name(folder: Root) -> str:
    return folder.name if isinstance(folder, Remote) else folder.resolve().name


def _in_plate(field: Field, plate: str, shared: str) -> Field:
    return field if field.plate == shared else replace(field, plate=plate)
