"""Automatic and corrected figures side by side, and what lies between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Difference", "Figure", "differences"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A column to compare.

    Attributes
    ----------
    column : str
        In the tables.
    label, unit : str
        As a reader sees it.
    """

    column: str
    label: str
    unit: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure, automatic and corrected.

    Attributes
    ----------
    level : str
        ``field``, ``well``, ``plate``, ``acquisition``, ``growth``.
    plate, well, time, field_id : str or None
        Of what.
    column, label, unit : str
        Which figure.
    automatic, corrected : float or None
        None where it is not known, which is not 0.
    """

    level: str
    plate: str | None
    well: str | None
    time: str | None
    field_id: str | None
    column: str
    label: str
    unit: str
    automatic: float | None
    corrected: float | None

    @property
    def difference(self) -> float | None:
        """Corrected minus automatic; None where either is unknown."""
        if self.automatic is None or self.corrected is None:
            return None
        return self.corrected - self.automatic


def differences(
    level: str, automatic: Row, corrected: Row, figures: Sequence[Figure]
) -> list[Difference]:
    """Compare two rows of one field, well or plate, figure by figure, whether or not they differ.

    Parameters
    ----------
    level : str
        What the rows are of.
    automatic, corrected : mapping
        Rows of the same table.
    figures : sequence of Figure
        Those that neither row knows are left out.
    """
    place = {name: corrected.get(name) for name in ("plate", "well", "time", "field_id")}
    told = []
    for figure in figures:
        before, after = automatic.get(figure.column), corrected.get(figure.column)
        if before is None and after is None:
            continue
        told.append(
            Difference(
                level,
                **place,
                column=figure.column,
                label=figure.label,
                unit=figure.unit,
                automatic=None if before is None else float(before),
                corrected=None if after is None else float(after),
            )
        )
    return told
