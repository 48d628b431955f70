"""Pictures of a vessel's visits out of the runs that evaluated them, for its batch report.

One field is followed through all visits, the one that stays nearest to its vessel's median, so
that the same place is seen to fill.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monolayer.assays import assay_of
from monolayer.batch.content import VisitPicture
from monolayer.engine import runfolder
from monolayer.engine.reporting import fields_of, overlays_of
from monolayer.errors import RunFolderError
from monolayer.field import State
from monolayer.history import VesselHistory
from monolayer.method import Method
from monolayer.report.content import Measure
from monolayer.report.gallery import Overlays, picture_of
from monolayer.report.presentation import Presentation

__all__ = ["MOST_PICTURES", "recorded_pictures", "visit_pictures"]

# More fill pages that nobody looks at; the table of visits names all.
MOST_PICTURES = 12
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Visit:
    """The fields of one time of one run, and how the run draws them."""

    rows: tuple[Row, ...]
    show: Presentation
    overlays: Overlays

    @property
    def lead(self) -> str:
        return self.show.leads[0].in_fields


def visit_pictures(history: VesselHistory, folders: Sequence[Path]) -> tuple[VisitPicture, ...]:
    """Draw a field of each of a vessel's visits, of up to twelve evenly chosen ones.

    Parameters
    ----------
    history : VesselHistory
        The vessel and its visits.
    folders : sequence of Path
        Runs' folders; their times, in order, are the visits.

    Raises
    ------
    RunFolderError
        A folder is no run's, holds other vessels, or the numbers of times and visits differ.
    """
    visits = [visit for folder in folders for visit in _visits(folder, history.vessel.name)]
    times = [each.time_h for each in history.acquisitions]
    if len(visits) != len(times):
        raise RunFolderError(
            f"{', '.join(map(str, folders))}: the runs hold {len(visits)} times and vessel "
            f"{history.vessel.name} has {len(times)} visits; give the runs of all its visits, or "
            "of none."
        )
    return _pictures(history, visits)


def recorded_pictures(
    history: VesselHistory, folders: Sequence[Path | None]
) -> tuple[VisitPicture, ...]:
    """`visit_pictures` where each visit's run is recorded; a run that is gone has no picture.

    Parameters
    ----------
    history : VesselHistory
        The vessel and its visits.
    folders : sequence of Path or None
        One a visit: the folder of its run.
    """
    visits: list[_Visit | str] = ["No run is recorded for this visit."] * len(folders)
    for folder in dict.fromkeys(each for each in folders if each is not None):
        places = [i for i, each in enumerate(folders) if each == folder]
        for i, found in zip(places, _found(folder, history.vessel.name, len(places)), strict=True):
            visits[i] = found
    return _pictures(history, visits)


def _found(folder: Path, vessel: str, n: int) -> Sequence[_Visit | str]:
    try:
        visits = list(_visits(folder, vessel))
    except (RunFolderError, OSError) as error:
        return [f"No picture of the run {folder.name}: {error}"] * n
    if len(visits) == n:
        return visits
    return [f"The run {folder.name} holds {len(visits)} times of this vessel, not {n}."] * n


def _pictures(history: VesselHistory, visits: Sequence[_Visit | str]) -> tuple[VisitPicture, ...]:
    place = _followed([each for each in visits if isinstance(each, _Visit)])
    return tuple(_picture(history, i, visits[i], place) for i in _chosen(len(visits)))


def _visits(folder: Path, vessel: str) -> Iterator[_Visit]:
    record = runfolder.read_record(folder)
    method = Method.model_validate(record["method"])
    show = assay_of(method).presentation(method)
    table = fields_of(folder, show)
    rows = _of_vessel(folder, table.to_pylist(), vessel)
    overlays = overlays_of(folder, record, show, table)
    for time in sorted({row["time"] or "" for row in rows}, key=_in_order):
        yield _Visit(tuple(row for row in rows if (row["time"] or "") == time), show, overlays)


def _of_vessel(folder: Path, rows: list[Row], vessel: str) -> list[Row]:
    plates = {row["plate"] for row in rows}
    if vessel in plates:
        return [row for row in rows if row["plate"] == vessel]
    if len(plates) == 1:
        return rows
    raise RunFolderError(
        f"{folder}: holds {', '.join(sorted(plates))} and no vessel {vessel}; give a run of it."
    )


def _in_order(time: str) -> tuple[float, str]:
    """Numbers as numbers: time 10 comes after time 9."""
    return (float(time) if time.replace(".", "", 1).isdigit() else math.inf, time)


def _place(row: Row) -> str:
    """The field without its time: the same at every visit."""
    return str(row["field_id"]).removesuffix(f"/{row['time']}")


def _followed(visits: Sequence[_Visit]) -> str | None:
    """The place that is evaluated most often, and then nearest to the medians."""
    seen: dict[str, list[float]] = {}
    for visit in visits:
        known = [row for row in visit.rows if _value(row, visit) is not None]
        if not known:
            continue
        middle = statistics.median(_value(row, visit) or 0.0 for row in known)
        for row in known:
            seen.setdefault(_place(row), []).append(abs((_value(row, visit) or 0.0) - middle))
    ordered = sorted(seen, key=lambda place: (-len(seen[place]), sum(seen[place]), place))
    return ordered[0] if ordered else None


def _value(row: Row, visit: _Visit) -> float | None:
    value = row.get(visit.lead)
    return None if row["state"] != State.OK or value is None else float(value)


def _chosen(n: int) -> list[int]:
    """All visits, or evenly chosen ones with the first and the last."""
    if n <= MOST_PICTURES:
        return list(range(n))
    return [round(i * (n - 1) / (MOST_PICTURES - 1)) for i in range(MOST_PICTURES)]


def _picture(
    history: VesselHistory, number: int, visit: _Visit | str, place: str | None
) -> VisitPicture:
    recorded = history.acquisitions[number]
    at = history.clock(recorded.time_h)
    if isinstance(visit, str):
        return VisitPicture(recorded.time_h, at, recorded.confluence, None, visit)
    known = [value for row in visit.rows if (value := _value(row, visit)) is not None]
    mean = statistics.fmean(known) if known and visit.lead == "confluence" else None
    row = next((row for row in visit.rows if _place(row) == place), visit.rows[0])
    drawn = None if row["state"] == State.MISSING else visit.overlays(row["field_id"])
    if drawn is None or not drawn[0].size:
        reason = f"The image of field {row['field_id']} is not where the run found it."
        return VisitPicture(recorded.time_h, at, recorded.confluence, None, reason, mean)
    picture = picture_of(row, "", drawn, Measure(visit.show.leads[0]), visit.show)
    return VisitPicture(recorded.time_h, at, recorded.confluence, picture, "", mean)
