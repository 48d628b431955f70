"""Print the arithmetic of docs/capacity.md: `python benchmarks/capacity.py`.

Without options: doses to cores, and simulated runs. --measure finds what the engine itself takes
on this machine; --validate holds simulated against real runs of one and two workers.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from monolayer.capacity import doses, imaging, rates
from monolayer.capacity.farm import EngineCosts, Farm, Load
from monolayer.capacity.model import SimulatedRun, simulate_run
from monolayer.capacity.shards import simulate_shards
from monolayer.engine.executors.local import LocalDask
from monolayer.engine.executors.settings import ExecutionSettings
from monolayer.engine.ledger import Chunk, Done, chunks_of
from monolayer.engine.parts import Job, process_chunk
from monolayer.engine.plan import make_plan
from monolayer.engine.run import execute
from monolayer.engine.runfolder import read_record, write_record
from monolayer.engine.selfcheck import count_discs
from monolayer.field import Field, Plane
from monolayer.method import Method

WORKERS = (1, 10, 100, 1000, 10_000)
Run = Callable[[Load, EngineCosts, Farm], SimulatedRun]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/capacity.py", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="the engine's own costs, here")
    parser.add_argument("--validate", action="store_true", help="simulated beside real runs, here")
    parser.add_argument("--fields", type=int, default=0, help="fields of --measure or --validate")
    options = parser.parse_args()
    lines: Iterable[str]
    if options.measure:
        lines = measured(options.fields or 1000)
    elif options.validate:
        lines = validated(options.fields or 120)
    else:
        lines = [*demand(), "", *cores(), "", *scaling(), "", *changes()]
    for line in lines:
        print(line, flush=True)
    return 0


def demand() -> list[str]:
    """Doses to megapixels a second."""
    need, vessel, camera = doses.DoseSettings(), doses.VesselSettings(), imaging.CameraSettings()
    per_day = imaging.planar_fields_per_day(need, vessel, 20, 1)
    rows = [
        ("cells at harvest a year", f"{doses.cells_at_harvest_per_year(need):.4g}"),
        ("growth area a year", f"{doses.area_per_year_cm2(need, vessel) / 1e4:,.0f} m2"),
        ("40-layer stacks a year", f"{doses.vessels_per_year(need, vessel):,}"),
        ("harvested a day", f"{doses.vessels_harvested_per_day(need, vessel):.1f}"),
        ("in culture at one time", f"{doses.vessels_in_culture(need, vessel)}"),
        ("doses of a stack", f"{doses.doses_per_lot(need, vessel)}"),
        (
            "or on carriers, at 5e5 cells/mL",
            f"{doses.suspension_litres_per_year(need, 5e5):,.0f} L a year",
        ),
        ("fields a day, 20 a stack", f"{per_day:,.0f} = {per_day * camera.frame_mp / 1e3:.1f} GP"),
    ]
    return ["| step | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows)]


def _loads() -> list[tuple[str, float, float, str]]:
    """Name, megapixels a second, in how many hours a day, and assay of each way of watching."""
    need, vessel, camera = doses.DoseSettings(), doses.VesselSettings(), imaging.CameraSettings()
    daily = imaging.planar_fields_per_day(need, vessel, 20, 1)
    layer = imaging.whole_layer_mp_per_s(need, vessel, camera, 636, 1)
    return [
        (
            "A: 20 fields of each stack daily, in 8 h",
            imaging.planar_mp_per_s(daily, camera, 8),
            8,
            "confluence",
        ),
        (
            "A: the same every 4 h, round the clock",
            imaging.planar_mp_per_s(6 * daily, camera, 24),
            24,
            "confluence",
        ),
        ("B: one whole layer of each stack daily", layer, 24, "confluence"),
        ("B: the same twice daily", 2 * layer, 24, "confluence"),
        (
            "C: ten 96-well plates a day, 9 fields, 3 channels, in 1 h",
            imaging.plates_mp_per_s(10, 96, 9, 3, 2048, 1),
            1,
            "nuclei",
        ),
        (
            "D: carriers, 3 samples a day of one bioreactor",
            imaging.carriers_mp_per_s(1, 3, 50, 3, camera),
            24,
            "nuclei",
        ),
    ]


def cores() -> list[str]:
    """Megapixels a second to cores and money, on LZW files at 70 % utilisation."""
    eur, per_year = Farm().eur_per_core_hour, doses.DoseSettings().doses_per_year
    lines = [
        "| load | MP/s | assay | MP/s a core | cores | cent a dose |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for name, load, hours, assay in _loads():
        core = rates.rate_mp_per_s(rates.ASSAYS[assay])
        price = rates.eur_per_dose(load, hours, core, eur, per_year)
        lines.append(
            f"| {name} | {load:.3g} | {assay} | {core:.1f} | {rates.cores_needed(load, core)} "
            f"| {100 * price:.2g} |"
        )
    return lines


def _runs() -> list[tuple[str, Run, EngineCosts]]:
    return [
        ("driver", simulate_run, EngineCosts()),
        ("shards", simulate_shards, EngineCosts()),
        ("shards with one plan", simulate_shards,
         EngineCosts(each_shard_plans=False)),
    ]  # fmt: skip


def scaling(workers: Sequence[int] = WORKERS) -> list[str]:
    """A million fields on more and more workers; SIMULATED."""
    lines = [
        "| SIMULATED, 1,000,000 fields | workers | wall | fields/s | efficiency | workers busy "
        "| driver | disk | metadata | longest | EUR |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    lines += [
        _row(f"{name} | {count:,}", run(Load(), costs, Farm(workers=count)))
        for name, run, costs in _runs()
        for count in workers
    ]
    return lines


def changes(workers: int = 1000, only: Sequence[str] = ()) -> list[str]:
    """What one change does to a run with a driver; SIMULATED. `only` names some of them."""
    load, costs, farm = Load(), EngineCosts(), Farm(workers=workers)
    every: list[tuple[str, Load, EngineCosts, Farm]] = [
        ("as above", load, costs, farm),
        ("tables and report ten times as fast", load,
         costs.model_copy(update={"tables_s_per_field": costs.tables_s_per_field / 10}), farm),
        ("the same, and a disk of 20 GB/s", load,
         costs.model_copy(update={"tables_s_per_field": costs.tables_s_per_field / 10}),
         farm.model_copy(update={"disk_mb_per_s": 20_000.0})),
        ("no failures", load.model_copy(update={"poison_fraction": 0.0}), costs,
         farm.model_copy(update={"deaths_per_worker_hour": 0.0, "losses_per_node_hour": 0.0})),
        ("100 x the deaths and lost nodes", load, costs,
         farm.model_copy(update={"deaths_per_worker_hour": 0.1, "losses_per_node_hour": 0.05})),
        ("100 fields that kill their worker", load.model_copy(update={"poison_fraction": 1e-4}),
         costs, farm),
        ("one field a chunk", load, costs.model_copy(update={"max_chunk_fields": 1}), farm),
        ("driver four times as slow", load,
         costs.model_copy(update={"driver_s_per_chunk": 4 * costs.driver_s_per_chunk}), farm),
        ("disk of 1 GB/s", load, costs, farm.model_copy(update={"disk_mb_per_s": 1000.0})),
        ("disk of 20 GB/s", load, costs, farm.model_copy(update={"disk_mb_per_s": 20_000.0})),
        ("metadata 2,000 a second", load, costs,
         farm.model_copy(update={"metadata_operations_per_s": 2000.0})),
        ("jobs wait an hour", load, costs, farm.model_copy(update={"queue_s": 3600.0})),
    ]  # fmt: skip
    lines = [
        f"| SIMULATED, {workers:,} workers, driver | wall | fields/s | efficiency | workers busy "
        "| driver | disk | metadata | longest | EUR |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    return lines + [
        _row(name, simulate_run(work, own, where))
        for name, work, own, where in every
        if not only or name in only
    ]


def _row(name: str, run: SimulatedRun) -> str:
    busy = " | ".join(f"{run.busy[key]:.2f}" for key in ("workers", "driver", "disk", "metadata"))
    rate = Load().n_fields / run.wall_s
    return (
        f"| {name} | {_duration(run.wall_s)} | {rate:,.0f} | {run.efficiency:.2f} | {busy} "
        f"| {run.bottleneck} | {run.eur:,.0f} |"
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def measured(n_fields: int) -> Iterator[str]:
    """What the engine itself takes here: processor time, so that neighbours count little."""
    yield f"driver: {1e3 * driver_s_per_chunk():.2f} ms a chunk of 25 fields, scheduler included"
    with tempfile.TemporaryDirectory(prefix="monolayer-capacity-") as folder:
        root = Path(folder)
        write_fields(root / "images", n_fields, 160)
        began = time.process_time()
        plan = make_plan(root / "images", Method())
        listed = time.process_time() - began
        serial = ExecutionSettings(executor="serial")
        execute(plan, root / "run", serial)
        began = time.process_time()
        execute(plan, root / "run", serial)
        signed = time.process_time() - began
        write_record(root / "run", read_record(root / "run") | {"tables_of": None})
        began = time.process_time()
        execute(plan, root / "run", serial)
        tables = time.process_time() - began - signed
    yield f"plan: {1e3 * listed / n_fields:.3f} ms a field to list and name"
    yield f"      {1e3 * signed / n_fields:.3f} ms a field to sign and look for finished parts"
    yield f"tables and report: {1e3 * tables / n_fields:.3f} ms a field, {n_fields} small fields"


def driver_s_per_chunk(n_chunks: int = 400, workers: int = 2) -> float:
    """Processor seconds of this process for a chunk of 25 fields whose work is nothing."""
    job = Job(Path("/images"), Path("/run"), Method())
    chunks = [_empty_chunk(i) for i in range(n_chunks)]
    with LocalDask(workers) as executor:
        list(executor.run(partial(_nothing, job=job), chunks[:20]))
        began = time.process_time()
        list(executor.run(partial(_nothing, job=job), chunks, window=60))
        return (time.process_time() - began) / n_chunks


def _empty_chunk(number: int) -> Chunk:
    fields = tuple(
        Field("plate", "B03", str(i), "", {"w1": (Plane(f"plate/plate_B03_s{i}_w1.tif"),)})
        for i in range(25 * number, 25 * number + 25)
    )
    return Chunk(f"{number:020d}", fields, tuple("0" * 64 for _ in fields))


def _nothing(chunk: Chunk, job: Job) -> list[Done]:
    del job
    return [Done(field.field_id, "ok", None, 0.0) for field in chunk.fields]


def validated(n_fields: int, side: int = 512) -> Iterator[str]:
    """Real workers, one and two, beside simulated ones."""
    yield "| fields | workers | field ms, mean | cv | counted in, real | SIMULATED | ratio |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory(prefix="monolayer-capacity-") as folder:
        root = Path(folder)
        write_fields(root / "images", n_fields, side)
        for workers in (1, 2):
            seconds, took_s, start_s = real_run(root, workers)
            mean, cv = statistics.fmean(seconds), statistics.pstdev(seconds)
            predicted = predicted_s(seconds, workers, start_s)
            yield (
                f"| {n_fields} | {workers} | {1e3 * mean:.1f} | {cv / mean:.2f} | {took_s:.2f} s "
                f"| {predicted:.2f} s | {predicted / took_s:.2f} |"
            )


def predicted_s(seconds: Sequence[float], workers: int, start_s: float) -> float:
    """Simulated seconds from the first worker's start to the last field."""
    mean = statistics.fmean(seconds)
    load = Load(
        n_fields=len(seconds),
        field_s=mean,
        field_cv=statistics.pstdev(seconds) / mean,
        field_mb=0.5,
        poison_fraction=0.0,
    )
    farm = Farm(
        workers=workers,
        workers_per_node=workers,
        queue_s=0.0,
        start_s=start_s,
        deaths_per_worker_hour=0.0,
        losses_per_node_hour=0.0,
    )
    return simulate_run(load, EngineCosts(), farm).fields_s


def real_run(root: Path, workers: int) -> tuple[list[float], float, float]:
    """Seconds of each field, of all of them by the clock, and until the workers were ready."""
    plan = make_plan(root / "images", Method())
    job = Job(plan.root, root / f"run-{workers}", plan.method)
    ids = [field.field_id for field in plan.fields]
    signed = {name: hashlib.sha256(name.encode()).hexdigest() for name in ids}
    costs, seconds = EngineCosts(), list[float]()
    share = len(plan.fields) // (costs.chunks_per_worker * workers)
    size = max(1, min(costs.max_chunk_fields, share))
    began = time.perf_counter()
    with LocalDask(workers) as executor:
        list(executor.run(_import, range(workers)))
        start_s = time.perf_counter() - began
        for each in executor.run(partial(_timed, job=job), chunks_of(plan.fields, signed, size)):
            seconds += each
        took_s = time.perf_counter() - began
    return seconds, took_s, start_s


def _timed(chunk: Chunk, job: Job) -> list[float]:
    """Seconds of each field, with its share of what the chunk took beside them."""
    began = time.perf_counter()
    own = [item.seconds for item in process_chunk(chunk, job)]
    rest_s = (time.perf_counter() - began - sum(own)) / len(own)
    return [each + rest_s for each in own]


def _import(number: int) -> int:
    """Have the worker import, and compile or load, what a field needs."""
    count_discs()
    return number


def write_fields(folder: Path, n_fields: int, side: int) -> None:
    """Fields of round nuclei, in MetaXpress's naming."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:side, :side]
    pixels = rng.normal(200, 6, (side, side))
    for centre in np.ndindex(side // 32, side // 32):
        distance = np.hypot(y - 32 * centre[0] - 16, x - 32 * centre[1] - 16)
        pixels += 900 * np.clip(8.5 - distance, 0, 1)
    image = pixels.astype(np.uint16)
    for i in range(n_fields):
        well = f"{'ABCDEFGHIJKLMNOP'[i // 216 % 16]}{i // 9 % 24 + 1:02d}"
        image[0, :2] = i % 250, i // 250  # or they would be doubles of one field
        name = f"P{i // 3456 + 1}_{well}_s{i % 9 + 1}_w1.tif"
        tifffile.imwrite(folder / name, image, compression="zlib")


if __name__ == "__main__":
    raise SystemExit(main())
