"""From a folder to its fields, without decoding a pixel.

1. List the files, choose the layout, parse every name (`walk`, `layouts`, `loaddata`).
2. Give plates their names, and every page of every file its place (`stack`).
3. Put places that agree together as fields; two files in one place are a problem, not a guess.
4. Say what is missing (`planned`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from monolayer.errors import InputError, MissingExtraError
from monolayer.field import Field, natural_key
from monolayer.packed import PackedFields
from monolayer.read.assemble import check_channel, fields_of, split_projections
from monolayer.read.entries import (
    Entry,
    entries_of_file,
    name_channels,
    name_plain_fields,
    plate_names,
)
from monolayer.read.layouts import (
    OME_ZARR,
    Layout,
    choose_layout,
    is_thumbnail,
    named_layout,
    parse,
)
from monolayer.read.loaddata import find_loaddata, read_loaddata
from monolayer.read.ngff import find_ngff, remote_groups
from monolayer.read.pixel_size import GIVEN, pixel_size_of
from monolayer.read.planned import incomplete_fields, missing_fields
from monolayer.read.probe import probe
from monolayer.read.roots import Remote, Root
from monolayer.read.settings import ReadSettings, best_channel
from monolayer.read.sources import PixelSize, container_kind
from monolayer.read.walk import IMAGE_SUFFIXES, Files, check_name, list_files

__all__ = ["Listing", "find_fields"]

PROBED_FOR_PIXEL_SIZE = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    layout : str
        Name of the layout used; ``regex`` for one given as such.
    fields : sequence of Field
        In the order of `Field.sort_key`.
    missing : tuple of Field
        Planned and absent: no channels, and a ``problem`` that says who planned them.
    incomplete : tuple of (str, str)
        Field id and sentence of each channel that a field lacks and its neighbours have.
    ignored : tuple of (str, str)
        Path and reason.
    pixel_size_um, pixel_size_source : float or None, str
        Of the first readable field.
    """

    layout: str
    fields: Sequence[Field]
    missing: tuple[Field, ...] = ()
    incomplete: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    pixel_size_um: float | None = None
    pixel_size_source: str = ""


def find_fields(
    root: Root, settings: ReadSettings, layout: str = "auto", leave_out: Collection[str] = ()
) -> Listing:
    """Find the fields of a folder of images.

    Parameters
    ----------
    root : Path or Remote
        A folder, one image, a CellProfiler LoadData CSV, an OME-Zarr, or the URL of one.
    settings : ReadSettings
        Its channel and pixel size are used.
    layout : str
        ``auto``, a name of `LAYOUTS`, or a regex with named groups (`plate well row col field
        channel z time`) that is searched in each path relative to `root`.
    leave_out : collection of str
        Files of the folder that are still being written, as if they were not there.

    Returns
    -------
    Listing
        The same whatever the order in which the file system lists the files.

    Raises
    ------
    InputError
        No such folder, no image in it, or a layout that fits none.
    MissingExtraError
        None of the images can be read without an optional package.
    ConfigError
        An unknown layout, a wrong regex, or a channel that no field has.
    """
    asked = None if layout == "auto" else named_layout(layout)
    if isinstance(root, Remote):
        return _groups_alone(root, Files(ngff=remote_groups(root)), settings)
    folder, files, table = _list(Path(root), asked, leave_out)
    groups_only = files.ngff and not (files.images or files.unreadable or files.misnamed)
    if asked is OME_ZARR or (asked is None and groups_only):
        return _groups_alone(folder, files, settings)
    if table is not None:
        used = named_layout("loaddata")
        listed = read_loaddata(table, folder, files.images)
        entries = [Entry(path, page, place) for path, page, place in listed]
    else:
        used = asked or _choose_layout(files.images)
        _check_fits(root, used, files.images)
        _ignore_beside(used, files)
        entries = [entry for path in files.images for entry in entries_of_file(folder, path, used)]
    plates = plate_names(folder, entries, used)
    _check_readable(entries)
    for i, e in enumerate(entries):
        entries[i] = e.moved(plate=plates[e.place.plate, e.place.plate_folder])
    entries, projections = split_projections(name_plain_fields(name_channels(entries)))
    files.ignored += [(e.path, "projection of planes that are here") for e in projections]
    files.ignored.sort(key=lambda item: natural_key(item[0]))
    fields = fields_of(folder, entries) + _without_pixels(folder, files)
    del entries
    fields = check_channel(fields, used, settings)
    fields.sort(key=lambda field: field.sort_key)
    size = _pixel_size(folder, fields, settings)
    listing = Listing(
        layout=used.name,
        fields=PackedFields(fields),
        missing=tuple(missing_fields(fields, used, _side_files(folder, files, plates))),
        incomplete=tuple(incomplete_fields(fields)) if used.pattern is not None else (),
        ignored=tuple(files.ignored),
        pixel_size_um=size.um,
        pixel_size_source=size.source,
    )
    return _with_groups(listing, _groups_alone(folder, files, settings)) if files.ngff else listing


def _groups_alone(folder: Root, files: Files, settings: ReadSettings) -> Listing:
    """Fields of the OME-Zarrs of a folder."""
    found = find_ngff(folder, files.ngff, _plate_of(folder, files))
    if not found.fields and not found.missing:
        raise InputError(f"{folder} holds no OME-Zarr with images: check the path or the URL.")
    fields = check_channel(found.fields, OME_ZARR, settings)
    fields = sorted(fields, key=lambda field: field.sort_key)
    size = found.pixel_size
    if settings.pixel_size_um is not None:
        size = PixelSize(settings.pixel_size_um, GIVEN)
    return Listing(
        layout=OME_ZARR.name,
        fields=tuple(fields),
        missing=tuple(sorted(found.missing, key=lambda field: field.sort_key)),
        incomplete=tuple(incomplete_fields(fields)),
        ignored=tuple(files.ignored),
        pixel_size_um=size.um,
        pixel_size_source=size.source,
    )


def _plate_of(folder: Root, files: Files) -> str:
    """Plate of the images that belong to none: the folder that holds them."""
    alone = files.ngff == [""]
    if isinstance(folder, Remote):
        return PurePosixPath(folder.url.rpartition("/")[0] if alone else folder.url).name
    top = folder.resolve()
    return top.parent.name if alone else top.name


def _with_groups(files: Listing, groups: Listing) -> Listing:
    """The fields of a folder that holds both plain files and OME-Zarrs."""

    def both(one: Sequence[Field], other: Sequence[Field]) -> PackedFields:
        return PackedFields(sorted((*one, *other), key=lambda field: field.sort_key))

    return replace(
        files,
        fields=both(files.fields, groups.fields),
        missing=tuple(both(files.missing, groups.missing)),
        incomplete=(*files.incomplete, *groups.incomplete),
        pixel_size_um=files.pixel_size_um or groups.pixel_size_um,
        pixel_size_source=files.pixel_size_source or groups.pixel_size_source,
    )


def _list(
    root: Path, asked: Layout | None, leave_out: Collection[str]
) -> tuple[Path, Files, Path | None]:
    """Folder, its files, and the LoadData table where one is to be used."""
    check_name(root)
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
    files = list_files(root, leave_out)
    found = files.images or files.ngff or files.unreadable or files.misnamed
    if not found and not wanted:
        raise InputError(
            f"Image folder {root} holds no image ({', '.join(IMAGE_SUFFIXES)}) "
            "nor OME-Zarr: check the path or export the images as TIFF."
        )
    table = find_loaddata(root, files.images) if asked is None or wanted else None
    if wanted and table is None:
        table = _only_table(root)
    return root, files, table


def _choose_layout(images: Sequence[str]) -> Layout:
    """Layout of the plain files; containers name their fields themselves."""
    plain = [path for path in images if not container_kind(path)]
    return choose_layout(plain) if plain else named_layout("plain")


def _only_table(root: Path) -> Path:
    tables = sorted(root.glob("*.csv"))
    if len(tables) != 1:
        raise InputError(
            f"Image folder {root} holds {len(tables)} CSV files: give the LoadData table itself."
        )
    return tables[0]


def _check_fits(root: Path, layout: Layout, images: Sequence[str]) -> None:
    if layout.pattern is not None and not any(parse(path, layout) for path in images):
        first = f"the first of which is {images[0]}" if images else "which are OME-Zarrs"
        raise InputError(
            f"Layout {layout.name} ({layout.description}) fits none of the {len(images)} images in "
            f"{root}, {first}: use auto, or another layout."
        )


def _check_readable(entries: Sequence[Entry]) -> None:
    """Refuse a folder of which nothing can be read for want of an optional package."""
    troubles = [entry.trouble for entry in entries]
    lacking = [told[1] for told in troubles if told is not None and told[0] == "missing_extra"]
    if lacking and len(lacking) == len(troubles):
        raise MissingExtraError(lacking[0])


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


def _without_pixels(folder: Path, files: Files) -> list[Field]:
    """What cannot even be looked at: it gets a row that says so."""
    plate = folder.resolve().name
    troubles = [
        (path + "/", "permission", f"Folder {path} may not be listed: give its user permission.")
        for path in files.unreadable
    ]
    troubles += [
        (path, "bad_name", f"{path}: its name is not in UTF-8, so no table can hold it; rename it.")
        for path in files.misnamed
    ]
    return [
        Field(plate, "", path, "", {}, problem=(reason, detail))
        for path, reason, detail in troubles
    ]


def _pixel_size(folder: Path, fields: Sequence[Field], settings: ReadSettings) -> PixelSize:
    if settings.pixel_size_um is not None:
        return PixelSize(settings.pixel_size_um, GIVEN)
    usable = [field for field in fields if field.problem is None]
    for field in usable[:PROBED_FOR_PIXEL_SIZE]:
        name = settings.channel or best_channel(field.channels)
        plane = field.channels[name][0]
        if (told := probe(folder / plane.path)) is not None:
            return pixel_size_of(folder / plane.path, told, plane.page)
    return PixelSize()


def _side_files(
    folder: Path, files: Files, plates: Mapping[tuple[str, str], str]
) -> list[tuple[Path, str]]:
    """HTD and mlf files, the first of each plate, with the plate's name."""
    found: dict[str, Path] = {}
    by_folder = {place: name for (_, place), name in plates.items()}
    for path, _ in files.ignored:
        if path.lower().endswith((".htd", ".mlf")):
            above = PurePosixPath(path).parent
            if above.name.startswith("TimePoint_"):
                above = above.parent
            place = "" if str(above) == "." else str(above)
            if place in by_folder:
                found.setdefault(by_folder[place], folder / path)
    return [(path, plate) for plate, path in found.items()]
