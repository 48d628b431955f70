"""People of a study: what they may do, and whether they are who they say they are.

A wrong password is written down before the refusal is told: a refusal that left no trace would let
anybody try for ever.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from monolayer.custody.policy import Policy
from monolayer.errors import InputError, NotAllowedError
from monolayer.record import Credential, Person, identify, new_credential, require, role_for
from monolayer.record.credentials import LockedOutError, WrongPasswordError
from monolayer.record.words import Act, Role
from monolayer.study import Change, Study
from monolayer.study.queries import names, rows
from monolayer.study.rows import nearest

__all__ = [
    "add_person",
    "alter_person",
    "has_passwords",
    "identified",
    "now_here",
    "person",
    "person_in",
    "policy_in",
    "recording",
    "set_password",
    "site_policy",
]


def now_here() -> datetime:
    """Now, with the local offset from UTC."""
    return datetime.now().astimezone()


def site_policy(study: Study) -> Policy:
    """The policy in force: the approved one; the built-in one where none is."""
    with study.reading() as connection:
        return policy_in(connection)


def policy_in(connection: Connection) -> Policy:
    """`site_policy` within a transaction."""
    found = rows(connection, "documents", kind="policy", status="approved")
    return Policy.model_validate(json.loads(found[-1]["content"])) if found else Policy()


def person(study: Study, name: str) -> Person:
    """Somebody of the study.

    Raises
    ------
    InputError
        Nobody is called that.
    """
    with study.reading() as connection:
        return person_in(connection, name)


def person_in(connection: Connection, name: str) -> Person:
    """`person` within a transaction."""
    row = _row(connection, name)
    return Person(name, row["printed_name"], tuple(row["roles"]), "left_at" not in row)


@contextmanager
def recording(
    study: Study, name: str, reason: str, act: Act = "record", at: datetime | None = None
) -> Iterator[Change]:
    """`Study.change` by somebody whose roles allow it.

    Raises
    ------
    NotAllowedError
        They do not.
    """
    with study.reading() as connection:
        role = require(person_in(connection, name), act, policy_in(connection))
    with study.change(name, reason, at, role=role) as change:
        yield change


def identified(study: Study, name: str, password: str, now: datetime | None = None) -> Person:
    """Somebody who has given the right password.

    Raises
    ------
    NotAllowedError
        It is wrong, none is set, it is too old, or there were too many wrong ones.
    """
    now = now or now_here()
    found = person(study, name)
    if not found.active:
        raise NotAllowedError(f"{name} no longer acts on this study; use your own name.")
    refusal: NotAllowedError | None = None
    # Under the writing lock: of guesses made side by side, each must see the ones before it.
    with study.change(name, "right password", now) as change:
        kept = _credential(_row(change.connection, name))
        try:
            _keep(
                change,
                name,
                kept,
                identify(name, kept, password, now, policy_in(change.connection)),
            )
        except WrongPasswordError as error:
            refusal, change.reason = error, "wrong password"
            _keep(change, name, kept, error.credential, "refuse")
        except LockedOutError as error:
            refusal, change.reason = error, "locked out"
            change.note("refuse", "people", name)
    if refusal is not None:
        raise refusal
    return found


def set_password(
    study: Study,
    name: str,
    password: str,
    *,
    by: str,
    by_password: str | None,
    now: datetime | None = None,
) -> None:
    """Set the password of somebody.

    Parameters
    ----------
    study : Study
        The study.
    name : str
        Whose.
    password : str
        The new one.
    by, by_password : str and str or None
        Who sets it: the person, with the old password, or somebody who may administer. None only
        for the very first password of a study.
    now : datetime, optional
        With its offset from UTC.

    Raises
    ------
    NotAllowedError
        Whoever sets it may not.
    InputError
        It is too short.
    """
    now = now or now_here()
    person(study, name)
    policy = site_policy(study)
    fresh = new_credential(password, now, policy)
    own = by == name and by_password is not None
    role = None if own else _administrator(study, by, by_password, policy, now)
    if own:
        identified(study, by, str(by_password), now)
    with study.change(by, "new password", now, role=role) as change:
        empty = {"failed_attempts": None, "locked_at": None}
        change.alter("people", name, action="password", password=fresh.hashed, **empty)


def add_person(
    study: Study,
    name: str,
    printed_name: str,
    roles: Sequence[Role],
    *,
    by: str,
    by_password: str | None,
    now: datetime | None = None,
) -> None:
    """Add somebody to a study.

    Parameters
    ----------
    study : Study
        The study.
    name, printed_name : str
        Identifier, never given to another, and the name as signatures print it.
    roles : sequence of str
        Out of operator, reviewer, approver.
    by, by_password : str and str or None
        Somebody who may administer. The password may be None only while nobody has one.
    now : datetime, optional
        With its offset from UTC.
    """
    now = now or now_here()
    role = _administrator(study, by, by_password, site_policy(study), now)
    with study.change(by, f"new {' and '.join(roles)}", now, role=role) as change:
        change.add("people", name=name, printed_name=printed_name, roles=list(roles))


def alter_person(
    study: Study,
    name: str,
    *,
    by: str,
    by_password: str | None,
    reason: str,
    roles: Sequence[Role] | None = None,
    leaves: bool = False,
    now: datetime | None = None,
) -> None:
    """Give somebody other roles, or write down that somebody has left; nobody is ever deleted.

    Raises
    ------
    NotAllowedError
        Whoever does it may not, or nobody would be left who may administer.
    """
    now = now or now_here()
    person(study, name)
    role = _administrator(study, by, by_password, site_policy(study), now)
    with study.change(by, reason, now, role=role) as change:
        if roles is not None:
            change.alter("people", name, action="roles", roles=list(roles))
        if leaves:
            change.end("people", name, left_at=now)
        _require_administrator(change)


def has_passwords(study: Study) -> bool:
    """Whether anybody of a study has a password yet."""
    return any("password" in row for row in study.rows("people"))


def _administrator(
    study: Study, by: str, password: str | None, policy: Policy, now: datetime
) -> Role:
    """The role in which somebody administers; without a password only before there is any."""
    if password is not None:
        return require(identified(study, by, password, now), "administer", policy)
    if has_passwords(study):
        raise NotAllowedError(
            f"{by} must give a password for this, as somebody who may administer."
        )
    return require(person(study, by), "administer", policy)


def _require_administrator(change: Change) -> None:
    """Refuse to lock everybody out: nothing could mend that."""
    policy, everybody = policy_in(change.connection), change.rows("people")
    held = any("password" in row for row in everybody)
    for row in everybody:
        one = Person(row["name"], row["printed_name"], tuple(row["roles"]), "left_at" not in row)
        if role_for(one, "administer", policy) and ("password" in row or not held):
            return
    raise NotAllowedError(
        "nobody would be left who may administer this study; give another person that role and a "
        "password first."
    )


def _row(connection: Connection, name: str) -> dict[str, Any]:
    found = rows(connection, "people", name=name)
    if not found:
        known = names(connection, "people")
        raise InputError(f"{name} is no person of this study; {nearest(name, known)}")
    return found[0]


def _credential(row: dict[str, Any]) -> Credential | None:
    hashed, locked_at = row.get("password"), row.get("locked_at")
    if not isinstance(hashed, str):
        return None
    n_failed = row.get("failed_attempts")
    return Credential(
        hashed,
        n_failed if isinstance(n_failed, int) else 0,
        locked_at if isinstance(locked_at, datetime) else None,
    )


def _keep(
    change: Change,
    name: str,
    kept: Credential | None,
    fresh: Credential,
    action: str = "identify",
) -> None:
    """Write down what has changed of somebody's failures."""
    if kept is None or fresh == kept:
        return
    locked = {} if fresh.locked_at == kept.locked_at else {"locked_at": fresh.locked_at}
    change.alter("people", name, action=action, failed_attempts=fresh.n_failed or None, **locked)
