"""The kernels' tests once more with bounds checks.

A compiled kernel that reads past an array's end gives a number all the same; with bounds checks,
or without the compiler, it raises.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.kernels_again import ENOUGH_S, kernel_tests, run


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
