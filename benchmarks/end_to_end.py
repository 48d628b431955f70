"""A field from its file to its part: monolayer beside scikit-image under one Dask cluster.

Both read the same compressed TIFFs in the same worker processes, find the nuclei, measure them and
write what they found: monolayer by the road of `monolayer run` (default method, default table,
label image, part flushed to disk), scikit-image by its documented pipeline with watershed and 25
properties into a Parquet file; it leaves the background where it is. Four fields of each are sent
in turns, so that a busy machine is busy for both, and each has the worker for as long as it takes
to find memory and processor as in a run of its own.

    python -m benchmarks.end_to_end --fields 16
"""

import argparse
import importlib
import statistics
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile

from benchmarks import images, peers

__all__ = ["main", "work_on"]

_TURN = 4


@dataclass(frozen=True, slots=True)
class Task:
    """One field for one contestant."""

    contestant: str
    number: int
    path: str


def work_on(task: Task, root: Path, run: Path) -> tuple[str, float, float, int]:
    """Do one field in a worker; return contestant, wall and processor seconds, objects."""
    begin = time.perf_counter(), time.process_time()
    n = _ours(task, root, run) if task.contestant == "monolayer" else _theirs(task, root, run)
    return task.contestant, time.perf_counter() - begin[0], time.process_time() - begin[1], n


def _ours(task: Task, root: Path, run: Path) -> int:
    from monolayer.engine.ledger import Chunk
    from monolayer.engine.parts import Job, process_chunk
    from monolayer.field import Field, Plane
    from monolayer.method import Method

    name = Path(task.path).stem
    field = Field("bench", "A01", name, "", {"w1": (Plane(task.path),)})
    chunk = Chunk(f"{task.number:020d}", (field,), (f"{task.number:064x}",))
    found = process_chunk(chunk, Job(root, run, Method()))
    assert isinstance(found, list), found
    assert [done.state for done in found] == ["ok"], found
    with pa.OSFile(str(run / "parts" / chunk.name / "objects.arrow")) as file:
        return int(pa.ipc.open_file(file).read_all().num_rows)


def _theirs(task: Task, root: Path, run: Path) -> int:
    image = tifffile.imread(root / task.path)
    found = peers.scikit_image_pipeline(image, split=True, properties=peers.PROPERTIES)
    table = pa.table({name: pa.array(np.asarray(values)) for name, values in found.items()})
    (run / "scikit-image").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, run / "scikit-image" / f"{task.number}.parquet")
    return int(table.num_rows)


def main() -> int:
    options = _options()
    from monolayer.engine.executors.local import LocalDask

    image, what = images.field(options.side)
    print(f"{what}, {options.compression} TIFF, {options.workers} Dask workers")
    with TemporaryDirectory(prefix="monolayer-bench-") as name:
        root = Path(name)
        tasks = _write(root, image, options)
        # By its module's name, since workers do not have this process's __main__.
        work = importlib.import_module("benchmarks.end_to_end")
        do = partial(work.work_on, root=root, run=root / "run")
        with LocalDask(options.workers) as cluster:
            # Kernels are loaded, libraries imported: what a run of many fields pays once.
            first = sorted(tasks, key=lambda task: task.number)
            list(cluster.run(do, first[: 2 * options.workers]))
            found = list(cluster.run(do, tasks, window=options.workers))
    _tell(found)
    return 0


def _write(root: Path, image: Any, options: argparse.Namespace) -> list[Task]:
    """Write the fields, each shifted by some rows; return both contestants' tasks in turns."""
    task = importlib.import_module("benchmarks.end_to_end").Task
    written: list[tuple[int, str]] = []
    for i in range(options.fields):
        path = f"field{i}.tif"
        pixels = np.roll(image, 37 * i, axis=0)
        tifffile.imwrite(
            root / path, pixels, compression=options.compression, predictor=True,
            resolution=(1e4 / 0.65, 1e4 / 0.65), resolutionunit="CENTIMETER", metadata=None,
        )  # fmt: skip
        written.append((i, path))
    return [
        task(name, *field)
        for first in range(0, len(written), _TURN)
        for name in ("scikit-image", "monolayer")
        for field in written[first : first + _TURN]
    ]


def _tell(found: list[tuple[str, float, float, int]]) -> None:
    print("| | wall s a field (min) | (median) | processor s (min) | (median) | objects |")
    print("|---|--:|--:|--:|--:|--:|")
    least: dict[str, tuple[float, float]] = {}
    for name in ("monolayer", "scikit-image"):
        walls, clocks, counts = zip(*(item[1:] for item in found if item[0] == name), strict=True)
        least[name] = min(walls), min(clocks)
        print(
            f"| {name} | {min(walls):.3f} | {statistics.median(walls):.3f} | {min(clocks):.3f} | "
            f"{statistics.median(clocks):.3f} | {statistics.median(counts):.0f} |"
        )
    ours, theirs = least["monolayer"], least["scikit-image"]
    print(
        f"{theirs[0] / ours[0]:.1f} x by the wall clock, {theirs[1] / ours[1]:.1f} x by processor"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--fields", type=int, default=16)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compression", choices=("lzw", "zstd"), default="lzw")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
