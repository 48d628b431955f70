"""Recommendations for a study's vessels: the same as from a file, with growth fitted once."""

import json
import sys
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from benchmarks.decisions import decide_all, fill, vessels
from tests.pipeline.incubator import NOW, incubator, write_histories

from monolayer.cli import _exit_code as cli
from monolayer.culture import outlook_of, recommend_for
from monolayer.culture.advise import (
    Advice,
    plain,
    store_outlooks,
    store_recommendations,
    stored_outlooks,
)
from monolayer.errors import InputError
from monolayer.grow import GrowSettings
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe
from monolayer.record import GENESIS, sha256_of, verify
from monolayer.study import Study

RECIPE = Recipe()
SEEDED = NOW - timedelta(hours=90)


def filled(where: str, histories: list[VesselHistory]) -> Study:
    """A study of those vessels."""
    study = Study.create(where, actor="anna", at=SEEDED)
    with study.change("anna", "import", SEEDED) as change:
        for one in histories:
            its = asdict(one.vessel)
            kept = ("name", "seeded_at", "passage", "final_stage", "medium_volume_ml")
            row = {name: its[name] for name in kept}
            ended: dict[str, object] = {}
            if one.ended_as is not None:
                ended = {"ended_as": one.ended_as, "ended_at": one.clock(one.ended_h)}
            change.add("vessels", type="T-75", **row, **ended)
            for kind in ("acquisitions", "readings", "exchanges"):
                for record in getattr(one, kind):
                    values = asdict(record)
                    at = one.clock(values.pop("time_h"))
                    change.add(kind, vessel=one.vessel.name, at=at, **values)
    return study


def test_stored_growth_gives_the_same_recommendations(place: str) -> None:
    with filled(place, incubator()) as study:
        histories = study.histories()
        advice = Advice(RECIPE)
        first = [advice(each) for each in histories]
        assert len(advice.fitted) == len(histories)
        assert store_outlooks(study, advice, "anna", at=NOW) == len(histories)
        assert store_outlooks(study, advice, "anna", at=NOW) == 0
        again = Advice(RECIPE, stored_outlooks(study, RECIPE))
        assert [again(each) for each in histories] == first
        assert again.fitted == {}
        assert [recommend_for(each, RECIPE) for each in histories] == first
        # To the last bit, and numbers as numbers with a point.
        for each in histories:
            known, fresh = again.outlook(each), outlook_of(each, RECIPE)
            assert json.dumps(asdict(known)) == json.dumps(asdict(fresh))


def test_what_growth_does_not_depend_on_leaves_it_stored(place: str) -> None:
    (one, *_) = incubator()
    with filled(place, [one]) as study:
        advice = Advice(RECIPE)
        advice(study.histories()[0])
        store_outlooks(study, advice, "anna", at=NOW)
        with study.change("anna", "reading", NOW) as change:
            change.add(
                "readings", vessel="V-01", at=NOW + timedelta(hours=1), quantity="ph", value=7.2
            )
        other = RECIPE.model_copy(
            update={"decide": RECIPE.decide.model_copy(update={"max_doublings": 19.0})}
        )
        again = Advice(other, stored_outlooks(study, other))
        again(study.histories()[0])
        assert again.fitted == {}
        with study.change("anna", "visit", NOW) as change:
            visit = replace(one.acquisitions[-1], time_h=96.0)
            values = asdict(visit)
            values.pop("time_h")
            change.add("acquisitions", vessel="V-01", at=one.clock(96.0), **values)
        seen = study.histories()[0]
        after = Advice(RECIPE, stored_outlooks(study, RECIPE))
        after(seen)
        assert len(after.fitted) == 1
        # Asked about the time before, the stored growth is still the right one.
        before = Advice(RECIPE, stored_outlooks(study, RECIPE))
        before(seen, 90.0)
        assert before.fitted == {}
        shorter = Recipe(grow=GrowSettings(max_ahead_h=24))
        assert stored_outlooks(study, shorter) == {}


def test_recommendations_are_written_to_be_disposed_of(place: str) -> None:
    with filled(place, incubator()) as study:
        advice = Advice(RECIPE)
        found = [advice(each) for each in study.histories()]
        assert store_recommendations(study, found, "anna", "morning round", at=NOW) == 6
        rows = {row["vessel"]: row for row in study.rows("recommendations")}
        for each in found:
            row = rows[each.vessel]
            assert (row["action"], row["code"]) == (each.action, each.code)
            assert (row["at"], row["expires_at"]) == (each.at, each.expires_at)
            assert row["sha256"] == sha256_of(row["content"])
            history = study.history(each.vessel)
            assert row["history_sha256"] == history.until(each.at_h).sha256
            assert row["content"]["verdicts"][0]["rule"] == "data_integrity"
        entries = list(study.entries())
        assert list(verify(entries)) == []
        assert entries[0]["previous"] == GENESIS
        assert entries[-1]["reason"] == "morning round"


def test_an_unknown_person_writes_nothing(place: str) -> None:
    with filled(place, incubator()[:1]) as study:
        found = [Advice(RECIPE)(each) for each in study.histories()]
        before = len(list(study.entries()))
        with pytest.raises(InputError, match="bob is no person"):
            store_recommendations(study, found, "bob", "round")
        undated = [replace(found[0], at=None)]
        with pytest.raises(InputError, match="V-01: has no seeded_at"):
            store_recommendations(study, undated, "anna", "round")
        assert len(list(study.entries())) == before
        assert study.rows("recommendations") == []


def test_a_recommendation_is_plain_json() -> None:
    found = recommend_for(incubator()[2], RECIPE)
    assert plain(found)["at"] == "2026-11-23T06:00:00+01:00"
    assert json.loads(json.dumps(plain(found))) == plain(found)


# --- the command line -------------------------------------------------------------------------


@pytest.fixture
def both(tmp_path: Path) -> tuple[str, str]:
    """A study and a file of the same vessels."""
    where = tmp_path / "study.db"
    filled(str(where), incubator()).close()
    return str(where), str(write_histories(tmp_path / "v.yaml", incubator()))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli(list(arguments)) == 0
    return capsys.readouterr().out


def test_a_study_and_a_file_say_the_same(
    both: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Hashes aside: the study knows the vessel's area, which the file does not."""
    study, file = both

    def answers(text: str) -> list[str]:
        return [line for line in text.splitlines() if "records " not in line]

    for verb in ("decide", "explain", "day-plan"):
        ours = answers(said(capsys, verb, "--study", study))
        assert ours == answers(said(capsys, verb, file))


def test_decide_stores_and_then_fits_nothing(
    both: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = both
    first = said(capsys, "decide", "--study", study, "--store", "--as", "anna")
    with Study.open(study) as opened:
        assert len(opened.rows("recommendations")) == 6
        assert len(opened.rows("outlooks")) == 6

    def never(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("monolayer.culture.advise.outlook_of", never)
    assert said(capsys, "decide", "--study", study) == first
    assert said(capsys, "decide", "--study", study, "--vessel", "V-03") in first


def test_of_a_study_only_vessels_in_culture_are_decided_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    going, gone = incubator()[2:4]
    ended = replace(gone, ended_as="harvested", ended_h=92.0)
    where = str(tmp_path / "study.db")
    filled(where, [going, ended]).close()
    assert "V-04" not in said(capsys, "decide", "--study", where)
    # Asked about a time before its end it was in culture, and after it was not.
    earlier = (NOW - timedelta(hours=6)).isoformat()
    assert "V-04" in said(capsys, "decide", "--study", where, "--at", earlier)
    later = (NOW + timedelta(hours=6)).isoformat()
    assert "V-04" not in said(capsys, "decide", "--study", where, "--at", later)
    assert "V-04, done: in window" in said(capsys, "backtest", "--study", where)
    before = (NOW - timedelta(days=90)).isoformat()
    for verb in ("decide", "explain"):
        none = said(capsys, verb, "--study", where, "--at", before)
        assert none == "no vessel is in culture then.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["decide"], "give either HISTORY.yaml or --study STUDY."),
        (["decide", "FILE", "--study", "STUDY"], "give either HISTORY.yaml or --study STUDY."),
        (["decide", "FILE", "--store"], "give --study and --as NAME"),
        (["decide", "--study", "STUDY", "--store"], "give --study and --as NAME"),
        (["decide", "--study", "STUDY", "--store", "--as", "bob"], "bob is no person"),
        (["decide", "--study", "STUDY", "--vessel", "V-9"], "V-9"),
        (["decide", "--study", "none.db"], "there is no study"),
        (["backtest", "--study", "STUDY"], "there is no finished vessel to replay"),
        (["day-plan", "--study", "STUDY", "--date", "2026-11-22"], "2026-11-22 is before"),
        (["day-plan", "FILE", "--at", "2026-11-23T08:00"], "give a time with its offset"),
        (["day-plan", "FILE", "--date", "tomorrow"], "give a day such as"),
        (["day-plan", "FILE", "--site", "SITE"], 'in quotes, such as "17:00"'),
        (["day-plan", "FILE", "--site", "none.yaml"], "cannot be read"),
    ],
)
def test_bad_options_are_one_sentence(
    arguments: list[str],
    sentence: str,
    both: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "site.yaml").write_text("working_until: 17:00\n")
    names = {"STUDY": both[0], "FILE": both[1], "SITE": str(tmp_path / "site.yaml")}
    assert cli([names.get(each, each) for each in arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    with Study.open(both[0]) as opened:
        assert opened.rows("recommendations") == []


# --- how fast ---------------------------------------------------------------------------------


def test_the_work_of_deciding_does_not_grow_with_the_study(tmp_path: Path) -> None:
    """Gated by counting calls, as a busy machine's clock is twice another's.

    100 calls take some 0.1 ms: at 1,000 a vessel 10,000 vessels of 30 visits take under 10 s.
    `python -m benchmarks.decisions` measures it.
    """
    few, many = (_calls_of_deciding(tmp_path / f"{n}.db", n) for n in (20, 60))
    assert many - few < 40 * 1000
    # What is called once, whatever the number of vessels.
    assert few - (many - few) / 2 < 10_000


def _calls_of_deciding(path: Path, n: int) -> int:
    """Calls of Python and C functions while a study of n vessels is decided about."""
    calls = 0

    def count(_frame: object, event: str, _value: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with Study.create(path, actor="bench", at=SEEDED) as study:
        fill(study, vessels(n))
        advice = Advice(RECIPE)
        for each in study.histories():
            advice.outlook(each)
        store_outlooks(study, advice, "bench", at=datetime.fromisoformat("2026-11-24T08:00+01:00"))
        assert len(decide_all(study, RECIPE)) == n  # Imports and caches are not counted.
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            decide_all(study, RECIPE)
        finally:
            sys.setprofile(before)
    return calls
