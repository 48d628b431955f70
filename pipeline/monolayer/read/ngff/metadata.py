"""What an OME-Zarr says of itself: groups, plates, wells, images and arrays.

Two forms, told apart by the file that holds them: OME-Zarr 0.4 in Zarr 2 (``.zattrs`` beside
``.zgroup`` or ``.zarray``) and 0.5 in Zarr 3 (``zarr.json``, all under its attribute ``ome``).
After `Group` nobody else needs to know which it was.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from monolayer.errors import ImageError
from monolayer.read.ngff.store import Store, store_error
from monolayer.read.pixel_size import believed, unit_um
from monolayer.read.sources import PixelSize

__all__ = ["Array", "Group", "Image", "arrays_at", "groups_at", "image_of"]

ZarrFormat = Literal[2, 3]
VERSIONS = ("0.4", "0.5")
OURS = "monolayer"
"""Attribute that holds what OME-Zarr has no word for; `convert` writes it."""


_FILES_3 = ("zarr.json",)
_FILES_2 = (".zgroup", ".zattrs")


@dataclass(frozen=True, slots=True)
class Group:
    """A group's metadata.

    Attributes
    ----------
    path : str
        POSIX path below the store; empty for its top.
    zarr_format : int
        2 or 3.
    ome : mapping
        OME-Zarr's own metadata.
    ours : mapping
        What monolayer wrote beside it; empty in images of others.
    """

    path: str
    zarr_format: ZarrFormat
    ome: Mapping[str, Any]
    ours: Mapping[str, Any]

    def below(self, name: str) -> str:
        """Path of something in this group."""
        return joined(self.path, name)


@dataclass(frozen=True, slots=True)
class Array:
    """An array's metadata, as far as planning needs it."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A multiscale image's metadata.

    Attributes
    ----------
    levels : tuple of str
        Paths of the arrays below the image's group, the full resolution first.
    axes : str
        One letter an axis, slowest first, such as ``tczyx``.
    channels : tuple of str
        Labels of the channels; empty where they are missing, repeated or too few to tell
        channels apart.
    pixel_size : PixelSize
        Micrometres per pixel of the full resolution.
    """

    levels: tuple[str, ...]
    axes: str
    channels: tuple[str, ...]
    pixel_size: PixelSize


def joined(*parts: str) -> str:
    """Join parts of a path, of which some may be empty."""
    return "/".join(part for part in parts if part)


def groups_at(
    store: Store, paths: Sequence[str], zarr_format: ZarrFormat | None = None
) -> dict[str, Group | ImageError]:
    """Read the metadata of groups; those that are not there are left out.

    Parameters
    ----------
    store : Store
        Where they are.
    paths : sequence of str
        Below the store.
    zarr_format : int, optional
        2 or 3 where it is known, which spares half of the requests.

    Returns
    -------
    dict of str to Group or ImageError
        The error says what is wrong with that one.
    """
    names = {
        3: ("zarr.json",),
        2: (".zgroup", ".zattrs"),
        None: ("zarr.json", ".zgroup", ".zattrs"),
    }
    keys = [joined(path, name) for path in paths for name in names[zarr_format]]
    files = store.contents(keys)
    found: dict[str, Group | ImageError] = {}
    for path in paths:
        try:
            group = _group(path, files)
        except ImageError as error:
            found[path] = error
        else:
            if group is not None:
                found[path] = group
    return found


def arrays_at(
    store: Store, paths: Sequence[str], zarr_format: int
) -> dict[str, Array | ImageError]:
    """Read the metadata of arrays; those that are not there are left out."""
    name = "zarr.json" if zarr_format == 3 else ".zarray"
    keys = {path: joined(path, name) for path in paths}
    files = store.contents(list(keys.values()))
    found: dict[str, Array | ImageError] = {}
    for path, key in keys.items():
        if key in files:
            try:
                found[path] = _array(files[key], key)
            except ImageError as error:
                found[path] = error
    return found


def image_of(group: Group) -> Image:
    """Read an image's metadata.

    Raises
    ------
    ImageError
        ``unreadable`` where it is damaged, ``unsupported`` where a field cannot hold its axes.
    """
    shown = group.path or "The OME-Zarr"
    try:
        scales = group.ome["multiscales"]
        first = scales[0]
        axes = _axes(first.get("axes"), shown)
        levels = tuple(str(data["path"]) for data in first["datasets"])
        if not levels:
            raise ValueError("no datasets")
        size = _pixel_size(first, axes)
        labels = [
            channel.get("label") for channel in group.ome.get("omero", {}).get("channels", [])
        ]
    except ImageError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise damaged(shown, f"multiscales: {type(error).__name__} {error}") from error
    return Image(levels, axes, _distinct(labels), size)


def check_version(group: Group) -> None:
    """Refuse a version of OME-Zarr that may mean something else by the same words.

    Raises
    ------
    ImageError
        ``unsupported``.
    """
    found = _version(group)
    if found is not None and found not in VERSIONS:
        detail = (
            f"{group.path or 'The OME-Zarr'} is of OME-Zarr version {found}, and only "
            f"{' and '.join(VERSIONS)} are read: convert it."
        )
        raise ImageError("unsupported", detail)


def _version(group: Group) -> str | None:
    """Version as it is written; None where nobody says, which 0.4 allows."""
    ome = group.ome
    if group.zarr_format == 3:
        return str(ome["version"]) if "version" in ome else None
    scales = ome.get("multiscales") or [{}]
    parts = (ome.get("plate"), ome.get("well"), scales[0] if isinstance(scales, list) else None)
    told = (part.get("version") for part in parts if isinstance(part, Mapping))
    return next((str(version) for version in told if version is not None), None)


def damaged(shown: str, why: str) -> ImageError:
    """A group or array whose metadata cannot be used."""
    return ImageError(
        "unreadable", f"{shown} has damaged OME-Zarr metadata ({why[:120]}): copy it again."
    )


def _group(path: str, files: Mapping[str, bytes | Exception]) -> Group | None:
    shown = path or "The OME-Zarr"
    if (text := files.get(joined(path, "zarr.json"))) is not None:
        told = _json(text, shown)
        attributes = _mapping(told.get("attributes", {}), shown)
        ome = _mapping(attributes.get("ome", {}), shown)
        group = Group(path, 3, ome, _mapping(attributes.get(OURS, {}), shown))
    elif joined(path, ".zgroup") in files or joined(path, ".zattrs") in files:
        ome = _json(files.get(joined(path, ".zattrs"), b"{}"), shown)
        group = Group(path, 2, ome, _mapping(ome.get(OURS, {}), shown))
    else:
        return None
    check_version(group)
    return group


def _array(text: bytes | Exception, key: str) -> Array:
    told = _json(text, key)
    try:
        shape = tuple(int(n) for n in told["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(key, f"shape: {error}") from error
    if any(n < 1 for n in shape):
        raise damaged(key, f"shape {shape}")
    return Array(shape)


def _json(text: bytes | Exception, shown: str) -> Mapping[str, Any]:
    if isinstance(text, Exception):
        raise store_error(shown, text)
    try:
        return _mapping(json.loads(text), shown)
    except ValueError as error:
        raise damaged(shown, str(error)) from error


def _mapping(value: Any, shown: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise damaged(shown, f"{type(value).__name__} where names and values are expected")
    return value


def _axes(axes: Any, shown: str) -> str:
    """One letter an axis; a field is one plane of y and x."""
    letters = "".join(str(axis["name"]) for axis in axes)
    if (
        not letters.endswith("yx")
        or len(set(letters)) < len(letters)
        or set(letters) - set("tczyx")
    ):
        detail = (
            f"{shown} has the axes {letters!r}: a field needs y and x last, before them t, c, z."
        )
        raise ImageError("unsupported", detail)
    return letters


def _pixel_size(scales: Mapping[str, Any], axes: str) -> PixelSize:
    """Micrometres per pixel; unknown where an axis has no unit that is a length."""
    units = [unit_um(str(axis.get("unit", ""))) for axis in scales["axes"]][-2:]
    factors = [1.0] * len(axes)
    told = False
    steps = (*scales["datasets"][0].get("coordinateTransformations", ()),
             *scales.get("coordinateTransformations", ()))  # fmt: skip
    for step in steps:
        if step.get("type") == "scale":
            factors = [a * float(b) for a, b in zip(factors, step["scale"], strict=True)]
            told = True
    y, x = (f * u if u is not None else math.nan for f, u in zip(factors[-2:], units, strict=True))
    if not told or None in units:
        return PixelSize()
    return believed("OME-Zarr", x, y)


def _distinct(labels: Sequence[Any]) -> tuple[str, ...]:
    """Labels, where each names one channel."""
    names = [str(label).strip() if label is not None else "" for label in labels]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()
