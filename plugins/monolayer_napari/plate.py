"""A plate as it lies on the bench, without a screen: where its wells are, what colours them.

A well without a number has no value, never a low one. Wells whose names are no position on a
plate (flasks, layers of a stack) stand in rows, in natural order.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from monolayer.field import State, natural_key
from monolayer.report.plate_map import FORMATS, plate_format, well_position
from monolayer_napari.rows import FieldRow
from monolayer_napari.session import Session

__all__ = ["FIELDS_OK", "STATES", "Metric", "PlateMap", "Spot", "metrics_of", "plate_map"]

STATES = tuple(str(state) for state in State)
_KEYS = ("plate", "well", "time", "quality_state", "quality_reason")
_NOT_SHOWN = ("_ci_method", "_ci_low", "_ci_high")


@dataclass(frozen=True, slots=True)
class Metric:
    """What wells are coloured by.

    Attributes
    ----------
    column : str
        Column of the wells table; empty: the share of fields that are ok.
    label, unit : str
        As a reader sees it.
    factor : float
        What the table's number is multiplied by to be shown.
    """

    column: str
    label: str
    unit: str = ""
    factor: float = 1.0

    def __str__(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


FIELDS_OK = Metric("", "Fields evaluated", "%", 100.0)
"""What every run has, also one without tables yet."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A well on the map.

    Attributes
    ----------
    well : str
        Its name; empty where the images name none.
    row, column : int
        Its place, counted from 0.
    value : float or None
        What colours it, in the metric's unit; None where nobody knows.
    fields : tuple of FieldRow
        Its fields, in order.
    """

    well: str
    row: int
    column: int
    value: float | None
    fields: tuple[FieldRow, ...]

    @property
    def n_ok(self) -> int:
        """Fields with a result."""
        return sum(row.is_ok for row in self.fields)

    @property
    def words(self) -> str:
        """``B03: 3 of 4 fields ok, 1 not evaluable``."""
        states = Counter(row.state for row in self.fields)
        rest = ", ".join(
            f"{states[state]} {state.replace('_', ' ')}" for state in STATES[1:] if states[state]
        )
        named = self.well or "all fields"
        ok = f"{named}: {self.n_ok} of {len(self.fields)} fields ok"
        return f"{ok}, {rest}" if rest else ok


@dataclass(frozen=True)
class PlateMap:
    """A plate at one time, coloured by one metric.

    Attributes
    ----------
    name, time : str
        Plate and acquisition.
    metric : Metric
        What colours it.
    rows, columns : int
        Its size.
    spots : tuple of Spot
        Wells that the run has.
    is_plate : bool
        Whether rows and columns are those of a plate, and have names.
    low, high : float or None
        Ends of the colours: of all plates and times of the run, so that two maps can be compared.
    """

    name: str
    time: str
    metric: Metric
    rows: int
    columns: int
    spots: tuple[Spot, ...]
    is_plate: bool
    low: float | None
    high: float | None

    @cached_property
    def by_place(self) -> Mapping[tuple[int, int], Spot]:
        """Wells by row and column."""
        return {(spot.row, spot.column): spot for spot in self.spots}

    @cached_property
    def by_well(self) -> Mapping[str, Spot]:
        """Wells by name."""
        return {spot.well: spot for spot in self.spots}

    def fraction(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        if self.low is None or self.high is None or self.high <= self.low:
            return 0.5
        return (value - self.low) / (self.high - self.low)


def metrics_of(session: Session) -> list[Metric]:
    """What the wells of a run can be coloured by: what leads its report, then every number."""
    show = session.assay.presentation(session.method)
    names = _numbers(session.wells)
    leads = [
        Metric(lead.column, lead.label, lead.unit, lead.factor)
        for lead in (*show.leads, *show.beside)
        if lead.column in names
    ]
    told = {lead.column for lead in leads}
    others = [Metric(name, name) for name in names if name not in told]
    return [*leads, FIELDS_OK, *others]


def plate_map(session: Session, plate: str, time: str, metric: Metric) -> PlateMap:
    """Lay out a plate.

    Parameters
    ----------
    session : Session
        The opened run.
    plate, time : str
        Which plate, and at which acquisition.
    metric : Metric
        What colours it, out of `metrics_of`.
    """
    values = _values(session, metric)
    wells = sorted(
        {row.well for row in session.fields.values() if row.plate == plate}, key=natural_key
    )
    n_wells = plate_format(wells)
    rows, columns = FORMATS[n_wells] if n_wells else _grid(len(wells))
    spots = []
    for place, well in enumerate(wells):
        at = well_position(well) if n_wells else divmod(place, columns)
        assert at is not None
        of_well = tuple(session.fields_of(plate, well, time))
        spots.append(Spot(well, *at, values.get((plate, well, time)), of_well))
    known = [value for value in values.values() if value is not None]
    ends = (min(known), max(known)) if known else (None, None)
    return PlateMap(plate, time, metric, rows, columns, tuple(spots), n_wells is not None, *ends)


def _numbers(wells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns of the wells table that hold a number anywhere."""
    names = [name for name in (wells[0] if wells else ()) if name not in _KEYS]
    return [
        name
        for name in names
        if not name.endswith(_NOT_SHOWN) and _is_number(row.get(name) for row in wells)
    ]


def _is_number(values: Iterable[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) for value in known)


def _values(session: Session, metric: Metric) -> dict[tuple[str, str, str], float | None]:
    if not metric.column:
        return _shares(session)
    return {
        (row["plate"], row["well"] or "", row["time"] or ""): _shown(row.get(metric.column), metric)
        for row in session.wells
    }


def _shares(session: Session) -> dict[tuple[str, str, str], float | None]:
    total: Counter[tuple[str, str, str]] = Counter()
    n_ok: Counter[tuple[str, str, str]] = Counter()
    for row in session.fields.values():
        key = (row.plate, row.well, row.time)
        total[key] += 1
        n_ok[key] += row.is_ok
    return {key: 100.0 * n_ok[key] / n for key, n in total.items()}


def _shown(value: Any, metric: Metric) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(value) * metric.factor


def _grid(n: int) -> tuple[int, int]:
    columns = max(math.ceil(math.sqrt(n)), 1)
    return max(math.ceil(n / columns), 1), columns
