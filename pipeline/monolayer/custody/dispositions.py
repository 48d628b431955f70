"""What a person decides about a vessel of a study, signed and bound to what was recommended."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, true

from monolayer.custody.persons import identified, now_here, person_in, policy_in
from monolayer.custody.policy import Policy
from monolayer.custody.signing import sign_within
from monolayer.errors import NotAllowedError
from monolayer.history import VesselHistory
from monolayer.record import Disposition, Proposal, dispose, sha256_of, why_not_acceptable
from monolayer.record.words import DisposedAction, Status
from monolayer.study import Study
from monolayer.study.histories import load_histories
from monolayer.study.queries import number_of, on_the_wall
from monolayer.study.tables import documents, recommendations, vessels

__all__ = ["dispose_vessel", "latest_proposal", "latest_proposals"]

# Not its content, which holds every verdict.
_COLUMNS = (
    recommendations.c.id,
    recommendations.c.vessel_id,
    recommendations.c.at,
    recommendations.c.expires_at,
    recommendations.c.expires_offset_minutes,
    recommendations.c.action,
    recommendations.c.code,
    recommendations.c.sha256,
    recommendations.c.history_sha256,
    recommendations.c.recipe_sha256,
)


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


def latest_proposals(
    study: Study, now: datetime | None = None, *, ended: bool | None = False
) -> dict[str, tuple[Proposal, str | None]]:
    """`latest_proposal` of all vessels at once, in a few looks; those that have none are not named.

    Parameters
    ----------
    study : Study
        Where to look.
    now : datetime, optional
        With its offset from UTC.
    ended : bool or None, default False
        Of vessels in culture; of those that ended (True); of all (None).
    """
    which = {
        False: vessels.c.ended_at.is_(None),
        True: vessels.c.ended_at.is_not(None),
        None: true(),
    }[ended]
    with study.reading() as connection:
        found = _latest_of(connection, which, now or now_here())
        return {name: (proposal, doubt) for name, (_, proposal, doubt) in found.items()}


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
    number = number_of(connection, "vessels", vessel)
    found = _latest_of(connection, vessels.c.id == number, now)
    return found.get(vessel, (None, None, None))


def _latest_of(
    connection: Connection, which: Any, now: datetime
) -> dict[str, tuple[int, Proposal, str | None]]:
    """Number, proposal and doubt of each vessel that meets a condition and has one."""
    each = recommendations.alias()
    newest = select(func.max(each.c.id)).where(each.c.vessel_id == vessels.c.id)
    statement = (
        select(vessels.c.name, *_COLUMNS)
        .join(recommendations, recommendations.c.vessel_id == vessels.c.id)
        .where(which, recommendations.c.id == newest.correlate(vessels).scalar_subquery())
    )
    found = {row.name: row for row in connection.execute(statement)}
    policy, statuses = policy_in(connection), _statuses(connection)
    latest = {}
    for history in load_histories(connection, [row.vessel_id for row in found.values()]):
        row = found[history.vessel.name]
        # A file may call itself approved; only what was approved in this study is.
        proposal = _proposed(row, statuses.get(row.recipe_sha256, "draft"))
        latest[row.name] = row.id, proposal, _doubt(proposal, row.at, history, now, policy)
    return latest


def _statuses(connection: Connection) -> dict[str, Status]:
    """Of every recipe in the study, by its hash; of those with the same, the last."""
    recipes = select(documents.c.sha256, documents.c.status).where(documents.c.kind == "recipe")
    return {row.sha256: row.status for row in connection.execute(recipes.order_by(documents.c.id))}


def _proposed(row: Any, status: Status) -> Proposal:
    return Proposal(
        vessel=row.name,
        action=row.action,
        code=row.code,
        sha256=row.sha256,
        history_sha256=row.history_sha256,
        recipe_sha256=row.recipe_sha256,
        recipe_status=status,
        expires_at=on_the_wall(row.expires_at, row.expires_offset_minutes),
    )


def _doubt(
    proposal: Proposal, at: datetime, history: VesselHistory, now: datetime, policy: Policy
) -> str | None:
    doubt = why_not_acceptable(proposal, now, _known_then(history, at), None, policy)
    if doubt is None and proposal.recipe_status == "retired":
        return "it is stale: its recipe has been retired"
    if doubt is None and history.ended_as is not None:
        return f"the vessel has been {history.ended_as}"
    return doubt


def _known_then(history: VesselHistory, at: datetime) -> str:
    """Hash of the records that the recommendation should have been made from.

    Sensors report every few minutes: readings that came since do not make it stale; a visit, a
    count, an exchange, an excursion or fault, the vessel's end, or a change of what was known then
    does.
    """
    seeded_at = history.vessel.seeded_at
    if seeded_at is None:
        return history.sha256
    at_h = (at - seeded_at).total_seconds() / 3600
    kinds = (history.acquisitions, history.viabilities, history.exchanges, history.sensor_events)
    later = any(kind and kind[-1].time_h > at_h for kind in kinds)
    return history.sha256 if later else history.until(at_h).sha256
