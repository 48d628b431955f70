"""Well names: whatever a plate reader wrote becomes ``A01`` (``AA01`` on 1536-well plates)."""

import re
from functools import lru_cache

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "normalise_number", "normalise_well", "well_name"]

MAX_ROWS = 32  # A..Z, AA..AF: the 1536-well plate
MAX_COLUMNS = 48

_WELL = re.compile(r"([A-Za-z]{1,2})[-_ ]?0*(\d{1,2})")
_RC = re.compile(r"[Rr]0*(\d{1,2})[-_ ]?[Cc]0*(\d{1,2})")


def well_name(row: int, column: int) -> str | None:
    """Name of a well from its row and column.

    Parameters
    ----------
    row, column : int
        Counted from 1.

    Returns
    -------
    str or None
        ``A01`` to ``AF48``; None outside the largest plate (32 x 48).
    """
    if not (1 <= row <= MAX_ROWS and 1 <= column <= MAX_COLUMNS):
        return None
    letters = chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)
    return f"{letters}{column:02d}"


@lru_cache(maxsize=4096)
def normalise_well(text: str) -> str | None:
    """Normalise a well's name.

    Parameters
    ----------
    text : str
        Such as ``a1``, ``B-03``, ``AF48``, ``r02c07``.

    Returns
    -------
    str or None
        ``A01`` form, or None where the text names no well of a plate of up to 1536 wells.
    """
    if found := _RC.fullmatch(text.strip()):
        return well_name(int(found[1]), int(found[2]))
    if found := _WELL.fullmatch(text.strip()):
        return well_name(row_number(found[1]), int(found[2]))
    return None


def row_number(text: str) -> int:
    """Row from letters or digits, counted from 1; 0 where it is neither."""
    if text.isdecimal():
        return int(text)
    letters = text.upper()
    if re.fullmatch(r"[A-Z]", letters):
        return ord(letters) - 64
    return 26 + ord(letters[1]) - 64 if re.fullmatch(r"A[A-F]", letters) else 0


def normalise_number(text: str) -> str:
    """Drop leading zeros of a number (``001`` -> ``1``); other text is kept."""
    return str(int(text)) if text.isascii() and text.isdecimal() else text
