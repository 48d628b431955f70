"""From the names of a file's scenes to wells and fields, where all of them follow one pattern."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monolayer.read.wells import normalise_well

__all__ = ["Place", "places_of"]

_WELL = r"(?P<well>[A-P]\d{1,2})"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<field>P\d+)[-_/ ]{_WELL}",  # P1-B03: position and well, as ZEN names them
        rf"{_WELL}(?:[-_/ ](?P<field>.+))?",  # B03, B03-2, B03/P1
        r"(?:.+/)?(?P<row>[A-P])/(?P<col>\d{1,2})(?:/(?P<field>.+))?",  # TileScan 1/B/3/R1
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Well and field of a scene; both empty for the only scene of a file, if it has no well."""

    well: str = ""
    field: str = ""

    def tile(self, number: int) -> "Place":
        """Place of one tile of the scene, counted from 0; of the scene itself for -1."""
        if number < 0:
            return self
        name = f"m{number + 1}"
        return replace(self, field=f"{self.field}-{name}" if self.field else name)


def places_of(scenes: Sequence[str]) -> list[Place]:
    """Well and field of each scene.

    Parameters
    ----------
    scenes : sequence of str
        Names as the file has them.

    Returns
    -------
    list of Place
        No two alike. Wells only where every name follows one pattern; ``P1``, ``P2``, ... alone
        are positions and not the wells of row P.
    """
    found = next((p for p in (_parsed(scenes, pattern) for pattern in _PATTERNS) if p), None)
    if found is None:
        found = [Place(field=name) for name in scenes] if len(scenes) > 1 else [Place()]
    return _told_apart(found)


def _parsed(scenes: Sequence[str], pattern: re.Pattern[str]) -> list[Place] | None:
    places = []
    for name in scenes:
        match = pattern.fullmatch(name.strip())
        if match is None:
            return None
        groups = match.groupdict()
        text = groups.get("well") or f"{groups['row']}{groups['col']}"
        well = normalise_well(text)
        if well is None or int(well[1:]) > 24:
            return None
        places.append(Place(well, groups.get("field") or ""))
    return None if all(place.well.startswith("P") for place in places) else places


def _told_apart(places: list[Place]) -> list[Place]:
    """Number the fields that one name stands for."""
    total, seen = Counter(places), Counter[Place]()
    apart = []
    for place in places:
        seen[place] += 1
        if total[place] == 1:
            apart.append(place)
        else:
            number = str(seen[place])
            apart.append(replace(place, field=f"{place.field}-{number}" if place.field else number))
    return apart
