"""What a person may decide, and what a signature holds to."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from monolayer.errors import InputError, NotAllowedError
from monolayer.record import (
    Anchor,
    Credential,
    LockedOutError,
    Person,
    Proposal,
    RecordSettings,
    WrongPasswordError,
    dispose,
    identify,
    new_credential,
    sign,
    why_broken,
    why_not_acceptable,
)
from monolayer.record.words import DisposedAction, Meaning

SITE = RecordSettings(scrypt_log2_n=14)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=1)))
OLGA = Person("olga", "Olga Berg", ("operator",))
RITA = Person("rita", "Rita Maas", ("reviewer",))
ANNA = Person("anna", "Anna Falk", ("approver",))
HARVEST = Proposal(
    "V-017", "HARVEST", "TARGET", "aa" * 32, "bb" * 32, "cc" * 32, "approved",
    NOW + timedelta(hours=12),
)  # fmt: skip
PASSWORD = "correct horse battery"


def doubt(proposal: Proposal = HARVEST, **said: Any) -> str | None:
    given: dict[str, Any] = {
        "now": NOW,
        "history_sha256": "bb" * 32,
        "recipe_sha256": "cc" * 32,
        "settings": SITE,
    }
    return why_not_acceptable(proposal, **(given | said))


def test_as_recommended_is_accepted_without_a_reason() -> None:
    found = dispose("V-017", "HARVEST", OLGA, NOW, SITE, proposal=HARVEST, doubt=doubt())
    assert (found.decision, found.recommended, found.reason) == ("accept", "HARVEST", None)
    assert (found.person, found.role) == ("olga", "operator")
    assert (found.at.at, found.at.local_offset_minutes) == ("2026-11-23T11:00:00.000000+00:00", 60)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"now": NOW + timedelta(hours=12)}, "it expired at 2026-11-24 00:00"),
        ({"history_sha256": "dd" * 32}, "stale: the vessel's records"),
        ({"recipe_sha256": "dd" * 32}, "stale: another recipe"),
    ],
)
def test_what_no_longer_holds_cannot_be_accepted(said: dict[str, Any], why: str) -> None:
    found = doubt(**said)
    assert why in str(found)
    with pytest.raises(InputError, match=r"cannot be accepted.*make a new recommendation"):
        dispose("V-017", "HARVEST", OLGA, NOW, SITE, proposal=HARVEST, doubt=found)


def test_a_recommendation_holds_to_the_last_moment() -> None:
    assert doubt(now=NOW + timedelta(hours=12) - timedelta(microseconds=1)) is None
    assert doubt(replace(HARVEST, expires_at=None), now=NOW + timedelta(days=900)) is None
    assert doubt(recipe_sha256=None) is None


def test_a_site_may_accept_by_approved_recipes_only() -> None:
    by_draft = replace(HARVEST, recipe_status="draft")
    assert doubt(by_draft) is None
    site = RecordSettings(accept_needs_approved_recipe=True)
    assert doubt(by_draft, settings=site) is not None
    assert doubt(settings=site) is None


@pytest.mark.parametrize("action", sorted(set(get_args(DisposedAction)) - {"HARVEST"}))
@pytest.mark.parametrize("reason", [None, "", "  ", "no"])
def test_anything_else_is_an_override_and_needs_a_reason(
    action: DisposedAction, reason: str | None
) -> None:
    with pytest.raises(InputError, match=f"V-017: {action} against HARVEST needs a reason"):
        dispose("V-017", action, ANNA, NOW, SITE, proposal=HARVEST, reason=reason)
    found = dispose("V-017", action, ANNA, NOW, SITE, proposal=HARVEST, reason=" cells round up ")
    assert (found.decision, found.reason) == ("override", "cells round up")


def test_a_stale_recommendation_can_be_overridden_and_the_doubt_is_kept() -> None:
    found = dispose(
        "V-017", "HOLD", OLGA, NOW, SITE,
        proposal=HARVEST, doubt="it is stale", reason="waiting for a count",
    )  # fmt: skip
    assert (found.decision, found.doubt) == ("override", "it is stale")


def test_to_discard_is_a_persons_and_not_an_operators() -> None:
    with pytest.raises(NotAllowedError, match="may not discard; that is for reviewer or approver"):
        dispose("V-017", "DISCARD", OLGA, NOW, SITE, reason="contaminated")
    with pytest.raises(InputError, match="DISCARD without a recommendation needs a reason"):
        dispose("V-017", "DISCARD", RITA, NOW, SITE)
    found = dispose("V-017", "DISCARD", RITA, NOW, SITE, reason="contaminated")
    assert (found.decision, found.recommended) == ("override", None)


def test_a_recommendation_to_discard_is_never_accepted() -> None:
    forged = replace(HARVEST, action="DISCARD")
    assert "software does not recommend" in str(doubt(forged))
    with pytest.raises(InputError, match="needs a reason"):
        dispose("V-017", "DISCARD", ANNA, NOW, SITE, proposal=forged)


def test_the_sites_reason_codes_are_asked_for() -> None:
    site = RecordSettings(override_reasons=("MORPHOLOGY", "CAPACITY"))
    with pytest.raises(InputError, match="reason codes: MORPHOLOGY, CAPACITY"):
        dispose("V-017", "HOLD", OLGA, NOW, site, proposal=HARVEST, reason="no free hood")
    found = dispose(
        "V-017", "HOLD", OLGA, NOW, site,
        proposal=HARVEST, reason="no free hood", reason_code="CAPACITY",
    )  # fmt: skip
    assert found.reason_code == "CAPACITY"
    with pytest.raises(ValueError, match="at least one letter"):
        RecordSettings(override_reasons=(" ",))


def test_a_recommendation_is_for_its_own_vessel() -> None:
    with pytest.raises(InputError, match="for V-017 and not for V-018"):
        dispose("V-018", "HARVEST", OLGA, NOW, SITE, proposal=HARVEST)


@pytest.mark.parametrize("meaning", get_args(Meaning))
def test_a_signature_shows_name_time_and_meaning(meaning: Meaning) -> None:
    both = Person("bo", "Bo Lind", ("reviewer", "approver"))
    found = sign("lot", "L-9", "ab" * 32, both, meaning, NOW, (12, "ef" * 32), SITE)
    assert found.line() == (
        f"Bo Lind (bo, {found.role}), 2026-11-23 11:00:00 UTC (local +01:00), {meaning}, "
        "lot L-9 abababababab"
    )
    where = "the signature of Bo Lind at 2026-11-23T11:00:00.000000+00:00"
    assert found.anchor == Anchor(12, "ef" * 32, where)


def test_what_a_role_cannot_do_it_cannot_sign_for() -> None:
    for person, meaning in ((OLGA, "review"), (OLGA, "approval"), (RITA, "approval")):
        with pytest.raises(NotAllowedError, match="may not"):
            sign("lot", "L-9", "ab" * 32, person, meaning, NOW, (1, "ef" * 32), SITE)  # type: ignore[arg-type]
    with pytest.raises(NotAllowedError, match="no printed name"):
        sign(
            "lot", "L-9", "ab" * 32, Person("x", " ", ("operator",)), "authorship", NOW,
            (1, "ef" * 32), SITE,
        )  # fmt: skip


def test_a_signature_breaks_when_its_record_or_itself_changes() -> None:
    found = sign("lot", "L-9", "ab" * 32, ANNA, "approval", NOW, (12, "ef" * 32), SITE)
    assert why_broken(found, "ab" * 32, found.sha256) is None
    assert why_broken(found, "ac" * 32) == "what was signed has been changed since"
    assert why_broken(found, None) == "what was signed is gone"
    for name, value in found.content().items():
        other: Any = value + 1 if isinstance(value, int) else f"{value}x"
        changed = replace(found, **{name: other})
        assert why_broken(changed, "ab" * 32, found.sha256) == "the signature itself was changed"


def test_the_right_password_identifies() -> None:
    kept = new_credential(PASSWORD, NOW, SITE)
    assert PASSWORD not in kept.hashed
    assert new_credential(PASSWORD, NOW, SITE).hashed != kept.hashed
    assert identify("anna", replace(kept, n_failed=3), PASSWORD, NOW, SITE) == kept


def test_a_password_is_kept_as_scrypt_of_its_cost_and_salt() -> None:
    kept = new_credential("pässword of length", NOW, SITE)
    _, log2_n, _, salt, digest = kept.hashed.split("$")
    wanted = hashlib.scrypt(
        "pässword of length".encode(), salt=bytes.fromhex(salt), n=2 ** int(log2_n), r=8, p=1,
        maxmem=2**26, dklen=32,
    )  # fmt: skip
    assert digest == wanted.hex()


def test_the_same_letters_of_another_keyboard_are_the_same_password() -> None:
    kept = new_credential("zwölf Zeichen", NOW, SITE)
    assert identify("anna", kept, "zwo\u0308lf Zeichen", NOW, SITE) == kept


def test_wrong_passwords_are_counted_and_lock_out_for_a_while() -> None:
    site = RecordSettings(scrypt_log2_n=14, max_failed_attempts=3, lockout_minutes=30)
    kept: Credential = new_credential(PASSWORD, NOW, site)
    said = []
    for _ in range(3):
        with pytest.raises(WrongPasswordError) as caught:
            identify("anna", kept, "guess", NOW, site)
        kept = caught.value.credential
        said.append(str(caught.value))
    assert "2 more tries." in said[0]
    assert "1 more tries." in said[1]
    assert "locked out until 2026-11-23 12:30" in said[2]
    with pytest.raises(LockedOutError, match="12:30"):
        identify("anna", kept, PASSWORD, NOW + timedelta(minutes=29), site)
    later = NOW + timedelta(minutes=30)
    assert identify("anna", kept, PASSWORD, later, site).n_failed == 0
    with pytest.raises(WrongPasswordError) as caught:
        identify("anna", kept, "guess", later, site)
    assert (caught.value.credential.n_failed, caught.value.credential.locked_at) == (1, None)


def test_a_lockout_without_an_end_stays() -> None:
    site = RecordSettings(scrypt_log2_n=14, max_failed_attempts=1, lockout_minutes=None)
    kept = new_credential(PASSWORD, NOW, site)
    with pytest.raises(WrongPasswordError, match="until an approver sets") as caught:
        identify("anna", kept, "guess", NOW, site)
    with pytest.raises(LockedOutError):
        identify("anna", caught.value.credential, PASSWORD, NOW + timedelta(days=9), site)


def test_passwords_age_where_the_site_says_so() -> None:
    site = RecordSettings(scrypt_log2_n=14, max_password_age_days=90)
    kept = new_credential(PASSWORD, NOW.astimezone(UTC), site)
    assert identify("anna", kept, PASSWORD, NOW + timedelta(days=90), site) == kept
    with pytest.raises(NotAllowedError, match="older than 90 days"):
        identify("anna", kept, PASSWORD, NOW + timedelta(days=91), site)


def test_short_and_missing_passwords_are_refused() -> None:
    with pytest.raises(InputError, match="12 characters or more"):
        new_credential("short", NOW, SITE)
    with pytest.raises(NotAllowedError, match="anna has no password yet"):
        identify("anna", None, PASSWORD, NOW, SITE)
