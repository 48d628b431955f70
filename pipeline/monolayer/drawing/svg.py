"""Drawing by hand: SVG elements as escaped text, and the axes that the charts share."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from monolayer.drawing.numbers import axis_texts, grouped, nice_ticks

__all__ = ["Frame", "Scale", "cross_path", "dots", "join", "tag", "text", "x_axis", "y_axis"]

# Width of a digit in a chart's own units, at the style sheet's size of letters.
_DIGIT = 7.4


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """One element. Children and attributes are escaped unless they are markup already.

    ``class_`` becomes ``class``, other underscores become hyphens, floats get one decimal, and
    attributes that are None are left out.
    """
    given = ((k.rstrip("_").replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    opening = "".join(f' {key}="{_attribute(value)}"' for key, value in given)
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{opening}>{inside}</{name}>" if inside else f"<{name}{opening}/>")  # noqa: S704


def _attribute(value: object) -> str:
    return _coordinate(value) if isinstance(value, float) else escape(value)


def _coordinate(value: float) -> str:
    text_form = f"{value:.1f}"
    return text_form.removesuffix(".0")


def join(parts: Iterable[Markup]) -> Markup:
    """Put elements one after the other."""
    return Markup("").join(parts)


def text(x: float, y: float, words: object, **attributes: object) -> Markup:
    """Text whose baseline starts, or by ``text_anchor`` ends or has its middle, at (x, y)."""
    return tag("text", words, x=float(x), y=float(y), **attributes)


def dots(points: Iterable[tuple[float, float]]) -> str:
    """Path data that draws one round-capped dot a point: 3,456 fields in one element."""
    return "".join(f"M{_coordinate(float(x))} {_coordinate(float(y))}h0" for x, y in points)


def cross_path(x: float, y: float, arm: float) -> str:
    """Path data of a cross with its middle at (x, y)."""
    side = 2 * arm
    return (
        f"M{x - arm:.1f} {y - arm:.1f}l{side:.1f} {side:.1f}m0 {-side:.1f}l{-side:.1f} {side:.1f}"
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear map from numbers to a place on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place of a value; a scale without extent puts all in its middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing area inside a chart's margins, in the chart's own units."""

    width: float
    height: float
    left: float = 64.0
    right: float = 12.0
    top: float = 14.0
    bottom: float = 36.0

    @property
    def x_end(self) -> float:
        """Right edge."""
        return self.width - self.right

    @property
    def y_end(self) -> float:
        """Lower edge."""
        return self.height - self.bottom

    def chart(self, description: str, *children: Markup, **attributes: object) -> Markup:
        """Wrap it up as a picture with a name for those who do not see it."""
        return tag(
            "svg",
            *children,
            # Not a <title>: that would pop up over the whole chart.
            aria_label=description,
            viewBox=f"0 0 {_coordinate(self.width)} {_coordinate(self.height)}",
            role="img",
            class_=attributes.pop("class_", "chart"),
            **attributes,
        )


def y_axis(frame: Frame, scale: Scale, label: str, about: int = 4) -> Markup:
    """Horizontal grid lines with numbers at the left and the axis' name above."""
    parts = [text(frame.left, 9.0, label, class_="axis-name", text_anchor="start")]
    ticks = nice_ticks(scale.low, scale.high, about)
    beside = frame.left - 8
    for tick, number in zip(ticks, axis_texts(ticks, beside / _DIGIT), strict=True):
        y = scale(tick)
        parts.append(tag("line", x1=frame.left, x2=frame.x_end, y1=y, y2=y, class_="grid"))
        parts.append(text(beside, y + 4, number, text_anchor="end"))
    return join(parts)


def x_axis(frame: Frame, scale: Scale, label: str, about: int = 6) -> Markup:
    """Base line with ticks and numbers below it, and the axis' name at its right end."""
    parts = [
        tag("line", x1=frame.left, x2=frame.x_end, y1=frame.y_end, y2=frame.y_end, class_="axis"),
        text(frame.x_end, frame.height - 3, label, class_="axis-name", text_anchor="end"),
    ]
    for tick in nice_ticks(scale.low, scale.high, about):
        x = scale(tick)
        parts.append(tag("line", x1=x, x2=x, y1=frame.y_end, y2=frame.y_end + 4, class_="axis"))
        parts.append(text(x, frame.y_end + 17, grouped(tick), text_anchor="middle"))
    return join(parts)
