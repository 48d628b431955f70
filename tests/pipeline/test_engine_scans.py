"""Scans in a run: any reading, executor and interruption gives the same tables."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from scipy import ndimage

from monolayer.engine.events import Events, Line
from monolayer.engine.executors import ExecutionSettings
from monolayer.engine.plan import make_plan
from monolayer.engine.run import Outcome, execute
from monolayer.engine.scans import memory
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.method import Method
from monolayer.read.scans import plane_shape
from monolayer.read.settings import ReadSettings
from monolayer.segment import SegmentSettings

from .scan_plane import plane

SERIAL = ExecutionSettings(executor="serial")
TOLD = SegmentSettings(expected_diameter_um=16.0)


def method(max_field_mp: float = 0.1, **settings: Any) -> Method:
    read = ReadSettings(max_field_mp=max_field_mp, window_px=208, pixel_size_um=1.0)
    return Method.model_validate({"read": read, "segment": TOLD} | settings)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    tifffile.imwrite(folder / "scan.tif", plane()[0], tile=(64, 64), compression="zlib")
    return folder


@pytest.fixture(scope="module")
def undisturbed(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(images, folder)
    return folder


def run(
    images: Path, folder: Path, how: ExecutionSettings = SERIAL, told: Method | None = None
) -> Outcome:
    return execute(make_plan(images, told or method()), folder, how)


def watched(tell: Callable[[str, int, int], None]) -> Events:
    """Events that tell how far each stage is."""

    def listen(line: Line) -> None:
        if line["event"] == "stage":
            tell(line["stage"], line["done"], line["total"])

    return Events([listen])


def results(folder: Path) -> dict[str, str]:
    """Hash of every table and label image."""
    kept = [*folder.glob("*.parquet"), *folder.glob("objects/*"), *folder.glob("labels/**/*.tif")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(kept)
    }


def row_of(folder: Path) -> dict[str, Any]:
    (row,) = pq.read_table(folder / "fields.parquet").to_pylist()
    return dict(row)


def test_a_scan_is_a_field_like_any_other(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Beside the same image held whole: the same columns, all nuclei, nearly the same sizes."""
    run(images, tmp_path / "whole", told=method(20.0))
    scan, whole = (pq.read_table(f / "objects") for f in (undisturbed, tmp_path / "whole"))
    assert scan.schema == whole.schema
    assert scan.num_rows == whole.num_rows == plane()[1]
    row, wanted = row_of(undisturbed), row_of(tmp_path / "whole")
    assert list(row) == list(wanted)
    exact = ("intensity_min", "intensity_max", "saturated_fraction", "image_sha256", "n_objects")
    assert {name: row[name] for name in exact} == {name: wanted[name] for name in exact}
    for name in ("density_cells_per_cm2", "area_px_mean", "nuclei_area_fraction"):
        assert row[name] == pytest.approx(wanted[name], rel=0.02)
    labels = tifffile.imread(undisturbed / "labels" / images.name / "scan.tif")
    assert labels.shape == plane()[0].shape
    assert len(np.unique(labels)) == plane()[1] + 1


def test_objects_know_all_that_lies_around_them(tmp_path: Path) -> None:
    """Every column, those of neighbours and surroundings too, as measured on the whole plane."""
    image = plane()[0]
    other = np.roll(image, 5, axis=1)[:, ::-1] // 3
    folder = tmp_path / "two"
    folder.mkdir()
    tifffile.imwrite(
        folder / "scan.ome.tif", np.stack([image, other]), tile=(128, 128),
        metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "green"]}},
    )  # fmt: skip
    run(folder, tmp_path / "run")
    rows = pq.read_table(tmp_path / "run" / "objects")
    labels = tifffile.imread(tmp_path / "run" / "labels" / "two" / "scan.tif")
    wanted = measure_objects(labels, {"DAPI": image, "green": other}, MeasureSettings(), 1.0)
    assert set(wanted) == set(rows.column_names) - {
        "field_id", "plate", "well", "field", "time", "segmentation_score",
    }  # fmt: skip
    for name, values in wanted.items():
        found = rows[name].to_numpy()
        np.testing.assert_allclose(found, values, rtol=1e-11, atol=1e-12, err_msg=name)
    assert rows["neighbours_within_radius"].to_numpy().min() > 0


@pytest.mark.parametrize("case", ["other layout", "little memory"])
def test_nothing_depends_on_reading(
    case: str, images: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images
    if case == "little memory":  # one window at a time, where 600 MB would hold this scan whole
        monkeypatch.setattr(memory, "BASE_MB", 600.0)
    else:
        folder = tmp_path / images.name
        folder.mkdir()
        tifffile.imwrite(folder / "scan.tif", plane()[0], compression="zlib", rowsperstrip=7)
    run(folder, tmp_path / "run", ExecutionSettings(executor="serial", max_memory_mb=600))
    found, wanted = results(tmp_path / "run"), results(undisturbed)
    if case == "other layout":  # the file's own hash is among the fields' columns
        del found["fields.parquet"], wanted["fields.parquet"]
        row, other = row_of(tmp_path / "run"), row_of(undisturbed)
        assert {k for k in row if row[k] != other[k]} == {"image_sha256"}
    assert found == wanted


def test_a_worker_killed_between_windows(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def notify(stage: str, done: int, total: int) -> None:
        if stage == "scans: find" and done < total and not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    plan = make_plan(images, method())
    two = ExecutionSettings(executor="dask", workers=2)
    with watched(notify) as events:
        execute(plan, tmp_path / "run", two, notify=events)
    assert killed
    assert results(tmp_path / "run") == results(undisturbed)


def test_a_killed_run_goes_on_window_by_window(
    images: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    (tmp_path / "method.yaml").write_text(method().to_yaml(), encoding="utf-8")
    command = [sys.executable, "-m", "monolayer", "run", str(images), "-o", str(folder)]
    command += ["--method", str(tmp_path / "method.yaml"), "--executor", "serial", "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
        end = time.monotonic() + 60
        while not list(folder.glob("scans/*/measured-*.npz")) and time.monotonic() < end:
            time.sleep(0.002)
        first.kill()
    left = {path: path.stat().st_mtime_ns for path in folder.glob("scans/*/*.npz")}
    assert any("measured" in path.name for path in left)
    assert not (folder / "fields.parquet").exists()
    seen: dict[Path, int] = {}

    def notify(stage: str, done: int, total: int) -> None:
        if stage == "scans: measured" and done == total:
            seen.update({path: path.stat().st_mtime_ns for path in left})

    with watched(notify) as events:
        execute(make_plan(images, method()), folder, SERIAL, notify=events)
    assert seen == left
    assert results(folder) == results(undisturbed)
    assert not list((folder / "scans").glob("*")) if (folder / "scans").exists() else True
    assert execute(make_plan(images, method()), folder, SERIAL).n_processed == 0


def test_a_damaged_scan_costs_its_row_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "im").mkdir()
    path = tmp_path / "im" / "scan.tif"
    tifffile.imwrite(path, plane()[0], tile=(64, 64), compression="zlib")
    good = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].aspage().dataoffsets[40]
    path.write_bytes(good[:at] + b"spoilt" * 5 + good[at + 30 :])
    outcome = run(tmp_path / "im", tmp_path / "run")
    row = row_of(tmp_path / "run")
    assert (outcome.n_failed, row["state"], row["reason"]) == (1, "failed", "unreadable")
    assert row["detail"].startswith("scan.tif is damaged")
    assert row["n_objects"] is None
    path.write_bytes(good)
    assert run(tmp_path / "im", tmp_path / "run").n_failed == 0
    assert row_of(tmp_path / "run")["n_objects"] == plane()[1]


@pytest.mark.parametrize("case", ["noise", "blank"])
def test_a_scan_without_nuclei(case: str, tmp_path: Path) -> None:
    (tmp_path / "im").mkdir()
    grain = np.random.default_rng(2).normal(300, 8, (400, 500)).astype(np.uint16)
    pixels = grain if case == "noise" else np.full_like(grain, 300)
    tifffile.imwrite(tmp_path / "im" / "scan.tif", pixels)
    run(tmp_path / "im", tmp_path / "run", told=method(segment=SegmentSettings()))
    row = row_of(tmp_path / "run")
    told = (row["state"], row["reason"], row["n_objects"], row["diameter_px"])
    assert told == (("ok", None, 0, None) if case == "noise" else
                    ("not_evaluable", "blank", None, None))  # fmt: skip
    assert pq.read_table(tmp_path / "run" / "objects").num_rows == 0


def test_confluence_of_a_scan_held_against_one_reference(tmp_path: Path) -> None:
    """A vessel with a bare half: windows that cells fill have no bare surface of their own."""
    rng = np.random.default_rng(5)
    image = rng.normal(1000, 12, (1024, 1280))
    rough = ndimage.gaussian_filter(rng.normal(0, 1, image.shape), 1.6)
    image[:, :600] += (rough / rough.std() * 150)[:, :600]
    (tmp_path / "im").mkdir()
    tifffile.imwrite(tmp_path / "im" / "scan.tif", image.clip(0, 65_535).astype(np.uint16))
    rows = []
    for how in (20.0, 0.1):
        read = ReadSettings(max_field_mp=how, window_px=256, pixel_size_um=0.65)
        told = Method.model_validate({"assay": "confluence", "read": read})
        run(tmp_path / "im", tmp_path / f"{how}", told=told)
        rows.append(row_of(tmp_path / f"{how}"))
    whole, scan = rows
    assert list(whole) == list(scan)
    assert scan["state"] == "ok"
    assert scan["confluence"] == pytest.approx(600 / 1280, abs=0.02)
    assert scan["confluence"] == pytest.approx(whole["confluence"], abs=0.01)
    assert scan["covered_area_px"] / (1024 * 1280) == pytest.approx(scan["confluence"])
    labels = tifffile.imread(tmp_path / "0.1" / "labels" / "im" / "scan.tif")
    assert np.count_nonzero(labels == 1) == scan["covered_area_px"]


def test_an_assay_that_takes_no_scans_says_so(images: Path, tmp_path: Path) -> None:
    told = Method.model_validate({"assay": "suspension", "read": method().read})
    run(images, tmp_path / "run", told=told)
    row = row_of(tmp_path / "run")
    assert (row["state"], row["reason"]) == ("failed", "too_large")
    assert "620 x 540 px, and suspension holds fields as a whole" in row["detail"]


def test_an_ome_zarr_scan(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    folder = tmp_path / "scan.zarr"
    group = zarr.create_group(folder, zarr_format=3)
    array = group.create_array("0", shape=(620, 540), dtype="uint16", chunks=(128, 128))
    array[:] = plane()[0]
    scale = {"type": "scale", "scale": [1.0, 1.0]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    run(folder, tmp_path / "run")
    row, other = row_of(tmp_path / "run"), row_of(undisturbed)
    assert row["pixels_sha256"] != ""
    exact = ("n_objects", "n_unbiased", "area_px_mean", "saturated_fraction", "background_level")
    assert {name: row[name] for name in exact} == {name: other[name] for name in exact}


def test_the_size_is_told_by_the_head(tmp_path: Path) -> None:
    read = ReadSettings(max_field_mp=1e-9)
    pixels = np.zeros((40, 70), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 40, 70), np.uint8), photometric="minisblack")
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "a.jpg"), pixels)
    for name in ("a.tif", "a.png", "a.jpg"):
        assert plane_shape(tmp_path / name, 0, read) == (40, 70), name
    assert plane_shape(tmp_path / "absent.tif", 0, read) is None
    # Such a small file cannot hold 20 megapixels, and is not opened.
    assert plane_shape(tmp_path / "a.tif", 0, ReadSettings()) is None


PEAK = """
import sys
from pathlib import Path
from monolayer.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status").read_text().splitlines()
    sys.stderr.write(next(line for line in status if line.startswith("VmHWM:")))
"""


def test_memory_is_bounded_by_the_setting(tmp_path: Path) -> None:
    """A scan of 67 megapixels, which held whole would take 3 GB, within 600 MB: here all of it."""
    (tmp_path / "im").mkdir()
    path = tmp_path / "im" / "scan.tif"
    grain = np.random.default_rng(4).normal(200, 8, (512, 8192)).clip(0).astype(np.uint16)
    scan = tifffile.memmap(path, shape=(8192, 8192), dtype=np.uint16, bigtiff=True)
    for top in range(0, 8192, 512):
        scan[top : top + 512] = np.roll(grain, 97 * top, axis=1)
        scan[top : top + 512, 3000:3512] = plane(526, 526)[0][14:, 14:]
    scan.flush()
    told = {"segment": {"expected_diameter_um": 10.4, "method": "threshold"}}
    (tmp_path / "method.yaml").write_text(Method.model_validate(told).to_yaml(), encoding="utf-8")
    run_it = ["run", str(tmp_path / "im"), "-o", str(tmp_path / "run"), "--executor", "serial"]
    run_it += ["--method", str(tmp_path / "method.yaml"), "--pixel-size-um", "0.65"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *run_it, "--max-memory-mb", "600", "--json"],
        check=True, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    row = row_of(tmp_path / "run")
    assert row["state"] == "ok"
    assert row["n_objects"] == 16 * plane(526, 526)[1]
    peak_mb = int(done.stderr.rsplit("VmHWM:", 1)[1].split()[0]) * 1024 / 1e6
    assert peak_mb < 600
