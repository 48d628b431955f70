"""`convert` and `export --format ome-zarr`: what they write, held against others' readers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr

from monolayer.cli import _exit_code as cli
from monolayer.engine import convert as engine_convert
from monolayer.engine.convert import convert
from monolayer.engine.executors import Crashed, ExecutionSettings
from monolayer.engine.ngff import work
from monolayer.engine.ngff.field import write_field
from monolayer.engine.ngff.image import Storage
from monolayer.engine.ngff.levels import halved, n_levels, subsampled
from monolayer.engine.plan import make_plan
from monolayer.engine.runfolder import locked
from monolayer.errors import ConfigError, ImageError, RunAborted, RunFolderError
from monolayer.field import Field
from monolayer.method import Method
from monolayer.read import ReadSettings, find_fields, read_field

from .conftest import write_tiff
from .ngff_plates import noise, write_plate
from .vendor_files import write_czi

WritePlate = Callable[..., dict[str, int]]
HERE = ExecutionSettings(executor="serial")
DATA = Path(os.environ.get("MONOLAYER_DATA", Path(__file__).parents[3] / "shared" / "data"))
READERS = DATA / "readers"
SAMPLES = Path(__file__).parents[2] / "sample_data" / "plate"


def converted(images: Path, output: Path, **storage: Any) -> list[tuple[Path, int, int]]:
    plan = make_plan(images, Method())
    done = convert(plan, output, Storage(**storage), HERE)
    return [(one.path, one.n_images, one.n_converted) for one in done]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file but the ledger, which knows when the source was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in found.items() if not name.startswith(".monolayer")}


def told(folder: Path, settings: ReadSettings) -> dict[str, Any]:
    """What a folder's fields are, down to the pixels."""
    listing = find_fields(folder, settings)
    found: dict[str, Any] = {f.field_id: _told(f, folder, settings) for f in listing.fields}
    found["missing"] = [(f.field_id, f.problem) for f in listing.missing]
    found["incomplete"] = listing.incomplete
    return found


def _told(field: Field, folder: Path, settings: ReadSettings) -> Any:
    try:
        image = read_field(field, folder, settings)
    except ImageError as error:
        return error.reason, error.detail
    size = None if image.pixel_size_um is None else round(image.pixel_size_um, 12)
    scale = dict(image.full_scale)
    return field.well, field.well_text, image.pixels_sha256, size, scale, list(image.channels)


# --- the same pixels, fields and places ---


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "z"),
    [
        ("cellprofiler_examplehuman", "max"),
        ("cellprofiler_sbs", "max"),
        ("cv8000", "max"),
        ("imagexpress_exported", 0),
        ("imagexpress_native", "max"),
        ("imagexpress_native", 0),
    ],
)
def test_real_folders_come_back_whole(tmp_path: Path, name: str, z: Any) -> None:
    if not (READERS / name).is_dir():
        pytest.skip(f"{READERS / name} is not here")
    converted(READERS / name, tmp_path / "out", shard=z == 0)
    settings = ReadSettings(z=z)
    assert told(tmp_path / "out", settings) == told(READERS / name, settings)


def test_sample_plate_counts_the_same(tmp_path: Path) -> None:
    some = tmp_path / "sample"
    some.mkdir()
    for path in sorted(SAMPLES.glob("sample_*_s[12]_*.tif"))[:4]:
        shutil.copy(path, some)
    assert converted(some, tmp_path / "sample.zarr") == [(tmp_path / "sample.zarr", 4, 4)]
    tables = []
    for images in (some, tmp_path / "sample.zarr"):
        run = tmp_path / f"RUN-{images.name}"
        assert cli(["run", str(images), "-o", str(run), "--workers", "1", "--json"]) == 0
        tables.append(pq.read_table(run / "objects" / "sample.parquet"))
        fields = pq.read_table(run / "fields.parquet")
        own = {"paths", "image_sha256", "pixel_size_source"}
        tables.append(fields.select([n for n in fields.column_names if n not in own]))
    assert tables[0].equals(tables[2])
    assert tables[1].equals(tables[3])
    assert tables[0].num_rows > 50


def test_stacks_times_types_and_channels(tmp_path: Path) -> None:
    """Channels of two depths and two types, times of which one field lacks one, no pixel size."""
    folder = tmp_path / "P1"
    folder.mkdir()
    layout = r"(?P<well>[A-H]\d\d)_f(?P<field>\d)_t(?P<time>\d)_(?P<channel>[ab])_z(?P<z>\d)"
    for time_, field in ((1, 1), (2, 1), (1, 2)):
        for z in range(3):
            name = f"B02_f{field}_t{time_}_a_z{z}.tif"
            tifffile.imwrite(folder / name, noise(100 * time_ + 10 * field + z, (50, 70)))
        pixels = (noise(900 + 10 * time_ + field, (50, 70)) // 16).astype(np.uint8)
        tifffile.imwrite(folder / f"B02_f{field}_t{time_}_b_z0.tif", pixels)
    plan = make_plan(folder, Method(), layout)
    (done,) = convert(plan, tmp_path / "out", Storage(chunk=64), HERE)
    assert done.n_images == 3
    for settings in (ReadSettings(z="max"), ReadSettings(z=0), ReadSettings(z="best_focus")):
        before = {f.field_id: _told(f, folder, settings) for f in plan.fields}
        after = told(tmp_path / "out", settings)
        assert {name: after[name] for name in before} == before
        assert after["missing"] == [
            ("P1/B02/2/2", f.problem) for f in plan.missing if f.field_id == "P1/B02/2/2"
        ]
    assert find_fields(tmp_path / "out", ReadSettings()).pixel_size_um is None


def test_folder_without_wells_is_a_collection(tmp_path: Path) -> None:
    for name in ("x", "deep/y", "z.1"):
        write_tiff(tmp_path / "in" / f"{name}.tif", noise(len(name)), 0.5)
    converted(tmp_path / "in", tmp_path / "out.zarr")
    settings = ReadSettings()
    assert told(tmp_path / "out.zarr", settings) == told(tmp_path / "in", settings)
    ome = dict(zarr.open_group(tmp_path / "out.zarr", mode="r").attrs["ome"])  # type: ignore[arg-type]
    assert ome["bioformats2raw.layout"] == 3


def test_what_cannot_be_read_is_named_in_the_collection(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    write_tiff(folder / "dish 1.tif", noise(1), 0.5)
    (folder / "dish 2.tif").write_bytes((folder / "dish 1.tif").read_bytes()[:900])
    tifffile.imwrite(folder / "dish 3.tif", noise(1).astype(np.complex64))
    call = ["convert", str(folder), "-o", str(tmp_path / "images.zarr"), "--workers", "1"]
    assert cli(call) == 3
    before, after = (told(part, ReadSettings()) for part in (folder, tmp_path / "images.zarr"))
    assert after == before
    assert before["images/dish 2"][0] == "truncated"
    assert before["images/dish 3"][0] == "unsupported"


# bioio's readers leave files to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_vendor_file_becomes_a_plate(tmp_path: Path) -> None:
    pytest.importorskip("pylibCZIrw", reason="pylibCZIrw is not installed")
    (tmp_path / "in").mkdir()
    scenes = {name: noise(i, (2, 2, 3, 60, 70)) for i, name in enumerate(("B02", "C03"))}
    write_czi(tmp_path / "in" / "P1.czi", scenes)
    converted(tmp_path / "in", tmp_path / "out")
    settings = ReadSettings(z="max")
    before, after = told(tmp_path / "in", settings), told(tmp_path / "out", settings)
    assert after == before
    assert len(before) == 2 * 2 + 2


def test_detector_bits_are_each_channel_s_own(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for channel, bits in ((1, 12), (2, 10), (3, 16)):
        text = f'<OME><Image><Pixels SizeX="64" SizeY="64" SignificantBits="{bits}"/></Image></OME>'
        path = tmp_path / "in" / f"P_B02_s1_w{channel}.tif"
        tifffile.imwrite(path, noise(channel, (64, 64)) // 8, description=text, metadata=None)
    converted(tmp_path / "in", tmp_path / "out")
    (field,) = find_fields(tmp_path / "out", ReadSettings()).fields
    scales = read_field(field, tmp_path / "out", ReadSettings()).full_scale
    assert scales == {"w1": 4095.0, "w2": 1023.0, "w3": 65535.0}


def test_ome_zarr_to_ome_zarr(tmp_path: Path) -> None:
    images = {"B/3/0": noise(1, (2, 96, 80)), "C/4/0": noise(2, (2, 96, 80))}
    write_plate(tmp_path / "in" / "P.zarr", images, "0.4", letters="cyx", labels=["DAPI", "GFP"])
    converted(tmp_path / "in", tmp_path / "out")
    before, after = (told(tmp_path / part, ReadSettings()) for part in ("in", "out"))
    assert {k: v for k, v in after.items() if "/" in k}.keys() == before.keys() - {
        "missing",
        "incomplete",
    }
    for name in ("P/B03/0", "P/C04/0"):
        assert after[name][2:] == before[name][2:]


def test_what_cannot_be_read_is_named_in_the_plate(tmp_path: Path, write_plate: WritePlate) -> None:
    folder = tmp_path / "P1"
    write_plate(folder, wells=("B02", "B03"), fields=2)
    bad = folder / "P1_B02_s2_w1.tif"
    bad.write_bytes(bad.read_bytes()[:3000])
    (folder / "P1_B03_s2_w1.tif").unlink()
    call = ["convert", str(folder), "-o", str(tmp_path / "P1.zarr"), "--workers", "1", "--json"]
    assert cli(call) == 3
    before, after = (told(part, ReadSettings()) for part in (folder, tmp_path / "P1.zarr"))
    assert after == before
    assert before["P1/B02/2"][0] == "truncated"
    assert [name for name, _ in before["missing"]] == ["P1/B03/2"]


# --- exact levels ---


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "bool"])
@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (1, 4), (1, 1)])
def test_halved_is_the_mean_of_what_is_there(dtype: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    high = 2 if dtype == "bool" else 255 if dtype == "uint8" else 30000
    plane = rng.integers(0, high, shape, endpoint=dtype != "bool").astype(dtype)
    out = halved(plane)
    assert out.dtype == plane.dtype
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            part = plane[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(np.float64)
            exact = part.mean()
            wanted = exact if dtype == "float32" else np.floor(exact + 0.5)
            assert float(out[y, x]) == np.dtype(dtype).type(wanted)


def test_halved_does_not_overflow() -> None:
    for dtype in (np.uint8, np.uint16, np.int16, np.uint32):
        top = np.full((4, 4), np.iinfo(dtype).max, dtype)
        np.testing.assert_array_equal(halved(top), top[:2, :2])


def test_levels_end_at_256_pixels() -> None:
    for side, levels in ((1, 1), (256, 1), (257, 2), (512, 2), (513, 3), (2048, 4), (32768, 8)):
        assert n_levels(side, 5) == levels
        assert n_levels(5, side) == levels


def test_labels_keep_their_numbers() -> None:
    labels = np.array([[3, 9, 9], [9, 9, 9], [70000, 9, 5]], np.uint32)
    np.testing.assert_array_equal(subsampled(labels), [[3, 9], [70000, 5]])


# --- stopped, resumed, in parallel ---


@pytest.fixture
def small(tmp_path: Path, write_plate: WritePlate) -> Path:
    write_plate(tmp_path / "P1", wells=("B02", "B03", "C04"), fields=3)
    return tmp_path / "P1"


def test_killed_and_resumed_equals_undisturbed(tmp_path: Path, small: Path) -> None:
    converted(small, tmp_path / "whole.zarr")
    target = tmp_path / "again.zarr"
    unfinished = tmp_path / ".again.zarr.unfinished"
    code = (
        "import sys, time; from pathlib import Path\n"
        "import monolayer.engine.ngff.work as work\n"
        "write = work.write_field\n"
        "def slow(*args):\n"
        "    time.sleep(0.3); return write(*args)\n"
        "work.write_field = slow\n"
        "from monolayer.cli import main\n"
        f"main(['convert', {str(small)!r}, '-o', {str(target)!r}, '--workers', '1'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(unfinished.glob("*/*/*/zarr.json"))) < 3:
        assert time.monotonic() < end, "nothing was converted in a minute"
        assert process.poll() is None, "ended before it was killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert not target.exists()
    assert find_fields(tmp_path / "P1", ReadSettings()).fields
    (done,) = converted(small, target)
    assert done[1] == 9
    assert 0 < done[2] <= 7
    assert bytes_of(target) == bytes_of(tmp_path / "whole.zarr")
    assert not unfinished.exists()
    assert converted(small, target) == [(target, 9, 0)]


@pytest.mark.timeout(method="thread")  # the alarm is the engine's own
def test_field_that_hangs_is_named_and_the_rest_converted(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(field: Field, *rest: Any) -> None:
        if field.field_id == "P1/B03/2":
            time.sleep(60)
        write(field, *rest)

    write = write_field
    monkeypatch.setattr(work, "write_field", slow)
    limited = ExecutionSettings(executor="serial", field_timeout_s=3)
    (done,) = convert(make_plan(small, Method()), tmp_path / "P1.zarr", Storage(), limited)
    assert done.n_images == 8
    assert [name for name, _ in done.failed] == ["P1/B03/2"]
    assert told(tmp_path / "P1.zarr", ReadSettings())["P1/B03/2"][0] == "timed_out"


class _Deadly:
    """An executor whose workers die on one field."""

    workers, isolated = 1, False

    def __enter__(self) -> "_Deadly":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, do: Any, chunks: Any, window: int | None = None) -> Any:
        for chunk in chunks:
            deadly = any(field.field_id == "P1/C04/1" for field in chunk.fields)
            yield Crashed(chunk) if deadly else do(chunk)


def test_field_that_kills_its_worker_takes_no_innocent_one(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_convert, "make_executor", lambda *_: _Deadly())
    (done,) = convert(make_plan(small, Method()), tmp_path / "P1.zarr", Storage(), HERE)
    assert done.n_images == 8
    assert [name for name, _ in done.failed] == ["P1/C04/1"]


def test_full_disk_is_one_sentence_and_what_is_finished_is_kept(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(field: Field, *rest: Any) -> None:
        if field.field_id == "P1/B03/1":
            raise OSError(28, "No space left on device")
        write(field, *rest)

    write = write_field
    monkeypatch.setattr(work, "write_field", full)
    with pytest.raises(RunAborted, match="No space left"):
        converted(small, tmp_path / "P1.zarr")
    assert not (tmp_path / "P1.zarr").exists()
    monkeypatch.undo()
    ((_, images, now),) = converted(small, tmp_path / "P1.zarr")
    assert images == 9
    assert now < 9


def test_two_conversions_at_once_are_refused(tmp_path: Path, small: Path) -> None:
    with (
        locked(tmp_path / ".P1.zarr.unfinished"),
        pytest.raises(RunFolderError, match="being written to by process"),
    ):
        converted(small, tmp_path / "P1.zarr")


@pytest.mark.slow
def test_worker_processes_write_the_same_plate(tmp_path: Path, small: Path) -> None:
    call = ["convert", str(small), "--json", "-o"]
    assert cli([*call, str(tmp_path / "one.zarr"), "--executor", "serial"]) == 0
    two = ["--executor", "dask", "--workers", "2"]
    assert cli([*call, str(tmp_path / "two.zarr"), *two]) == 0
    assert bytes_of(tmp_path / "one.zarr") == bytes_of(tmp_path / "two.zarr")


def test_changed_source_is_converted_again_or_refused(tmp_path: Path, small: Path) -> None:
    target = tmp_path / "P1.zarr"
    converted(small, target)
    write_tiff(small / "P1_B02_s1_w1.tif", noise(99), 0.65)
    with pytest.raises(RunFolderError, match="not made of these images as they are now"):
        converted(small, target)
    shutil.rmtree(target)
    converted(small, target)
    assert told(target, ReadSettings()) == told(small, ReadSettings())


def test_something_else_at_the_place_is_kept(tmp_path: Path, small: Path) -> None:
    target = tmp_path / "P1.zarr"
    target.mkdir()
    (target / "precious.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is there already"):
        converted(small, target)
    assert (target / "precious.txt").read_text() == "mine"


def test_several_plates_need_a_folder(tmp_path: Path, small: Path) -> None:
    shutil.copytree(small, tmp_path / "in" / "a")
    for path in (tmp_path / "in" / "a").iterdir():
        (tmp_path / "in" / path.name.replace("P1", "P2")).write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match="2 \\(P1, P2\\)"):
        converted(tmp_path / "in", tmp_path / "one.zarr")
    done = converted(tmp_path / "in", tmp_path / "out")
    assert [path.name for path, _, _ in done] == ["P1.zarr", "P2.zarr"]


# --- what others' readers say ---


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    """A run over three wells of different counts, as a plate with labels and tables."""
    top = tmp_path_factory.mktemp("exported")
    write_plate(top / "P1", wells=("B02", "B03", "D05"), fields=2)
    run = ["run", str(top / "P1"), "-o", str(top / "RUN"), "--workers", "1", "--json"]
    assert cli(run) == 0
    call = ["export", str(top / "RUN"), "-o", str(top / "P1.zarr"), "--format", "ome-zarr"]
    assert cli([*call, "--json"]) == 0
    return top


@pytest.mark.parametrize("shard", [False, True])
def test_specification_s_models_accept_all(tmp_path: Path, small: Path, shard: bool) -> None:
    models = pytest.importorskip("ome_zarr_models.v05", reason="ome-zarr-models is not installed")
    converted(small, tmp_path / "P1.zarr", shard=shard, chunk=64)
    top = zarr.open_group(tmp_path / "P1.zarr", mode="r")
    plate = models.HCS.from_zarr(top)
    assert [w.path for w in plate.ome_attributes.plate.wells] == ["B/02", "B/03", "C/04"]
    for well in ("B/02", "C/04"):
        assert len(models.Well.from_zarr(top[well]).ome_attributes.well.images) == 3
        models.Image.from_zarr(top[f"{well}/0"])


def test_models_accept_labels(exported: Path) -> None:
    image_label = pytest.importorskip("ome_zarr_models.v05.image_label")
    labels = pytest.importorskip("ome_zarr_models.v05.labels")
    image = zarr.open_group(exported / "P1.zarr" / "B" / "03" / "1", mode="r")
    assert labels.Labels.from_zarr(image["labels"]).ome_attributes.labels == ["nuclei"]
    one = image_label.ImageLabel.from_zarr(image["labels/nuclei"])
    assert one.ome_attributes.image_label.source.image == "../../"


def test_labels_are_those_of_the_run(exported: Path) -> None:
    for well, name in (("B/02", "B02"), ("D/05", "D05")):
        for number in (0, 1):
            path = exported / "P1.zarr" / well / str(number) / "labels" / "nuclei" / "0"
            ours = tifffile.imread(exported / "RUN" / "labels" / "P1" / name / f"{number + 1}.tif")
            np.testing.assert_array_equal(np.asarray(zarr.open_array(path, mode="r")[...]), ours)


def test_napari_s_reader_has_labels_on_the_right_wells(exported: Path) -> None:
    reader = pytest.importorskip("napari_ome_zarr", reason="napari-ome-zarr is not installed")
    path = str(exported / "P1.zarr")
    image, labels = reader.napari_get_reader(path)(path)
    assert image[2] == "image"
    assert labels[2] == "labels"
    assert tuple(image[1]["scale"])[-2:] == tuple(labels[1]["scale"])[-2:] == (0.65, 0.65)
    stitched = np.asarray(labels[0][0])
    assert stitched.shape[-2:] == (320, 480)  # rows B and D, columns 02, 03 and 05
    for row, column, name in ((0, 0, "B02"), (0, 1, "B03"), (1, 2, "D05")):
        tile = stitched[..., 160 * row : 160 * (row + 1), 160 * column : 160 * (column + 1)]
        ours = tifffile.imread(exported / "RUN" / "labels" / "P1" / name / "1.tif")
        np.testing.assert_array_equal(tile.squeeze(), ours)
    assert stitched[..., 160:, :160].max() == 0


@pytest.mark.filterwarnings("ignore")
def test_ngio_opens_the_tables(exported: Path) -> None:
    ngio = pytest.importorskip("ngio", reason="ngio is not installed")
    plate = ngio.open_ome_zarr_plate(str(exported / "P1.zarr"))
    wells = plate.get_table("wells").dataframe
    assert list(wells["row"] + wells["column"]) == ["B02", "B03", "D05"]
    fields = plate.get_table("fields").dataframe
    assert list(fields["path_in_well"]) == ["0", "1"] * 3
    image = ngio.open_ome_zarr_container(str(exported / "P1.zarr" / "D" / "05" / "1"))
    assert image.list_labels() == image.list_tables() == ["nuclei"]
    objects = image.get_table("nuclei")
    assert objects.reference_label == "nuclei"
    ours = pq.read_table(exported / "RUN" / "objects" / "P1.parquet").to_pandas()
    ours = ours[ours["field_id"] == "P1/D05/2"]
    assert list(objects.dataframe.index) == list(ours["label"])
    np.testing.assert_array_equal(objects.dataframe["area_px"], ours["area_px"])
    assert image.get_label("nuclei").pixel_size.x == 0.65


def test_second_export_has_nothing_to_do_and_another_run_is_seen(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["export", str(exported / "RUN"), "-o", str(exported / "P1.zarr"), "--format"]
    assert cli([*call, "ome-zarr", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["converted"] == 0
    run = ["run", str(exported / "P1"), "-o", str(exported / "OTHER"), "--workers", "1", "--json"]
    assert cli([*run, "--pixel-size-um", "0.5"]) == 0
    call[1] = str(exported / "OTHER")
    assert cli([*call, "ome-zarr"]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_into_the_input(tmp_path: Path, small: Path, version: str) -> None:
    pixels = {f"B/{i + 2}/0": tifffile.imread(p) for i, p in enumerate(sorted(small.glob("*s1*")))}
    write_plate(tmp_path / "in.zarr", pixels, version, labels=["w1"])
    before = bytes_of(tmp_path / "in.zarr")
    run = ["run", str(tmp_path / "in.zarr"), "-o", str(tmp_path / "RUN"), "--workers", "1"]
    assert cli([*run, "--json"]) == 0
    assert bytes_of(tmp_path / "in.zarr") == before, "a run must leave its input as it is"
    call = ["export", str(tmp_path / "RUN"), "--format", "ome-zarr", "--into-input", "--json"]
    assert cli(call) == 0
    assert cli(call) == 0, "a second time replaces"
    after = bytes_of(tmp_path / "in.zarr")
    assert {name: after[name] for name in before} == before
    image = zarr.open_group(tmp_path / "in.zarr" / "B" / "3" / "0", mode="r")
    labels = np.asarray(zarr.open_array(image.store_path / "labels" / "nuclei" / "0", mode="r"))
    ours = tifffile.imread(tmp_path / "RUN" / "labels" / "in" / "B03" / "0.tif")
    np.testing.assert_array_equal(labels, ours)
    attributes = dict(image["labels"].attrs)
    listed: Any = attributes["ome"] if version == "0.5" else attributes
    assert listed["labels"] == ["nuclei"]
    assert dict(image["tables"].attrs) == {"tables": ["nuclei"]}
    assert cli([*run, "--json"]) == 0
    record = json.loads((tmp_path / "RUN" / "run.json").read_text())
    assert len(record["history"]) == 1, "labels beside the pixels make no field new"


def test_export_needs_a_place_and_a_zarr(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(exported / "RUN")
    assert cli(["export", run]) == 2
    assert cli(["export", run, "--into-input"]) == 2
    assert cli(["export", run, "--into-input", "--format", "ome-zarr"]) == 2
    assert "is in no OME-Zarr" in capsys.readouterr().err


@pytest.mark.slow
def test_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ome-zarr.md").read_text(encoding="utf-8")
    block = page.split("```sh\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").mkdir()
    (tmp_path / "sample_data" / "plate").symlink_to(SAMPLES)
    codes = [cli(line.removeprefix("monolayer ").split()) for line in block.splitlines()]
    assert codes == [0, 0, 0, 0]
    for plate in ("sample.zarr", "results.zarr"):
        assert (tmp_path / plate / "B/02/0/labels/nuclei/0/zarr.json").is_file()
