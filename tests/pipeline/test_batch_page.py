"""The batch report as a page and in print: what it says, what it never says, what it cannot do."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from monolayer.batch import BatchRecord, BatchSettings, record_sha256, render_batch, to_pdf
from monolayer.batch.content import Disposition, Document, Lot, Signature, Step
from monolayer.batch.words import cells, clock, comparison_words
from monolayer.dossier import Recorded, RecordedVessel, batch_record
from monolayer.errors import MissingExtraError, MonolayerError
from monolayer.recipe import Recipe

from .vessel_histories import SEEDED, history, ready

RECIPE = Recipe(status="approved", batch=BatchSettings(theoretical_density_cells_per_cm2=50_000))
METHOD = Document("method", "confluence", "4", "approved", "ab" * 32)


class Page(HTMLParser):
    """Text of a page, by the id of its section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._where, self._mute = "", False
        self.feed(text.replace("<wbr>", ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._mute = tag == "style"
        if tag in ("section", "header"):
            self._where = dict(attrs).get("id") or ""

    def handle_data(self, data: str) -> None:
        if not self._mute and data.strip():
            self.words[self._where] = f"{self.words.get(self._where, '')} {data.strip()}"


def record(**recorded: Any) -> BatchRecord:
    kept = ready(n=8)
    vessel = replace(
        kept.vessel, lot="L-1", growth_area_cm2=636.0, seeding_density_cells_per_cm2=4000.0,
        doublings_at_seeding=9.5,
    )  # fmt: skip
    kept = replace(kept, vessel=vessel)
    return batch_record((kept,), RECIPE, Recorded(**({"methods": (METHOD,)} | recorded)))


@pytest.fixture(scope="module")
def plain() -> BatchRecord:
    return record()


def test_the_same_record_gives_the_same_bytes(plain: BatchRecord) -> None:
    assert render_batch(plain) == render_batch(record())
    issued = replace(plain, issued_at=SEEDED)
    assert "copy issued 2026-11-10 08:00 UTC" in render_batch(issued)
    assert record_sha256(issued) in render_batch(plain)


def test_the_page_asks_for_nothing_and_runs_nothing(plain: BatchRecord) -> None:
    page = Page(render_batch(plain))
    assert "script" not in {tag for tag, _ in page.tags}
    policy = next(
        a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    asked = [a[key] for _, a in page.tags for key in ("src", "href") if a.get(key)]
    assert asked == []


def test_what_nobody_recorded_says_so_and_is_never_a_zero(plain: BatchRecord) -> None:
    page = Page(render_batch(plain))
    assert "Actual yield, viable cells not recorded" in page.words["answer"]
    assert "Percentage of theoretical yield not determined" in page.words["answer"]
    for label in ("Product", "Cell bank", "Medium"):
        assert f"{label} not recorded" in page.words["answer"]
    assert "Type not recorded" in page.words["vessel-1"]
    assert "not recorded for 8 of 8 steps" in page.words["signatures"]
    assert "No electronic signature is recorded." in page.words["signatures"]
    assert not re.search(r"Actual yield 0\b|yield, viable cells 0\b", " ".join(page.words.values()))


def test_intervals_are_two_named_things(plain: BatchRecord) -> None:
    text = render_batch(plain)
    assert "% <b>confidence</b> interval" in text
    assert "% <b>prediction</b> interval of a measurement" in text
    # Each as an area of its own: in the chart and in the key.
    assert text.count('class="prediction"') == text.count('class="confidence"') == 2


def test_decisions_show_rule_evidence_threshold_margin_and_what_was_not_evaluated() -> None:
    kept = record()
    at = SEEDED.replace(day=14)
    done = Disposition("V-017", at, "A. Person", "override", "HOLD", "STAFF", "no one there")
    words = Page(render_batch(record(dispositions=(done,)))).words["vessel-1"]
    last = kept.vessels[0].decisions[-1]
    assert (last.action, last.rule) == ("PASSAGE", "target")
    assert "PASSAGE TARGET_REACHED, state READY" in words
    assert "target confluence lower bound 82.0 % 75.0 % −7.0 points" in words
    assert "sensors (no temperature, °C) ; viability; feed (no glucose" in words
    assert "not stored when they were made" in words
    assert "overridden : HOLD A. Person 2026-11-14 08:00 UTC STAFF: no one there" in words


@pytest.mark.parametrize(
    ("recipe", "methods", "large"),
    [
        ("draft", (METHOD,), "DRAFT"),
        ("approved", (replace(METHOD, status="draft"),), "DRAFT"),
        ("reviewed", (METHOD,), "NOT APPROVED"),
        ("retired", (METHOD,), "RETIRED"),
        ("approved", (replace(METHOD, status=None),), "STATUS NOT RECORDED"),
        ("approved", (), "STATUS NOT RECORDED"),
        ("approved", (METHOD,), ""),
    ],
)
def test_what_is_not_approved_is_written_large(
    recipe: Any, methods: tuple[Document, ...], large: str
) -> None:
    made = batch_record(
        (history(every_h=12, n=3),), RECIPE.model_copy(update={"status": recipe}),
        Recorded(methods=methods),
    )  # fmt: skip
    text = render_batch(made)
    assert ('<p class="stamp">' in text) == bool(large)
    assert (f'<p class="stamp">{large}</p>' in text) == bool(large)
    assert ("aria-hidden" in text and f'aria-hidden="true">{large}</div>' in text) == bool(large)


def test_simulated_is_written_large() -> None:
    assert '<p class="stamp simulated">SIMULATED</p>' in render_batch(record(simulated=True))


def test_signatures_carry_name_time_meaning_and_hash(plain: BatchRecord) -> None:
    digest = record_sha256(plain)
    signed = (
        Signature("Dr. A. Approver", SEEDED, "approval", "batch record L-1", digest),
        Signature("B. Reviewer", SEEDED, "review", "recipe", "cd" * 32),
    )
    text = render_batch(replace(plain, signatures=signed))
    words = Page(text).words["signatures"]
    assert f"Dr. A. Approver 2026-11-10 08:00 UTC approval batch record L-1 {digest} this" in words
    assert f"B. Reviewer 2026-11-10 08:00 UTC review recipe {'cd' * 32}" in words
    assert text.count("this record</span>") == 1
    for meaning in ("performed", "checked", "reviewed", "approved"):
        assert f'<th scope="row">{meaning}</th><td></td><td></td><td></td>' in text


def test_who_checked_the_automated_steps_is_told() -> None:
    times = [visit.time_h for visit in ready(n=8).acquisitions]
    steps = tuple(
        ("V-017", Step("acquisition", h, None, "", automated=True, checked_by="C. Checker"))
        for h in times
    )
    words = Page(render_batch(record(steps=steps))).words
    assert "A person is recorded who checked each of the 8 steps" in words["signatures"]
    assert words["vessel-1"].count("automated C. Checker") == 8


def test_it_claims_nothing() -> None:
    text = render_batch(record()).lower()
    assert "makes no claim that the site complies" in text
    assert not re.search(r"compliant|complies with (21|part|gmp|annex)|part 11|annex 11", text)


HOSTILE = '"}</style><script>alert(1)</script>\\\u2028'


def test_hostile_names_stay_names() -> None:
    lot = Lot(name=HOSTILE, product="<b>x", donor="{{ 7 * 7 }}", note="</title><img src=x>")
    text = render_batch(record(lot=lot, vessels={"V-017": RecordedVessel(kind="<svg onload=x>")}))
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img"}
    assert text.count("<style>") == text.count("</style>") == 1
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert "{{ 7 * 7 }}" in page.words["answer"]


def test_a_lot_adds_what_its_vessels_say_together() -> None:
    kept = record().vessels[0].history
    other = replace(kept, vessel=replace(kept.vessel, name="V-018"))
    its = {"V-017": RecordedVessel(cells_harvested=2e7)}
    made = batch_record((kept, other), RECIPE, Recorded(methods=(METHOD,), vessels=its))
    words = Page(render_batch(made)).words
    assert "actual yield not recorded for V-018" in words["lot"]
    assert "known for 1 of 2 vessels" in words["lot"]
    assert "Highest cumulative doublings" in words["lot"]
    assert {"vessel-1", "vessel-2"} <= set(words)
    assert "lot" not in Page(render_batch(record())).words


def test_words_of_figures() -> None:
    assert cells(123_400_000) == "1.234 × 10⁸"
    assert cells(9_999_999) == "1.000 × 10⁷"
    assert cells(41_280) == "41,280"
    assert cells(None) == "not recorded"
    assert clock(None) == "not recorded"
    late = SEEDED.replace(hour=23, minute=30).astimezone(SEEDED.tzinfo)
    assert clock(late) == "2026-11-10 23:30 UTC"
    check = record().vessels[0].decisions[-1].evidence[1]
    assert comparison_words(check) == ("acquisitions at target", "2", "2", "+0")


@pytest.fixture(scope="module")
def short() -> BatchRecord:
    """Two visits: printing is what these tests spend their time on."""
    kept = record().vessels[0].history
    few = replace(kept, acquisitions=kept.acquisitions[-2:])
    return batch_record((few,), RECIPE, Recorded(methods=(METHOD,)), issued_at=SEEDED)


@pytest.fixture(scope="module")
def printed(short: BatchRecord) -> bytes:
    pytest.importorskip("weasyprint", exc_type=ImportError)
    return to_pdf(short)


def test_print_is_numbered_and_names_the_batch_on_every_page(
    printed: bytes, short: BatchRecord, tmp_path: Path
) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on PATH: apt-get install poppler-utils")
    path = tmp_path / "batch.pdf"
    path.write_bytes(printed)
    told = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    pages = told.split("\f")[:-1]
    assert len(pages) >= 4
    for number, page in enumerate(pages, 1):
        foot = page.strip().splitlines()[-1]
        assert foot.split()[:4] == ["Vessel", "V-017,", "lot", "L-1"]
        assert f"record SHA-256 {record_sha256(short)[:32]}" in foot
        assert foot.endswith(f"page {number} of {len(pages)}")
    # Words in the chart were once hidden behind their own halo.
    assert "target 80 %" in told


def test_print_is_for_archives_and_the_same_every_time(printed: bytes, short: BatchRecord) -> None:
    assert printed.startswith(b"%PDF-1.7")
    assert printed == to_pdf(short)


def test_without_pango_one_sentence_says_what_brings_it(
    plain: BatchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(MonolayerError, match=r"apt-get install libpango-1\.0-0") as caught:
        to_pdf(plain, "")
    assert not isinstance(caught.value, MissingExtraError)


def test_without_weasyprint_the_extra_is_named(
    plain: BatchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(MissingExtraError, match=r"monolayer\[pdf\]"):
        to_pdf(plain, "")
