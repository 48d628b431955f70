"""CellProfiler's LoadData CSV: one row an image set, one column a channel."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from monolayer.errors import InputError
from monolayer.read.layouts import Position
from monolayer.read.wells import normalise_number, normalise_well, row_number, well_name

__all__ = ["find_loaddata", "read_loaddata"]

_NAMES = {
    "plate": ("plate", "plateid", "platename", "barcode", "assay_plate_barcode"),
    "well": ("well", "wellid", "wellname", "well_position"),
    "row": ("row", "wellrow"),
    "col": ("col", "column", "wellcolumn"),
    "field": ("site", "field", "fieldid", "fov", "field_id"),
    "time": ("time", "timepoint", "t", "frame"),
    "z": ("z", "plane", "planeid", "zplane"),
}


def find_loaddata(root: Path, images: Sequence[str]) -> Path | None:
    """CSV of a folder that tells the wells of nearly all of its images; None where there is none.

    CellProfiler's own results are CSV files with FileName columns too, but name files that lie
    elsewhere: the files listed must be here, and most files here must be listed.
    """
    for path in sorted(root.glob("*.csv")):
        header = _header(path)
        if any(h.startswith("FileName_") for h in header) and _column(header, "well", "row"):
            try:
                rows = read_loaddata(path, root, images)
            except InputError:
                continue
            known = set(images)
            listed = {file for file, _, _ in rows}
            if listed <= known and len(listed) >= 0.8 * len(known):
                return path
    return None


def read_loaddata(
    table: Path, root: Path, images: Sequence[str]
) -> list[tuple[str, int, Position]]:
    """Read the table.

    Parameters
    ----------
    table : Path
        The CSV.
    root : Path
        The image folder.
    images : sequence of str
        Images below it: a listed file is looked for among them by name where its folder is on
        another machine.

    Returns
    -------
    list of (str, int, Position)
        File relative to `root`, page, and what the row says of it.

    Raises
    ------
    InputError
        No FileName columns, or no rows.
    """
    header = _header(table)
    channels = [h.removeprefix("FileName_") for h in header if h.startswith("FileName_")]
    if not channels:
        raise InputError(
            f"{table.name} has no FileName_... column: give a CellProfiler LoadData table, "
            "or the image folder itself."
        )
    by_name: dict[str, list[str]] = {}
    for image in images:
        by_name.setdefault(PurePosixPath(image).name, []).append(image)
    found = []
    with table.open(newline="", encoding="utf-8-sig") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=1):
            for channel in channels:
                if row.get(f"FileName_{channel}"):
                    path = _locate(row, channel, root, by_name)
                    frame = row.get(f"Frame_{channel}") or "0"
                    page = int(frame) if frame.isdecimal() else 0
                    found.append((path, page, _position(row, channel, number)))
    if not found:
        raise InputError(f"{table.name} lists no image: give a table with rows.")
    return found


def _header(table: Path) -> list[str]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as handle:
            return next(csv.reader(handle), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _column(header: Sequence[str], *kinds: str) -> str | None:
    """First Metadata column of a kind, whatever its capitals."""
    plain = {h.lower().removeprefix("metadata_"): h for h in header if h.startswith("Metadata_")}
    for kind in kinds:
        for name in _NAMES[kind]:
            if name in plain:
                return plain[name]
    return None


def _locate(
    row: Mapping[str, str], channel: str, root: Path, by_name: Mapping[str, list[str]]
) -> str:
    name = row[f"FileName_{channel}"]
    folder = row.get(f"PathName_{channel}") or ""
    for base in (Path(folder), root / folder, root):
        if (base / name).is_file() and (folder or base == root):
            return Path(os.path.relpath(base / name, root)).as_posix()
    pure = PureWindowsPath(folder) if "\\" in folder else PurePosixPath(folder)
    same = by_name.get(name, [])
    near = [path for path in same if PurePosixPath(path).parent.name == pure.name]
    chosen = near if len(near) == 1 else same
    return chosen[0] if len(chosen) == 1 else name


def _position(row: Mapping[str, str], channel: str, number: int) -> Position:
    header = list(row)

    def text(kind: str) -> str:
        column = _column(header, kind)
        return (row[column] or "").strip() if column else ""

    well_text = text("well") or text("row") + text("col")
    well = normalise_well(well_text)
    if not text("well") and text("col").isdecimal():
        well = well_name(row_number(text("row")), int(text("col")))
    z = text("z")
    known = well or text("field")
    return Position(
        plate=text("plate"),
        well=well or "",
        # A table without well and site still has one field a row.
        field=normalise_number(text("field") or ("1" if known else str(number))),
        time=normalise_number(text("time")),
        channel=channel,
        z=int(z) if z.isdecimal() else None,
        well_text=well_text,
        plate_folder="",
    )
