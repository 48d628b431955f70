"""Batch: a vessel's or a lot's record becomes a report to sign, as HTML and as PDF.

1. `BatchRecord` says everything that the report says, as plain frozen data.
2. `render_batch` draws it: one self-contained HTML page that opens offline.
3. `to_pdf` prints that page, with the batch and its record's hash on every foot.

Pure functions of the record; no files, no clock. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.batch.content import BatchRecord
    from monolayer.batch.identity import record_sha256
    from monolayer.batch.page import render_batch
    from monolayer.batch.pdf import to_pdf
    from monolayer.batch.settings import BatchSettings

__all__ = ["BatchRecord", "BatchSettings", "record_sha256", "render_batch", "to_pdf"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "BatchRecord": "content",
        "BatchSettings": "settings",
        "record_sha256": "identity",
        "render_batch": "page",
        "to_pdf": "pdf",
    },
)
