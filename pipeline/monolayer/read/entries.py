"""From files to entries: each page of each file, and its place on the plate.

The place is what the file's name says (`layouts`), and what the file itself adds (`stack`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from monolayer.errors import ImageError, MissingExtraError
from monolayer.read.layouts import Layout, Position, parse
from monolayer.read.probe import probe
from monolayer.read.sources import PageOf, container_kind
from monolayer.read.stack import pages_of
from monolayer.read.wells import normalise_well

__all__ = ["Entry", "entries_of_file", "name_channels", "name_plain_fields", "plate_names"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of one file, and its place; `trouble` where it cannot have one."""

    path: str
    page: int
    place: Position
    trouble: tuple[str, str] | None = None

    @property
    def field_key(self) -> tuple[str, str, str, str]:
        """What makes it part of one field: plate, well, field, time."""
        return self.place.plate, self.place.well, self.place.field, self.place.time

    def moved(
        self, *, plate: str | None = None, field: str | None = None, channel: str | None = None
    ) -> "Entry":
        """The same page in another place; None keeps what it has."""
        place = self.place
        wanted = ((plate, place.plate), (field, place.field), (channel, place.channel))
        if all(new is None or new == old for new, old in wanted):
            return self
        moved = replace(
            place,
            plate=place.plate if plate is None else plate,
            field=place.field if field is None else field,
            channel=place.channel if channel is None else channel,
        )
        return replace(self, place=moved)


def entries_of_file(folder: Path, path: str, layout: Layout) -> list[Entry]:
    """Pages of one file in their places.

    Parameters
    ----------
    folder : Path
        The image folder.
    path : str
        POSIX path relative to it.
    layout : Layout
        How names are read.
    """
    named_within = container_kind(path) != "" and not layout.is_regex
    if layout.name == "plain" or named_within:
        place: Position | None = plain_place(path)
    else:
        place = parse(path, layout)
    if place is None:
        detail = (
            f"{path} does not fit the layout {layout.name} of the other images: "
            "rename it, move it away, or run with --layout plain."
        )
        return [Entry(path, 0, plain_place(path), ("layout", detail))]
    file = folder / path
    told = probe(file)
    if told is None:
        return [Entry(path, 0, place)]
    try:
        pages, _ = pages_of(file, told)
    except ImageError as error:
        return [Entry(path, 0, place, (error.reason, error.detail))]
    except MissingExtraError as error:
        return [Entry(path, 0, place, ("missing_extra", f"{path} cannot be read: {error}"))]
    except (ValueError, KeyError, IndexError, OSError) as error:
        detail = f"{path} has a damaged description of its pages ({error}): export it again."
        return [Entry(path, 0, place, ("unreadable", detail))]
    return [Entry(path, page.page, _within(place, page, layout)) for page in pages]


def plain_place(path: str) -> Position:
    """Place of a file without a layout: a field named by its path."""
    return Position("", "", path, "", "ch1", None, "", "")


def _within(place: Position, page: PageOf, layout: Layout) -> Position:
    """Place of one page: what the file says, added to what its name says."""
    field, time, channel, z = place.field, place.time, place.channel, place.z
    if page.well or page.field:
        place = _named_within(place, page)
        field = place.field
    elif page.series >= 0:
        field = f"{field}#{page.series + 1}"
    if page.t >= 0:
        time = f"{time}.{page.t + 1}" if time else str(page.t + 1)
    inside = page.channel or (f"ch{page.c + 1}" if page.c >= 0 else "")
    if inside and not layout.names_channel:
        channel = inside
    elif page.c >= 0:
        channel = f"{channel} {inside}"
    if page.z >= 0:
        z = page.z if z is None else 1_000_000 * z + page.z
    return replace(place, field=field, time=time, channel=channel, z=z)


def _named_within(place: Position, page: PageOf) -> Position:
    """Place by the names that a container gives; one with wells is a plate called as its file."""
    if not page.well:
        return replace(place, field=f"{place.field}#{page.field}")
    well = normalise_well(page.well) or page.well
    path = PurePosixPath(place.field)
    folder = "" if str(path.parent) == "." else str(path.parent)
    named = replace(place, well=well, well_text=page.well, field=page.field or "1")
    return named if place.well else replace(named, plate=path.stem, plate_folder=folder)


def plate_names(
    folder: Path, entries: Iterable[Entry], layout: Layout
) -> dict[tuple[str, str], str]:
    """Name of each plate, by its name in the files and its folder.

    One name in several folders means several plates (acquired twice, or numbered by the folder),
    which the folder then names.
    """
    keys = dict.fromkeys((e.place.plate, e.place.plate_folder) for e in entries)
    top = folder.resolve()
    top = top.parent if top.name == "Images" else top
    names = {}
    for plate, place in keys:
        same = [other for name, other in keys if name == plate]
        last = [PurePosixPath(other).name for other in same]
        if plate and (len(same) == 1 or layout.is_regex):
            names[plate, place] = plate
        elif not place:
            names[plate, place] = plate or top.name
        elif last.count(PurePosixPath(place).name) == 1:
            names[plate, place] = PurePosixPath(place).name
        else:
            names[plate, place] = place.replace("/", "_")
    return names


def name_channels(entries: list[Entry]) -> list[Entry]:
    """Name a Yokogawa channel with its action where it was taken by more than one."""
    variants: dict[str, set[str]] = {}
    for entry in entries:
        variants.setdefault(entry.place.channel, set()).add(entry.place.variant)
    several = {channel for channel, found in variants.items() if len(found) > 1}
    return [
        e.moved(channel=f"{e.place.variant} {e.place.channel}".strip())
        if e.place.channel in several
        else e
        for e in entries
    ]


def name_plain_fields(entries: list[Entry]) -> list[Entry]:
    """Name fields that are named by a path without its suffix, where that still names one file."""
    owners: dict[str, set[str]] = {}
    for entry in entries:
        owners.setdefault(_stem(entry.path), set()).add(entry.path)
    named = []
    for entry in entries:
        stem, field = _stem(entry.path), entry.place.field
        alone = field.startswith(entry.path) and len(owners[stem]) == 1
        named.append(entry.moved(field=stem + field.removeprefix(entry.path)) if alone else entry)
    return named


def _stem(path: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    stem = stem if dot and "/" not in suffix else path
    return stem[:-4] if stem.lower().endswith(".ome") else stem
