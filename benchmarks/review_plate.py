"""How long the review takes to open a large plate and to step: real napari, SIMULATED images.

    xvfb-run -a python benchmarks/review_plate.py [--wells 384] [--fields 9] [--side 2048]

Makes a run's folder of that many fields whose images and labels are hard links to a few that were
really counted, opens it as ``monolayer review`` does, and steps through the queue.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KINDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=384)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--run", type=Path, help="A run that is there already.")
    asked = parser.parse_args()
    if asked.run is not None:
        print(json.dumps(timed_review(asked.run, asked.steps), indent=2))
        return
    with tempfile.TemporaryDirectory() as folder:
        run = large_run(Path(folder), asked.wells, asked.fields, asked.side)
        # In a process that has imported nothing yet.
        again = [sys.executable, __file__, "--run", str(run), "--steps", str(asked.steps)]
        subprocess.run(again, check=True)


def large_run(folder: Path, n_wells: int, n_fields: int, side: int) -> Path:
    """Make a run's folder of a whole plate from the results of a few fields."""
    from monolayer.cli import _exit_code as cli
    from monolayer.engine.files import labels_path, objects_path
    from monolayer.simulate import SimulateSettings, simulate_field

    few, images, run = folder / "few", folder / "images", folder / "RUN"
    for place in (few, images):
        place.mkdir()
    import tifffile

    settings = SimulateSettings()
    settings = settings.model_copy(update={"height_px": side, "width_px": side})
    for seed in range(KINDS):
        field = simulate_field(settings, seed)
        path = few / f"P_A01_s{seed + 1}_w1.tif"
        tifffile.imwrite(path, field.pixels, resolution=(1e4 / 0.65,) * 2, resolutionunit=3)
    assert cli(["run", str(few), "-o", str(run), "--workers", "1", "--json"]) == 0
    rows = pq.read_table(run / "fields.parquet").to_pylist()
    wells = pq.read_table(run / "wells.parquet").to_pylist()
    objects = pq.read_table(run / objects_path("P"))
    by_field = {row["field_id"]: objects.filter(_equal(objects, row["field_id"])) for row in rows}
    places = itertools.product(range(1, n_wells + 1), range(1, n_fields + 1))
    new_rows, new_objects = [], []
    for (n_well, n_field), row in zip(places, itertools.cycle(rows), strict=False):
        well = well_name(n_well - 1, n_wells)
        field_id = f"P/{well}/{n_field}"
        new_rows.append(row | {"field_id": field_id, "well": well, "field": str(n_field)})
        os.link(few / row["paths"], images / f"P_{well}_s{n_field}_w1.tif")
        target = run / labels_path(field_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.link(run / labels_path(row["field_id"]), target)
        new_objects.append(_named(by_field[row["field_id"]], field_id, well, str(n_field)))
    schema = pq.read_schema(run / "fields.parquet")
    pq.write_table(pa.Table.from_pylist(new_rows, schema), run / "fields.parquet")
    names = [well_name(n, n_wells) for n in range(n_wells)]
    new_wells = [wells[0] | {"well": name, "n_objects": n} for n, name in enumerate(names)]
    schema = pq.read_schema(run / "wells.parquet")
    pq.write_table(pa.Table.from_pylist(new_wells, schema), run / "wells.parquet")
    pq.write_table(pa.concat_tables(new_objects), run / objects_path("P"), row_group_size=16384)
    record = json.loads((run / "run.json").read_text())
    record["given"]["images"] = str(images)
    (run / "run.json").write_text(json.dumps(record))
    return run


def well_name(place: int, n_wells: int) -> str:
    columns = 24 if n_wells > 96 else 12
    return f"{chr(ord('A') + place // columns)}{place % columns + 1:02d}"


def _equal(table: pa.Table, field_id: str) -> Any:
    import pyarrow.compute as pc

    return pc.call_function("equal", [table["field_id"], field_id])


def _named(table: pa.Table, field_id: str, well: str, field: str) -> pa.Table:
    for name, value in (("field_id", field_id), ("well", well), ("field", field)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array([value] * len(table), pa.string()))
    return table


def timed_review(run: Path, n_steps: int) -> dict[str, Any]:
    """Open a run in napari and step through its queue; seconds of each."""
    import napari
    from qtpy.QtWidgets import QApplication

    from monolayer_napari.bench import bench_of
    from monolayer_napari.queue_widget import QueueWidget
    from monolayer_napari.review import open_review

    def turn_until(true: Callable[[], bool]) -> None:
        end = time.perf_counter() + 120
        while not true():
            QApplication.processEvents()
            assert time.perf_counter() < end
        QApplication.processEvents()

    start = time.perf_counter()
    viewer = napari.Viewer()
    viewer_s = time.perf_counter() - start
    start, cpu = time.perf_counter(), time.process_time()
    open_review(viewer, run)
    QApplication.processEvents()
    opened_s, opened_cpu_s = time.perf_counter() - start, time.process_time() - cpu
    bench = bench_of(viewer)
    turn_until(lambda: bench.view is not None)
    first_s = time.perf_counter() - start
    queue = next(w for w in QApplication.allWidgets() if isinstance(w, QueueWidget))
    fields = list(dict.fromkeys(doubt.field_id for doubt in queue.doubts))
    steps, cpus = [], []
    for place in range(1, n_steps):
        wanted = next(i for i, d in enumerate(queue.doubts) if d.field_id == fields[place])
        for coming in fields[place : place + 2]:
            bench.show(bench.view.row.field_id if bench.view else coming, ahead=[coming])
        turn_until(lambda place=place: bench.has_read(fields[place]))  # type: ignore[misc]
        start, cpu = time.perf_counter(), time.process_time()
        queue.go(wanted)
        assert bench.view is not None
        assert bench.view.row.field_id == fields[place]
        QApplication.processEvents()
        steps.append(time.perf_counter() - start)
        cpus.append(time.process_time() - cpu)
    n = len(bench.session.fields) if bench.session else 0
    viewer.close()
    return {
        "fields": n,
        "doubts": len(queue.doubts),
        "napari_itself_s": round(viewer_s, 2),
        "opened_s": round(opened_s, 2),
        "opened_cpu_s": round(opened_cpu_s, 2),
        "first_field_shown_s": round(first_s, 2),
        "step_ms": [round(1000 * value) for value in steps],
        "step_median_ms": round(1000 * statistics.median(steps)),
        "step_median_cpu_ms": round(1000 * statistics.median(cpus)),
    }


if __name__ == "__main__":
    main()
