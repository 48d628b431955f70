"""Who may do what to a real study, and what is left of it: SQLite and PostgreSQL alike."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.culture import recommend_for
from monolayer.custody import (
    Policy,
    add_person,
    alter_person,
    dispose_vessel,
    document_in_force,
    documents,
    draft_document,
    identified,
    latest_proposal,
    latest_proposals,
    recipe_in_force,
    recording,
    set_password,
    sign_record,
    signatures,
    site_policy,
    step_document,
    verify_study,
)
from monolayer.custody.document_steps import Content
from monolayer.errors import InputError, NotAllowedError
from monolayer.recipe import Recipe
from monolayer.record import LockedOutError, WrongPasswordError, sha256_of
from monolayer.study import Study

from .conftest import SEEDED

# The rules are the same whatever the database: one is enough for them.
IN_SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
WORDS = {"anna": "anna's pass word", "rita": "rita's pass word", "olga": "olga's pass word"}
NOW = SEEDED + timedelta(hours=100)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed at no cost: what scrypt does is tested with the credentials."""

    def cheap(password: str, salt: bytes, log2_n: int) -> bytes:
        return hashlib.sha256(salt + password.encode() + bytes([log2_n])).digest()

    monkeypatch.setattr("monolayer.record.credentials._scrypt", cheap)


@pytest.fixture
def staffed(study: Study) -> Study:
    """The study with a reviewer, an operator, and passwords."""
    with study.change("anna", "staff", SEEDED) as change:
        change.add("people", name="rita", printed_name="Rita Maas", roles=["reviewer"])
        change.add("people", name="olga", printed_name="Olga Berg", roles=["operator"])
        for hours, confluence in ((24, 0.2), (48, 0.4), (72, 0.6), (96, 0.7)):
            change.add("acquisitions", vessel="V-017", at=at(hours), confluence=confluence)
    set_password(study, "anna", WORDS["anna"], by="anna", by_password=None, now=NOW)
    for name in ("rita", "olga"):
        set_password(study, name, WORDS[name], by="anna", by_password=WORDS["anna"], now=NOW)
    return study


def at(hours: float) -> datetime:
    return SEEDED + timedelta(hours=hours)


def recommended(
    study: Study, recipe: Recipe | None = None, hours: float = 99, vessel: str = "V-017"
) -> str:
    """Store a recommendation as it is made; its action."""
    made = recommend_for(study.history(vessel), recipe or Recipe(), at_h=hours)
    content: dict[str, Any] = {"code": made.code, "history": made.history_sha256}
    with study.change("anna", "decide", at(hours)) as change:
        change.add(
            "recommendations", vessel=vessel, at=made.at, expires_at=made.expires_at,
            action=made.action, code=made.code, state=made.state, rule=made.rule,
            history_sha256=made.history_sha256, recipe_sha256=made.recipe_sha256,
            recipe=made.recipe, recipe_status=made.recipe_status, content=content,
            sha256=sha256_of(content),
        )  # fmt: skip
    return made.action


def approve(study: Study, kind: Any, content: Content, author: str = "olga") -> None:
    draft_document(study, kind, content, author=author, now=NOW)
    for to, name in (("review", "rita"), ("approve", "anna")):
        step_document(
            study, to, kind, content.name, content.version,  # type: ignore[arg-type]
            by=name, password=WORDS[name], now=NOW,
        )  # fmt: skip


def refusals(study: Study) -> list[tuple[str, str]]:
    return [(e["actor"], e["reason"]) for e in study.entries() if e["action"] == "refuse"]


def test_a_decision_as_recommended_is_accepted_and_signed(staffed: Study) -> None:
    action = recommended(staffed)
    decided = dispose_vessel(
        staffed, "V-017", action, name="olga", password=WORDS["olga"], now=NOW  # type: ignore[arg-type]
    )  # fmt: skip
    assert (decided.decision, decided.role, decided.doubt) == ("accept", "operator", None)
    (row,) = staffed.rows("dispositions")
    assert (row["verdict"], row["action"], row["person"]) == ("accept", action, "olga")
    assert row["sha256"] == sha256_of(asdict(decided))
    (signed,) = signatures(staffed)
    assert signed.broken is None
    assert signed.line.startswith("Olga Berg (olga, operator), 2026-11-14 11:00:00 UTC (local +01")
    assert f"responsibility, disposition {action} of V-017 " in signed.line


NEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "visit": ("acquisitions", {"at": at(99.5), "confluence": 0.71}),
    "count": ("viabilities", {"at": at(99.5), "live": 90, "total": 100}),
    "exchange": ("exchanges", {"at": at(99.5), "volume_ml": 5.0}),
    "late visit": ("acquisitions", {"at": at(90), "confluence": 0.68}),
    "late reading": ("readings", {"at": at(90), "quantity": "ph", "value": 7.2}),
}


@IN_SQLITE
def test_news_make_a_recommendation_stale(study: Study) -> None:
    with study.change("anna", "more vessels", SEEDED) as change:
        for name in NEWS:
            change.add("vessels", name=name, type="T-75", seeded_at=SEEDED)
    for name in NEWS:
        recommended(study, vessel=name)
    assert {latest_proposal(study, name, NOW)[1] for name in NEWS} == {None}
    with study.change("anna", "later", NOW) as change:
        for name, (kind, row) in NEWS.items():
            change.add(kind, vessel=name, **row)
    for name in NEWS:
        proposal, doubt = latest_proposal(study, name, NOW)
        assert proposal is not None
        assert doubt == "it is stale: the vessel's records have changed since", name
    recommended(study, vessel="visit", hours=99.6)
    with study.change("anna", "over", NOW) as change:
        change.end("vessels", "count", ended_as="harvested", ended_at=NOW)
    for ended, names in ((False, {*NEWS} - {"count"}), (True, {"count"}), (None, {*NEWS})):
        found = latest_proposals(study, NOW, ended=ended)
        assert found == {name: latest_proposal(study, name, NOW) for name in names}
    assert found["visit"][1] is None


@IN_SQLITE
def test_readings_that_came_since_and_other_vessels_do_not(study: Study) -> None:
    recommended(study)
    with study.change("anna", "later", NOW) as change:
        change.add("readings", vessel="V-017", at=at(99.5), quantity="ph", value=7.2)
        change.add("vessels", name="V-018", type="T-75", seeded_at=SEEDED)
    assert latest_proposal(study, "V-017", NOW)[1] is None
    assert latest_proposal(study, "V-018", NOW) == (None, None)
    assert "expired" in str(latest_proposal(study, "V-017", at(130))[1])


def test_nothing_is_written_where_a_decision_is_refused(staffed: Study) -> None:
    action = recommended(staffed)
    before = list(staffed.entries())
    with pytest.raises(InputError, match="cannot be accepted: it expired"):
        dispose_vessel(
            staffed, "V-017", action, name="olga", password=WORDS["olga"], now=at(130)  # type: ignore[arg-type]
        )  # fmt: skip
    with pytest.raises(InputError, match="needs a reason"):
        dispose_vessel(
            staffed, "V-017", "DISCARD", name="rita", password=WORDS["rita"], now=NOW
        )  # fmt: skip
    with pytest.raises(NotAllowedError, match="give the password"):
        dispose_vessel(staffed, "V-017", "HOLD", name="olga", password=None, reason="why not")
    with pytest.raises(InputError, match="did you mean 'V-017'"):
        dispose_vessel(
            staffed, "V-071", "HOLD", name="olga", password=WORDS["olga"], reason="why not"
        )  # fmt: skip
    assert list(staffed.entries()) == before
    assert staffed.rows("dispositions") == []


def test_documents_live_from_draft_to_retired(staffed: Study) -> None:
    first, second = Recipe(name="MSC"), Recipe(name="MSC", version="2")
    approve(staffed, "recipe", first)
    found, content = document_in_force(staffed, "recipe")
    assert (found.status, found.author, found.reviewer, found.approver) == (
        "approved", "olga", "rita", "anna",
    )  # fmt: skip
    assert Recipe.model_validate(content).sha256 == found.sha256 == first.sha256
    approve(staffed, "recipe", second)
    assert [each.status for each in documents(staffed)] == ["retired", "approved"]
    assert document_in_force(staffed, "recipe", "MSC")[0].version == "2"
    assert document_in_force(staffed, "recipe", "MSC", "1")[0].status == "retired"
    meanings = [(each.signature.meaning, each.title) for each in signatures(staffed, "document")]
    assert meanings == [
        ("review", "recipe MSC 1"), ("approval", "recipe MSC 1"),
        ("review", "recipe MSC 2"), ("approval", "recipe MSC 2"),
    ]  # fmt: skip
    assert all(each.broken is None for each in signatures(staffed))
    with pytest.raises(NotAllowedError, match="raise the version"):
        draft_document(staffed, "recipe", Recipe(name="MSC", version="2"), author="olga")
    with pytest.raises(InputError, match="there are 'MSC' 1, 'MSC' 2"):
        step_document(
            staffed, "review", "recipe", "MSC", "3", by="rita", password=WORDS["rita"]
        )  # fmt: skip
    with pytest.raises(InputError, match="the approved policy is not one document"):
        document_in_force(staffed, "policy")


@IN_SQLITE
def test_no_author_approves_the_own_document(staffed: Study) -> None:
    draft_document(staffed, "recipe", Recipe(), author="anna")
    step_document(staffed, "review", "recipe", "example", "1", by="rita", password=WORDS["rita"])
    with pytest.raises(NotAllowedError, match="anna wrote recipe example 1"):
        step_document(
            staffed, "approve", "recipe", "example", "1", by="anna", password=WORDS["anna"]
        )  # fmt: skip
    with pytest.raises(InputError, match="needs a reason"):
        step_document(
            staffed, "return", "recipe", "example", "1", by="rita", password=WORDS["rita"]
        )  # fmt: skip
    back = step_document(
        staffed, "return", "recipe", "example", "1",
        by="rita", password=WORDS["rita"], reason="limits are missing",
    )  # fmt: skip
    assert (back.status, back.reviewer) == ("draft", None)
    assert documents(staffed) == [back]


@IN_SQLITE
def test_a_recipe_that_only_calls_itself_approved_is_a_draft(staffed: Study) -> None:
    approve(staffed, "policy", Policy(accept_needs_approved_recipe=True))
    own_word = Recipe(status="approved")
    recommended(staffed, own_word)
    assert "its recipe is draft" in str(latest_proposal(staffed, "V-017", NOW)[1])
    approve(staffed, "recipe", own_word)
    assert latest_proposal(staffed, "V-017", NOW)[1] is None
    step_document(
        staffed, "retire", "recipe", "example", "1",
        by="anna", password=WORDS["anna"], reason="new process", now=NOW,
    )  # fmt: skip
    assert "its recipe is retired" in str(latest_proposal(staffed, "V-017", NOW)[1])


def test_a_studys_vessels_are_decided_by_its_approved_recipe(
    staffed: Study, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: MSC\nstatus: approved\n")
    assert (recipe_in_force(staffed).name, recipe_in_force(staffed).status) == ("example", "draft")
    assert recipe_in_force(staffed, file).status == "draft"
    approve(staffed, "recipe", Recipe(name="MSC"))
    assert recipe_in_force(staffed, file).status == "approved"
    assert recipe_in_force(staffed) == Recipe(name="MSC", status="approved")
    assert cli(["decide", "--study", place, "--store", "--as", "olga"]) == 0
    said = capsys.readouterr().out
    assert "recipe MSC 1 (approved)" in said
    action = said.split()[1]
    then = staffed.rows("recommendations")[0]["at"]
    decided = dispose_vessel(
        staffed, "V-017", action, name="olga", password=WORDS["olga"], now=then  # type: ignore[arg-type]
    )  # fmt: skip
    assert decided.decision == "accept"
    approve(staffed, "recipe", Recipe(name="other"))
    with pytest.raises(InputError, match="several recipes are approved"):
        recipe_in_force(staffed)


@IN_SQLITE
def test_the_policy_in_force_is_the_approved_one(staffed: Study) -> None:
    mine = Policy(
        name="site", sign_dispositions=False, permissions={"override": ("reviewer",)},
        override_reasons=("MORPHOLOGY",),
    )  # fmt: skip
    draft_document(staffed, "policy", mine, author="olga")
    assert site_policy(staffed) == Policy()
    for to, name in (("review", "rita"), ("approve", "anna")):
        step_document(
            staffed, to, "policy", "site", "1", by=name, password=WORDS[name]  # type: ignore[arg-type]
        )  # fmt: skip
    assert site_policy(staffed) == mine
    with pytest.raises(NotAllowedError, match="that is for reviewer"):
        dispose_vessel(staffed, "V-017", "HOLD", name="olga", password=None, reason="round cells")
    with pytest.raises(InputError, match="MORPHOLOGY"):
        dispose_vessel(staffed, "V-017", "HOLD", name="rita", password=None, reason="round cells")
    dispose_vessel(
        staffed, "V-017", "HOLD",
        name="rita", password=None, reason="round cells", reason_code="MORPHOLOGY",
    )  # fmt: skip
    assert signatures(staffed, "disposition") == []


@IN_SQLITE
def test_wrong_passwords_are_written_down_and_lock_out(staffed: Study) -> None:
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            sign_record(
                staffed, "vessel", "V-017", "authorship", name="olga", password="guess", now=NOW
            )  # fmt: skip
    with pytest.raises(LockedOutError):
        identified(staffed, "olga", WORDS["olga"], NOW)
    assert signatures(staffed) == []
    assert refusals(staffed) == [("olga", "wrong password")] * 5 + [("olga", "locked out")]
    assert identified(staffed, "olga", WORDS["olga"], NOW + timedelta(hours=1)).name == "olga"
    assert "failed_attempts" not in staffed.rows("people", name="olga")[0]
    assert verify_study(staffed).is_intact


def test_guesses_made_side_by_side_are_all_counted(staffed: Study, place: str) -> None:
    def guess(_: int) -> str:
        with Study.open(place) as mine:
            try:
                identified(mine, "olga", "guess", NOW)
            except NotAllowedError as error:
                return type(error).__name__
        return "let in"

    with ThreadPoolExecutor(8) as pool:
        said = Counter(pool.map(guess, range(8)))
    assert said == {"WrongPasswordError": 5, "LockedOutError": 3}
    assert verify_study(staffed).is_intact


@IN_SQLITE
def test_only_the_first_password_is_set_without_another(staffed: Study) -> None:
    with staffed.change("anna", "one more") as change:
        change.add("people", name="nils", printed_name="Nils", roles=["operator"])
    with pytest.raises(NotAllowedError, match="nils must give a password for this"):
        set_password(staffed, "nils", "nils's pass word", by="nils", by_password=None)
    with pytest.raises(NotAllowedError, match="may not administer"):
        set_password(staffed, "nils", "nils's pass word", by="olga", by_password=WORDS["olga"])
    with pytest.raises(NotAllowedError, match="nils has no password yet"):
        set_password(staffed, "nils", "nils's pass word", by="nils", by_password="guess")
    set_password(staffed, "olga", "olga's other word", by="olga", by_password=WORDS["olga"])
    assert identified(staffed, "olga", "olga's other word").name == "olga"
    text = str([*staffed.entries(), *signatures(staffed)])
    assert "scrypt" not in text
    assert "pass word" not in text


@IN_SQLITE
def test_records_are_written_by_those_whose_roles_allow_it(
    staffed: Study, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    discard = ["study", "end", place, "V-017", "--how", "discarded", "--at", "99"]
    assert cli([*discard, "--as", "olga"]) == 2
    assert "olga is operator and may not discard; that is for reviewer or approver" in (
        capsys.readouterr().err
    )
    approve(staffed, "policy", Policy(permissions={"record": ("reviewer",)}))
    with (
        pytest.raises(NotAllowedError, match="olga is operator and may not record"),
        recording(staffed, "olga", "a lot") as change,
    ):
        change.add("lots", name="L2")
    with recording(staffed, "rita", "a lot") as change:
        change.add("lots", name="L2")
    *_, last = written = list(staffed.entries())
    assert (last["actor"], last["role"], last["subject"]) == ("rita", "reviewer", "L2")
    decide = ["decide", "--study", place, "--store", "--as"]
    capsys.readouterr()
    assert cli([*decide, "olga"]) == 2
    assert "olga is operator and may not record; that is for reviewer." in capsys.readouterr().err
    assert list(staffed.entries()) == written
    assert cli([*decide, "rita"]) == 0
    roles = {each["role"] for each in staffed.entries(last["sequence"] + 1)}
    assert (roles, len(staffed.rows("recommendations"))) == ({"reviewer"}, 1)
    assert cli([*discard, "--as", "rita"]) == 0
    assert staffed.history("V-017").ended_as == "discarded"


@IN_SQLITE
def test_somebody_who_may_administer_is_always_left(staffed: Study) -> None:
    kept = staffed.rows("people")
    mine: Any = {"by": "anna", "by_password": WORDS["anna"], "reason": "leaves", "now": NOW}
    for change in ({"leaves": True}, {"roles": ["operator"]}):
        with pytest.raises(NotAllowedError, match="nobody would be left who may administer"):
            alter_person(staffed, "anna", **change, **mine)
    # Who has no password yet could do nothing.
    add_person(staffed, "nora", "Nora", ["approver"], by="anna", by_password=WORDS["anna"], now=NOW)
    with pytest.raises(NotAllowedError, match="and a password first"):
        alter_person(staffed, "anna", leaves=True, **mine)
    assert [row for row in staffed.rows("people") if row["name"] != "nora"] == kept
    set_password(staffed, "nora", "nora's pass word", by="anna", by_password=WORDS["anna"], now=NOW)
    alter_person(staffed, "anna", leaves=True, **mine)
    assert "left_at" in staffed.rows("people", name="anna")[0]


@IN_SQLITE
def test_who_left_signs_nothing(staffed: Study) -> None:
    with staffed.change("anna", "left") as change:
        change.end("people", "olga", left_at=NOW)
    with pytest.raises(NotAllowedError, match="no longer acts"):
        sign_record(staffed, "lot", "L1", "authorship", name="olga", password=WORDS["olga"])


def test_a_signature_breaks_when_what_it_stands_for_changes(staffed: Study) -> None:
    for kind, subject in (("vessel", "V-017"), ("lot", "L1")):
        sign_record(
            staffed, kind, subject, "review", name="rita", password=WORDS["rita"], now=NOW
        )  # fmt: skip
    assert [each.broken for each in signatures(staffed)] == [None, None]
    with staffed.change("anna", "a late visit", NOW) as change:
        change.add("acquisitions", vessel="V-017", at=at(98), confluence=0.72)
    found = signatures(staffed)
    assert [each.broken for each in found] == ["what was signed has been changed since"] * 2
    assert all(each.line.startswith("BROKEN Rita Maas (rita, reviewer)") for each in found)
    assert verify_study(staffed).is_intact
    with pytest.raises(InputError, match="there is no 'V-999' to sign"):
        sign_record(staffed, "vessel", "V-999", "review", name="rita", password=WORDS["rita"])
    with pytest.raises(InputError, match="nothing that is signed"):
        sign_record(staffed, "mood", "L1", "review", name="rita", password=WORDS["rita"])
