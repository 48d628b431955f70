"""Signatures in a study: given within a change, and looked at again whenever they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from monolayer.custody.persons import identified, now_here, policy_in
from monolayer.custody.records import content_sha256, table_name, title_of
from monolayer.errors import InputError
from monolayer.record import Person, RecordSettings, Signature, sign, stamp, why_broken
from monolayer.record.words import Meaning
from monolayer.study import Change, Study
from monolayer.study.queries import rows
from monolayer.study.tables import audit

__all__ = ["Signed", "sign_record", "sign_within", "signatures", "signatures_in"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature of the study and whether it stands.

    Attributes
    ----------
    number : int
        Of its row.
    signature : Signature
        What was signed, by whom, when, and what it means.
    title : str
        The record in words.
    broken : str or None
        Why it no longer stands; None where it does.
    """

    number: int
    signature: Signature
    title: str
    broken: str | None

    @property
    def line(self) -> str:
        """As it stands in every form that people read."""
        shown = self.signature.line(self.title)
        return shown if self.broken is None else f"BROKEN {shown}: {self.broken}"


def sign_record(
    study: Study,
    kind: str,
    subject: str,
    meaning: Meaning,
    *,
    name: str,
    password: str,
    reason: str | None = None,
    now: datetime | None = None,
) -> Signed:
    """Sign a record as it stands.

    Parameters
    ----------
    study : Study
        The study.
    kind, subject : str
        Which record: vessel, lot, document ... and its name or number.
    meaning : str
        review, approval, responsibility or authorship.
    name, password : str
        Who signs.
    reason : str, optional
        For the audit trail; what the signature means where left out.
    now : datetime, optional
        With its offset from UTC.

    Raises
    ------
    NotAllowedError
        The password is wrong, or the person's roles do not allow this meaning.
    InputError
        There is no such record.
    """
    now = now or now_here()
    table = table_name(kind)
    signer = identified(study, name, password, now)
    with study.change(name, reason or f"signed for {meaning}", now) as change:
        settings = policy_in(change.connection)
        return sign_within(change, table, subject, meaning, signer, settings)


def sign_within(
    change: Change,
    kind: str,
    subject: str,
    meaning: Meaning,
    signer: Person,
    settings: RecordSettings,
) -> Signed:
    """Sign within a change, as the record stands in it; the signer has been identified.

    Raises
    ------
    InputError
        There is no such subject.
    """
    change.flush()
    sha256 = content_sha256(change.connection, kind, subject)
    if sha256 is None:
        raise InputError(f"{kind}: there is no '{subject}' to sign; 'monolayer study show' lists.")
    head = change.head
    made = sign(kind, subject, sha256, signer, meaning, change.at, head, settings)
    change.role = made.role
    number = change.add(
        "signatures",
        subject_kind=kind,
        subject=subject,
        record_sha256=sha256,
        person=signer.name,
        printed_name=made.printed_name,
        at=change.at,
        meaning=meaning,
        head_sequence=head[0],
        head_sha256=head[1],
    )
    return Signed(number, made, title_of(change.connection, kind, subject), None)


def signatures(study: Study, kind: str | None = None, subject: str | None = None) -> list[Signed]:
    """Signatures in the order in which they were given: all, or those of one record."""
    with study.reading() as connection:
        return signatures_in(connection, kind, subject)


def signatures_in(
    connection: Connection, kind: str | None = None, subject: str | None = None
) -> list[Signed]:
    """`signatures` within a transaction."""
    equal: dict[str, Any] = {} if kind is None else {"subject_kind": table_name(kind)}
    if subject is not None:
        equal["subject"] = subject
    found = rows(connection, "signatures", **equal)
    roles = _roles(connection, [row["id"] for row in found])
    signed = []
    for row in found:
        made = _signature(row, roles.get(row["id"], ""))
        sha256 = content_sha256(connection, made.subject_kind, made.subject)
        title = title_of(connection, made.subject_kind, made.subject)
        signed.append(Signed(row["id"], made, title, why_broken(made, sha256)))
    return signed


def _signature(row: dict[str, object], role: str) -> Signature:
    at = row["at"]
    assert isinstance(at, datetime)
    moment = stamp(at)
    said = {name: row.get(name) for name in _SAID}
    return Signature(
        **said,  # type: ignore[arg-type]
        subject_sha256=row["record_sha256"],  # type: ignore[arg-type]
        signer=row["person"],  # type: ignore[arg-type]
        role=role,
        at=moment.at,
        local_offset_minutes=moment.local_offset_minutes,
    )


_SAID = ("subject_kind", "subject", "printed_name", "meaning", "head_sequence", "head_sha256")


def _roles(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """In which role each was given, as the audit trail says."""
    if not numbers:
        return {}
    statement = select(audit.c.subject, audit.c.role).where(audit.c.subject_kind == "signatures")
    return {int(subject): role or "" for subject, role in connection.execute(statement)}
