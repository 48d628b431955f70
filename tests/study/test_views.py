"""What people ask at a glance: against the slow obvious answer, in a fixed number of looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from benchmarks import study_scale
from sqlalchemy import event

from monolayer.errors import InputError
from monolayer.study import Study, views
from monolayer.study.shown import shown_as_data
from monolayer.summarise import Part, roll_up

from .conftest import SEEDED

N_VESSELS = 7


@pytest.fixture
def full(study: Study) -> Study:
    """Vessels with no visit, one, several, a superseded one, and an end."""
    with study.change("anna", "simulated") as change:
        change.add("lots", name="L2")
        for number in range(N_VESSELS):
            name = f"S-{number}"
            change.add("vessels", name=name, type="T-75", lot="L2", seeded_at=SEEDED)
            for visit in range(number):
                at = SEEDED + timedelta(hours=10 * (visit + 1))
                share = 0.1 * (visit + 1)
                added = change.add(
                    "acquisitions", vessel=name, at=at, confluence=share, confluence_se=0.01
                )
        # The latest visit of S-6 is evaluated again; that of S-5 is moved to an earlier time.
        change.supersede("acquisitions", added, confluence=0.66, confluence_se=0.02)
        (last,) = change.rows("acquisitions", vessel="S-5", at=SEEDED + timedelta(hours=50))
        change.supersede("acquisitions", last["id"], at=SEEDED + timedelta(hours=5), confluence=0.5)
        ended = SEEDED + timedelta(hours=90)
        change.end("vessels", "S-4", ended_as="harvested", ended_at=ended)
    return study


def test_last_visits_are_those_of_the_histories(full: Study) -> None:
    found = {row["vessel"]: row for row in views.vessels_now(full, ended=None)}
    histories = full.histories()
    assert list(found) == [history.vessel.name for history in histories]
    assert len(found) == N_VESSELS + 1
    for history in histories:
        row = found[history.vessel.name]
        last = history.acquisitions[-1] if history.acquisitions else None
        assert row["time_h"] == (None if last is None else last.time_h)
        assert row["confluence"] == (None if last is None else last.confluence)
        assert row["ended_as"] == history.ended_as
        assert row["seeded_at"] == history.vessel.seeded_at
    assert found["S-6"]["confluence"] == 0.66
    assert found["S-5"]["time_h"] == 40
    assert found["S-4"]["ended_at"] == SEEDED + timedelta(hours=90)
    assert found["S-4"]["at"].utcoffset() == timedelta(hours=1)


def test_who_is_in_culture(full: Study) -> None:
    going = [row["vessel"] for row in views.vessels_now(full)]
    ended = [row["vessel"] for row in views.vessels_now(full, ended=True)]
    assert ended == ["S-4"]
    assert sorted([*going, *ended]) == [h.vessel.name for h in full.histories()]
    assert [h.vessel.name for h in full.histories(ended=True)] == ended
    assert [h.vessel.name for h in full.histories(ended=False)] == going
    assert [h.vessel.name for h in full.histories(lot="L1")] == ["V-017"]
    assert [h.vessel.name for h in full.histories(["S-4", "S-1"], ended=False)] == ["S-1"]
    assert full.histories([]) == []
    with pytest.raises(InputError, match="did you mean 'S-4'"):
        full.histories(["S-44"])
    with pytest.raises(InputError, match="lot 'L9' is unknown"):
        full.histories(lot="L9")


def test_summary_and_trail(full: Study) -> None:
    found = views.summary(full)
    assert found["vessels"] == N_VESSELS + 1
    assert found["in_culture"] == N_VESSELS
    entries = list(full.entries())
    assert (found["audit"]["sequence"], found["audit"]["sha256"]) == (
        len(entries),
        entries[-1]["sha256"],
    )
    of_vessel = [
        entry
        for entry in entries
        if entry["subject"] == "S-6" or entry["subject"].startswith("S-6/")
    ]
    assert views.trail(full, "S-6") == of_vessel
    assert len(of_vessel) == 1 + 6 + 2
    assert [entry["sequence"] for entry in full.entries(4)] == list(range(4, len(entries) + 1))


def test_the_trail_is_read_in_pieces(full: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(full.entries())
    monkeypatch.setattr("monolayer.study.store.ENTRIES", 7)
    assert list(full.entries()) == whole


def test_a_lot_is_its_vessels(full: Study) -> None:
    level = shown_as_data(full, "L2", everything=False)["confluence"]
    # S-0 was not visited, S-4 has ended.
    assert (level["n_vessels"], level["n_vessels_in_culture"]) == (5, 6)
    assert level["mean"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.4 + 0.66) / 5)
    last = [(0.1, 0.01), (0.2, 0.01), (0.3, 0.01), (0.4, 0.01), (0.66, 0.02)]
    by_hand = roll_up("vessel", [Part(mean, se**2) for mean, se in last], 6)
    assert (level["se"], level["lower_bound"]) == pytest.approx(
        (by_hand.se, by_hand.interval(lower=True).low)
    )
    with full.change("anna", "no doubt told") as change:
        change.add("acquisitions", vessel="S-0", at=SEEDED + timedelta(hours=1), confluence=0.3)
    unknown = shown_as_data(full, "L2")["confluence"]
    assert unknown["n_vessels"] == 6
    assert (unknown["se"], unknown["lower_bound"]) == (None, None)
    assert shown_as_data(full, "L1")["confluence"] is None


@contextmanager
def counted(study: Study) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        statements.append(statement)

    event.listen(study.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(study.engine, "before_cursor_execute", note)


ASKED: dict[str, Callable[[Study], object]] = {
    "histories": lambda study: study.histories(),
    "histories of a lot": lambda study: study.histories(lot="L2"),
    "vessels": lambda study: views.vessels_now(study, ended=None),
    "summary": views.summary,
    "rows": lambda study: study.rows("acquisitions"),
    "a lot": lambda study: shown_as_data(study, "L2"),
}


def looks(study: Study) -> dict[str, int]:
    found = {}
    for words, ask in ASKED.items():
        with counted(study) as statements:
            ask(study)
        found[words] = len(statements)
    return found


def test_looks_do_not_grow_with_vessels(full: Study) -> None:
    few = looks(full)
    with full.change("anna", "more") as change:
        for number in range(20):
            change.add("vessels", name=f"M-{number}", type="T-75", lot="L2", seeded_at=SEEDED)
            change.add("acquisitions", vessel=f"M-{number}", at=SEEDED + timedelta(hours=30))
    assert looks(full) == few
    assert all(0 < n <= 12 for n in few.values()), few


def test_looks_use_the_indexes(sqlite_study: Study) -> None:
    """The current acquisitions of a vessel are found by one index, not by reading the table."""
    with counted(sqlite_study) as statements:
        sqlite_study.history("V-017")
        views.vessels_now(sqlite_study)
    asked = [each for each in statements if "FROM acquisitions" in each or "JOIN acq" in each]
    assert len(asked) == 2
    with sqlite_study.reading() as connection:
        for statement in asked:
            marks = (1,) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", marks)
            lines = [row[-1] for row in plan]
            assert any("ix_acquisitions_current" in line for line in lines), lines
            assert not any(line.startswith("SCAN acquisitions") for line in lines), lines


def test_the_timed_questions_are_answered(place: str) -> None:
    """The short form of benchmarks/study_scale.py, which times them on 10,000 vessels."""
    with Study.create(place, actor="bench") as small:
        study_scale.fill(small, 20)
        for words, ask in study_scale.questions(small, 20).items():
            if words != "open the study":
                assert ask(), words
        assert sum(len(history.acquisitions) for history in small.histories()) == 20 * 30
