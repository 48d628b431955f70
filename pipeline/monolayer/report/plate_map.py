"""The plate as it lies on the bench: one shape a well, coloured by its number.

A well without a number is hatched and never coloured, so that it cannot be taken for a low one:
red hatching and a cross where every field was excluded, a dashed outline where fields are
missing. Positions that the run never meant to image stay faint.
"""

import re
from collections.abc import Iterable

from markupsafe import Markup

from monolayer.drawing.numbers import finite, interval_text, nice_ticks, plural, short, shown
from monolayer.drawing.palette import colour, ink_on
from monolayer.drawing.svg import Frame, Scale, cross_path, tag, text, x_axis
from monolayer.report.content import Estimate, Measure, PlateResult, WellResult

__all__ = ["colour_legend", "colour_scale", "plate_format", "plate_map", "well_position"]

FORMATS = {
    6: (2, 3),
    12: (3, 4),
    24: (4, 6),
    48: (6, 8),
    96: (8, 12),
    384: (16, 24),
    1536: (32, 48),
}
_VALUES_UP_TO = 96
_LARGEST_PITCH = 130.0


def well_position(well: str) -> tuple[int, int] | None:
    """Row and column, counted from 0, of ``A01`` or ``AF48``; None for any other name."""
    match = re.fullmatch(r"([A-Z]{1,2})(\d{1,2})", well)
    if match is None or match[2].strip("0") == "":
        return None
    row = 0
    for letter in match[1]:
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(match[2]) - 1


def plate_format(wells: Iterable[str]) -> int | None:
    """Return the smallest usual plate that holds every well; None if a name fits none."""
    positions = [well_position(well) for well in wells]
    if not positions or None in positions:
        return None
    rows = 1 + max(p[0] for p in positions if p)
    columns = 1 + max(p[1] for p in positions if p)
    fitting = (n for n, (r, c) in FORMATS.items() if rows <= r and columns <= c)
    return next(fitting, None)


def row_name(row: int) -> str:
    """``A`` to ``Z``, then ``AA``."""
    return chr(ord("A") + row) if row < 26 else row_name(row // 26 - 1) + row_name(row % 26)


def colour_scale(plates: Iterable[PlateResult]) -> Scale:
    """One scale for every map of the report, so that plates can be compared by eye."""
    values = finite(well.estimate.value for plate in plates for well in plate.wells)
    if not values:
        return Scale(0.0, 1.0, 0.0, 1.0)
    return Scale(min(values), max(values), 0.0, 1.0)


def plate_map(
    plate: PlateResult, scale: Scale, measure: Measure, name: str, *, half: bool = False
) -> Markup:
    """Draw the map. ``name`` keeps the hatching of several maps on a page apart.

    ``half`` draws it for half the page's width.
    """
    n_wells = plate_format(well.well for well in plate.wells)
    if n_wells is None:
        return Markup()
    rows, columns = FORMATS[n_wells]
    width = min(500.0 if half else 1000.0, 40 + _LARGEST_PITCH * columns)
    pitch = (width - 44) / columns
    frame = Frame(width, 32 + rows * pitch, left=40.0, right=4.0, top=28.0, bottom=4.0)
    by_position = {well_position(well.well): well for well in plate.wells}
    parts = [_hatching(name), *_names(frame, rows, columns, pitch)]
    for row in range(rows):
        for column in range(columns):
            x, y = frame.left + (column + 0.5) * pitch, frame.top + (row + 0.5) * pitch
            well = by_position.get((row, column))
            if well is None:
                parts.append(_shape(n_wells, x, y, pitch, class_="well-unused"))
            else:
                parts.append(_well(well, _Cell(n_wells, x, y, pitch), scale, measure, name))
    described = f"Map of plate {plate.name}, {n_wells} wells, coloured by {measure.label.lower()}"
    style = f"max-width:{width * 1.01:.0f}px"
    return frame.chart(described, *parts, class_=f"chart plate plate-{n_wells}", style=style)


class _Cell:
    """Where a well lies on the map."""

    __slots__ = ("n_wells", "pitch", "x", "y")

    def __init__(self, n_wells: int, x: float, y: float, pitch: float) -> None:
        self.n_wells, self.x, self.y, self.pitch = n_wells, x, y, pitch


def _well(well: WellResult, cell: _Cell, scale: Scale, measure: Measure, name: str) -> Markup:
    parts = [tag("title", well_words(well, measure))]
    value = well.estimate.value
    if value is None:
        kind = "missing" if well.n_missing == well.n_planned else "excluded"
        fill = f"url(#{name}-{kind})"
        parts.append(
            _shape(cell.n_wells, cell.x, cell.y, cell.pitch, class_=f"well-{kind}", fill=fill)
        )
        if kind == "excluded":
            parts.append(_cross(cell))
    else:
        fill = colour(scale(value))
        parts.append(_shape(cell.n_wells, cell.x, cell.y, cell.pitch, class_="well", fill=fill))
        if cell.n_wells <= _VALUES_UP_TO:
            parts.append(_value(value, cell, ink_on(fill)))
        if well.n_ok < well.n_planned:
            parts.append(_corner(cell))
    return tag("g", *parts, data_well=well.well)


def _shape(n_wells: int, x: float, y: float, pitch: float, **attributes: object) -> Markup:
    # Wells are round up to 96 and square with soft corners beyond, as they are moulded.
    half = pitch * 0.44
    if n_wells <= _VALUES_UP_TO:
        return tag("circle", cx=x, cy=y, r=half, **attributes)
    return tag(
        "rect", x=x - half, y=y - half, width=2 * half, height=2 * half, rx=half / 3, **attributes
    )


def _value(value: float, cell: _Cell, ink: str) -> Markup:
    size = min(cell.pitch * 0.23, 26.0)
    words = short(value)
    style = f"fill:{ink};font-size:{size:.1f}px"
    y = cell.y + size * 0.36
    return text(cell.x, y, words, style=style, text_anchor="middle", class_="well-value")


def _cross(cell: _Cell) -> Markup:
    return tag("path", d=cross_path(cell.x, cell.y, cell.pitch * 0.16), class_="well-cross")


def _corner(cell: _Cell) -> Markup:
    side = min(max(cell.pitch * 0.2, 4.0), 16.0)
    x, y = cell.x + cell.pitch * 0.46, cell.y - cell.pitch * 0.46
    return tag("path", d=f"M{x:.1f} {y:.1f}h{-side:.1f}l{side:.1f} {side:.1f}z", class_="well-part")


def _names(frame: Frame, rows: int, columns: int, pitch: float) -> list[Markup]:
    size = min(max(pitch * 0.3, 11.5), 15.0)
    style = f"font-size:{size:.1f}px"
    every = 1 if pitch >= 24 else 2 if pitch >= 15 else 4
    across = [
        text(frame.left + (c + 0.5) * pitch, 19.0, c + 1, text_anchor="middle", style=style)
        for c in range(0, columns, every)
    ]
    down = [
        text(frame.left - 10, frame.top + (r + 0.5) * pitch + size * 0.36, row_name(r),
             text_anchor="end", style=style)
        for r in range(0, rows, every)
    ]  # fmt: skip
    return across + down


def _hatching(name: str) -> Markup:
    def pattern(kind: str, angle: int) -> Markup:
        line = tag("line", x1=0, x2=0, y1=0, y2=8, class_=f"hatch-{kind}")
        return tag(
            "pattern", line, id=f"{name}-{kind}", width=6, height=8,
            patternUnits="userSpaceOnUse", patternTransform=f"rotate({angle})",
        )  # fmt: skip

    return tag("defs", pattern("excluded", 45), pattern("missing", -45))


def well_words(well: WellResult, measure: Measure) -> str:
    """Say in one line what a well holds: the tooltip, and the row's words for a screen reader."""
    fields = f"{well.n_ok} of {plural(well.n_planned, 'field')} evaluated"
    if well.n_missing:
        fields += f", {well.n_missing} missing"
    if well.estimate.value is None:
        why = f" ({', '.join(well.reasons)})" if well.reasons else ""
        return f"{well.well}: no result; {fields}{why}"
    return f"{well.well}: {estimate_words(well.estimate, measure)}; {fields}"


def estimate_words(estimate: Estimate, measure: Measure) -> str:
    """``41,280 cells/cm² (95 % interval 39,900 to 42,660)``."""
    number = f"{shown(estimate.value, measure.unit)} {measure.unit}"
    if estimate.low is None or estimate.high is None:
        return number
    return f"{number} ({measure.interval} {interval_text(estimate, measure.unit)})"


def colour_legend(scale: Scale, label: str, unit: str) -> Markup:
    """Draw the colours of a map as a bar with its numbers."""
    if not nice_ticks(scale.low, scale.high):
        return Markup()
    frame = Frame(420.0, 64.0, left=10.0, right=10.0, top=18.0, bottom=34.0)
    steps = 60
    width = (frame.x_end - frame.left) / steps
    bar = [
        tag("rect", x=frame.left + i * width, y=frame.top, width=width + 0.6, height=12,
            fill=colour((i + 0.5) / steps))
        for i in range(steps)
    ]  # fmt: skip
    name = text(frame.left, 11.0, f"{label}, {unit}", class_="axis-name")
    axis = x_axis(frame, Scale(scale.low, scale.high, frame.left, frame.x_end), "", about=5)
    return frame.chart(f"Colour scale: {label}", name, *bar, axis, class_="chart legend")
