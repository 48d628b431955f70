"""The batch report from the command line and in a real browser, of a small SIMULATED lot."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.batch_example import make_example

from monolayer.cli import _exit_code as cli
from monolayer.drawing.palette import contrast, luminance

from .test_report_browser import CONTRASTS, DARK, Browse, _probe, browse  # noqa: F401

TIMES_H = (24.0, 48.0, 72.0)
ISSUED = ("--issued", "2026-11-16T09:30+01:00")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lot")
    make_example(folder, fields=3, side_px=128, times_h=TIMES_H, vessels=2)
    return folder


def command(folder: Path, *more: str) -> list[str]:
    return [
        "batch-report", str(folder / "history.yaml"), "--recipe", str(folder / "recipe.yaml"),
        "--record", str(folder / "record.yaml"), *ISSUED, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def page(example: Path) -> Path:
    out = example / "batch.html"
    run = f"V-101={example / 'RUN'}"
    assert cli(command(example, "--run", run, "-o", str(out))) == 0
    return out


def test_every_visit_of_the_run_has_its_picture(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r'<svg class="shot contours".*?</svg>', text, re.DOTALL)
    assert len(shown) == len(TIMES_H)
    # The same field each time, with what was covered outlined.
    fields = re.findall(r"<small>(V-101/A01/\d+)/(\d+)</small>", text)
    assert [time for _, time in fields] == ["1", "2", "3"]
    assert len({field for field, _ in fields}) == 1
    assert all('class="covered"' in each and "data:image/webp" in each for each in shown)
    assert "run differs" not in text


def test_json_names_what_was_written_and_the_hash(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one.html"
    capsys.readouterr()
    assert cli(command(example, "--vessel", "V-102", "-o", str(out), "--json")) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["vessels"] == ["V-102"]
    assert (said["page"], said["pdf"]) == (str(out), None)
    assert said["sha256"] in out.read_text(encoding="utf-8")


def test_a_recorded_figure_that_is_not_the_runs_is_told(example: Path, tmp_path: Path) -> None:
    data = yaml.safe_load((example / "history.yaml").read_text(encoding="utf-8"))
    visit = data["vessels"][0]["acquisitions"][1]
    visit["confluence"] += 0.2
    other = tmp_path / "history.yaml"
    other.write_text(yaml.safe_dump(data), encoding="utf-8")
    out = tmp_path / "b.html"
    run = f"V-101={example / 'RUN'}"
    assert cli(["batch-report", str(other), "--run", run, "-o", str(out)]) == 0
    assert "the run whose picture is shown" in out.read_text(encoding="utf-8")


def changed(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update(values)


@pytest.mark.parametrize(
    ("record", "more", "sentence"),
    [
        (changed(lots={}), (), "record.yaml: unknown key 'lots'; known: simulated, lot"),
        (changed(vessels={"V-9": {}}), (), "vessel V-9 is not among the histories; there are"),
        (
            changed(vessels={"V-101": {"cells": 3}}), (),
            "vessels, V-101: unknown key 'cells'; known: cells_harvested",
        ),
        (
            changed(signatures=[{"printed_name": "A", "time": "2026-11-16T09:00"}]), (),
            "signatures, record 1: time 2026-11-16T09:00 has no offset from UTC",
        ),
        (
            changed(dispositions=[{"vessel": "V-101", "time_h": 1, "verdict": "maybe"}]), (),
            "dispositions, record 1:",
        ),
        (changed(steps=["x"]), (), "'steps' must be a list of records"),
        (changed(), ("--vessel", "V-7"), "--vessel V-7: is not in"),
        (changed(), ("--run", "V-101"), "--run V-101: write VESSEL=FOLDER."),
        (changed(), ("--run", "V-7=RUN"), "--run V-7=...: no such vessel; there are V-101, V-102"),
        (changed(), ("--issued", "today"), "--issued today: write it as 2026-11-23T14:10+01:00."),
        (changed(), ("--issued", "2026-11-16"), "--issued 2026-11-16: write it as"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(
    example: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record: Callable[[dict[str, Any]], None],
    more: tuple[str, ...],
    sentence: str,
) -> None:
    data = yaml.safe_load((example / "record.yaml").read_text(encoding="utf-8"))
    record(data)
    given = tmp_path / "record.yaml"
    given.write_text(yaml.safe_dump(data), encoding="utf-8")
    out = tmp_path / "never.html"
    arguments = command(example, "--record", str(given), "-o", str(out), *more)
    assert cli(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_runs_that_are_not_all_of_its_visits_are_refused(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(example / "RUN")
    twice = command(example, "--run", f"V-101={run}", "--run", f"V-101={run}")
    assert cli([*twice, "-o", str(tmp_path / "x.html")]) == 2
    assert "hold 6 times and vessel V-101 has 3 visits" in capsys.readouterr().err
    assert cli(["batch-report", "-o", str(tmp_path / "x.html")]) == 2
    assert "give either HISTORY.yaml or --study STUDY" in capsys.readouterr().err


LOOK = """
const visit = document.querySelector(".shot").getBoundingClientRect();
const target = document.querySelector(".target").getBoundingClientRect();
return {
  narrow: [document.documentElement.scrollWidth, innerWidth],
  asked: performance.getEntriesByType("resource").map((e) => e.name)
    .filter((name) => !name.startsWith("data:")),
  stamp: parseFloat(getComputedStyle(document.querySelector(".stamp")).fontSize),
  number: parseFloat(getComputedStyle(document.querySelector("td")).fontSize),
  visit: [visit.width, visit.height],
  target: target.width,
  watermark: getComputedStyle(document.querySelector(".watermark")).display,
  contrasts: contrasts(),
};
"""


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1240), ("dark", 600)])
def test_in_a_browser(browse: Browse, page: Path, scheme: str, width: int) -> None:  # noqa: F811
    flags = [f"--window-size={width},1200"] + ([DARK] if scheme == "dark" else [])
    found = _probe(browse, page, LOOK, *flags)
    scrolled, inner = found["narrow"]
    assert scrolled <= inner
    assert found["asked"] == []
    assert found["stamp"] > 1.8 * found["number"]
    assert found["visit"][0] == pytest.approx(found["visit"][1], rel=0.02)
    assert found["visit"][0] > 100
    assert found["target"] > 0.5 * width * 0.7
    assert found["watermark"] == "none"
    for pair, words in found["contrasts"]:
        ink, ground = ("#" + "".join(f"{v:02x}" for v in rgb) for rgb in json.loads(pair))
        assert contrast(ink, ground) >= 4.5, (words, ink, ground)
        assert (luminance(ground) < 0.2) == (scheme == "dark"), (words, ground)
