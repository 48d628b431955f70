"""The hash chain: every kind of tampering is found and named by the entry's number."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monolayer.errors import InputError
from monolayer.record import ENTRY_FIELDS, GENESIS, Anchor, link, verify
from monolayer.record.export import as_line, from_lines

Stored = dict[str, Any]


def entry(sequence: int, **said: Any) -> Stored:
    return {
        "sequence": sequence,
        "at": f"2026-11-23T10:{sequence // 60:02d}:{sequence % 60:02d}.000000+00:00",
        "local_offset_minutes": 60,
        "actor": "mira",
        "role": "operator",
        "action": "add",
        "subject_kind": "acquisition",
        "subject": f"V-{sequence:03d}",
        "reason": "weekly import",
        "before": None,
        "after": {"confluence": 0.61, "n_fields": 20},
    } | said


def hashed(stored: Stored) -> Stored:
    """As written by somebody who knows how: content, previous and the hash that fits."""
    said = {name: stored[name] for name in ENTRY_FIELDS}
    return stored | {"sha256": link(stored["previous"], said)}


def trail(n: int = 9, **said: Any) -> list[Stored]:
    entries: list[Stored] = []
    for sequence in range(1, n + 1):
        previous = entries[-1]["sha256"] if entries else GENESIS
        entries.append(hashed(entry(sequence, **said) | {"previous": previous}))
    return entries


def found(entries: list[Stored], *anchors: Anchor) -> list[tuple[int, str]]:
    return [(each.sequence, each.kind) for each in verify(entries, anchors)]


def test_the_hash_is_that_of_the_canonical_json_with_previous() -> None:
    said = entry(1, after={"b": 1, "a": [0.5, None, "é"]})
    text = json.dumps(
        said | {"previous": GENESIS}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert link(GENESIS, said) == hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_never_changes_between_versions() -> None:
    assert (
        link(GENESIS, entry(1))
        == "d1d3754e41b46fe9b173f8ebf3eb650237ab69ee38789a37d2266963cea27cf0"
    )


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"after": float("nan")}, "finite"),
        ({"after": 2**53}, "2\\*\\*53"),
        ({"after": {1: "x"}}, "recorded"),
        ({"reason": "\ud800"}, "recorded"),
        ({"mood": "good"}, "mend mood"),
    ],
)
def test_what_json_cannot_carry_is_refused(said: Stored, named: str) -> None:
    with pytest.raises(InputError, match=named):
        link(GENESIS, entry(1, **said))


def test_a_field_that_is_missing_is_named() -> None:
    said = entry(1)
    del said["reason"]
    with pytest.raises(InputError, match="mend reason"):
        link(GENESIS, said)


def test_an_untouched_trail_has_no_findings() -> None:
    assert verify(trail()) == []
    assert verify([]) == []


@pytest.mark.parametrize("name", ENTRY_FIELDS[1:])
def test_an_edited_field_is_found(name: str) -> None:
    entries = trail()
    entries[4] = entries[4] | {
        name: "2020-01-01T10:00:00.000000+00:00" if name == "at" else "other"
    }
    assert found(entries) == [(5, "edited")]


def test_an_edited_entry_that_was_hashed_anew_is_found() -> None:
    entries = trail()
    entries[4] = hashed(entries[4] | {"reason": "nothing to see"})
    assert found(entries) == [(5, "rewritten")]


def test_two_entries_hashed_anew_in_a_row_are_found_where_the_chain_breaks() -> None:
    entries = trail()
    entries[4] = hashed(entries[4] | {"reason": "nothing to see"})
    entries[5] = hashed(entries[5] | {"previous": entries[4]["sha256"]})
    assert found(entries) == [(6, "rewritten")]
    assert "perhaps entries before it" in verify(entries)[0].sentence


def test_a_removed_entry_is_found() -> None:
    entries = trail()
    del entries[4]
    assert found(entries) == [(5, "removed")]


def test_a_removed_stretch_is_found_when_the_rest_is_numbered_anew() -> None:
    entries = trail()
    del entries[3:5]
    for place, each in enumerate(entries, 1):
        each["sequence"] = place
    moved = [(n, "moved") for n in (4, 5, 6, 7)]
    assert found(entries) == sorted([*moved, (4, "removed"), (5, "removed")])


def test_a_long_gap_is_named_by_its_ends() -> None:
    far = hashed(entry(10**12) | {"previous": trail()[8]["sha256"], "at": "2026-11-24"})
    (finding,) = verify([*trail(), far])
    assert (finding.sequence, finding.kind) == (10, "removed")
    assert finding.sentence == "entries 10 to 999999999999 were removed."


def test_a_removed_first_entry_is_found() -> None:
    assert found(trail()[1:]) == [(1, "removed")]


def test_an_inserted_entry_is_found_when_the_rest_is_numbered_anew() -> None:
    entries = trail()
    forged = hashed(entry(5, actor="forger") | {"previous": entries[3]["sha256"]})
    later = [each | {"sequence": each["sequence"] + 1} for each in entries[4:]]
    moved = [(n, "moved") for n in range(6, 11)]
    assert found([*entries[:4], forged, *later]) == [(5, "inserted"), *moved]


def test_an_inserted_entry_of_a_doubled_number_is_found() -> None:
    entries = trail()
    forged = hashed(entry(5, actor="forger") | {"previous": entries[3]["sha256"]})
    assert found([*entries[:5], forged, *entries[5:]]) == [(5, "inserted")]


def test_lines_that_changed_places_are_found() -> None:
    entries = trail()
    entries[2], entries[6] = entries[6], entries[2]
    assert (3, "moved") in found(entries)
    assert {kind for _, kind in found(entries)} == {"moved"}


def test_entries_that_swapped_their_numbers_are_found() -> None:
    entries = trail(40)
    entries[2], entries[30] = (
        entries[30] | {"sequence": 3},
        entries[2] | {"sequence": 31},
    )
    assert (31, "moved") in found(entries)
    assert 3 in {n for n, _ in found(entries)}


def test_the_end_cut_off_is_found_by_a_head_written_down_only() -> None:
    entries = trail()
    head = Anchor(9, entries[8]["sha256"], "the export of 23 November")
    assert found(entries[:6]) == []
    (finding,) = verify(entries[:6], [head])
    assert (finding.sequence, finding.kind) == (7, "removed")
    assert finding.sentence == (
        "entries 7 to 9 were removed from the end: the export of 23 November knows entry 9."
    )


def test_a_chain_written_anew_is_found_by_a_head_written_down_only() -> None:
    head = Anchor(6, trail()[5]["sha256"], "a signature")
    forged = trail(actor="forger")
    assert found(forged) == []
    assert found(forged, head) == [(6, "rewritten")]
    assert found(trail(), head) == []


def test_a_clock_set_back_is_noted_and_no_breach() -> None:
    entries: list[Stored] = []
    for sequence, minute in enumerate((10, 11, 5, 6), 1):
        at = f"2026-11-23T10:{minute:02d}:00.000000+00:00"
        previous = entries[-1]["sha256"] if entries else GENESIS
        entries.append(hashed(entry(sequence, at=at) | {"previous": previous}))
    (finding,) = verify(entries)
    assert (finding.sequence, finding.kind, finding.is_breach) == (3, "clock_back", False)


def test_entries_that_cannot_be_read_are_named() -> None:
    entries = trail()
    del entries[3]["actor"]
    entries[5] = entries[5] | {"previous": 7}
    sentences = [each.sentence for each in verify(entries)]
    assert sentences == [
        "entry 4 lacks actor.",
        "entry 6 has a time or hash that is no text.",
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_one_change_before_the_end_is_found(data: st.DataObject) -> None:
    entries = trail(8)
    n = data.draw(st.integers(1, 7), label="which")
    how = data.draw(st.sampled_from(["edit", "rehash", "remove", "double", "swap"]), label="how")
    if how == "edit":
        name = data.draw(st.sampled_from(["actor", "role", "reason", "subject", "after"]))
        entries[n - 1][name] = "other"
    elif how == "rehash":
        entries[n - 1] = hashed(entries[n - 1] | {"actor": "other"})
    elif how == "remove":
        del entries[n - 1]
    elif how == "double":
        entries.insert(n, dict(entries[n - 1]))
    else:
        entries[n - 1], entries[n] = entries[n], entries[n - 1]
    findings = verify(entries)
    assert findings
    assert any(n <= each.sequence <= n + 1 for each in findings)
    assert all(each.is_breach and str(each.sequence) in each.sentence for each in findings)


def _tampered(entries: list[Stored], data: st.DataObject) -> list[Stored]:
    """One act of somebody who knows how the chain is made."""
    n = data.draw(st.integers(0, len(entries) - 1))
    m = data.draw(st.integers(0, len(entries) - 1))
    how = data.draw(st.sampled_from(["edit", "rehash", "remove", "copy", "swap", "cut", "anew"]))
    if how == "edit":
        entries[n] = entries[n] | {"reason": data.draw(st.text(max_size=3))}
    elif how == "rehash":
        entries[n] = hashed(entries[n] | {"reason": data.draw(st.text(max_size=3))})
    elif how == "remove":
        del entries[n]
    elif how == "copy":
        entries.insert(m, dict(entries[n]))
    elif how == "swap":
        entries[n], entries[m] = entries[m], entries[n]
    elif how == "cut":
        entries = entries[: n + 1]
    else:
        for place in range(n, len(entries)):
            previous = entries[place - 1]["sha256"] if place else GENESIS
            said = entries[place] | {"sequence": place + 1, "previous": previous}
            entries[place] = hashed(said | ({"actor": "forger"} if place == n else {}))
    return entries


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_but_the_trail_itself_passes_with_its_head(data: st.DataObject) -> None:
    original = trail(7)
    head = Anchor(7, original[-1]["sha256"], "a printed report")
    entries = trail(7)
    for _ in range(data.draw(st.integers(1, 4))):
        if entries:
            entries = _tampered(entries, data)
    breached = any(each.is_breach for each in verify(entries, [head]))
    assert breached == (entries != original)


def test_a_large_float_is_read_from_an_export_as_it_was_hashed() -> None:
    """Canonical JSON writes 5e16 as 50000000000000000, which is no integer that may be hashed."""
    (stored,) = trail(1, after={"cells_out": 5e16})
    read = list(from_lines([as_line(stored)], "trail"))
    assert found(read) == []
