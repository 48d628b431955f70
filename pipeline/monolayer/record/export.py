"""The audit trail as lines that anybody can check, and as a table that anybody can read.

One trick: a line is the very text that was hashed, with its hash put behind as the last member.
Whoever checks it cuts 77 bytes off, closes the brace and needs SHA-256 and nothing else.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone

from monolayer.errors import InputError
from monolayer.record.chain import ENTRY_FIELDS, JSON, canonical, from_canonical

__all__ = ["CSV_COLUMNS", "as_csv", "as_line", "from_lines", "local_time"]

CSV_COLUMNS = (
    "sequence",
    "at",
    "at_local",
    *ENTRY_FIELDS[3:],
    "previous",
    "sha256",
)


def as_line(stored: Mapping[str, JSON]) -> bytes:
    """An entry with ``previous`` and ``sha256`` as one JSON line, without the line's end."""
    hashed = {name: stored[name] for name in (*ENTRY_FIELDS, "previous")}
    sha256: str = stored["sha256"]
    return canonical(hashed)[:-1] + b',"sha256":"' + sha256.encode() + b'"}'


def from_lines(lines: Iterable[bytes], where: str) -> Iterator[dict[str, JSON]]:
    """Entries of an export, to be verified.

    Raises
    ------
    InputError
        A line is no JSON; an edit can do that, so the sentence names the line.
    """
    for number, line in enumerate(lines, 1):
        try:
            entry = from_canonical(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise InputError(
                f"{where}: line {number} is no JSON object: it was cut, edited, or is no export."
            )
        yield entry


def as_csv(entries: Iterable[Mapping[str, JSON]]) -> Iterator[str]:
    """The trail as CSV lines, for people and spreadsheets; what is checked are the JSON lines."""
    yield _row(CSV_COLUMNS)
    for stored in entries:
        yield _row([_cell(name, stored) for name in CSV_COLUMNS])


def local_time(stored: Mapping[str, JSON]) -> str:
    """An entry's time as the clock on the wall showed it, with its offset."""
    offset = timezone(timedelta(minutes=stored["local_offset_minutes"]))
    return datetime.fromisoformat(stored["at"]).astimezone(offset).isoformat(timespec="seconds")


def _cell(name: str, stored: Mapping[str, JSON]) -> str:
    if name == "at_local":
        return local_time(stored)
    value = stored[name]
    if value is None:
        return ""
    if name in ("before", "after"):
        return canonical(value).decode()
    text = str(value)
    # Spreadsheets run a cell that begins like this; free text could be written to that end.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _row(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
