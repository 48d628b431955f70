"""The batch report's page: a record becomes one self-contained HTML file that opens offline.

Every string from outside passes through autoescaping; the page's policy forbids it to ask for
anything, and it runs no script. The same record gives the same bytes.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from monolayer.batch import lot, words
from monolayer.batch.charts import growth_chart, spread_chart
from monolayer.batch.content import BatchRecord, Document
from monolayer.batch.identity import record_sha256
from monolayer.drawing.numbers import figure, grouped, plural
from monolayer.drawing.style import style_sheet
from monolayer.drawing.templates import page_template, read_template
from monolayer.field import State

__all__ = ["foot_words", "render_batch"]

# Where the meaning of a signature by hand is to be said: as 21 CFR 11.50 does for electronic ones.
_BY_HAND = ("performed", "checked", "reviewed", "approved")


def render_batch(record: BatchRecord) -> str:
    """Draw the batch report as one self-contained HTML page."""
    digest = record_sha256(record)
    total = lot.lot_yield(record.vessels)
    many = len(record.vessels) > 1
    return _template().render(
        record=record,
        style=Markup(_style() + _foot(record, digest)),  # noqa: S704
        digest=digest,
        standing=_standing(record.documents),
        charts=[growth_chart(vessel, record.target) for vessel in record.vessels],
        many=many,
        total=total,
        lot_doublings=lot.lot_doublings(total),
        spreads=[(s, spread_chart(s.values, s.label, s.unit)) for s in _spreads(record)],
        worst=lot.worst_cases(record.vessels) if many else (),
        unchecked=_unchecked(record),
        n_pictures=sum(len(vessel.pictures) for vessel in record.vessels),
        by_hand=_BY_HAND,
        w=words,
        State=State,
    )


def foot_words(record: BatchRecord, digest: str) -> str:
    """What stands on every page's foot: which batch, and by which hash it is found again."""
    return f"{record.title}  ·  record SHA-256 {digest[:32]}"


def _spreads(record: BatchRecord) -> Sequence[lot.Spread]:
    return lot.spreads(record.vessels) if len(record.vessels) > 1 else ()


def _standing(documents: Sequence[Document]) -> str:
    """What is written large: the least standing of what was used; empty if all is approved."""
    found = {document.status for document in documents}
    if not any(document.kind == "method" for document in documents):
        found.add(None)
    for status, said in (("draft", "DRAFT"), ("retired", "RETIRED"), ("reviewed", "NOT APPROVED")):
        if status in found:
            return said
    return "STATUS NOT RECORDED" if None in found else ""


def _unchecked(record: BatchRecord) -> tuple[int, int]:
    """Automated steps without the person who checked them, of how many."""
    steps = [step for vessel in record.vessels for step in vessel.steps if step.automated]
    return sum(step.checked_by is None for step in steps), len(steps)


def _breakable(code: str) -> Markup:
    """A code of the program that may be broken behind its underscores."""
    return Markup("_<wbr>").join(code.split("_"))


def _foot(record: BatchRecord, digest: str) -> str:
    """Margin boxes: browsers and WeasyPrint print them alike."""
    text = _css_string(foot_words(record, digest))
    return (
        f"\n@page {{ @bottom-left {{ content: {text}; }} "
        '@bottom-right { content: "page " counter(page) " of " counter(pages); } }\n'
    )


def _css_string(text: str) -> str:
    """A string that can end neither itself nor the style sheet, whatever a lot is called."""
    safe = (c if c.isalnum() or c in " .,:-" else f"\\{ord(c):x} " for c in text)
    return f'"{"".join(safe)}"'


@cache
def _style() -> str:
    return style_sheet() + read_template("monolayer.batch", "batch.css")


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., Any]] = {
        "cells": words.cells,
        "clock": words.clock,
        "code": _breakable,
        "figure": figure,
        "grouped": grouped,
        "hours": words.hours,
        "known": words.known,
        "percent": words.percent,
        "plain": words.plain,
        "plural": plural,
        "short": lambda digest: words.UNKNOWN if digest is None else f"{digest[:16]}…",
    }
    return page_template("monolayer.batch", "batch.html", filters)
