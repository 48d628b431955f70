"""Tables as spreadsheets write them: lines with their numbers, cells as text, words as values.

Comma, semicolon or tab; a byte order mark, Windows' line ends and empty lines do no harm.
"""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from monolayer.errors import InputError

__all__ = ["lines_of", "moment_after", "moment_in", "number_in"]


def lines_of(
    path: Path, check_names: Callable[[Sequence[str]], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a table with their number and their cells, without the empty ones.

    Parameters
    ----------
    path : Path
        The file; UTF-8, with a line of names.
    check_names : callable
        Refuses names of columns by an InputError; the file is put before its sentence.

    Raises
    ------
    InputError
        The file cannot be read, a column has no name or is there twice, or a line has too many
        cells.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", restval="", delimiter=_separator(file))
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            _check_header(path, names, check_names)
            for cells in reader:
                if "" in cells:
                    raise InputError(
                        f"{path}, line {reader.line_num}: has more cells than there are names; put "
                        "text that holds commas in quotes."
                    )
                yield reader.line_num, {name: text.strip() for name, text in cells.items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path}: is no text table; save it as CSV in UTF-8.") from None


def _separator(file: TextIO) -> str:
    """What parts the names of the first line; no name holds any of them."""
    head = file.readline()
    file.seek(0)
    return max(",;\t", key=head.count)


def _check_header(
    path: Path, names: Sequence[str], check_names: Callable[[Sequence[str]], None]
) -> None:
    if not names:
        raise InputError(f"{path}: is empty; give a line of names and a line for each row.")
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name; name it or drop it.")
    try:
        check_names(names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: column '{twice}' is there twice; keep one.")


def number_in(name: str, text: str) -> float:
    """A cell as a number.

    Raises
    ------
    InputError
        It is none, or is written with a decimal comma, which could part thousands as well.
    """
    if "," in text:
        raise InputError(f"{name} '{text}' has a comma; write numbers with a point, such as 0.45.")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise InputError(f"{name} '{text}' is no number; leave it empty if unknown.")
    return number


def moment_in(name: str, text: str) -> datetime:
    """A cell as a time; whether it has an offset from UTC is asked where it is used.

    Raises
    ------
    InputError
        It is no time.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{name} '{text}' is no time; write it as 2026-11-23T14:10+01:00."
        ) from None


def moment_after(seeded: datetime, hours: float) -> datetime:
    """The moment so many hours after seeding.

    Raises
    ------
    InputError
        No culture lasts so long, or it is no number.
    """
    try:
        return seeded + timedelta(hours=hours)
    except (OverflowError, ValueError):
        raise InputError(
            f"{hours:g} hours since seeding is no time of a culture; mend the number."
        ) from None
