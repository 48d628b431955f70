"""Record: what makes a study's audit trail, signatures and decisions stand up to a check.

1. `link` and `verify`: each entry of the audit trail carries the hash of the one before it.
2. `draft` and `step`: the life of methods and recipes; no author approves his own.
3. `why_not_acceptable` and `dispose`: a person accepts a recommendation or overrides it.
4. `identify` and `sign`: two components, a printed name, a meaning, bound to one content.

Pure functions of plain values and the site's `RecordSettings`; no database, no files, no clock.
Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.record.chain import ENTRY_FIELDS, GENESIS, link, sha256_of
    from monolayer.record.credentials import (
        Credential,
        LockedOutError,
        WrongPasswordError,
        identify,
        new_credential,
    )
    from monolayer.record.disposition import Disposition, Proposal, dispose, why_not_acceptable
    from monolayer.record.lifecycle import Document, draft, step
    from monolayer.record.people import Person, Stamp, require, role_for, stamp
    from monolayer.record.settings import RecordSettings
    from monolayer.record.signature import Signature, sign, why_broken
    from monolayer.record.verification import Anchor, Finding, verify

__all__ = [
    "ENTRY_FIELDS",
    "GENESIS",
    "Anchor",
    "Credential",
    "Disposition",
    "Document",
    "Finding",
    "LockedOutError",
    "Person",
    "Proposal",
    "RecordSettings",
    "Signature",
    "Stamp",
    "WrongPasswordError",
    "dispose",
    "draft",
    "identify",
    "link",
    "new_credential",
    "require",
    "role_for",
    "sha256_of",
    "sign",
    "stamp",
    "step",
    "verify",
    "why_broken",
    "why_not_acceptable",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Anchor": "verification",
        "Credential": "credentials",
        "Disposition": "disposition",
        "Document": "lifecycle",
        "ENTRY_FIELDS": "chain",
        "Finding": "verification",
        "GENESIS": "chain",
        "LockedOutError": "credentials",
        "Person": "people",
        "Proposal": "disposition",
        "RecordSettings": "settings",
        "Signature": "signature",
        "Stamp": "people",
        "WrongPasswordError": "credentials",
        "dispose": "disposition",
        "draft": "lifecycle",
        "identify": "credentials",
        "link": "chain",
        "new_credential": "credentials",
        "require": "people",
        "role_for": "people",
        "sha256_of": "chain",
        "sign": "signature",
        "stamp": "people",
        "step": "lifecycle",
        "verify": "verification",
        "why_broken": "signature",
        "why_not_acceptable": "disposition",
    },
)
