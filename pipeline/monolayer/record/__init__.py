"""Record: what makes a study's audit trail, signatures and dispositions stand up to a check.

1. `chain`: each entry of the audit trail carries the hash of the one before it.

Pure functions of plain values; no database, no files. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.record.chain import ENTRY_FIELDS, GENESIS, link
    from monolayer.record.verification import Anchor, Finding, verify

__all__ = ["ENTRY_FIELDS", "GENESIS", "Anchor", "Finding", "link", "verify"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ENTRY_FIELDS": "chain",
        "GENESIS": "chain",
        "Anchor": "verification",
        "Finding": "verification",
        "link": "chain",
        "verify": "verification",
    },
)
