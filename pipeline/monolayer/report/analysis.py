"""A page for an analysis: the answer, then picture and table of each of its parts.

The run's report knows fields and plates; this page knows none of them. An analysis says what it
found as plain frozen data and hands over the pictures, drawn with `monolayer.report.plots`. Same
style sheet, same script, same content security policy: one file that opens offline.
"""

import math
from dataclasses import dataclass
from functools import cache

from jinja2 import Template
from markupsafe import Markup

from monolayer.drawing.numbers import UNKNOWN, grouped
from monolayer.drawing.templates import page_template
from monolayer.report.page import page_parts

__all__ = ["AnalysisPage", "AnalysisTable", "Section", "render_analysis"]

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class AnalysisTable:
    """Rows to show.

    Attributes
    ----------
    caption : str
        What the rows are.
    columns : tuple of str
        Headings, with units.
    rows : tuple of tuple
        Numbers are shown with four digits; None as a dash, never as 0.
    alike : bool
        Whether the numbers below one another are of one quantity: then they have as many decimals.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    alike: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One part of an analysis: pictures first, tables second.

    Attributes
    ----------
    title : str
        Heading.
    pictures : tuple of Markup
        Charts, each as wide as the page.
    reading : str
        How to read them, in a sentence or two.
    tables : tuple of AnalysisTable
        The numbers.
    """

    title: str
    pictures: tuple[Markup, ...] = ()
    reading: str = ""
    tables: tuple[AnalysisTable, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysisPage:
    """What a page shows.

    Attributes
    ----------
    kind : str
        What was analysed, such as ``Method qualification``.
    title : str
        Of what.
    verdict : tuple of str
        ``ok``, ``warn`` or ``bad`` for the colour, and the words.
    number, unit, number_words : str
        The number that leads, its unit, and what it is with its interval.
    facts : tuple of (str, str)
        A few further numbers beside it.
    notices : tuple of str
        What must not be overlooked: simulated, too few, adapted.
    sections : tuple of Section
        The parts, in the order of their weight.
    provenance : tuple of (str, str)
        Settings, hashes, versions, sources.
    """

    kind: str
    title: str
    verdict: tuple[str, str]
    number: str
    unit: str
    number_words: str
    facts: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()


def render_analysis(page: AnalysisPage) -> str:
    """Draw the page as one self-contained HTML file."""
    sign = {"ok": "✓", "warn": "!", "bad": "✕"}[page.verdict[0]]
    return _template().render(**page_parts(), page=page, sign=sign)


@cache
def _template() -> Template:
    return page_template(
        "monolayer.report",
        "analysis.html",
        {
            "cell": _cell,
            "decimals": _decimals,
            "numeric": _is_number,
            "number_columns": _number_columns,
            "sortable": _sortable,
        },
    )


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_columns(table: AnalysisTable) -> list[bool]:
    """Which columns hold numbers and nothing else; unknown ones stand as their numbers would."""
    columns = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    return [
        any(_is_number(each) for each in column)
        and all(each is None or _is_number(each) for each in column)
        for column in columns
    ]


def _cell(value: Cell, decimals: int | None) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return value
    if not decimals or not math.isfinite(value):
        return grouped(value)
    return f"{value:,.{decimals}f}".replace("-", "−")


def _decimals(table: AnalysisTable) -> list[int | None]:
    if not table.alike:
        return [None] * len(table.columns)
    columns = zip(*table.rows, strict=True)
    return [_common([each for each in column if isinstance(each, float)]) for column in columns]


def _common(values: list[float]) -> int | None:
    """Decimals that suit all of a column, None where one of its values would lose its meaning."""
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if not sizes:
        return None
    most = max(_decimals_of(grouped(size)) for size in sizes)
    decimals = min(most, max(0, 3 - math.floor(math.log10(max(sizes)))))
    digits = 1 if decimals >= 3 else 2  # what the smallest must keep
    return decimals if min(sizes) >= 10.0 ** (digits - 1 - decimals) else None


def _decimals_of(text: str) -> int:
    return len(text.partition(".")[2])


def _sortable(value: Cell) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else ""
