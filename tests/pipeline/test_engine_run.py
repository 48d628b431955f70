"""The main road: a folder of images to tables, whoever runs it and however often it is stopped."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import monolayer
from monolayer.cli import _exit_code as cli

WritePlate = Callable[..., dict[str, int]]
TABLES = ("fields.parquet", "wells.parquet", "plates.parquet")


def contents(run: Path) -> dict[str, bytes]:
    """Every table and label image of a run, byte for byte."""
    files = [*TABLES, *(str(p.relative_to(run)) for p in run.glob("objects/*.parquet"))]
    files += [str(p.relative_to(run)) for p in run.glob("labels/**/*.tif")]
    return {name: (run / name).read_bytes() for name in sorted(files)}


def rows(run: Path, table: str = "fields") -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(run / f"{table}.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("images") / "plate"
    write_plate(folder, wells=("B02", "B03", "C04"), fields=4)
    return folder


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> dict[str, int]:
    return write_plate(tmp_path_factory.mktemp("truth"), wells=("B02", "B03", "C04"), fields=4)


@pytest.fixture(scope="module")
def run(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "RUN"
    assert cli(["run", str(plate), "-o", str(folder), "--workers", "1"]) == 0
    return folder


def test_counts_are_the_truth(run: Path, truth: dict[str, int]) -> None:
    assert {row["field_id"]: row["n_objects"] for row in rows(run)} == truth


def test_every_field_has_labels_and_objects(run: Path, truth: dict[str, int]) -> None:
    opened = monolayer.open_run(run)
    objects = opened.objects.pandas()
    for field_id, n in truth.items():
        labels = opened.labels(field_id)
        assert labels.max() == n
        mine = objects[objects.field_id == field_id]
        assert list(mine.label) == list(range(1, n + 1))
        assert mine.area_px.sum() == np.count_nonzero(labels)


def test_units_follow_the_pixel_size(run: Path) -> None:
    objects = monolayer.open_run(run).objects.pandas()
    np.testing.assert_allclose(objects.area_um2, objects.area_px * 0.65**2, rtol=1e-5)
    assert all(row["pixel_size_source"] == "ImageJ" for row in rows(run))


def test_wells_and_plates_add_up(run: Path, truth: dict[str, int]) -> None:
    wells, plates = rows(run, "wells"), rows(run, "plates")
    assert [row["well"] for row in wells] == ["B02", "B03", "C04"]
    assert sum(int(str(row["n_objects"])) for row in wells) == sum(truth.values())
    assert plates[0]["n_objects"] == sum(truth.values())
    assert plates[0]["n_fields_planned"] == len(truth)


def test_run_folder_describes_itself(run: Path, plate: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["given"]["images"] == str(plate)
    assert record["counts"]["ok"] == 12
    assert record["history"][0]["versions"]["monolayer"]
    assert (run / "method.yaml").read_text().startswith("schema_version: 1")
    assert "<svg" in (run / "report.html").read_text()


def test_second_call_does_nothing(
    run: Path, plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    assert cli(["run", str(plate), "-o", str(run)]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == before


@pytest.mark.slow
def test_two_workers_and_shuffled_files_give_the_same_bytes(
    run: Path, plate: Path, tmp_path: Path
) -> None:
    shuffled = tmp_path / "plate"
    shuffled.mkdir()
    files = sorted(plate.iterdir())
    random.Random(5).shuffle(files)
    for file in files:
        shutil.copy(file, shuffled)
    again = tmp_path / "RUN"
    assert cli(["run", str(shuffled), "-o", str(again), "--workers", "2"]) == 0
    assert contents(again) == contents(run)


@pytest.mark.slow
def test_killed_at_any_moment_the_next_call_finishes(
    run: Path, plate: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "RUN"
    command = [sys.executable, "-m", "monolayer", "run", str(plate), "-o", str(folder)]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", "1"], capture_output=True, check=True)
    whole = time.perf_counter() - start
    shutil.rmtree(folder)
    moments = random.Random(11)
    for _ in range(10):
        with subprocess.Popen(
            [*command, "--workers", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(moments.uniform(0.3, 1.0) * whole)
            os.kill(process.pid, signal.SIGKILL)
        if moments.random() < 0.4:
            shutil.rmtree(folder, ignore_errors=True)  # start over, to be hit early as well
    assert cli(["run", str(plate), "-o", str(folder), "--workers", "1"]) == 0
    assert contents(folder) == contents(run)
    assert not list(folder.rglob(".unfinished-*"))


def test_a_changed_image_is_counted_again(
    plate: Path, run: Path, tmp_path: Path, write_plate: WritePlate
) -> None:
    images, folder = tmp_path / "plate", tmp_path / "RUN"
    write_plate(images, wells=("B02",), fields=2)
    assert cli(["run", str(images), "-o", str(folder), "--workers", "1"]) == 0
    shutil.copy(images / "P1_B02_s2_w1.tif", tmp_path / "keep.tif")
    (images / "P1_B02_s1_w1.tif").write_bytes((plate / "P1_C04_s4_w1.tif").read_bytes())
    assert cli(["run", str(images), "-o", str(folder), "--workers", "1"]) == 0
    mine = {row["field_id"]: row["n_objects"] for row in rows(folder)}
    theirs = {row["field_id"]: row["n_objects"] for row in rows(run)}
    assert mine["P1/B02/1"] == theirs["P1/C04/4"]


def test_selection_then_the_rest(plate: Path, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "RUN"
    options = ["run", str(plate), "-o", str(folder), "--workers", "1"]
    assert cli([*options, "--select", "well=b3"]) == 0
    assert {row["well"] for row in rows(folder)} == {"B03"}
    assert cli(options) == 0
    assert contents(folder) == contents(run)


def test_python_api_gives_the_command_lines_numbers(run: Path, plate: Path) -> None:
    import tifffile

    found = monolayer.count(tifffile.imread(plate / "P1_B03_s2_w1.tif"), pixel_size_um=0.65)
    stored = monolayer.open_run(run).objects.pandas()
    stored = stored[stored.field_id == "P1/B03/2"].reset_index(drop=True)
    mine = found.pandas()
    np.testing.assert_array_equal(found.labels, monolayer.open_run(run).labels("P1/B03/2"))
    for name in ("area_px", "perimeter_crofton_px", "eccentricity", "solidity", "weight"):
        np.testing.assert_array_equal(mine[name], stored[name])


def test_illumination_correction_is_the_runs_own(plate: Path, tmp_path: Path) -> None:
    method = tmp_path / "method.yaml"
    method.write_text("illumination: {enabled: true}\n")
    for name, workers in (("one", "1"), ("two", "2")):
        options = ["run", str(plate), "-o", str(tmp_path / name), "--workers", workers]
        assert cli([*options, "--method", str(method)]) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert list((tmp_path / "one" / "illumination").glob("*.npz"))


def test_a_single_image_that_changed_is_counted_again(
    tmp_path: Path, write_plate: WritePlate
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=2)
    one, other = sorted((tmp_path / "images").iterdir())
    options = ["run", str(one), "-o", str(tmp_path / "R"), "--workers", "1"]
    assert cli(options) == 0
    assert [row["n_objects"] for row in rows(tmp_path / "R")] == [3]
    one.write_bytes(other.read_bytes())
    assert cli(options) == 0
    assert [row["n_objects"] for row in rows(tmp_path / "R")] == [5]


def test_stopped_before_its_report_a_run_is_not_done(
    tmp_path: Path, write_plate: WritePlate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monolayer.engine import reporting

    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(reporting, "write_report", stop)
        assert cli(options) == 4
    assert not (tmp_path / "R" / "report.html").exists()
    assert cli(options) == 0
    assert (tmp_path / "R" / "report.html").is_file()


def test_stopped_after_images_were_added_a_finished_run_is_open_again(
    tmp_path: Path, write_plate: WritePlate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monolayer.engine import rounds
    from monolayer.engine.status import status_of

    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]
    assert cli(options) == 0
    assert status_of(tmp_path / "R")["state"] == "finished"
    write_plate(tmp_path / "images", wells=("B02", "B03"), fields=1)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(rounds, "run_rounds", stop)
        assert cli(options) == 4
    assert status_of(tmp_path / "R")["state"] == "unfinished"
    assert cli(options) == 0
    assert status_of(tmp_path / "R")["state"] == "finished"


def test_a_run_by_regex_draws_its_report_and_is_taken_up_again(
    tmp_path: Path, write_plate: WritePlate
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    (image,) = sorted((tmp_path / "images").iterdir())
    image.rename(image.with_name("B02-07.tif"))
    layout = r"(?P<well>[A-H]\d+)-(?P<field>\d+)"
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--layout", layout]
    assert cli([*options, "--workers", "1"]) == 0
    assert "images/B02/7" in (tmp_path / "R" / "report.html").read_text()
    assert cli([*options, "--workers", "1"]) == 0
    assert cli(["report", str(tmp_path / "R")]) == 0
    other = layout.replace("-", "_?-")
    assert cli([*options[:-1], other]) == 2
