"""Scans in a run: any reading, executor and interruption gives the same tables."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from monolayer.engine.executors import ExecutionSettings
from monolayer.engine.plan import make_plan
from monolayer.engine.run import Outcome, execute
from monolayer.engine.scans import memory
from monolayer.method import Method
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


HOW = {
    "other layout": None,
    "dask": ExecutionSettings(executor="dask", workers=2),
    "little memory": ExecutionSettings(executor="serial", max_memory_mb=600),
}


@pytest.mark.parametrize("case", HOW)
def test_nothing_depends_on_reading_and_executor(
    case: str, images: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images
    if case == "little memory":  # one window at a time, where 600 MB would hold this scan whole
        monkeypatch.setattr(memory, "BASE_MB", 600.0)
    run(folder, tmp_path / "run", HOW[case] or SERIAL)
    assert results(tmp_path / "run") == results(undisturbed)
