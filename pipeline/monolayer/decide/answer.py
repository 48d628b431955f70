"""What the decide stage answers: a recommendation, and each rule's verdict with its figures.

``DISCARD`` is no action here: software never recommends it, a person may dispose it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from monolayer.decide.settings import RuleName

__all__ = ["Action", "Check", "Outlook", "Recommendation", "State", "Verdict", "as_data"]

Action = Literal["CONTINUE", "FEED", "PASSAGE", "HARVEST", "REIMAGE", "HOLD", "ESCALATE"]
State = Literal["SEEDED", "ATTACHING", "EXPANDING", "NEAR_TARGET", "READY", "HOLD", "ESCALATED"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the vessel's growth; the grow stage's figures, or a site's own.

    Attributes
    ----------
    doubling_time_h : float or None
        Since attachment.
    grows : bool or None
        False: the measurements show no growth; None: too few of them.
    crossing_h : float or None
        When the target is as likely crossed as not, in hours since seeding; None with the
        reason.
    prediction_low_h, prediction_high_h : float or None
        Prediction interval of the crossing.
    model : str or None
        The law it rests on.
    reason : str or None
        Why something is unknown.
    """

    doubling_time_h: float | None = None
    grows: bool | None = None
    crossing_h: float | None = None
    prediction_low_h: float | None = None
    prediction_high_h: float | None = None
    model: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: `margin` is how far the value is on the good side, in the limit's unit.

    For ``target`` and the rules after it, which ask for something to be done, the good side is
    that where nothing need be done.
    """

    name: str
    value: float | bool | str | None
    limit: float | bool | str | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer.

    Attributes
    ----------
    rule : str
        The rule.
    fired : bool
        Whether it asks for `action`.
    action, code : str or None
        What it asks for, and why.
    checks : tuple of Check
        Inputs, thresholds and margins.
    missing : tuple of str
        Inputs it lacked; where it did not fire on the others, it is *not evaluated*.
    warnings : tuple of str
        Codes of alerts that ask for nothing.
    """

    rule: RuleName
    fired: bool
    action: Action | None = None
    code: str | None = None
    checks: tuple[Check, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def evaluated(self) -> bool:
        """Whether it had what it needs."""
        return self.fired or not self.missing


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the software proposes for a vessel; a person disposes.

    Attributes
    ----------
    vessel : str
        Its name.
    action, code : str
        What, and why.
    state : str
        Where the vessel stands.
    rule : str or None
        The first rule that fired; None where none did.
    verdicts : tuple of Verdict
        Every rule in order, those behind the first that fired as well.
    warnings : tuple of str
        Alerts that ask for nothing.
    not_evaluated : mapping of str to tuple of str
        Rules that lacked inputs, and which; never taken for passed.
    outlook : Outlook
        Growth and forecast as used.
    at_h, expires_h : float
        When it holds, in hours since seeding.
    at, expires_at : datetime or None
        The same as dates.
    history_sha256, recipe_sha256 : str
        What it was made from.
    recipe, recipe_status : str
        Name with version, and where the recipe stands (draft ... retired).
    """

    vessel: str
    action: Action
    code: str
    state: State
    rule: RuleName | None
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    not_evaluated: Mapping[str, tuple[str, ...]]
    outlook: Outlook
    at_h: float
    expires_h: float
    at: datetime | None
    expires_at: datetime | None
    history_sha256: str
    recipe_sha256: str
    recipe: str
    recipe_status: str

    @property
    def evidence(self) -> tuple[Check, ...]:
        """Comparisons of the rule that decided."""
        return next((v.checks for v in self.verdicts if v.rule == self.rule), ())

    @property
    def masked(self) -> tuple[str, ...]:
        """Codes of later rules that would have fired too, such as FEED behind PASSAGE."""
        codes = [v.code for v in self.verdicts if v.fired and v.rule != self.rule]
        return tuple(code for code in codes if code is not None)


def as_data(found: Recommendation) -> dict[str, Any]:
    """A recommendation as plain data, with what it names as evidence and what it masks."""
    data = asdict(found)
    data["evidence"] = [asdict(check) for check in found.evidence]
    data["masked"] = list(found.masked)
    for verdict, row in zip(found.verdicts, data["verdicts"], strict=True):
        row["evaluated"] = verdict.evaluated
    return data
