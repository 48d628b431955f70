"""Pixel size: from whoever says it, in any unit, and unknown where nobody can be believed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from monolayer.read import ReadSettings, find_fields, read_field

PIXELS = np.zeros((8, 8), np.uint16)


def size(root: Path, **settings: Any) -> tuple[float | None, str, tuple[str, ...]]:
    """As read, having checked that the plan says the same."""
    chosen = ReadSettings(**settings)
    listing = find_fields(root, chosen)
    image = read_field(listing.fields[0], root, chosen)
    planned = (listing.pixel_size_um, listing.pixel_size_source)
    assert planned == (image.pixel_size_um, image.pixel_size_source)
    return image.pixel_size_um, image.pixel_size_source, image.notes


@pytest.mark.parametrize(
    ("value", "unit", "um"),
    [(0.65, "µm", 0.65), (650, "nm", 0.65), (6.5e-4, "mm", 0.65), (6.5e-7, "m", 0.65),
     (6500, "Å", 0.65), (6.5e-5, "cm", 0.65), (0.65, None, 0.65), (650000, "pm", 0.65)],
)  # fmt: skip
def test_ome_units(tmp_path: Path, value: float, unit: str | None, um: float) -> None:
    metadata: dict[str, Any] = {"axes": "YX", "PhysicalSizeX": value, "PhysicalSizeY": value}
    if unit:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    found, source, _ = size(tmp_path)
    assert found == pytest.approx(um)
    assert source == "OME-XML"


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_ome_without_a_length(tmp_path: Path, unit: str) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 1.0, "PhysicalSizeXUnit": unit,
                "PhysicalSizeY": 1.0, "PhysicalSizeYUnit": unit}  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    assert size(tmp_path)[:2] == (None, "")


@pytest.mark.parametrize(
    ("unit", "um_per_unit"),
    [("um", 1), ("micron", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4)],
)
def test_imagej_units(tmp_path: Path, unit: str, um_per_unit: float) -> None:
    per_unit = um_per_unit / 0.325
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, imagej=True, resolution=(per_unit, per_unit),
        metadata={"unit": unit},
    )  # fmt: skip
    found, source, _ = size(tmp_path)
    assert found == pytest.approx(0.325, rel=1e-6)
    assert source == "ImageJ"


@pytest.mark.parametrize("unit", ["pixel", "inch", None])
def test_imagej_without_a_length(tmp_path: Path, unit: str | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, imagej=True, resolution=(1.0, 1.0),
        metadata={"unit": unit} if unit else {},
    )  # fmt: skip
    assert size(tmp_path)[:2] == (None, "")


def metamorph(state: str = "on", x: float = 1.3672, y: float = 1.3672, units: str = "um") -> str:
    return (
        "<MetaData>\r\n<PlaneInfo>\r\n"
        f'<prop id="spatial-calibration-state" type="bool" value="{state}"/>\r\n'
        f'<prop id="spatial-calibration-x" type="float" value="{x}"/>\r\n'
        f'<prop id="spatial-calibration-y" type="float" value="{y}"/>\r\n'
        f'<prop id="spatial-calibration-units" type="string" value="{units}"/>\r\n'
        "</PlaneInfo>\r\n</MetaData>"
    )


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (metamorph(), (1.3672, "MetaMorph")),
        (metamorph(x=1367.2, y=1367.2, units="nm"), (pytest.approx(1.3672), "MetaMorph")),
        (metamorph("off"), (None, "")),
        (metamorph(units="pixel"), (None, "")),
    ],
)
def test_metamorph(tmp_path: Path, description: str, expected: tuple[Any, str]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, description=description, metadata=None)
    assert size(tmp_path)[:2] == expected


@pytest.mark.parametrize(
    ("x", "y", "note"),
    [(1.0, 1.02, "not square"), (1000.0, 1000.0, "outside 0.01 to 100"), (0.0, 0.0, "outside"),
     (0.001, 0.001, "outside")],
)  # fmt: skip
def test_sizes_that_cannot_be_are_unknown_with_a_note(
    tmp_path: Path, x: float, y: float, note: str
) -> None:
    description = metamorph(x=x, y=y)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, description=description, metadata=None)
    um, source, notes = size(tmp_path)
    assert (um, source) == (None, "")
    assert len(notes) == 1
    assert note in notes[0]
    assert "MetaMorph" in notes[0]


def test_nearly_square_pixels_are_square(tmp_path: Path) -> None:
    description = metamorph(x=1.0, y=1.005)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, description=description, metadata=None)
    assert size(tmp_path) == (1.0, "MetaMorph", ())


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [
        ((72, 72), "INCH", None), ((96, 96), "INCH", None), ((300, 300), "INCH", None),
        ((600, 600), "INCH", None), ((28.35, 28.35), "CENTIMETER", None), ((1, 1), "NONE", None),
        ((1, 1), "INCH", None), ((1e4 / 0.65, 1e4 / 0.65), "CENTIMETER", 0.65),
        ((25400 / 0.5, 25400 / 0.5), "INCH", 0.5), ((1e4, 1e4), "NONE", None),
    ],
)  # fmt: skip
def test_resolution_tags_count_where_no_printer_is_as_fine(
    tmp_path: Path, resolution: tuple[float, float], unit: str, um: float | None
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, resolution=resolution, resolutionunit=unit)
    found, source, notes = size(tmp_path)
    assert found == (None if um is None else pytest.approx(um, rel=1e-6))
    assert source == ("TIFF resolution tags" if um else "")
    assert notes == ()


def test_opera_index(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "r01c01f01p01-ch1sk1fk1fl1.tiff", PIXELS)
    (tmp_path / "Index.idx.xml").write_text(
        '<E><Image><ImageResolutionX Unit="m">2.98E-07</ImageResolutionX>'
        '<ImageResolutionY Unit="m">2.98E-07</ImageResolutionY></Image></E>'
    )
    found, source, _ = size(tmp_path)
    assert found == pytest.approx(0.298)
    assert source == "Index.idx.xml"


def test_yokogawa_detail_tells_each_channel(tmp_path: Path) -> None:
    for c in (1, 2):
        tifffile.imwrite(tmp_path / f"P_A01_T0001F001L01A0{c}Z01C0{c}.tif", PIXELS)
    (tmp_path / "MeasurementDetail.mrf").write_text("".join(
        f'<bts:MeasurementChannel bts:Ch="{c}" bts:HorizontalPixelDimension="{um}" '
        f'bts:VerticalPixelDimension="{um}" />' for c, um in ((1, 0.325), (2, 0.65))
    ))  # fmt: skip
    assert size(tmp_path) == (0.325, "MeasurementDetail.mrf", ())
    assert size(tmp_path, channel="C02") == (0.65, "MeasurementDetail.mrf", ())


def test_the_users_value_wins(tmp_path: Path) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 0.65, "PhysicalSizeY": 0.65}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    assert size(tmp_path, pixel_size_um=0.5)[:2] == (0.5, "--pixel-size-um or method")


def test_unknown_is_none_and_never_one(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    assert size(tmp_path) == (None, "", ())


def test_the_plan_skips_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "b.tif", PIXELS, description=metamorph(), metadata=None)
    listing = find_fields(tmp_path, ReadSettings())
    assert (listing.pixel_size_um, listing.pixel_size_source) == (1.3672, "MetaMorph")
