"""Bad input costs one row; bad options cost nothing but a sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

import monolayer
from monolayer.assays import nuclei
from monolayer.cli import _exit_code as cli
from monolayer.engine import work
from monolayer.engine.runfolder import locked

WritePlate = Callable[..., dict[str, int]]


def states(run: Path) -> dict[str, tuple[str, str]]:
    table = pq.read_table(run / "fields.parquet").to_pylist()
    return {row["field_id"]: (row["state"], row["reason"]) for row in table}


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    """Twenty good fields and one of each thing that goes wrong, all named alike."""
    folder = tmp_path_factory.mktemp("bad") / "P1"
    write_plate(folder, wells=("B02", "B03", "B04", "B05"), fields=5)
    for i, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"good_{i:02d}.tif")
    good = (folder / "good_00.tif").read_bytes()
    pixels = tifffile.imread(folder / "good_00.tif")
    (folder / "truncated.tif").write_bytes(good[: len(good) // 2])
    (folder / "zero.tif").write_bytes(b"")
    (folder / "text.tif").write_text("not an image")
    (folder / "png_inside.tif").write_bytes(imagecodecs.png_encode(pixels))
    tifffile.imwrite(folder / "black.tif", np.zeros_like(pixels))
    tifffile.imwrite(folder / "white.tif", np.full_like(pixels, 65535))
    tifffile.imwrite(folder / "one.tif", np.array([[7]], np.uint16))
    holes = pixels.astype(np.float32)
    holes[3, 4] = np.nan
    tifffile.imwrite(folder / "nan.tif", holes)
    colour = np.random.default_rng(3).integers(0, 255, (64, 64, 3), np.uint8)
    tifffile.imwrite(folder / "colour.tif", colour, photometric="rgb")
    shutil.copy(folder / "good_03.tif", folder / "x_copy.tif")
    return folder


def test_each_bad_input_costs_its_row(bad_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    assert cli(["run", str(bad_folder), "-o", str(run), "--workers", "1"]) == 3
    found = {field_id.split("/")[-1]: state for field_id, state in states(run).items()}
    good = {name for name, (state, _) in found.items() if state == "ok"}
    assert good == {f"good_{i:02d}" for i in range(20)}
    bad = {name: reason for name, (state, reason) in found.items() if state != "ok"}
    assert set(bad) == {
        "truncated", "zero", "text", "png_inside", "black", "white", "one", "nan", "colour",
        "x_copy",
    }  # fmt: skip
    assert all(bad.values())
    details = pq.read_table(run / "fields.parquet", columns=["state", "detail"]).to_pylist()
    assert all(row["detail"] for row in details if row["state"] != "ok")


def test_a_file_that_vanishes_costs_its_row(
    tmp_path: Path, write_plate: WritePlate, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=3)
    original = vars(work)["read_field"]

    def vanish(where: object, root: Path, settings: object) -> object:
        (root / "P1_B02_s2_w1.tif").unlink(missing_ok=True)
        return original(where, root, settings)

    monkeypatch.setattr(work, "read_field", vanish)
    assert cli(["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]) == 3
    found = states(tmp_path / "R")
    assert found["P1/B02/2"] == ("failed", "missing_file")
    assert found["P1/B02/1"][0] == found["P1/B02/3"][0] == "ok"


def test_a_defect_of_ours_costs_a_row_not_the_run(
    tmp_path: Path, write_plate: WritePlate, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=2)
    original = vars(nuclei)["segment_nuclei"]
    calls = []

    def break_once(*given: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise ZeroDivisionError("a defect")
        return original(*given)

    monkeypatch.setattr(nuclei, "segment_nuclei", break_once)
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]
    assert cli(options) == 3
    assert states(tmp_path / "R")["P1/B02/1"] == ("failed", "internal_error")
    assert cli(options) == 3  # known to fail: not tried again unless asked
    assert len(calls) == 2
    assert cli([*options, "--retry"]) == 0
    assert states(tmp_path / "R")["P1/B02/1"][0] == "ok"


def test_too_many_failures_stop_the_run(bad_folder: Path, tmp_path: Path) -> None:
    options = ["run", str(bad_folder), "-o", str(tmp_path / "R"), "--workers", "1"]
    assert cli([*options, "--max-failures", "1"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere", "-o", "{run}"], ["nowhere"]),
        (["run", "{images}", "-o", "{run}", "--layout", "(?P<wel>.)"], ["wel"]),
        (["run", "{images}", "-o", "{run}", "--layout", "nonsense"], ["nonsense"]),
        (["run", "{images}", "-o", "{run}", "--select", "wel=B02"], ["wel=B02", "well"]),
        (["run", "{images}", "-o", "{run}", "--select", "well=H12"], ["H12", "B02"]),
        (["run", "{images}", "-o", "{run}", "--pixel-size-um", "0"], ["0", "0.65"]),
        (["run", "{images}", "-o", "{run}", "--method", "no.yaml"], ["no.yaml"]),
        (["run", "{images}", "-o", "{run}", "--workers", "0"], ["--workers"]),
        (["run", "{images}", "-o", "{run}", "--frob"], ["--frob"]),
        (
            ["run", "{images}", "-o", "{run}", "--executor", "slurm", "--scheduler", "tcp://a:1"],
            ["tcp://a:1", "slurm"],
        ),
        (["run", "{images}", "-o", "{images}"], ["run.json", "-o"]),
        (["status", "{images}"], ["run.json"]),
        (["evaluate", "--manifest", "no.csv"], ["no.csv"]),
    ],
)
def test_a_wrong_call_is_one_sentence(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    write_plate: WritePlate,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    places = {"images": tmp_path / "images", "run": tmp_path / "RUN"}
    assert cli([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("segment: {expected_diameter: 12}", ["segment.expected_diameter", "expected_diameter_um"]),
        ("colour: red", ["colour"]),
        ("schema_version: 2", ["schema_version 2", "newer"]),
        ("segment: {expected_diameter_um: -3}", ["expected_diameter_um", "-3"]),
        ("{a: [", ["YAML", "line"]),
        ("- a list", ["key: value"]),
        ("read: {channel: w9}", ["w9", "w1"]),
    ],
)
def test_a_wrong_method_is_one_sentence(
    text: str,
    words: list[str],
    tmp_path: Path,
    write_plate: WritePlate,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    method = tmp_path / "m.yaml"
    method.write_text(text)
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--method", str(method)]
    assert cli(options) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert not (tmp_path / "R" / "run.json").exists()


def test_another_runs_folder_is_refused(
    tmp_path: Path, write_plate: WritePlate, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    write_plate(tmp_path / "others", wells=("B02",), fields=1)
    run = str(tmp_path / "R")
    assert cli(["run", str(tmp_path / "images"), "-o", run, "--workers", "1"]) == 0
    assert cli(["run", str(tmp_path / "others"), "-o", run, "--workers", "1"]) == 2
    assert "another run" in capsys.readouterr().err
    assert cli(["run", str(tmp_path / "images"), "-o", run, "--pixel-size-um", "0.3"]) == 2
    assert "method" in capsys.readouterr().err


def test_a_newer_run_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 99, "monolayer": "9.9"}))
    assert cli(["status", str(tmp_path)]) == 2
    assert "newer" in capsys.readouterr().err


def test_two_runs_on_one_folder(
    tmp_path: Path, write_plate: WritePlate, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    with locked(tmp_path / "R"):
        assert cli(["run", str(tmp_path / "images"), "-o", str(tmp_path / "R")]) == 2
    assert "process" in capsys.readouterr().err


def test_a_folder_of_somebody_else_is_refused_untouched(
    tmp_path: Path, write_plate: WritePlate, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    write_plate(images, wells=("B02",), fields=1)
    (file,) = images.iterdir()
    for verb in ("run", "watch"):
        assert cli([verb, str(images), "-o", str(images)]) == 2
        assert cli([verb, str(images), "-o", str(file)]) == 2
        said = capsys.readouterr().err
        assert "no run's folder" in said
        assert "is a file" in said
        # What the operating system refuses is no error of ours.
        assert cli([verb, str(images), "-o", str(file / "RUN")]) in (2, 4)
        said = capsys.readouterr().err
        assert "Not a directory" in said
        assert "internal" not in said
    assert list(images.iterdir()) == [file]


def test_a_run_that_ended_while_it_took_its_folder_goes_on(
    tmp_path: Path, write_plate: WritePlate
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    run = tmp_path / "RUN"
    options = ["run", str(tmp_path / "images"), "-o", str(run), "--workers", "1"]
    run.mkdir()
    (run / ".lock").touch()
    (run / ".unfinished-killed.json").write_text('{"form')
    assert cli(options) == 0
    method = (run / "method.yaml").read_bytes()
    (run / "method.yaml").unlink()  # as one that was killed, or had no space, right after run.json
    assert cli(options) == 0
    assert (run / "method.yaml").read_bytes() == method
    assert not list(run.glob(".unfinished-*"))


def test_damaged_parts_and_lost_tables_are_made_again(
    tmp_path: Path, write_plate: WritePlate, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1)
    run = tmp_path / "RUN"
    options = ["run", str(tmp_path / "images"), "-o", str(run), "--workers", "1"]
    assert cli(options) == 0
    tables = sorted([*run.glob("*.parquet"), *run.glob("objects/*")])
    before = [path.read_bytes() for path in tables]
    damages: list[tuple[str, Callable[[Path], object]]] = [
        ("fields.arrow", lambda path: path.write_bytes(path.read_bytes()[:500])),
        ("objects.arrow", lambda path: path.unlink()),
        ("ledger.json", lambda path: path.write_bytes(path.read_bytes()[:40])),
    ]
    for (name, damage), lost in zip(damages, tables, strict=False):
        (part,) = (run / "parts").iterdir()
        damage(part / name)
        lost.unlink()
        if name == "ledger.json":
            capsys.readouterr()
            assert cli(["status", str(run)]) == 0  # the tables are believed
            (run / "run.json").write_text((run / "run.json").read_text().replace("tables_of", "x"))
            assert cli(["status", str(run)]) == 4
            assert "is damaged" in capsys.readouterr().err
        assert cli(options) == 0
        assert [path.read_bytes() for path in tables] == before
    (run / "report.html").unlink()
    assert cli(options) == 0
    assert (run / "report.html").is_file()


def test_micrometres_without_a_pixel_size_are_refused(
    tmp_path: Path, write_plate: WritePlate, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1, pixel_size_um=None)
    method = tmp_path / "m.yaml"
    method.write_text("segment: {expected_diameter_um: 10}")
    options = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "R"), "--workers", "1"]
    assert cli([*options, "--method", str(method)]) == 2
    assert "--pixel-size-um" in capsys.readouterr().err
    assert cli(options) == 0
    assert "--pixel-size-um" in capsys.readouterr().out
    objects = monolayer.open_run(tmp_path / "R").objects.arrow()
    assert objects["area_um2"].null_count == objects.num_rows > 0
    fields = monolayer.open_run(tmp_path / "R").fields.arrow()
    assert fields["density_cells_per_cm2"].null_count == fields.num_rows
