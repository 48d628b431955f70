"""From vessels' histories to a day's plan: recommendations, forecasts and notices, composed.

`vessel_now` takes from a recommendation and its recipe what the notice stage needs; `day_plan_for`
does all vessels of an incubator.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from monolayer.culture import growth_series, recommend_for
from monolayer.decide.answer import Recommendation
from monolayer.decide.evidence import is_valid
from monolayer.errors import InputError
from monolayer.history import VesselHistory
from monolayer.notice.hours import local, span_of
from monolayer.notice.imaging import next_visit
from monolayer.notice.schedule import DayPlan, Notice, plan_day
from monolayer.notice.sentence import crossing_sentence
from monolayer.notice.settings import SiteSettings
from monolayer.notice.tasks import following, tasks_of
from monolayer.notice.vessel_now import VesselNow
from monolayer.recipe import Recipe

if TYPE_CHECKING:
    from monolayer.grow import Growth

__all__ = ["day_plan_for", "latest_record", "vessel_now"]

_MOVES_TO: dict[bool | None, Literal["passage", "harvest"]] = {True: "harvest", False: "passage"}
Recommend = Callable[[VesselHistory, float], Recommendation]


def day_plan_for(
    histories: Sequence[VesselHistory],
    recipe: Recipe,
    settings: SiteSettings,
    *,
    at: datetime | None = None,
    day: date | None = None,
    recommend: Recommend | None = None,
) -> DayPlan:
    """Plan a day for all vessels.

    Parameters
    ----------
    histories : sequence of VesselHistory
        Those whose culture has ended, or has not begun, are left out.
    recipe : Recipe
        Targets and limits.
    settings : SiteSettings
        The site's hours, people and minutes.
    at : datetime, optional
        Now; the latest record of all vessels where left out, never the clock.
    day : date, optional
        On the site's clock; that of `at` where left out.
    recommend : callable, optional
        Gives the recommendation of a history at so many hours since seeding, such as from a
        study's stored outlooks; made here where left out.

    Raises
    ------
    InputError
        A vessel without the date of its seeding, no vessel at all, or a day before `at`.
    """
    at = latest_record(histories) if at is None else at
    day = local(at, settings).date() if day is None else day
    if day < local(at, settings).date():
        raise InputError(f"{day} is before {local(at, settings):%Y-%m-%d}, the day of the records.")
    span = span_of(day, settings)
    tasks, notices, after = [], [], []
    for history in histories:
        at_h = _hours(history, at)
        if not history.alive_at(at_h):
            continue
        known = history.until(at_h)
        found = recommend(known, at_h) if recommend else recommend_for(known, recipe, at_h=at_h)
        now = vessel_now(known, recipe, found)
        widths = _expected_widths(known, recipe) if now.prediction_low_h is not None else None
        tasks += tasks_of(now, next_visit(now, settings, widths), settings)
        notices.append(_notice(now, settings, at))
        after.append(None if span is None else following(now, span[1], settings))
    may_follow = [each for each in after if each is not None]
    return plan_day(day, at, tasks, settings, may_follow, notices)


def vessel_now(history: VesselHistory, recipe: Recipe, found: Recommendation) -> VesselNow:
    """What the notice stage looks at, from a recommendation and the history it was made from."""
    limits, visits = recipe.decide, history.acquisitions
    valid = [visit for visit in visits if is_valid(visit, limits)]
    last = visits[-1].time_h if visits else None
    fed_h = history.exchanges[-1].time_h if history.exchanges else 0.0
    confirm = found.code == "CONFIRM_TARGET" and last is not None
    return VesselNow(
        vessel=history.vessel.name,
        seeded_at=_seeded(history),
        at_h=found.at_h,
        action=found.action,
        code=found.code,
        expires_h=found.expires_h,
        target=limits.target_confluence,
        confidence=recipe.grow.confidence,
        confluence=valid[-1].confluence if valid else None,
        last_image_h=last,
        crossing_h=found.outlook.crossing_h,
        prediction_low_h=found.outlook.prediction_low_h,
        prediction_high_h=found.outlook.prediction_high_h,
        reason=found.outlook.reason,
        feed_due_h=fed_h + limits.feed_every_h,
        image_due_h=limits.attachment_h if last is None else last + limits.max_image_age_h,
        confirm_by_h=last + limits.confirm_within_h if confirm and last is not None else None,
        moves_to=_MOVES_TO.get(history.vessel.final_stage),
        behind=found.masked,
    )


def latest_record(histories: Sequence[VesselHistory]) -> datetime:
    """When the latest record of all vessels was made.

    Raises
    ------
    InputError
        There is no vessel.
    """
    if not histories:
        raise InputError("there are no vessels; give a history with at least one.")
    times = [history.clock(history.last_h) for history in histories if _seeded(history)]
    return max(time for time in times if time is not None)


def _expected_widths(
    history: VesselHistory, recipe: Recipe
) -> Callable[[Sequence[float]], Sequence[float]] | None:
    from monolayer.grow import expected_widths_h, grow

    series = growth_series(history, recipe)
    if series is None:
        return None
    growth: Growth = grow(series, recipe.grow)
    target = recipe.decide.target_confluence

    def widths(times_h: Sequence[float]) -> Sequence[float]:
        return expected_widths_h(growth, target, times_h, recipe.grow)

    return widths


def _notice(now: VesselNow, settings: SiteSettings, at: datetime) -> Notice:
    low, high = now.prediction_low_h, now.prediction_high_h
    return Notice(
        now.vessel,
        crossing_sentence(now, settings, at),
        crossing_sentence(now, settings, at, dated=True),
        None if low is None else now.clock(low),
        None if high is None else now.clock(high),
    )


def _seeded(history: VesselHistory) -> datetime:
    if history.vessel.seeded_at is None:
        raise InputError(
            f"vessel {history.vessel.name}: has no seeded_at, so nothing of it has a date; give "
            "it one, such as 2026-11-10T08:00+01:00."
        )
    return history.vessel.seeded_at


def _hours(history: VesselHistory, at: datetime) -> float:
    return (at - _seeded(history)).total_seconds() / 3600
