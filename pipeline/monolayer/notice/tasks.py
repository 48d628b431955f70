"""What is to be done for a vessel, from when, and by when.

The recommendation gives one task; a feed that will fall due and the next visit of the microscope
follow from what goes on. A task names the recommendation it rests on by its code and by when that
ends: a plan for tomorrow is no recommendation for tomorrow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monolayer.notice.imaging import Visit
from monolayer.notice.settings import SiteSettings, TaskName
from monolayer.notice.vessel_now import VesselNow

__all__ = ["Following", "Task", "TaskName", "following", "tasks_of"]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to be done for one vessel.

    Attributes
    ----------
    vessel : str
        Which.
    task : {'review', 'harvest', 'passage', 'image', 'feed'}
        What.
    code : str
        The recommendation's reason.
    why : str
        In words.
    earliest, finish_by : datetime
        From when it is best begun, and the latest finishing time.
    minutes : int
        Of one operator.
    valid_until : datetime
        When the recommendation ends; a task that begins later needs a new one.
    behind : tuple of str
        What else the rules would ask for.
    not_before : datetime or None
        Where the best time is taken it may be begun from then; None: not before `earliest`.
    """

    vessel: str
    task: TaskName
    code: str
    why: str
    earliest: datetime
    finish_by: datetime
    minutes: int
    valid_until: datetime
    behind: tuple[str, ...] = ()
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """A passage or harvest that today's visits may lead to; nobody has recommended it yet.

    Attributes
    ----------
    vessel : str
        Which.
    task : {'passage', 'harvest'}
        What.
    minutes : int
        Of one operator.
    why : str
        In words.
    """

    vessel: str
    task: TaskName
    minutes: int
    why: str


def following(now: VesselNow, end: datetime, settings: SiteSettings) -> Following | None:
    """What may have to be done for a vessel before `end`, beyond its tasks; None where nothing."""
    if now.moves_to is None:
        return None
    if now.code == "CONFIRM_TARGET":
        why = "once the target is confirmed"
    elif (
        now.action in ("CONTINUE", "FEED")
        and now.prediction_low_h is not None
        and now.clock(now.prediction_low_h) < end
    ):
        why = "it may cross the target before the day's work ends"
    else:
        return None
    return Following(now.vessel, now.moves_to, settings.minutes_of(now.moves_to), why)


def tasks_of(now: VesselNow, visit: Visit | None, settings: SiteSettings) -> list[Task]:
    """Tasks of one vessel, the recommended one first.

    Parameters
    ----------
    now : VesselNow
        The vessel.
    visit : Visit or None
        Its next visit as `next_visit` gave it.
    settings : SiteSettings
        Minutes a task, and how soon each is to be finished.
    """
    if now.action in ("HOLD", "ESCALATE"):
        return [_recommended(now, "review", settings.review_within_h, settings)]
    if now.action == "HARVEST":
        return [_recommended(now, "harvest", settings.move_within_h, settings)]
    if now.action == "PASSAGE":
        return [_recommended(now, "passage", settings.move_within_h, settings)]
    tasks = []
    if now.action == "FEED":
        tasks.append(_recommended(now, "feed", settings.feed_within_h, settings))
    elif now.action == "CONTINUE":
        tasks.append(_feed_to_come(now, settings))
    if visit is not None:
        tasks.append(_image(now, visit, settings))
    return tasks


def _recommended(now: VesselNow, task: TaskName, within_h: float, settings: SiteSettings) -> Task:
    return Task(
        now.vessel,
        task,
        now.code,
        f"{now.action} recommended ({now.code})",
        now.clock(now.at_h),
        now.clock(now.at_h + within_h),
        settings.minutes_of(task),
        now.clock(now.expires_h),
        now.behind,
    )


def _feed_to_come(now: VesselNow, settings: SiteSettings) -> Task:
    """The exchange that will fall due while the vessel goes on."""
    due = now.clock(now.feed_due_h)
    earliest = max(due - timedelta(hours=settings.feed_early_h), now.clock(now.at_h))
    return Task(
        now.vessel,
        "feed",
        "FEED_DUE",
        "medium falls due",
        earliest,
        due + timedelta(hours=settings.feed_within_h),
        settings.feed_minutes,
        now.clock(now.expires_h),
        now.behind,
    )


def _image(now: VesselNow, visit: Visit, settings: SiteSettings) -> Task:
    why = visit.why
    if visit.expected_width_h is not None and visit.width_h is not None:
        why += f"; prediction {visit.width_h:.1f} h wide, then about {visit.expected_width_h:.1f} h"
    # A visit at the last moment allowed still takes its minutes.
    finish_by = max(visit.by, visit.at) + timedelta(minutes=settings.image_minutes)
    return Task(
        now.vessel,
        "image",
        now.code,
        why,
        visit.at,
        finish_by,
        settings.image_minutes,
        now.clock(now.expires_h),
        now.behind,
        visit.not_before,
    )
