"""Roles, and the life of methods and recipes: every combination against one obvious table."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import get_args

import pytest

from monolayer.errors import InputError, NotAllowedError
from monolayer.record import Document, Person, RecordSettings, draft, require, role_for, stamp, step
from monolayer.record.lifecycle import Step
from monolayer.record.words import Act, Role, Status

SITE = RecordSettings()
OLGA = Person("olga", "Olga Berg", ("operator",))
RITA = Person("rita", "Rita Maas", ("reviewer",))
ANNA = Person("anna", "Anna Falk", ("approver",))
BOTH = Person("bo", "Bo Lind", ("reviewer", "approver"))
SHA = "5f" * 32


def recipe(status: Status = "draft", **said: str | None) -> Document:
    return Document("recipe", "MSC", "3", SHA, "olga", status, **said)


@pytest.mark.parametrize(("act", "role"), list(product(get_args(Act), get_args(Role))))
def test_a_role_may_what_its_table_says(act: Act, role: Role) -> None:
    everyone = {"record", "accept", "override", "draft", "sign"}
    alone = {"review": {"reviewer"}, "approve": {"approver"}, "retire": {"approver"}}
    alone |= {shared: {"reviewer", "approver"} for shared in ("assess", "discard")}
    alone |= {"administer": {"approver"}}
    allowed = act in everyone or role in alone[act]
    person = Person("x", "X", (role,))
    assert role_for(person, act, SITE) == (role if allowed else None)
    if not allowed:
        with pytest.raises(NotAllowedError, match=f"x is {role} and may not {act}; that is for"):
            require(person, act, SITE)


def test_the_site_says_who_may_what() -> None:
    site = RecordSettings(permissions={"discard": ("operator",), "retire": ()})
    assert require(OLGA, "discard", site) == "operator"
    with pytest.raises(NotAllowedError, match=r"anna is approver and may not retire.* nobody"):
        require(ANNA, "retire", site)
    assert require(ANNA, "approve", site) == "approver"
    with pytest.raises(ValueError, match="some role must approve"):
        RecordSettings(permissions={"approve": ()})


def test_who_has_left_may_nothing() -> None:
    left = Person("anna", "Anna Falk", ("approver",), active=False)
    with pytest.raises(NotAllowedError, match="no longer acts"):
        require(left, "approve", SITE)


def test_a_document_goes_from_draft_to_retired() -> None:
    first = draft("recipe", "MSC", "3", SHA, OLGA, SITE)
    assert (first.status, first.author) == ("draft", "olga")
    reviewed = step(first, "review", RITA, SHA, SITE)
    assert (reviewed.status, reviewed.reviewer) == ("reviewed", "rita")
    approved = step(reviewed, "approve", ANNA, SHA, SITE)
    assert (approved.status, approved.approver) == ("approved", "anna")
    assert step(approved, "retire", ANNA, SHA, SITE).status == "retired"
    back = step(reviewed, "return", RITA, SHA, SITE)
    assert (back.status, back.reviewer) == ("draft", None)


@pytest.mark.parametrize(("to", "status"), list(product(get_args(Step), get_args(Status))))
def test_steps_that_are_none_are_refused(to: Step, status: Status) -> None:
    allowed = {
        ("review", "draft"), ("return", "reviewed"), ("approve", "reviewed"),
        ("retire", "draft"), ("retire", "reviewed"), ("retire", "approved"),
    }  # fmt: skip
    if (to, status) in allowed:
        assert step(recipe(status), to, BOTH, SHA, SITE).status != status
    else:
        with pytest.raises(NotAllowedError, match=f"recipe MSC 3 is {status}: "):
            step(recipe(status), to, BOTH, SHA, SITE)


def test_the_author_never_approves_his_own() -> None:
    own = Document("recipe", "MSC", "3", SHA, "bo", "reviewed", "rita")
    site = RecordSettings(reviewer_is_not_author=False)
    with pytest.raises(NotAllowedError, match="bo wrote recipe MSC 3 and cannot approve it"):
        step(own, "approve", BOTH, SHA, site)
    by_bo = Document("recipe", "MSC", "3", SHA, "bo")
    assert step(by_bo, "review", BOTH, SHA, site).status == "reviewed"
    with pytest.raises(NotAllowedError, match="cannot review it"):
        step(by_bo, "review", BOTH, SHA, SITE)


def test_a_site_may_ask_for_six_eyes() -> None:
    reviewed = recipe("reviewed", reviewer="bo")
    assert step(reviewed, "approve", BOTH, SHA, SITE).approver == "bo"
    site = RecordSettings(approver_is_not_reviewer=True)
    with pytest.raises(NotAllowedError, match="bo reviewed"):
        step(reviewed, "approve", BOTH, SHA, site)


@pytest.mark.parametrize("to", get_args(Step))
def test_no_step_on_another_content(to: Step) -> None:
    status: Status = "draft" if to in ("review", "retire") else "reviewed"
    with pytest.raises(InputError, match="not the content that was recorded"):
        step(recipe(status), to, BOTH, "00" * 32, SITE)


@pytest.mark.parametrize("sha256", [SHA, "00" * 32])
def test_a_recorded_version_stays_as_it_is(sha256: str) -> None:
    with pytest.raises(NotAllowedError, match="raise the version"):
        draft("recipe", "MSC", "3", sha256, OLGA, SITE, there=recipe("approved"))


def test_times_are_utc_with_the_local_offset_beside() -> None:
    berlin = timezone(timedelta(hours=1))
    found = stamp(datetime(2026, 11, 23, 0, 30, tzinfo=berlin))
    assert (found.at, found.local_offset_minutes) == ("2026-11-22T23:30:00.000000+00:00", 60)
    assert stamp(datetime(2026, 1, 1, tzinfo=UTC)).local_offset_minutes == 0
    with pytest.raises(InputError, match="no offset from UTC"):
        stamp(datetime(2026, 11, 23))
