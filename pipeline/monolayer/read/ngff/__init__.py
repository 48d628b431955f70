"""OME-Zarr 0.4 and 0.5, on disk and in object stores.

    store ─▶ metadata ─▶ listing     names and metadata files only: what a plan needs
    pixels ─▶ field, window          zarr is imported when the first pixel is read

A plane's path ends in ``/`` where it is an image group of an OME-Zarr and no file; its page is
its number in the C order of the axes before y and x of the full resolution.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import PurePosixPath

from monolayer.errors import InputError, MissingExtraError
from monolayer.field import Field
from monolayer.read.ngff.listing import Found, fields_at
from monolayer.read.ngff.store import store_error, store_of
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

    Raises
    ------
    MissingExtraError
        There are some, and zarr is not installed.
    """
    store, found = store_of(folder), Found()
    _listing.cache_clear()
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
    if found.fields and find_spec("zarr") is None:
        # Before the first field, and not in the row of each.
        raise MissingExtraError.named("zarr", "zarr")
    return found


def remote_groups(remote: Remote) -> list[str]:
    """OME-Zarrs at a URL: itself, or those called ``.zarr`` directly below it.

    Raises
    ------
    InputError
        The store does not answer, or refuses.
    """
    store = store_of(remote)
    found = store.contents(sorted(GROUP_FILES))
    for error in found.values():
        if isinstance(error, Exception):
            raise InputError(store_error(str(remote), error).detail)
    if found:
        return [""]
    return [name for name in store.children() if name.endswith(".zarr")]


def stamp(folder: Root, path: str) -> str:
    """What changes when an image group does: each file's size with its time or ETag.

    Everything below the group but its labels and tables, which do not change the pixels. An
    object store is asked once for all images of a plate's row, and again after `find_ngff`.
    """
    prefix = "" if path == "./" else path
    if isinstance(folder, Remote):
        stamps = _listed_below(folder, prefix)
    else:
        stamps = list(store_of(folder).stamps(prefix).items())
    return "\n".join(
        f"{name} {told}" for name, told in stamps if not name.startswith(("labels/", "tables/"))
    )


def _listed_below(remote: Remote, prefix: str) -> list[tuple[str, str]]:
    """Names and stamps below a prefix, out of one listing of the folder above."""
    top = prefix.partition("/")[0]
    stamps = _listing(remote, top)
    below = prefix.removeprefix(f"{top}/")
    start = bisect_left(stamps, (below, ""))
    found = []
    for name, told in islice(stamps, start, None):
        if not name.startswith(below):
            break
        found.append((name.removeprefix(below), told))
    return found


@lru_cache(maxsize=1)
def _listing(remote: Remote, top: str) -> list[tuple[str, str]]:
    return sorted(store_of(remote).stamps(top).items())


def _own_name(folder: Root) -> str:
    return folder.name if isinstance(folder, Remote) else folder.resolve().name


def _in_plate(field: Field, plate: str, shared: str) -> Field:
    return field if field.plate == shared else replace(field, plate=plate)
