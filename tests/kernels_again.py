"""Run the kernels' own tests again in another process, because numba reads settings on loading."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
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
    """Arguments for all tests of kernels but those that run them again."""
    options = ["-q", "-p", "no:cacheprovider", f"--timeout={ENOUGH_S}"]
    again = [f"--ignore={TESTS / name}" for name in ("test_uncompiled.py", "test_bounds.py")]
    return ["pytest", *options, *again, str(TESTS)]
