"""Lots in a CSV table: ``lot``, optionally ``at`` (time with its offset), and columns of numbers.

The unit stands in a column's name (``doubling_time_h``, ``yield_cells_per_cm2``). Without ``at``
the order is the file's. Empty cells are unknown, and never 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monolayer.errors import InputError
from monolayer.intake.columns import read_columns, read_number

__all__ = ["Lots", "read_lots"]

_UNITLESS = {"doubling_time": "doubling_time_h", "cell_area": "cell_area_um2",
             "yield": "yield_cells_per_cm2"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lots:
    """Names in their order, and values by column."""

    names: tuple[str, ...]
    columns: dict[str, Sequence[float | None]]


def read_lots(path: Path, wanted: Sequence[str] | None = None) -> Lots:
    """Read lots in the order of their time.

    Parameters
    ----------
    path : Path
        The file.
    wanted : sequence of str, optional
        Columns; every column of numbers if left out.

    Raises
    ------
    InputError
        One sentence that names file, line and mend.
    """
    rows = read_columns(path)
    if not rows or "lot" not in rows[0][1]:
        raise InputError(f"{path}: has no column 'lot', or no row; give a row for each lot.")
    named = [name for name in rows[0][1] if name not in ("lot", "at", "note")]
    unitless = next((name for name in named if name in _UNITLESS), None)
    if unitless:
        raise InputError(
            f"{path}: '{unitless}' has no unit; call the column '{_UNITLESS[unitless]}'."
        )
    missing = next((name for name in wanted or () if name not in named), None)
    if missing:
        raise InputError(f"{path}: has no column '{missing}'; it has {', '.join(named)}.")
    ordered = _ordered(path, rows)
    twice = _twice([row["lot"] for _, row in ordered])
    if twice is not None:
        raise InputError(f"{path}: lot {twice} is in it twice; give each lot one row.")
    columns = {
        name: [read_number(path, line, row, name) for line, row in ordered]
        for name in (wanted or named)
    }
    return Lots(tuple(row["lot"] for _, row in ordered), dict(columns))


def _ordered(
    path: Path, rows: Sequence[tuple[int, dict[str, str]]]
) -> list[tuple[int, dict[str, str]]]:
    for line, row in rows:
        if not row["lot"]:
            raise InputError(f"{path}, line {line}: names no lot; fill the column.")
    if "at" not in rows[0][1]:
        return list(rows)
    timed = [(_moment(path, line, row["at"]), line, row) for line, row in rows]
    # Sorting is stable: lots of one moment keep the file's order.
    return [(line, row) for _, line, row in sorted(timed, key=lambda each: each[0])]


def _moment(path: Path, line: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{path}, line {line}: at '{text}' is no time; write it as 2026-11-23T14:10+01:00."
        ) from None
    if moment.tzinfo is None:
        raise InputError(
            f"{path}, line {line}: at '{text}' has no offset from UTC; write "
            "2026-11-23T14:10+01:00."
        )
    return moment


def _twice(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
