"""The hash that a batch record is signed and found again by.

It covers what is recorded and what was made of it; not the signatures (they bind it), not when a
copy was issued, and not the pictures and curves, which are drawn from what it covers: another
version of an image encoder must not look like another record.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import rfc8785

from monolayer.batch.content import BatchRecord

__all__ = ["record_sha256"]

_LEFT_OUT = frozenset({"signatures", "issued_at", "audit_head_sha256", "audit_entries", "curve"})
_DRAWN = frozenset({"data_uri", "width", "height", "contours", "scale_bar"})


def record_sha256(record: BatchRecord) -> str:
    """SHA-256 over the record as canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(_plain(record))).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        kept = (name for name in names if name not in _LEFT_OUT and name not in _DRAWN)
        return {name: _plain(getattr(value, name)) for name in kept}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
