"""A backtest as one self-contained HTML page: totals, vessels, pictures; without script."""

from markupsafe import Markup

from monolayer.backtest.compare import Backtest, RecipeTotals, VesselRow
from monolayer.backtest.judging import TIMINGS, Judgement
from monolayer.backtest.settings import BacktestSettings
from monolayer.drawing.style import style_sheet
from monolayer.drawing.svg import Frame, Scale, cross_path, join, tag, text, x_axis, y_axis

__all__ = ["backtest_page", "moved_words"]

# On top of the report's own style sheet.
_STYLE = """
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
td.n, th.n { text-align: right; }
.move { stroke-width: 2; } .move-0 { stroke: var(--accent); }
.move-1 { stroke: var(--warn); stroke-dasharray: 5 3; }
.window { fill: var(--ok); fill-opacity: .13; } .visit { fill: var(--ink); }
.reading + .pictures { margin-top: 14px; } .pictures { grid-template-columns: repeat(2, 1fr); }
.too_early, .too_late, .missed { color: var(--bad); font-weight: 600; }
.in_window { color: var(--ok); }
"""


def backtest_page(found: Backtest, settings: BacktestSettings) -> str:
    """Draw a backtest.

    Returns
    -------
    str
        HTML that needs nothing from elsewhere.
    """
    body = [
        tag("h1", "Backtest of recipes"),
        tag("p", _reading(found, settings), class_="reading"),
        _section("Recipes", _totals_table(found, settings), *_discordant(found)),
        _section("Vessels", _vessel_table(found)),
    ]
    drawn = sorted(found.rows, key=lambda row: (not row.wrong, not row.differs))
    drawn = drawn[: settings.pictures]
    if drawn:
        pictures = tag("div", *[_picture(row, settings) for row in drawn], class_="pictures")
        body.append(_section("Courses", _key(found), pictures))
    style = style_sheet()
    head = join(
        [
            Markup('<meta charset="utf-8"/>'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1"/>'),
            tag("title", "monolayer: backtest of recipes"),
            tag("style", Markup(style + _STYLE)),  # noqa: S704  the project's own style sheets
        ]
    )
    page = tag("html", tag("head", head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n"


def moved_words(judged: Judgement | None) -> str:
    """When a vessel is moved, and at which confluence, in words."""
    if judged is None:
        return "not ended by a passage or harvest"
    share = "unknown" if judged.confluence is None else f"{judged.confluence:.1%}"
    if judged.moved_h is None:
        return f"never moved; {share} at the last visit"
    return f"{judged.moved_as} at {judged.moved_h:.1f} h, {share}"


def _reading(found: Backtest, settings: BacktestSettings) -> str:
    low, high = f"{settings.window_low:.0%}", f"{settings.window_high:.0%}"
    return (
        f"{len(found.rows)} vessels, replayed visit by visit: each recommendation is made from "
        f"what was known then. In time is a passage or harvest between {low} and {high} "
        f"confluence, told afterwards by a line through the nearest {settings.smooth_visits} "
        "visits. A recipe is judged at the visit of its first PASSAGE or HARVEST; where the record "
        "ends before one, it is open. The costs of what was done hold no visits and no calls."
    )


def _section(title: str, *children: Markup) -> Markup:
    return tag("section", tag("h2", title), *children)


def _totals_table(found: Backtest, settings: BacktestSettings) -> Markup:
    head = ["", *(name.replace("_", " ") for name in TIMINGS)]
    head += ["images asked", "calls", f"cost, {settings.currency}"]
    rows = [_totals_row(each) for each in (*found.totals, *([found.done] if found.done else []))]
    return _table(head, rows)


def _totals_row(each: RecipeTotals) -> list[object]:
    asked = ["", ""] if each.sha256 is None else [each.n_images_asked, each.n_calls]
    name = each.name if each.sha256 is None else f"{each.name} ({each.sha256[:12]})"
    return [name, *each.timings.values(), *asked, f"{each.cost:,.0f}"]


def _discordant(found: Backtest) -> list[Markup]:
    if found.only_first_in_window is None:
        return []
    words = (
        f"In time by the first recipe alone: {found.only_first_in_window}; by the second alone: "
        f"{found.only_second_in_window}"
    )
    if found.p_value is not None:
        words += f" (McNemar's exact test: p = {found.p_value:.3g})"
    return [tag("p", words + ".", class_="reading")]


def _vessel_table(found: Backtest) -> Markup:
    head = ["vessel", *(each.name for each in found.totals), "done"]
    rows: list[list[object]] = []
    for row in found.rows:
        judged = (*row.judgements, row.done)
        rows.append([row.vessel, *(_judged_cell(each) for each in judged)])
    return _table(head, rows, numbers=False)


def _judged_cell(judged: Judgement | None) -> Markup:
    words = moved_words(judged)
    if judged is None:
        return tag("span", words)
    return tag("span", f"{judged.timing.replace('_', ' ')}: {words}", class_=judged.timing)


def _table(head: list[str], rows: list[list[object]], *, numbers: bool = True) -> Markup:
    n = "n" if numbers else None
    header = [tag("th", cell, class_=n if i else None) for i, cell in enumerate(head)]
    lines = [
        tag("tr", *[tag("td", cell, class_=n if i else None) for i, cell in enumerate(row)])
        for row in rows
    ]
    table = tag("table", tag("thead", tag("tr", *header)), tag("tbody", *lines))
    return tag("div", table, class_="wide")


def _key(found: Backtest) -> Markup:
    kinds = [f"line {n}: {each.name}" for n, each in enumerate(found.totals, 1)]
    words = "Dots: visits; band: the window; " + "; ".join(kinds) + "; cross: what was done."
    return tag("p", words, class_="reading")


def _picture(row: VesselRow, settings: BacktestSettings) -> Markup:
    frame = Frame(480.0, 230.0, left=44.0, top=22.0)
    ends = [*row.seen.times_h, *(each.done_h for each in row.replays if each.done_h is not None)]
    across = Scale(0.0, max(ends, default=1.0), frame.left, frame.x_end)
    up = Scale(0.0, 100.0, frame.y_end, frame.top)
    low, high = up(100 * settings.window_low), up(100 * settings.window_high)
    parts = [
        y_axis(frame, up, "Confluence, %"),
        x_axis(frame, across, "hours since seeding"),
        tag(
            "rect",
            x=frame.left,
            y=high,
            width=frame.x_end - frame.left,
            height=low - high,
            class_="window",
        ),
        *[
            tag("circle", cx=across(time_h), cy=up(100 * confluence), r=2.2, class_="visit")
            for time_h, confluence in zip(row.seen.times_h, row.seen.confluences, strict=True)
        ],
        *_moves(row, frame, across),
    ]
    if row.done is not None and row.done.moved_h is not None:
        level = row.done.confluence
        y = frame.y_end if level is None else up(100 * level)
        parts.append(tag("path", d=cross_path(across(row.done.moved_h), y, 6.0), class_="cross"))
    caption = "; ".join(moved_words(each) for each in row.judgements)
    drawn = frame.chart(f"Course of {row.vessel}: {caption}", *parts)
    return tag("figure", drawn, tag("figcaption", tag("b", row.vessel), " ", caption))


def _moves(row: VesselRow, frame: Frame, across: Scale) -> list[Markup]:
    drawn = []
    for n, judged in enumerate(row.judgements):
        if judged.moved_h is not None:
            x = across(judged.moved_h)
            drawn.append(
                tag(
                    "line",
                    x1=x,
                    x2=x,
                    y1=frame.top,
                    y2=frame.y_end,
                    class_=f"move move-{min(n, 1)}",
                )
            )
            drawn.append(text(x, frame.top - 2, str(n + 1), text_anchor="middle"))
    return drawn
