"""From a history and a recipe's limits to a recommendation: a pure function of both.

1. Gather the evidence that was known at the time asked about.
2. Ask every rule in order; the first that fires gives the recommendation.
3. Carry along what could not be evaluated: it is never a pass.
"""

from monolayer.decide.answer import Outlook, Recommendation, State, Verdict
from monolayer.decide.evidence import Evidence, gather
from monolayer.decide.rules import RULES, target_rule
from monolayer.decide.settings import DecideSettings
from monolayer.errors import InputError
from monolayer.history import VesselHistory

__all__ = ["recommend"]


def recommend(
    history: VesselHistory,
    settings: DecideSettings,
    outlook: Outlook,
    *,
    at_h: float | None = None,
    recipe: str = "",
    recipe_status: str = "draft",
    recipe_sha256: str = "",
    history_sha256: str | None = None,
) -> Recommendation:
    """Recommend what to do with a vessel.

    Parameters
    ----------
    history : VesselHistory
        The vessel's records; later ones than `at_h` are not looked at.
    settings : DecideSettings
        The recipe's limits.
    outlook : Outlook
        Growth and forecast from the same records; ``Outlook()`` where there is none.
    at_h : float, optional
        Now, in hours since seeding; the time of the latest record where left out.
    recipe, recipe_status, recipe_sha256 : str
        Which recipe the limits are of.
    history_sha256 : str, optional
        Hash of the records as they were handed in, where something has been derived since; of
        those used where left out.

    Raises
    ------
    InputError
        The vessel's culture has ended, or `at_h` is before seeding.
    """
    at_h = history.last_h if at_h is None else at_h
    _check_alive(history, at_h)
    known = history.until(at_h)
    seen = gather(known, at_h, outlook, settings)
    verdicts = _verdicts(seen, settings)
    first = next((verdict for verdict in verdicts if verdict.fired), None)
    expires_h = at_h + settings.valid_h
    return Recommendation(
        vessel=history.vessel.name,
        action=first.action if first is not None and first.action else "CONTINUE",
        code=first.code if first is not None and first.code else "ON_TRACK",
        state=_state(seen, verdicts, settings),
        rule=first.rule if first is not None else None,
        verdicts=verdicts,
        warnings=tuple(code for verdict in verdicts for code in verdict.warnings),
        not_evaluated={v.rule: v.missing for v in verdicts if not v.evaluated},
        outlook=outlook,
        at_h=at_h,
        expires_h=expires_h,
        at=history.clock(at_h),
        expires_at=history.clock(expires_h),
        history_sha256=known.sha256 if history_sha256 is None else history_sha256,
        recipe_sha256=recipe_sha256,
        recipe=recipe,
        recipe_status=recipe_status,
    )


def _verdicts(seen: Evidence, settings: DecideSettings) -> tuple[Verdict, ...]:
    verdicts: list[Verdict] = []
    for rule in RULES.values():
        if rule is None:
            skipped = {verdict.rule for verdict in verdicts if not verdict.evaluated}
            lacking = tuple(name for name in settings.needed_to_move if name in skipped)
            verdicts.append(target_rule(seen, settings, lacking))
        else:
            verdicts.append(rule(seen, settings))
    return tuple(verdicts)


def _state(seen: Evidence, verdicts: tuple[Verdict, ...], settings: DecideSettings) -> State:
    """Where the vessel stands; the side states are those of the recommendation."""
    fired = [verdict for verdict in verdicts if verdict.fired]
    action = fired[0].action if fired else None
    if action == "ESCALATE":
        return "ESCALATED"
    if action == "HOLD":
        return "HOLD"
    if seen.ready:
        return "READY"
    if seen.at_h < settings.attachment_h:
        return "ATTACHING" if seen.last is not None else "SEEDED"
    near = any(verdict.rule in ("target", "near_target") for verdict in fired)
    return "NEAR_TARGET" if near else "EXPANDING"


def _check_alive(history: VesselHistory, at_h: float) -> None:
    where = f"vessel {history.vessel.name}"
    if at_h < 0:
        raise InputError(f"{where}: {at_h:g} h is before seeding; give hours since seeding.")
    if history.ended_as is not None and (history.ended_h is None or history.ended_h <= at_h):
        raise InputError(
            f"{where}: was {history.ended_as}; there is nothing left to recommend, ask about an "
            "earlier time."
        )
