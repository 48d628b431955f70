"""Read sensors' time series: CSV (long or wide) or an OPC UA export in, `SensorSeries` out.

long     ``vessel, time | time_h, quantity, value, unit``, optionally ``status`` and ``probe``
wide     ``vessel, time | time_h`` and a column a quantity: ``pH``, ``glucose [g/L]``, or its own
         name with the unit in it (``glucose_mmol_per_l``)
OPC UA   ``NodeId, SourceTimestamp, Value, StatusCode``; a YAML file says what each node is

All or nothing: a file with one wrong line gives no series and one sentence that names the line.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import numpy as np

from monolayer.errors import InputError
from monolayer.history import ReadingName
from monolayer.intake.sensor_units import conversion, quantity_of, split_header
from monolayer.sensors.quantities import QUANTITIES
from monolayer.sensors.series import SensorSeries
from monolayer.settings_file import load_yaml

__all__ = ["read_sensors"]

_NO_UNIT_NEEDED = "ph"


@dataclass(frozen=True, slots=True)
class _Reading:
    line: int
    vessel: str
    quantity: ReadingName
    probe: str
    unit: str
    time_h: float
    value: float
    good: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the file: cells by their names in lower case, and as the header spells them."""

    path: Path
    line: int
    cells: Mapping[str, str]
    columns: tuple[tuple[str, str], ...] = ()

    def get(self, *names: str) -> str:
        """The first of these cells that holds something."""
        return next((text for name in names if (text := self.cells.get(name, "").strip())), "")

    def refuse(self, words: str) -> NoReturn:
        raise InputError(f"{self.path}, line {self.line}: {words}")


@dataclass(frozen=True, slots=True)
class _Node:
    vessel: str
    quantity: ReadingName
    unit: str | None
    probe: str


def read_sensors(
    path: Path,
    *,
    nodes: Path | None = None,
    seeded: Mapping[str, datetime | None] | None = None,
    vessel: str | None = None,
) -> list[SensorSeries]:
    """Read a file into series, in the order in which vessels and quantities first appear.

    Parameters
    ----------
    path : Path
        CSV; comma, semicolon or tab.
    nodes : Path, optional
        What each OPC UA node is: ``nodes: {"ns=2;s=pH": {vessel: V, quantity: ph, unit: pH}}``,
        and ``ignore: [...]`` for those that are passed over.
    seeded : mapping of str to datetime, optional
        When each vessel was seeded, for files that tell dates.
    vessel : str, optional
        The vessel, where the file names none.

    Raises
    ------
    InputError
        One sentence that names file, line and mend: a unit that is missing, unknown or mixed; a
        time without offset, before seeding, twice or backwards; a number that is none or is
        negative; a node that nothing is told of.
    """
    known = _nodes(nodes)
    seeded = dict(seeded or {})
    readings = [reading for row in _rows(path) for reading in _readings(row, known, seeded, vessel)]
    if not readings:
        raise InputError(f"{path}: holds no reading; give a row for each.")
    series: dict[tuple[str, ReadingName, str], list[_Reading]] = {}
    for reading in readings:
        key = (reading.vessel, reading.quantity, reading.probe)
        series.setdefault(key, []).append(reading)
    return [_series(path, found) for found in series.values()]


def _rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            delimiter = next((mark for mark in (";", "\t") if mark in head), ",")
            reader = csv.reader(file, delimiter=delimiter)
            names = [name.strip() for name in next(reader, [])]
            _check_header(path, names)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    columns = tuple(zip(names, cells, strict=False))
                    lower = {name.lower(): text for name, text in columns}
                    yield _Row(path, reader.line_num, lower, columns)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text; save the table as CSV in UTF-8.") from None


def _check_header(path: Path, names: list[str]) -> None:
    if not names:
        raise InputError(f"{path}: is empty; give a header and a row for each reading.")
    lower = [name.lower() for name in names]
    twice = next((name for name in names if name and lower.count(name.lower()) > 1), None)
    if twice is not None:
        raise InputError(f"{path}, line 1: has two columns '{twice}'; keep one of them.")
    quantities: dict[str, str] = {}
    for name in names:
        found = quantity_of(split_header(name)[0])
        if found is None:
            continue
        other = quantities.setdefault(found[0], name)
        if other != name:
            raise InputError(
                f"{path}, line 1: '{other}' and '{name}' are the same quantity; keep one of "
                "them, or write a long table with a column 'probe'."
            )


def _readings(
    row: _Row,
    nodes: Mapping[str, _Node | None],
    seeded: Mapping[str, datetime | None],
    vessel: str | None,
) -> Iterable[_Reading]:
    if "nodeid" in row.cells or "node_id" in row.cells:
        return _of_node(row, nodes, seeded)
    name = row.get("vessel") or vessel or ""
    if not name:
        row.refuse("names no vessel; fill a column 'vessel', or give --vessel.")
    if "quantity" in row.cells and "value" in row.cells:
        return _of_long(row, name, seeded)
    return _of_wide(row, name, seeded)


def _of_long(row: _Row, vessel: str, seeded: Mapping[str, datetime | None]) -> Iterator[_Reading]:
    said = row.get("quantity")
    name, unit = split_header(said)
    found = quantity_of(name)
    if found is None:
        row.refuse(f"quantity '{said}' is not known; known: {', '.join(QUANTITIES)}.")
    unit = row.get("unit", "units") or unit
    good = _good(row, row.get("status", "statuscode", "quality"))
    probe = row.get("probe", "sensor")
    yield from _reading(row, vessel, (*found, probe), unit, row.get("value"), good, seeded)


def _of_wide(row: _Row, vessel: str, seeded: Mapping[str, datetime | None]) -> Iterator[_Reading]:
    good = _good(row, row.get("status", "statuscode", "quality"))
    columns = 0
    for header, text in row.columns:
        name, unit = split_header(header)
        found = quantity_of(name)
        if found is None:
            continue
        columns += 1
        yield from _reading(row, vessel, (*found, ""), unit, text.strip(), good, seeded)
    if not columns:
        raise InputError(
            f"{row.path}, line 1: names no quantity; give 'quantity', 'value' and 'unit', or a "
            "column such as 'glucose [mmol/L]'."
        )


def _of_node(
    row: _Row, nodes: Mapping[str, _Node | None], seeded: Mapping[str, datetime | None]
) -> Iterator[_Reading]:
    name = row.get("nodeid", "node_id")
    if name not in nodes:
        row.refuse(
            f"nothing is told of node '{name}'; name it in the file of --nodes, or list it under "
            "'ignore' there."
        )
    node = nodes[name]
    if node is None:
        return
    told = row.get("engineeringunits", "unit", "units")
    if told and node.unit is not None and told != node.unit:
        row.refuse(f"node '{name}' is in {told}, and in {node.unit} by --nodes; mend one.")
    stamp = row.get("sourcetimestamp", "timestamp", "time")
    if not stamp:
        row.refuse(
            "has no SourceTimestamp; the server's time says when a value was passed on, not when "
            "it was read: export the source's."
        )
    timed = replace(row, cells={"time": stamp, "seeded_at": row.get("seeded_at")})
    good = _good(row, row.get("statuscode", "status", "quality"))
    unit = told or node.unit
    found = (node.quantity, False, node.probe)
    yield from _reading(timed, node.vessel, found, unit, row.get("value"), good, seeded)


def _reading(
    row: _Row,
    vessel: str,
    found: tuple[ReadingName, bool, str],
    unit: str | None,
    text: str,
    good: bool,
    seeded: Mapping[str, datetime | None],
) -> Iterator[_Reading]:
    """One reading in its quantity's own unit; none where the cell is empty, which is not 0."""
    if not text and good:
        return
    quantity, has_unit, probe = found
    own = QUANTITIES[quantity]
    if has_unit or quantity == _NO_UNIT_NEEDED:
        unit = unit if unit else own.pint_unit
    if unit is None or (not unit and quantity != _NO_UNIT_NEEDED):
        row.refuse(f"{own.words} has no unit; name it, such as '{own.unit}'.")
    time_h = _time_h(row, vessel, seeded)
    try:
        factor, offset = conversion(quantity, unit)
    except InputError as error:
        row.refuse(str(error))
    value = factor * _number(row, own.words, text) + offset if good else math.nan
    if value < own.lowest:
        row.refuse(f"{own.words} {text} is impossible; it is {own.lowest:g} or more.")
    yield _Reading(row.line, vessel, quantity, probe, unit, time_h, value, good)


def _good(row: _Row, status: str) -> bool:
    """Whether a status is good: OPC UA's names or codes; uncertain is not."""
    plain = status.lower()
    if plain.startswith(("good", "ok")) or not plain:
        return True
    if plain.startswith(("bad", "uncertain")):
        return False
    try:
        code = int(plain, 0)
    except ValueError:
        row.refuse(f"status '{status}' is none of OPC UA; give Good, Uncertain, Bad or its code.")
    # OPC UA part 4, 7.39: the two highest bits are the severity, 00 for good.
    return (code & 0xFFFFFFFF) >> 30 == 0


def _time_h(row: _Row, vessel: str, seeded: Mapping[str, datetime | None]) -> float:
    if row.get("time_h"):
        time_h = _number(row, "time_h", row.get("time_h"))
    elif row.get("time", "timestamp"):
        start = row.get("seeded_at")
        seeded_at = _moment(row, "seeded_at", start) if start else seeded.get(vessel)
        if seeded_at is None:
            row.refuse(
                f"a time, and vessel {vessel} has no seeded_at; give a column 'seeded_at' or "
                "'time_h', or --history."
            )
        moment = _moment(row, "time", row.get("time", "timestamp"))
        time_h = (moment - seeded_at).total_seconds() / 3600
    else:
        row.refuse("has no time; fill 'time_h' (hours since seeding) or 'time'.")
    if time_h < 0:
        row.refuse(f"is {-time_h:g} h before vessel {vessel} was seeded; leave such rows out.")
    return time_h


def _moment(row: _Row, name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        row.refuse(f"{name} '{text}' is no time; write it as 2026-11-23T14:10:00+01:00.")
    if moment.tzinfo is None:
        row.refuse(
            f"{name} '{text}' has no offset from UTC; write 2026-11-23T14:10:00+01:00, or Z."
        )
    return moment


def _number(row: _Row, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        mend = "write a decimal point" if "," in text else "leave it empty if unknown"
        row.refuse(f"{name} '{text}' is no number; {mend}.")
    return value


def _series(path: Path, found: list[_Reading]) -> SensorSeries:
    first = found[0]
    words = f"{QUANTITIES[first.quantity].words} of vessel {first.vessel}"
    words += f", probe '{first.probe}'" if first.probe else ""
    for before, reading in pairwise(found):
        where = f"{path}, line {reading.line}: {words}"
        # Two spellings of one unit are one: what counts is what they make of a number.
        if conversion(first.quantity, reading.unit) != conversion(first.quantity, first.unit):
            raise InputError(
                f"{where} is in {reading.unit}, and in {first.unit} in line {first.line}; give "
                "one unit."
            )
        if reading.time_h == before.time_h:
            raise InputError(
                f"{where} was read at {reading.time_h:g} h in line {before.line} already; drop "
                "one, or tell two probes apart by a column 'probe'."
            )
        if reading.time_h < before.time_h:
            raise InputError(
                f"{where}: time runs backwards from {before.time_h:g} h in line {before.line} to "
                f"{reading.time_h:g} h; sort the rows or mend the clock."
            )
    return SensorSeries(
        first.vessel,
        first.quantity,
        np.array([each.time_h for each in found]),
        np.array([each.value for each in found]),
        np.array([each.good for each in found]),
        first.probe,
    )


def _nodes(path: Path | None) -> dict[str, _Node | None]:
    """What each node is; None for one that is passed over."""
    if path is None:
        return {}
    data = load_yaml(path, "--nodes", "docs/sensors.md")
    unknown = sorted(set(data) - {"nodes", "ignore"})
    if unknown:
        raise InputError(f"{path}: unknown key '{unknown[0]}'; known: nodes, ignore.")
    found: dict[str, _Node | None] = {str(name): None for name in data.get("ignore") or ()}
    for name, told in (data.get("nodes") or {}).items():
        found[str(name)] = _node(f"{path}: node '{name}'", told)
    return _told_apart(found)


def _told_apart(nodes: dict[str, _Node | None]) -> dict[str, _Node | None]:
    """Nodes of one quantity of one vessel are probes, named after their nodes where unnamed."""
    count = Counter((node.vessel, node.quantity) for node in nodes.values() if node)
    return {
        name: replace(node, probe=node.probe or name)
        if node and count[node.vessel, node.quantity] > 1
        else node
        for name, node in nodes.items()
    }


def _node(where: str, told: object) -> _Node:
    if not isinstance(told, dict) or not {"vessel", "quantity"} <= set(told):
        raise InputError(f"{where}: give it 'vessel', 'quantity' and 'unit'.")
    unknown = sorted(set(map(str, told)) - {"vessel", "quantity", "unit", "probe"})
    if unknown:
        raise InputError(
            f"{where}: unknown key '{unknown[0]}'; known: vessel, quantity, unit, probe."
        )
    quantity = quantity_of(str(told["quantity"]))
    if quantity is None:
        raise InputError(
            f"{where}: quantity '{told['quantity']}' is not known; known: {', '.join(QUANTITIES)}."
        )
    unit = told.get("unit")
    if unit is None and quantity[1]:
        unit = QUANTITIES[quantity[0]].pint_unit
    return _Node(
        str(told["vessel"]),
        quantity[0],
        None if unit is None else str(unit),
        str(told.get("probe") or ""),
    )
