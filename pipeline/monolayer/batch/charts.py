"""The growth chart, drawn by hand: points, curve, two bands, target, feeds, decisions, the end.

The bands are two things and are drawn as two: the curve's confidence interval is dark, the
prediction interval of a measurement is pale and has a dashed rim.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from markupsafe import Markup

from monolayer.batch.content import Curve, Decision, VesselRecord
from monolayer.batch.words import action_words, hours
from monolayer.drawing.svg import Frame, Scale, cross_path, join, tag, text, x_axis, y_axis

__all__ = ["growth_chart", "spread_chart"]

_LANE = 34.0
# Width of a bold letter of the charts, about.
_LETTER = 6.9
_FRAME = Frame(1000.0, 396.0, left=56.0, top=76.0, bottom=58.0)


def growth_chart(vessel: VesselRecord, target: float, frame: Frame = _FRAME) -> Markup:
    """Confluence in time with all that was done about it; a screen's dock has a smaller frame."""
    end = _end_h(vessel)
    across = Scale(0.0, end * 1.02, frame.left, frame.x_end)
    up = Scale(0.0, 100.0, frame.y_end, frame.top)
    parts = [
        y_axis(frame, up, "", 5),
        text(frame.left - 48, frame.top - 12, "confluence, %", class_="axis-name"),
        x_axis(frame, across, "hours since seeding", round(frame.width / 100)),
    ]
    if vessel.curve is not None:
        parts += _bands(vessel.curve, across, up)
    parts.append(_target(frame, up, target))
    parts += [_feed(frame, across, e.time_h, e.volume_ml) for e in vessel.history.exchanges]
    parts += _points(vessel, across, up)
    parts += _decisions(frame, across, vessel.decisions)
    parts += _ending(frame, across, vessel)
    parts.append(_dates(frame, across, vessel))
    described = (
        f"Confluence of vessel {vessel.name} in time with the fitted curve, its confidence "
        "interval, the prediction interval of a measurement, the target, feeds and decisions"
    )
    return frame.chart(described, *parts)


def _end_h(vessel: VesselRecord) -> float:
    ends = [vessel.history.last_h, vessel.history.ended_h or 0.0, 24.0]
    if vessel.curve is not None:
        ends.append(vessel.curve.times_h[-1])
    return max(ends)


def _bands(curve: Curve, across: Scale, up: Scale) -> list[Markup]:
    places = [across(t) for t in curve.times_h]
    wide = _area(places, curve.prediction_low, curve.prediction_high, up)
    narrow = _area(places, curve.confidence_low, curve.confidence_high, up)
    line = _line(places, curve.value, up)
    return [
        tag("path", d=wide, class_="prediction"),
        tag("path", d=narrow, class_="confidence"),
        tag("path", d=line, class_="curve"),
    ]


def _line(places: Sequence[float], values: Iterable[float], up: Scale) -> str:
    points = zip(places, values, strict=True)
    return "M" + "L".join(f"{x:.1f} {up(100 * value):.1f}" for x, value in points)


def _area(places: Sequence[float], low: Sequence[float], high: Sequence[float], up: Scale) -> str:
    back = _line(places[::-1], low[::-1], up).removeprefix("M")
    return f"{_line(places, high, up)}L{back}Z"


def _target(frame: Frame, up: Scale, target: float) -> Markup:
    y = up(100 * target)
    return join(
        [
            tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="target"),
            text(frame.left + 6, y - 5, f"target {100 * target:g} %", class_="strong halo"),
        ]
    )


def _feed(frame: Frame, across: Scale, time_h: float, volume_ml: float | None) -> Markup:
    x, y = across(time_h), frame.y_end
    volume = "" if volume_ml is None else f", {volume_ml:g} mL"
    words = tag("title", f"medium exchanged at {hours(time_h)}{volume}")
    return tag("g", words, tag("path", d=f"M{x:.1f} {y - 11:.1f}l6 11h-12z", class_="feed"))


def _points(vessel: VesselRecord, across: Scale, up: Scale) -> list[Markup]:
    """A dot a visit with its lower bound as a whisker; a cross where it could not be evaluated."""
    parts = []
    for visit, valid in zip(vessel.history.acquisitions, vessel.valid, strict=True):
        x, mean, low = across(visit.time_h), visit.confluence, visit.confluence_lower_bound
        if not valid or mean is None:
            y = up(0.0 if mean is None else 100 * mean)
            words = tag("title", f"{hours(visit.time_h)}: not evaluable")
            parts.append(tag("g", words, tag("path", d=cross_path(x, y, 5.0), class_="cross")))
            continue
        shown = [tag("title", f"{hours(visit.time_h)}: confluence {100 * mean:.1f} %")]
        if low is not None:
            bound = up(100 * low)
            shown.append(tag("line", x1=x, x2=x, y1=up(100 * mean), y2=bound, class_="bound"))
            shown.append(tag("line", x1=x - 3, x2=x + 3, y1=bound, y2=bound, class_="bound"))
        shown.append(tag("circle", cx=x, cy=up(100 * mean), r=3.6, class_="point"))
        parts.append(tag("g", *shown))
    return parts


def _decisions(frame: Frame, across: Scale, decisions: Sequence[Decision]) -> list[Markup]:
    """A lane above the chart: each stretch of one recommendation, named where it begins."""
    y, parts = frame.top - _LANE, []
    # Names of short stretches would run into one another: the next free of two levels takes them.
    free = {y - 9: 0.0, y + 17: 0.0}
    parts.append(text(frame.left - 48, y - 24, "recommended", class_="axis-name"))
    parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="grid"))
    for (action, code), group in groupby(decisions, key=lambda each: (each.action, each.code)):
        same = list(group)
        x, last = across(same[0].at_h), across(same[-1].at_h)
        kind = f"action {action.lower()}"
        marks = [tag("title", f"{hours(same[0].at_h)}: {action_words(action)} ({code})")]
        if last > x:
            marks.append(tag("line", x1=x, x2=last, y1=y, y2=y, class_=f"{kind} stretch"))
        marks += [tag("circle", cx=across(d.at_h), cy=y, r=4.2, class_=kind) for d in same]
        overridden = [d for d in same if d.disposition and d.disposition.verdict == "override"]
        marks += [
            tag("circle", cx=across(d.at_h), cy=y, r=7.5, class_="overridden") for d in overridden
        ]
        if action != "CONTINUE":
            marks.append(tag("line", x1=x, x2=x, y1=y + 6, y2=frame.y_end, class_="drop"))
        name = action_words(action)
        start = min(x - 4, frame.x_end - _LETTER * len(name))
        level = next((at for at, taken in free.items() if start >= taken), None)
        if level is not None:
            marks.append(text(start, level, name, class_="strong"))
            free[level] = start + _LETTER * len(name) + 6
        parts.append(tag("g", *marks))
    return parts


def _ending(frame: Frame, across: Scale, vessel: VesselRecord) -> list[Markup]:
    ended_h, ended_as = vessel.history.ended_h, vessel.history.ended_as
    if ended_h is None or ended_as is None:
        return []
    x = across(ended_h)
    return [
        tag("line", x1=x, x2=x, y1=frame.top, y2=frame.y_end, class_="ended"),
        text(x - 6, frame.y_end - 8, ended_as, text_anchor="end", class_="strong halo"),
    ]


def _dates(frame: Frame, across: Scale, vessel: VesselRecord) -> Markup:
    """The days below the hours, where the clock time of seeding is known."""
    parts, day = [], 0
    while (moment := vessel.history.clock(24.0 * day)) is not None and 24 * day <= across.high:
        x = across(24.0 * day)
        if x < frame.x_end - 60:
            parts.append(text(x, frame.y_end + 33, f"{moment:%d %b %H:%M}", class_="date"))
        day += max(1, round(across.high / 24 / (frame.width // 110)))
    return join(parts)


def spread_chart(rows: Sequence[tuple[str, float | None]], label: str, unit: str) -> Markup:
    """One row a vessel on a common axis; a cross where nothing is known."""
    frame = Frame(480.0, 52.0 + 22 * len(rows), left=110.0, right=56.0, top=8.0)
    values = [value for _, value in rows if value is not None]
    along = Scale(0.0, max(values, default=1.0) * 1.06 or 1.0, frame.left, frame.x_end)
    parts = [x_axis(frame, along, f"{label}, {unit}" if unit else label, 4)]
    for i, (name, value) in enumerate(rows):
        y = frame.top + 12 + 22 * i
        parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="grid"))
        parts.append(text(frame.left - 10, y + 4, name, text_anchor="end", class_="strong"))
        if value is None:
            parts.append(tag("path", d=cross_path(frame.left + 6, y, 4.0), class_="cross"))
            continue
        parts.append(tag("circle", cx=along(value), cy=y, r=4.6, class_="point"))
        parts.append(text(along(value) + 9, y + 4, f"{value:.3g}", class_="strong"))
    return frame.chart(f"{label} of each vessel", *parts)
