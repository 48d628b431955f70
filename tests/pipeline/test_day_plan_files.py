"""The day's plan as others read it: a calendar, a table, a screen."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from tests.pipeline.incubator import NOW, incubator, write_histories

from monolayer.cli import _exit_code as cli
from monolayer.culture.day import day_plan_for
from monolayer.notice import DayPlan, SiteSettings, calendar_of, csv_of
from monolayer.recipe import Recipe

RECIPE = Recipe()
SITE = SiteSettings(time_zone="Europe/Paris")
# So short a day that the harvest does not fit.
SHORT = SiteSettings.model_validate({"time_zone": "Europe/Paris", "working_until": "09:00"})


@pytest.fixture(scope="module")
def plan() -> DayPlan:
    return day_plan_for(incubator(), RECIPE, SHORT, at=NOW)


def test_another_program_reads_the_calendar(plan: DayPlan) -> None:
    calendar = Calendar.from_ical(calendar_of(plan))
    events = {str(each["summary"]): each for each in calendar.walk("VEVENT")}
    review = events["review V-05"]
    assert review.decoded("dtstart") == datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert review.decoded("dtend") == datetime(2026, 11, 23, 7, 10, tzinfo=UTC)
    assert review.decoded("dtstamp") == NOW.astimezone(UTC)
    (harvest,) = [each for each in calendar.walk("VTODO") if "harvest" in str(each["summary"])]
    assert str(harvest["summary"]) == "DOES NOT FIT: harvest V-04"
    assert harvest.decoded("due") == datetime(2026, 11, 23, 11, tzinfo=UTC)
    crossing = next(each for name, each in events.items() if name.startswith("vessel V-06 crosses"))
    # Whoever opens the calendar another day must not read "tomorrow".
    assert "between 22:50 on Mon 2026-11-23 and 02:10 on Tue 2026-11-24" in str(crossing["summary"])
    assert str(crossing["transp"]) == "TRANSPARENT"
    assert len(events) == len(list(calendar.walk("VEVENT")))


def test_the_calendar_is_as_the_standard_wants_it(plan: DayPlan) -> None:
    """RFC 5545: lines end in CR LF, are at most 75 octets, and nothing needed is missing."""
    text = calendar_of(plan)
    lines = text.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\n" not in text.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 75
    assert all(word in text for word in (b"VERSION:2.0", b"PRODID:", b"UID:", b"DTSTAMP:"))
    assert b"TZID" not in text


def test_a_plan_made_again_replaces_its_events(plan: DayPlan) -> None:
    """Same identifiers, a later stamp; another day or vessel has others."""

    def uids(made: DayPlan) -> dict[str, datetime]:
        calendar = Calendar.from_ical(calendar_of(made))
        parts = [*calendar.walk("VEVENT"), *calendar.walk("VTODO")]
        found = {str(each["uid"]): each.decoded("dtstamp") for each in parts}
        assert len(found) == len(parts)
        return found

    first = uids(plan)
    assert first == uids(day_plan_for(incubator(), RECIPE, SHORT, at=NOW))
    later = uids(day_plan_for(incubator(), RECIPE, SITE, at=NOW + timedelta(hours=1)))
    assert set(first) <= set(later)
    assert min(later.values()) > max(first.values())


def test_the_table_has_a_row_a_task(plan: DayPlan) -> None:
    rows = list(csv.DictReader(csv_of(plan, SHORT).splitlines()))
    planned = [row for row in rows if row["state"] == "planned"]
    assert [row["order"] for row in planned] == [f"{n}" for n in range(1, len(planned) + 1)]
    assert planned[0] | {"why": ""} == {
        "order": "1",
        "state": "planned",
        "vessel": "V-05",
        "task": "review",
        "operator": "1",
        "start_utc": "2026-11-23T07:00:00Z",
        "end_utc": "2026-11-23T07:10:00Z",
        "start_local": "2026-11-23T08:00+01:00",
        "end_local": "2026-11-23T08:10+01:00",
        "finish_by_utc": "2026-11-23T07:00:00Z",
        "minutes": "10",
        "late": "yes",
        "ask_again_first": "no",
        "code": "SENSOR_PH",
        "why": "",
        "behind": "",
        "valid_until_utc": "2026-11-23T17:00:00Z",
    }
    left = {row["vessel"]: row for row in rows if row["state"] == "does not fit"}
    assert left["V-04"]["start_utc"] == ""
    assert left["V-04"]["why"].endswith("cannot be finished before the working day ends")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(write_histories(tmp_path / "v.yaml", incubator()))
    site, table, calendar = (tmp_path / name for name in ("site.yaml", "p.csv", "p.ics"))
    assert cli(["init", "--site", str(site)]) == 0
    site.write_text(site.read_text().replace('"UTC"', '"Europe/Paris"'))
    capsys.readouterr()
    arguments = ["day-plan", file, "--site", str(site)]
    assert cli([*arguments, "--csv", str(table), "--ics", str(calendar)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Monday 2026-11-23 (Europe/Paris), from what was known at 2026-11-23 06")
    assert "08:00-08:10 operator 1: review V-05, ESCALATE recommended (SENSOR_PH)" in said
    assert "may follow: passage V-02 (60 min), once the target is confirmed" in said
    assert "operator minutes: feed 15, harvest 90, image 30, passage 60, review 10; 205 of" in said
    assert "vessel V-06 crosses 80 % between 22:50 today and 02:10 tomorrow" in said
    plan = day_plan_for(incubator(), RECIPE, SITE)
    assert table.read_bytes() == csv_of(plan, SITE).encode()
    assert calendar.read_bytes() == calendar_of(plan)
    assert cli([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["minutes_by_task"]["harvest"] == 90
    assert data["may_follow"][0]["vessel"] == "V-02"
    assert len(data["tasks"]) == 7
