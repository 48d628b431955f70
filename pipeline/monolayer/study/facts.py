"""What a change must know of a vessel to judge a record of it at once, with its own sentence.

Looked up once a vessel; a change holds the study's lock, so that nothing of it can grow old.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from monolayer.errors import InputError
from monolayer.history import Acquisition
from monolayer.study.histories import FIGURES, current_times
from monolayer.study.queries import local
from monolayer.study.tables import vessels

__all__ = ["Facts", "facts_of"]


@dataclass(slots=True)
class Facts:
    """A vessel as a change knows it.

    Attributes
    ----------
    name : str
        The vessel.
    seeded_at, ended_at : datetime or None
        Its culture's beginning and end.
    medium_volume_ml : float or None
        What is in it.
    visits : set of datetime
        Times of its current acquisitions.
    """

    name: str
    seeded_at: datetime
    ended_at: datetime | None
    medium_volume_ml: float | None
    visits: set[datetime] = field(default_factory=set)

    def judge(self, kind: str, row: Mapping[str, Any]) -> None:
        """Refuse a record of this vessel that cannot be.

        Raises
        ------
        InputError
            Before seeding, after the end, at another acquisition's time, or an exchange of more
            medium than there is.
        """
        at = row.get("at")
        if at is None or kind in ("recommendations", "dispositions"):
            return
        where = f"{kind} of vessel {self.name} at {at.isoformat()}"
        if at < self.seeded_at:
            raise InputError(
                f"{where}: is before its seeding at {self.seeded_at.isoformat()}; mend the time."
            )
        if self.ended_at is not None and at > self.ended_at:
            raise InputError(
                f"{where}: is after its end at {self.ended_at.isoformat()}; mend the time."
            )
        if kind == "acquisitions":
            self._judge_visit(where, at, row)
        volume, exchanged = self.medium_volume_ml, row.get("volume_ml")
        if volume is not None and exchanged is not None and exchanged > volume:
            raise InputError(
                f"{where}: {exchanged:g} mL exchanged are more than the {volume:g} mL in it; mend "
                "one of them."
            )

    def _judge_visit(self, where: str, at: datetime, row: Mapping[str, Any]) -> None:
        if at in self.visits:
            raise InputError(
                f"{where}: there is one at that time already; drop one of them, or let the new one "
                "supersede it."
            )
        hours = (at - self.seeded_at).total_seconds() / 3600
        Acquisition(hours, **{name: row[name] for name in FIGURES if name in row})
        self.visits.add(at)

    def judge_end(self, ended_at: datetime | None) -> None:
        """Refuse an end before the beginning.

        Raises
        ------
        InputError
            It is so.
        """
        if ended_at is not None and ended_at < self.seeded_at:
            raise InputError(
                f"vessel {self.name}: ended at {ended_at.isoformat()}, before its seeding at "
                f"{self.seeded_at.isoformat()}; mend one of them."
            )
        self.ended_at = ended_at


def facts_of(connection: Connection, number: int) -> Facts:
    """What is stored of a vessel, by its number.

    Raises
    ------
    InputError
        There is no such vessel.
    """
    row = connection.execute(
        select(
            vessels.c.name,
            vessels.c.seeded_at,
            vessels.c.seeded_offset_minutes,
            vessels.c.ended_at,
            vessels.c.ended_offset_minutes,
            vessels.c.medium_volume_ml,
        ).where(vessels.c.id == number)
    ).one_or_none()
    if row is None:
        raise InputError(f"there is no vessel of number {number}; name it by its name.")
    name, seeded_at, offset, ended_at, ended_offset, volume = row
    visits = {at for _, at in current_times(connection, [number])}
    ended = None if ended_at is None else local(ended_at, ended_offset)
    return Facts(name, local(seeded_at, offset), ended, volume, visits)
