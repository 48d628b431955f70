"""Working hours as stretches of UTC, so that a change to summer time moves nothing by an hour."""

from datetime import UTC, date, datetime, timedelta

from monolayer.notice.settings import SiteSettings, Weekday

__all__ = ["first_working", "local", "span_of", "spans_between"]

_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_REST_DAYS = 8


def span_of(day: date, settings: SiteSettings) -> tuple[datetime, datetime] | None:
    """Begin and end of a day's work in UTC; None where nobody works."""
    if _WEEKDAYS[day.weekday()] not in settings.working_days:
        return None
    begin, end = (
        datetime.combine(day, clock, settings.zone).astimezone(UTC)
        for clock in (settings.working_from, settings.working_until)
    )
    return begin, end


def spans_between(
    first: datetime, last: datetime, settings: SiteSettings
) -> list[tuple[datetime, datetime]]:
    """All working stretches that touch the time from `first` to `last`, cut to it."""
    day, end_day = (moment.astimezone(settings.zone).date() for moment in (first, last))
    spans = []
    while day <= end_day:
        span = span_of(day, settings)
        if span is not None and max(span[0], first) <= min(span[1], last):
            spans.append((max(span[0], first), min(span[1], last)))
        day += timedelta(days=1)
    return spans


def first_working(moment: datetime, minutes: int, settings: SiteSettings) -> datetime:
    """The moment itself where there are so many minutes of work left, else when work begins."""
    needed = timedelta(minutes=max(minutes, 1))
    spans = spans_between(moment, moment + timedelta(days=_LONGEST_REST_DAYS), settings)
    return next((begin for begin, end in spans if end - begin >= needed), moment)


def local(moment: datetime, settings: SiteSettings) -> datetime:
    """The moment on the site's clock."""
    return moment.astimezone(settings.zone)
