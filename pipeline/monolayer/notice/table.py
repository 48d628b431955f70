"""The day's plan as CSV: a row a task, what does not fit among them; times in UTC and local."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

from monolayer.notice.hours import local
from monolayer.notice.schedule import DayPlan
from monolayer.notice.settings import SiteSettings
from monolayer.notice.tasks import Task

__all__ = ["COLUMNS", "csv_of", "rows_of"]

COLUMNS: tuple[str, ...] = (
    "order",
    "state",
    "vessel",
    "task",
    "operator",
    "start_utc",
    "end_utc",
    "start_local",
    "end_local",
    "finish_by_utc",
    "minutes",
    "late",
    "ask_again_first",
    "code",
    "why",
    "behind",
    "valid_until_utc",
)


def csv_of(plan: DayPlan, settings: SiteSettings) -> str:
    """The plan as CSV text with a header (RFC 4180); what is unknown is empty."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows_of(plan, settings))
    return out.getvalue()


def rows_of(plan: DayPlan, settings: SiteSettings) -> Iterator[dict[str, str | int | None]]:
    """A row a task, in order; then what does not fit, and what belongs to a day before."""
    for each in plan.planned:
        yield _common(each.task) | {
            "order": each.order,
            "state": "planned",
            "operator": each.operator,
            "start_utc": _utc(each.start),
            "end_utc": _utc(each.end),
            "start_local": local(each.start, settings).isoformat(timespec="minutes"),
            "end_local": local(each.end, settings).isoformat(timespec="minutes"),
            "late": _yes(each.late),
            "ask_again_first": _yes(each.renew),
        }
    for unplaced in plan.unplaced:
        common = _common(unplaced.task)
        yield common | {
            "state": "does not fit",
            "why": f"{common['why']}; {unplaced.reason}",
        }
    for task in plan.earlier:
        yield _common(task) | {"state": "before this day"}


def _common(task: Task) -> dict[str, str | int | None]:
    return {
        "vessel": task.vessel,
        "task": task.task,
        "finish_by_utc": _utc(task.finish_by),
        "minutes": task.minutes,
        "code": task.code,
        "why": task.why,
        "behind": " ".join(task.behind),
        "valid_until_utc": _utc(task.valid_until),
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
