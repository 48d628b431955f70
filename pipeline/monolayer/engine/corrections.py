"""``corrections.jsonl``: what people changed of a run's labels, a line an event, hash-chained.

    read      lock free: the file is whole or not there, because it is replaced in one step
    append    under a lock: read again, number, link to the line before, replace

Each line is an entry of the audit trail's form (`monolayer.record.chain`) with ``previous`` and
``sha256``; a line that was changed, dropped or moved breaks the chain, and reading says where.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monolayer.engine.files import write_file
from monolayer.errors import CorrectionError
from monolayer.record.chain import GENESIS, link
from monolayer.review.events import Event, FieldKey, act_of

__all__ = ["CORRECTIONS", "CorrectionLog", "Reviewer"]

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


class CorrectionLog:
    """A run's record of corrections.

    Lines that were read and checked once are not checked again while they stay as they are: a
    reviewer's session adds one line at a time.

    Parameters
    ----------
    folder : Path
        The run's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / CORRECTIONS
        self._known, self._entries, self._events = b"", list[dict[str, Any]](), list[Event]()

    def events(self) -> list[Event]:
        """All events, in their order; none where nobody corrected anything.

        Raises
        ------
        CorrectionError
            A line was changed, dropped, moved or damaged; the sentence says which.
        """
        content = self._content()
        if not content.startswith(self._known):
            self._known, self._entries, self._events = b"", [], []
        fresh = content[len(self._known) :].decode("utf-8", "replace")
        previous = self._head()
        # Not splitlines(): a reason may hold what Unicode takes for the end of a line.
        lines = fresh.removesuffix("\n").split("\n") if fresh else []
        for number, line in enumerate(lines, len(self._entries) + 1):
            entry = _entry(self.path, number, line, previous)
            previous = entry["sha256"]
            self._entries.append(entry)
            self._events.append(_event(entry))
        self._known = content
        return list(self._events)

    def head(self) -> str:
        """Hash of the last line: names the whole record as it is now."""
        self.events()
        return self._head()

    def append(
        self,
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

        Raises
        ------
        CorrectionError
            Nobody is named, no reason is given, the time has no offset, or the record is damaged.
        """
        number = len(self.events()) + 1
        after = {
            "act": act.model_dump(mode="json"),
            "made": list(made),
            "labels_sha256": result_sha256,
        }
        entry = {
            "sequence": number,
            **_said(reviewer, why, at or datetime.now().astimezone()),
            "action": act.kind,
            "subject_kind": "field",
            "subject": key.field_id,
            "before": {"image_sha256": key.image_sha256, "labels_sha256": key.labels_sha256},
            "after": after,
        }
        previous = self._head()
        line = entry | {"previous": previous, "sha256": link(previous, entry)}
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        write_file(self.path, self._known + text.encode() + b"\n")
        return self.events()[-1]

    def _head(self) -> str:
        return str(self._entries[-1]["sha256"]) if self._entries else GENESIS

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""


def _said(reviewer: Reviewer, why: str, at: datetime) -> dict[str, Any]:
    """Who, when and why, as an entry has them."""
    if not why.strip() or not reviewer.name.strip():
        lacks = "a reason" if reviewer.name.strip() else "the name of who makes it"
        raise CorrectionError(f"a correction needs {lacks}; nothing was written.")
    offset = at.utcoffset()
    if offset is None:
        raise CorrectionError(f"the time {at} has no offset from UTC; write ...T14:10+01:00.")
    return {
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "local_offset_minutes": round(offset.total_seconds() / 60),
        "actor": reviewer.name.strip(),
        "role": reviewer.role.strip(),
        "reason": why.strip(),
    }


_LINKS = ("previous", "sha256")


def _entry(path: Path, number: int, line: str, previous: str) -> dict[str, Any]:
    """A line that is whole, in its place, and follows the one before it."""
    entry: dict[str, Any] = {}
    try:
        entry = json.loads(line)
        content = {name: value for name, value in entry.items() if name not in _LINKS}
        fits = (entry["previous"], entry["sequence"]) == (previous, number)
        fits = fits and link(previous, content) == entry["sha256"]
    except (ValueError, KeyError, AttributeError, TypeError):
        fits = False
    if not fits:
        raise CorrectionError(
            f"{path}: line {number} is not as it was written (damaged, or its hash or place does "
            "not fit); restore the file from a copy."
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
