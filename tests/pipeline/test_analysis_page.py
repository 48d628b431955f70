"""Pages of analyses: one file that asks for nothing, escapes what it shows, and dashes for None."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monolayer.drawing.headings import headed
from monolayer.engine.analysis_files import write_analysis
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section, render_analysis
from monolayer.report.plots import (
    Band,
    Curve,
    Level,
    Points,
    Row,
    row_chart,
    tornado_chart,
    xy_chart,
)

NASTY = "<script>alert('x')</script> & \"y\""


def page(kind: str = "ok") -> AnalysisPage:
    rows = ((NASTY, 1234567.0, None, None), ("x", 0, 2.5, True))
    table = AnalysisTable(NASTY, ("a", "b", "c", "d"), rows)
    chart = xy_chart(
        NASTY, "x", "y", [Points([(0, 1), (1, 2)], [NASTY, "b"])], [Curve([(0, 1), (1, 2)], NASTY)],
        [Level(1.5, NASTY)],
    )  # fmt: skip
    return AnalysisPage(
        "Kind", NASTY, (kind, NASTY), "1", "u", NASTY, ((NASTY, NASTY),), (NASTY,),
        (Section(NASTY, (chart,), NASTY, (table,)),), ((NASTY, NASTY),),
    )  # fmt: skip


class Tags(HTMLParser):
    """Counts what a browser would run, and what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        if tag not in ("meta", "line", "rect", "path", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_everything_is_escaped_and_closed() -> None:
    html = render_analysis(page())
    tags = Tags()
    tags.feed(html)
    assert tags.scripts == 1
    assert tags.open == []
    assert "alert('x')</script>" not in html


def test_the_one_script_is_the_one_that_the_policy_names() -> None:
    html = render_analysis(page())
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert not re.findall(r"(?:src|href)\s*=", html)


def test_unknown_is_a_dash_and_zero_is_zero() -> None:
    html = render_analysis(page())
    cells = re.findall(r'<td[^>]*data-value="([^"]*)">([^<]*)</td>', html)
    assert ("1.23457e+06", "1,235,000") in cells
    assert ("", "–") in cells
    assert "<td>–</td><" in html  # among words it is one of them
    assert ("0", "0") in cells
    assert "<td>yes</td>" in html


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((32.1, 33.0, 9.0), ["32.1", "33.0", "9.0"]),
        ((6.5481, -0.005246, 0.0), ["6.548", "−0.005", "0.000"]),
        ((0.75, 3e6), ["0.75", "3,000,000"]),
        ((519.24, 5.19, 1e5), ["519.2", "5.19", "100,000"]),
        ((0.95, 1e-6), ["0.95", "0.000001"]),
        ((41283.0, 1234567.0), ["41,280", "1,235,000"]),
        ((0.0, float("nan")), ["0", "–"]),
        ((12.5, None, 8.0), ["12.5", "–", "8.0"]),
    ],
)
def test_a_column_has_as_many_decimals_unless_that_hides_a_value(
    values: tuple[float | None, ...], shown: list[str]
) -> None:
    table = AnalysisTable("t", ("of", "n"), tuple(("x", value) for value in values))
    html = render_analysis(replace(page(), sections=(Section("s", tables=(table,)),)))
    assert re.findall(r'<td class="n"[^>]*>([^<]*)</td>', html) == shown


def test_numbers_of_unlike_quantities_keep_their_digits() -> None:
    table = AnalysisTable("t", ("of", "n"), (("CV", 3.054), ("R2", 0.99884)), alike=False)
    html = render_analysis(replace(page(), sections=(Section("s", tables=(table,)),)))
    assert re.findall(r'<td class="n"[^>]*>([^<]*)</td>', html) == ["3.054", "0.9988"]


@pytest.mark.parametrize(
    ("column", "heading"),
    [
        ("growth_rate_per_h", "growth rate, per h"),
        ("doubling_time_h", "doubling time, h"),
        ("density_cells_per_cm2", "density, cells/cm²"),
        ("cell_area_um2", "cell area, µm²"),
        ("eur_per_million_cells", "EUR per million cells"),
        ("viability", "viability"),
        ("qc_eur_per_lot", "QC EUR per lot"),
    ],
)
def test_a_column_is_headed_by_its_words_and_unit(column: str, heading: str) -> None:
    assert headed(column) == heading


@pytest.mark.parametrize("kind", ["ok", "warn", "bad"])
def test_verdicts_have_a_sign_besides_their_colour(kind: str) -> None:
    sign = {"ok": "✓", "warn": "!", "bad": "✕"}[kind]
    assert f'class="badge {kind}"><span aria-hidden="true">{sign}</span>' in render_analysis(
        page(kind)
    )


def numbers(markup: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf' {attribute}="(-?[\d.]+)"', markup)]


def test_rows_lie_inside_the_frame_and_in_order() -> None:
    rows = [Row("a", 1.0, 0.5, 2.0, band=Band(0.8, 1.25)), Row("b", None), Row("c", 3.0)]
    drawn = str(row_chart("d", "x", rows, 1.0))
    places = numbers(drawn, "cx")
    assert len(places) == 2
    assert 260 <= places[0] < places[1] <= 850
    from_zero = str(row_chart("d", "x", [Row("a", 5.0), Row("b", 10.0)], from_zero=True))
    near, far = numbers(from_zero, "cx")
    assert (far - 260) == pytest.approx(2 * (near - 260), abs=0.2)


def test_a_tornado_s_halves_meet_at_the_base() -> None:
    drawn = str(tornado_chart("d", "x", 10.0, [("a", 8.0, 12.0), ("b", 11.0, 9.0)]))
    lefts, widths = numbers(drawn, "x")[-10:], numbers(drawn, "width")
    assert len(widths) == 4
    assert widths[0] == pytest.approx(widths[1], abs=0.2)
    assert widths[2] == pytest.approx(widths[0] / 2, abs=0.2)
    assert lefts


def test_charts_bear_nothing_and_one_value() -> None:
    for places in ([], [(1.0, 1.0)]):
        assert "<svg" in str(xy_chart("d", "x", "y", [Points(places)]))
    assert "NaN" not in str(xy_chart("d", "x", "y", [Points([(1.0, 1.0)])]))


def test_tables_lie_beside_the_page(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": None}, {"a": 2, "b": None}]
    written = write_analysis(tmp_path, page(), {"t": rows, "none": []}, {"plan": "p"})
    assert [path.name for path in written] == ["report.html", "t.parquet", "t.csv"]
    table = pq.read_table(tmp_path / "t.parquet")
    assert table["b"].null_count == 2
    assert table.schema.metadata[b"plan"] == b"p"
    assert (tmp_path / "t.csv").read_text() == '"a","b"\n1,\n2,\n'
