"""Sensors in a study: stored as often as one likes, told to decisions, assessed by who may."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.custody import latest_proposal, verify_study
from monolayer.intake.history_file import read_histories
from monolayer.study import Study

from .conftest import SEEDED


def table(path: Path, *values: float, first_minute: int = 0) -> str:
    """A reading of pH every ten minutes; temperature beside it never moves."""
    lines = ["vessel,time_h,pH,temperature [degC]"]
    for i, value in enumerate(values):
        lines.append(f"V-017,{24 + (first_minute + 10 * i) / 60:.6f},{value},37.0")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


LOW = (7.3, 7.2, 7.1, 7.0, 6.9, *[6.8] * 10)
BACK = (*LOW, 6.9, 7.0, 7.1, 7.2, *[7.3] * 6)


def seen(study: Study) -> None:
    """A visit at 20 h."""
    with study.change("anna", "visit", SEEDED) as change:
        fields = {"n_fields": 20, "n_fields_ok": 20}
        shares = {"confluence": 0.6, "confluence_lower_bound": 0.55}
        at = SEEDED + timedelta(hours=20)
        change.add("acquisitions", vessel="V-017", at=at, **fields, **shares)


@pytest.fixture
def staffed(study: Study) -> Study:
    seen(study)
    with study.change("anna", "staff", SEEDED) as change:
        change.add("people", name="olga", printed_name="Olga", roles=["operator"])
        change.add("people", name="rita", printed_name="Rita", roles=["reviewer"])
    return study


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli(list(words)) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_an_excursion_goes_from_the_file_to_the_decision_and_is_assessed(
    staffed: Study, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--study", place, "--store", "--as", "olga")
    low = table(tmp_path / "low.csv", *LOW)
    assert "events; 0 ended" in said(capsys, "sensors", low, *store)
    kinds = [(row["kind"], row["reason"]) for row in staffed.rows("sensor_events")]
    assert sorted(kinds) == [("action", "action_low"), ("alert", "alert_low")]
    n = len(list(staffed.entries()))
    assert "Stored 0 readings, 0 events; 0 ended." in said(capsys, "sensors", low, *store)
    assert len(list(staffed.entries())) == n
    (found,) = json.loads(said(capsys, "decide", "--study", place, "--json"))
    assert (found["action"], found["code"]) == ("ESCALATE", "SENSOR_PH")

    grown = table(tmp_path / "grown.csv", *BACK)
    assert "0 events; 2 ended." in said(capsys, "sensors", grown, *store)
    (found,) = json.loads(said(capsys, "decide", "--study", place, "--json"))
    assert (found["action"], found["code"]) == ("ESCALATE", "SENSOR_EXCURSION")

    number = next(row["id"] for row in staffed.rows("sensor_events", kind="action"))
    assess = ("study", "assess", place, str(number), "--finding", "probe knocked")
    assert "may not assess" in said(capsys, *assess, "--as", "olga", code=2)
    early = (*assess, "--at", SEEDED.isoformat(), "--as", "rita")
    assert "assessed before it was known" in said(capsys, *early, code=2)
    later = ("--at", "2026-11-12T08:00+01:00", "--as", "rita")
    assert "ph action_low" in said(capsys, *assess, *later)
    assert "it is set once" in said(capsys, *assess, *later, code=2)
    (found,) = json.loads(said(capsys, "decide", "--study", place, "--json"))
    assert found["code"] != "SENSOR_EXCURSION"
    assert "SENSOR_EXCURSION" in found["warnings"]
    assert "assessed 2026-11-12 08:00 +0100: probe knocked" in said(
        capsys, "study", "show", place, "V-017"
    )
    checked = verify_study(staffed)
    assert checked.is_intact
    assert not checked.rows


def test_the_study_tells_what_the_file_would(
    sqlite_study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "study.db")
    grown, out = table(tmp_path / "grown.csv", *BACK), str(tmp_path / "OUT")
    said(capsys, "sensors", grown, "--study", place, "-o", out)
    (by_file,) = read_histories(tmp_path / "OUT" / "history.yaml")
    said(capsys, "sensors", grown, "--study", place, "--store", "--as", "anna", "-o", out)
    stored = sqlite_study.history("V-017")
    assert stored.readings == by_file.readings
    assert len(stored.sensor_events) == len(by_file.sensor_events) == 2
    for one, other in zip(stored.sensor_events, by_file.sensor_events, strict=True):
        assert (one.quantity, one.kind, one.reason) == (other.quantity, other.kind, other.reason)
        assert (one.time_h, one.since_h, one.ended_h, one.extreme, one.area) == pytest.approx(
            (other.time_h, other.since_h, other.ended_h, other.extreme, other.area), abs=1e-9
        )
    # What is stored is not put in a second time.
    said(capsys, "sensors", grown, "--study", place, "-o", out)
    (again,) = read_histories(tmp_path / "OUT" / "history.yaml")
    assert again.sensor_events == stored.sensor_events
    assert again.readings == stored.readings


def test_what_a_file_cannot_store(
    sqlite_study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "study.db")
    store = ("--study", place, "--store", "--as", "anna")
    low = table(tmp_path / "low.csv", *LOW)
    assert "give --study and --as" in said(capsys, "sensors", low, "--store", code=2)
    said(capsys, "sensors", low, *store)
    entries = len(list(sqlite_study.entries()))
    # The readings of one minute say two things; the temperatures beside them are not taken either.
    other = table(tmp_path / "other.csv", *[7.25] * 14)
    refused = said(capsys, "sensors", other, *store, code=2)
    assert "and the study has" in refused
    assert len(list(sqlite_study.entries())) == entries
    # A file of later hours does not tell how the open event went on, and that is said.
    later = table(tmp_path / "later.csv", *[7.3] * 6, first_minute=600)
    told = said(capsys, "sensors", later, *store)
    assert told.count("is open in the study, and this file does not tell of it.") == 2
    assert sqlite_study.history("V-017").sensor_events[0].ended_h is None


def test_what_a_probe_says_after_the_vessels_end_is_left_out(
    sqlite_study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole export is stored again as it grows, whether or not the vessel has gone."""
    place = str(tmp_path / "study.db")
    with sqlite_study.change("anna", "end") as change:
        change.end("vessels", "V-017", ended_as="harvested", ended_at=SEEDED + timedelta(hours=25))
    grown = table(tmp_path / "grown.csv", *BACK)
    told = said(capsys, "sensors", grown, "--study", place, "--store", "--as", "anna")
    assert "V-017, ph: 18 readings after its end left out." in told
    history = sqlite_study.history("V-017")
    assert max(each.time_h for each in history.readings) <= 25
    assert [each.ended_h for each in history.sensor_events] == [None, None]


def test_an_excursion_makes_a_recommendation_stale(
    sqlite_study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "study.db")
    seen(sqlite_study)
    said(capsys, "decide", "--study", place, "--store", "--as", "anna")
    said(
        capsys, "sensors", table(tmp_path / "low.csv", *LOW), "--study", place, "--store",
        "--as", "anna",
    )  # fmt: skip
    _, doubt = latest_proposal(sqlite_study, "V-017", SEEDED + timedelta(hours=20.5))
    assert doubt is not None
    assert "stale" in doubt
