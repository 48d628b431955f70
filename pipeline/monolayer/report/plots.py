"""Charts of analyses, drawn by hand: points with lines, rows with intervals, bars about a base.

Marks that have no number are left out here, because every chart stands above a table that names
them. Titles pop up over single marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from monolayer.drawing.numbers import finite, grouped, nice_ticks
from monolayer.drawing.palette import colour
from monolayer.drawing.svg import Frame, Scale, dots, join, tag, text, x_axis, y_axis

__all__ = [
    "Band",
    "Curve",
    "Level",
    "Points",
    "Row",
    "heat_map",
    "row_chart",
    "tornado_chart",
    "xy_chart",
]

Point = tuple[float, float]
Axis = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Points:
    """Marks of one kind: places, and for each the words that pop up over it (or none at all)."""

    places: Sequence[Point]
    words: Sequence[str] = ()
    kind: str = "dot"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through places; `kind` is its class: ``interval`` solid, ``mean`` dashed."""

    places: Sequence[Point]
    name: str = ""
    kind: str = "interval"


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line with its name at the right."""

    value: float
    name: str = ""
    kind: str = "mean"


@dataclass(frozen=True, slots=True)
class Band:
    """A range of numbers that is meant to hold something, such as equivalence."""

    low: float
    high: float


def xy_chart(
    description: str,
    x_name: str,
    y_name: str,
    points: Sequence[Points] = (),
    curves: Sequence[Curve] = (),
    levels: Sequence[Level] = (),
    *,
    from_zero: bool = False,
    height: float = 300.0,
) -> Markup:
    """Draw marks, lines and levels in one frame."""
    places = [place for points_ in points for place in points_.places]
    places += [place for curve in curves for place in curve.places]
    xs = finite(x for x, _ in places)
    ys = finite([*(y for _, y in places), *(level.value for level in levels)])
    frame = Frame(1000.0, height, right=120.0 if levels else 16.0, top=22.0)
    along = _scale(xs, frame.left, frame.x_end, from_zero=from_zero)
    up = _scale(ys, frame.y_end, frame.top, from_zero=from_zero)
    parts = [y_axis(frame, up, y_name), x_axis(frame, along, x_name)]
    parts += [_level(frame, up, level) for level in levels]
    parts += [_curve(along, up, curve) for curve in curves]
    parts += [_points(along, up, each) for each in points]
    return frame.chart(description, *parts)


def _scale(values: Sequence[float], start: float, end: float, *, from_zero: bool) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(0.0 if from_zero and low >= 0 else low - room, high + room, start, end)


def _level(frame: Frame, up: Scale, level: Level) -> Markup:
    y = up(level.value)
    line = tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_=level.kind)
    return join([line, text(frame.x_end + 8, y + 4, level.name)])


def _curve(along: Scale, up: Scale, curve: Curve) -> Markup:
    path = "M" + "L".join(f"{along(x):.1f} {up(y):.1f}" for x, y in curve.places)
    line = tag("path", d=path, class_=curve.kind, fill="none")
    if not (curve.name and curve.places):
        return line
    x, y = curve.places[-1]
    return join([line, text(along(x) - 6, up(y) - 8, curve.name, text_anchor="end", class_="halo")])


def _points(along: Scale, up: Scale, points: Points) -> Markup:
    drawn = [(along(x), up(y)) for x, y in points.places]
    if not points.words:
        return tag("path", d=dots(drawn), class_="dot-quality" if points.kind == "dot" else "cross")
    marks = []
    for (x, y), words in zip(drawn, points.words, strict=True):
        shape = tag("circle", cx=x, cy=y, r=4.0, class_=points.kind)
        marks.append(tag("g", tag("title", words), shape))
    return join(marks)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an interval chart; None where there is no number."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""
    band: Band | None = field(default=None)


def row_chart(
    description: str,
    x_name: str,
    rows: Sequence[Row],
    base: float | None = None,
    *,
    from_zero: bool = False,
) -> Markup:
    """Draw a row for each estimate: its band, its interval, its dot; `base` is a dashed line."""
    frame = Frame(1000.0, 52.0 + 28 * len(rows), left=260.0, right=150.0, top=10.0)
    ends = finite(
        v
        for row in rows
        for v in (
            row.value,
            row.low,
            row.high,
            *((row.band.low, row.band.high) if row.band else ()),
        )
    )
    also = [] if base is None else [base]
    along = _scale([*ends, *also], frame.left, frame.x_end, from_zero=from_zero)
    parts = [x_axis(frame, along, x_name)]
    for i, row in enumerate(rows):
        parts.append(_row(frame, along, row, frame.top + 14 + 28 * i))
    if base is not None:
        x = along(base)
        parts.append(tag("line", x1=x, x2=x, y1=frame.top, y2=frame.y_end, class_="mean"))
    return frame.chart(description, *parts)


def _row(frame: Frame, along: Scale, row: Row, y: float) -> Markup:
    parts = [
        tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="grid"),
        text(frame.left - 12, y + 4, row.name, text_anchor="end", class_="strong"),
        text(frame.x_end + 12, y + 4, row.words or grouped(row.value), class_="strong"),
    ]
    if row.band is not None:
        left, right = along(row.band.low), along(row.band.high)
        parts.append(
            tag("rect", x=left, y=y - 11, width=right - left, height=22.0, class_="mean-band")
        )
    if row.low is not None and row.high is not None:
        left, right = along(row.low), along(row.high)
        parts.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="interval wide"))
    if row.value is not None:
        parts.append(tag("circle", cx=along(row.value), cy=y, r=5.0, class_="dot"))
    return join(parts)


def tornado_chart(
    description: str, x_name: str, base: float, rows: Sequence[tuple[str, float, float]]
) -> Markup:
    """Draw a bar a cause from what its low value gives to what its high one gives, widest first.

    The solid half is the *high* value's, the pale half the low one's.
    """
    frame = Frame(1000.0, 52.0 + 26 * len(rows), left=300.0, right=24.0, top=10.0)
    ends = [base, *(v for _, low, high in rows for v in (low, high))]
    along = _scale(ends, frame.left, frame.x_end, from_zero=False)
    middle = along(base)
    parts = [x_axis(frame, along, x_name)]
    for i, (name, low, high) in enumerate(rows):
        y = frame.top + 4 + 26 * i
        parts.append(text(frame.left - 12, y + 14, name, text_anchor="end", class_="strong"))
        for value, pale in ((low, True), (high, False)):
            x = along(value)
            parts.append(
                tag("rect", x=min(x, middle), y=y, width=max(abs(x - middle), 0.5), height=18.0,
                    class_="mean-band" if pale else "bar")
            )  # fmt: skip
    parts.append(tag("line", x1=middle, x2=middle, y1=frame.top, y2=frame.y_end, class_="mean"))
    return frame.chart(description, *parts)


def heat_map(
    description: str,
    across: Axis,
    upwards: Axis,
    values: Sequence[Sequence[float | None]],
    name: str,
    *,
    mark: Point,
    dots: Sequence[Point] = (),
) -> Markup:
    """Draw a surface as coloured cells, lowest row first; `mark` is its best place, `dots` runs.

    Axes are a name with both ends, which are the middles of the outermost cells; None is blank.
    """
    frame = Frame(1000.0, 440.0, right=190.0, top=22.0)
    known = finite(value for line in values for value in line)
    low, high = min(known, default=0.0), max(known, default=1.0)
    side, rise = _half_a_cell(across, len(values[0])), _half_a_cell(upwards, len(values))
    along = Scale(across[1] - side, across[2] + side, frame.left, frame.x_end)
    up = Scale(upwards[1] - rise, upwards[2] + rise, frame.y_end, frame.top)
    parts = [y_axis(frame, up, upwards[0]), x_axis(frame, along, across[0])]
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if value is not None:
                x = across[1] + 2 * side * column
                y = upwards[1] + 2 * rise * row
                corner, end = (along(x - side), up(y + rise)), (along(x + side), up(y - rise))
                words = f"{across[0]} {grouped(x)}, {upwards[0]} {grouped(y)}: {grouped(value)}"
                fill = colour((value - low) / (high - low) if high > low else 0.5)
                parts.append(_cell(corner, end, fill, words))
    parts += [tag("circle", cx=along(x), cy=up(y), r=3.5, class_="run") for x, y in dots]
    x, y = along(mark[0]), up(mark[1])
    parts += [tag("circle", cx=x, cy=y, r=9.0, class_=each) for each in ("best-halo", "best")]
    parts.append(text(x, y - 15, "best", text_anchor="middle", class_="strong halo"))
    parts.append(_colours(frame, low, high, name))
    return frame.chart(description, *parts)


def _half_a_cell(axis: Axis, n: int) -> float:
    return (axis[2] - axis[1]) / (n - 1) / 2


def _cell(corner: Point, end: Point, fill: str, words: str) -> Markup:
    # A little larger than it is, or seams shine through between cells.
    shape = tag("rect", x=corner[0], y=corner[1], width=end[0] - corner[0] + 0.5,
                height=end[1] - corner[1] + 0.5, fill=fill)  # fmt: skip
    return tag("g", tag("title", words), shape)


def _colours(frame: Frame, low: float, high: float, name: str) -> Markup:
    """The key at the right: what a colour stands for."""
    left, steps = frame.x_end + 24, 40
    height = (frame.y_end - frame.top) / steps
    parts = [
        tag("rect", x=left, y=frame.y_end - (i + 1) * height, width=18.0, height=height + 0.5,
            fill=colour(i / (steps - 1)))
        for i in range(steps)
    ]  # fmt: skip
    scale = Scale(low, high, frame.y_end, frame.top)
    parts += [text(left + 24, scale(tick) + 4, grouped(tick)) for tick in nice_ticks(low, high, 6)]
    return join([*parts, text(left, 9.0, name, class_="axis-name")])
