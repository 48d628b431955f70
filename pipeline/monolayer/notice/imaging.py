"""When to image a vessel next: where it sharpens the forecast most, before anything must be done.

The criterion is the width that the crossing's prediction interval is expected to have after one
more visit. The other that was thought of, the chance that the decision changes, has no best time:
it only rises the longer one waits, and asks for the image when it is too late to plan by it. An
image tells most about a crossing close to it, so the width alone would wait too; therefore a visit
comes no later than the earliest time at which the vessel may have crossed, and no later than the
last image becomes too old.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monolayer.notice.hours import first_working, spans_between
from monolayer.notice.settings import SiteSettings
from monolayer.notice.vessel_now import VesselNow

__all__ = ["Visit", "next_visit"]

Widths = Callable[[Sequence[float]], Sequence[float]]
# A width that is smaller by less than this share is not worth waiting for.
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class Visit:
    """The next visit of the microscope to a vessel.

    Attributes
    ----------
    at, by : datetime
        The best time, and the latest, with offsets.
    why : str
        In words.
    late : bool
        Nobody works before `by`: `at` is the first working time after it.
    width_h, expected_width_h : float or None
        Of the prediction interval now, and as expected after this visit.
    """

    at: datetime
    by: datetime
    why: str
    late: bool = False
    width_h: float | None = None
    expected_width_h: float | None = None


def next_visit(
    now: VesselNow, settings: SiteSettings, expected_widths: Widths | None = None
) -> Visit | None:
    """Choose the next visit; None where the vessel is to be moved or looked at by a person.

    Parameters
    ----------
    now : VesselNow
        The vessel.
    settings : SiteSettings
        Working hours and the step of the times tried.
    expected_widths : callable, optional
        Expected width in hours of the prediction interval after one more visit, for rising hours
        since seeding. Without it the latest time allowed is taken.
    """
    if now.action not in ("CONTINUE", "FEED", "REIMAGE"):
        return None
    earliest_h = now.at_h
    if now.last_image_h is not None:
        earliest_h = max(earliest_h, now.last_image_h + settings.confirm_after_h)
    if now.action == "REIMAGE":
        return _again(now, earliest_h, settings)
    by_h, why = _latest(now, earliest_h)
    times = _times(now, earliest_h, by_h, settings)
    if not times:
        return _after(now, by_h, f"{why}, but nobody works before", settings)
    by = now.clock(by_h)
    if expected_widths is None or now.prediction_low_h is None or now.prediction_high_h is None:
        return Visit(times[-1], by, why)
    widths = expected_widths([now.hours(moment) for moment in times])
    best = min(widths)
    at, width = next(
        (moment, each)
        for moment, each in zip(times, widths, strict=True)
        if each <= best * (1 + _SAME)
    )
    width_now = now.prediction_high_h - now.prediction_low_h
    return Visit(at, by, why, width_h=width_now, expected_width_h=width)


def _again(now: VesselNow, earliest_h: float, settings: SiteSettings) -> Visit:
    """As soon as it may be; a confirmation only counts so long."""
    by_h = now.at_h + settings.image_within_h
    why = "image again"
    if now.confirm_by_h is not None:
        by_h, why = now.confirm_by_h, "confirm the last visit"
    at = first_working(now.clock(earliest_h), settings)
    late = at > now.clock(by_h)
    return Visit(at, now.clock(by_h), f"{why}, but nobody works before" if late else why, late)


def _latest(now: VesselNow, earliest_h: float) -> tuple[float, str]:
    if now.prediction_low_h is None:
        return now.image_due_h, "no forecast; the last image becomes too old"
    if now.prediction_low_h < earliest_h:
        return earliest_h, "it may have crossed the target"
    if now.prediction_low_h < now.image_due_h:
        return now.prediction_low_h, "sharpen the forecast before the vessel may cross"
    return now.image_due_h, "the last image becomes too old"


def _times(
    now: VesselNow, earliest_h: float, by_h: float, settings: SiteSettings
) -> list[datetime]:
    """Working times from the earliest to the latest, a step apart and both ends among them."""
    step = timedelta(minutes=settings.visit_step_minutes)
    times: list[datetime] = []
    for begin, end in spans_between(now.clock(earliest_h), now.clock(by_h), settings):
        steps = (end - begin) // step
        times += [begin + n * step for n in range(steps + 1)]
        if times[-1] < end:
            times.append(end)
    return times


def _after(now: VesselNow, by_h: float, why: str, settings: SiteSettings) -> Visit:
    by = now.clock(by_h)
    at = first_working(max(by, now.clock(now.at_h)), settings)
    return Visit(at, by, why, late=at > by)
