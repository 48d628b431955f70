"""Print the clock table; more tables with --growth, --workers, --scan, --engine, --end-to-end."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2

from benchmarks import assays, images, works
from benchmarks.harness import as_markdown, as_rows, measure
from benchmarks.workers import throughput

PACKAGES = (
    "monolayer",
    "numba",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "connected-components-3d",
    "cp_measure",
)
# Programs of their own, with options of their own: python -m benchmarks.NAME --help
MORE = {
    "growth": "processor time a megapixel, 1 to 100 MP, 100 to 20,000 objects a field",
    "scan": "a 2 GiB scan counted in strips",
    "engine": "the driver's memory and time for 1,000 to 100,000 small fields, and resume",
    "end_to_end": "a compressed field from its file to its part, beside scikit-image",
}


def main() -> int:
    options = _options()
    cv2.setNumThreads(1)
    image, what = images.field(options.side)
    clock = "processor time" if options.cpu else "wall clock"
    print(f"{what}; one thread; {clock}; {_machine()}\n", flush=True)
    rows = _table(image, options)
    found: dict[str, Any] = {"image": what, "machine": _machine(), "rows": rows}
    if options.workers:
        found["workers"] = _workers(image, options.fields, options.side)
    for name in MORE:
        if getattr(options, name):
            print(flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    parser.add_argument("--side", type=int, default=2048, help="side of the field, pixels")
    parser.add_argument("--only", default="", help="works whose name holds this")
    parser.add_argument("--json", default="", metavar="FILE", help="write the figures there too")
    parser.add_argument("--workers", action="store_true", help="monolayer run with 1 and 2 workers")
    parser.add_argument("--fields", type=int, default=200, help="fields of --workers")
    for name, what in MORE.items():
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=what)
    parser.add_argument(
        "--cpu", action="store_true", help="processor time of the thread: for a machine in use"
    )
    return parser.parse_args()


def _table(image: Any, options: argparse.Namespace) -> list[dict[str, object]]:
    chosen = [*works.all_works(image), *assays.assay_works(options.side)]
    clock = time.thread_time if options.cpu else time.perf_counter
    copy = measure(chosen[0], 3 * options.rounds, clock)
    copy_s = copy.minimum("numpy") / copy.work.megapixels
    results = [measure(w, options.rounds, clock) for w in chosen[1:] if options.only in w.name]
    rows = [row for result in (copy, *results) for row in as_rows(result, copy_s)]
    print(as_markdown(rows), flush=True)
    return rows


def _workers(image: Any, fields: int, side: int) -> dict[int, list[dict[str, float]]]:
    found = throughput(image, fields, side)
    print(f"\n`monolayer run` over {fields} LZW fields of {side} x {side}, best of each:\n")
    print("| workers | whole run, fields/s | while fields are done, fields/s | first field, s |")
    print("|--:|--:|--:|--:|")
    whole = {n: fields / min(t.wall_s for t in timings) for n, timings in found.items()}
    steady = {n: max(t.steady_per_s for t in timings) for n, timings in found.items()}
    for n, timings in found.items():
        first = min(t.first_s for t in timings)
        print(f"| {n} | {whole[n]:.2f} | {steady[n]:.2f} | {first:.1f} |")
    of_whole, of_fields = whole[2] / whole[1] / 2, steady[2] / steady[1] / 2
    print(f"efficiency of two workers: {of_whole:.3f} whole, {of_fields:.3f} while fields are done")
    return {n: [asdict(t) for t in timings] for n, timings in found.items()}


def _machine() -> str:
    installed = []
    for name in PACKAGES:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            print(f"{name} is not installed: its rows are left out", file=sys.stderr)
    python = f"Python {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} processors, {python}, {', '.join(installed)}"


if __name__ == "__main__":
    raise SystemExit(main())
