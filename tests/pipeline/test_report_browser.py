"""The report as a real browser shows it: pixels, boxes, printed pages. Needs Chromium."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.drawing.numbers import grouped, interval_text
from monolayer.drawing.palette import colour, contrast, luminance
from monolayer.report import build_content, render_report
from monolayer.report.plate_map import colour_scale

from .report_example import SHOW, disks, example, well_names

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 1240, 5200
EXCLUDED = {
    "A01": ("missing", "missing"),
    "PLATE-7/B02/2": ("not_evaluable", "out_of_focus"),
    "C03": ("failed", "truncated"),
    "PLATE-7/D04/1": ("crashed", "worker_died"),
}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1", f"--window-size={WIDTH},{HEIGHT}",
)  # fmt: skip
DARK = "--blink-settings=preferredColorScheme=0"
CSP = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

BOXES = """
const box = (e) => { const r = e.getBoundingClientRect();
  return {x: r.x, y: r.y, width: r.width, height: r.height}; };
"""

CONTRASTS = """
const contrasts = () => {
const parse = (c) => c.match(/[\\d.]+/g).map(Number);
const ground = (e) => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = {};
for (let n = walker.nextNode(); n; n = walker.nextNode()) {
  const e = n.parentElement;
  if (!n.textContent.trim() || e.closest("script,style,title,.well-value,.scale-bar")) continue;
  if (!e.getClientRects().length) continue;
  const style = getComputedStyle(e);
  const ink = parse(e instanceof SVGElement ? style.fill : style.color).slice(0, 3);
  seen[JSON.stringify([ink, ground(e)])] = n.textContent.trim().slice(0, 40);
}
return Object.entries(seen); };
"""

VISIT = """
const wells = [...document.querySelectorAll(".plate [data-well]")];
const rows = (table) => [...table.tBodies[0].rows];
const names = (table) => rows(table).map((r) => r.cells[0].textContent);
const values = (table) => rows(table).map((r) => parseFloat(r.cells[1].dataset.value));
const found = {
  wells: Object.fromEntries(wells.map((g) => [g.dataset.well, box(g.querySelector("circle"))])),
  head: document.querySelector("#answer").innerText,
  number: box(document.querySelector(".number")),
  frames: [...document.querySelectorAll(".frame")].map(box),
  bars: [...document.querySelectorAll("figure.picture")].map((f) =>
    [box(f.querySelector("img")).width, box(f.querySelector(".scale-bar i")).width]),
  asked: performance.getEntriesByType("resource").map((e) => e.name)
    .filter((name) => !name.startsWith("data:")),
  contrasts: contrasts(),
};
const table = document.querySelector("#density table");
const button = table.tHead.rows[0].cells[1].querySelector("button");
found.before = names(table);
button.click(); found.up = values(table); found.last = names(table).slice(-2);
button.click(); found.down = values(table);
const words = table.closest(".table").querySelector("input[type=search]");
words.value = "truncated"; words.dispatchEvent(new Event("input"));
found.filtered = rows(table).filter((r) => r.offsetParent).map((r) => r.cells[0].textContent);
return found;
"""

Browse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Browse:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")

    def run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        command = [program, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return run


@pytest.fixture(scope="module")
def content() -> Any:
    run = example(
        well_names(4, 6),
        excluded=EXCLUDED,
    )
    return build_content(*run.tables(), run.run, SHOW, disks, run.objects)


@pytest.fixture(scope="module")
def page(content: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def seen(browse: Browse, page: Path) -> dict[str, Any]:
    """What one visit to the page finds: each visit costs seconds."""
    found: dict[str, Any] = _probe(browse, page, VISIT)
    return found


@pytest.fixture(scope="module")
def screen(browse: Browse, page: Path) -> NDArray[np.uint8]:
    return _screenshot(browse, page)


def _screenshot(browse: Browse, page: Path, *flags: str) -> NDArray[np.uint8]:
    """RGB pixels of the page."""
    picture = page.parent / "screen.png"
    browse(page, f"--screenshot={picture}", *flags)
    return np.asarray(cv2.imread(str(picture)))[:, :, ::-1]


def _probe(browse: Browse, page: Path, script: str, *flags: str) -> Any:
    """Run a script in the page, whose policy would forbid it, and return what it found."""
    text = CSP.sub("", page.read_text(encoding="utf-8"))
    assert text.count("</body>") == 1
    tail = f"const found = (() => {{ {BOXES} {CONTRASTS} {script} }})();"
    tail += "document.body.innerHTML = ''; document.body.textContent = JSON.stringify(found);"
    probed = page.parent / "probed.html"
    probed.write_text(text.replace("</body>", f"<script>{tail}</script></body>"), encoding="utf-8")
    dumped = browse(probed, "--dump-dom", *flags).stdout
    body = re.search(r"<body>(.*?)</body>", dumped, re.DOTALL)
    assert body is not None
    replaced = body[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(replaced)


def _rgb(colour_hex: str) -> list[int]:
    return [int(colour_hex[i : i + 2], 16) for i in (1, 3, 5)]


def test_every_well_shows_the_colour_of_its_number_where_it_lies(
    seen: dict[str, Any], screen: NDArray[np.uint8], content: Any
) -> None:
    scale = colour_scale(content.plates)
    valued = [w for w in content.plates[0].wells if w.estimate.value is not None]
    assert len(valued) == 22
    for well in valued:
        box = seen["wells"][well.well]
        # Above the number, well inside the rim.
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.15
        shown = screen[round(y), round(x)].astype(int)
        expected = _rgb(colour(scale(well.estimate.value)))
        assert np.abs(shown - expected).max() <= 3, well.well


def test_rows_go_down_and_columns_to_the_right(seen: dict[str, Any]) -> None:
    boxes = seen["wells"]
    assert boxes["A02"]["x"] < boxes["A03"]["x"] < boxes["A06"]["x"]
    assert boxes["A02"]["y"] < boxes["B02"]["y"] < boxes["D02"]["y"]
    assert boxes["A02"]["y"] == pytest.approx(boxes["A06"]["y"], abs=0.5)


def test_wells_without_a_number_are_hatched_on_paper_and_never_coloured(
    seen: dict[str, Any], screen: NDArray[np.uint8]
) -> None:
    for well in ("C03", "A01"):
        box = seen["wells"][well]
        x, y, side = (round(v) for v in (box["x"], box["y"], box["width"]))
        inside = screen[y + side // 4 : y + 3 * side // 4, x + side // 4 : x + 3 * side // 4]
        paper = (inside.min(axis=2) > 240).mean()
        assert 0.3 < paper < 0.95, well
        strips = np.array_split(inside.min(axis=2), 5)
        assert all(strip.min() < 215 < strip.max() for strip in strips), well


def test_head_shows_the_answer_first(seen: dict[str, Any], content: Any) -> None:
    assert grouped(content.plates[0].estimate.value) in seen["head"]
    assert interval_text(content.plates[0].estimate) in seen["head"]
    for words in ("cells/cm²", "95 % interval", "direct, total count (ISO 20391-1)", "missing"):
        assert words in seen["head"]
    assert seen["number"]["y"] < 250


def test_outlines_lie_on_the_picture_and_can_be_switched_off(
    browse: Browse, page: Path, seen: dict[str, Any], screen: NDArray[np.uint8]
) -> None:
    off = page.parent / "off.html"
    text = page.read_text(encoding="utf-8")
    off.write_text(text.replace('id="outlines" checked', 'id="outlines"'), encoding="utf-8")
    without = _screenshot(browse, off)
    assert len(seen["frames"]) >= 6
    assert all(_yellow(screen, frame) > 800 for frame in seen["frames"][-3:])
    assert all(_yellow(without, frame) == 0 for frame in seen["frames"])


def _yellow(picture: NDArray[np.uint8], frame: dict[str, float]) -> int:
    top, left = round(frame["y"]), round(frame["x"])
    cut = picture[top : top + round(frame["height"]), left : left + round(frame["width"])]
    red, green, blue = (cut[:, :, i].astype(int) for i in range(3))
    return int(((red - blue > 80) & (green - blue > 50)).sum())


def test_scale_bar_has_its_length(seen: dict[str, Any]) -> None:
    for image, bar in seen["bars"]:
        # 0.65 um a pixel, 696 pixels wide: a bar of 50 um.
        assert bar / image == pytest.approx(50 / (696 * 0.65), rel=0.01)


def test_nothing_is_asked_for_from_anywhere(seen: dict[str, Any]) -> None:
    assert seen["asked"] == []


def test_tables_sort_and_filter(seen: dict[str, Any]) -> None:
    assert seen["before"][:3] == ["A01", "A02", "A03"]
    assert seen["up"][:22] == sorted(seen["up"][:22])
    assert seen["down"][:22] == seen["up"][:22][::-1]
    # JSON has no NaN: wells without a number come last both ways, never as a zero.
    assert seen["up"][22:] == seen["down"][22:] == [None, None]
    assert seen["last"] == ["A01", "C03"]
    assert seen["filtered"] == ["C03"]


def test_works_without_scripts(browse: Browse, page: Path, screen: NDArray[np.uint8]) -> None:
    plain = _screenshot(browse, page, "--blink-settings=scriptEnabled=false")
    # The filter boxes alone are missing, below the first chart: the first screen is the same.
    assert np.array_equal(plain[:1000], screen[:1000])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(
    browse: Browse, page: Path, seen: dict[str, Any], scheme: str
) -> None:
    dark = scheme == "dark"
    found = _probe(browse, page, "return contrasts();", DARK) if dark else seen["contrasts"]
    assert len(found) >= 4
    for pair, words in found:
        ink, ground = ("#" + "".join(f"{v:02x}" for v in rgb) for rgb in json.loads(pair))
        assert contrast(ink, ground) >= 4.5, (words, ink, ground)
        assert (luminance(ground) < 0.2) == dark, (words, ground)


def test_dark_scheme_is_dark_and_keeps_the_colours_of_wells(
    browse: Browse, page: Path, seen: dict[str, Any], screen: NDArray[np.uint8]
) -> None:
    dark = _screenshot(browse, page, DARK)
    assert screen[40, 200].min() > 200
    assert dark[40, 200].max() < 60
    box = seen["wells"]["A02"]
    y, x = round(box["y"] + box["height"] * 0.15), round(box["x"] + box["width"] / 2)
    assert np.abs(dark[y, x].astype(int) - screen[y, x]).max() <= 3


def test_narrow_screens_scroll_charts_and_not_the_page(browse: Browse, page: Path) -> None:
    script = "return [document.documentElement.scrollWidth, innerWidth];"
    scrolled, inner = _probe(browse, page, script, "--window-size=600,900")
    assert scrolled <= inner < 700


@pytest.mark.parametrize("scripted", [True, False])
def test_prints_whole_with_heads_on_every_page(
    browse: Browse, tmp_path: Path, scripted: bool
) -> None:
    run = example(well_names(8, 12), fields_per_well=1)
    text = render_report(build_content(*run.tables(), run.run, SHOW, lambda field_id: None))
    if not scripted:
        # Headless Chromium drives printing by a script of its own: take out ours instead.
        text = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(text, encoding="utf-8")
    browse(page, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    data = printed.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", data)) >= 3
    if shutil.which("pdftotext") is None:
        pytest.skip("pages are there; pdftotext (poppler-utils) would read the rows")
    words = subprocess.run(
        ["pdftotext", "-layout", printed, "-"], capture_output=True, text=True, check=True
    ).stdout
    # Rows that the screen folds away are printed, under a head on each page.
    assert all(re.search(rf"^\s*{well}\s", words, re.MULTILINE) for well in well_names(8, 12))
    pages = [
        page for page in words.split("\f") if re.search(r"^\s*[A-H]\d\d\s+\d", page, re.MULTILINE)
    ]
    assert len(pages) >= 2
    assert all("Fields evaluated" in page for page in pages)
