"""What a record says, as one hash: what a signature is bound to.

The hash of a vessel covers its history and what was decided about it, that of a lot all of its
vessels: whoever signs a lot signs what is in it.
"""

from typing import Any

from sqlalchemy import Connection

from monolayer.errors import InputError
from monolayer.record import sha256_of
from monolayer.study.histories import load_histories
from monolayer.study.queries import rows
from monolayer.study.rows import fields_of, plain, table_of

__all__ = ["RECORDS", "content_sha256", "row_of", "table_name", "title_of"]

RECORDS = {
    "vessel": "vessels",
    "lot": "lots",
    "acquisition": "acquisitions",
    "disposition": "dispositions",
    "recommendation": "recommendations",
    "document": "documents",
    "run": "runs",
}
"""What can be signed: the word for it, and its table."""


def table_name(word: str) -> str:
    """Table of what a person calls a record.

    Raises
    ------
    InputError
        Nothing of that kind is signed.
    """
    if word in RECORDS.values():
        return word
    if word not in RECORDS:
        raise InputError(f"'{word}' is nothing that is signed; take one of {', '.join(RECORDS)}.")
    return RECORDS[word]


def row_of(connection: Connection, kind: str, subject: str) -> dict[str, Any] | None:
    """The row that a subject names, by its name or number; None where there is none."""
    named_by = table_of(kind).info["named_by"]
    number = subject.rpartition("/")[2]
    if named_by is None and not number.isdecimal():
        return None
    equal: dict[str, Any] = {"id": int(number)} if named_by is None else {named_by: subject}
    found = rows(connection, kind, **equal)
    return found[0] if found else None


def title_of(connection: Connection, kind: str, subject: str) -> str:
    """A record in words, as people call it."""
    row = row_of(connection, kind, subject) or {}
    if kind == "documents" and row:
        return f"{row['kind']} {row['name']} {row['version']}"
    word = kind.removesuffix("s")
    if kind in ("dispositions", "recommendations") and row:
        return f"{word} {row['action']} of {row['vessel']}"
    return f"{word} {subject}"


def content_sha256(connection: Connection, kind: str, subject: str) -> str | None:
    """Hash of a record as it stands; None where it is gone."""
    row = row_of(connection, kind, subject)
    if row is None:
        return None
    return sha256_of(_content(connection, kind, row))


def _content(connection: Connection, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": kind, "row": _row_content(kind, row)}
    if kind == "vessels":
        (history,) = load_histories(connection, [row["id"]])
        decided = rows(connection, "dispositions", vessel=row["name"])
        content["history_sha256"] = history.sha256
        content["dispositions"] = [_row_content("dispositions", each) for each in decided]
    if kind == "lots":
        vessels = rows(connection, "vessels", lot=row["name"])
        content["vessels"] = [sha256_of(_content(connection, "vessels", each)) for each in vessels]
    return content


def _row_content(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row without its number; where a document stands is no part of what is signed."""
    fields = fields_of(kind)
    left_out = {"status"} if kind == "documents" else set()
    return plain(kind, {name: row[name] for name in row if name in fields and name not in left_out})
