"""The day's plan for a calendar (RFC 5545): times in UTC, identifiers that stay.

A task's identifier is made of vessel, task and day, and the plan's own time is its stamp:
a plan made again later replaces the events of the earlier one instead of doubling them.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event, Todo

from monolayer.notice.schedule import DayPlan, Notice, Planned, Unplaced
from monolayer.notice.tasks import Task

__all__ = ["calendar_of"]

_URGENT, _USUAL = 1, 5


def calendar_of(plan: DayPlan) -> bytes:
    """The plan as an iCalendar file.

    Tasks are events; what does not fit is a to-do with its latest finishing time; a forecast is an
    event that keeps nobody busy. Line ends and folding are the standard's.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//monolayer//day plan//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Incubator {plan.day.isoformat()}")
    for planned in plan.planned:
        calendar.add_component(_task_event(planned, plan))
    for unplaced in plan.unplaced:
        calendar.add_component(_to_do(unplaced, plan))
    for notice in plan.notices:
        if notice.low is not None and notice.high is not None:
            calendar.add_component(_forecast_event(notice, plan))
    text: bytes = calendar.to_ical()
    return text


def _task_event(planned: Planned, plan: DayPlan) -> Event:
    task = planned.task
    event = Event()
    event.add("uid", _uid(task.vessel, task.task, plan.day))
    event.add("dtstamp", plan.made_at.astimezone(UTC))
    event.add("dtstart", planned.start.astimezone(UTC))
    event.add("dtend", planned.end.astimezone(UTC))
    event.add("summary", f"{task.task} {task.vessel}")
    event.add("description", _description(task, planned.operator, planned.renew))
    event.add("categories", [task.task])
    event.add("priority", _URGENT if planned.late or task.task == "review" else _USUAL)
    return event


def _to_do(unplaced: Unplaced, plan: DayPlan) -> Todo:
    task = unplaced.task
    todo = Todo()
    todo.add("uid", _uid(task.vessel, task.task, plan.day))
    todo.add("dtstamp", plan.made_at.astimezone(UTC))
    todo.add("due", task.finish_by.astimezone(UTC))
    todo.add("summary", f"DOES NOT FIT: {task.task} {task.vessel}")
    todo.add("description", f"{unplaced.reason}; {_description(task, None, renew=False)}")
    todo.add("categories", [task.task])
    todo.add("priority", _URGENT)
    return todo


def _forecast_event(notice: Notice, plan: DayPlan) -> Event:
    assert notice.low is not None
    assert notice.high is not None
    event = Event()
    event.add("uid", _uid(notice.vessel, "forecast", plan.day))
    event.add("dtstamp", plan.made_at.astimezone(UTC))
    event.add("dtstart", notice.low.astimezone(UTC).replace(microsecond=0))
    event.add("dtend", _second_up(notice.high))
    event.add("summary", notice.dated)
    event.add("transp", "TRANSPARENT")
    event.add("categories", ["forecast"])
    return event


def _second_up(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)


def _description(task: Task, operator: int | None, renew: bool) -> str:
    parts = [task.why, f"finish by {task.finish_by.astimezone(UTC):%Y-%m-%d %H:%M} UTC"]
    if operator is not None:
        parts.append(f"operator {operator}")
    if task.behind:
        parts.append(f"behind it: {', '.join(task.behind)}")
    if renew:
        parts.append("the recommendation has ended by then: ask for a new one first")
    return "; ".join(parts)


def _uid(vessel: str, task: str, day: date) -> str:
    name = "\n".join((vessel, task, day.isoformat()))
    return f"{hashlib.sha256(name.encode()).hexdigest()[:32]}@monolayer"
