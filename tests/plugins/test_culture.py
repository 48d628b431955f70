"""The widget Culture: what it says is what decide says, what it signs is custody's own."""

import hashlib
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.vessel_histories import SEEDED, history, visits

from monolayer.batch.words import comparison_words
from monolayer.culture import recommend_for
from monolayer.custody import set_password, signatures, verify_study
from monolayer.dossier import decision_of
from monolayer.errors import InputError, MonolayerError, NotAllowedError
from monolayer.intake.history_file import write_histories
from monolayer.recipe import Recipe
from monolayer.record import WrongPasswordError
from monolayer.study import Study
from monolayer_napari.culture import Culture, VesselLook

WORD = "a pass word of anna"
NOW = SEEDED + timedelta(hours=91)
Until = Callable[..., None]


def at(hours: float) -> datetime:
    return SEEDED + timedelta(hours=hours)


def cheap(password: str, salt: bytes, log2_n: int) -> bytes:
    return hashlib.sha256(salt + password.encode() + bytes([log2_n])).digest()


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed at no cost: what scrypt does is tested with the credentials."""
    monkeypatch.setattr("monolayer.record.credentials._scrypt", cheap)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two vessels in culture and one that has ended."""
    path = tmp_path_factory.mktemp("culture") / "study.db"
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("monolayer.record.credentials._scrypt", cheap)
        with Study.create(str(path), actor="anna", at=SEEDED) as study:
            with study.change("anna", "cultures", SEEDED) as change:
                change.add("people", name="rita", printed_name="Rita Maas", roles=["reviewer"])
                for name in ("V-017", "V-018", "V-019"):
                    change.add("vessels", name=name, type="T-75", seeded_at=SEEDED, passage=2)
            set_password(study, "anna", WORD, by="anna", by_password=None, now=SEEDED)
            with study.change("anna", "visits", at(90)) as change:
                for visit in visits(90, 0.63, 32, 6, 11):
                    add_visit(change, visit)
                change.end("vessels", "V-019", ended_as="discarded", ended_at=at(80))
    return path


@pytest.fixture
def study(_made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(_made, tmp_path / "study.db"))


def add_visit(change: Any, visit: Any) -> None:
    names = ("n_fields", "n_fields_ok", "confluence", "confluence_lower_bound",
             "confluence_field_cv", "contamination", "doublings", "image_sha256",
             "image_sha256_found")  # fmt: skip
    row = {name: getattr(visit, name) for name in names}
    change.add("acquisitions", vessel="V-017", at=at(visit.time_h), **row)


@pytest.fixture
def stored(study: Path) -> Culture:
    """The study opened, with a recommendation that holds at NOW."""
    culture = Culture(str(study))
    culture.recommend_now("V-017", "anna", NOW)
    return culture


def sign(culture: Culture, look: VesselLook, action: Any, **said: Any) -> str:
    given: dict[str, Any] = {"name": "anna", "password": WORD, "now": NOW}
    return culture.dispose(look, action, **given | said)


def test_a_file_is_told_as_decide_does(tmp_path: Path) -> None:
    path = tmp_path / "vessels.yaml"
    mine = history(last={"confluence": 0.4, "confluence_lower_bound": 0.36, "n_fields_ok": 3})
    gone = replace(mine, vessel=replace(mine.vessel, name="V-1"), ended_as="passaged", ended_h=95)
    write_histories(path, [mine, gone])
    culture, made = Culture(str(path)), recommend_for(mine, Recipe())
    (row,) = culture.open(NOW).rows
    assert (row.vessel, row.action, row.code) == ("V-017", made.action, made.code)
    look = culture.look("V-017", NOW)
    assert (look.action, look.code, look.state) == (made.action, made.code, made.state)
    checks = decision_of(made, 0.8).evidence
    assert look.evidence == tuple(map(comparison_words, checks))
    assert checks
    for rule, lacks in made.not_evaluated.items():
        assert f"Not evaluated: {rule} (no {', '.join(lacks)})." in look.beside
    assert not look.can_accept
    assert not look.can_override
    assert "holds until 2026-11-14 14:00 +00:00" in look.standing
    later = culture.look("V-017", at(200))
    assert "expired at 2026-11-14 14:00" in later.standing
    assert culture.open(at(200)).rows[0].standing == "expired"


def test_the_curve_has_both_bands_the_target_and_every_visit(tmp_path: Path) -> None:
    path = tmp_path / "vessels.yaml"
    write_histories(path, [history()])
    look = Culture(str(path)).look("V-017", NOW)
    for name in ("prediction", "confidence", "curve", "target"):
        assert look.svg.count(f'class="{name}"') == 1
    assert look.svg.count('class="point"') == len(history().acquisitions)
    assert "target 80 %" in look.svg
    assert look.forecast.startswith("vessel V-017 crosses 80 % between ")


def test_times_without_a_clock_are_hours(tmp_path: Path) -> None:
    path = tmp_path / "vessels.json"
    mine = history()
    write_histories(path, [replace(mine, vessel=replace(mine.vessel, seeded_at=None))])
    look = Culture(str(path)).look("V-017", NOW)
    assert "after seeding (prediction interval)" in look.forecast
    assert "102.0 h after seeding" in look.standing


def test_a_study_lists_what_is_in_culture_and_what_is_not_stored(study: Path) -> None:
    opened = Culture(str(study)).open(NOW)
    assert [row.vessel for row in opened.rows] == ["V-017", "V-018"]
    assert {row.standing for row in opened.rows} == {"not stored"}
    look = Culture(str(study)).look("V-017", NOW)
    assert (look.can_accept, look.can_override) == (False, True)
    assert "not stored" in look.standing
    bare = Culture(str(study)).look("V-018", NOW)
    assert "no confluence was measured" in bare.forecast
    assert 'class="curve"' not in bare.svg


def test_the_recommended_action_is_accepted_and_signed(study: Path, stored: Culture) -> None:
    look = stored.look("V-017", NOW)
    assert look.can_accept
    assert stored.open(NOW).rows[0].standing == "holds"
    assert (
        sign(stored, look, look.action) == f"V-017: {look.action} (accepted), by anna (operator)."
    )
    with Study.open(study) as opened:
        (row,) = opened.rows("dispositions")
        (recommendation,) = opened.rows("recommendations")
        assert (row["verdict"], row["recommendation"]) == ("accept", recommendation["id"])
        (signed,) = signatures(opened)
        assert signed.broken is None
        assert verify_study(opened).is_intact
    assert f"anna accepted {look.action}" in stored.look("V-017", NOW).disposed


def test_an_override_needs_its_reason_and_keeps_it(study: Path, stored: Culture) -> None:
    look = stored.look("V-017", NOW)
    with pytest.raises(InputError, match="needs a reason"):
        sign(stored, look, "HOLD")
    with Study.open(study) as opened:
        assert opened.rows("dispositions") == []
    sign(stored, look, "HOLD", reason="the incubator is full")
    with Study.open(study) as opened:
        (row,) = opened.rows("dispositions")
        assert (row["verdict"], row["reason"]) == ("override", "the incubator is full")
    assert "overrode to HOLD" in stored.look("V-017", NOW).disposed


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"password": "not her pass word"}, WrongPasswordError),
        ({"password": ""}, NotAllowedError),
        ({"name": "nobody"}, InputError),
    ],
)
def test_who_cannot_sign_leaves_no_decision(
    study: Path, stored: Culture, said: dict[str, str], error: type[MonolayerError]
) -> None:
    look = stored.look("V-017", NOW)
    with pytest.raises(error):
        sign(stored, look, look.action, **said)
    with Study.open(study) as opened:
        assert opened.rows("dispositions") == []


def test_what_expired_or_went_stale_is_said_and_not_accepted(study: Path, stored: Culture) -> None:
    seen = stored.look("V-017", NOW)
    late = stored.look("V-017", at(120))
    assert not late.can_accept
    assert "it expired at" in late.standing
    with Study.open(study) as opened, opened.change("anna", "a visit", at(90.5)) as change:
        add_visit(change, replace(visits(90, 0.63, 32, 6, 1)[0], time_h=90.4))
    stale = stored.look("V-017", NOW)
    assert not stale.can_accept
    assert "the vessel's records have changed since" in stale.standing
    assert "By the records as they are: " in stale.standing
    assert "stale" in stored.open(NOW).rows[0].standing
    with pytest.raises(InputError, match="cannot be accepted"):
        sign(stored, seen, seen.action)


def test_a_recommendation_that_came_meanwhile_is_not_signed_unseen(stored: Culture) -> None:
    look = stored.look("V-017", NOW)
    stored.recommend_now("V-017", "anna", NOW + timedelta(minutes=5))
    with pytest.raises(InputError, match="another recommendation came while you looked"):
        sign(stored, look, look.action, now=NOW + timedelta(minutes=6))


@pytest.mark.parametrize("name", ["nowhere.db", "nowhere.yaml", "", "broken.yaml", "other.db"])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.yaml").write_text("vessels: [{", encoding="utf-8")
    (tmp_path / "other.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(MonolayerError) as caught:
        Culture(str(tmp_path / name) if name else " ").open(NOW)
    assert name in str(caught.value)


@pytest.fixture
def widget(qtbot: Any) -> Iterator[Any]:
    from monolayer_napari.culture_widget import CultureWidget

    made = CultureWidget(None)
    qtbot.addWidget(made)
    made.resize(460, 900)
    made.show()
    yield made
    made.close_down()


def opened(widget: Any, source: Path, until: Until) -> None:
    widget.source.setText(str(source))
    widget.open_button.click()
    until(lambda: not widget.is_busy)


def test_widget_shows_a_vessel_and_draws_its_curve(
    widget: Any, tmp_path: Path, until: Until
) -> None:
    path = tmp_path / "vessels.yaml"
    write_histories(path, [history()])
    opened(widget, path, until)
    assert widget.told.text() == "1 vessel in culture."
    assert widget.shown.vessel == "V-017"
    assert widget.shown.forecast in widget.said.text()
    assert not widget.deciding.isVisible()
    assert widget.curve.is_drawn
    drawn = widget.curve.grab().toImage()
    colours = {drawn.pixelColor(x, y).name() for x in range(drawn.width())
               for y in range(0, drawn.height(), 2)}  # fmt: skip
    assert "#0b6573" in colours
    assert "#ffffff" in colours


def test_widget_stores_signs_and_forgets_the_password(
    widget: Any, study: Path, until: Until
) -> None:
    opened(widget, study, until)
    assert not widget.accept_button.isEnabled()
    widget.name.setText("anna")
    widget.again_button.click()
    assert not widget.override_button.isEnabled()
    until(lambda: not widget.is_busy)
    assert "is recommended, and stored" in widget.told.text()
    action = widget.shown.action
    assert widget.action.findText(action) == -1
    assert widget.action.findText("DISCARD") >= 0
    assert widget.accept_button.text() == f"Accept {action}"
    assert widget.accept_button.isEnabled()
    widget.password.setText("a wrong pass word")
    widget.accept_button.click()
    assert widget.password.text() == ""
    until(lambda: not widget.is_busy)
    assert "password" in widget.told.text()
    widget.password.setText(WORD)
    widget.accept_button.click()
    until(lambda: not widget.is_busy)
    assert widget.told.text() == f"V-017: {action} (accepted), by anna (operator)."
    assert "Last decision: " in widget.said.text()
    with Study.open(study) as at_last:
        assert [row["verdict"] for row in at_last.rows("dispositions")] == ["accept"]


def test_widget_tells_what_is_wrong_and_keeps_what_is_open(
    widget: Any, study: Path, tmp_path: Path, until: Until
) -> None:
    opened(widget, study, until)
    opened(widget, tmp_path / "nowhere.db", until)
    assert "there is no study" in widget.told.text()
    assert widget.shown.vessel == "V-017"
    widget.action.setCurrentText("DISCARD")
    widget.name.setText("rita")
    widget.override_button.click()
    until(lambda: not widget.is_busy)
    assert "password" in widget.told.text()


def test_vessel_chosen_last_is_the_one_shown(widget: Any, study: Path, until: Until) -> None:
    opened(widget, study, until)
    for row in (1, 0, 1):
        widget.table.selectRow(row)
    assert widget.curve.is_drawn is False
    assert not widget.override_button.isEnabled()
    until(lambda: not widget.is_busy)
    assert widget.shown.vessel == "V-018"


def test_nothing_is_read_in_the_windows_thread(
    widget: Any, study: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    turns: list[float] = []
    before, real = sys.getswitchinterval(), Study.open

    def noted(where: str) -> Study:
        threads.append(threading.current_thread().name)
        turns.append(sys.getswitchinterval())
        return real(where)

    monkeypatch.setattr(Study, "open", noted)
    opened(widget, study, until)
    widget.name.setText("anna")
    widget.again_button.click()
    until(lambda: not widget.is_busy)
    widget.password.setText(WORD)
    widget.accept_button.click()
    until(lambda: not widget.is_busy)
    assert len(threads) >= 6
    assert {name.rpartition("_")[0] for name in threads} == {"monolayer-culture"}
    assert max(turns) < before
    assert sys.getswitchinterval() == before


def test_what_fails_unforeseen_is_a_sentence_too(
    widget: Any, study: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("the wire was cut\nand more")

    monkeypatch.setattr(Culture, "look", fails)
    opened(widget, study, until)
    assert widget.told.text() == "It failed: RuntimeError: the wire was cut"
    assert widget.shown is None
    assert widget.open_button.isEnabled()


def test_a_study_beside_a_run_opens_at_the_vessel_that_it_shows(
    widget: Any, study: Path, tmp_path: Path, until: Until
) -> None:
    run, other = tmp_path / "moved" / "RUN", tmp_path / "OTHER"
    for folder in (run, other):
        folder.mkdir(parents=True)
        (folder / "fields.parquet").write_bytes(folder.name.encode())
    digest = hashlib.sha256(b"RUN").hexdigest()
    with Study.open(str(study)) as opened, opened.change("anna", "a run", at(91)) as change:
        change.add(
            "runs", name="RUN 1", folder="/elsewhere/RUN", method_sha256="0" * 64,
            record_sha256="0" * 64, fields_sha256=digest,
        )  # fmt: skip
        change.add("acquisitions", vessel="V-018", at=at(91), run="RUN 1", confluence=0.3)
    widget.open_for(str(study), run)
    until(lambda: widget.shown is not None and widget.shown.vessel == "V-018")
    widget.open_for(str(study), other)
    until(lambda: not widget.is_busy)
    assert widget.told.text() == "No vessel of this study was imported from this run."
    widget.open_for(str(tmp_path / "none.db"), run)
    until(lambda: not widget.is_busy)
    assert "none.db" in widget.told.text()


def test_closed_widget_asks_for_nothing_more(widget: Any, study: Path) -> None:
    widget.password.setText(WORD)
    widget.close()
    assert widget.password.text() == ""
    widget.source.setText(str(study))
    widget.open()
    assert not widget.is_busy
