"""A batch report out of a study: what is stored is shown, who did it and whether it stands."""

import hashlib
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.pipeline.vessel_histories import visits

from monolayer.batch import record_sha256, render_batch
from monolayer.cli import _exit_code as cli
from monolayer.culture import recommend_for
from monolayer.culture.advise import store_recommendations
from monolayer.custody import (
    dispose_vessel,
    draft_document,
    set_password,
    sign_record,
    step_document,
)
from monolayer.custody.trail import head_of
from monolayer.dossier import batch_record
from monolayer.dossier.study import lot_of_study, recipe_of_study
from monolayer.errors import ConfigError
from monolayer.recipe import Recipe
from monolayer.study import Study

from .conftest import SEEDED

NOW = SEEDED + timedelta(hours=92)
WORD = "a pass word of somebody"
RECIPE = Recipe(name="ASC", version="3")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    def cheap(password: str, salt: bytes, log2_n: int) -> bytes:
        return hashlib.sha256(salt + password.encode() + bytes([log2_n])).digest()

    monkeypatch.setattr("monolayer.record.credentials._scrypt", cheap)


def at(hours: float) -> datetime:
    return SEEDED + timedelta(hours=hours)


@pytest.fixture
def filled(sqlite_study: Study) -> Study:
    """A vessel that is watched, decided about, harvested, and its lot signed."""
    study = sqlite_study
    with study.change("anna", "staff and visits", SEEDED) as change:
        change.add("people", name="rita", printed_name="Rita Maas", roles=["reviewer", "approver"])
        change.add("people", name="olga", printed_name="Olga Berg", roles=["operator"])
    set_password(study, "anna", WORD, by="anna", by_password=None, now=SEEDED)
    for name in ("rita", "olga"):
        set_password(study, name, WORD, by="anna", by_password=WORD, now=SEEDED)
    with study.change("olga", "visits", at(91)) as change:
        change.add("exchanges", vessel="V-017", at=at(48), volume_ml=650)
        for visit in visits(90, 0.86, 32, 6, 8):
            change.add(
                "acquisitions", vessel="V-017", at=at(visit.time_h), n_fields=20, n_fields_ok=20,
                confluence=visit.confluence, confluence_field_cv=0.12, contamination=False,
                confluence_lower_bound=visit.confluence_lower_bound, doublings=12.0,
                image_sha256=visit.image_sha256, image_sha256_found=visit.image_sha256,
                method_sha256="ab" * 32,
            )  # fmt: skip
    return study


def decided(study: Study) -> None:
    made = recommend_for(study.history("V-017"), RECIPE)
    assert store_recommendations(study, [made], "olga", "the plan", at=at(91)) == 1
    dispose_vessel(
        study, "V-017", "HOLD", name="olga", password=WORD, reason="incubator is full", now=NOW
    )
    with study.change("olga", "harvest", at(100)) as change:
        change.end("vessels", "V-017", ended_as="harvested", ended_at=at(99), cells_out=2.1e8)


def test_what_the_study_holds_is_on_the_report(filled: Study) -> None:
    decided(filled)
    signed = sign_record(
        filled, "lot", "L1", "approval", name="rita", password=WORD, now=at(110)
    ).signature
    found = lot_of_study(filled, RECIPE, lot="L1")
    record = batch_record(found.histories, RECIPE, found.recorded)
    (vessel,) = record.vessels
    assert (vessel.kind, vessel.yielded.actual) == ("CellSTACK-10", 2.1e8)
    assert (record.lot.name, record.lot.donor) == ("L1", "D1")
    (decision,) = vessel.decisions
    assert decision.origin == "recorded"
    again = recommend_for(filled.history("V-017").until(90), RECIPE)
    assert (decision.action, decision.code, decision.rule) == (
        again.action, again.code, again.rule,
    )  # fmt: skip
    assert [c.name for c in decision.evidence] == [c.name for c in again.evidence]
    assert decision.disposition is not None
    assert decision.disposition.person == "Olga Berg"
    assert decision.disposition.verdict == "override"
    (last,) = record.signatures[-1:]
    assert (last.printed_name, last.meaning, last.broken) == ("Rita Maas", "approval", None)
    assert last.record_sha256 == signed.subject_sha256
    assert record.audit_head_sha256 == head_of(filled).sha256
    text = render_batch(record)
    for words in (
        "recorded by Olga Berg", "Olga Berg decided HOLD instead of", "incubator is full",
        "not among the study&#39;s documents", head_of(filled).sha256, "stored when they were made",
    ):  # fmt: skip
        assert words in text, words


def test_a_signature_breaks_visibly_when_its_lot_changes(filled: Study) -> None:
    sign_record(filled, "lot", "L1", "review", name="rita", password=WORD, now=NOW)
    with filled.change("olga", "one more", at(96)) as change:
        change.add("exchanges", vessel="V-017", at=at(95), volume_ml=650)
    found = lot_of_study(filled, RECIPE)
    text = render_batch(batch_record(found.histories, RECIPE, found.recorded))
    assert "BROKEN: what was signed has been changed since" in text


def test_the_record_is_the_same_until_something_in_it_changes(filled: Study) -> None:
    def digest() -> str:
        found = lot_of_study(filled, RECIPE)
        return record_sha256(batch_record(found.histories, RECIPE, found.recorded))

    first = digest()
    assert digest() == first
    with filled.change("anna", "another lot", at(96)) as change:
        change.add("lots", name="L2", donor="D1")
    assert digest() == first
    with filled.change("anna", "fed", at(96)) as change:
        change.add("exchanges", vessel="V-017", at=at(95), volume_ml=650)
    assert digest() != first


def test_an_approval_counts_only_where_the_study_has_it(filled: Study) -> None:
    claimed = RECIPE.model_copy(update={"status": "approved"})

    def status() -> tuple[str | None, str | None]:
        found = lot_of_study(filled, claimed)
        document = batch_record(found.histories, claimed, found.recorded).documents[0]
        return document.status, document.approved_by

    assert status() == (None, None)
    assert recipe_of_study(filled) == Recipe()
    draft_document(filled, "recipe", claimed, author="olga", now=NOW)
    assert status() == ("draft", None)
    step_document(filled, "review", "recipe", "ASC", "3", by="rita", password=WORD, now=NOW)
    assert status() == ("reviewed", None)
    step_document(filled, "approve", "recipe", "ASC", "3", by="anna", password=WORD, now=NOW)
    assert status() == ("approved", "anna")
    assert recipe_of_study(filled) == claimed


def test_a_report_names_one_lot(filled: Study) -> None:
    with filled.change("anna", "another lot", NOW) as change:
        change.add("lots", name="L2", donor="D1")
        change.add("vessels", name="V-9", type="T-75", lot="L2", seeded_at=SEEDED, parent="V-017")
    with pytest.raises(ConfigError, match="holds the lots L1, L2; say which by --lot NAME"):
        lot_of_study(filled, RECIPE)
    with pytest.raises(ConfigError, match="no vessel of --lot L3"):
        lot_of_study(filled, RECIPE, lot="L3")
    found = lot_of_study(filled, RECIPE, lot="L2")
    (vessel,) = batch_record(found.histories, RECIPE, found.recorded).vessels
    assert vessel.parents == ("V-017",)
    assert lot_of_study(filled, RECIPE, vessel="V-017").recorded.vessels["V-017"].children == (
        "V-9",
    )


def test_from_the_command_line(
    filled: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "out.html"
    command = ["batch-report", "--study", filled.where, "--lot", "L1", "-o", str(page)]
    assert cli([*command, "--issued", "2026-11-16T09:30+01:00"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Vessel V-017, lot L1: {page}")
    (digest,) = re.findall(r"record SHA-256 ([0-9a-f]{64})", said)
    text = page.read_text(encoding="utf-8")
    assert digest in text
    assert "copy issued 2026-11-16 09:30 +01:00 (08:30 UTC)" in text
    assert cli([*command, "--record", "x.yaml"]) == 2
    assert "leave out --record" in capsys.readouterr().err


def test_pictures_of_a_run_that_is_gone_say_so(filled: Study) -> None:
    from monolayer.engine.visit_pictures import recorded_pictures

    history = filled.history("V-017")
    folders: list[Path | None] = [None] * len(history.acquisitions)
    folders[0] = Path("/nowhere/RUN")
    found = recorded_pictures(history, folders)
    assert all(each.picture is None for each in found)
    assert found[0].reason.startswith("No picture of the run RUN: ")
    assert found[1].reason == "No run is recorded for this visit."
