"""From a folder to its fields, without decoding a pixel.

1. List the files, choose the layout, parse every name (`walk`, `layouts`, `loaddata`).
2. Give plates their names, and every page of every file its place (`stack`).
3. Put places that agree together as fields; two files in one place are a problem, not a guess.
4. Say what is missing (`planned`).
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from monolayer.errors import ConfigError, ImageError, InputError
from monolayer.field import Field, Plane, natural_key
from monolayer.read.layouts import (
    Layout,
    Position,
    choose_layout,
    is_thumbnail,
    named_layout,
    parse,
)
from monolayer.read.loaddata import find_loaddata, read_loaddata
from monolayer.read.pixel_size import PixelSize, pixel_size_of
from monolayer.read.planned import missing_fields
from monolayer.read.probe import probe
from monolayer.read.settings import ReadSettings, absent_channel, best_channel
from monolayer.read.stack import PageOf, pages_of
from monolayer.read.walk import Files, IMAGE_SUFFIXES, list_files

__all__ = ["Listing", "find_fields"]

PROBED_FOR_PIXEL_SIZE = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    layout : str
        Name of the layout used; ``regex`` for one given as such.
    fields : tuple of Field
        In the order of `Field.sort_key`.
    missing : tuple of (str, str)
        Field id and sentence of what was planned and is absent.
    ignored : tuple of (str, str)
        Path and reason.
    pixel_size_um, pixel_size_source : float or None, str
        Of the first readable field.
    """

    layout: str
    fields: tuple[Field, ...]
    missing: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    pixel_size_um: float | None = None
    pixel_size_source: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One page of one file, and its place; `trouble` where the file has none."""

    path: str
    page: int
    place: Position
    trouble: tuple[str, str] | None = None


def find_fields(root: Path, settings: ReadSettings, layout: str = "auto") -> Listing:
    """Find the fields of a folder of images.

    Parameters
    ----------
    root : Path
        A folder, one image, or a CellProfiler LoadData CSV.
    settings : ReadSettings
        Its channel and pixel size are used.
    layout : str
        ``auto``, a name of `LAYOUTS`, or a regex with named groups (`plate well row col field
        channel z time`) that is searched in each path relative to `root`.

    Returns
    -------
    Listing
        The same whatever the order in which the file system lists the files.

    Raises
    ------
    InputError
        No such folder, no image in it, or a layout that fits none.
    ConfigError
        An unknown layout, a wrong regex, or a channel that no field has.
    """
    root = Path(root)
    asked = None if layout == "auto" else named_layout(layout)
    folder, files, table = _list(root, asked)
    if table is not None:
        used = named_layout("loaddata")
        entries = [
            _Entry(path, page, place)
            for path, page, place in read_loaddata(table, folder, files.images)
        ]
    else:
        used = asked or choose_layout(files.images)
        _check_fits(root, used, files.images)
        _ignore_beside(used, files)
        entries = [entry for path in files.images for entry in _entries(folder, path, used)]
    plates = _plate_names(folder, entries, used)
    entries = [
        replace(e, place=replace(e.place, plate=plates[e.place.plate, e.place.plate_folder]))
        for e in entries
    ]
    entries = _channels_apart(entries)
    entries = _without_projections(entries, files)
    fields = _fields(folder, entries) + _unreadable_folders(folder, files)
    fields = _check_channel(fields, used, settings)
    fields.sort(key=lambda field: field.sort_key)
    size = _pixel_size(folder, fields, settings)
    sides = _side_files(folder, files, plates)
    files.sort()
    return Listing(
        layout=used.name,
        fields=tuple(fields),
        missing=tuple(missing_fields(fields, used, sides)),
        ignored=tuple(files.ignored),
        pixel_size_um=size.um,
        pixel_size_source=size.source,
    )


def _list(root: Path, asked: Layout | None) -> tuple[Path, Files, Path | None]:
    """Folder, its files, and the LoadData table where one is to be used."""
    wanted = asked is not None and asked.name == "loaddata"
    if root.is_file():
        if root.suffix.lower() == ".csv":
            return root.parent, list_files(root.parent), root
        if not root.name.lower().endswith(IMAGE_SUFFIXES):
            raise InputError(
                f"{root} is neither an image ({', '.join(IMAGE_SUFFIXES)}) nor a LoadData CSV: "
                "give a folder of images."
            )
        return root.parent, Files(images=[root.name]), None
    if not root.is_dir():
        raise InputError(f"Image folder {root} does not exist: check the path.")
    files = list_files(root)
    if not files.images and not wanted and not files.unreadable:
        raise InputError(
            f"Image folder {root} holds no image ({', '.join(IMAGE_SUFFIXES)}): "
            "check the path or export the images as TIFF."
        )
    table = find_loaddata(root, files.images) if asked is None or wanted else None
    if wanted and table is None:
        table = _only_table(root)
    return root, files, table


def _only_table(root: Path) -> Path:
    tables = sorted(root.glob("*.csv"))
    if len(tables) != 1:
        raise InputError(
            f"Image folder {root} holds {len(tables)} CSV files: give the LoadData table itself."
        )
    return tables[0]


def _check_fits(root: Path, layout: Layout, images: Sequence[str]) -> None:
    if layout.pattern is not None and not any(parse(path, layout) for path in images):
        raise InputError(
            f"Layout {layout.name} ({layout.description}) fits none of the {len(images)} images in "
            f"{root}, the first of which is {images[0]}: use auto, or another layout."
        )


def _ignore_beside(layout: Layout, files: Files) -> None:
    """Take out thumbnails, and Yokogawa's shading and dark images."""
    kept = []
    for path in files.images:
        name = PurePosixPath(path).name
        if is_thumbnail(path):
            files.ignored.append((path, "thumbnail"))
        elif layout.name == "cv8000" and name.startswith(("SC_", "DC_")):
            files.ignored.append((path, "shading or dark image"))
        else:
            kept.append(path)
    files.images = kept


def _entries(folder: Path, path: str, layout: Layout) -> list[_Entry]:
    """Pages of one file in their places."""
    place = parse(path, layout)
    if layout.name == "plain":
        place = _plain_place(path)
    if place is None:
        detail = (
            f"{path} does not fit the layout {layout.name} of the other images: "
            "rename it, move it away, or run with --layout plain."
        )
        return [_Entry(path, 0, _plain_place(path), ("layout", detail))]
    told = probe(folder / path)
    if told is None:
        return [_Entry(path, 0, place)]
    try:
        pages, _ = pages_of(folder / path, told)
    except ImageError as error:
        return [_Entry(path, 0, place, (error.reason, error.detail))]
    except (ValueError, KeyError, IndexError, OSError) as error:
        detail = f"{path} has a damaged description of its pages ({error}): export it again."
        return [_Entry(path, 0, place, ("unreadable", detail))]
    return [_Entry(path, page.page, _within(place, page, layout)) for page in pages]


def _plain_place(path: str) -> Position:
    """Field named by the whole path; `_plain_names` drops suffixes where that stays unique."""
    return Position("", "", path, "", "ch1", None, "", "")


def _within(place: Position, page: PageOf, layout: Layout) -> Position:
    """Place of one page: what the file says, added to what its name says."""
    field, time, channel = place.field, place.time, place.channel
    if page.series >= 0:
        field = f"{field}#{page.series + 1}"
    if page.t >= 0:
        time = f"{time}.{page.t + 1}" if time else str(page.t + 1)
    named = layout.pattern is not None and "channel" in layout.pattern.groupindex
    inside = page.channel or (f"ch{page.c + 1}" if page.c >= 0 else "")
    if inside:
        channel = f"{channel} {inside}" if named and page.c >= 0 else channel if named else inside
    z = place.z if page.z < 0 else page.z + (0 if place.z is None else 1_000_000 * place.z)
    return replace(place, field=field, time=time, channel=channel, z=z)


def _plate_names(
    folder: Path, entries: Iterable[_Entry], layout: Layout
) -> dict[tuple[str, str], str]:
    """Name of each plate by its name in the files and its folder.

    One name in several folders means several plates (acquired twice, or numbered by the folder),
    which the folder then names.
    """
    keys = dict.fromkeys((e.place.plate, e.place.plate_folder) for e in entries)
    top = (
        folder.resolve().name if folder.resolve().name != "Images" else folder.resolve().parent.name
    )
    names = {}
    for plate, place in keys:
        same = [other for name, other in keys if name == plate]
        last = [PurePosixPath(other).name for other in same]
        if plate and (len(same) == 1 or layout.is_regex):
            names[plate, place] = plate
        elif not place:
            names[plate, place] = plate or top
        elif last.count(PurePosixPath(place).name) == 1:
            names[plate, place] = PurePosixPath(place).name
        else:
            names[plate, place] = place.replace("/", "_")
    return names


def _channels_apart(entries: list[_Entry]) -> list[_Entry]:
    """Name a Yokogawa channel with its action where it was taken by more than one."""
    variants: dict[str, set[str]] = {}
    for entry in entries:
        variants.setdefault(entry.place.channel, set()).add(entry.place.variant)
    several = {channel for channel, found in variants.items() if len(found) > 1}
    return [
        replace(e, place=replace(e.place, channel=f"{e.place.variant} {e.place.channel}".strip()))
        if e.place.channel in several
        else e
        for e in entries
    ]


def _field_key(place: Position) -> tuple[str, str, str, str]:
    return place.plate, place.well, place.field, place.time


def _without_projections(entries: list[_Entry], files: Files) -> list[_Entry]:
    """Take out MetaXpress projections that lie beside the planes they were made of."""
    stacks = {(*_field_key(e.place), e.place.channel) for e in entries if e.place.z is not None}
    kept = []
    for entry in entries:
        place = entry.place
        if place.z is None and (*_field_key(place), place.channel) in stacks:
            files.ignored.append((entry.path, "projection of planes that are here"))
        else:
            kept.append(entry)
    return kept


def _fields(folder: Path, entries: Iterable[_Entry]) -> list[Field]:
    """Put entries together as fields; those that do not fit become fields of their own."""
    groups: dict[tuple[str, str, str, str], list[_Entry]] = {}
    alone: list[Field] = []
    for entry in _plain_names(list(entries)):
        if entry.trouble is not None:
            alone.append(_lone(entry, entry.trouble))
        else:
            groups.setdefault(_field_key(entry.place), []).append(entry)
    fields = []
    for group in groups.values():
        kept, extra, problem = _one_file_each(folder, group)
        fields.append(_field(kept, problem))
        alone += extra
    return fields + alone


def _plain_names(entries: list[_Entry]) -> list[_Entry]:
    """Name plain fields by their path without the suffix, where that names one file."""
    owners: dict[str, set[str]] = {}
    for e in entries:
        owners.setdefault(_stem(e.path), set()).add(e.path)
    return [
        replace(e, place=replace(e.place, field=e.place.field.replace(e.path, _stem(e.path), 1)))
        if e.place.field.startswith(e.path) and len(owners[_stem(e.path)]) == 1
        else e
        for e in entries
    ]


def _stem(path: str) -> str:
    name = path[:-8] if path.lower().endswith((".ome.tif", ".ome.btf")) else path
    name = path[:-9] if path.lower().endswith(".ome.tiff") else name
    return os.path.splitext(name)[0] if name == path else name


def _lone(entry: _Entry, problem: tuple[str, str], field: str | None = None) -> Field:
    """A field of one file that cannot be used."""
    place = entry.place if field is None else replace(entry.place, field=field)
    return replace(_field([replace(entry, place=place)], problem))


def _field(entries: Sequence[_Entry], problem: tuple[str, str] | None) -> Field:
    place = entries[0].place
    stacks: dict[str, list[_Entry]] = {}
    for entry in entries:
        stacks.setdefault(entry.place.channel, []).append(entry)
    channels = {}
    for name in sorted(stacks, key=natural_key):
        stack = sorted(stacks[name], key=lambda e: (e.place.z or 0, natural_key(e.path), e.page))
        channels[name] = tuple(Plane(e.path, e.page, z) for z, e in enumerate(stack))
    return Field(
        plate=place.plate,
        well=place.well,
        field=place.field,
        time=place.time,
        channels=channels,
        well_text=place.well_text,
        problem=problem,
    )


def _one_file_each(
    folder: Path, group: Sequence[_Entry]
) -> tuple[list[_Entry], list[Field], tuple[str, str] | None]:
    """Entries with one file in each place, the surplus as fields, and what is wrong with the rest."""
    places: dict[tuple[str, int | None], list[_Entry]] = {}
    for entry in group:
        places.setdefault((entry.place.channel, entry.place.z), []).append(entry)
    kept, extra, problem = [], [], None
    for claims in places.values():
        first, *others = sorted(claims, key=lambda e: (natural_key(e.path), e.page))
        kept.append(first)
        for other in others:
            same = other.path != first.path and _same_bytes(folder, first.path, other.path)
            field = f"{other.place.field} ({PurePosixPath(other.path).name})"
            extra.append(_lone(other, _duplicate(other, first, same), field))
            if not same:
                problem = _duplicate(first, other, same)
    return kept, extra, problem


def _duplicate(one: _Entry, other: _Entry, same: bool) -> tuple[str, str]:
    if same:
        detail = f"{one.path} is identical to {other.path}, which is used: remove one of them."
    else:
        detail = (
            f"{one.path} and {other.path} claim the same position and differ: "
            "keep the right one, or give a layout that tells them apart."
        )
    return "duplicate_position", detail


def _same_bytes(folder: Path, one: str, other: str) -> bool:
    """Whether two files hold the same bytes; False where one cannot be read."""
    try:
        if (folder / one).stat().st_size != (folder / other).stat().st_size:
            return False
        digests = set()
        for path in (one, other):
            with (folder / path).open("rb") as handle:
                digests.add(hashlib.file_digest(handle, "sha256").digest())
    except OSError:
        return False
    return len(digests) == 1


def _unreadable_folders(folder: Path, files: Files) -> list[Field]:
    """A folder that may not be listed hides fields: it gets a row that says so."""
    plate = folder.resolve().name
    return [
        Field(
            plate,
            "",
            path + "/",
            "",
            {},
            problem=("permission", f"Folder {path} may not be listed: give its user permission."),
        )
        for path in files.unreadable
    ]


def _check_channel(fields: list[Field], layout: Layout, settings: ReadSettings) -> list[Field]:
    """Mark fields that lack the channel to segment; refuse a channel that no field has.

    Without this a field that lost its nuclear image would be counted in another stain.
    """
    found = dict.fromkeys(name for f in fields if f.problem is None for name in f.channels)
    if settings.channel is not None and found and settings.channel not in found:
        raise ConfigError(absent_channel(settings.channel, found))
    wanted: dict[str, str] = {}
    for field in fields:
        if field.problem is None and layout.pattern is not None:
            wanted[field.plate] = best_channel(
                [*field.channels, *filter(None, [wanted.get(field.plate)])]
            )
    return [_with_channel(f, settings.channel or wanted.get(f.plate)) for f in fields]


def _with_channel(field: Field, wanted: str | None) -> Field:
    if field.problem is not None or wanted is None or wanted in field.channels:
        return field
    detail = (
        f"Field {field.field_id} has no image of channel {wanted}, only of "
        f"{', '.join(field.channels)}: bring it back, or choose another with --channel."
    )
    return replace(field, problem=("missing_channel", detail))


def _pixel_size(folder: Path, fields: Sequence[Field], settings: ReadSettings) -> PixelSize:
    if settings.pixel_size_um is not None:
        return PixelSize(settings.pixel_size_um, "--pixel-size-um or method")
    for field in [f for f in fields if f.problem is None][:PROBED_FOR_PIXEL_SIZE]:
        planes = field.channels[
            settings.channel if settings.channel in field.channels else best_channel(field.channels)
        ]
        path = folder / planes[0].path
        told = probe(path)
        if told is not None:
            try:
                return pixel_size_of(path, told)
            except OSError:
                continue
    return PixelSize()


def _side_files(
    folder: Path, files: Files, plates: Mapping[tuple[str, str], str]
) -> list[tuple[Path, str]]:
    """HTD and mlf files, the first of each plate, with the plate's name."""
    found: dict[str, Path] = {}
    by_folder = {place: name for (_, place), name in plates.items()}
    for path, _ in sorted(files.ignored, key=lambda item: natural_key(item[0])):
        if path.lower().endswith((".htd", ".mlf")):
            above = PurePosixPath(path).parent
            if above.name.startswith("TimePoint_"):
                above = above.parent
            place = "" if str(above) == "." else str(above)
            if place in by_folder:
                found.setdefault(by_folder[place], folder / path)
    return [(path, plate) for plate, path in found.items()]
