"""The page as text, and the drawings it is made of."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.drawing import palette
from monolayer.drawing.numbers import axis_texts, nice_ticks, short
from monolayer.drawing.svg import Frame, Scale, tag, y_axis
from monolayer.field import State
from monolayer.report import ReportContent, build_content, render_report
from monolayer.report.content import Estimate, WellResult
from monolayer.report.plate_map import (
    FORMATS,
    colour_scale,
    plate_format,
    plate_map,
    row_name,
    well_position,
)

from .report_example import SHOW, disks, example, well_names

VOID = {"meta", "br", "img", "input", "path", "line", "rect", "circle", "link"}


class Structure(HTMLParser):
    """Fails on a tag that is closed wrongly; collects ids, headings and images."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: Counter[str] = Counter()
        self.ids: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found[tag] += 1
        self.ids += [given["id"]] if given.get("id") else []  # type: ignore[list-item]
        if tag == "img":
            self.images.append(given)
        if tag not in ("meta", "br", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def content_of(*args: Any, overlays: Any = disks, **options: Any) -> ReportContent:
    run = example(*args, **options)
    return build_content(*run.tables(), run.run, SHOW, overlays, run.objects)


@pytest.fixture(scope="module")
def plate() -> ReportContent:
    excluded = {"B02": ("failed", "truncated"), "PLATE-7/C04/1": ("not_evaluable", "blank")}
    return content_of(well_names(8, 12), excluded=excluded)


@pytest.fixture(scope="module")
def page(plate: ReportContent) -> str:
    return render_report(plate)


def test_page_is_well_formed_with_unique_ids_and_named_images(page: str) -> None:
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert max(Counter(structure.ids).values()) == 1
    assert len(structure.images) >= 6
    assert all(len(str(image["alt"])) > 20 for image in structure.images)
    assert structure.found["h1"] == 1
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        assert "<caption>" in table
        assert 'scope="col"' in table
        assert 'scope="row"' in table


def test_every_drawing_is_valid_xml_and_says_what_it_is(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) > 10
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert root.get("aria-label") or root.get("aria-hidden") == "true"


def test_page_asks_for_nothing(page: str) -> None:
    assert "http:" not in page
    assert "https:" not in page
    sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)\)""", page)
    assert sources
    assert all(a.startswith("data:image/") or b.startswith("#") for a, b in sources)


def test_policy_allows_the_pages_own_script_only(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_same_content_gives_the_same_page(plate: ReportContent, page: str) -> None:
    assert render_report(plate) == page


def test_sections_come_in_the_order_of_questions(page: str) -> None:
    sections = (
        "answer", "map", "density", "intervals", "distributions", "quality", "gallery",
        "excluded", "method", "provenance",
    )  # fmt: skip
    places = [page.index(f'id="{name}"') for name in sections]
    assert places == sorted(places)


def test_size_stays_small(page: str) -> None:
    assert len(page) < 1_000_000
    many = {f"PLATE-7/{well}/1": ("failed", "truncated") for well in well_names(16, 24)}
    big = render_report(content_of(well_names(16, 24), fields_per_well=9, excluded=many))
    assert len(big) < 3_000_000
    assert all(f">{field_id}<" in big for field_id in many), "every excluded field is on the page"


EVIL = "<script>alert(1)</script>\"'&"


def test_words_from_outside_stay_words(plate: ReportContent) -> None:
    evil_plate = replace(plate.plates[0], plate=EVIL, ci_method=EVIL)
    well = WellResult(EVIL, Estimate(), 1, 0, reasons=(EVIL,))
    page = render_report(
        replace(
            plate,
            title=EVIL,
            stamp=EVIL,
            plates=(evil_plate, replace(evil_plate, wells=(well,))),
            points=tuple(replace(p, field_id=EVIL, well=EVIL) for p in plate.points),
            doubtful=tuple(replace(p, field_id=EVIL, why=EVIL) for p in plate.doubtful),
            exclusions=tuple(
                replace(e, field_id=EVIL, reason=EVIL, detail=EVIL, paths=(EVIL,))
                for e in plate.exclusions
            ),
            histograms=tuple(replace(h, title=EVIL, unit=EVIL) for h in plate.histograms),
            notes=(EVIL,),
            method=((EVIL, EVIL),),
            provenance=((EVIL, EVIL),),
        )
    )
    assert page.count("<script>") == 1
    assert "alert(1)&lt;/script&gt;&#34;&#39;&amp;" in page
    structure = Structure()
    structure.feed(page)
    assert structure.open == []


def test_unknown_pixel_size_is_said_with_its_mend() -> None:
    page = render_report(content_of(["A01", "A02"], pixel_size_um=None))
    assert "--pixel-size-um" in page
    assert "cells/field" in page
    assert "cells/cm²" not in page
    assert "µm</b>" not in page


def test_plain_folder_shows_its_fields_in_place_of_a_map() -> None:
    content = content_of((), fields_per_well=5, excluded={"PLATE-7/3": ("failed", "truncated")})
    page = render_report(content)
    assert 'id="map"' not in page
    assert page.count("data-field=") == 5
    assert 'data-field="PLATE-7/3"><title>PLATE-7/3: failed</title>' in page


def test_intervals_are_called_by_the_confidence_of_the_method() -> None:
    run = example(["A01", "A02"])
    run.run["method"]["summarise"] = {"confidence": 0.9}
    page = render_report(build_content(*run.tables(), run.run, SHOW, disks, run.objects))
    assert "90 % interval" in page
    assert "95 %" not in page


@pytest.mark.parametrize(
    ("p", "words"), [(0.21, "no more than counting"), (0.0004, "spread unevenly")]
)
def test_a_plain_folder_says_whether_its_fields_vary_too_much(p: float, words: str) -> None:
    run = example(())
    run.wells[0]["dispersion_p"] = p
    page = render_report(build_content(*run.tables(), run.run, SHOW, disks, run.objects))
    assert words in page
    assert "variance over mean 1.30" in page


def test_gone_images_are_said(plate: ReportContent) -> None:
    page = render_report(replace(plate, doubtful=(), typical=()))
    assert "The images are not where the run found them" in page


def test_nothing_evaluated_still_gives_a_page() -> None:
    states = {"A01": ("failed", "truncated"), "A02": ("missing", "missing")}
    page = render_report(content_of(["A01", "A02"], excluded=states))
    assert "No field could be evaluated" in page
    assert "No result" in page
    assert ">0<" in page


def test_many_plates_are_drawn_as_far_as_a_page_can_carry() -> None:
    names = [f"P{i:02d}" for i in range(30)]
    content = content_of(well_names(2, 3), plates=names, fields_per_well=1)
    page = render_report(content)
    assert page.count("chart plate plate-6") == 24
    assert "24 of 30 plates and times are drawn" in page
    assert all(f"<td>{name}</td>" in page for name in names)


def test_badge_grows_worse_with_the_run(plate: ReportContent) -> None:
    def badge(states: list[State]) -> str:
        points = tuple(
            replace(plate.points[0], state=state, field_id=str(i)) for i, state in enumerate(states)
        )
        found = re.search(
            r'class="badge (\w+)"', render_report(replace(plate, points=points, counts={}))
        )
        assert found is not None
        return found[1]

    ok, failed, missing = State.OK, State.FAILED, State.MISSING
    assert badge([ok] * 4) == "ok"
    assert badge([ok] * 3 + [missing]) == "warn"
    assert badge([ok] + [failed] * 3) == "bad"
    assert badge([failed] * 4) == "bad"


# --- plate map --------------------------------------------------------------------------------


@pytest.mark.parametrize("n_wells", FORMATS)
def test_every_usual_plate_is_found_and_drawn_whole(n_wells: int) -> None:
    rows, columns = FORMATS[n_wells]
    wells = well_names(rows, columns)
    assert plate_format(wells) == n_wells
    assert [well_position(w) for w in wells] == [
        (r, c) for r in range(rows) for c in range(columns)
    ]
    drawn = WellResult("A01", Estimate(1.0), 1, 1)
    run = content_of(["A01"], fields_per_well=1)
    plate = replace(run.plates[0], wells=tuple(replace(drawn, well=w) for w in wells))
    root = ET.fromstring(plate_map(plate, colour_scale([plate]), run.measure, "m"))
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    shapes = list(root.iter("g"))
    assert len(shapes) == n_wells
    places = {_middle(g) for g in shapes}
    assert len(places) == n_wells
    assert all(0 < x < width and 0 < y < height for x, y in places)


def _middle(group: ET.Element) -> tuple[float, float]:
    for shape in group:
        at = {name: float(v) for name, v in shape.attrib.items() if name in _PLACES}
        if shape.tag == "circle":
            return at["cx"], at["cy"]
        if shape.tag == "rect":
            return at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    raise AssertionError(group)


_PLACES = ("cx", "cy", "x", "y", "width", "height")


def test_unused_positions_are_drawn_faint() -> None:
    run = content_of(["B03", "C05"], fields_per_well=1)
    drawn = plate_map(run.plates[0], colour_scale(run.plates), run.measure, "m")
    assert drawn.count("well-unused") == 24 - 2


@pytest.mark.parametrize("name", ["", "a01", "A1x", "A00", "ABC01", "well 3", "1A", "A001"])
def test_names_that_are_no_wells(name: str) -> None:
    assert well_position(name) is None
    assert plate_format(["A01", name]) is None


def test_rows_beyond_z() -> None:
    assert [row_name(r) for r in (0, 25, 26, 31)] == ["A", "Z", "AA", "AF"]
    assert well_position("AF48") == (31, 47)
    assert plate_format(["AG01"]) is None


# --- colours, numbers, elements ---------------------------------------------------------------


def test_colours_grow_lighter_in_equal_steps() -> None:
    colours = [palette.colour(i / 64) for i in range(65)]
    assert len(set(colours)) == 65
    lightness = [palette.luminance(c) for c in colours]
    assert lightness == sorted(lightness)
    # Every eighth, so that rounding to 8 bits does not count.
    labs = np.array([_oklab(c) for c in colours[::8]])
    steps = np.linalg.norm(np.diff(labs, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.1


def _oklab(colour: str) -> NDArray[np.float64]:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = np.array([
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ])  # fmt: skip
    lab = np.array([
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ])  # fmt: skip
    return np.asarray(lab @ np.cbrt(cones @ linear))


def test_numbers_in_wells_are_readable_on_every_colour() -> None:
    for i in range(65):
        ground = palette.colour(i / 64)
        assert palette.contrast(palette.ink_on(ground), ground) >= 4.5


def test_contrast_of_known_pairs() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize(
    ("value", "words"),
    [(41_280, "41k"), (4_128, "4.1k"), (132.4, "132"), (9.97, "10"), (0.5, "0.5"), (0, "0"),
     (999.6, "1.0k"), (999_600, "1.0M"), (12_345_678, "12M"), (None, "–")],
)  # fmt: skip
def test_short_numbers_fit_a_well(value: float | None, words: str) -> None:
    assert short(value) == words


@pytest.mark.parametrize(("low", "high"), [(0, 47), (-3.2, -1.7), (0, 1e-5), (99_000, 131_000)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])
    assert f"{steps[0]:.0e}"[0] in "125"


def test_elements_are_escaped() -> None:
    assert tag("g", "<b>", data_well='"x"', class_="a", x=1.25, y=None) == (
        '<g data-well="&#34;x&#34;" class="a" x="1.2">&lt;b&gt;</g>'
    )


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([0, 50_000, 100_000], ["0", "50,000", "100,000"]),
        ([0, 500_000, 1_000_000], ["0", "0.5M", "1M"]),
        ([0, 1_250_000, 2_500_000], ["0", "1.25M", "2.5M"]),
        ([-2e9, 0, 2e9], ["−2G", "0", "2G"]),
        ([0.00002, 0.00004], ["0.00002", "0.00004"]),
    ],
)
def test_numbers_at_an_axis_are_shortened_together(ticks: list[float], texts: list[str]) -> None:
    assert axis_texts(ticks, 7) == texts


@pytest.mark.parametrize("high", [1.0, 99_000.0, 980_000.0, 1.6e6, 9.9e7, 3e9])
def test_numbers_beside_an_axis_fit_the_margin(high: float) -> None:
    frame = Frame(1000.0, 250.0)
    drawn = y_axis(frame, Scale(0, high, frame.y_end, frame.top), "cells/mL")
    numbers = re.findall(r'text-anchor="end">([^<]+)<', drawn)
    assert len(numbers) > 1
    # Digits of the widest usual typeface, DejaVu Sans, at 11.5 pixels.
    assert all(7.32 * len(n.replace(",", "")) + 3.7 * n.count(",") < 57 for n in numbers)
