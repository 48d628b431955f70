"""Disposition: what a person decides about a vessel, as recommended or against it.

To do as recommended is to accept, and needs a recommendation that still holds. Anything else is an
override and needs a reason; it is never blocked by the software's own state, because a person must
be able to act on a vessel whatever the software knows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monolayer.errors import InputError
from monolayer.record.people import Person, Stamp, require, stamp
from monolayer.record.settings import RecordSettings
from monolayer.record.words import Act, DisposedAction, Status

__all__ = ["Disposition", "Proposal", "dispose", "why_not_acceptable"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A recommendation as it is disposed of: what, made from what, and until when it holds.

    Attributes
    ----------
    vessel, action, code : str
        What is recommended for which vessel, and why.
    sha256 : str
        Hash of the whole recommendation.
    history_sha256, recipe_sha256 : str
        What it was made from.
    recipe_status : str
        Where its recipe stands.
    expires_at : datetime or None
        Until when it holds; None where the vessel's clock is unknown, which never expires.
    """

    vessel: str
    action: str
    code: str
    sha256: str
    history_sha256: str
    recipe_sha256: str
    recipe_status: Status
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a person decided.

    Attributes
    ----------
    vessel : str
        About which vessel.
    decision : str
        accept or override.
    action : str
        What is to be done.
    recommended, recommendation_sha256 : str or None
        What was recommended; None where nothing was.
    reason, reason_code : str or None
        Why; always there for an override.
    doubt : str or None
        Why the recommendation could not have been accepted, where it was overridden.
    person, role : str
        Who, in which role.
    at : Stamp
        When.
    """

    vessel: str
    decision: Literal["accept", "override"]
    action: DisposedAction
    recommended: str | None
    recommendation_sha256: str | None
    reason: str | None
    reason_code: str | None
    doubt: str | None
    person: str
    role: str
    at: Stamp


def why_not_acceptable(
    proposal: Proposal,
    now: datetime,
    history_sha256: str,
    recipe_sha256: str | None,
    settings: RecordSettings,
) -> str | None:
    """Why a recommendation does not hold any more; None where it does.

    Parameters
    ----------
    proposal : Proposal
        What was recommended.
    now : datetime
        With its offset from UTC.
    history_sha256 : str
        Hash of the vessel's records now.
    recipe_sha256 : str or None
        Hash of the recipe in force now; None where that is not known.
    settings : RecordSettings
        The site's own.
    """
    if proposal.action == "DISCARD":
        return "software does not recommend to discard; a person decides that, with a reason"
    if proposal.expires_at is not None and now >= proposal.expires_at:
        return f"it expired at {proposal.expires_at:%Y-%m-%d %H:%M %z}"
    if history_sha256 != proposal.history_sha256:
        return "it is stale: the vessel's records have changed since"
    if recipe_sha256 is not None and recipe_sha256 != proposal.recipe_sha256:
        return "it is stale: another recipe is in force"
    if settings.accept_needs_approved_recipe and proposal.recipe_status != "approved":
        return (
            f"its recipe is {proposal.recipe_status}, and this site accepts by approved ones only"
        )
    return None


def dispose(
    vessel: str,
    action: DisposedAction,
    person: Person,
    now: datetime,
    settings: RecordSettings,
    *,
    proposal: Proposal | None = None,
    doubt: str | None = None,
    reason: str | None = None,
    reason_code: str | None = None,
) -> Disposition:
    """Decide about a vessel.

    Parameters
    ----------
    vessel : str
        Its name.
    action : str
        What is to be done; DISCARD is only ever a person's.
    person : Person
        Who decides.
    now : datetime
        With its offset from UTC.
    settings : RecordSettings
        The site's own.
    proposal : Proposal, optional
        What was recommended.
    doubt : str, optional
        What `why_not_acceptable` says of it.
    reason, reason_code : str, optional
        Why; obligatory for an override.

    Raises
    ------
    NotAllowedError
        The person may not.
    InputError
        The recommendation no longer holds and would be accepted, or a reason is missing.
    """
    if proposal is not None and proposal.vessel != vessel:
        raise InputError(f"the recommendation is for {proposal.vessel} and not for {vessel}.")
    accepts = proposal is not None and proposal.action == action and action != "DISCARD"
    act: Act = "accept" if accepts else "discard" if action == "DISCARD" else "override"
    role = require(person, act, settings)
    if accepts and doubt is not None:
        raise InputError(
            f"{vessel}: {action} cannot be accepted: {doubt}; make a new recommendation."
        )
    reason = (reason or "").strip() or None
    if not accepts:
        _check_reason(vessel, action, proposal, reason, reason_code, settings)
    return Disposition(
        vessel=vessel,
        decision="accept" if accepts else "override",
        action=action,
        recommended=None if proposal is None else proposal.action,
        recommendation_sha256=None if proposal is None else proposal.sha256,
        reason=reason,
        reason_code=reason_code,
        doubt=None if accepts else doubt,
        person=person.name,
        role=role,
        at=stamp(now),
    )


def _check_reason(
    vessel: str,
    action: str,
    proposal: Proposal | None,
    reason: str | None,
    reason_code: str | None,
    settings: RecordSettings,
) -> None:
    against = "without a recommendation" if proposal is None else f"against {proposal.action}"
    if len(reason or "") < settings.min_reason_characters:
        raise InputError(f"{vessel}: {action} {against} needs a reason in words.")
    codes = settings.override_reasons
    if codes and reason_code not in codes:
        raise InputError(
            f"{vessel}: {action} {against} needs one of this site's reason codes: "
            f"{', '.join(codes)}."
        )
