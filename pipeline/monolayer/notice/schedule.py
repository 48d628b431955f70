"""A day's work: who does what when, and what does not fit, named.

Whenever an operator is free, the task that may begin and must be finished first is taken (earliest
due date first, Jackson 1955, which for one operator makes the greatest lateness least). Where two
must be finished at once, the site's order decides, then the vessel's name: the same vessels give
the same plan. A task that cannot be finished before the day ends is not begun.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from monolayer.notice.hours import span_of
from monolayer.notice.settings import SiteSettings
from monolayer.notice.tasks import Task, TaskName

__all__ = ["DayPlan", "Notice", "Planned", "Unplaced", "plan_day"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A task with its place in the day.

    Attributes
    ----------
    task : Task
        What.
    order : int
        1 for the day's first.
    operator : int
        Who, from 1.
    start, end : datetime
        In UTC.
    late : bool
        It ends after its latest finishing time.
    renew : bool
        The recommendation has ended by then: ask for a new one first.
    """

    task: Task
    order: int
    operator: int
    start: datetime
    end: datetime
    late: bool
    renew: bool


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A task that found no place in the day, with the reason."""

    task: Task
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A vessel's forecast in words; `low` and `high` (open: None) are the prediction's ends."""

    vessel: str
    sentence: str
    low: datetime | None = None
    high: datetime | None = None


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A day's work for the incubator.

    Attributes
    ----------
    day : date
        On the site's clock.
    made_at : datetime
        From what was known then.
    planned : tuple of Planned
        In the order of their beginning.
    unplaced : tuple of Unplaced
        What does not fit.
    notices : tuple of Notice
        Forecasts, one a vessel.
    minutes_available : int
        Operators times working minutes left.
    """

    day: date
    made_at: datetime
    planned: tuple[Planned, ...]
    unplaced: tuple[Unplaced, ...]
    notices: tuple[Notice, ...]
    minutes_available: int

    @property
    def minutes_by_task(self) -> Mapping[TaskName, int]:
        """Operator minutes planned, by task."""
        minutes: Counter[TaskName] = Counter()
        for each in self.planned:
            minutes[each.task.task] += each.task.minutes
        return dict(sorted(minutes.items()))

    @property
    def minutes_unplaced(self) -> int:
        """Operator minutes of what does not fit."""
        return sum(each.task.minutes for each in self.unplaced)


def plan_day(
    day: date,
    made_at: datetime,
    tasks: Sequence[Task],
    settings: SiteSettings,
    notices: Sequence[Notice] = (),
) -> DayPlan:
    """Plan a day.

    Parameters
    ----------
    day : date
        On the site's clock.
    made_at : datetime
        Now; nothing begins before.
    tasks : sequence of Task
        Of all vessels. Those that may only begin after the day are left to another day.
    settings : SiteSettings
        Hours, operators, microscopes.
    notices : sequence of Notice
        Carried along.
    """
    span = span_of(day, settings)
    if span is None or span[1] <= made_at:
        why = "nobody works on that day" if span is None else "the working day is over"
        unplaced = tuple(Unplaced(task, why) for task in _sorted(tasks, settings))
        return DayPlan(day, made_at, (), unplaced, tuple(notices), 0)
    begin, end = max(span[0], made_at.astimezone(UTC)), span[1]
    todays = [task for task in _sorted(tasks, settings) if task.earliest < end]
    placed, left = _place(todays, begin, end, settings)
    minutes = settings.operators * int((end - begin) / timedelta(minutes=1))
    return DayPlan(day, made_at, tuple(placed), tuple(left), tuple(notices), minutes)


def _sorted(tasks: Sequence[Task], settings: SiteSettings) -> list[Task]:
    place = {name: n for n, name in enumerate(settings.equal_first)}
    return sorted(tasks, key=lambda task: (task.finish_by, place[task.task], task.vessel))


def _place(
    todays: list[Task], begin: datetime, end: datetime, settings: SiteSettings
) -> tuple[list[Planned], list[Unplaced]]:
    operators = [begin] * settings.operators
    microscopes = [begin] * settings.microscopes
    placed: list[Planned] = []
    left: list[Unplaced] = []
    waiting = list(todays)
    while waiting:
        who = min(range(len(operators)), key=operators.__getitem__)
        free = operators[who]
        scope = min(range(len(microscopes)), key=microscopes.__getitem__)
        starts = [_start(task, free, microscopes[scope]) for task in waiting]
        # Of the tasks that may begin soonest, the first in order of finishing.
        at = min(range(len(waiting)), key=lambda n: (starts[n], n))
        task, start = waiting.pop(at), starts[at]
        stop = start + timedelta(minutes=task.minutes)
        if stop > end:
            left.append(Unplaced(task, _no_room(task, end)))
            continue
        operators[who] = stop
        if task.task == "image":
            microscopes[scope] = stop
        placed.append(
            Planned(
                task,
                len(placed) + 1,
                who + 1,
                start,
                stop,
                stop > task.finish_by,
                start >= task.valid_until,
            )
        )
    return placed, left


def _start(task: Task, free: datetime, scope_free: datetime) -> datetime:
    start = max(free, task.earliest.astimezone(UTC))
    return max(start, scope_free) if task.task == "image" else start


def _no_room(task: Task, end: datetime) -> str:
    if task.earliest + timedelta(minutes=task.minutes) > end:
        return "cannot be finished before the working day ends"
    return "no operator or microscope has time left"
