"""``monolayer review``: what it starts, and what it says where something is missing."""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.cli import review


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "given": {}}))
    return tmp_path


def present(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def find(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None) if name in names else None

    monkeypatch.setattr(review, "find_spec", find)


def test_without_napari_the_extra_is_named(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present(monkeypatch)
    assert cli(["review", str(run_folder)]) == 2
    told = capsys.readouterr().err
    assert "napari is not installed: pip install 'monolayer[gui]' brings it." in told
    present(monkeypatch, "napari", "qtpy")
    assert cli(["review", str(run_folder)]) == 2
    assert "Qt binding is not installed: pip install 'monolayer[gui]'" in capsys.readouterr().err


def test_without_a_screen_it_says_so_and_does_not_abort(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present(monkeypatch, "napari", "qtpy", "PyQt6")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert cli(["review", str(run_folder)]) == 2
    assert "There is no screen (DISPLAY is not set)" in capsys.readouterr().err


def test_no_run_is_told_before_a_window_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present(monkeypatch)
    assert cli(["review", str(tmp_path)]) == 2
    assert "no run's folder" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({"format": 999, "monolayer": "9"}))
    assert cli(["review", str(tmp_path)]) == 2
    assert "update monolayer" in capsys.readouterr().err


def test_napari_is_opened_on_the_run(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[Any, ...]] = []
    opened = ModuleType("monolayer_napari.review")
    opened.review = lambda *given: called.append(given)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "monolayer_napari.review", opened)
    monkeypatch.setenv("DISPLAY", ":99")
    present(monkeypatch, "napari", "qtpy", "PySide6")
    assert cli(["review", str(run_folder), "--field", "P1/B03/2"]) == 0
    assert called == [(run_folder, "P1/B03/2", None, None)]
    beside = ["--study", "study.db", "--images", "elsewhere"]
    assert cli(["review", str(run_folder), *beside]) == 0
    assert called[1:] == [(run_folder, None, "study.db", "elsewhere")]
