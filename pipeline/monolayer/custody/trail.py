"""A study's audit trail checked against itself, its signatures and its rows; and handed out.

1. The chain: each entry by its hash and links (`monolayer.record.verify`).
2. Heads written down: by signatures, and by exports that the caller brings.
3. Rows: each is what the trail says it is; a row changed behind the trail's back is named.
4. Signatures: each still stands for its record.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from monolayer.custody.rows_check import rows_against_trail
from monolayer.custody.signing import Signed, signatures_in
from monolayer.engine.files import file_beside, write_file
from monolayer.errors import InputError
from monolayer.record import GENESIS, Anchor, Finding, verify
from monolayer.record.export import as_csv, as_line, from_lines
from monolayer.study import Study
from monolayer.study.tables import audit

__all__ = ["Verification", "export_trail", "head_of", "read_head", "verify_export", "verify_study"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of a study found.

    Attributes
    ----------
    n_entries : int
        Entries of the trail.
    head : Anchor
        Its last entry; worth writing down elsewhere.
    findings : tuple of Finding
        What is wrong with the trail.
    rows : tuple of str
        Rows that are not what the trail says, a sentence each.
    signatures : tuple of Signed
        All of them, broken ones as well.
    """

    n_entries: int
    head: Anchor
    findings: tuple[Finding, ...] = ()
    rows: tuple[str, ...] = ()
    signatures: tuple[Signed, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether trail and rows are as they were written; a broken signature is no breach."""
        return not self.rows and not any(each.is_breach for each in self.findings)


def verify_study(study: Study, anchors: Sequence[Anchor] = ()) -> Verification:
    """Check a study's audit trail, rows and signatures, in one unchanging view of it.

    Parameters
    ----------
    study : Study
        The study.
    anchors : sequence of Anchor
        Heads that were written down elsewhere (`read_head`).
    """
    with study.reading() as connection:
        signed = signatures_in(connection)
        known = [each.signature.anchor for each in signed]
        findings = verify(_entries(connection), [*known, *anchors])
        return Verification(
            n_entries=sum(1 for _ in connection.execute(select(audit.c.sequence))),
            head=_head(connection, study.where),
            findings=tuple(findings),
            rows=tuple(rows_against_trail(connection)),
            signatures=tuple(signed),
        )


def verify_export(path: Path, anchors: Sequence[Anchor] = ()) -> Verification:
    """Check an exported trail, a file of JSON lines.

    Raises
    ------
    InputError
        It cannot be read, a line is no JSON, or there is none.
    """
    n = 0
    last: dict[str, Any] = {}

    def entries() -> Iterator[dict[str, Any]]:
        nonlocal n, last
        with path.open("rb") as file:
            for entry in from_lines(file, str(path)):
                n, last = n + 1, entry
                yield entry

    try:
        findings = verify(entries(), anchors)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    if not n:
        raise InputError(f"{path}: holds no entry, and every trail has one; it was emptied.")
    head = Anchor(last.get("sequence", 0), last.get("sha256", GENESIS), str(path))
    return Verification(n, head, tuple(findings))


def export_trail(study: Study, folder: Path) -> Anchor:
    """Write the trail as ``audit.jsonl`` (to check), ``audit.csv`` (to read) and ``head.json``.

    Returns
    -------
    Anchor
        The head, as in ``head.json``: kept apart from the study it proves that nothing was taken
        off the trail's end or written anew.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    try:
        # One look at the study for all three: others may write meanwhile.
        with study.reading() as connection:
            lines = (as_line(each) + b"\n" for each in _entries(connection))
            _write(folder / "audit.jsonl", lines)
            table = as_csv(_entries(connection))
            _write(folder / "audit.csv", (line.encode() for line in table))
            head = _head(connection, study.where)
        said = {"study": study.where, "sequence": head.sequence, "sha256": head.sha256}
        write_file(folder / "head.json", (json.dumps(said, indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); give another folder."
        ) from None
    return head


def _write(path: Path, lines: Iterable[bytes]) -> None:
    with file_beside(path) as beside, beside.open("wb") as file:
        file.writelines(lines)


def head_of(study: Study) -> Anchor:
    """The trail's last entry: its number and hash."""
    with study.reading() as connection:
        return _head(connection, study.where)


def read_head(text: str) -> Anchor:
    """A head that was written down: ``NUMBER:HASH``, or the path of an export's ``head.json``.

    Raises
    ------
    InputError
        It is neither.
    """
    number, _, sha256 = text.partition(":")
    if number.isdecimal() and len(sha256) == 64:
        return Anchor(int(number), sha256.lower(), "the head given")
    try:
        said = json.loads(Path(text).read_text(encoding="utf-8"))
        return Anchor(int(said["sequence"]), str(said["sha256"]), text)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{text}: is no head; give NUMBER:HASH as 'monolayer audit head' prints it, or the "
            "head.json of an export."
        ) from None


def _entries(connection: Connection) -> Iterator[dict[str, Any]]:
    statement = select(audit).order_by(audit.c.sequence).execution_options(yield_per=1000)
    for row in connection.execute(statement).mappings():
        yield dict(row)


def _head(connection: Connection, where: str) -> Anchor:
    end = select(audit.c.sequence, audit.c.sha256).order_by(audit.c.sequence.desc()).limit(1)
    sequence, sha256 = connection.execute(end).one_or_none() or (0, GENESIS)
    return Anchor(sequence, sha256, where)
