"""The audit trail checked: which entries were edited, removed, inserted or moved, by their number.

1. Each entry's own hash. One that fails may be an entry under another number: the number under
   which it fits is looked for, so that a moved entry is told from an edited one.
2. The numbers: missing ones were removed, doubled ones inserted.
3. Each entry's successor carries its hash, which an entry that was edited *and hashed anew* breaks.
4. Anchors: heads that were written down elsewhere (an export, a signature, a printed report).

What it cannot find without an anchor: entries taken off the end, and a chain of which every entry
from some point to the end was written anew. No chain can; hence the anchors.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from monolayer.errors import InputError
from monolayer.record.chain import ENTRY_FIELDS, GENESIS, JSON, link

__all__ = ["Anchor", "Finding", "FindingKind", "verify"]

FindingKind = Literal[
    "edited", "moved", "removed", "inserted", "rewritten", "unreadable", "clock_back"
]
# How far from its number an entry that fails is looked for, besides where its predecessor says.
REACH = 8
# Longer gaps are named by their ends: a forged number may be as large as it likes.
ONE_BY_ONE = 100


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of the chain that was written down: the entry's number, its hash, and where."""

    sequence: int
    sha256: str
    where: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the trail, or worth knowing (`clock_back`).

    Attributes
    ----------
    sequence : int
        The entry it is about.
    kind : str
        What was done to it.
    sentence : str
        The same in words.
    """

    sequence: int
    kind: FindingKind
    sentence: str

    @property
    def is_breach(self) -> bool:
        """Whether the trail is not as it was written; a clock set back is no such thing."""
        return self.kind != "clock_back"


@dataclass(frozen=True, slots=True)
class _Read:
    """An entry as stored; `written_as` is the number it was hashed under, None if none fits."""

    sequence: int
    written_as: int | None
    previous: str
    sha256: str
    at: str

    @property
    def number(self) -> int:
        return self.sequence if self.written_as is None else self.written_as


def verify(entries: Iterable[Mapping[str, JSON]], anchors: Sequence[Anchor] = ()) -> list[Finding]:
    """Check an audit trail.

    Parameters
    ----------
    entries : iterable of mapping
        `ENTRY_FIELDS` with ``previous`` and ``sha256``, in the order in which they are stored.
    anchors : sequence of Anchor
        Heads known from elsewhere.

    Returns
    -------
    list of Finding
        By number; empty where the trail is as it was written, as far as a chain can tell.
    """
    read, findings = _read(entries)
    findings += _edited_or_moved(read)
    findings += _out_of_order(read)
    findings += _numbers(read)
    findings += _links(read)
    findings += _anchored(read, anchors)
    findings += _clock(read)
    return sorted(set(findings), key=lambda found: (found.sequence, found.kind, found.sentence))


def _read(entries: Iterable[Mapping[str, JSON]]) -> tuple[list[_Read], list[Finding]]:
    read: list[_Read] = []
    findings: list[Finding] = []
    number_of: dict[str, int] = {GENESIS: 0}
    shift = 0
    for place, stored in enumerate(entries, 1):
        problem = _unreadable(stored)
        if problem:
            number = stored.get("sequence")
            known = number if type(number) is int else place
            findings.append(Finding(known, "unreadable", f"entry {known} {problem}"))
            if type(number) is int:
                read.append(_Read(number, None, "", "", ""))
            continue
        sequence: int = stored["sequence"]
        previous, sha256 = stored["previous"], stored["sha256"]
        # The number after its predecessor's first, then as far off as the entry before was.
        tries = [sequence, number_of.get(previous, sequence - 1) + 1, sequence + shift]
        tries += [sequence + by for k in range(1, REACH + 1) for by in (-k, k)]
        written_as = _fitting(stored, tries)
        shift = 0 if written_as is None else written_as - sequence
        read.append(_Read(sequence, written_as, previous, sha256, stored["at"]))
        number_of[sha256] = read[-1].number
    return read, findings


def _unreadable(stored: Mapping[str, JSON]) -> str | None:
    missing = [name for name in (*ENTRY_FIELDS, "previous", "sha256") if name not in stored]
    if missing:
        return f"lacks {', '.join(missing)}."
    if type(stored["sequence"]) is not int:
        return "has a sequence that is no whole number."
    if not all(isinstance(stored[name], str) for name in ("previous", "sha256", "at")):
        return "has a time or hash that is no text."
    return None


def _fitting(stored: Mapping[str, JSON], numbers: Sequence[int]) -> int | None:
    """The first number under which the entry's hash is right."""
    entry = {name: stored[name] for name in ENTRY_FIELDS}
    for number in dict.fromkeys(numbers):
        entry["sequence"] = number
        try:
            if link(stored["previous"], entry) == stored["sha256"]:
                return number
        except InputError:  # a value that JSON cannot carry was never hashed
            return None
    return None


def _edited_or_moved(read: Sequence[_Read]) -> list[Finding]:
    findings = []
    for each in read:
        n = each.sequence
        if each.written_as is None and each.sha256:
            findings.append(
                Finding(n, "edited", f"entry {n} was edited: its content is not what was hashed.")
            )
        elif each.written_as is not None and each.written_as != n:
            findings.append(
                Finding(n, "moved", f"entry {n} was moved: it was written as {each.written_as}.")
            )
    return findings


def _out_of_order(read: Sequence[_Read]) -> list[Finding]:
    return [
        Finding(
            later.sequence,
            "moved",
            f"entry {later.sequence} was moved: it stands after entry {earlier.sequence}.",
        )
        for earlier, later in pairwise(read)
        if later.sequence < earlier.sequence
    ]


def _numbers(read: Sequence[_Read]) -> list[Finding]:
    """Missing numbers were removed."""
    found = sorted({0, *(each.number for each in read)})
    findings = []
    for low, high in pairwise(found):
        if high - low - 1 > ONE_BY_ONE:
            text = f"entries {low + 1} to {high - 1} were removed."
            findings.append(Finding(low + 1, "removed", text))
            continue
        findings += [
            Finding(missing, "removed", f"entry {missing} was removed.")
            for missing in range(low + 1, high)
        ]
    return findings


def _links(read: Sequence[_Read]) -> list[Finding]:
    """Whether each entry is the one after which its successor was written."""
    at_number: dict[int, list[_Read]] = defaultdict(list)
    for each in read:
        at_number[each.number].append(each)
    findings = []
    for number, here in at_number.items():
        wanted = {each.previous for each in at_number.get(number + 1, ()) if each.written_as}
        genuine = [each for each in here if each.sha256 in wanted] or here[:1]
        if len(here) > 1:
            findings += [_inserted(each) for each in here if each is not genuine[0]]
        if wanted and genuine[0].sha256 not in wanted and genuine[0].sha256:
            findings.append(_rewritten(number))
    for first in at_number.get(1, ()):
        if first.written_as and first.previous != GENESIS:
            findings.append(Finding(1, "rewritten", "entry 1 is not the first of its chain."))
    return findings


def _inserted(each: _Read) -> Finding:
    n = each.sequence
    return Finding(n, "inserted", f"entry {n} was inserted: no entry was written after it.")


def _rewritten(n: int) -> Finding:
    return Finding(
        n,
        "rewritten",
        f"entry {n} is not the one after which entry {n + 1} was written: it, and perhaps entries "
        "before it, were written and hashed anew.",
    )


def _anchored(read: Sequence[_Read], anchors: Sequence[Anchor]) -> list[Finding]:
    """Whether every head that was written down is still in the chain."""
    hashes = {each.number: each.sha256 for each in read}
    last = max(hashes, default=0)
    findings = []
    for anchor in anchors:
        n = anchor.sequence
        if n > last:
            span = f"entry {n} was" if n == last + 1 else f"entries {last + 1} to {n} were"
            text = f"{span} removed from the end: {anchor.where} knows entry {n}."
            findings.append(Finding(last + 1, "removed", text))
        elif n in hashes and hashes[n] != anchor.sha256:
            text = f"entry {n}, or one before it, was written anew: {anchor.where} knows another."
            findings.append(Finding(n, "rewritten", text))
    return findings


def _clock(read: Sequence[_Read]) -> list[Finding]:
    # Entries are in order by their numbers whatever the clock did; UTC texts sort as times do.
    return [
        Finding(
            later.sequence,
            "clock_back",
            f"entry {later.sequence} has an earlier time than the entry before it: the clock was "
            "set back.",
        )
        for earlier, later in pairwise(each for each in read if each.written_as)
        if later.sequence == earlier.sequence + 1 and later.at < earlier.at
    ]
