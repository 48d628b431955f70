"""The kernels' tests once more as plain Python, where coverage sees every line.

A compiled kernel hides its lines from coverage; without the compiler Python runs, counts and
raises.
"""

import json
from pathlib import Path

import pytest
from tests.kernels_again import ENOUGH_S, PROJECT, kernel_tests, run


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
