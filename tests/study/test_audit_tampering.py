"""A study tampered with past its door, in SQLite and PostgreSQL: refused, or found and named."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from benchmarks.audit_trail import measure
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from monolayer.cli import _exit_code as cli
from monolayer.custody import export_trail, verify_study
from monolayer.custody.trail import head_of, read_head, verify_export
from monolayer.errors import InputError
from monolayer.record import Anchor, link
from monolayer.record.chain import ENTRY_FIELDS
from monolayer.study import Study

from .conftest import SEEDED

DOCS = Path(__file__).parents[2] / "docs" / "record.md"
# The rules are the same whatever the database: one is enough for them.
IN_SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
APPEND_ONLY = ("audit", "signatures", "dispositions")


@pytest.fixture
def written(study: Study) -> Study:
    """The study with ten visits, a disposition and a signature, none of them through a person."""
    with study.change("anna", "visits", SEEDED) as change:
        for day in range(1, 11):
            when = SEEDED + timedelta(days=day)
            change.add("acquisitions", vessel="V-017", at=when, confluence=0.05 * day)
        change.add(
            "dispositions", vessel="V-017", person="anna", at=SEEDED + timedelta(days=11),
            verdict="override", action="HOLD", reason="round cells", sha256="ab" * 32,
        )  # fmt: skip
        head = change.head
        change.add(
            "signatures", subject_kind="runs", subject="R1", record_sha256="cd" * 32,
            person="anna", printed_name="Anna", at=SEEDED + timedelta(days=11),
            meaning="authorship", head_sequence=head[0], head_sha256=head[1],
        )  # fmt: skip
    return study


def run(study: Study, *statements: str) -> None:
    """What somebody with a database tool types."""
    with study.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def disarm(study: Study) -> None:
    """Take the triggers off, as an owner of the database can."""
    if study.engine.dialect.name == "postgresql":
        run(study, *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in APPEND_ONLY))
        return
    with study.engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        triggers = [name for (name,) in names]
    assert len(triggers) == 9
    run(study, *(f"DROP TRIGGER {name}" for name in triggers))


def found(study: Study, *anchors: Anchor) -> list[tuple[int, str]]:
    said = verify_study(study, anchors)
    return [(each.sequence, each.kind) for each in said.findings]


REFUSED = {
    "sqlite": (
        "UPDATE {table} SET {column} = 'x'",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {key} = 1",
    ),
    "postgresql": (
        "UPDATE {table} SET {column} = 'x'",
        "DELETE FROM {table} WHERE {column} = 'nothing'",
        "TRUNCATE {table} CASCADE",
    ),
}


def test_the_database_refuses(written: Study) -> None:
    for table in APPEND_ONLY:
        column = "printed_name" if table == "signatures" else "reason"
        key = "sequence" if table == "audit" else "id"
        for statement in REFUSED[written.engine.dialect.name]:
            with pytest.raises(DBAPIError, match=f"{table} is append-only"):
                run(written, statement.format(table=table, column=column, key=key))
    assert verify_study(written).is_intact


@IN_SQLITE
def test_what_the_door_writes_is_intact(written: Study) -> None:
    said = verify_study(written)
    assert said.is_intact
    assert (said.findings, said.rows) == ((), ())
    assert said.n_entries == said.head.sequence == len(list(written.entries()))
    # What was signed is not in the study: broken, and no breach of the trail.
    assert [each.broken for each in said.signatures] == ["what was signed is gone"]


def test_an_edited_entry(written: Study) -> None:
    disarm(written)
    run(written, "UPDATE audit SET actor = 'nobody' WHERE sequence = 7")
    assert found(written) == [(7, "edited")]


@IN_SQLITE
def test_an_entry_edited_and_hashed_anew(written: Study) -> None:
    disarm(written)
    entry = next(each for each in written.entries() if each["sequence"] == 7)
    forged = {name: entry[name] for name in ENTRY_FIELDS} | {"actor": "nobody"}
    sha256 = link(entry["previous"], forged)
    run(written, f"UPDATE audit SET actor = 'nobody', sha256 = '{sha256}' WHERE sequence = 7")
    assert found(written) == [(7, "rewritten")]


@IN_SQLITE
def test_a_removed_entry(written: Study) -> None:
    disarm(written)
    run(written, "DELETE FROM audit WHERE sequence = 7")
    assert found(written) == [(7, "removed")]


@IN_SQLITE
def test_a_removed_entry_and_the_rest_numbered_anew(written: Study) -> None:
    disarm(written)
    n = head_of(written).sequence
    shift = [f"UPDATE audit SET sequence = {k - 1} WHERE sequence = {k}" for k in range(8, n + 1)]
    run(written, "DELETE FROM audit WHERE sequence = 7", *shift)
    assert found(written) == sorted([(7, "removed"), *((k, "moved") for k in range(7, n))])


@IN_SQLITE
def test_two_entries_that_changed_places(written: Study) -> None:
    disarm(written)
    swap = [(7, -1), (9, 7), (-1, 9)]
    run(written, *(f"UPDATE audit SET sequence = {b} WHERE sequence = {a}" for a, b in swap))
    assert found(written) == [(7, "moved"), (9, "moved")]


def test_an_inserted_entry(written: Study) -> None:
    disarm(written)
    n = head_of(written).sequence
    shift = [f"UPDATE audit SET sequence = {k + 1} WHERE sequence = {k}" for k in range(n, 6, -1)]
    before = next(each for each in written.entries() if each["sequence"] == 6)
    forged = {name: before[name] for name in ENTRY_FIELDS} | {"sequence": 7, "reason": "so be it"}
    sha256 = link(before["sha256"], forged)
    columns = "at, local_offset_minutes, actor, role, action, subject_kind, subject"
    run(
        written,
        *shift,
        f'INSERT INTO audit (sequence, {columns}, reason, "before", "after", previous, sha256) '
        f"SELECT 7, {columns}, 'so be it', \"before\", \"after\", sha256, '{sha256}' FROM audit "
        "WHERE sequence = 6",
    )
    assert found(written) == [(7, "inserted"), *((k, "moved") for k in range(8, n + 2))]


def test_the_end_cut_off_is_found_by_a_head_or_a_signature(written: Study) -> None:
    disarm(written)
    head = head_of(written)
    signed = verify_study(written).signatures[0].signature
    run(written, f"DELETE FROM audit WHERE sequence >= {head.sequence}")
    assert found(written) == []
    assert found(written, head) == [(head.sequence, "removed")]
    run(written, f"DELETE FROM audit WHERE sequence >= {signed.head_sequence}")
    assert found(written) == [(signed.head_sequence, "removed")]
    # The rows of the entries that were cut off give it away as well.
    assert any("does not say that it was added" in row for row in verify_study(written).rows)


@IN_SQLITE
def test_the_whole_trail_removed(written: Study) -> None:
    disarm(written)
    run(written, "DELETE FROM audit")
    said = verify_study(written)
    assert not said.is_intact
    assert len(said.rows) > 20


CHANGED = {
    "UPDATE acquisitions SET confluence = 0.9 WHERE id = 4": (
        "acquisitions 4: confluence is 0.9, and the trail says 0.2."
    ),
    "UPDATE vessels SET passage = NULL WHERE name = 'V-017'": (
        "vessels V-017: passage is unknown, and the trail says 2."
    ),
    "DELETE FROM acquisitions WHERE id = 5": (
        "acquisitions 5: the trail says it was added, and there is no such row."
    ),
    "INSERT INTO donors (id, code) VALUES (99, 'D99')": (
        "donors D99: is there, and the trail does not say that it was added."
    ),
    "UPDATE people SET roles = '[\"approver\"]' WHERE name = 'anna'": (
        'people anna: roles is ["approver"], and the trail says '
        '["operator", "reviewer", "approver"].'
    ),
}


def test_rows_changed_past_the_trail(written: Study) -> None:
    run(written, *CHANGED)
    said = verify_study(written)
    assert sorted(said.rows) == sorted(CHANGED.values())
    assert said.findings == ()
    assert not said.is_intact


@IN_SQLITE
def test_a_row_ended_and_altered_is_what_the_trail_says(written: Study) -> None:
    with written.change("anna", "the end", SEEDED + timedelta(days=12)) as change:
        change.end(
            "vessels", "V-017",
            ended_as="harvested", ended_at=SEEDED + timedelta(days=12), cells_out=2.5e8,
        )  # fmt: skip
        change.alter("people", "anna", printed_name="Anna Falk")
    assert verify_study(written).is_intact


@IN_SQLITE
def test_a_clock_set_back_is_a_note(written: Study) -> None:
    with written.change("anna", "earlier", SEEDED - timedelta(days=3)) as change:
        change.add("donors", code="D2")
    said = verify_study(written)
    assert said.is_intact
    assert [each.kind for each in said.findings] == ["clock_back"]


@IN_SQLITE
def test_an_export_is_checked_by_the_program_of_the_page(written: Study, tmp_path: Path) -> None:
    """The page's twenty lines, run as they stand there by a Python that has no monolayer."""
    (program,) = re.findall(r"^```python\n(import hashlib.*?)^```", DOCS.read_text(), re.M | re.S)
    assert len(program.splitlines()) <= 20
    (tmp_path / "check.py").write_text(program)
    head = export_trail(written, tmp_path)

    def check() -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", "check.py"]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout

    assert check() == (0, f"{head.sequence} entries as they were written\n")
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    for tamper, said in TAMPERED.items():
        (tmp_path / "audit.jsonl").write_bytes(b"".join(TAMPERS[tamper](list(lines))))
        code, output = check()
        assert (code, output.splitlines()[0]) == (1, said), tamper
        assert not verify_export(tmp_path / "audit.jsonl", [head]).is_intact, tamper


def _edit(lines: list[bytes]) -> list[bytes]:
    return [*lines[:6], lines[6].replace(b'"actor":"anna"', b'"actor":"otto"'), *lines[7:]]


TAMPERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "edit": _edit,
    "remove": lambda lines: lines[:6] + lines[7:],
    "swap": lambda lines: [*lines[:6], lines[7], lines[6], *lines[8:]],
    "insert": lambda lines: [*lines[:6], lines[5], *lines[6:]],
    "cut": lambda lines: lines[:-1],
}
TAMPERED = {
    "edit": "entry 7 was edited",
    "remove": "entry 8 does not follow entry 6",
    "swap": "entry 8 does not follow entry 6",
    "insert": "entry 6 does not follow entry 6",
    "cut": "the end was cut off or written anew",
}


@IN_SQLITE
def test_an_export_is_json_lines_and_csv(written: Study, tmp_path: Path) -> None:
    with written.change("anna", '=HYPERLINK("x"), she said', SEEDED) as change:
        change.add("donors", code="D2")
    head = export_trail(written, tmp_path / "out")
    entries = [json.loads(line) for line in (tmp_path / "out/audit.jsonl").read_text().splitlines()]
    assert entries == list(written.entries())
    table = (tmp_path / "out/audit.csv").read_text().splitlines()
    assert len(table) == len(entries) + 1
    assert "'=HYPERLINK" in table[-1]
    assert "2026-11-10T08:00:00+01:00" in table[-1]
    again = read_head(str(tmp_path / "out/head.json"))
    assert (again.sequence, again.sha256) == (head.sequence, head.sha256)
    assert read_head(f"{head.sequence}:{head.sha256}").sequence == head.sequence


@pytest.mark.parametrize("bad", ["12", "12:abc", "x:" + "a" * 64, "no/such/head.json"])
def test_what_is_no_head_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="is no head; give NUMBER:HASH"):
        read_head(bad)


def test_an_emptied_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="holds no entry"):
        verify_export(path)


@pytest.mark.parametrize(
    "name", ["V-1\nAnna Falk (anna, approver), approval", " V-1", "V-1\u202e", "V\t1"]
)
def test_names_are_one_line_that_prints(sqlite_study: Study, name: str) -> None:
    """A name stands in signatures and reports: it must not write lines of its own there."""
    with (
        pytest.raises(InputError, match="do not print; take them out"),
        sqlite_study.change("anna", "x") as change,
    ):
        change.add("lots", name=name)
    assert [row["name"] for row in sqlite_study.rows("lots")] == ["L1"]


def test_a_reason_of_two_lines_is_no_second_entry(
    sqlite_study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite_study.change("anna", "x\n    99  approve documents") as change:
        change.add("lots", name="L2")
    assert cli(["audit", "show", str(tmp_path / "study.db"), "--subject", "L2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert cli(["audit", "show", str(tmp_path / "study.db"), "--subject", "L3"]) == 0
    assert "No entry" in capsys.readouterr().out


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        verify_export(tmp_path / "audit.jsonl")
    (tmp_path / "audit.jsonl").write_text('{"sequence": 1}\nhello\n')
    with pytest.raises(InputError, match="line 2 is no JSON object"):
        verify_export(tmp_path / "audit.jsonl")


def test_the_verb_names_and_ends_with_3(
    written: Study, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["audit", "verify", place]) == 0
    out = capsys.readouterr().out
    assert "entries as they were written, 0 of 1 signatures stand" in out
    disarm(written)
    run(written, "UPDATE audit SET reason = 'x' WHERE sequence = 7")
    assert cli(["audit", "verify", place]) == 3
    assert capsys.readouterr().out.startswith("entry 7 was edited: its content is not what was")
    assert cli(["audit", "verify", place, "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["is_intact"], said["findings"][0]["sequence"]) == (False, 7)


def test_the_check_of_many_entries_is_quick(tmp_path: Path) -> None:
    """`python -m benchmarks.audit_trail`, short: about 0.1 ms of processor an entry."""
    found = measure(tmp_path, 20)
    assert found["entries"] > 20 * 33
    assert found["verify_s"] < 2e-3 * found["entries"]
