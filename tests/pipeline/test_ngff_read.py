"""OME-Zarr 0.4 and 0.5 as fields: what they say, and every way in which they can be wrong."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monolayer.errors import ConfigError, ImageError, InputError
from monolayer.field import Field
from monolayer.read import ReadSettings, find_fields, read_field
from monolayer.read.ngff import stamp

from .conftest import write_tiff
from .ngff_plates import axes, noise, set_group, write_image, write_plate

Z0 = ReadSettings(z=0)
BOTH = pytest.mark.parametrize("version", ["0.4", "0.5"])


def fields(root: Path, settings: ReadSettings = Z0) -> dict[str, Field]:
    return {field.field_id: field for field in find_fields(root, settings).fields}


def outcome(root: Path, field: Field, settings: ReadSettings = Z0) -> str:
    """``ok`` or the reason why not."""
    try:
        read_field(field, root, settings)
    except ImageError as error:
        return error.reason if one_sentence(error.detail) else f"two sentences: {error.detail}"
    return "ok"


def one_sentence(detail: str) -> bool:
    return "\n" not in detail and detail.endswith(".")


def edit(path: Path, **changes: Any) -> None:
    told = json.loads(path.read_text())
    told.update(changes)
    path.write_text(json.dumps(told))


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Two wells of two fields, one chunk grid of 2 x 2."""
    images = {
        f"{well}/{f}": noise(10 * i + f) for i, well in enumerate(("B/2", "C/3")) for f in (0, 1)
    }
    write_plate(tmp_path / "P1.zarr", images, labels=None)
    return tmp_path / "P1.zarr"


@BOTH
@pytest.mark.parametrize("sharded", [False, True])
def test_plate_pixel_for_pixel(tmp_path: Path, version: str, sharded: bool) -> None:
    if sharded and version == "0.4":
        pytest.skip("Zarr 2 has no shards")
    images = {"B/3/0": noise(1, (2, 3, 90, 100)), "AB/12/1": noise(2, (2, 3, 90, 100))}
    storage: dict[str, Any] = {"shards": (1, 1, 128, 128)} if sharded else {}
    write_plate(tmp_path / "P.zarr", images, version, labels=["DAPI", "GFP"], **storage)
    found = fields(tmp_path)
    assert list(found) == ["P/AB12/1", "P/B03/0"]
    for field_id, pixels in (("P/B03/0", images["B/3/0"]), ("P/AB12/1", images["AB/12/1"])):
        for z in range(3):
            image = read_field(found[field_id], tmp_path, ReadSettings(z=z))
            assert list(image.channels) == ["DAPI", "GFP"]
            np.testing.assert_array_equal(image.channels["DAPI"], pixels[0, z])
            np.testing.assert_array_equal(image.channels["GFP"], pixels[1, z])
            assert image.pixel_size_um == 0.65
            assert image.pixel_size_source == "OME-Zarr"
    projected = read_field(found["P/B03/0"], tmp_path, ReadSettings(z="max")).channels["GFP"]
    np.testing.assert_array_equal(projected, images["B/3/0"][1].max(axis=0))


@BOTH
def test_time_points_and_acquisitions(tmp_path: Path, version: str) -> None:
    write_plate(tmp_path / "T.zarr", {"A/1/0": noise(1, (2, 2, 64, 64))}, version, letters="tcyx")
    images = {"A/1/0": noise(3), "A/1/1": noise(4)}
    acquired = {"A/1/0": 0, "A/1/1": 7}
    write_plate(tmp_path / "Q.zarr", images, version, acquisitions=acquired)
    found = fields(tmp_path)
    assert list(found) == ["Q/A01/0/day0", "Q/A01/1/day7", "T/A01/0/1", "T/A01/0/2"]
    second = read_field(found["T/A01/0/2"], tmp_path, Z0)
    np.testing.assert_array_equal(second.channels["ch2"], noise(1, (2, 2, 64, 64))[1, 1])


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("micrometer", 1.0), ("nanometer", 1e-3), ("millimeter", 1e3), ("angstrom", 1e-4)],
)
def test_units_are_converted(tmp_path: Path, unit: str, factor: float) -> None:
    write_image(tmp_path / "a.zarr", noise(1), pixel_size=0.5 / factor, unit=unit)
    assert find_fields(tmp_path, Z0).pixel_size_um == pytest.approx(0.5)


@pytest.mark.parametrize("unit", [None, "pixel", "second", "furlong"])
def test_strange_units_are_unknown_and_not_one(tmp_path: Path, unit: str | None) -> None:
    write_image(tmp_path / "a.zarr", noise(1), unit=unit)
    listing = find_fields(tmp_path, Z0)
    assert listing.pixel_size_um is None
    assert read_field(listing.fields[0], tmp_path, Z0).pixel_size_um is None


def test_scales_of_image_and_level_multiply_and_must_be_square(tmp_path: Path) -> None:
    for name, whole in (("a", [2.0, 2.0]), ("b", [2.0, 3.0])):
        write_image(tmp_path / f"{name}.zarr", noise(1), pixel_size=0.4)
        path = tmp_path / f"{name}.zarr" / "zarr.json"
        told = json.loads(path.read_text())
        scales = told["attributes"]["ome"]["multiscales"][0]
        scales["coordinateTransformations"] = [{"type": "scale", "scale": whole}]
        path.write_text(json.dumps(told))
    found = fields(tmp_path)
    good, bad = (read_field(found[f"{tmp_path.name}/{name}"], tmp_path, Z0) for name in "ab")
    assert good.pixel_size_um == 0.8
    assert bad.pixel_size_um is None
    assert "not square" in bad.notes[0]


def test_beside_files_and_below_folders(tmp_path: Path) -> None:
    write_tiff(tmp_path / "plain.tif", noise(1), 0.65)
    write_plate(tmp_path / "deep" / "P1.zarr", {"B/3/0": noise(2)})
    write_plate(tmp_path / "other" / "P1.zarr", {"B/3/0": noise(3)})
    write_image(tmp_path / "alone.ome.zarr", noise(4))
    found = fields(tmp_path)
    top = tmp_path.name
    assert sorted(found) == sorted([f"{top}/plain", f"{top}/alone", "P1/B03/0", "other_P1/B03/0"])
    assert [outcome(tmp_path, field) for field in found.values()] == ["ok"] * 4


def test_root_may_be_a_plate_a_well_s_image_or_an_image(plate: Path) -> None:
    assert list(fields(plate)) == ["P1/B02/0", "P1/B02/1", "P1/C03/0", "P1/C03/1"]
    alone = fields(plate / "B" / "2" / "1")
    assert list(alone) == ["2/1"]
    assert outcome(plate / "B" / "2" / "1", alone["2/1"]) == "ok"


@BOTH
@pytest.mark.parametrize("listed", [True, False])
def test_bioformats2raw_collection(tmp_path: Path, version: str, listed: bool) -> None:
    top = tmp_path / "slide.zarr"
    for i in range(2):
        write_image(top / str(i), noise(i), version)
    set_group(top, version, {"bioformats2raw.layout": 3})
    set_group(top / "OME", version, {"series": ["1", "0"]} if listed else {})
    images = "".join(f'<Image ID="Image:{i}" Name="{name}"/>' for i, name in enumerate("xy"))
    (top / "OME" / "METADATA.ome.xml").write_text(f"<OME>{images}</OME>")
    found = fields(tmp_path)
    assert [f.split("/")[1] for f in found] == ["x", "y"]
    order = (1, 0) if listed else (0, 1)
    for field, seed in zip(found.values(), order, strict=True):
        np.testing.assert_array_equal(read_field(field, tmp_path, Z0).channels["ch1"], noise(seed))


def test_collection_without_a_list_goes_by_numbers(tmp_path: Path) -> None:
    top = tmp_path / "slide.zarr"
    for i in range(3):
        write_image(top / str(i), noise(i))
    set_group(top, "0.5", {"bioformats2raw.layout": 3})
    assert [f.split("/")[1] for f in fields(tmp_path)] == ["slide#0", "slide#1", "slide#2"]


@pytest.mark.parametrize("labels", [["DAPI", "DAPI"], ["DAPI"], [None, "GFP"], None])
def test_labels_that_cannot_tell_channels_apart(tmp_path: Path, labels: Any) -> None:
    write_image(tmp_path / "a.zarr", noise(1, (2, 64, 64)), letters="cyx", labels=labels)
    assert list(next(iter(fields(tmp_path).values())).channels) == ["ch1", "ch2"]


def test_channel_that_none_has_is_refused(plate: Path) -> None:
    with pytest.raises(ConfigError, match="DAPI"):
        find_fields(plate, ReadSettings(channel="DAPI"))


# --- what can be wrong, each for one field and never for its neighbours ---


@BOTH
def test_lost_wells_and_images_are_missing(tmp_path: Path, version: str) -> None:
    images = {"B/2/0": noise(0), "B/2/1": noise(1), "C/3/0": noise(2)}
    write_plate(tmp_path / "P.zarr", images, version)
    shutil.rmtree(tmp_path / "P.zarr" / "B" / "2" / "1")
    shutil.rmtree(tmp_path / "P.zarr" / "C" / "3")
    listing = find_fields(tmp_path, Z0)
    assert [field.field_id for field in listing.fields] == ["P/B02/0"]
    assert [field.field_id for field in listing.missing] == ["P/B02/1", "P/C03"]
    assert all(f.problem and f.problem[0] == "missing" for f in listing.missing)


def only_bad(plate: Path, reason: str, bad: str = "P1/B02/1") -> None:
    """One field has the reason, its neighbours are as they were."""
    found = {field_id: outcome(plate, field) for field_id, field in fields(plate).items()}
    expected = dict.fromkeys(("P1/B02/0", "P1/B02/1", "P1/C03/0", "P1/C03/1"), "ok")
    assert found == expected | {bad: reason}


def test_missing_chunk_is_no_black_square(plate: Path) -> None:
    (plate / "B/2/1/0/c/1/0").unlink()
    only_bad(plate, "missing_chunk")


def test_missing_chunk_with_the_same_one_lost_in_every_level(plate: Path) -> None:
    for level in "01":
        shutil.rmtree(plate / "B/2/1" / level / "c")
    only_bad(plate, "missing_chunk")


@pytest.mark.parametrize("size", [0, 7, 40, 2000])
def test_truncated_chunk(plate: Path, size: int) -> None:
    chunk = plate / "B/2/1/0/c/0/1"
    chunk.write_bytes(chunk.read_bytes()[:size])
    only_bad(plate, "unreadable")


@pytest.mark.parametrize(
    "codec", [{"compressors": None}, {"compressors": "gzip"}, {"shards": (128, 128)}]
)
def test_truncated_chunk_of_any_codec(tmp_path: Path, codec: dict[str, Any]) -> None:
    import zarr.codecs

    if codec.get("compressors") == "gzip":
        codec = {"compressors": zarr.codecs.GzipCodec()}
    write_plate(tmp_path / "P1.zarr", {"B/2/0": noise(0), "B/2/1": noise(1)}, **codec)
    for chunk in (p for p in (tmp_path / "P1.zarr/B/2/1/0/c").rglob("*") if p.is_file()):
        chunk.write_bytes(chunk.read_bytes()[:-9])
    found = {name: outcome(tmp_path, f) for name, f in fields(tmp_path).items()}
    assert found == {"P1/B02/0": "ok", "P1/B02/1": "unreadable"}


@BOTH
def test_chunk_left_out_as_empty_is_read_where_a_coarser_level_agrees(
    tmp_path: Path, version: str
) -> None:
    pixels = noise(1, (128, 128))
    pixels[:64, 64:] = 0
    settings: dict[str, Any] = {"config": {"write_empty_chunks": False}}
    write_plate(tmp_path / "P.zarr", {"A/1/0": pixels}, version, levels=3, **settings)
    (field,) = fields(tmp_path).values()
    image = read_field(field, tmp_path, Z0)
    np.testing.assert_array_equal(image.channels["ch1"], pixels)
    assert "hold the fill value" in image.notes[0]
    one_level = tmp_path / "one"
    write_plate(one_level / "P.zarr", {"A/1/0": pixels}, version, levels=1, **settings)
    (field,) = fields(one_level).values()
    assert outcome(one_level, field) == "missing_chunk"


def test_declared_size_beyond_the_data(plate: Path) -> None:
    edit(plate / "B/2/1/0/zarr.json", shape=[400, 400])
    only_bad(plate, "missing_chunk")
    edit(plate / "B/2/1/0/zarr.json", shape=[900_000, 900_000])
    only_bad(plate, "unreadable")


def test_declared_chunk_beyond_all_memory(plate: Path) -> None:
    grid = {"name": "regular", "configuration": {"chunk_shape": [900_000, 900_000]}}
    edit(plate / "B/2/1/0/zarr.json", chunk_grid=grid)
    only_bad(plate, "unreadable")


@pytest.mark.parametrize("letters", ["xy", "qyx", "yyx", "yxc"])
def test_axes_that_no_field_has(plate: Path, letters: str) -> None:
    path = plate / "B/2/1/zarr.json"
    told = json.loads(path.read_text())
    told["attributes"]["ome"]["multiscales"][0]["axes"] = axes(letters)
    path.write_text(json.dumps(told))
    only_bad(plate, "unsupported")


def test_axes_and_arrays_disagree(plate: Path) -> None:
    path = plate / "B/2/1/zarr.json"
    told = json.loads(path.read_text())
    told["attributes"]["ome"]["multiscales"][0]["axes"] = axes("cyx")
    path.write_text(json.dumps(told))
    assert {n: outcome(plate, f) for n, f in fields(plate).items()}["P1/B02/1"] == "unreadable"


@pytest.mark.parametrize("version", ["0.6", "0.5.2", "1.0"])
def test_unknown_version(plate: Path, version: str) -> None:
    path = plate / "B/2/1/zarr.json"
    told = json.loads(path.read_text())
    told["attributes"]["ome"]["version"] = version
    path.write_text(json.dumps(told))
    only_bad(plate, "unsupported")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"attributes": 3}', "\udcff"])
def test_damaged_metadata_of_an_image(plate: Path, text: str) -> None:
    (plate / "B/2/1/zarr.json").write_bytes(text.encode(errors="surrogateescape"))
    only_bad(plate, "unreadable")


def test_missing_or_damaged_array_metadata(plate: Path) -> None:
    (plate / "B/2/1/0/zarr.json").write_text("{}")
    only_bad(plate, "unreadable")
    (plate / "B/2/1/0/zarr.json").unlink()
    only_bad(plate, "missing_file")


def test_metadata_that_is_no_file(plate: Path) -> None:
    (plate / "B/2/1/zarr.json").unlink()
    (plate / "B/2/1/zarr.json").mkdir()
    only_bad(plate, "unreadable")
    (plate / "B/2/1/link").symlink_to("nowhere")
    assert "link absent" in stamp(plate, "B/2/1/")


def test_damaged_well_costs_its_fields(plate: Path) -> None:
    (plate / "B/2/zarr.json").write_text('{"attributes": {"ome": {"version": "0.5", "well": 1}}}')
    found = {name: outcome(plate, field) for name, field in fields(plate).items()}
    assert found == {"P1/B02": "unreadable", "P1/C03/0": "ok", "P1/C03/1": "ok"}


@pytest.mark.parametrize("told", ['{"plate": 3}', '{"plate": {"wells": [{}]}}', "{}", "nonsense"])
def test_damaged_plate_is_one_row(tmp_path: Path, told: str) -> None:
    folder = tmp_path / "P.zarr"
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(told)
    write_tiff(tmp_path / "fine.tif", noise(1), 0.65)
    found = {name: outcome(tmp_path, field) for name, field in fields(tmp_path).items()}
    assert sorted(found.values()) in (["ok", "unreadable"], ["ok", "unsupported"])


def test_folder_called_zarr_without_metadata_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "P.zarr" / "B" / "3").mkdir(parents=True)
    write_tiff(tmp_path / "P.zarr" / "B" / "3" / "stray.tif", noise(1), 0.65)
    (field,) = fields(tmp_path).values()
    assert field.problem is not None
    assert "no OME-Zarr metadata" in field.problem[1]


def test_image_that_went_away_after_the_plan(plate: Path) -> None:
    found = fields(plate)
    shutil.rmtree(plate / "B/2/1")
    assert outcome(plate, found["P1/B02/1"]) == "missing_file"


def test_unknown_codec(plate: Path) -> None:
    edit(plate / "B/2/1/0/zarr.json", codecs=[{"name": "no-such-codec", "configuration": {}}])
    only_bad(plate, "unreadable")


@pytest.mark.parametrize(
    ("dtype", "reason"), [("complex64", "unsupported"), ("float32", "non_finite"), ("int8", "ok")]
)
def test_types_of_values(tmp_path: Path, dtype: str, reason: str) -> None:
    pixels = noise(1).astype(dtype)
    if dtype == "float32":
        pixels[3, 4] = np.nan
    write_image(tmp_path / "a.zarr", pixels)
    (field,) = fields(tmp_path).values()
    assert outcome(tmp_path, field) == reason


def test_big_endian_and_filled_levels_are_level_0_only(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr", noise(1).astype(">u2"), "0.4")
    shutil.rmtree(tmp_path / "a.zarr" / "1")
    (field,) = fields(tmp_path).values()
    np.testing.assert_array_equal(read_field(field, tmp_path, Z0).channels["ch1"], noise(1))


# --- resume, and what must not be imported ---


def test_stamp_sees_chunks_and_metadata_but_neither_labels_nor_neighbours(plate: Path) -> None:
    before = stamp(plate, "B/2/1/")
    (plate / "B/2/0/0/c/0/0").write_bytes(b"other")
    (plate / "B/2/1/labels").mkdir()
    (plate / "B/2/1/labels/zarr.json").write_text("{}")
    assert stamp(plate, "B/2/1/") == before
    chunk = plate / "B/2/1/0/c/0/0"
    chunk.write_bytes(chunk.read_bytes())
    after = stamp(plate, "B/2/1/")
    assert after != before
    chunk.unlink()
    assert stamp(plate, "B/2/1/") not in (before, after)


def test_plan_imports_neither_zarr_nor_fsspec(plate: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from monolayer.read.plan import find_fields\n"
        "from monolayer.read.settings import ReadSettings\n"
        f"assert len(find_fields(Path({str(plate)!r}), ReadSettings()).fields) == 4\n"
        "sys.exit(', '.join({'zarr', 'fsspec', 'dask', 'tifffile'} & set(sys.modules)) or 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_missing_extra_is_one_sentence(plate: Path) -> None:
    code = (
        "import sys; sys.modules['zarr'] = None\n"
        "from monolayer.cli import main\n"
        f"main(['run', {str(plate)!r}, '-o', {str(plate.parent / 'RUN')!r}])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2, run.stderr
    assert "pip install 'monolayer[zarr]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_layout_by_name(plate: Path, tmp_path: Path) -> None:
    assert find_fields(plate, Z0, "ome-zarr").layout == "ome-zarr"
    empty = tmp_path / "empty"
    write_tiff(empty / "a.tif", noise(1), 0.65)
    with pytest.raises(InputError, match="no OME-Zarr"):
        find_fields(empty, Z0, "ome-zarr")
    with pytest.raises(InputError, match="OME-Zarrs"):
        find_fields(plate, Z0, "cv8000")
