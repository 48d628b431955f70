"""The two components of a signature: who one is (a name) and what one knows (a password).

Passwords are kept as scrypt hashes (RFC 7914) with a salt a person; their cost stands beside them,
so that a site may raise it and old ones still work. Wrong ones are counted, and too many lock out.
"""

import hashlib
import hmac
import os
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monolayer.errors import InputError, NotAllowedError
from monolayer.record.people import stamp
from monolayer.record.settings import RecordSettings

__all__ = ["Credential", "LockedOutError", "WrongPasswordError", "identify", "new_credential"]


class WrongPasswordError(NotAllowedError):
    """The password is not this person's; `credential` has counted it."""

    def __init__(self, sentence: str, credential: "Credential") -> None:
        super().__init__(sentence)
        self.credential = credential


class LockedOutError(NotAllowedError):
    """Too many wrong passwords; not even the right one is looked at."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a person's password.

    Attributes
    ----------
    hashed : str
        ``scrypt$log2_n$time of setting$salt$hash``.
    n_failed : int
        Wrong passwords since the last right one.
    locked_at : datetime or None
        When there were too many.
    """

    hashed: str
    n_failed: int = 0
    locked_at: datetime | None = None


def new_credential(password: str, now: datetime, settings: RecordSettings) -> Credential:
    """A password as it is kept.

    Raises
    ------
    InputError
        It is too short.
    """
    if len(password) < settings.min_password_characters:
        raise InputError(
            f"the password is too short; this site asks for {settings.min_password_characters} "
            "characters or more."
        )
    salt = os.urandom(16)
    digest = _scrypt(password, salt, settings.scrypt_log2_n)
    parts = ("scrypt", str(settings.scrypt_log2_n), stamp(now).at, salt.hex(), digest.hex())
    return Credential("$".join(parts))


def identify(
    name: str,
    credential: Credential | None,
    password: str,
    now: datetime,
    settings: RecordSettings,
) -> Credential:
    """Whether a password is this person's.

    Returns
    -------
    Credential
        To be kept: without failures.

    Raises
    ------
    WrongPasswordError
        It is not; keep its `credential`, which has counted the attempt.
    LockedOutError
        Too many were not.
    NotAllowedError
        None is set, or it is too old.
    """
    if credential is None:
        raise NotAllowedError(f"{name} has no password yet; 'monolayer person password' sets one.")
    if _is_locked(credential, now, settings):
        raise LockedOutError(_locked(name, credential, settings))
    _, log2_n, set_at, salt, digest = credential.hashed.split("$")
    found = _scrypt(password, bytes.fromhex(salt), int(log2_n))
    if not hmac.compare_digest(found, bytes.fromhex(digest)):
        counted = _counted(credential, now, settings)
        left = settings.max_failed_attempts - counted.n_failed
        mend = _locked(name, counted, settings) if counted.locked_at else f"{left} more tries."
        raise WrongPasswordError(f"this is not the password of {name}; {mend}", counted)
    age = settings.max_password_age_days
    if age is not None and now > datetime.fromisoformat(set_at) + timedelta(days=age):
        raise NotAllowedError(
            f"the password of {name} is older than {age:g} days; set a new one first."
        )
    return Credential(credential.hashed)


def _is_locked(credential: Credential, now: datetime, settings: RecordSettings) -> bool:
    if credential.locked_at is None:
        return False
    minutes = settings.lockout_minutes
    return minutes is None or now < credential.locked_at + timedelta(minutes=minutes)


def _counted(credential: Credential, now: datetime, settings: RecordSettings) -> Credential:
    # A lock-out that has run its time starts the count anew.
    n_failed = 1 if credential.locked_at is not None else credential.n_failed + 1
    locked_at = now if n_failed >= settings.max_failed_attempts else None
    return replace(credential, n_failed=n_failed, locked_at=locked_at)


def _locked(name: str, credential: Credential, settings: RecordSettings) -> str:
    if settings.lockout_minutes is None or credential.locked_at is None:
        return f"{name} is locked out until an approver sets a new password."
    until = credential.locked_at + timedelta(minutes=settings.lockout_minutes)
    return f"{name} is locked out until {until:%Y-%m-%d %H:%M %z}."


def _scrypt(password: str, salt: bytes, log2_n: int) -> bytes:
    n = 1 << log2_n
    # OpenSSL refuses what needs more than 32 MB unless it is told.
    # The same letters typed on another keyboard may come in another form (NIST SP 800-63B).
    words = unicodedata.normalize("NFKC", password).encode()
    return hashlib.scrypt(words, salt=salt, n=n, r=8, p=1, maxmem=2 * 128 * 8 * n, dklen=32)
