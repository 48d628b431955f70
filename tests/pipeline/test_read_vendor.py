"""Makers' files: planes where they belong, pixel by pixel, and a row for whatever is bad."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from monolayer.engine.work import process_field
from monolayer.errors import ImageError, MissingExtraError
from monolayer.field import Field
from monolayer.method import Method
from monolayer.read import Listing, ReadSettings, find_fields, read_field
from monolayer.read.scenes import Place, places_of

from .conftest import disc_field, write_tiff
from .vendor_files import write_czi, write_lif, write_nd2

pytest.importorskip("bioio_czi", reason="the extra 'vendor' is not installed")

# bioio-czi leaves the handle of the file it has just read to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

Write = Callable[..., None]
WRITERS: dict[str, Write] = {"czi": write_czi, "lif": write_lif, "nd2": write_nd2}
CHANNELS = ("Hoechst", "GFP")


@pytest.fixture(params=WRITERS)
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def stack(seed: int, t: int = 1, c: int = 2, z: int = 1, size: int = 64) -> Any:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4000, (t, c, z, size, size + 16), dtype=np.uint16)


def written(folder: Path, suffix: str, scenes: dict[str, Any], name: str = "plate") -> Path:
    path = folder / f"{name}.{suffix}"
    WRITERS[suffix](path, scenes, CHANNELS)
    return path


def listed(folder: Path) -> Listing:
    return find_fields(folder, ReadSettings())


def by_id(folder: Path) -> dict[str, Field]:
    return {field.field_id: field for field in listed(folder).fields}


def test_every_plane_is_where_it_belongs(tmp_path: Path, suffix: str) -> None:
    scenes = {"B03-1": stack(1, 2, 2, 3), "B03-2": stack(2, 2, 2, 3), "C11-1": stack(3, 2, 2, 3)}
    written(tmp_path, suffix, scenes)
    fields = by_id(tmp_path)
    assert len(fields) == 6
    for name, pixels in scenes.items():
        well, number = name.split("-")
        for t in range(2):
            field = fields[f"plate/{well}/{number}/{t + 1}"]
            assert (field.plate, field.well, field.time) == ("plate", well, str(t + 1))
            for z in range(3):
                image = read_field(field, tmp_path, ReadSettings(z=z))
                assert image.pixel_size_um == pytest.approx(0.65, rel=1e-9)
                assert image.pixel_size_source == suffix.upper()
                for c, channel in enumerate(CHANNELS):
                    np.testing.assert_array_equal(image.channels[channel], pixels[t, c, z])


def test_one_scene_is_one_field_named_by_its_file(tmp_path: Path, suffix: str) -> None:
    written(tmp_path, suffix, {"whatever": stack(1, c=1)})
    (field,) = listed(tmp_path).fields
    assert (field.plate, field.well, field.field, field.time) == (tmp_path.name, "", "plate", "")


def test_the_file_itself_may_be_given(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, {"B03-1": stack(1), "B03-2": stack(2)})
    fields = find_fields(path, ReadSettings()).fields
    assert [(field.well, field.field) for field in fields] == [("B03", "1"), ("B03", "2")]
    image = read_field(fields[1], path, ReadSettings())
    np.testing.assert_array_equal(image.channels["GFP"], stack(2)[0, 1, 0])


def test_scenes_without_wells_keep_their_names(tmp_path: Path, suffix: str) -> None:
    written(tmp_path, suffix, {"Position 1": stack(1), "Position 2": stack(2)})
    assert [f.field for f in listed(tmp_path).fields] == ["plate#Position 1", "plate#Position 2"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["B03", "C04"], [("B03", ""), ("C04", "")]),
        (["B3-1", "B3-2"], [("B03", "1"), ("B03", "2")]),
        (["P1-B3", "P2-B3"], [("B03", "P1"), ("B03", "P2")]),
        (["P1/B03", "P1/B04"], [("B03", "P1"), ("B04", "P1")]),
        (["B03_0000", "H12_0000"], [("B03", "0000"), ("H12", "0000")]),
        (["TileScan 1/B/3/R1", "TileScan 1/O/24/R1"], [("B03", "R1"), ("O24", "R1")]),
        # Positions of ZEN, and no wells of row P; with wells of other rows they are wells.
        (["P1", "P2"], [("", "P1"), ("", "P2")]),
        (["P1", "O2"], [("P01", ""), ("O02", "")]),
        # One name that is no well, and none is.
        (["B03", "overview"], [("", "B03"), ("", "overview")]),
        (["R1", "R2"], [("", "R1"), ("", "R2")]),
        (["B25", "B26"], [("", "B25"), ("", "B26")]),
        (["B03", "B03"], [("B03", "1"), ("B03", "2")]),
        (["only"], [("", "")]),
    ],
)
def test_scene_names(names: list[str], expected: list[tuple[str, str]]) -> None:
    assert places_of(names) == [Place(*pair) for pair in expected]


@pytest.mark.parametrize(
    "compression", ["zstd0:ExplicitLevel=3", "zstd1:PreProcess=HiLoByteUnpack"]
)
def test_packed_czi_is_read_to_the_bit(tmp_path: Path, compression: str) -> None:
    pixels = stack(1)
    write_czi(tmp_path / "x.czi", {"a": pixels}, CHANNELS, compression=compression)
    (field,) = listed(tmp_path).fields
    image = read_field(field, tmp_path, ReadSettings())
    np.testing.assert_array_equal(image.channels["GFP"], pixels[0, 1, 0])


def test_tiles_of_a_scene_are_fields(tmp_path: Path) -> None:
    from pylibCZIrw import czi

    with czi.create_czi(str(tmp_path / "m.czi")) as file:
        for tile in range(3):
            pixels = np.full((40, 50, 1), tile + 1, np.uint16)
            file.write(pixels, plane={"C": 0, "Z": 0, "T": 0}, location=(45 * tile, 0), scene=0)
        file.write_metadata("m", {0: "DAPI"}, scale_x=1e-6, scale_y=1e-6)
    fields = listed(tmp_path).fields
    assert [field.field for field in fields] == ["m#m1", "m#m2", "m#m3"]
    images = [read_field(field, tmp_path, ReadSettings()) for field in fields]
    assert [int(image.channels["DAPI"][0, 0]) for image in images] == [1, 2, 3]
    assert images[0].pixel_size_um == 1.0


def test_colour_is_refused_or_read_as_asked(tmp_path: Path) -> None:
    from pylibCZIrw import czi

    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[...] = (10, 20, 30)  # blue, green, red, as CZI stores them
    with czi.create_czi(str(tmp_path / "c.czi")) as file:
        file.write(pixels, plane={"C": 0, "Z": 0, "T": 0})
        file.write_metadata("c", {0: "TL"})
    (field,) = listed(tmp_path).fields
    with pytest.raises(ImageError, match="colour image"):
        read_field(field, tmp_path, ReadSettings())
    red = read_field(field, tmp_path, ReadSettings(rgb="red"))
    assert red.channels["TL"].max() == 30


def test_unknown_pixel_size_is_no_one(tmp_path: Path) -> None:
    for name, write in (("czi", write_czi), ("nd2", write_nd2)):
        write(tmp_path / f"{name}.{name}", {"a": stack(1)}, CHANNELS, None)
    for field in listed(tmp_path).fields:
        image = read_field(field, tmp_path, ReadSettings())
        assert (image.pixel_size_um, image.pixel_size_source) == (None, "")


def test_measured_one_micrometre_is_believed(tmp_path: Path) -> None:
    for name, write in (("czi", write_czi), ("nd2", write_nd2)):
        write(tmp_path / f"{name}.{name}", {"a": stack(1)}, CHANNELS, 1.0)
    found = [read_field(f, tmp_path, ReadSettings()) for f in listed(tmp_path).fields]
    assert [image.pixel_size_um for image in found] == [1.0, 1.0]


def test_equal_channel_names_are_numbered(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"x.{suffix}", {"a": stack(1)}, ("DAPI", "DAPI"))
    (field,) = listed(tmp_path).fields
    assert list(field.channels) == ["ch1", "ch2"]


def test_scenes_that_a_czi_does_not_list_are_not_lost_silently(tmp_path: Path) -> None:
    write_czi(tmp_path / "x.czi", {"a": stack(1), "b": stack(2)}, list_scenes=False)
    (field,) = listed(tmp_path).fields
    assert field.problem is not None
    assert field.problem[0] == "unsupported"
    assert "holds 2 scenes, of which its metadata name 1" in field.problem[1]


def test_a_cut_file_costs_rows_and_gives_no_wrong_pixel(tmp_path: Path, suffix: str) -> None:
    scenes = {"B03-1": stack(1), "B03-2": stack(2)}
    path = written(tmp_path, suffix, scenes)
    whole = path.read_bytes()
    for kept in (0, 4, 100, len(whole) // 3, len(whole) // 2, len(whole) - 3000, len(whole) - 1):
        path.write_bytes(whole[:kept])
        told: list[tuple[str, bool]] = []
        for field in listed(tmp_path).fields:
            try:
                image = read_field(field, tmp_path, ReadSettings())
            except ImageError as error:
                told.append((error.reason, path.name in error.detail))
            else:
                expected = scenes[f"{field.well}-{field.field}"][0, 0, 0]
                np.testing.assert_array_equal(image.channels["Hoechst"], expected)
        assert told or kept >= len(whole) - 3000
        assert set(told) <= {
            (reason, True) for reason in ("empty_file", "wrong_extension", "unreadable")
        }


def test_what_is_no_such_file_says_so(tmp_path: Path, suffix: str) -> None:
    write_tiff(tmp_path / "good.tif", disc_field(3, 1, 96), 0.65)
    (tmp_path / f"bad.{suffix}").write_bytes((tmp_path / "good.tif").read_bytes())
    problems = {f.field: f.problem for f in listed(tmp_path).fields}
    assert problems["good"] is None
    told = problems["bad"]
    assert told is not None
    assert told[0] == "wrong_extension"
    assert f"does not begin as a {suffix.upper()} file" in told[1]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio_czi", None)
    written(tmp_path, "czi", {"a": stack(1)})
    with pytest.raises(MissingExtraError, match=r"bioio-czi .* pip install 'monolayer\[vendor\]'"):
        listed(tmp_path)
    write_tiff(tmp_path / "good.tif", disc_field(3, 1, 96), 0.65)
    problems = {f.field: f.problem for f in listed(tmp_path).fields}
    assert problems["good"] is None
    assert problems["plate"] is not None
    assert problems["plate"][0] == "missing_extra"


def test_a_tiff_layout_keeps_its_plate_beside_a_makers_file(tmp_path: Path) -> None:
    for number in (1, 2):
        write_tiff(tmp_path / f"P_B02_s{number}_w1.tif", disc_field(3, number, 96), 0.65)
    written(tmp_path, "lif", {"C/3/R1": stack(1)}, "other")
    assert list(by_id(tmp_path)) == ["P/B02/1", "P/B02/2", "other/C03/R1"]


def test_a_folder_of_tiffs_imports_no_reader(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", disc_field(3, 1, 96), 0.65)
    code = (
        "import sys; from pathlib import Path\n"
        "from monolayer.read import ReadSettings, find_fields\n"
        f"find_fields(Path({str(tmp_path)!r}), ReadSettings())\n"
        "print(sorted({'dask', 'bioio_base', 'monolayer.read.vendor'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["lif", "nd2"])
def test_memory_holds_a_plane_and_not_the_file(tmp_path: Path, kind: str) -> None:
    pixels = stack(1, 2, 2, 8, 256)
    written(tmp_path, kind, {"B03-1": pixels, "B03-2": pixels})
    field = next(iter(listed(tmp_path).fields))
    read_field(field, tmp_path, ReadSettings(z=0))  # imports and caches
    tracemalloc.start()
    try:
        image = read_field(field, tmp_path, ReadSettings(z=3))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    plane = image.channels["GFP"].nbytes
    assert pixels.nbytes > 30 * plane
    assert peak < 6 * plane


@pytest.mark.slow
def test_counted_by_workers_as_the_same_pixels_in_tiffs(tmp_path: Path) -> None:
    images, tiffs = tmp_path / "vendor", tmp_path / "tiff"
    images.mkdir()
    for i, suffix in enumerate(WRITERS):
        scenes = {}
        for j in (1, 2):
            pixels = disc_field(3 + i + 2 * j, 10 * i + j, 96)
            scenes[f"B0{j}-1"] = np.stack([pixels, pixels // 2])[None, :, None]
            name = f"{suffix}_B0{j}_s1"
            write_tiff(tiffs / f"{name}_w1.tif", pixels, 0.65)
            write_tiff(tiffs / f"{name}_w2.tif", pixels // 2, 0.65)
        WRITERS[suffix](images / f"{suffix}.{suffix}", scenes, ("w1", "w2"))
    expected = {}
    for field in listed(tiffs).fields:
        row = process_field(field, tiffs, Method()).row
        expected[field.plate, field.well] = _facts(row)
    run = tmp_path / "run"
    command = [sys.executable, "-m", "monolayer", "run", str(images), "-o", str(run)]
    subprocess.run([*command, "--workers", "2"], check=True, capture_output=True, timeout=240)
    rows = pq.read_table(run / "fields.parquet").to_pylist()
    assert {(row["plate"], row["well"]): _facts(row) for row in rows} == expected
    assert len(expected) == 6


def _facts(row: dict[str, Any]) -> tuple[str, int, str, float]:
    return row["state"], row["n_objects"], row["pixels_sha256"], round(row["pixel_size_um"], 9)
