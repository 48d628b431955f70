"""People and what their roles allow; one small table of the site's settings answers."""

from dataclasses import dataclass
from datetime import UTC, datetime

from monolayer.errors import InputError, NotAllowedError
from monolayer.record.settings import RecordSettings
from monolayer.record.words import Act, Role

__all__ = ["Person", "Stamp", "require", "role_for", "stamp"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may act on a study.

    Attributes
    ----------
    name : str
        Identifier, unique and never given to another person.
    printed_name : str
        As it stands under a signature.
    roles : tuple of str
        Out of operator, reviewer, approver.
    active : bool
        Whether the person still acts; a person is never deleted.
    """

    name: str
    printed_name: str
    roles: tuple[Role, ...]
    active: bool = True


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment: UTC as ISO 8601 with microseconds, and the local offset beside it."""

    at: str
    local_offset_minutes: int


def stamp(moment: datetime) -> Stamp:
    """A moment as it is recorded.

    Raises
    ------
    InputError
        It does not say its offset from UTC.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise InputError(f"{moment} has no offset from UTC; write ...T14:10+01:00.")
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return Stamp(text, round(offset.total_seconds() / 60))


def role_for(person: Person, act: Act, settings: RecordSettings) -> Role | None:
    """The first of a person's roles that allows an act; None where none does."""
    if not person.active:
        return None
    allowed = settings.permissions.get(act, ())
    return next((role for role in person.roles if role in allowed), None)


def require(person: Person, act: Act, settings: RecordSettings) -> Role:
    """The role in which a person may do something.

    Raises
    ------
    NotAllowedError
        None of the person's roles allows it, or the person no longer acts.
    """
    role = role_for(person, act, settings)
    if role is not None:
        return role
    if not person.active:
        raise NotAllowedError(f"{person.name} no longer acts on this study; use your own name.")
    allowed = " or ".join(settings.permissions.get(act, ())) or "nobody"
    has = " and ".join(person.roles) or "nothing"
    raise NotAllowedError(f"{person.name} is {has} and may not {act}; that is for {allowed}.")
