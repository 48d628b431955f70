"""Two workers beside one: fields a second of a whole run, reading and writing included."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks import images

__all__ = ["throughput"]


def throughput(image: NDArray[np.uint16], fields: int, repeats: int = 2) -> dict[int, float]:
    """Fields a second with one and with two workers, best of so many runs each, in turns."""
    with TemporaryDirectory(prefix="monolayer-bench-") as folder:
        root = Path(folder)
        _write_fields(root / "images", image, fields)
        best = {1: 0.0, 2: 0.0}
        _run(root, 2)
        for _ in range(repeats):
            for workers in best:
                best[workers] = max(best[workers], fields / _run(root, workers))
    return best


def _write_fields(folder: Path, image: NDArray[np.uint16], fields: int) -> None:
    folder.mkdir()
    big = images.tile_to(image, 4096)
    for i in range(fields):
        y, x = (i * 389) % 3072, (i * 613) % 3072
        well = f"{'ABCDEFGH'[i // 24 % 8]}{i // 2 % 12 + 1:02d}"
        part = np.ascontiguousarray(big[y : y + 1024, x : x + 1024])
        tifffile.imwrite(folder / f"bench_{well}_s{i // 192 * 2 + i % 2 + 1}_w1.tif", part)


def _run(root: Path, workers: int) -> float:
    out = root / f"run-{time.monotonic_ns()}"
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("monolayer")), "run", str(root / "images")]
    command += ["--output", str(out), "--workers", str(workers)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started
