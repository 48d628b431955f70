"""People of a study: what they may do, and whether they are who they say they are.

A wrong password is written down in a change of its own, before the refusal is told: a refusal that
left no trace would let anybody try for ever.
"""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from monolayer.custody.policy import Policy
from monolayer.errors import InputError, NotAllowedError
from monolayer.record import Credential, Person, identify, new_credential, require
from monolayer.record.credentials import LockedOutError, WrongPasswordError
from monolayer.study import Study
from monolayer.study.queries import names, rows
from monolayer.study.rows import nearest

__all__ = [
    "has_password",
    "identified",
    "now_here",
    "person",
    "person_in",
    "policy_in",
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


def identified(study: Study, name: str, password: str, now: datetime | None = None) -> Person:
    """Somebody who has given the right password.

    Raises
    ------
    NotAllowedError
        It is wrong, none is set, it is too old, or there were too many wrong ones.
    """
    now = now or now_here()
    with study.reading() as connection:
        found, policy = person_in(connection, name), policy_in(connection)
        kept = _credential(_row(connection, name))
    if not found.active:
        raise NotAllowedError(f"{name} no longer acts on this study; use your own name.")
    try:
        fresh = identify(name, kept, password, now, policy)
    except WrongPasswordError as error:
        _write(study, name, kept, error.credential, "refuse", now)
        raise
    except LockedOutError:
        with study.change(name, "locked out", now) as change:
            change.note("refuse", "people", name)
        raise
    if kept != fresh:
        _write(study, name, kept, fresh, "identify", now)
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
    if by_password is None:
        _check_first(study, by)
        setter = person(study, by)
    else:
        setter = identified(study, by, by_password, now)
    role = require(setter, "administer", policy) if by != name or by_password is None else None
    with study.change(by, "new password", now, role=role) as change:
        empty = {"failed_attempts": None, "locked_at": None}
        change.alter("people", name, action="password", password=fresh.hashed, **empty)


def has_password(study: Study, name: str) -> bool:
    """Whether somebody has a password."""
    with study.reading() as connection:
        return "password" in _row(connection, name)


def _check_first(study: Study, by: str) -> None:
    """Without a password only the study's very first one is set."""
    with study.reading() as connection:
        holders = [row["name"] for row in rows(connection, "people") if "password" in row]
    if holders:
        raise NotAllowedError(
            f"{by} must give a password to set one: an own one, or that of somebody who may "
            f"administer (passwords have {', '.join(holders)})."
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


def _write(
    study: Study, name: str, kept: Credential | None, fresh: Credential, action: str, now: datetime
) -> None:
    reasons = {"refuse": "wrong password", "identify": "right password"}
    before = None if kept is None else kept.locked_at
    locked = {} if fresh.locked_at == before else {"locked_at": fresh.locked_at}
    with study.change(name, reasons[action], now) as change:
        change.alter(
            "people", name, action=action, failed_attempts=fresh.n_failed or None, **locked
        )
