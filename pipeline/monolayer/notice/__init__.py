"""Notice: what is coming of a vessel, in a sentence; and a day's work for the whole incubator.

1. `crossing_sentence`: between when and when a vessel crosses its target, or why nobody can tell.
2. `next_visit`: when an image would sharpen that most, in the site's working hours.
3. `plan_day`: who feeds, images, passages and harvests what, in which order, and what does not fit.
4. `csv_of` and `calendar_of`: the plan as a table and for a calendar (RFC 5545).

Pure functions of what is known of vessels and one settings object; no files, no clock.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.notice.calendar import calendar_of
    from monolayer.notice.imaging import Visit, next_visit
    from monolayer.notice.schedule import DayPlan, Notice, Planned, Unplaced, plan_day
    from monolayer.notice.sentence import crossing_sentence
    from monolayer.notice.settings import SiteSettings
    from monolayer.notice.table import csv_of
    from monolayer.notice.tasks import Following, Task, TaskName, following, tasks_of
    from monolayer.notice.vessel_now import VesselNow

__all__ = [
    "DayPlan",
    "Following",
    "Notice",
    "Planned",
    "SiteSettings",
    "Task",
    "TaskName",
    "Unplaced",
    "VesselNow",
    "Visit",
    "calendar_of",
    "crossing_sentence",
    "csv_of",
    "following",
    "next_visit",
    "plan_day",
    "tasks_of",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "DayPlan": "schedule",
        "Following": "tasks",
        "Notice": "schedule",
        "Planned": "schedule",
        "SiteSettings": "settings",
        "Task": "tasks",
        "TaskName": "tasks",
        "Unplaced": "schedule",
        "VesselNow": "vessel_now",
        "Visit": "imaging",
        "calendar_of": "calendar",
        "crossing_sentence": "sentence",
        "csv_of": "table",
        "following": "tasks",
        "next_visit": "imaging",
        "plan_day": "schedule",
        "tasks_of": "tasks",
    },
)
