"""The store: one door, whole or not at all, the same in SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monolayer.errors import ConfigError, InputError, StudyError
from monolayer.history import Acquisition, Exchange, SensorReading, Vessel, VesselHistory
from monolayer.record import verify
from monolayer.study import Study

from .conftest import SEEDED


def at(hours: float) -> datetime:
    return SEEDED + timedelta(hours=hours)


def test_a_history_comes_back_as_it_went_in(study: Study) -> None:
    with study.change("anna", "first visits", at(50)) as change:
        for hours, confluence in ((24, 0.21), (49.3, 0.43)):
            change.add("acquisitions", vessel="V-017", at=at(hours), confluence=confluence)
        change.add("exchanges", vessel="V-017", at=at(48), volume_ml=650)
        change.add("readings", vessel="V-017", at=at(48), quantity="ph", value=7.31)
    assert study.history("V-017") == VesselHistory(
        Vessel(
            "V-017",
            SEEDED,
            lot="L1",
            donor="D1",
            passage=2,
            doublings_at_seeding=9.4,
            seeding_density_cells_per_cm2=4000,
            growth_area_cm2=6360,
            medium_volume_ml=1300,
            n_layers=10,
            n_layers_imaged=1,
            sentinel_assumption="lowest layer, validated",
        ),
        acquisitions=(Acquisition(24, confluence=0.21), Acquisition(49.3, confluence=0.43)),
        readings=(SensorReading(48, "ph", 7.31),),
        exchanges=(Exchange(48, 650),),
    )
    assert study.history("V-017").vessel.seeded_at.isoformat() == "2026-11-10T08:00:00+01:00"  # type: ignore[union-attr]


def test_every_row_leaves_an_entry_and_the_chain_holds(study: Study) -> None:
    with study.change("anna", "done", at(120)) as change:
        change.end("vessels", "V-017", ended_as="harvested", ended_at=at(119), cells_out=2.1e8)
    entries = list(study.entries())
    assert verify(entries) == []
    last = entries[-1]
    assert (last["actor"], last["role"], last["reason"]) == ("anna", "operator", "done")
    assert (last["at"], last["local_offset_minutes"]) == ("2026-11-15T07:00:00.000000+00:00", 60)
    assert (last["action"], last["subject_kind"], last["subject"]) == ("end", "vessels", "V-017")
    assert last["before"] is None
    assert last["after"] == {
        "cells_out": 210000000,
        "ended_as": "harvested",
        "ended_at": "2026-11-15T07:00:00+01:00",
    }
    assert study.history("V-017").ended_h == 119
    added = {entry["subject"] for entry in entries if entry["action"] == "add"}
    assert {"anna", "D1", "L1", "V-017", "T-75"} <= added


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "negative": ("acquisitions", {"at": at(24), "n_fields": -3}, "n_fields -3 is impossible"),
    "share": ("acquisitions", {"at": at(24), "confluence": 43.0}, "give a share of 0 to 1"),
    "naive": ("acquisitions", {"at": datetime(2026, 11, 11)}, "has no offset from UTC"),
    "too early": ("acquisitions", {"at": at(-1)}, "before its seeding"),
    "too much": ("exchanges", {"at": at(2), "volume_ml": 2000.0}, "more than the 1300 mL"),
    "no vessel": ("exchanges", {"at": at(2), "vessel": "V-071"}, "did you mean 'V-017'?"),
    "column": ("exchanges", {"at": at(2), "volume": 3.0}, "did you mean 'volume_ml'?"),
    "table": ("exchange", {}, "did you mean 'exchanges'?"),
    "missing": ("readings", {"at": at(2), "value": 3.0}, "quantity is missing"),
    "NaN": ("readings", {"at": at(2), "quantity": "ph", "value": float("nan")}, "is no number"),
    "type": ("vessels", {"name": "V2", "seeded_at": at(0), "type": "T75"}, "did you mean 'T-75'?"),
    "twice": ("vessels", {"name": "V-017", "seeded_at": at(0), "type": "T-75"}, "there already"),
    "NUL": ("media", {"name": "M\0", "kind": "xeno-free"}, "NUL"),
    "year": ("acquisitions", {"at": datetime.min.replace(tzinfo=UTC)}, "mend the year"),
    "huge": ("acquisitions", {"at": at(24), "n_fields": 2**31}, "up to 2147483647"),
    "word": ("media", {"name": "M", "kind": "non-animal"}, "take one of animal-component-free"),
    "empty": ("media", {"name": " ", "kind": "xeno-free"}, "name is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_writes_nothing_of_its_change(sqlite_study: Study, case: str) -> None:
    study = sqlite_study
    kind, row, said = BAD[case]
    before = list(study.entries())
    if kind in ("acquisitions", "exchanges", "readings"):
        row = {"vessel": "V-017"} | row
    with pytest.raises(InputError) as error, study.change("anna", "import") as change:  # noqa: PT012
        change.add("lots", name="L2")
        change.add(kind, **row)
    assert said in str(error.value)
    assert str(error.value).endswith((".", "?"))
    assert "\n" not in str(error.value)
    assert list(study.entries()) == before
    assert len(study.rows("lots")) == 1


def test_two_acquisitions_at_one_time_are_refused(study: Study) -> None:
    with pytest.raises(InputError, match="V-017"), study.change("anna", "x") as change:  # noqa: PT012
        change.add("acquisitions", vessel="V-017", at=at(24))
        change.add("acquisitions", vessel="V-017", at=at(24))
    assert study.history("V-017").acquisitions == ()


def test_strangers_change_nothing(study: Study) -> None:
    with pytest.raises(InputError, match="did you mean 'anna'"), study.change("hanna", "x"):
        pass
    with pytest.raises(InputError, match="needs a reason"), study.change("anna", " "):
        pass
    with study.change("anna", "retired") as change:
        change.end("people", "anna", left_at=at(1))
    with pytest.raises(InputError, match="left on"), study.change("anna", "x"):
        pass


def test_what_never_changes_is_refused(study: Study) -> None:
    with pytest.raises(InputError, match="passage never changes"), study.change("anna", "x") as c:
        c.alter("vessels", "V-017", passage=3)


def test_a_study_is_made_once_and_found_or_not(place: str) -> None:
    Study.create(place, actor="anna").close()
    with pytest.raises(StudyError, match="there is a study already"):
        Study.create(place, actor="anna")
    Study.open(place).close()
    assert Study.upgrade(place, actor="anna") is None


def test_places_that_are_no_study(tmp_path: Any) -> None:
    with pytest.raises(StudyError, match="monolayer study init"):
        Study.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("vessel,time_h\nV-017,24\n" * 100)
    with pytest.raises(StudyError, match="is no study"):
        Study.open(tmp_path / "text.db")
    with pytest.raises(StudyError, match="there is no folder"):
        Study.create(tmp_path / "nowhere" / "s.db", actor="anna")
    with pytest.raises(ConfigError, match="SQLite or PostgreSQL"):
        Study.open("mysql://anna:secret@host/study")
    with pytest.raises(StudyError, match="cannot be used") as error:
        Study.open("postgresql://anna:secret@127.0.0.1:1/study")
    assert "secret" not in str(error.value)
