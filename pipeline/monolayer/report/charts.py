"""Charts drawn by hand: intervals a well and a plate, histograms, fields in a row.

Every chart starts counts and densities at zero, shows the interval and not only the dot, and
marks what has no number by a cross on the base line instead of leaving it out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from markupsafe import Markup

from monolayer.drawing.numbers import finite, grouped
from monolayer.drawing.svg import Frame, Scale, cross_path, dots, join, tag, text, x_axis, y_axis
from monolayer.field import State
from monolayer.report.content import (
    Estimate,
    FieldPoint,
    Histogram,
    Measure,
    PlateResult,
    WellResult,
)
from monolayer.report.plate_map import estimate_words, row_name, well_position, well_words

__all__ = [
    "field_chart",
    "histogram_chart",
    "outcome_bar",
    "plate_chart",
    "quality_chart",
    "well_chart",
]

_WELLS_A_PANEL = 192
_TITLED_FIELDS = 400


def well_chart(
    plate: PlateResult, points: Sequence[FieldPoint], measure: Measure, top: float
) -> list[Markup]:
    """Each well's estimate with its interval, its fields as faint dots; up to 192 wells a panel.

    ``top`` is the largest number of all plates, so that their charts can be compared.
    """
    fields: dict[str, list[float]] = defaultdict(list)
    for point in points:
        if (point.plate, point.time) == (
            plate.plate,
            plate.time,
        ) and point.estimate.value is not None:
            fields[point.well].append(point.estimate.value)
    panels = list(_panels(plate.wells))
    return [_well_panel(plate, panel, fields, measure, top) for panel in panels]


def _panels(wells: Sequence[WellResult]) -> Iterator[list[WellResult]]:
    """Cut between plate rows, never within one."""
    panel: list[WellResult] = []
    for _, row in groupby(wells, key=_row):
        row_wells = list(row)
        if panel and len(panel) + len(row_wells) > _WELLS_A_PANEL:
            yield panel
            panel = []
        panel += row_wells
    if panel:
        yield panel


def _row(well: WellResult) -> str:
    position = well_position(well.well)
    return row_name(position[0]) if position else ""


def _well_panel(
    plate: PlateResult,
    wells: Sequence[WellResult],
    fields: Mapping[str, Sequence[float]],
    measure: Measure,
    top: float,
) -> Markup:
    frame = Frame(1000.0, 250.0, top=22.0)
    across = Scale(-0.5, len(wells) - 0.5, frame.left, frame.x_end)
    up = Scale(0.0, top * 1.04, frame.y_end, frame.top)
    step = across(1) - across(0)
    parts = [
        _row_bands(frame, across, wells),
        y_axis(frame, up, f"{measure.label}, {measure.unit}"),
    ]
    parts.append(_mean_band(frame, up, plate.estimate))
    beside = min(step * 0.3, 9.0)
    # A single field is the well's own dot: drawn twice it would look like two.
    faint = [
        (across(i) + beside, up(v))
        for i, well in enumerate(wells)
        for v in fields.get(well.well, ())
        if well.n_ok > 1
    ]
    parts.append(tag("path", d=dots(faint), class_="dot-field"))
    for i, well in enumerate(wells):
        mark = _interval_mark(across(i), up, well.estimate, min(step * 0.3, 5.0))
        parts.append(tag("g", tag("title", well_words(well, measure)), mark, data_well=well.well))
    parts.append(_well_names(frame, across, wells, step))
    described = f"{measure.label} of each well of plate {plate.name} with its {measure.interval}"
    return frame.chart(described, *parts)


def _row_bands(frame: Frame, across: Scale, wells: Sequence[WellResult]) -> Markup:
    bands, start = [], 0
    for i, (_, row) in enumerate(groupby(wells, key=_row)):
        end = start + len(list(row))
        if i % 2:
            left, right = across(start - 0.5), across(end - 0.5)
            bands.append(
                tag("rect", x=left, y=frame.top, width=right - left,
                    height=frame.y_end - frame.top, class_="band-row")
            )  # fmt: skip
        start = end
    return join(bands)


def _well_names(frame: Frame, across: Scale, wells: Sequence[WellResult], step: float) -> Markup:
    """Names where they fit, else the plate row's letter below its wells."""
    y = frame.y_end + 16
    axis = tag("line", x1=frame.left, x2=frame.x_end, y1=frame.y_end, y2=frame.y_end, class_="axis")
    if step >= 30:
        names = [text(across(i), y, w.well, text_anchor="middle") for i, w in enumerate(wells)]
        return join([axis, *names])
    names, start = [], 0
    for letter, row in groupby(wells, key=_row):
        end = start + len(list(row))
        names.append(text(across((start + end - 1) / 2), y, letter, text_anchor="middle"))
        start = end
    note = text(
        frame.x_end, frame.height - 3, "wells by plate row", class_="axis-name", text_anchor="end"
    )
    return join([axis, *names, note])


def _mean_band(frame: Frame, up: Scale, estimate: Estimate) -> Markup:
    if estimate.value is None:
        return Markup()
    y = up(estimate.value)
    line = tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="mean")
    if estimate.low is None or estimate.high is None:
        return line
    low, high = up(estimate.low), max(up(estimate.high), frame.top)
    band = tag(
        "rect", x=frame.left, y=high, width=frame.x_end - frame.left, height=max(low - high, 1.0),
        class_="mean-band",
    )  # fmt: skip
    return join([band, line])


def _interval_mark(x: float, up: Scale, estimate: Estimate, radius: float) -> Markup:
    if estimate.value is None:
        return _cross(x, up.start - 6, 3.5)
    parts = []
    if estimate.low is not None and estimate.high is not None:
        high = max(up(estimate.high), up.end)
        parts.append(tag("line", x1=x, x2=x, y1=up(estimate.low), y2=high, class_="interval"))
    parts.append(tag("circle", cx=x, cy=up(estimate.value), r=max(radius, 1.6), class_="dot"))
    return join(parts)


def _cross(x: float, y: float, arm: float) -> Markup:
    return tag("path", d=cross_path(x, y, arm), class_="cross")


def plate_chart(plates: Sequence[PlateResult], measure: Measure) -> Markup:
    """Draw one row a plate and time, estimate and interval on a common axis."""
    frame = Frame(1000.0, 50.0 + 26 * len(plates), left=210.0, right=120.0, top=10.0)
    ends = finite(v for p in plates for v in (p.estimate.value, p.estimate.high))
    along = Scale(0.0, max(ends, default=1.0) * 1.04, frame.left, frame.x_end)
    parts = [x_axis(frame, along, f"{measure.label}, {measure.unit}")]
    for i, plate in enumerate(plates):
        y = frame.top + 14 + 26 * i
        parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="grid"))
        parts.append(
            text(frame.left - 12, y + 4, _clipped(plate.name), text_anchor="end", class_="strong")
        )
        parts.append(_plate_row(along, plate.estimate, y))
        parts.append(text(frame.x_end + 12, y + 4, grouped(plate.estimate.value), class_="strong"))
    return frame.chart(f"{measure.label} of each plate with its {measure.interval}", *parts)


def _plate_row(along: Scale, estimate: Estimate, y: float) -> Markup:
    if estimate.value is None:
        return _cross(along.start + 8, y, 4)
    parts = []
    if estimate.low is not None and estimate.high is not None:
        low, high = along(max(estimate.low, 0.0)), min(along(estimate.high), along.end)
        parts.append(tag("line", x1=low, x2=high, y1=y, y2=y, class_="interval wide"))
    parts.append(tag("circle", cx=along(estimate.value), cy=y, r=5.0, class_="dot"))
    return join(parts)


def _clipped(name: str, length: int = 30) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def histogram_chart(histogram: Histogram) -> Markup:
    """Bars of the distribution, the median as a line and the middle 90 % as a bar below."""
    frame = Frame(480.0, 215.0, left=52.0, top=24.0, bottom=26.0)
    along = Scale(histogram.edges[0], histogram.edges[-1], frame.left, frame.x_end)
    up = Scale(0.0, max(histogram.heights, default=0.0) * 1.05 or 1.0, frame.y_end, frame.top)
    edges = zip(histogram.edges[:-1], histogram.edges[1:], histogram.heights, strict=True)
    bars = [
        tag("rect", x=along(left) + 0.3, width=max(along(right) - along(left) - 0.6, 0.4),
            y=up(height), height=frame.y_end - up(height), class_="bar")
        for left, right, height in edges
        if height > 0
    ]  # fmt: skip
    low, middle, high = (
        min(max(along(v), frame.left), frame.x_end)
        for v in (histogram.q05, histogram.q50, histogram.q95)
    )
    median = tag("line", x1=middle, x2=middle, y1=frame.top, y2=frame.y_end, class_="median")
    side = "end" if middle > (frame.left + frame.x_end) / 2 else "start"
    shift = -6 if side == "end" else 6
    words = text(middle + shift, frame.top + 8, f"median {grouped(histogram.q50)}",
                 text_anchor=side, class_="halo strong")  # fmt: skip
    y = frame.y_end + 2
    middle_90 = tag("line", x1=low, x2=high, y1=y, y2=y, class_="middle-90")
    axes = [y_axis(frame, up, "objects", 3), x_axis(frame, along, "", 5)]
    described = f"Histogram of {histogram.title.lower()} of {histogram.n:,} objects"
    return frame.chart(described, *axes, *bars, median, words, middle_90)


def field_chart(points: Sequence[FieldPoint], measure: Measure) -> Markup:
    """Draw every field of a plain folder in the order of the tables, with its interval."""
    frame = Frame(1000.0, 260.0, top=22.0)
    ends = finite(v for p in points for v in (p.estimate.value, p.estimate.high))
    across = Scale(0.5, len(points) + 0.5, frame.left, frame.x_end)
    up = Scale(0.0, max(ends, default=1.0) * 1.04 or 1.0, frame.y_end, frame.top)
    parts = [
        y_axis(frame, up, f"{measure.label}, {measure.unit}"),
        x_axis(frame, across, "field, in table order"),
    ]
    radius = min(max((across(1) - across(0)) * 0.3, 1.6), 4.5)
    for i, point in enumerate(points, start=1):
        mark = _interval_mark(across(i), up, point.estimate, radius)
        parts.append(
            tag("g", tag("title", _field_words(point, measure)), mark, data_field=point.field_id)
        )
    return frame.chart(f"{measure.label} of each field with its {measure.interval}", *parts)


def _field_words(point: FieldPoint, measure: Measure) -> str:
    if point.estimate.value is None:
        return f"{point.field_id}: {point.state.replace('_', ' ')}"
    return f"{point.field_id}: {estimate_words(point.estimate, measure)}"


def quality_chart(
    points: Sequence[FieldPoint], figure: str, label: str, factor: float = 1.0
) -> Markup:
    """One image-quality figure of every field in table order; crosses are excluded fields.

    The figure is drawn ``factor`` times as large: 100 shows a fraction as per cent.
    """
    known = [
        (i, point, value * factor)
        for i, point in enumerate(points)
        if (value := point.figures.get(figure)) is not None
    ]
    frame = Frame(1000.0, 150.0, top=22.0, bottom=26.0)
    values = finite(v for _, _, v in known)
    if not values:
        return Markup()
    across = Scale(-0.5, len(points) - 0.5, frame.left, frame.x_end)
    low, high = min(values), max(values)
    pad = (high - low) * 0.06 or max(abs(high) * 0.1, 1e-3)
    up = Scale(low - pad if low < 0 or low > pad else 0.0, high + pad, frame.y_end, frame.top)
    fine = [(across(i), up(v)) for i, p, v in known if p.state is State.OK]
    odd = [(across(i), up(v)) for i, p, v in known if p.state is not State.OK]
    axis = tag("line", x1=frame.left, x2=frame.x_end, y1=frame.y_end, y2=frame.y_end, class_="axis")
    parts = [
        y_axis(frame, up, label, 3),
        axis,
        tag("path", d=dots(fine), class_="dot-quality"),
        tag("path", d="".join(cross_path(x, y, 3.5) for x, y in odd), class_="cross"),
        _stretches(frame, across, points),
        _quality_tips(known, across, up),
    ]
    return frame.chart(f"{label} of each field", *parts)


def _quality_tips(
    known: Sequence[tuple[int, FieldPoint, float]], across: Scale, up: Scale
) -> Markup:
    """Tooltips of the excluded and the most extreme fields: one for each would double the page."""
    middle = sorted(v for _, _, v in known)[len(known) // 2]
    by_interest = sorted(known, key=lambda k: (k[1].state is State.OK, -abs(k[2] - middle), k[0]))
    return join(
        tag("circle", tag("title", f"{p.field_id}: {grouped(v)} ({p.state.replace('_', ' ')})"),
            cx=across(i), cy=up(v), r=5.0, class_="hover")
        for i, p, v in by_interest[:_TITLED_FIELDS]
    )  # fmt: skip


def _stretches(frame: Frame, across: Scale, points: Sequence[FieldPoint]) -> Markup:
    """Name the plate rows, or the plates where there are several, along the fields."""
    plates = {(p.plate, p.time) for p in points}
    parts, start, last_end = [], 0, 0.0
    for name, group in groupby(points, key=lambda p: _stretch_name(p, len(plates) > 1)):
        end = start + len(list(group))
        x = across(start - 0.5)
        if start:
            parts.append(tag("line", x1=x, x2=x, y1=frame.top, y2=frame.y_end, class_="grid"))
        middle = across((start + end - 1) / 2)
        half = 3.5 * len(name) + 3
        if middle - half > last_end:
            parts.append(text(middle, frame.y_end + 16, name, text_anchor="middle"))
            last_end = middle + half
        start = end
    return join(parts)


def _stretch_name(point: FieldPoint, by_plate: bool) -> str:
    if by_plate:
        return _clipped(" ".join(part for part in (point.plate, point.time) if part), 18)
    position = well_position(point.well)
    return row_name(position[0]) if position else ""


def outcome_bar(counts: Mapping[State, int]) -> Markup:
    """How many fields came to which end, as one bar."""
    total = sum(counts.values())
    parts, x = [], 0.0
    for kind in State:
        if not counts[kind]:
            continue
        # Never thinner than the eye: two fields in ten thousand still matter.
        width = max(counts[kind] / total * 1000, 6.0)
        words = tag("title", f"{counts[kind]:,} {kind.replace('_', ' ')}")
        parts.append(
            tag("rect", words, x=x, y=2.0, width=width, height=18.0, class_=f"state-{kind}")
        )
        x += width + 2
    described = ", ".join(f"{n:,} {kind.replace('_', ' ')}" for kind, n in counts.items() if n)
    return Frame(max(x - 2, 1.0), 22.0).chart(
        f"Fields: {described}", *parts, class_="outcome", preserveAspectRatio="none"
    )
