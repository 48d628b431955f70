"""The engine by itself: memory of the driver, its time a field, and resume, for many small fields.

Fields are real files that are listed, signed, sent to Dask's workers and written as parts, rows
and a report by the engine as it is; only what a worker does with the pixels is replaced, by the
result of one field that was evaluated before, so that 100,000 fields take minutes.

The driver lists before it imports what computes, as the command does: what listing frees is used
again by what comes after.

    python -m benchmarks.engine 1000 10000 100000
"""

import argparse
import importlib
import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from monolayer.engine.events import Line
from monolayer.engine.ledger import Chunk, Done
from monolayer.field import Field, FieldImage
from monolayer.method import Method

if TYPE_CHECKING:
    from monolayer.engine.executors.contract import Crashed
    from monolayer.engine.parts import Job
    from monolayer.engine.work import FieldResult

__all__ = ["main", "measure", "process_known", "write_fields"]

SIDE = 32
ROWS, COLUMNS, FIELDS_A_WELL = "ABCDEFGHIJKLMNOP", 24, 9


def write_fields(folder: Path, n_fields: int, side: int = SIDE) -> None:
    """Write plates of 384 wells with nine fields each: TIFFs of few pixels, no two alike."""
    pixels = np.full((side, side), 200, np.uint16)
    file = io.BytesIO()
    size: dict[str, Any] = {"resolution": (1e4 / 0.65, 1e4 / 0.65), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(file, pixels, metadata=None, **size)
    raw = bytearray(file.getvalue())
    at = raw.index(pixels.tobytes())
    for i in range(n_fields):
        plate, rest = divmod(i, len(ROWS) * COLUMNS * FIELDS_A_WELL)
        well, field = divmod(rest, FIELDS_A_WELL)
        name = f"plate{plate + 1}_{ROWS[well // COLUMNS]}{well % COLUMNS + 1:02d}_s{field + 1}_w1"
        raw[at : at + 4] = np.uint32(i).tobytes()
        if rest == 0:
            (folder / f"plate{plate + 1}").mkdir(parents=True)
        (folder / f"plate{plate + 1}" / f"{name}.tif").write_bytes(raw)


def process_known(chunk: Chunk, job: "Job") -> "list[Done] | Crashed":
    """Process a chunk as a worker does, but for the pixels, whose result is known."""
    from monolayer.engine import parts

    setattr(parts, "process_field", _known_result)  # noqa: B010 - a patch, and meant as one
    return parts.process_chunk(chunk, job)


def _known_result(where: Field, root: Path, method: Method, flats: object = None) -> "FieldResult":
    del root, method, flats
    known = _evaluated()
    ending = where.field_id.encode().hex()[-64:].rjust(64, "0")
    return replace(known, row=known.row | {"pixels_sha256": ending, "image_sha256": ending})


@cache
def _evaluated() -> "FieldResult":
    from monolayer.engine.selfcheck import DISCS
    from monolayer.engine.work import evaluate_image

    y, x = np.mgrid[:96, :128]
    image = 200 + np.random.default_rng(1).normal(0, 4, (96, 128))
    for row, column in DISCS:
        image += 900 * np.clip(10.5 - np.hypot(y - row, x - column), 0, 1)
    given = FieldImage({"w1": image.astype(np.uint16)}, pixel_size_um=0.65)
    return replace(evaluate_image(given, {"nuclei": "w1"}, Method()), labels=None)


def measure(images: Path, run: Path, workers: int) -> dict[str, Any]:
    """Run in this process, the driver; return its memory and processor time by stage."""
    from monolayer.engine.events import Events
    from monolayer.engine.executors.settings import ExecutionSettings
    from monolayer.engine.memory import leave_pandas_out
    from monolayer.engine.plan import make_plan
    from monolayer.engine.run import execute

    stages: dict[str, dict[str, float]] = {}

    def end(stage: str) -> None:
        seconds, clock = time.process_time(), time.perf_counter()
        stages[stage] = {"peak_mb": _peak_mb(), "cpu_s": seconds, "wall_s": clock}
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    begun: set[str] = set()

    def heard(line: Line) -> None:
        stage = str(line.get("stage"))
        if stage in ("tables", "report") and stage not in begun:
            begun.add(stage)
            end("fields" if stage == "tables" else "tables")

    start = time.perf_counter(), time.process_time()
    plan = make_plan(images, Method())
    end("listed")
    leave_pandas_out()  # as the command does
    # By its module's name, since workers do not have this process's __main__.
    known = importlib.import_module("benchmarks.engine").process_known
    rounds = importlib.import_module("monolayer.engine.rounds")
    setattr(rounds, "process_chunk", known)  # noqa: B010 - a patch, and meant as one
    with Events([heard]) as events:
        outcome = execute(plan, run, ExecutionSettings(workers=workers), notify=events)
    end("report")
    return {
        "fields": len(plan.fields),
        "processed": outcome.n_processed,
        "counts": outcome.counts,
        "peak_mb": max(stage["peak_mb"] for stage in stages.values()),
        "wall_s": time.perf_counter() - start[0],
        "cpu_s": time.process_time() - start[1],
        "stages": stages,
    }


def _peak_mb() -> float:
    """Highest resident memory of this process since the last reset, MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def measure_apart(images: Path, run: Path, workers: int = 2) -> dict[str, Any]:
    """Do `measure` in a process of its own, whose memory nothing else has touched."""
    command = [sys.executable, "-m", "benchmarks.engine", "--images", str(images)]
    command += ["--run", str(run), "--workers", str(workers)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def main() -> int:
    options = _options()
    if options.run:
        print(json.dumps(measure(options.images, options.run, options.workers)))
        return 0
    print("| fields | driver's peak MB | of it listing | its processor ms a field | wall s |")
    print("|--:|--:|--:|--:|--:|")
    found = []
    with TemporaryDirectory(prefix="monolayer-bench-", dir=options.folder) as name:
        for n_fields in options.fields:
            folder = Path(name) / str(n_fields)
            write_fields(folder / "images", n_fields)
            found.append(measure_apart(folder / "images", folder / "run", options.workers))
            _tell(found[-1])
            again = measure_apart(folder / "images", folder / "run", options.workers)
            print(f"  the finished run again: {again['wall_s']:.2f} s, {again['peak_mb']:.0f} MB")
    if len(found) > 1:
        first, last = found[0], found[-1]
        n = last["fields"] - first["fields"]
        print(
            f"growth {last['peak_mb'] - first['peak_mb']:.1f} MB, "
            f"{(last['cpu_s'] - first['cpu_s']) / n * 1e3:.3f} ms a field"
        )
    return 0


def _tell(found: dict[str, Any]) -> None:
    listed, n = found["stages"]["listed"], found["fields"]
    print(
        f"| {n:,} | {found['peak_mb']:.0f} | {listed['peak_mb']:.0f} | "
        f"{found['cpu_s'] / n * 1e3:.2f} | {found['wall_s']:.0f} |",
        flush=True,
    )
    print(f"  {json.dumps(found['stages'])}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("fields", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to write the fields; /tmp if left out")
    parser.add_argument("--images", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
