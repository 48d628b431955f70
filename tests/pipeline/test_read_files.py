"""Files: every format, compression, number type and axis order gives the pixels written."""

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from monolayer.errors import ConfigError
from monolayer.field import Field, FieldImage
from monolayer.read import ReadSettings, as_grey, find_fields, read_field
from monolayer.read.focus import sharpness
from monolayer.read.lzw import lzw_pixels


def noise(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> NDArray[Any]:
    """Every pixel different enough that a swapped axis or byte shows."""
    top = 4000 if np.dtype(dtype).itemsize > 1 else 250
    return np.random.default_rng(seed).integers(1, top, shape).astype(dtype)


def one(path: Path, **settings: Any) -> FieldImage:
    """Read the only field of a folder."""
    (field,) = find_fields(path.parent, ReadSettings(**settings)).fields
    return read_field(field, path.parent, ReadSettings(**settings))


def read_all(root: Path, **settings: Any) -> Mapping[str, FieldImage]:
    chosen = ReadSettings(**settings)
    listing = find_fields(root, chosen)
    return {f.field_id.split("/", 1)[1]: read_field(f, root, chosen) for f in listing.fields}


@pytest.mark.parametrize("compression", [
    None, "lzw", "zlib", "zstd", "packbits", "lzma", "jpeg2000", "lerc", "jpegxl", "png", "deflate",
])  # fmt: skip
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_tiff_compressions(
    tmp_path: Path, compression: str | None, tile: tuple[int, int] | None
) -> None:
    pixels = noise((45, 70))
    lossless: dict[str, Any] = {}
    if compression == "jpeg2000":
        lossless = {"compressionargs": {"reversible": True, "level": 0}}
    if compression == "jpegxl":
        lossless = {"compressionargs": {"lossless": True}}
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, tile=tile, **lossless)
    image = one(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.channels["ch1"], pixels)
    assert image.channels["ch1"].dtype == np.uint16


@pytest.mark.parametrize("options", [
    {"bigtiff": True}, {"byteorder": ">"}, {"byteorder": ">", "bigtiff": True},
    {"predictor": True, "compression": "zlib"}, {"rowsperstrip": 7}, {"subfiletype": 2},
])  # fmt: skip
def test_tiff_variants(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = noise((45, 70))
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    read = one(tmp_path / "a.tif").channels["ch1"]
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype.isnative


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "<u2", ">u2", "int16", "float32"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 45])
def test_lzw_strips_as_tifffile_reads_them(
    tmp_path: Path, dtype: str, predictor: bool, rows: int
) -> None:
    pixels = noise((45, 70), "uint16").astype(dtype)
    path, order = tmp_path / "a.tif", {"byteorder": ">"} if dtype.startswith(">") else {}
    options: dict[str, Any] = {"predictor": predictor, "rowsperstrip": rows, **order}
    tifffile.imwrite(path, pixels, compression="lzw", **options)
    with tifffile.TiffFile(path) as tif:
        ours = lzw_pixels(tif.pages[0].aspage())
    if pixels.dtype.kind == "u":
        np.testing.assert_array_equal(ours, tifffile.imread(path))
        assert ours is not None
        assert ours.dtype.isnative
    else:
        assert ours is None  # left to tifffile
    np.testing.assert_array_equal(one(path).channels["ch1"], pixels)


@pytest.mark.parametrize("odd", ["bits", "tiles", "colour", "strips", "code"])
def test_odd_lzw_is_left_to_tifffile(tmp_path: Path, odd: str) -> None:
    path, pixels = tmp_path / "a.tif", noise((45, 70))
    options: dict[str, Any] = {"tile": (16, 16)} if odd == "tiles" else {"rowsperstrip": 9}
    if odd == "colour":
        pixels = np.dstack([pixels] * 3)
        options["photometric"] = "rgb"
    tifffile.imwrite(path, pixels, compression="lzw", **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        page = tif.pages[0].aspage()
        if odd == "bits":
            page.fillorder = 2
        if odd == "strips":
            page.rowsperstrip = 3
        if odd == "code":
            tif.filehandle.seek(page.dataoffsets[-1])
            tif.filehandle.write(b"\0")
        assert lzw_pixels(page) is None


@pytest.mark.parametrize(
    ("dtype", "values", "working", "expected"),
    [
        ("bool", [0, 1], "uint8", [0, 255]),
        ("uint8", [0, 255], "uint8", [0, 255]),
        ("int8", [0, 127], "uint8", [0, 127]),
        ("int8", [-1, 127], "float32", [-1, 127]),
        ("uint16", [0, 65535], "uint16", [0, 65535]),
        ("int16", [0, 32767], "uint16", [0, 32767]),
        ("int16", [-5, 32767], "float32", [-5, 32767]),
        ("uint32", [0, 65535], "uint16", [0, 65535]),
        ("uint32", [0, 65536], "float32", [0, 65536]),
        ("int32", [7, 8], "uint16", [7, 8]),
        ("uint64", [0, 65536], "float32", [0, 65536]),
        ("float16", [0.5, -2], "float32", [0.5, -2]),
        ("float32", [0.1, 1e30], "float32", [0.1, 1e30]),
        ("float64", [0.1, 7.5], "float32", [0.1, 7.5]),
    ],
)
def test_number_types(
    tmp_path: Path, dtype: str, values: list[float], working: str, expected: list[float]
) -> None:
    pixels = np.zeros((6, 8), dtype)
    pixels[2, 3:5] = values
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    read = one(tmp_path / "a.tif").channels["ch1"]
    assert read.dtype == np.dtype(working)
    assert read[2, 3:5].tolist() == np.array(expected, working).tolist()
    assert read.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_png(tmp_path: Path, dtype: str, order: Any) -> None:
    pixels = np.asarray(noise((31, 20), dtype), order=order)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    read = one(tmp_path / "a.png").channels["ch1"]
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == np.dtype(dtype)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg(tmp_path: Path, suffix: str) -> None:
    y, x = np.mgrid[:48, :64]
    pixels = (2 * y + x).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(imagecodecs.jpeg_encode(pixels, level=100))
    read = one(path).channels["ch1"]
    assert np.abs(read.astype(int) - pixels).max() <= 3


def test_pyramid_gives_the_full_resolution(tmp_path: Path) -> None:
    pixels = noise((64, 96))
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(pixels, subifds=2, tile=(16, 16), metadata={"axes": "YX"})
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(16, 16))
        writer.write(pixels[::4, ::4], subfiletype=1, tile=(16, 16))
    (image,) = read_all(tmp_path).values()
    np.testing.assert_array_equal(image.channels["ch1"], pixels)


def test_reduced_pages_of_a_flat_pyramid_are_not_planes(tmp_path: Path) -> None:
    pixels = noise((64, 96))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(pixels, metadata=None)
        writer.write(pixels[::2, ::2], subfiletype=1, metadata=None)
    image = one(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.channels["ch1"], pixels)
    assert image.notes == ()


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "CTZYX", "ZCTYX", "CZTYX", "ZTCYX"])
@pytest.mark.parametrize("ome", [True, False])
def test_axes_in_any_order(tmp_path: Path, axes: str, ome: bool) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 20, "X": 24}
    data = noise(tuple(sizes[a] for a in axes))
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    tifffile.imwrite(path, data, ome=ome, metadata={"axes": axes}, photometric="minisblack")
    by_tcz = np.transpose(data, [axes.index(a) for a in "TCZYX"])
    images = read_all(tmp_path, z=2)
    assert list(images) == ["a/1", "a/2"]
    for t, image in enumerate(images.values()):
        assert list(image.channels) == ["ch1", "ch2", "ch3"]
        for c, pixels in enumerate(image.channels.values()):
            np.testing.assert_array_equal(pixels, by_tcz[t, c, 2])
    highest = read_all(tmp_path, z="max")["a/2"]
    np.testing.assert_array_equal(highest.channels["ch3"], by_tcz[1, 2].max(axis=0))
    assert highest.notes == ("Z: maximum of 4 planes.",)


def test_imagej_hyperstack(tmp_path: Path) -> None:
    data = noise((2, 3, 4, 20, 24))  # ImageJ's TZCYX
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    images = read_all(tmp_path, z=1, channel="ch4")
    assert list(images) == ["a/1", "a/2"]
    np.testing.assert_array_equal(images["a/2"].channels["ch4"], data[1, 1, 3])


def test_imagej_stack_of_one_directory(tmp_path: Path) -> None:
    """ImageJ writes stacks above 4 GB with one directory; a small one stands for them."""
    data = noise((2, 3, 20, 24))
    tifffile.imwrite(
        tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TCYX"}, truncate=True
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert len(tif.pages) == 1
    images = read_all(tmp_path)
    for t in range(2):
        for c in range(3):
            np.testing.assert_array_equal(images[f"a/{t + 1}"].channels[f"ch{c + 1}"], data[t, c])


def test_ome_channel_names_and_positions(tmp_path: Path) -> None:
    first, second = noise((2, 20, 24), seed=1), noise((2, 20, 24), seed=2)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        for data in (first, second):
            writer.write(
                data, metadata={"axes": "CYX", "Channel": {"Name": ["FITC", "DAPI"]}},
                photometric="minisblack",
            )  # fmt: skip
    images = read_all(tmp_path)
    assert list(images) == ["a#1", "a#2"]
    assert list(images["a#2"].channels) == ["DAPI", "FITC"]
    np.testing.assert_array_equal(images["a#2"].channels["DAPI"], second[1])
    np.testing.assert_array_equal(images["a#1"].channels["FITC"], first[0])


def test_ome_single_page_takes_its_channel_name(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif", noise((9, 9)),
        metadata={"axes": "YX", "Channel": {"Name": ["Hoechst"]}},
    )  # fmt: skip
    (image,) = read_all(tmp_path).values()
    assert list(image.channels) == ["Hoechst"]


def test_ome_set_over_several_files(tmp_path: Path) -> None:
    """Each file of a set describes the whole set: only its own planes are its own."""
    xml = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
    <Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="12"
    SizeY="10" SizeC="2" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" Name="GFP"/>
    <Channel ID="Channel:0:1" Name="DAPI"/>
    <TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="g.ome.tif">urn:1</UUID></TiffData>
    <TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="d.ome.tif">urn:2</UUID></TiffData>
    </Pixels></Image></OME>"""
    data = noise((2, 10, 12))
    for name, pixels in zip(("g", "d"), data, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", pixels, description=xml, metadata=None)
    images = read_all(tmp_path)
    assert {k: list(v.channels) for k, v in images.items()} == {"d": ["DAPI"], "g": ["GFP"]}
    np.testing.assert_array_equal(images["d"].channels["DAPI"], data[1])


def test_pages_that_say_nothing_are_planes_with_a_note(tmp_path: Path) -> None:
    data = noise((3, 20, 24))
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, photometric="minisblack")
    image = one(tmp_path / "a.tif", z=1)
    np.testing.assert_array_equal(image.channels["ch1"], data[1])
    assert image.notes == ("a.tif does not say what its pages are: taken as planes of a Z stack.",)


def write_stk(path: Path, data: NDArray[Any], um: float) -> None:
    """A MetaMorph stack by hand: one directory, the images behind one another.

    Its two tags count planes and settings, not values, which no TIFF writer can be told: they
    are written under their true size and patched.
    """
    n = len(data)
    uic2 = np.zeros((n, 6), np.uint32)
    uic2[:, 0], uic2[:, 1] = np.arange(n) + 1, 1  # z positions as fractions
    settings = [3, 1, 4, 0xAAAAAAAA, 5, 0xAAAAAAAA, 6, 0xBBBBBBBB]
    tifffile.imwrite(
        path, data[0], metadata=None, description="stack",
        extratags=[(33628, 4, 8, settings, True), (33629, 5, 3 * n, uic2.tobytes(), True)],
    )  # fmt: skip
    raw = path.read_bytes()
    end = len(raw) + data[1:].nbytes
    for old, new in (
        (struct.pack("<HHI", 33628, 4, 8), struct.pack("<HHI", 33628, 4, 4)),
        (struct.pack("<HHI", 33629, 5, 6 * n), struct.pack("<HHI", 33629, 5, n)),
        (struct.pack("<I", 0xAAAAAAAA), struct.pack("<I", end)),
        (struct.pack("<I", 0xBBBBBBBB), struct.pack("<I", end + 8)),
    ):
        assert old in raw
        raw = raw.replace(old, new)
    tail = struct.pack("<III", round(um * 1000), 1000, 3) + b"um\0"
    path.write_bytes(raw + data[1:].tobytes() + tail)


def test_stk_stack(tmp_path: Path) -> None:
    data = noise((3, 8, 10))
    write_stk(tmp_path / "a.stk", data, 0.645)
    images = [one(tmp_path / "a.stk", z=z) for z in range(3)]
    np.testing.assert_array_equal([image.channels["ch1"] for image in images], data)
    assert (images[0].pixel_size_um, images[0].pixel_size_source) == (0.645, "MetaMorph")


def test_best_focus_takes_one_plane_for_all_channels(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :40]
    checks = (((y // 4 + x // 4) % 2) * 1000).astype(np.uint16)
    flat = np.full((40, 40), 500, np.uint16)
    planes = {("w1", 1): flat, ("w1", 2): checks, ("w2", 1): checks + 1, ("w2", 2): flat + 1}
    for (channel, z), pixels in planes.items():
        path = tmp_path / f"ZStep_{z}" / f"P_A01_s1_{channel}.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, pixels)
    image = one(tmp_path / "x")
    np.testing.assert_array_equal(image.channels["w1"], checks)
    np.testing.assert_array_equal(image.channels["w2"], flat + 1)
    assert image.notes == ("Z: plane 2 of 2 (best focus, as z was not set).",)
    asked = one(tmp_path / "x", z="best_focus", channel="w2")
    np.testing.assert_array_equal(asked.channels["w2"], checks + 1)
    assert asked.notes == ("Z: plane 1 of 2 (best focus).",)


def test_ties_of_focus_go_to_the_first_plane(tmp_path: Path) -> None:
    data = np.zeros((4, 16, 16), np.uint16)
    data[1:, 8, 8] = 100
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "ZYX"}, photometric=1)
    (image,) = read_all(tmp_path).values()
    assert image.notes == ("Z: plane 2 of 4 (best focus, as z was not set).",)


def test_sharpness_by_hand() -> None:
    pixels = np.zeros((8, 8))
    pixels[2:4, 2:4] = 3  # one binned pixel of 12 in a 4 x 4 image, inside are 2 x 2
    laplacian = np.array([[-48, 12], [12, 0]])
    assert sharpness(pixels) == pytest.approx(laplacian.var())
    assert sharpness(np.ones((5, 100))) == 0.0
    assert sharpness(pixels.astype(np.uint8)) == sharpness(np.asfortranarray(pixels))


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_equal_colours_are_grey(tmp_path: Path, suffix: str) -> None:
    grey = noise((12, 14), "uint8")
    rgb = np.stack([grey] * 3, axis=-1)
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, rgb, photometric="rgb")
    else:
        path.write_bytes(imagecodecs.png_encode(rgb))
    image = one(path)
    np.testing.assert_array_equal(image.channels["ch1"], grey)
    assert image.notes == (f"a{suffix}: three equal colours are read as grey.",)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_by_setting(tmp_path: Path, planar: str) -> None:
    rgb = noise((12, 14, 3), "uint8")
    data = rgb if planar == "contig" else np.moveaxis(rgb, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planar)
    for i, colour in enumerate(("red", "green", "blue")):
        image = one(tmp_path / "a.tif", rgb=colour)
        np.testing.assert_array_equal(image.channels["ch1"], rgb[..., i])
    luma = one(tmp_path / "a.tif", rgb="luminance").channels["ch1"]
    expected = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))
    assert np.abs(luma - expected).max() <= 1
    assert luma.dtype == np.uint8


def test_alpha_is_ignored(tmp_path: Path) -> None:
    data = noise((12, 14, 2), "uint8")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    image = one(tmp_path / "a.png")
    np.testing.assert_array_equal(image.channels["ch1"], data[..., 0])
    assert image.notes == ("a.png: alpha is ignored.",)


def test_white_is_zero_is_turned_round(tmp_path: Path) -> None:
    pixels = noise((12, 14), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    np.testing.assert_array_equal(one(tmp_path / "a.tif").channels["ch1"], 255 - pixels)


def test_palettes(tmp_path: Path) -> None:
    """A look-up table that only colours a grey scale is not the data; a map of colours is."""
    pixels = noise((12, 14), "uint8")
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    blue = np.stack([np.zeros_like(ramp), np.zeros_like(ramp), ramp])
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="palette", colormap=blue)
    np.testing.assert_array_equal(one(tmp_path / "a.tif").channels["ch1"], pixels)
    down = np.stack([ramp[::-1]] * 3)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="palette", colormap=down)
    np.testing.assert_array_equal(one(tmp_path / "a.tif").channels["ch1"], down[0][pixels])


@pytest.mark.parametrize(
    ("largest", "options", "expected"),
    [
        (4095, {}, 4095), (4094, {}, 65535), (1023, {}, 1023), (16383, {}, 16383),
        (65535, {}, 65535),
        (500, {"ome": True, "metadata": {"SignificantBits": 12}}, 4095),
        (5000, {"ome": True, "metadata": {"SignificantBits": 12}}, 65535),
        (4095, {"ome": True, "metadata": {"SignificantBits": 16}}, 4095),
        (500, {"description": '<MetaData><prop id="Camera Bit Depth" type="float" value="14"/>'},
         16383),
    ],
)  # fmt: skip
def test_full_scale(tmp_path: Path, largest: int, options: dict[str, Any], expected: float) -> None:
    pixels = np.zeros((8, 8), np.uint16)
    pixels[3, 3] = largest
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    assert one(tmp_path / "a.tif").full_scale == {"ch1": expected}


def test_packed_12_bits(tmp_path: Path) -> None:
    """Two pixels in three bytes, as some cameras write: the file says how far they reach."""
    packed = bytes.fromhex("123456" * 8)
    tifffile.imwrite(tmp_path / "a.tif", np.frombuffer(packed, np.uint8).reshape(4, 6))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        tif.pages.first.tags["ImageWidth"].overwrite(4)
        tif.pages.first.tags["BitsPerSample"].overwrite(12)
    image = one(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.channels["ch1"], [[0x123, 0x456] * 2] * 4)
    assert image.full_scale == {"ch1": 4095.0}


def test_full_scale_of_bytes_and_floats(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "P_A01_w1.tif", noise((8, 8), "uint8"))
    tifffile.imwrite(tmp_path / "P_A01_w2.tif", noise((8, 8), "float32"))
    assert one(tmp_path / "x").full_scale == {"w1": 255.0}


def test_digests_name_files_and_pixels(tmp_path: Path) -> None:
    pixels = noise((8, 8))
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "b.tif", pixels, compression="zlib")
    a, b = read_all(tmp_path).values()
    assert a.image_sha256 == hashlib.sha256((tmp_path / "a.tif").read_bytes()).hexdigest()
    assert a.image_sha256 != b.image_sha256
    assert a.pixels_sha256 == b.pixels_sha256
    tifffile.imwrite(tmp_path / "b.tif", pixels.T)
    assert read_all(tmp_path)["b"].pixels_sha256 != a.pixels_sha256


def test_digest_of_several_files(tmp_path: Path) -> None:
    for w in (1, 2):
        tifffile.imwrite(tmp_path / f"P_A01_w{w}.tif", noise((8, 8), seed=w))
    files = [(tmp_path / f"P_A01_w{w}.tif").read_bytes() for w in (1, 2)]
    joined = "".join(hashlib.sha256(data).hexdigest() for data in files)
    assert one(tmp_path / "x").image_sha256 == hashlib.sha256(joined.encode()).hexdigest()


def test_one_file_as_the_root(tmp_path: Path) -> None:
    pixels = noise((8, 8))
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "b.tif", pixels + 1)
    listing = find_fields(tmp_path / "b.tif", ReadSettings())
    assert [f.field_id for f in listing.fields] == [f"{tmp_path.name}/b"]
    image = read_field(listing.fields[0], tmp_path / "b.tif", ReadSettings())
    np.testing.assert_array_equal(image.channels["ch1"], pixels + 1)


def test_fields_travel_between_processes(tmp_path: Path) -> None:
    import pickle

    tifffile.imwrite(tmp_path / "a.tif", noise((8, 8)))
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    assert pickle.loads(pickle.dumps(field)) == field
    assert isinstance(field, Field)


def test_as_grey() -> None:
    pixels, scale = as_grey(np.array([[0, 4095]], np.int64))
    assert (pixels.dtype, pixels.tolist(), scale) == (np.dtype(np.uint16), [[0, 4095]], 4095.0)
    pixels, scale = as_grey(np.ones((2, 2, 3)))
    assert (pixels.dtype, pixels.shape, scale) == (np.dtype(np.float32), (2, 2), None)
    for bad in (np.zeros(5), np.zeros((2, 2, 2, 2)), np.array([[np.nan]]), np.eye(3) * 1j):
        with pytest.raises(ConfigError, match="The array"):
            as_grey(bad)


@pytest.mark.parametrize("names", [["DAPI", ""], ["DAPI", "DAPI"]])
def test_ome_names_that_cannot_tell_channels_apart_are_not_used(
    tmp_path: Path, names: list[str]
) -> None:
    data = noise((2, 20, 24))
    metadata = {"axes": "CYX", "Channel": {"Name": names}}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata=metadata, photometric="minisblack")
    (image,) = read_all(tmp_path).values()
    assert list(image.channels) == ["ch1", "ch2"]
    np.testing.assert_array_equal(image.channels["ch2"], data[1])


def test_names_and_pages_add_up(tmp_path: Path) -> None:
    """Stacks in numbered folders, channels both in the name and in the file, times in both."""
    for t in (1, 2):
        for z in (1, 2):
            folder = tmp_path / f"TimePoint_{t}" / f"ZStep_{z}"
            folder.mkdir(parents=True)
            data = noise((2, 2, 3, 8, 9), seed=10 * t + z)
            tifffile.imwrite(
                folder / "P_A01_s1_w2.tif", data, ome=True, metadata={"axes": "TCZYX"},
                photometric="minisblack",
            )  # fmt: skip
    images = read_all(tmp_path, z=4)  # the second plane of the second folder
    assert list(images) == [f"A01/1/{t}.{i}" for t in (1, 2) for i in (1, 2)]
    assert list(images["A01/1/1.1"].channels) == ["w2 ch1", "w2 ch2"]
    data = noise((2, 2, 3, 8, 9), seed=22)
    np.testing.assert_array_equal(images["A01/1/2.2"].channels["w2 ch2"], data[1, 1, 1])
