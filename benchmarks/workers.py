"""Two workers beside one: fields a second of a whole run, decoding and writing included."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks import images

__all__ = ["Timing", "throughput"]


@dataclass(frozen=True, slots=True)
class Timing:
    """One whole run, as seen from outside.

    Attributes
    ----------
    wall_s : float
        From the command to its end, imports and report included.
    first_s : float
        From the command until the first field was finished.
    steady_per_s : float
        Fields a second between the first chunk finished and the last one.
    """

    wall_s: float
    first_s: float
    steady_per_s: float


def throughput(
    image: NDArray[np.uint16], fields: int, side: int = 1024, repeats: int = 2
) -> dict[int, list[Timing]]:
    """Runs with one and with two workers, in turns, after one that warms the cache up."""
    found: dict[int, list[Timing]] = {1: [], 2: []}
    with TemporaryDirectory(prefix="monolayer-bench-") as folder:
        root = Path(folder)
        _write_fields(root / "images", image, fields, side)
        _run(root, 2)
        for _ in range(repeats):
            for workers, timings in found.items():
                timings.append(_run(root, workers))
    return found


def _write_fields(folder: Path, image: NDArray[np.uint16], fields: int, side: int) -> None:
    folder.mkdir()
    room = side + 1024
    big = images.tile_to(image, room)
    for i in range(fields):
        y, x = (i * 389) % 1024, (i * 613) % 1024
        well = f"{'ABCDEFGH'[i // 24 % 8]}{i // 2 % 12 + 1:02d}"
        part = np.ascontiguousarray(big[y : y + side, x : x + side])
        name = f"bench_{well}_s{i // 192 * 2 + i % 2 + 1}_w1.tif"
        tifffile.imwrite(folder / name, part, compression="lzw", predictor=True)


def _run(root: Path, workers: int) -> Timing:
    out, events = root / f"run-{time.monotonic_ns()}", root / "events.jsonl"
    events.unlink(missing_ok=True)
    command = [str(Path(sys.executable).with_name("monolayer")), "run", str(root / "images")]
    command += ["--output", str(out), "--workers", str(workers), "--events", str(events)]
    begun, started = time.time(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - started
    return _timing(wall, begun, events)


def _timing(wall_s: float, begun: float, events: Path) -> Timing:
    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    done = [line for line in told if line["event"] == "fields_done"]
    first = datetime.fromisoformat(done[0]["time"]).timestamp() - begun
    took = done[-1]["seconds"] - done[0]["seconds"]
    return Timing(wall_s, first, sum(line["n"] for line in done[1:]) / took)
