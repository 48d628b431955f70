"""Fields that should be there and are not: what a side file planned, or holes in a regular grid."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from monolayer.field import Field, natural_key
from monolayer.read.layouts import Layout, parse
from monolayer.read.wells import well_name

__all__ = ["incomplete_fields", "missing_fields"]

Key = tuple[str, str, str, str]  # plate, well, field, time

REGULAR = 0.5  # a grid with fewer of its places filled is no grid but a selection


def missing_fields(
    fields: Sequence[Field], layout: Layout, side_files: Iterable[tuple[Path, str]]
) -> list[Field]:
    """Fields planned but absent.

    Parameters
    ----------
    fields : sequence of Field
        Those found.
    layout : Layout
        The one they were found by.
    side_files : iterable of (Path, str)
        HTD and mlf files, each with the plate it belongs to.

    Returns
    -------
    list of Field
        Without channels, ``problem`` says who planned them; in the order of the tables.
    """
    if layout.pattern is None:
        return []
    present = {_key(field) for field in fields}
    # A stray file or a second copy is a row, but adds no row or column to the grid.
    regular = {_key(f) for f in fields if f.problem is None or f.problem[0] == "missing_channel"}
    planned: dict[Key, str] = {}
    for key in _grid(regular):
        if key not in present:
            planned[key] = "A hole in the plate's regular grid"
    for path, plate in side_files:
        for key in _side_file(path, plate, present, layout):
            if key not in present:
                planned[key] = f"Planned by {path.name}"
    absent = [_absent(key, why) for key, why in planned.items()]
    return sorted(absent, key=lambda field: field.sort_key)


def _key(field: Field) -> Key:
    return field.plate, field.well, field.field, field.time


def _absent(key: Key, why: str) -> Field:
    detail = f"{why}, but no file is there: copy it if it was lost."
    return Field(*key, channels={}, problem=("missing", detail))


def _grid(present: set[Key]) -> Iterable[Key]:
    """Wells seen x fields x times of each plate, where at least half of it is there."""
    for plate in sorted({key[0] for key in present}, key=natural_key):
        mine = {key for key in present if key[0] == plate}
        axes = [sorted({key[i] for key in mine}, key=natural_key) for i in (1, 2, 3)]
        if len(mine) >= REGULAR * len(axes[0]) * len(axes[1]) * len(axes[2]):
            for well, field, time in itertools.product(*axes):
                yield plate, well, field, time


def incomplete_fields(fields: Sequence[Field]) -> list[tuple[str, str]]:
    """Channels that a field lacks and most others of its plate and time have.

    Parameters
    ----------
    fields : sequence of Field
        Those found.

    Returns
    -------
    list of (str, str)
        Field id and sentence.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for place, field in enumerate(fields):
        if field.problem is None or field.problem[0] == "missing_channel":
            groups.setdefault((field.plate, field.time), []).append(place)
    found = []
    for group in groups.values():
        having = Counter(name for place in group for name in fields[place].channels)
        for channel, n in having.items():
            if len(group) > n > len(group) / 2:
                ids = (
                    f.field_id for f in map(fields.__getitem__, group) if channel not in f.channels
                )
                found += [
                    (name, f"Field {name} has no image of channel {channel}.") for name in ids
                ]
    return found


def _side_file(path: Path, plate: str, present: set[Key], layout: Layout) -> Iterable[Key]:
    """What a side file planned; nothing where it cannot be read, which costs no field."""
    reader = _htd if path.suffix.lower() == ".htd" else _mlf
    try:
        return reader(path, plate, present, layout)
    except (OSError, ValueError):
        return []


def _htd(path: Path, plate: str, present: set[Key], layout: Layout) -> Iterable[Key]:
    """Wells x sites x times that a MetaXpress HTD file planned."""
    del layout
    values: dict[str, list[str]] = {}
    for line in path.read_text("latin-1").splitlines():
        name, *rest = (part.strip().strip('"') for part in line.split(","))
        values[name] = rest
    wells = _htd_wells(values)
    mine = [key for key in present if key[0] == plate]
    sites = _htd_sites(values) or sorted({key[2] for key in mine})
    times = [str(t) for t in range(1, int(values.get("TimePoints", ["1"])[0]) + 1)]
    if not any(key[3] for key in mine):
        times = [""]
    return [(plate, *place) for place in itertools.product(wells, sites, times)]


def _htd_wells(values: dict[str, list[str]]) -> list[str]:
    wells = []
    for row in range(1, 33):
        for column, chosen in enumerate(values.get(f"WellsSelection{row}", []), start=1):
            name = well_name(row, column)
            if chosen == "TRUE" and name:
                wells.append(name)
    return wells


def _htd_sites(values: dict[str, list[str]]) -> list[str]:
    """Site numbers; empty where only some of the grid's sites are taken (their numbers differ)."""
    if values.get("Sites", ["FALSE"])[0] != "TRUE":
        return ["1"]
    chosen = [v for name, row in values.items() if name.startswith("SiteSelection") for v in row]
    return [str(i) for i in range(1, len(chosen) + 1)] if set(chosen) == {"TRUE"} else []


def _mlf(path: Path, plate: str, present: set[Key], layout: Layout) -> Iterable[Key]:
    """Fields of the images that Yokogawa's MeasurementData.mlf lists."""
    del present
    names = re.findall(r'Type="IMG"[^>]*>([^<]+)<', path.read_text("utf-8", errors="replace"))
    found: dict[Key, None] = {}
    for name in names:
        if position := parse(name.strip(), layout):
            found[(plate, position.well, position.field, position.time)] = None
    return found
