"""CSV tables into a study: every line is judged before anything is written.

1. The kind of rows is the file's name (``acquisitions.csv``) or told.
2. A line's cells become a row of that kind: numbers, yes or no, times.
3. The change judges each row against the study and the lines before it; complaints name the line.

One trick: all of it happens within one change, so that a file with one bad line leaves nothing.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Boolean, Float, Integer, select

from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.study.change import Change
from monolayer.study.columns import JsonText, UtcTime
from monolayer.study.csv_lines import lines_of, moment_after, moment_in, number_in
from monolayer.study.rows import Field, fields_of, nearest
from monolayer.study.tables import people

__all__ = [
    "IMPORTED",
    "ImportRefused",
    "import_table",
    "import_tables",
    "row_of",
]

IMPORTED = (
    "people", "donors", "media", "lots", "vessel_types", "vessels", "acquisitions", "exchanges",
    "readings", "viabilities",
)  # fmt: skip
# Columns of which people leave the unit out, and what to write instead.
_UNITLESS = {
    "volume": "volume_ml",
    "medium_volume": "medium_volume_ml",
    "growth_area": "growth_area_cm2",
    "area": "growth_area_cm2",
    "density": "density_cells_per_cm2",
    "seeding_density": "seeding_density_cells_per_cm2",
    "hours": "time_h",
    "glucose": "glucose_mmol_per_l",
}
_QUANTITIES = {
    "glucose": "glucose_mmol_per_l",
    "lactate": "lactate_mmol_per_l",
    "temperature": "temperature_c",
    "pco2": "pco2_mmhg",
    "dissolved_oxygen": "dissolved_oxygen_percent",
    "glutamine": "glutamine_mmol_per_l",
    "ammonium": "ammonium_mmol_per_l",
    "capacitance": "capacitance_pf_per_cm",
}
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
# So many complaints are told; the rest are counted.
TOLD = 20


class ImportRefused(InputError):  # noqa: N818  the sentences are the errors
    """Lines of a table cannot be; nothing of it was written.

    Attributes
    ----------
    sentences : tuple of str
        One a line.
    """

    def __init__(self, path: Path, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        more = len(sentences) - TOLD
        told = [*sentences[:TOLD], *([f"{path}: and {more} more lines."] if more > 0 else [])]
        super().__init__("\n".join(told))


def import_table(change: Change, path: Path, kind: str | None = None) -> int:
    """Add a CSV table's rows to a study.

    Parameters
    ----------
    change : Change
        An open change; leave it by the error where one is raised, and nothing is written.
    path : Path
        The file; UTF-8, with a line of names.
    kind : str, optional
        What its lines are; the file's own name where left out.

    Returns
    -------
    int
        Rows added.

    Raises
    ------
    ImportRefused
        One sentence a line that cannot be.
    InputError
        The file as a whole cannot be read, or names a column that is none.
    """
    kind = _kind(path, kind)
    complaints: list[str] = []
    last: dict[str, tuple[datetime, str]] = {}
    n = 0
    for line, cells in _lines(path, kind):
        n += 1
        try:
            row = row_of(change, kind, cells)
            _refuse_backwards(kind, row, last)
            change.add(kind, **row)
        except InputError as error:
            complaints.append(f"{path}, line {line}: {error}")
    if complaints:
        raise ImportRefused(path, complaints)
    if not n:
        raise InputError(f"{path}: holds no line but the names; give a line for each.")
    return n


def import_tables(change: Change, paths: Sequence[Path]) -> dict[Path, int]:
    """Add several CSV tables, each named after its kind, in the order in which they need another.

    Raises
    ------
    ImportRefused, InputError
        As `import_table`.
    """
    kinds = {path: _kind(path, None) for path in paths}
    ordered = sorted(paths, key=lambda path: IMPORTED.index(kinds[path]))
    return {path: import_table(change, path) for path in ordered}


def _kind(path: Path, kind: str | None) -> str:
    named = path.stem.lower() if kind is None else kind
    if named not in IMPORTED:
        hint = "" if kind is not None else " of a file by this name; give --kind"
        raise InputError(f"{path}: '{named}' is no kind of rows{hint}; {nearest(named, IMPORTED)}")
    return named


def _lines(path: Path, kind: str) -> Iterator[tuple[int, dict[str, str]]]:
    return lines_of(path, lambda names: _check_names(kind, names))


def _check_kind(change: Change, kind: str) -> None:
    """Refuse what has a verb of its own, which asks who somebody is."""
    if kind not in IMPORTED:
        raise InputError(f"'{kind}' is not added by hand; {nearest(kind, IMPORTED)}")
    held = select(people.c.id).where(people.c.password.is_not(None)).limit(1)
    if kind == "people" and change.connection.scalar(held) is not None:
        raise InputError(
            "people of a study with passwords are added by 'monolayer person add', which asks for "
            "one."
        )


def _check_names(kind: str, names: Sequence[str]) -> None:
    fields = fields_of(kind).values()
    known = {each.name for each in fields if not each.column.info.get("secret")} | _extra(kind)
    for name in names:
        if name in known:
            continue
        unit = _UNITLESS.get(name)
        if unit in known:
            raise InputError(f"column '{name}' has no unit; call it '{unit}'.")
        raise InputError(f"unknown column '{name}' for {kind}; {nearest(name, known)}")


def _extra(kind: str) -> set[str]:
    """Names that stand for a column in another form."""
    found = {"time_h"} if "vessel" in fields_of(kind) else set()
    if kind == "acquisitions":
        found |= {"confluence_percent", "confluence_lower_bound_percent"}
    return found


def row_of(change: Change, kind: str, cells: Mapping[str, str]) -> dict[str, Any]:
    """Words as people write them, made a row that `Change.add` takes.

    Parameters
    ----------
    change : Change
        Open: hours since seeding need the vessel's seeding.
    kind : str
        The table.
    cells : mapping of str to str
        Values by column; empty ones are unknown.

    Raises
    ------
    InputError
        A value is no number or time, or lacks its unit.
    """
    _check_kind(change, kind)
    _check_names(kind, tuple(cells))
    fields = fields_of(kind)
    given = {name: text.strip() for name, text in cells.items()}
    row = {name: _value(name, fields.get(name), text) for name, text in given.items() if text}
    for name in ("confluence", "confluence_lower_bound"):
        if (percent := row.pop(f"{name}_percent", None)) is not None:
            row[name] = percent / 100
    if "time_h" in row:
        row["at"] = _moment_of(change, row)
    if kind == "viabilities":
        _count_to_share(row)
    if kind == "readings" and "quantity" in row:
        row["quantity"] = _quantity(row["quantity"])
    return row


def _quantity(text: str) -> str:
    """The quantity as decisions know it; what is nearly one would never reach them, unseen."""
    name = text.lower()
    if name in _QUANTITIES:
        raise InputError(f"readings: '{text}' has no unit; call it '{_QUANTITIES[name]}'.")
    known = get_args(ReadingName)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if name not in known and near:
        raise InputError(f"readings: quantity '{text}' is unknown; did you mean '{near[0]}'?")
    return name if name in known else text


def _value(name: str, field: Field | None, text: str) -> Any:
    """A cell as what its column takes; what it cannot be is left to be refused there."""
    type_ = Float() if field is None else field.column.type
    if field is not None and field.refers is not None:
        return text
    if isinstance(type_, Boolean):
        return _YES_NO.get(text.lower(), text)
    if isinstance(type_, Integer):
        return _whole(text)
    if isinstance(type_, Float):
        return number_in(name, text)
    if isinstance(type_, UtcTime):
        return moment_in(name, text)
    if isinstance(type_, JsonText):
        return text.replace(";", " ").split()
    return text


def _whole(text: str) -> int | str:
    """A count; spreadsheets and pandas write 20.0 where other lines have none."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "_" not in text else text


def _moment_of(change: Change, row: dict[str, Any]) -> datetime:
    """Hours since the vessel's seeding as a time."""
    hours = row.pop("time_h")
    if "at" in row:
        raise InputError("has both 'at' and 'time_h'; leave one of them empty.")
    if hours < 0:
        raise InputError(f"time_h {hours:g} is before seeding; give hours since seeding.")
    if "vessel" not in row:
        raise InputError("names no vessel; fill the column 'vessel'.")
    seeded: datetime = change.seeded_at(row["vessel"])
    return moment_after(seeded, hours)


def _count_to_share(row: dict[str, Any]) -> None:
    """Counted cells give viability and its one-sided lower bound (Clopper and Pearson)."""
    live, total = row.get("live"), row.get("total")
    if live is None and total is None:
        return
    if not (isinstance(live, int) and isinstance(total, int) and 0 <= live <= total and total):
        raise InputError(f"{live} live of {total} is no count; give 0 <= live <= total.")
    from monolayer.summarise import clopper_pearson_interval

    row.setdefault("viability", live / total)
    row.setdefault("lower_bound", clopper_pearson_interval(live, total, side="lower").low)


def _refuse_backwards(
    kind: str, row: Mapping[str, Any], last: dict[str, tuple[datetime, str]]
) -> None:
    """Within a file a vessel's times rise; where they do not, a clock or a sorting is wrong."""
    at, vessel = row.get("at"), row.get("vessel")
    if not isinstance(at, datetime) or at.tzinfo is None or vessel is None:
        return
    key = f"{vessel} {row.get('quantity', '')} {row.get('sensor', '')}"
    before = last.get(key)
    if before is not None and at < before[0]:
        raise InputError(
            f"{kind}: time runs backwards for vessel {vessel}, from {before[1]} to "
            f"{at.isoformat()}; sort the lines or mend the clock."
        )
    last[key] = at, at.isoformat()
