"""The cells of a CSV table as text, each row with its line, and a cell as a number.

Comma, semicolon or tab; a byte order mark and Windows' line ends do no harm.
"""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from monolayer.errors import InputError

__all__ = ["read_columns", "read_number"]

_ABSENT = {"", "NA", "NaN", "nan", "null"}


def read_columns(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file (comma, semicolon or tab) as text, each with its line; cells are stripped.

    Raises
    ------
    InputError
        It cannot be read, is no text, names a column twice, or a row has more cells than the head.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text; save the table as CSV in UTF-8.") from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip() for name in reader.fieldnames or ()]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}, line 1: has two columns '{twice}'; keep one of them.")
    rows = []
    for cells in reader:
        if None in cells:
            raise InputError(
                f"{path}, line {reader.line_num}: has more cells than the head; mend the row."
            )
        rows.append(
            (reader.line_num, {name.strip(): (cell or "").strip() for name, cell in cells.items()})
        )
    return rows


def read_number(path: Path, line: int, row: Mapping[str, str], column: str) -> float | None:
    """A number of a row; None where the cell is empty or ``NA``, which is not 0.

    Raises
    ------
    InputError
        It is no finite number.
    """
    text = row.get(column, "")
    if text in _ABSENT:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        mend = "write a decimal point" if "," in text else "leave it empty if unknown"
        raise InputError(f"{path}, line {line}: {column} '{text}' is no number; {mend}.")
    return value
