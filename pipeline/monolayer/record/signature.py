"""Electronic signatures: printed name, time, meaning, bound to one content of one record.

A signature carries the hash of what was signed and the head of the audit trail at that time. When
the record changes, its hash does, and the signature is visibly broken; when the trail before it is
cut or rewritten, the head it carries is no longer in it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from monolayer.errors import NotAllowedError
from monolayer.record.chain import JSON, sha256_of
from monolayer.record.people import Person, require, stamp
from monolayer.record.settings import RecordSettings
from monolayer.record.verification import Anchor
from monolayer.record.words import Act, Meaning

__all__ = ["Signature", "sign", "why_broken"]

_ACTS: dict[Meaning, Act] = {
    "review": "review",
    "approval": "approve",
    "responsibility": "sign",
    "authorship": "sign",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature; all of it is in its hash.

    Attributes
    ----------
    subject_kind, subject : str
        Which record.
    subject_sha256 : str
        Hash of its content as signed.
    signer, printed_name : str
        Identifier, and the name as printed.
    role, meaning : str
        In which role, and what it means: review, approval, responsibility or authorship.
    at, local_offset_minutes : str and int
        UTC as ISO 8601, and the signer's offset from it.
    head_sequence, head_sha256 : int and str
        The last entry of the audit trail when it was signed.
    """

    subject_kind: str
    subject: str
    subject_sha256: str
    signer: str
    printed_name: str
    role: str
    meaning: Meaning
    at: str
    local_offset_minutes: int
    head_sequence: int
    head_sha256: str

    def content(self) -> dict[str, JSON]:
        """All fields, for a table or an export."""
        return asdict(self)

    @property
    def sha256(self) -> str:
        """Hash of the signature itself."""
        return sha256_of(self.content())

    @property
    def anchor(self) -> Anchor:
        """The head of the audit trail that it carries."""
        where = f"the signature of {self.printed_name} at {self.at}"
        return Anchor(self.head_sequence, self.head_sha256, where)

    def line(self, title: str | None = None) -> str:
        """As it stands in every form that people read (21 CFR 11.50(b)); `title` for the record."""
        moment = datetime.fromisoformat(self.at)
        hours, minutes = divmod(abs(self.local_offset_minutes), 60)
        sign_of = "-" if self.local_offset_minutes < 0 else "+"
        return (
            f"{self.printed_name} ({self.signer}, {self.role}), {moment:%Y-%m-%d %H:%M:%S} UTC "
            f"(local {sign_of}{hours:02d}:{minutes:02d}), {self.meaning}, "
            f"{title or f'{self.subject_kind} {self.subject}'} {self.subject_sha256[:12]}"
        )


def sign(
    subject_kind: str,
    subject: str,
    subject_sha256: str,
    person: Person,
    meaning: Meaning,
    now: datetime,
    head: tuple[int, str],
    settings: RecordSettings,
) -> Signature:
    """Sign a record; the person has been identified (`credentials.identify`) just before.

    Parameters
    ----------
    subject_kind, subject, subject_sha256 : str
        The record and the hash of what the person has seen.
    person : Person
        Who signs.
    meaning : str
        review, approval, responsibility or authorship.
    now : datetime
        With its offset from UTC.
    head : int and str
        Number and hash of the audit trail's last entry.
    settings : RecordSettings
        The site's own.

    Raises
    ------
    NotAllowedError
        The person's roles do not allow this meaning, or there is no name to print.
    """
    role = require(person, _ACTS[meaning], settings)
    if not person.printed_name.strip():
        raise NotAllowedError(f"{person.name} has no printed name; a signature shows one.")
    moment = stamp(now)
    return Signature(
        subject_kind=subject_kind,
        subject=subject,
        subject_sha256=subject_sha256,
        signer=person.name,
        printed_name=person.printed_name,
        role=role,
        meaning=meaning,
        at=moment.at,
        local_offset_minutes=moment.local_offset_minutes,
        head_sequence=head[0],
        head_sha256=head[1],
    )


def why_broken(
    signature: Signature, subject_sha256: str | None, signature_sha256: str | None = None
) -> str | None:
    """Why a signature no longer stands; None where it does.

    Parameters
    ----------
    signature : Signature
        As stored.
    subject_sha256 : str or None
        Hash of the record now; None where the record is gone.
    signature_sha256 : str, optional
        The signature's own hash as recorded when it was given.
    """
    if signature_sha256 is not None and signature.sha256 != signature_sha256:
        return "the signature itself was changed"
    if subject_sha256 is None:
        return "what was signed is gone"
    if subject_sha256 != signature.subject_sha256:
        return "what was signed has been changed since"
    return None
