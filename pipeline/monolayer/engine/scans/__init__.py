"""Scans of a run: fields too large for memory, as pieces that any executor does in parallel.

    fix ─▶ find, a piece a row of windows ─▶ settle ─▶ measure, a piece a row ─▶ join ─▶ a part

Every piece leaves a file, so that a stopped run goes on piece by piece; `join` writes an ordinary
part, so that ledger, tables and report know nothing of all this.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.engine.scans.among import discard_pieces, scans_among
    from monolayer.engine.scans.pieces import ScanChunk
    from monolayer.engine.scans.running import run_scans

__all__ = ["ScanChunk", "discard_pieces", "run_scans", "scans_among"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ScanChunk": "pieces",
        "discard_pieces": "among",
        "run_scans": "running",
        "scans_among": "among",
    },
)
