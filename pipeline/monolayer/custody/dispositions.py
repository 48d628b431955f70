"""What a person decides about a vessel of a study, signed and bound to what was recommended."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from monolayer.custody.persons import identified, now_here, person_in, policy_in
from monolayer.custody.signing import sign_within
from monolayer.errors import InputError, NotAllowedError
from monolayer.history import VesselHistory
from monolayer.record import Disposition, Proposal, dispose, sha256_of, why_not_acceptable
from monolayer.record.words import DisposedAction, Status
from monolayer.study import Study
from monolayer.study.histories import load_histories
from monolayer.study.queries import names, rows
from monolayer.study.rows import nearest

__all__ = ["dispose_vessel", "latest_proposal"]


def latest_proposal(
    study: Study, vessel: str, now: datetime | None = None
) -> tuple[Proposal | None, str | None]:
    """The latest recommendation of a vessel, and why it cannot be accepted.

    Returns
    -------
    Proposal or None
        None where nothing was recommended yet.
    str or None
        None where it holds.
    """
    with study.reading() as connection:
        _, proposal, doubt = _latest(connection, vessel, now or now_here())
        return proposal, doubt


def dispose_vessel(
    study: Study,
    vessel: str,
    action: DisposedAction,
    *,
    name: str,
    password: str | None,
    reason: str | None = None,
    reason_code: str | None = None,
    now: datetime | None = None,
) -> Disposition:
    """Decide about a vessel: what its latest recommendation says, or something else.

    Parameters
    ----------
    study : Study
        The study.
    vessel, action : str
        What is to be done with which vessel.
    name, password : str and str or None
        Who decides; the password may be None only where the site does not have dispositions
        signed.
    reason, reason_code : str, optional
        Why; obligatory where the action is not the recommended one.
    now : datetime, optional
        With its offset from UTC.

    Raises
    ------
    NotAllowedError
        The password is wrong or missing, or the person may not.
    InputError
        The recommendation no longer holds, a reason is missing, or the vessel is unknown.
    """
    now = now or now_here()
    decider = None if password is None else identified(study, name, password, now)
    words = (reason or "").strip() or f"{action} as recommended"
    with study.change(name, words, now) as change:
        connection = change.connection
        policy = policy_in(connection)
        if decider is None and policy.sign_dispositions:
            raise NotAllowedError(f"{name}: this site has dispositions signed; give the password.")
        number, proposal, doubt = _latest(connection, vessel, now)
        decided = dispose(
            vessel, action, decider or person_in(connection, name), now, policy,
            proposal=proposal, doubt=doubt, reason=reason, reason_code=reason_code,
        )  # fmt: skip
        change.role = decided.role
        added = change.add(
            "dispositions",
            vessel=vessel,
            recommendation=number,
            person=name,
            at=now,
            verdict=decided.decision,
            action=decided.action,
            reason_code=decided.reason_code,
            reason=decided.reason,
            doubt=decided.doubt,
            sha256=sha256_of(asdict(decided)),
        )
        if decider is not None:
            sign_within(change, "dispositions", str(added), "responsibility", decider, policy)
        return decided


def _latest(
    connection: Connection, vessel: str, now: datetime
) -> tuple[int | None, Proposal | None, str | None]:
    policy = policy_in(connection)
    history = _history(connection, vessel)
    found = rows(connection, "recommendations", newest=1, vessel=vessel)
    if not found:
        return None, None, None
    row = found[0]
    recipe = rows(connection, "documents", kind="recipe", sha256=row["recipe_sha256"])
    # A file may call itself approved; only what was approved in this study is.
    status: Status = recipe[-1]["status"] if recipe else "draft"
    proposal = Proposal(
        vessel=vessel,
        action=row["action"],
        code=row["code"],
        sha256=row["sha256"],
        history_sha256=row["history_sha256"],
        recipe_sha256=row["recipe_sha256"],
        recipe_status=status,
        expires_at=row["expires_at"],
    )
    doubt = why_not_acceptable(proposal, now, _known_then(history, row), None, policy)
    if doubt is None and status == "retired":
        doubt = "it is stale: its recipe has been retired"
    if doubt is None and history.ended_as is not None:
        doubt = f"the vessel has been {history.ended_as}"
    return row["id"], proposal, doubt


def _known_then(history: VesselHistory, row: Mapping[str, Any]) -> str:
    """Hash of the records that the recommendation should have been made from.

    Sensors report every few minutes: readings that came since do not make it stale; a visit, a
    count, an exchange, an excursion or fault, the vessel's end, or a change of what was known then
    does.
    """
    seeded_at = history.vessel.seeded_at
    if seeded_at is None:
        return history.sha256
    at_h = (row["at"] - seeded_at).total_seconds() / 3600
    kinds = (history.acquisitions, history.viabilities, history.exchanges, history.sensor_events)
    later = any(kind and kind[-1].time_h > at_h for kind in kinds)
    return history.sha256 if later else history.until(at_h).sha256


def _history(connection: Connection, vessel: str) -> VesselHistory:
    found = rows(connection, "vessels", name=vessel)
    if not found:
        raise InputError(
            f"vessel '{vessel}' is unknown; {nearest(vessel, names(connection, 'vessels'))}"
        )
    (history,) = load_histories(connection, [found[0]["id"]])
    return history
