"""``corrections.jsonl``: what people changed of a run's labels, a line an event, hash-chained.

    read      lock free: the file is whole or not there, because it is replaced in one step
    append    under a lock: read again, apply, number, link to the line before, replace

Each line is an entry of the audit trail's form (`monolayer.record.chain`) with ``previous`` and
``sha256``; a line that was changed, dropped or moved breaks the chain, and `verify` says where.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monolayer.engine import runfolder
from monolayer.engine.files import write_file
from monolayer.errors import CorrectionError
from monolayer.review.apply import Corrected
from monolayer.review.events import Event, FieldKey, act_of
from monolayer.record.chain import GENESIS, link

__all__ = ["CORRECTIONS", "Reviewer", "append_entry", "head_of", "read_events", "verify"]

CORRECTIONS = "corrections.jsonl"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who corrects.

    Attributes
    ----------
    name : str
        As the record shall say it.
    role : str
        In which role; may be empty.
    """

    name: str
    role: str = ""


def read_events(folder: Path) -> list[Event]:
    """All events of a run, in their order; none where nobody corrected anything.

    Raises
    ------
    CorrectionError
        A line is damaged, or the chain is broken.
    """
    return [_event(entry) for entry in _entries(folder)]


def head_of(folder: Path) -> str:
    """Hash of the last line: names the whole record as it is now."""
    entries = _entries(folder)
    return str(entries[-1]["sha256"]) if entries else GENESIS


def verify(folder: Path) -> int:
    """Check every line's link; return the number of events.

    Raises
    ------
    CorrectionError
        A line was changed, dropped, moved or damaged; the sentence says which.
    """
    return len(_entries(folder))


def append_entry(
    folder: Path,
    key: FieldKey,
    act: Any,
    made: Sequence[int],
    reviewer: Reviewer,
    why: str,
    result_sha256: str,
    at: datetime | None = None,
) -> Event:
    """Write one event. Only for a holder of `runfolder.correcting`.

    Parameters
    ----------
    folder : Path
        The run's.
    key : FieldKey
        What the event is bound to.
    act : Act
        What was done.
    made : sequence of int
        Labels of the objects it made.
    reviewer : Reviewer
        Who did it.
    why : str
        The reason in words; must be given.
    result_sha256 : str
        Of the labels after it.
    at : datetime, optional
        When, with its offset from UTC; now where left out.
    """
    if not why.strip() or not reviewer.name.strip():
        lacks = "a reason (--why)" if not why.strip() else "a name (--who)"
        raise CorrectionError(f"a correction needs {lacks}; nothing was written.")
    moment = at or datetime.now().astimezone()
    offset = moment.utcoffset()
    if offset is None:
        raise CorrectionError(f"the time {moment} has no offset from UTC; write ...T14:10+01:00.")
    path = folder / CORRECTIONS
    before = path.read_bytes() if path.is_file() else b""
    entries = _entries(folder)
    entry = {
        "sequence": len(entries) + 1,
        "at": moment.astimezone(UTC).isoformat(timespec="microseconds"),
        "local_offset_minutes": round(offset.total_seconds() / 60),
        "actor": reviewer.name.strip(),
        "role": reviewer.role.strip(),
        "action": act.kind,
        "subject_kind": "field",
        "subject": key.field_id,
        "reason": why.strip(),
        "before": {"image_sha256": key.image_sha256, "labels_sha256": key.labels_sha256},
        "after": {
            "act": act.model_dump(mode="json"),
            "made": list(made),
            "labels_sha256": result_sha256,
        },
    }
    previous = str(entries[-1]["sha256"]) if entries else GENESIS
    line = entry | {"previous": previous, "sha256": link(previous, entry)}
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    write_file(path, before + text.encode() + b"\n")
    return _event(line)


def of_field(events: Iterable[Event], field_id: str) -> list[Event]:
    """Events of one field, whatever they are bound to."""
    return [event for event in events if event.key.field_id == field_id]


def _entries(folder: Path) -> list[dict[str, Any]]:
    path = folder / CORRECTIONS
    if not path.is_file():
        return []
    entries: list[dict[str, Any]] = []
    previous = GENESIS
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        entry = _entry(path, number, line)
        content = {name: value for name, value in entry.items() if name not in _LINKS}
        linked = entry.get("previous") == previous and entry.get("sequence") == number
        if not linked or link(previous, content) != entry.get("sha256"):
            raise CorrectionError(
                f"{path}: line {number} is not as it was written (its hash or its place does not "
                "fit); restore the file from a copy."
            )
        previous = entry["sha256"]
        entries.append(entry)
    return entries


_LINKS = ("previous", "sha256")


def _entry(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        raise CorrectionError(
            f"{path}: line {number} is no JSON object; restore the file from a copy."
        )
    return entry


def _event(entry: Mapping[str, Any]) -> Event:
    before, after = entry["before"], entry["after"]
    return Event(
        number=entry["sequence"],
        key=FieldKey(entry["subject"], before["image_sha256"], before["labels_sha256"]),
        act=act_of(after["act"]),
        made=tuple(after["made"]),
        who=entry["actor"],
        why=entry["reason"],
        at=datetime.fromisoformat(entry["at"]),
        local_offset_minutes=entry["local_offset_minutes"],
        role=entry["role"],
    )
