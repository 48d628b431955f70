"""The kernels' tests twice more: as plain Python, where every line is seen, and bounds-checked.

A compiled kernel that reads past an array's end gives a number all the same, and coverage sees
none of its lines. Without the compiler Python raises and coverage counts; with bounds checks the
compiled code raises. Both are other processes, as numba reads its settings when it loads.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TESTS = PROJECT / "tests" / "kernels"
ENOUGH_S = 560


def run(*command: str, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=os.environ | settings,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENOUGH_S,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def kernel_tests() -> list[str]:
    options = ["-q", "-p", "no:cacheprovider", f"--timeout={ENOUGH_S}"]
    return ["pytest", *options, f"--ignore={__file__}", str(TESTS)]


@pytest.mark.slow
@pytest.mark.timeout(ENOUGH_S + 20)
def test_every_line_of_the_kernels_runs_as_plain_python(tmp_path: Path) -> None:
    source = PROJECT / "kernels" / "monolayer_kernels"
    settings = {"NUMBA_DISABLE_JIT": "1", "COVERAGE_FILE": str(tmp_path / "lines")}
    traced = ["coverage", "run", "--rcfile=/dev/null", f"--source={source}", "-m"]
    run(*traced, *kernel_tests(), **settings)
    report = tmp_path / "lines.json"
    run("coverage", "json", "--rcfile=/dev/null", "-q", "-o", str(report), **settings)
    files = json.loads(report.read_text())["files"]
    assert {Path(name).name for name in files} == {path.name for path in source.glob("*.py")}
    missing = {name: found["missing_lines"] for name, found in files.items()}
    assert {name: lines for name, lines in missing.items() if lines} == {}


@pytest.mark.slow
@pytest.mark.timeout(ENOUGH_S + 20)
def test_no_kernel_reads_out_of_bounds(tmp_path: Path) -> None:
    out = run(*kernel_tests(), NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path))
    assert " passed" in out
    assert any(tmp_path.rglob("*.nbc"))


def test_a_read_out_of_bounds_would_be_seen() -> None:
    program = """
import numpy as np
from monolayer_kernels._jit import kernel

@kernel
def past(values):
    return values[values.size]

try:
    past(np.zeros(3))
except IndexError:
    print("seen")
"""
    for name in ("NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {name: "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "seen\n", name
