"""Numbers as a reader wants them: grouped, rounded to what they can bear, units apart."""

import math
from collections.abc import Iterable, Sequence

from monolayer.drawing.content import Estimate

__all__ = [
    "axis_texts",
    "figure",
    "grouped",
    "interval_text",
    "nice_ticks",
    "plural",
    "short",
    "shown",
]

UNKNOWN = "–"


def grouped(value: float | None, digits: int = 4) -> str:
    """Four significant digits with thousands separated: ``41,280``, ``0.0123``, ``1,234,000``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    text = f"{rounded:,.{max(decimals, 0)}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(value: float | None, unit: str) -> str:
    """A number of a table with its unit: ``1,038``, ``12.3 %``, ``0.91``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if unit == "%":
        return f"{value:.1f} %"
    words = f"{value:,.0f}" if value == round(value) else grouped(value)
    return f"{words} {unit}".rstrip()


def short(value: float | None) -> str:
    """At most four characters for the inside of a well: ``41k``, ``4.1k``, ``132``, ``0.5``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    for limit, divisor, suffix in ((999_500, 1e6, "M"), (999.5, 1e3, "k")):
        if size >= limit:
            scaled = value / divisor
            return f"{scaled:.1f}{suffix}" if abs(scaled) < 9.95 else f"{scaled:.0f}{suffix}"
    return f"{value:.0f}" if size >= 9.95 or value == 0 else f"{value:.1f}"


def axis_texts(ticks: Sequence[float], most_characters: float) -> list[str]:
    """Numbers at an axis, in thousands or millions where they would not fit beside it.

    Examples
    --------
    >>> axis_texts([0, 500_000, 1_000_000], 7)
    ['0', '0.5M', '1M']
    """
    texts = [grouped(tick) for tick in ticks]
    # A comma is half as wide as a digit.
    if all(len(each) - each.count(",") / 2 <= most_characters for each in texts):
        return texts
    largest = max(abs(tick) for tick in ticks)
    sizes = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
    divisor, suffix = next((each for each in sizes if largest >= each[0]), (1.0, ""))
    return ["0" if tick == 0 else f"{grouped(tick / divisor)}{suffix}" for tick in ticks]


def shown(value: float | None, unit: str) -> str:
    """A number whose unit stands elsewhere: percentages to a tenth, others to four digits."""
    if unit != "%" or value is None or not math.isfinite(value):
        return grouped(value)
    return f"{value:.1f}"


def interval_text(estimate: Estimate, unit: str = "") -> str:
    """The interval as ``39,900 to 42,660``, or a dash where there is none."""
    if estimate.low is None or estimate.high is None:
        return UNKNOWN
    return f"{shown(estimate.low, unit)} to {shown(estimate.high, unit)}"


def plural(count: int, noun: str) -> str:
    """``1 field``, ``2 fields``, ``12,034 objects``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2, 5 x 10^k) inside [low, high], about so many of them.

    Examples
    --------
    >>> nice_ticks(0, 47)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def finite(values: Iterable[float | None]) -> list[float]:
    """Those of the values that are numbers."""
    return [v for v in values if v is not None and math.isfinite(v)]
