"""The site's own rules for its record: who may do what, what a signature asks for."""

from pydantic import Field as Setting
from pydantic import field_validator

from monolayer.record.words import Act, Role
from monolayer.settings import Settings

__all__ = ["PERMISSIONS", "RecordSettings"]

PERMISSIONS: dict[Act, tuple[Role, ...]] = {
    "record": ("operator", "reviewer", "approver"),
    "accept": ("operator", "reviewer", "approver"),
    "override": ("operator", "reviewer", "approver"),
    "assess": ("reviewer", "approver"),
    "discard": ("reviewer", "approver"),
    "draft": ("operator", "reviewer", "approver"),
    "review": ("reviewer",),
    "approve": ("approver",),
    "retire": ("approver",),
    "sign": ("operator", "reviewer", "approver"),
    "administer": ("approver",),
}


class RecordSettings(Settings):
    """Roles, four eyes, reasons, passwords; a study keeps the settings it works by."""

    permissions: dict[Act, tuple[Role, ...]] = Setting(default_factory=PERMISSIONS.copy)
    """Which roles may do what. An act that is left out keeps its built-in roles; one with an empty
    list is nobody's. Some role must review, approve and administer, or the policy could never be
    changed again."""
    reviewer_is_not_author: bool = True
    """Whether a document is reviewed by somebody else than its author."""
    approver_is_not_reviewer: bool = False
    """Whether a document is approved by somebody else than its reviewer. That the author never
    approves his own is no setting."""
    accept_needs_approved_recipe: bool = False
    """Whether only recommendations by an approved recipe can be accepted."""
    sign_dispositions: bool = True
    """Whether each disposition is signed (with the password, meaning responsibility)."""
    override_reasons: tuple[str, ...] = ()
    """The site's codes for overriding a recommendation; one must be given where there are any.
    The reason in words is always asked for."""
    min_reason_characters: int = Setting(default=3, ge=1)
    """Shortest reason in words for an override."""
    min_password_characters: int = Setting(default=12, ge=8)
    """Shortest password."""
    max_password_age_days: float | None = Setting(default=None, gt=0, allow_inf_nan=False)
    """Age at which a password must be changed before it signs again. Empty: never."""
    max_failed_attempts: int = Setting(default=5, ge=1)
    """Wrong passwords in a row after which a person is locked out."""
    lockout_minutes: float | None = Setting(default=30.0, gt=0, allow_inf_nan=False)
    """How long a lock-out lasts. Empty: until somebody who may administer sets a new password."""
    scrypt_log2_n: int = Setting(default=15, ge=14, le=20)
    """Cost of a new password's hash (RFC 7914, r = 8, p = 1): 2 to this power, each step twice the
    time and memory; 15 takes about 0.1 s and 32 MB."""

    @field_validator("permissions")
    @classmethod
    def _all_acts(cls, given: dict[Act, tuple[Role, ...]]) -> dict[Act, tuple[Role, ...]]:
        for act in ("review", "approve", "administer"):
            if not given.get(act, PERMISSIONS[act]):
                raise ValueError(f"some role must {act}, or this could never be changed again")
        return PERMISSIONS | given

    @field_validator("override_reasons")
    @classmethod
    def _no_blank_code(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if any(not code.strip() for code in codes):
            raise ValueError("give a code of at least one letter, or none at all")
        return codes
