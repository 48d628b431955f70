"""Vessels' histories in a YAML (or JSON) file; each record names its time.

A file holds one vessel, or several under ``vessels:``. A record's time is ``time_h`` (hours since
seeding), or ``time``, a date with its offset from UTC where the vessel has ``seeded_at``.
Viability may be given as counts (``live`` of ``total``): the lower bound is computed then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monolayer.errors import InputError
from monolayer.history import (
    Acquisition,
    Exchange,
    SensorEvent,
    SensorReading,
    Vessel,
    VesselHistory,
    ViabilityCount,
)
from monolayer.settings_file import load_yaml

__all__ = ["read_histories", "write_histories"]

_KINDS = {
    "acquisitions": Acquisition,
    "viabilities": ViabilityCount,
    "readings": SensorReading,
    "exchanges": Exchange,
    "sensor_events": SensorEvent,
}
_OF_HISTORY = (*_KINDS, "vessel", "ended_as", "ended_h")


def read_histories(path: Path) -> list[VesselHistory]:
    """Read all vessels of a file.

    Raises
    ------
    InputError
        One sentence that names file, vessel, record and mend.
    """
    data = load_yaml(path, "the path", "docs/decisions.md")
    blocks = data.get("vessels", [data])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise InputError(f"{path}: 'vessels' must be a list of vessels with their records.")
    if not blocks:
        raise InputError(f"{path}: holds no vessel; give a block with 'vessel:' for each.")
    histories = [_history(path, block) for block in blocks]
    names = [history.vessel.name for history in histories]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: vessel {twice} is in it twice; give each its own name.")
    return histories


def write_histories(path: Path, histories: Sequence[VesselHistory]) -> None:
    """Write vessels so that `read_histories` gives equal ones; what is unknown is left out."""
    import yaml

    from monolayer.engine.files import write_file

    blocks = [
        {name: value for name, value in _plain(history).items() if value not in (None, [])}
        for history in histories
    ]
    text = yaml.safe_dump({"vessels": blocks}, sort_keys=False, allow_unicode=True, width=200)
    write_file(path, text.encode())


def _plain(history: VesselHistory) -> dict[str, Any]:
    plain = asdict(history)
    for kind in _KINDS:
        plain[kind] = [_known(row) for row in plain[kind]]
    return plain | {"vessel": _known(plain["vessel"])}


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }


def _history(path: Path, block: Mapping[str, Any]) -> VesselHistory:
    unknown = sorted(set(block) - set(_OF_HISTORY))
    if unknown:
        raise InputError(f"{path}: unknown key '{unknown[0]}'; known: {', '.join(_OF_HISTORY)}.")
    if not isinstance(block.get("vessel"), dict) or "name" not in block["vessel"]:
        raise InputError(f"{path}: a block has no 'vessel:' with a 'name:'; give it one.")
    where = f"{path}: vessel {block['vessel']['name']}"
    vessel = _made(where, Vessel, block["vessel"])
    records: dict[str, Any] = {}
    for kind, record in _KINDS.items():
        rows = block.get(kind) or []
        if not isinstance(rows, list):
            raise InputError(f"{where}: '{kind}' must be a list of records.")
        records[kind] = tuple(
            _made(f"{where}: {kind}, record {n}", record, row, vessel)
            for n, row in enumerate(rows, 1)
        )
    try:
        return VesselHistory(
            vessel, **records, ended_as=block.get("ended_as"), ended_h=block.get("ended_h")
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _made(where: str, kind: type, row: Any, vessel: Vessel | None = None) -> Any:
    if not isinstance(row, dict):
        raise InputError(f"{where} is no list of 'key: value' pairs.")
    row = dict(row)
    if vessel is not None:
        _timed(where, row, vessel)
    if kind is ViabilityCount and "live" in row:
        _bounded(where, row)
    known = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = sorted(set(row) - known)
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}'; known: {', '.join(sorted(known))}.")
    try:
        return TypeAdapter(kind).validate_python(row)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {f'{key}: ' if key else ''}{said}.") from None


def _timed(where: str, row: dict[str, Any], vessel: Vessel) -> None:
    """Turn a record's date into hours since seeding."""
    if "time" not in row:
        return
    moment = row.pop("time")
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise InputError(f"{where}: time '{moment}' is no date and time.") from None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InputError(f"{where}: time {moment} has no offset from UTC; write ...T14:10+01:00.")
    if vessel.seeded_at is None:
        raise InputError(f"{where}: has a 'time' but the vessel no 'seeded_at'; give one of both.")
    row["time_h"] = (moment - vessel.seeded_at).total_seconds() / 3600


def _bounded(where: str, row: dict[str, Any]) -> None:
    """Turn counted cells into viability and its one-sided lower bound."""
    from monolayer.summarise.intervals import clopper_pearson_interval

    live, total = row.pop("live"), row.pop("total", None)
    if not (isinstance(live, int) and isinstance(total, int) and 0 <= live <= total and total):
        raise InputError(f"{where}: {live} live of {total} is no count; give 0 <= live <= total.")
    row["viability"] = live / total
    row["lower_bound"] = clopper_pearson_interval(live, total, side="lower").low
