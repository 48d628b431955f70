"""Read what persons recorded of a lot from a YAML (or JSON) file beside the vessels' histories.

A time is a date with its offset from UTC, or (``time_h``) hours since the vessel was seeded.
Every complaint names the file, the record and the mend; what is left out is not recorded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monolayer.batch.content import Deviation, Disposition, Document, Lot, Signature, Step
from monolayer.dossier.record import Recorded, RecordedVessel
from monolayer.errors import InputError
from monolayer.history import VesselHistory
from monolayer.settings_file import load_yaml

__all__ = ["read_recorded"]

_KEYS = (
    "simulated", "lot", "vessels", "recipe_approved_by", "methods", "dispositions", "deviations",
    "steps", "signatures",
)  # fmt: skip


def read_recorded(path: Path, histories: Sequence[VesselHistory]) -> Recorded:
    """Read a lot's records.

    Parameters
    ----------
    path : Path
        The file; docs/batch-report.md says what it may hold.
    histories : sequence of VesselHistory
        The lot's vessels, to which its records must belong.

    Raises
    ------
    InputError
        One sentence that names file, record and mend.
    """
    data = load_yaml(path, "--record", "docs/batch-report.md")
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise InputError(f"{path}: unknown key '{unknown[0]}'; known: {', '.join(_KEYS)}.")
    vessels = {history.vessel.name: history for history in histories}
    reader = _Reader(path, vessels)
    return Recorded(
        lot=reader.one(Lot, data.get("lot") or {}, "lot"),
        vessels=reader.vessels(data.get("vessels") or {}),
        methods=tuple(reader.all(Document, data, "methods", kind="method")),
        recipe_approved_by=data.get("recipe_approved_by"),
        dispositions=tuple(reader.all(Disposition, data, "dispositions")),
        deviations=tuple(reader.all(Deviation, data, "deviations", kind="recorded")),
        steps=tuple(reader.steps(data)),
        signatures=tuple(reader.all(Signature, data, "signatures")),
        source=path.name,
        simulated=data.get("simulated") is True,
    )


class _Reader:
    def __init__(self, path: Path, vessels: Mapping[str, VesselHistory]) -> None:
        self._path, self._vessels = path, vessels

    def vessels(self, blocks: Any) -> dict[str, RecordedVessel]:
        if not isinstance(blocks, dict):
            raise InputError(f"{self._path}: 'vessels' must name each vessel with its records.")
        for name in blocks:
            self._known(f"{self._path}: vessels", name)
        return {
            name: self.one(RecordedVessel, block or {}, f"vessels, {name}")
            for name, block in blocks.items()
        }

    def all(self, made: type, data: Mapping[str, Any], key: str, **given: Any) -> list[Any]:
        return [
            self.one(made, self._timed(made, given | row, where), where)
            for where, row in self._rows(data, key)
        ]

    def steps(self, data: Mapping[str, Any]) -> list[tuple[str, Step]]:
        found = []
        for where, row in self._rows(data, "steps"):
            vessel = row.pop("vessel", None)
            self._known(f"{self._path}: {where}", vessel)
            row = self._timed(Step, {"what": "", "vessel": vessel} | row, where)
            del row["vessel"]
            found.append((vessel, self.one(Step, row, where)))
        return found

    def one(self, kind: type, row: Any, where: str) -> Any:
        if not isinstance(row, dict):
            raise InputError(f"{self._path}: {where} is no list of 'key: value' pairs.")
        known = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
        unknown = sorted(set(row) - known)
        if unknown:
            listed = ", ".join(sorted(known))
            raise InputError(f"{self._path}: {where}: unknown key '{unknown[0]}'; known: {listed}.")
        try:
            return TypeAdapter(kind).validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            said = first["msg"].removeprefix("Value error, ").rstrip(".")
            raise InputError(f"{self._path}: {where}: {f'{key}: ' * bool(key)}{said}.") from None

    def _rows(self, data: Mapping[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
        rows = data.get(key) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{self._path}: '{key}' must be a list of records.")
        return [(f"{key}, record {n}", dict(row)) for n, row in enumerate(rows, 1)]

    def _timed(self, kind: type, row: dict[str, Any], where: str) -> dict[str, Any]:
        """The record with its time as a date and as hours, as far as both can be told."""
        if row.get("vessel") is not None:
            self._known(f"{self._path}: {where}", row["vessel"])
        its = self._vessels.get(row.get("vessel") or "")
        moment = self._moment(where, row.pop("time")) if "time" in row else None
        time_h = row.pop("time_h", None)
        seeded = None if its is None else its.vessel.seeded_at
        if moment is None and time_h is not None and its is not None:
            moment = its.clock(float(time_h))
        if time_h is None and moment is not None and seeded is not None:
            time_h = (moment - seeded).total_seconds() / 3600
        fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
        if "at_h" in fields:
            row["at_h"] = time_h
        if "at" in fields:
            row["at"] = moment
        return row

    def _moment(self, where: str, value: Any) -> datetime:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            raise InputError(
                f"{self._path}: {where}: time '{value}' is no date and time."
            ) from None
        if moment.tzinfo is None:
            raise InputError(
                f"{self._path}: {where}: time {value} has no offset from UTC; write "
                "2026-11-23T14:10+01:00."
            )
        return moment

    def _known(self, where: str, name: Any) -> None:
        if name not in self._vessels:
            raise InputError(
                f"{where}: vessel {name} is not among the histories; there are "
                f"{', '.join(self._vessels)}."
            )
