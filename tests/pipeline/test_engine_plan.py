"""The plan: selection, expected memory, and files that outgrow the standard library's half."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from monolayer.engine.plan import Selection, expected_memory, make_plan
from monolayer.errors import ConfigError
from monolayer.field import Field, natural_key
from monolayer.method import Method

WritePlate = Callable[..., dict[str, int]]


def field(plate: str = "P1", well: str = "B03", name: str = "1", time: str = "") -> Field:
    return Field(plate, well, name, time, {})


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", True),
        ("plate=P1", True),
        ("plate=P2", False),
        ("well=B03", True),
        ("well=b3", True),
        ("well=B3, field=1", True),
        ("well=B03,field=2", False),
        ("time=2", False),
    ],
)
def test_selection(text: str, taken: bool) -> None:
    assert Selection.parse(text).takes(field()) is taken


@pytest.mark.parametrize("text", ["B03", "wel=B03", "=B03", "well B03"])
def test_a_wrong_selection_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"key=value"):
        Selection.parse(text)


def test_natural_order() -> None:
    names = ["f10", "f2", "f1 b", "f1", "10", "9", "a", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "a", "f1", "f1 b", "f2", "f10"]


@pytest.mark.slow
def test_expected_memory_is_about_what_is_used(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tile = rng.normal(200, 6, (64, 64))
    y, x = np.mgrid[:64, :64]
    tile += 900 * (np.hypot(y - 32, x - 32) < 11)
    tifffile.imwrite(tmp_path / "a.tif", np.tile(tile, (24, 24)).astype(np.uint16))
    expected = expected_memory(make_plan(tmp_path, Method()))
    used = 0
    # The first run may compile kernels, which takes some 200 MB once and is no worker's memory.
    for folder in (tmp_path / "R1", tmp_path / "R2"):
        code = (
            "import re, sys\n"
            "from pathlib import Path\n"
            "from monolayer.cli import _exit_code as cli\n"
            f"code = cli(['run', {str(tmp_path)!r}, '-o', {str(folder)!r}, '--workers', '1'])\n"
            # Not getrusage: its maximum is inherited from this process through fork and exec.
            "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
            "sys.exit(code)\n"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        used = int(done.stdout.splitlines()[-1]) * 1024
    assert expected is not None
    assert 0.8 * used < expected < 2 * used


def test_nothing_to_do_imports_nothing_heavy(tmp_path: Path, write_plate: WritePlate) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]
    code = (
        "import sys\n"
        "from monolayer.cli import _exit_code as cli\n"
        f"cli({options!r})\n"
        "heavy = {'numba', 'pyarrow', 'scipy', 'dask', 'cv2', 'tifffile', 'skimage'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code]
    subprocess.run(command, capture_output=True, text=True, check=True)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Nothing to do" in again.stdout
    assert again.stdout.splitlines()[-1] == "[]"
