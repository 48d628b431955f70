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
    not_before : datetime
        The earliest: a visit that cannot be made at its best time is better made before it.
    why : str
        In words.
    late : bool
        Nobody works before `by`: `at` is the first working time after it.
    width_h, expected_width_h : float or None
        Of the prediction interval now, and as expected after this visit.
    """

    at: datetime
    by: datetime
    not_before: datetime
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
        return Visit(times[-1], by, times[0], why)
    widths = expected_widths([now.hours(moment) for moment in times])
    width_now = now.prediction_high_h - now.prediction_low_h
    best = min(widths)
    if best > width_now * (1 - settings.worth_sharpening):
        why += "; hardly sharper by any visit"
        return Visit(times[-1], by, times[0], why, False, width_now, best)
    at, width = next(
        (moment, each)
        for moment, each in zip(times, widths, strict=True)
        if each <= best * (1 + _SAME)
    )
    return Visit(at, by, times[0], why, width_h=width_now, expected_width_h=width)


def _again(now: VesselNow, earliest_h: float, settings: SiteSettings) -> Visit:
    """As soon as it may be; a confirmation only counts so long."""
    by = now.clock(now.at_h + settings.image_within_h)
    at = first_working(now.clock(earliest_h), settings.image_minutes, settings)
    why = "image again"
    if now.confirm_by_h is not None:
        confirm_by = now.clock(now.confirm_by_h)
        by, why = min(by, confirm_by), "confirm the last visit"
        if at > confirm_by:
            why = "too late to confirm the last visit, counts as a first one"
    return Visit(at, by, at, why, late=at > by)


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
    taken = timedelta(minutes=settings.image_minutes)
    times: list[datetime] = []
    for begin, stop in spans_between(now.clock(earliest_h), now.clock(by_h) + taken, settings):
        end = stop - taken
        if end < begin:
            continue
        steps = (end - begin) // step
        times += [begin + n * step for n in range(steps + 1)]
        if times[-1] < end:
            times.append(end)
    return times


def _after(now: VesselNow, by_h: float, why: str, settings: SiteSettings) -> Visit:
    by = now.clock(by_h)
    at = first_working(max(by, now.clock(now.at_h)), settings.image_minutes, settings)
    return Visit(at, by, at, why, late=at > by)
