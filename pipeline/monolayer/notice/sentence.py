"""A forecast in words a shift can act on; a refusal in words as well.

Times are rounded to the wider side, so that the sentence promises no more than the interval.
"""

from datetime import UTC, date, datetime, timedelta

from monolayer.notice.hours import local
from monolayer.notice.settings import SiteSettings
from monolayer.notice.vessel_now import VesselNow

__all__ = ["crossing_sentence"]


def crossing_sentence(
    now: VesselNow, settings: SiteSettings, at: datetime | None = None, *, dated: bool = False
) -> str:
    """Say when a vessel crosses its target.

    Parameters
    ----------
    now : VesselNow
        With its forecast.
    settings : SiteSettings
        The site's time zone and rounding.
    at : datetime, optional
        When the sentence is read, for "today" and "tomorrow"; the recommendation's time where
        left out.
    dated : bool
        Whether times have their dates instead, for a sentence that may be read on any day.

    Returns
    -------
    str
        Such as "vessel V-017 crosses 80 % between 14:10 and 19:40 tomorrow (95 %, UTC+01:00)":
        the prediction interval, on the site's clock.
    """
    at = now.clock(now.at_h) if at is None else at
    day = None if dated else local(at, settings).date()
    target = f"{now.target * 100:.3g} %"
    if now.confluence is not None and now.confluence >= now.target:
        return f"vessel {now.vessel} is at {now.confluence * 100:.0f} %, at or above {target}"
    low_h, high_h = now.prediction_low_h, now.prediction_high_h
    if low_h is None:
        return f"vessel {now.vessel}: no forecast, {now.reason or 'none was made'}"
    low = _rounded(now.clock(low_h), settings, up=False)
    if high_h is None:
        one_sided = (1 + now.confidence) / 2
        return (
            f"vessel {now.vessel} does not cross {target} before {_clock(low, day, settings)} "
            f"({one_sided * 100:.4g} %, {offset_words(low, settings)}); its later end is open: "
            f"{now.reason}"
        )
    high = _rounded(now.clock(high_h), settings, up=True)
    verb = "was to cross" if high <= at else "crosses"
    return (
        f"vessel {now.vessel} {verb} {target} between {_both(low, high, day, settings)} "
        f"({now.confidence * 100:.4g} %, {_offsets(low, high, settings)})"
    )


def offset_words(moment: datetime, settings: SiteSettings) -> str:
    """The site's offset from UTC then, such as UTC+01:00."""
    text = f"{local(moment, settings):%z}"
    return f"UTC{text[:3]}:{text[3:]}"


def _both(low: datetime, high: datetime, day: date | None, settings: SiteSettings) -> str:
    same_day = local(low, settings).date() == local(high, settings).date()
    last = _clock(high, day, settings)
    first = f"{local(low, settings):%H:%M}" if same_day else _clock(low, day, settings)
    return f"{first} and {last}"


def _offsets(low: datetime, high: datetime, settings: SiteSettings) -> str:
    """One offset, or two where the clock is changed in between."""
    first, last = offset_words(low, settings), offset_words(high, settings)
    return first if first == last else f"{first}, then {last}"


def _clock(moment: datetime, day: date | None, settings: SiteSettings) -> str:
    """A time as "14:10 tomorrow" seen from `day`, or with its date."""
    there = local(moment, settings)
    days = None if day is None else (there.date() - day).days
    near = None if days is None else {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
    return f"{there:%H:%M} {near}" if near else f"{there:%H:%M on %a %Y-%m-%d}"


def _rounded(moment: datetime, settings: SiteSettings, *, up: bool) -> datetime:
    step = timedelta(minutes=settings.round_minutes)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    steps = (moment - epoch) // step
    down = epoch + steps * step
    return down + step if up and down < moment else down
