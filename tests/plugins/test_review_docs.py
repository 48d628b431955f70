"""docs/review.md: its commands run, its keys, layers and widgets are those of the code."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import monolayer_napari
from monolayer.cli import _exit_code as cli
from monolayer.cli import review as verb
from monolayer_napari.channels import colours_of

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "review.md").read_text(encoding="utf-8")


def test_commands_of_the_page_run(
    plate_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was made by the first of them; the window is the viewer's tests'."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    first, *others = [line.removeprefix("monolayer ").split() for line in block.splitlines()]
    assert first == ["run", "sample_data/plate", "-o", "RUN"]
    called: list[tuple[Any, ...]] = []
    stands_for = ModuleType("monolayer_napari.review")
    stands_for.review = lambda *given: called.append(given)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "monolayer_napari.review", stands_for)
    monkeypatch.setattr(verb, "find_spec", lambda name: name)
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.chdir(plate_run.parent)
    assert [cli(command) for command in others] == [0, 0]
    assert called == [(plate_run, None, None, None), (plate_run, "sample/B03/1", None, None)]


def test_keys_of_the_page_are_the_queues() -> None:
    pytest.importorskip("qtpy", reason="qtpy comes with the extra 'gui'")
    from monolayer_napari.queue_widget import NEXT, PREVIOUS

    assert re.findall(r"^\| `(.)` \| ", PAGE, re.M) == [NEXT, PREVIOUS]


def test_widgets_and_pictures_of_the_page_exist() -> None:
    manifest = yaml.safe_load((Path(monolayer_napari.__file__).parent / "napari.yaml").read_text())
    names = {entry["display_name"] for entry in manifest["contributions"]["widgets"]}
    headings = set(re.findall(r"^## (.+)$", PAGE, re.M))
    assert {"Plate", "Review queue", "Run"} <= names & headings
    for picture in re.findall(r"\]\((images/[^)]+)\)", PAGE):
        assert (PROJECT / "docs" / picture).is_file()


def test_colours_of_the_page_are_those_of_the_dyes() -> None:
    found = colours_of(dict.fromkeys(["Hoechst", "calcein", "PI", "EthD-1"]), {})
    assert list(found.values()) == ["bop blue", "green", "magenta", "magenta"]
    assert "Hoechst blue, calcein green, PI and EthD-1 magenta" in PAGE
