"""Real plates of real instruments, each known by heart."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from monolayer.errors import ImageError
from monolayer.read import Listing, ReadSettings, find_fields, read_field

pytestmark = pytest.mark.data


def ids(listing: Listing) -> list[str]:
    return [field.field_id for field in listing.fields]


def test_metaxpress_export_of_one_image(data_folder: Path) -> None:
    root = data_folder / "readers/imagexpress_exported/9987_Plate_3420"
    listing = find_fields(root, ReadSettings())
    assert (listing.layout, ids(listing)) == ("metaxpress", ["9987/B02/1/1"])
    assert (listing.pixel_size_um, listing.pixel_size_source) == (1.3672, "MetaMorph")
    assert listing.missing == ()
    image = read_field(listing.fields[0], root, ReadSettings())
    expected = tifffile.imread(root / "TimePoint_1/9987_B02.TIF")
    np.testing.assert_array_equal(image.channels["w1"], expected)
    assert image.shape == (256, 256)
    assert (image.pixel_size_um, image.full_scale) == (1.3672, {"w1": 65535.0})
    assert image.notes == ()


def test_metaxpress_export_of_two_times(data_folder: Path) -> None:
    root = data_folder / "readers/imagexpress_exported/9987_Plate_3435"
    listing = find_fields(root, ReadSettings())
    assert ids(listing) == [
        f"9987/{well}/{s}/{t}" for well in ("B02", "B03") for t in (1, 2) for s in (1, 2)
    ]
    assert {tuple(f.channels) for f in listing.fields} == {("w1", "w2")}
    assert {f.well_text for f in listing.fields} == {"B02", "B03"}
    # The HTD file planned six time points of two sites in two wells; four did not come.
    assert [f.field_id for f in listing.missing] == [
        f"9987/{well}/{s}/{t}" for well in ("B02", "B03") for t in (3, 4, 5, 6) for s in (1, 2)
    ]
    assert listing.incomplete == ()
    (late,) = [f for f in listing.fields if f.field_id == "9987/B03/2/2"]
    image = read_field(late, root, ReadSettings())
    for w in ("w1", "w2"):
        expected = tifffile.imread(root / f"TimePoint_2/9987_B03_s2_{w}.TIF")
        np.testing.assert_array_equal(image.channels[w], expected)


def test_two_metaxpress_plates_of_one_name(data_folder: Path) -> None:
    listing = find_fields(data_folder / "readers/imagexpress_exported", ReadSettings())
    assert len(listing.fields) == 9
    assert {f.plate for f in listing.fields} == {"9987_Plate_3420", "9987_Plate_3435"}
    assert {f.problem for f in listing.fields} == {None}
    assert len(listing.missing) == 16


def test_metaxpress_native_with_stacks_and_projections(data_folder: Path) -> None:
    root = data_folder / "readers/imagexpress_native"
    listing = find_fields(root, ReadSettings())
    assert listing.layout == "metaxpress_native"
    assert ids(listing) == ["Projection-Mix/E07/1"]
    (field,) = listing.fields
    assert {name: len(planes) for name, planes in field.channels.items()} == {
        "w1": 2, "w2": 2, "w3": 1, "w4": 1}  # fmt: skip
    assert ["ZStep_1" in p.path for p in field.channels["w1"]] == [True, False]
    reasons = [reason for _, reason in listing.ignored]
    assert reasons.count("thumbnail") == 8
    assert reasons.count("projection of planes that are here") == 2
    assert listing.pixel_size_um == 1.3668
    image = read_field(field, root, ReadSettings(z="max"))
    planes = [tifffile.imread(root / p.path) for p in field.channels["w2"]]
    np.testing.assert_array_equal(image.channels["w2"], np.maximum(*planes))
    assert image.shape == (512, 512)
    assert read_field(field, root, ReadSettings()).notes == (
        "Z: plane 2 of 2 (best focus, as z was not set).",
    )


def test_cv8000(data_folder: Path) -> None:
    root = data_folder / "readers/cv8000"
    listing = find_fields(root, ReadSettings())
    plate = "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
    assert listing.layout == "cv8000"
    assert ids(listing) == [f"{plate}/D08/{f}/1" for f in (1, 2, 3, 4)]
    for field in listing.fields:
        assert {name: len(planes) for name, planes in field.channels.items()} == {
            "C01": 4, "C02": 4}  # fmt: skip
        assert [p.z for p in field.channels["C02"]] == [0, 1, 2, 3]
        assert [p.path[-10:-4] for p in field.channels["C02"]] == [
            "Z01C02", "Z02C02", "Z03C02", "Z04C02"]  # fmt: skip
    # MeasurementData.mlf lists two more wells.
    assert [f.field_id for f in listing.missing] == [
        f"{plate}/{well}/{f}/1" for well in ("E03", "F08") for f in (1, 2, 3, 4)
    ]
    assert (listing.pixel_size_um, listing.pixel_size_source) == (0.325, "MeasurementDetail.mrf")
    image = read_field(listing.fields[0], root, ReadSettings(z=0))
    assert image.shape == (2000, 2000)
    assert image.pixel_size_um == 0.325


def test_cellprofiler_sbs(data_folder: Path) -> None:
    root = data_folder / "readers/cellprofiler_sbs"
    listing = find_fields(root, ReadSettings())
    assert listing.layout == "cellprofiler_sbs"
    assert ids(listing) == [f"cellprofiler_sbs/{well}/1" for well in ("A01", "A06", "A12")]
    assert {tuple(f.channels) for f in listing.fields} == {("Channel1", "Channel2")}
    assert listing.ignored == (("1049_Metadata.csv", "not an image"),)
    assert listing.missing == ()
    assert listing.pixel_size_um is None  # Photoshop's 72 dpi
    image = read_field(listing.fields[1], root, ReadSettings())
    # The files are palette images; the palette is a grey ramp and changes nothing.
    expected = tifffile.imread(root / "Channel2-06-A-06.tif")
    np.testing.assert_array_equal(image.channels["Channel2"], expected)
    assert (image.shape, image.pixel_size_um, image.pixel_size_source) == ((640, 640), None, "")


def test_cellprofiler_examplehuman(data_folder: Path) -> None:
    root = data_folder / "readers/cellprofiler_examplehuman"
    listing = find_fields(root, ReadSettings())
    assert listing.layout == "cellomics"
    assert ids(listing) == ["AS_09125_050116030001/D03/0"]
    assert list(listing.fields[0].channels) == ["d0", "d1", "d2"]
    image = read_field(listing.fields[0], root, ReadSettings())
    assert image.shape == (512, 512)
    assert image.pixel_size_um is None
    expected = tifffile.imread(root / "AS_09125_050116030001_D03f00d0.tif")
    np.testing.assert_array_equal(image.channels["d0"], expected)


def test_cellprofiler_wound(data_folder: Path) -> None:
    root = data_folder / "readers/cellprofiler_wound"
    listing = find_fields(root, ReadSettings())
    assert [(f.plate, f.well, f.well_text, f.time) for f in listing.fields] == [
        ("DMSO", "B05", "B5", "0"), ("DMSO", "B05", "B5", "24")]  # fmt: skip
    with pytest.raises(ImageError, match="colour image where grey is expected"):
        read_field(listing.fields[0], root, ReadSettings())
    image = read_field(listing.fields[0], root, ReadSettings(rgb="luminance"))
    assert image.shape == (1536, 2304)
    assert image.channels["ch1"].dtype == np.uint8


def test_bbbc039_names(data_folder: Path) -> None:
    root = data_folder / "nuclei_fluo/bbbc039/images"
    listing = find_fields(root, ReadSettings())
    assert listing.layout == "metaxpress_native"
    assert len(listing.fields) == 40
    assert "IXMtest/G06/3" in ids(listing)
    assert {tuple(f.channels) for f in listing.fields} == {("w1",)}
    # Two acquisitions of one site lie in the set, and no name says which is which.
    assert sorted(f.paths[0] for f in listing.fields if f.problem) == [
        "IXMtest_P07_s8_w144364F.tif", "IXMtest_P07_s8_w19D682C.tif"]  # fmt: skip
    assert listing.missing == ()
    plain = find_fields(root, ReadSettings(), layout="plain")
    assert [f.problem for f in plain.fields] == [None] * 40


@pytest.mark.parametrize(
    ("folder", "n", "shape"),
    [
        ("nuclei_fluo/dsb2018/images", 163, None),
        ("nuclei_fluo/mnfinder/images", 13, (768, 869)),
        ("phase/usiigaci/images", 12, (1022, 1024)),
        ("livedead_brightfield/ldc/images", 221, None),
    ],
)
def test_plain_folders(
    data_folder: Path, folder: str, n: int, shape: tuple[int, int] | None
) -> None:
    root = data_folder / folder
    listing = find_fields(root, ReadSettings())
    assert (listing.layout, len(listing.fields)) == ("plain", n)
    for field in listing.fields[:: max(1, n // 5)]:
        image = read_field(field, root, ReadSettings())
        assert field.field == Path(field.paths[0]).stem
        assert shape is None or image.shape == shape
