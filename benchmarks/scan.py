"""Count a scan that is too large for memory: speed, peak memory, and that strips do not matter.

    python benchmarks/scan.py --side 32768      writes 2 GiB into --folder and removes it again
    python benchmarks/scan.py --run             the same scan as a field of 'monolayer run'

Every row of the table is a process of its own that reads the file from the page cache, counts it
into a Parquet file and says how high its memory ever was (VmHWM: libraries, compiler and all).
With --run the rows are runs, with the highest memory of any of their processes.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tifffile

if __package__ is None or __package__ == "":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.images import field

THRESHOLD = 420
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=32_768)
    parser.add_argument("--rows", type=int, nargs="+", default=[7, 64, 333, 8192])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threshold", default=THRESHOLD, help="a grey level, otsu or li")
    parser.add_argument("--compression", help="such as zlib or lzw, in tiles of 512; else plain")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--run", action="store_true", help="time 'monolayer run' in windows")
    parser.add_argument("--max-memory-mb", type=float, nargs="+", default=[1000.0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--assay", default="nuclei")
    parser.add_argument("--child", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        source, output = options.child
        print(json.dumps(_count(source, output, options.rows[0], options.threshold)))
        return
    with tempfile.TemporaryDirectory(prefix="scan-", dir=options.folder) as folder:
        (_report_runs if options.run else _report)(Path(folder), options)


def _report(folder: Path, options: argparse.Namespace) -> None:
    path = folder / "scan.tif"
    what = _write(path, options.side, options.compression)
    print(f"{options.side} x {options.side} uint16, {path.stat().st_size / MIB:.0f} MiB: {what}")
    # Once for the compiler, whose memory is not the scan's: the others find compiled kernels.
    tiny = folder / "tiny.tif"
    tifffile.imwrite(tiny, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    _child(tiny, folder / "tiny.parquet", 64, options.threshold)
    print("  rows  seconds   CPU s   MP/s read MP/s  peak MiB  - strip   objects  table")
    for _ in range(options.rounds):
        for rows in options.rows:
            found = _child(path, folder / f"{rows}.parquet", rows, options.threshold)
            rate = options.side**2 / 1e6 / found["seconds"]
            read = options.side**2 / 1e6 / found["reading"]
            strip = min(rows, options.side) * options.side * 2 / MIB
            print(
                f"{rows:6} {found['seconds']:8.2f} {found['cpu']:7.2f} {rate:6.0f} {read:9.0f} "
                f"{found['peak']:9.0f} {found['peak'] - strip:8.0f} {found['objects']:9}  "
                f"{found['sha256'][:12]}"
            )


def _report_runs(folder: Path, options: argparse.Namespace) -> None:
    images = folder / "images"
    images.mkdir()
    path = images / "scan.tif"
    what = _write(path, options.side, options.compression)
    print(f"{options.side} x {options.side} uint16, {path.stat().st_size / MIB:.0f} MiB: {what}")
    print("workers  max MB  seconds    MP/s   CPU s  driver MiB  worker MiB   objects  tables")
    for _ in range(options.rounds):
        for workers in options.workers:
            for memory in options.max_memory_mb:
                output = folder / f"run-{workers}-{memory:g}"
                found = _run(images, output, workers, memory, options.assay)
                shutil.rmtree(output)
                rate = options.side**2 / 1e6 / found["seconds"]
                print(
                    f"{workers:7} {memory:7g} {found['seconds']:8.1f} {rate:7.1f} "
                    f"{found['cpu']:7.0f} {found['driver']:11.0f} {found['worker']:11.0f} "
                    f"{found['objects']:9}  "
                    f"{found['tables'][:12]}",
                    flush=True,
                )


def _run(images: Path, output: Path, workers: int, memory: float, assay: str) -> dict[str, Any]:
    """One run in processes of its own, watched until it ends."""
    command = [sys.executable, "-m", "monolayer", "run", str(images), "-o", str(output)]
    command += ["--pixel-size-um", "0.65", "--workers", str(workers), "--json"]
    command += ["--max-memory-mb", str(memory), "--assay", assay]
    start, peaks, cpu = time.perf_counter(), dict[int, float](), dict[int, float]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            for pid in [run.pid, *_descendants(run.pid)]:
                peaks[pid] = max(peaks.get(pid, 0.0), _peak_mib(str(pid)))
                cpu[pid] = max(cpu.get(pid, 0.0), _cpu_seconds(pid))
            time.sleep(0.2)
        driver = peaks.pop(run.pid)
    if run.returncode:
        raise SystemExit(f"the run ended with exit code {run.returncode}")
    row = pq.read_table(output / "fields.parquet").to_pylist()[0]
    tables = sorted([*output.glob("*.parquet"), *output.glob("objects/*")])
    return {
        "seconds": time.perf_counter() - start,
        "cpu": sum(cpu.values()),
        "driver": driver,
        "worker": max(peaks.values(), default=driver),
        "objects": row.get("n_objects") or row["state"],
        "tables": hashlib.sha256(b"".join(path.read_bytes() for path in tables)).hexdigest(),
    }


def _cpu_seconds(pid: int) -> float:
    try:
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in listed.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _write(path: Path, side: int, compression: str | None) -> str:
    """Repeat a mosaic of real fields, rolled from band to band so that no two are alike."""
    tile, what = field(2048)

    def band(k: int) -> np.ndarray:
        wide = np.tile(np.roll(tile, 97 * k, axis=1), (1, -(-side // 2048)))
        return np.ascontiguousarray(wide[: min(2048, side - 2048 * k), :side])

    if compression is None:
        plane = tifffile.memmap(path, shape=(side, side), dtype=np.uint16, bigtiff=True)
        for k in range(-(-side // 2048)):
            plane[2048 * k : 2048 * (k + 1)] = band(k)
        plane.flush()
        return what
    tiles = (
        band(k)[y : y + 512, x : x + 512]
        for k in range(-(-side // 2048))
        for y in range(0, min(2048, side - 2048 * k), 512)
        for x in range(0, side, 512)
    )
    tifffile.imwrite(path, tiles, shape=(side, side), dtype=np.uint16, tile=(512, 512),
                     compression=compression, bigtiff=True)  # fmt: skip
    return f"{what}, {compression}"


def _child(path: Path, output: Path, rows: int, threshold: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(path), str(output)]
    command += ["--rows", str(rows), "--threshold", str(threshold)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _count(path: Path, output: Path, rows: int, threshold: str) -> dict[str, Any]:
    from monolayer.engine import scan as _scan
    from monolayer.read import strips
    from monolayer.segment.scan import ScanSettings

    scan: Any = _scan
    # Imports and the loading of compiled kernels, about a second, are not what is timed.
    small = output.with_name("small.tif")
    tifffile.imwrite(small, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    scan.scan_file(small, output, ScanSettings(threshold=7))

    # The strips' height is the benchmark's to choose; a user gives memory instead.
    reader: Any = strips.Strips
    given = reader.read
    reader.read = lambda self, max_strip_mb=0.0: given(self, 2**20, rows)
    settings = ScanSettings.model_validate(
        {"threshold": threshold if str(threshold).isalpha() else float(threshold)}
    )
    start, cpu = time.perf_counter(), time.process_time()
    table = scan.scan_file(path, output, settings, 0.65)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = _peak_mib()
    start = time.perf_counter()
    for _ in scan.open_strips(path).read():
        pass
    return {
        "seconds": seconds,
        "cpu": cpu,
        "reading": time.perf_counter() - start,
        "peak": peak,
        "objects": len(table),
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
    }


def _peak_mib(pid: str = "self") -> float:
    """Not getrusage, whose maximum a child inherits from the process that started it."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it has ended
    return 0.0


if __name__ == "__main__":
    main()
