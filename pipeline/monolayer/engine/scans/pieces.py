"""Pieces of the work on scans, and the files that each leaves.

scans/<name>/fixed.json         what holds for the whole scan
scans/<name>/find-<row>.npz     first look at a row of windows
scans/<name>/settled-<row>.npz  what only the rows together can tell
scans/<name>/measured-<row>.*   objects and label tiles of a row
parts/<name>/                   the scan's row, as any field's: then the folder above is removed

A piece is done when its file is there; a stopped run goes on with the pieces that are not.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monolayer.engine.ledger import Chunk

__all__ = ["Piece", "PieceDone", "ScanChunk", "Step", "file_of", "pieces_of", "scan_folder"]


class Step(StrEnum):
    """Steps of a scan, in order; `find` and `measure` have one piece a row of windows."""

    FIX = "fixed"
    FIND = "find"
    SETTLE = "settled"
    MEASURE = "measured"
    JOIN = "joined"


BY_ROW = (Step.FIND, Step.MEASURE)
_SUFFIX = {Step.FIX: ".json", Step.JOIN: ""}


@dataclass(frozen=True, slots=True)
class ScanChunk:
    """A scan as one field's chunk, and its height and width in pixels."""

    chunk: Chunk
    shape: tuple[int, int]
    n_rows: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of work on a scan."""

    scan: ScanChunk
    step: Step
    row: int = 0


@dataclass(frozen=True, slots=True)
class PieceDone:
    """What a worker tells the driver of a piece; a problem is reason code and sentence."""

    piece: Piece
    seconds: float
    problem: tuple[str, str] | None = None


def scan_folder(run_folder: Path, name: str) -> Path:
    """Where a scan's pieces lie."""
    return run_folder / "scans" / name


def file_of(run_folder: Path, piece: Piece) -> Path:
    """File that says that a piece is done."""
    name = piece.scan.chunk.name
    if piece.step is Step.JOIN:
        return run_folder / "parts" / name
    row = f"-{piece.row:05d}" if piece.step in BY_ROW else ""
    return scan_folder(run_folder, name) / f"{piece.step}{row}{_SUFFIX.get(piece.step, '.npz')}"


def pieces_of(scan: ScanChunk, step: Step) -> list[Piece]:
    """All pieces of a step."""
    rows = range(scan.n_rows) if step in BY_ROW else range(1)
    return [Piece(scan, step, row) for row in rows]
