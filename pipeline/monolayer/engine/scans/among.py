"""Which of a run's fields are scans; asked before what computes is imported."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from monolayer.assays import takes_scans
from monolayer.engine.ledger import chunks_of
from monolayer.engine.scans.pieces import ScanChunk
from monolayer.field import Field
from monolayer.method import Method
from monolayer.read import Root
from monolayer.read.scans import is_scan

__all__ = ["discard_pieces", "scans_among"]


def scans_among(
    fields: Iterable[Field], root: Root, method: Method, signatures: Mapping[str, str]
) -> list[ScanChunk]:
    """Fields that are scans, told by their files' heads; none where the assay takes no scans."""
    if not takes_scans(method):
        return []
    scans = []
    for candidate in fields:
        shape = is_scan(candidate, root, method.read)
        if shape is not None:
            (chunk,) = chunks_of([candidate], signatures, 1)
            scans.append(ScanChunk(chunk, shape, -(-shape[0] // method.read.window_px)))
    return scans


def discard_pieces(run_folder: Path) -> None:
    """Remove what killed runs left, and pieces of scans that have changed since.

    Only for the holder of the whole folder, when every field is done.
    """
    shutil.rmtree(run_folder / "scans", ignore_errors=True)
