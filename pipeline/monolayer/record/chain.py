"""The hash chain of the audit trail: an entry's hash covers the hash of the entry before it.

An exported line is the very bytes that were hashed, so that whoever checks an export needs SHA-256
and nothing else: the hash of each line stands in the next one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import rfc8785

from monolayer.errors import InputError

__all__ = ["ENTRY_FIELDS", "GENESIS", "JSON", "canonical", "from_canonical", "link", "sha256_of"]

JSON: TypeAlias = (
    Any  # None, bool, int, float, str, or lists and dicts of them; mypy has no such type
)

ENTRY_FIELDS = (
    "sequence",
    "at",
    "local_offset_minutes",
    "actor",
    "role",
    "action",
    "subject_kind",
    "subject",
    "reason",
    "before",
    "after",
)
"""What an entry says: its number from 1 (int), when (UTC, ISO 8601 with microseconds) and the
actor's local offset, who in which role, what was done to what, why, and the values (JSON)."""

GENESIS = "0" * 64
"""What the first entry gives as the hash before it."""


def canonical(value: JSON) -> bytes:
    """A value as RFC 8785 canonical JSON in UTF-8.

    Raises
    ------
    InputError
        It holds what JSON cannot carry unchanged: NaN, integers beyond 2**53, dates.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InputError(
            f"this cannot be recorded ({error}); give text, finite numbers below 2**53, lists and "
            "mappings of them."
        ) from None


def from_canonical(text: str | bytes) -> JSON:
    """The value of a canonical JSON text, so read that it can be hashed again.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    """Canonical JSON writes the float 5e16 as an integer; read as one, it would be refused."""
    whole = int(digits)
    return whole if abs(whole) < 2**53 else float(digits)


def sha256_of(value: JSON) -> str:
    """SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def link(previous_sha256: str, entry: Mapping[str, JSON]) -> str:
    """Hash of an entry that follows the one of the given hash.

    Parameters
    ----------
    previous_sha256 : str
        The hash of the entry before; `GENESIS` for the first.
    entry : mapping
        Exactly `ENTRY_FIELDS`.

    Returns
    -------
    str
        SHA-256 over the canonical JSON of the entry with ``previous`` beside its fields.

    Raises
    ------
    InputError
        A field is missing or unknown, or holds what JSON cannot carry.
    """
    if entry.keys() != _FIELDS:
        odd = ", ".join(sorted(entry.keys() ^ _FIELDS))
        raise InputError(f"an audit entry has exactly the fields of ENTRY_FIELDS; mend {odd}.")
    return sha256_of({**entry, "previous": previous_sha256})


_FIELDS = set(ENTRY_FIELDS)
