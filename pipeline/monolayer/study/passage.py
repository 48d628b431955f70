"""The end of a vessel's culture, with its yield; a passage opens the vessels that come after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monolayer.errors import InputError
from monolayer.study.change import Change

__all__ = ["Child", "close_vessel"]

_TAKEN_OVER = ("lot", "medium")


@dataclass(frozen=True, slots=True)
class Child:
    """A vessel that is seeded from another: name, type, viable cells."""

    name: str
    type: str
    cells: float

    @classmethod
    def parsed(cls, text: str) -> "Child":
        """From NAME:TYPE:CELLS.

        Raises
        ------
        InputError
            It is no such text.
        """
        parts = text.split(":")
        try:
            name, kind, cells = parts
            return cls(name, kind, float(cells))
        except ValueError:
            raise InputError(f"'{text}': give NAME:TYPE:CELLS, such as V-021:T-175:7e5.") from None


def close_vessel(
    change: Change,
    vessel: str,
    how: str,
    at: datetime,
    *,
    cells_out: float | None = None,
    viability_out: float | None = None,
    children: Sequence[Child] = (),
) -> list[str]:
    """End a culture, open what is seeded from it; answers a line for each vessel.

    Parameters
    ----------
    change : Change
        An open change.
    vessel : str
        The vessel.
    how : str
        ``passaged``, ``harvested`` or ``discarded``.
    at : datetime
        When, with the offset from UTC.
    cells_out, viability_out : float, optional
        Viable cells that came out, and the share of them among all.
    children : sequence of Child
        Of a passage. Their passage is one more; their doublings are the parent's and those from
        cells seeded to cells out, unknown where one of these is.

    Raises
    ------
    InputError
        The vessel has ended, ends before its records, or gives more cells than came out.
    """
    if children and how != "passaged":
        raise InputError(f"vessel {vessel}: only a passage opens vessels; it was {how}.")
    seeded = sum(child.cells for child in children)
    if cells_out is not None and seeded > cells_out >= 0:
        raise InputError(
            f"vessel {vessel}: {seeded:g} cells were seeded from the {cells_out:g} that came out; "
            "mend one of them."
        )
    parent = change.rows("vessels", id=change.id_of("vessels", vessel))[0]
    change.end(
        "vessels", vessel, ended_as=how, ended_at=at, cells_out=cells_out,
        viability_out=viability_out,
    )  # fmt: skip
    lines = [f"vessel {vessel}: {how} at {at.isoformat()}."]
    level = _level(parent, cells_out)
    kept = {name: parent[name] for name in _TAKEN_OVER if name in parent}
    for child in children:
        passage = None if "passage" not in parent else parent["passage"] + 1
        change.add(
            "vessels", name=child.name, type=child.type, parent=vessel, seeded_at=at,
            cells_seeded=child.cells, passage=passage, doublings_at_seeding=level, **kept,
        )  # fmt: skip
        lines.append(f"vessel {child.name}: {child.type}, {child.cells:g} cells, from {vessel}.")
    return lines


def _level(parent: Mapping[str, Any], cells_out: float | None) -> float | None:
    """Population doubling level of what came out; None where a figure of it is unknown."""
    before, seeded = parent.get("doublings_at_seeding"), parent.get("cells_seeded")
    if before is None or not seeded or not cells_out:
        return None
    from monolayer.grow import population_doublings

    return float(before + population_doublings(seeded, cells_out))
