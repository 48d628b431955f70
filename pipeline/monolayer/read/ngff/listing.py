"""From an OME-Zarr to its fields, by its metadata alone.

1. What is it: a plate, a collection in bioformats2raw's layout, or one image?
2. Its wells, their images, the full resolution of each: three rounds of small files.
3. Every plane of the full resolution in its place; what is promised and not there is missing.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from monolayer.errors import ImageError
from monolayer.field import Field, Plane
from monolayer.read.ngff.metadata import (
    Array,
    Group,
    ZarrFormat,
    arrays_at,
    damaged,
    groups_at,
    image_of,
)
from monolayer.read.ngff.ome_xml import series_names
from monolayer.read.ngff.store import Store
from monolayer.read.sources import PixelSize
from monolayer.read.wells import normalise_number, normalise_well

__all__ = ["Found", "fields_at"]

Problem = tuple[str, str]


@dataclass(slots=True)
class Found:
    """Fields of OME-Zarrs, those that they promise and do not hold, and the first pixel size."""

    fields: list[Field] = field(default_factory=list)
    missing: list[Field] = field(default_factory=list)
    pixel_size: PixelSize = field(default_factory=PixelSize)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image belongs, and how its time points are called."""

    plate: str
    well: str
    field: str
    time: str = ""
    well_text: str = ""
    promised_by: str = ""

    def at(
        self,
        channels: Mapping[str, tuple[Plane, ...]],
        problem: Problem | None = None,
        time: str | None = None,
    ) -> Field:
        """The field at this place."""
        when = self.time if time is None else time
        return Field(self.plate, self.well, self.field, when, channels, self.well_text, problem)

    def absent(self) -> Field:
        """The field that is not there."""
        detail = f"{self.promised_by} names it, but no image is there: copy it if it was lost."
        return self.at({}, ("missing", detail))


def fields_at(store: Store, path: str, name: str, plate: str) -> Found:
    """Find the fields of one OME-Zarr.

    Parameters
    ----------
    store : Store
        Where it is.
    path : str
        Of its top group below the store.
    name : str
        What the OME-Zarr's folder is called.
    plate : str
        Name of the plate where the OME-Zarr is none itself.

    Returns
    -------
    Found
        Planes with paths that end in ``/``: image groups below the store.
    """
    found = Found()
    stem = name.removesuffix(".zarr").removesuffix(".ome")
    alone = _Place(plate, "", stem)
    top = groups_at(store, [path]).get(path)
    if top is None:
        detail = f"{path or name} has no OME-Zarr metadata (zarr.json or .zgroup): copy it again."
        top = ImageError("unreadable", detail)
    if isinstance(top, ImageError):
        found.fields.append(_unreadable(alone, path, top))
    elif "plate" in top.ome:
        _add_plate(store, top, stem, found)
    elif "multiscales" in top.ome:
        _add_images(store, {path: alone}, top.zarr_format, found)
    elif "bioformats2raw.layout" in top.ome:
        _add_series(store, top, alone, found)
    else:
        detail = f"{path or name} is a Zarr group without an OME-Zarr plate or image: remove it."
        found.fields.append(_unreadable(alone, path, ImageError("unsupported", detail)))
    return found


def _unreadable(place: _Place, path: str, error: ImageError) -> Field:
    return place.at({"ch1": (Plane(f"{path or '.'}/"),)}, (error.reason, error.detail))


def _add_plate(store: Store, plate: Group, stem: str, found: Found) -> None:
    try:
        told = plate.ome["plate"]
        name = str(told.get("name") or "").strip() or stem
        wells = {plate.below(str(well["path"])): str(well["path"]) for well in told["wells"]}
        times = _acquisitions(told)
    except (KeyError, TypeError, AttributeError) as error:
        wrong = damaged(plate.path or stem, f"plate: {type(error).__name__} {error}")
        found.fields.append(_unreadable(_Place(stem, "", stem), plate.path, wrong))
        return
    groups = groups_at(store, list(wells), plate.zarr_format)
    images: dict[str, _Place] = {}
    for path, text in wells.items():
        place = _well_place(name, text, plate)
        group = groups.get(path)
        try:
            if group is None:
                found.missing.append(place.absent())
            elif isinstance(group, ImageError):
                raise group
            else:
                images |= _well_images(group, place, times)
        except ImageError as error:
            found.fields.append(_unreadable(place, path, error))
    _add_images(store, images, plate.zarr_format, found)
    _add_left_out(plate, name, found)


def _well_place(plate: str, path: str, group: Group) -> _Place:
    """Place of a well named by its row and column, such as ``B/03``."""
    text = path.replace("/", "")
    well = normalise_well(text) or text
    by = PurePosixPath(group.path).name or "The plate's metadata"
    return _Place(plate, well, "", well_text=text, promised_by=by)


def _acquisitions(told: Mapping[str, Any]) -> dict[Any, str]:
    """Names of the acquisitions, by id; empty where there is one, which says nothing of time."""
    acquisitions = told.get("acquisitions") or []
    if len(acquisitions) < 2:
        return {}
    names = [str(each.get("name") or "").strip() for each in acquisitions]
    ids = [each["id"] for each in acquisitions]
    usable = all(names) and len(set(names)) == len(names)
    return {key: name if usable else str(key) for key, name in zip(ids, names, strict=True)}


def _well_images(well: Group, place: _Place, times: Mapping[Any, str]) -> dict[str, _Place]:
    try:
        images = {}
        listed = well.ome["well"]["images"]
        names = [normalise_number(str(image["path"])) for image in listed]
        distinct = len(set(names)) == len(names)
        for image, name in zip(listed, names, strict=True):
            path = str(image["path"])
            time = times.get(image.get("acquisition"), "")
            where = replace(place, field=name if distinct else path, time=time)
            images[well.below(path)] = where
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(well.path, f"well: {type(error).__name__} {error}") from error
    return images


def _add_left_out(plate: Group, name: str, found: Found) -> None:
    """Fields that `convert` could not convert, or found missing, keep their rows."""
    for key in ("failed", "missing"):
        for told in plate.ours.get(key, ()):
            well, which, time = (str(told[part]) for part in ("well", "field", "time"))
            problem = (str(told["reason"]), str(told["detail"]))
            left = Field(name, well, which, time, {}, problem=problem)
            if key == "failed":
                paths = tuple(Plane(path) for path in told["paths"])
                left = replace(left, channels={"ch1": paths})
            (found.fields if key == "failed" else found.missing).append(left)


def _add_series(store: Store, top: Group, alone: _Place, found: Found) -> None:
    """Images in bioformats2raw's layout: numbered groups, or as ``OME``'s list of series says."""
    beside = groups_at(store, [top.below("OME")], top.zarr_format).get(top.below("OME"))
    series = beside.ome.get("series") if isinstance(beside, Group) else None
    names = series_names(store, top.below("OME/METADATA.ome.xml"))
    if isinstance(series, list):
        paths = [str(path) for path in series]
    else:
        paths = [str(i) for i in range(len(names))] or _numbered(store, top)
    if not paths and not top.ours.get("failed"):
        detail = f"{top.path or alone.field} lists no image: copy it again."
        found.fields.append(_unreadable(alone, top.path, ImageError("unreadable", detail)))
    usable = len(names) == len(paths) and len(set(names)) == len(names) and all(names)
    by = PurePosixPath(top.path).name or "The collection's metadata"
    alone = replace(alone, plate=str(top.ours.get("plate", alone.plate)))
    places = {
        top.below(path): replace(
            alone, field=names[i] if usable else f"{alone.field}#{path}", promised_by=by
        )
        for i, path in enumerate(paths)
    }
    _add_images(store, places, top.zarr_format, found)
    _add_left_out(top, alone.plate, found)


def _numbered(store: Store, top: Group) -> list[str]:
    """Groups 0, 1, 2 and so on, as far as they are there."""
    paths: list[str] = []
    for i in itertools.count():
        if top.below(str(i)) not in groups_at(store, [top.below(str(i))], top.zarr_format):
            return paths
        paths.append(str(i))
    raise AssertionError("unreachable")


def _add_images(
    store: Store, places: Mapping[str, _Place], zarr_format: ZarrFormat, found: Found
) -> None:
    """Put the planes of image groups in their places."""
    groups = groups_at(store, list(places), zarr_format)
    images: dict[str, Any] = {}
    for path, place in places.items():
        group = groups.get(path)
        if group is None:
            found.missing.append(place.absent())
            continue
        try:
            if isinstance(group, ImageError):
                raise group
            images[path] = group, image_of(group)
            if found.pixel_size.um is None:
                found.pixel_size = images[path][1].pixel_size
        except ImageError as error:
            found.fields.append(_unreadable(place, path, error))
    levels = {path: group.below(image.levels[0]) for path, (group, image) in images.items()}
    arrays = arrays_at(store, list(levels.values()), zarr_format)
    for path, (group, image) in images.items():
        array = arrays.get(levels[path])
        try:
            if array is None:
                detail = f"{levels[path]} is not there, which {path or 'the image'} promises: "
                raise ImageError("missing_file", detail + "copy it again.")
            if isinstance(array, ImageError):
                raise array
            found.fields += _fields_of(path, group, image.axes, image.channels, array, places[path])
        except ImageError as error:
            found.fields.append(_unreadable(places[path], path, error))


def _fields_of(
    path: str, group: Group, axes: str, labels: Sequence[str], array: Array, place: _Place
) -> Iterator[Field]:
    """One field a time point, with the planes of its channels."""
    shape = array.shape
    if len(shape) != len(axes):
        detail = f"{path or 'The image'} has axes {axes!r} and arrays of {len(shape)} dimensions: "
        raise ImageError("unreadable", detail + "convert it again.")
    sizes = dict(zip(axes, shape, strict=True))
    n_times, n_channels, n_planes = (sizes.get(axis, 1) for axis in "tcz")
    steps = {axis: math.prod(shape[i + 1 : -2]) for i, axis in enumerate(axes[:-2])}
    names = labels if len(labels) == n_channels else [f"ch{c + 1}" for c in range(n_channels)]
    ours = {key: str(group.ours[key]) for key in ("field", "time") if key in group.ours}
    place = replace(place, **ours)
    counts = group.ours.get("planes") or [n_planes] * n_channels
    for t in range(n_times):
        channels = {
            name: tuple(Plane(f"{path or '.'}/", _page(steps, t=t, c=c, z=z), z) for z in range(n))
            for c, (name, n) in enumerate(zip(names, counts, strict=True))
        }
        when = place.time
        if n_times > 1:
            when = f"{when}.{t + 1}" if when else str(t + 1)
        yield place.at(channels, time=when)


def _page(steps: Mapping[str, int], **at: int) -> int:
    """Number of a plane in the C order of the axes before y and x."""
    return sum(steps.get(axis, 0) * index for axis, index in at.items())
