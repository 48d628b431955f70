"""How file names tell plate, well, field, channel, z and time: one small table.

1. `LAYOUTS` holds the known layouts, the most specific first.
2. `choose_layout` takes the one that fits nearly all image files, or the plain folder.
3. `parse` turns one path into a `Position`.

The trick: every layout is one regular expression with named groups, so a site's own layout is
given on the command line in the very form in which the known ones are written here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import intern

from monolayer.errors import ConfigError, InputError
from monolayer.read.wells import normalise_number, normalise_well, row_number, well_name

__all__ = ["LAYOUTS", "OME_ZARR", "Layout", "Position", "choose_layout", "named_layout", "parse"]

NEARLY_ALL = 0.8
GROUPS = frozenset(
    {"plate", "well", "row", "col", "field", "channel", "z", "time", "variant", "thumb"}
)

_EXT = r"\.(?:tiff?|btf|tf8|stk|png|jpe?g)$"
# Capitals only: DMSO_B5_t24 is no well T24.
_WELL = r"(?P<well>(?-i:[A-Z]{1,2})\d{1,2})"
_WELL2 = r"(?P<well>(?-i:[A-Z]{1,2})\d{2})"
_UUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"


@dataclass(frozen=True, slots=True)
class Layout:
    """One way of naming files.

    Attributes
    ----------
    name : str
        What ``--layout`` takes.
    description : str
        One line with an example.
    pattern : re.Pattern or None
        Named groups of `GROUPS`, searched in the file's name (in its path relative to the image
        folder for a layout given as a regex); None where names are not parsed.
    default_channel : str
        Name of the channel where the name holds none.
    """

    name: str
    description: str
    pattern: re.Pattern[str] | None = None
    default_channel: str = "ch1"

    @property
    def is_regex(self) -> bool:
        """Given by the user as a regex."""
        return self.name == "regex"

    @property
    def names_channel(self) -> bool:
        """The names tell channels apart."""
        groups = self.pattern.groupindex if self.pattern is not None else ()
        return "channel" in groups


@dataclass(frozen=True, slots=True)
class Position:
    """What a path says of its image; ``plate_folder`` is where the plate's files begin."""

    plate: str
    well: str
    field: str
    time: str
    channel: str
    z: int | None
    well_text: str
    plate_folder: str
    variant: str = ""


def _layout(name: str, pattern: str, description: str, channel: str = "ch1") -> Layout:
    return Layout(name, description, re.compile(pattern + _EXT, re.IGNORECASE), channel)


OME_ZARR = Layout(
    "ome-zarr",
    "OME-Zarr 0.4 and 0.5: plates and images, named by their metadata",
    re.compile(r"(?!)"),  # fits no file's name
)
LAYOUTS: tuple[Layout, ...] = (
    _layout(
        "metaxpress_native",
        rf"^(?P<plate>.+)_{_WELL2}(?:_s(?P<field>\d+?))?"
        rf"(?:(?P<channel>_w\d)?(?P<thumb>_thumb)?{_UUID}|(?P<channel2>_w\d)(?P<thumb2>_thumb)?[0-9A-F]{{6}})",
        "MetaXpress database: PLATE_B02_s1_w1UUID.tif, TimePoint_N and ZStep_N folders",
        "w1",
    ),
    _layout(
        "cv8000",
        rf"^(?P<plate>.+)_{_WELL2}_T(?P<time>\d{{4}})F(?P<field>\d{{3}})"
        r"(?P<variant>L\d{2}A\d{2})Z(?P<z>\d{2,3})(?P<channel>C\d{2})",
        "Yokogawa CV7000 and CV8000: PLATE_D08_T0001F002L01A01Z01C01.tif",
    ),
    _layout(
        "opera",
        r"^r(?P<row>\d{2})c(?P<col>\d{2})f(?P<field>\d{2,})p(?P<z>\d{2,})-(?P<channel>ch\d+)"
        r"(?:sk(?P<time>\d+)fk\d+fl\d+)?",
        "Opera Phenix and Operetta: r01c01f01p01-ch1sk1fk1fl1.tiff",
    ),
    _layout(
        "incucyte",
        r"^(?:(?P<plate>.+)_)?" + _WELL + r"_(?P<field>\d+)_"
        r"(?P<time>\d{4}y\d{2}m\d{2}d_\d{2}h\d{2}m)",
        "Incucyte: B3_1_2026y11m22d_10h30m.tif, with or without a prefix",
    ),
    _layout(
        "cellprofiler_sbs",
        r"^(?P<channel>Channel\d+)-\d+-(?P<row>[A-Z]{1,2})-(?P<col>\d{2})",
        "CellProfiler SBS: Channel1-01-A-01.tif (channel, well number, row, column)",
    ),
    _layout(
        "cellomics",
        rf"^(?P<plate>.+)_{_WELL2}f(?P<field>\d{{2,}})(?P<channel>d\d)",
        "Cellomics ArrayScan, CellProfiler's ExampleHuman: PLATE_D03f00d0.tif",
    ),
    _layout(
        "metaxpress",
        # B2 and a missing plate are taken only where a site or wavelength follows.
        rf"^(?:(?P<plate>.+)_{_WELL2}|(?:(?P<plate2>.+)_)?(?P<well2>(?-i:[A-Z]{{1,2}})\d)(?=_[sw]\d)"
        rf"|(?P<well3>(?-i:[A-Z]{{1,2}})\d{{2}})(?=_[sw]\d))"
        r"(?:_s(?P<field>\d+))?(?P<channel>_w\d{1,2})?",
        "MetaXpress export: PLATE_B02_s1_w1.TIF, with or without s and w, TimePoint_N folders",
        "w1",
    ),
    _layout(
        "well_time",
        r"^(?P<plate>.+)_" + _WELL + r"_t(?P<time>\d+)",
        "well and time at the end, CellProfiler's wound example: DMSO_B5_t0.JPG",
    ),
    Layout("loaddata", "CellProfiler LoadData: a CSV with FileName_CH, PathName_CH, Metadata_..."),
    OME_ZARR,
    Layout("plain", "any folder: each image file is a field, named by its path"),
)

_TIME_FOLDER = re.compile(r"TimePoint_(\d+)", re.IGNORECASE)
_Z_FOLDER = re.compile(r"ZStep_(\d+)", re.IGNORECASE)


def named_layout(text: str) -> Layout:
    """Layout from what ``--layout`` was given: a name of `LAYOUTS` or a regex.

    Raises
    ------
    ConfigError
        Unknown name, or a regex that does not compile or whose groups are unknown or too few.
    """
    if "(" in text:
        return _regex_layout(text)
    for layout in LAYOUTS:
        if layout.name == text:
            return layout
    names = ", ".join(layout.name for layout in LAYOUTS)
    raise ConfigError(
        f"Layout {text!r} is unknown: use auto, {names}, or a regex with named groups."
    )


def _regex_layout(text: str) -> Layout:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ConfigError(f"Layout {text!r} is not a valid regex: {error}.") from error
    known = GROUPS - {"variant", "thumb"}
    unknown = sorted(set(pattern.groupindex) - known)
    if unknown:
        raise ConfigError(
            f"Layout {text!r} has the unknown group {unknown[0]!r}: use {', '.join(sorted(known))}."
        )
    if ("row" in pattern.groupindex) != ("col" in pattern.groupindex):
        raise ConfigError(f"Layout {text!r} has one of row and col: give both, or well.")
    if not {"well", "row", "field"} & set(pattern.groupindex):
        raise ConfigError(
            f"Layout {text!r} cannot tell fields apart: "
            "add a group (?P<well>...) or (?P<field>...)."
        )
    return Layout("regex", text, pattern)


def choose_layout(paths: Sequence[str]) -> Layout:
    """Layout that fits nearly all of the image files; the plain folder where none does.

    Raises
    ------
    InputError
        Two layouts share the folder, so that either would take half of it wrongly.
    """
    counts = {layout.name: 0 for layout in LAYOUTS}
    for path in paths:
        for layout in LAYOUTS:
            if _fits(path, layout):
                counts[layout.name] += 1
                break
    best = max(LAYOUTS, key=lambda layout: counts[layout.name])
    if counts[best.name] >= NEARLY_ALL * len(paths):
        return best
    if sum(counts.values()) >= NEARLY_ALL * len(paths):
        found = [f"{name} ({count} files)" for name, count in counts.items() if count]
        raise InputError(
            f"The folder mixes the layouts {' and '.join(found)}: run each in its own folder, "
            "or name one with --layout."
        )
    return named_layout("plain")


def is_thumbnail(path: str) -> bool:
    """A MetaXpress thumbnail, which lies beside each native image."""
    native = LAYOUTS[0].pattern
    assert native is not None
    found = native.search(path.rpartition("/")[2])
    return found is not None and bool(found["thumb"] or found["thumb2"])


def parse(path: str, layout: Layout) -> Position | None:
    """What a path says under a layout; None if it does not fit.

    Parameters
    ----------
    path : str
        POSIX, relative to the image folder.
    layout : Layout
        One with a pattern; others fit nothing.
    """
    groups = _groups(path, layout)
    if groups is None:
        return None
    well, well_text = _well(groups)
    if well is None:
        return None
    folder, time, z = _folders(path.rpartition("/")[0], well)
    z = int(groups["z"]) if groups.get("z", "").isdecimal() else z
    # Many paths say the same few words: each is kept once.
    return Position(
        plate=intern(groups.get("plate", "")),
        well=intern(well),
        field=intern(normalise_number(groups.get("field", "1"))),
        time=intern(_time(groups.get("time", time))),
        channel=intern(groups.get("channel", layout.default_channel).removeprefix("_")),
        z=z,
        well_text=intern(well_text),
        # A regex describes the whole path: without a plate in it there is one plate.
        plate_folder="" if layout.is_regex else intern(folder),
        variant=intern(groups.get("variant", "")),
    )


def _fits(path: str, layout: Layout) -> bool:
    """Whether `parse` gives a position."""
    groups = _groups(path, layout)
    return groups is not None and _well(groups)[0] is not None


def _groups(path: str, layout: Layout) -> dict[str, str] | None:
    """The groups of a layout's pattern that a path fills; None if it does not fit."""
    if layout.pattern is None:
        return None
    found = layout.pattern.search(path if layout.is_regex else path.rpartition("/")[2])
    if found is None:
        return None
    return {name.rstrip("23"): text for name, text in found.groupdict().items() if text}


def _well(groups: dict[str, str]) -> tuple[str | None, str]:
    """Normalised and original name; empty where the layout has no wells, None where it is wrong."""
    if "row" in groups and "col" in groups:
        text = groups["row"] + groups["col"]
        if groups["row"].isdecimal():
            text = f"r{groups['row']}c{groups['col']}"
        column = int(groups["col"]) if groups["col"].isdecimal() else 0
        return well_name(row_number(groups["row"]), column), text
    if "well" in groups:
        return normalise_well(groups["well"]), groups["well"]
    return "", ""


def _time(text: str) -> str:
    """ISO 8601 for Incucyte's time stamps, else without leading zeros."""
    stamp = re.fullmatch(r"(\d{4})y(\d{2})m(\d{2})d_(\d{2})h(\d{2})m", text, re.IGNORECASE)
    return "{}-{}-{}T{}:{}".format(*stamp.groups()) if stamp else normalise_number(text)


# A folder holds many files of a well.
@lru_cache(maxsize=4096)
def _folders(folder: str, well: str) -> tuple[str, str, int | None]:
    """Plate's folder, time and z from the folders above the file."""
    time, z = "", None
    parts = folder.split("/") if folder else []
    while parts:
        if found := _TIME_FOLDER.fullmatch(parts[-1]):
            time = found[1]
        elif found := _Z_FOLDER.fullmatch(parts[-1]):
            z = int(found[1])
        elif parts[-1] != "Images" and (not well or normalise_well(parts[-1]) != well):
            break
        parts.pop()
    return "/".join(parts), time, z
