"""A day's work: who does what when, and what does not fit, named.

Whenever an operator is free, the task that may begin and must be finished first is taken (earliest
due date first, Jackson 1955, which for one operator makes the greatest lateness least). Where two
must be finished at once, the site's order decides, then the vessel's name: the same vessels give
the same plan. A task that cannot be finished before the day ends is not begun; a visit of the
microscope that finds its best time taken is put into free time before it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import compress

from monolayer.notice.hours import span_of, spans_between
from monolayer.notice.settings import SiteSettings
from monolayer.notice.tasks import Following, Task, TaskName

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
    """A vessel's forecast in words.

    Attributes
    ----------
    vessel : str
        Its name.
    sentence, dated : str
        To be read on the day itself ("tomorrow"), and on any day.
    low, high : datetime or None
        Ends of the prediction interval; None: open, or no forecast.
    """

    vessel: str
    sentence: str
    dated: str
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
    earlier : tuple of Task
        What can be done on a working day before this one, and is therefore not planned in it.
    may_follow : tuple of Following
        Passages and harvests that may come of the day's visits; no time is kept for them.
    notices : tuple of Notice
        Forecasts, one a vessel.
    minutes_available : int
        Operators times working minutes left.
    """

    day: date
    made_at: datetime
    planned: tuple[Planned, ...]
    unplaced: tuple[Unplaced, ...]
    earlier: tuple[Task, ...]
    may_follow: tuple[Following, ...]
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
    may_follow: Sequence[Following] = (),
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
    may_follow, notices : sequence
        Carried along.
    """
    span = span_of(day, settings)
    ordered = _sorted(tasks, settings)
    if span is None or span[1] <= made_at:
        why = "nobody works on that day" if span is None else "the working day is over"
        unplaced = tuple(Unplaced(task, why) for task in ordered)
        return DayPlan(day, made_at, (), unplaced, (), tuple(may_follow), tuple(notices), 0)
    begin, end = max(span[0], made_at.astimezone(UTC)), span[1]
    todays = [task for task in ordered if task.earliest < end]
    before = [_fits_before(task, made_at, begin, settings) for task in todays]
    earlier = tuple(compress(todays, before))
    todays = [task for task, is_before in zip(todays, before, strict=True) if not is_before]
    placed, left = _place(todays, begin, end, settings)
    minutes = settings.operators * int((end - begin) / timedelta(minutes=1))
    return DayPlan(
        day,
        made_at,
        tuple(placed),
        tuple(left),
        earlier,
        tuple(may_follow),
        tuple(notices),
        minutes,
    )


def _fits_before(task: Task, made_at: datetime, begin: datetime, settings: SiteSettings) -> bool:
    """Whether there is working time for it before the day begins."""
    needed = timedelta(minutes=max(task.minutes, 1))
    spans = spans_between(max(made_at, task.earliest), begin, settings)
    return any(last - first >= needed for first, last in spans)


def _sorted(tasks: Sequence[Task], settings: SiteSettings) -> list[Task]:
    place = {name: n for n, name in enumerate(settings.equal_first)}
    return sorted(tasks, key=lambda task: (task.finish_by, place[task.task], task.vessel))


def _place(
    todays: list[Task], begin: datetime, end: datetime, settings: SiteSettings
) -> tuple[list[Planned], list[Unplaced]]:
    placed, left = _forward(todays, begin, end, settings)
    still: list[Unplaced] = []
    for each in left:
        found = _before_its_best(each.task, placed, begin, end, settings)
        if found is None:
            still.append(each)
        else:
            placed.append(found)
    placed.sort(key=lambda each: (each.start, each.operator, each.end, each.task.vessel))
    return [replace(each, order=n) for n, each in enumerate(placed, 1)], still


def _forward(
    todays: list[Task], begin: datetime, end: datetime, settings: SiteSettings
) -> tuple[list[Planned], list[Unplaced]]:
    """Whoever is free next takes the task that can begin soonest, the most urgent of equals."""
    operators = [begin] * settings.operators
    microscopes = [begin] * settings.microscopes
    placed: list[Planned] = []
    left: list[Unplaced] = []
    waiting = list(todays)
    while waiting:
        who = min(range(len(operators)), key=operators.__getitem__)
        scope = min(range(len(microscopes)), key=microscopes.__getitem__)
        at, start = _soonest(waiting, operators[who], microscopes[scope])
        task = waiting.pop(at)
        stop = start + timedelta(minutes=task.minutes)
        if stop > end:
            left.append(Unplaced(task, _no_room(task, begin, end)))
            continue
        operators[who] = stop
        if task.task == "image":
            microscopes[scope] = stop
        placed.append(_planned(task, who + 1, start))
    return placed, left


def _soonest(waiting: Sequence[Task], free: datetime, scope_free: datetime) -> tuple[int, datetime]:
    """The first in order of those that can begin soonest, and when."""
    best = 0, _start(waiting[0], free, scope_free)
    for n, task in enumerate(waiting):
        if best[1] == free:
            break
        start = _start(task, free, scope_free)
        if start < best[1]:
            best = n, start
    return best


def _before_its_best(
    task: Task, placed: Sequence[Planned], begin: datetime, end: datetime, settings: SiteSettings
) -> Planned | None:
    """A place in free time, as little before the task's best time as there is one."""
    if task.not_before is None:
        return None
    taken = timedelta(minutes=max(task.minutes, 1))
    start = min(task.earliest.astimezone(UTC), end - taken)
    first = max(begin, task.not_before.astimezone(UTC))
    while start >= first:
        during = [each for each in placed if each.start < start + taken and start < each.end]
        busy = {each.operator for each in during}
        imaged = sum(each.task.task == "image" for each in during)
        if len(busy) < settings.operators and imaged < settings.microscopes:
            who = next(n for n in range(1, settings.operators + 1) if n not in busy)
            return _planned(task, who, start)
        start -= taken
    return None


def _planned(task: Task, who: int, start: datetime) -> Planned:
    stop = start + timedelta(minutes=task.minutes)
    return Planned(task, 0, who, start, stop, stop > task.finish_by, start >= task.valid_until)


def _start(task: Task, free: datetime, scope_free: datetime) -> datetime:
    start = max(free, task.earliest.astimezone(UTC))
    return max(start, scope_free) if task.task == "image" else start


def _no_room(task: Task, begin: datetime, end: datetime) -> str:
    if max(begin, task.earliest) + timedelta(minutes=task.minutes) > end:
        return "cannot be finished before the working day ends"
    return "no operator or microscope has time left"
