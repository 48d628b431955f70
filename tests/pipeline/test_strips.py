"""Row strips of a TIFF: every pixel once, in any layout, and no damage goes unseen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from monolayer.errors import ImageError
from monolayer.read.strips import open_strips

LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strips": {"rowsperstrip": 32},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">"},
    "LZW rows": {"compression": "lzw", "rowsperstrip": 1},
    "LZW strips": {"compression": "lzw", "rowsperstrip": 16},
    "one deflate strip": {"compression": "zlib", "rowsperstrip": 301},
    "tiles": {"tile": (64, 48)},
    "predicted zstd tiles": {"compression": "zstd", "predictor": True, "tile": (64, 48)},
    "big-endian tiles": {"compression": "zlib", "byteorder": ">", "tile": (32, 32)},
}


def image(dtype: type[np.uint8 | np.uint16] = np.uint16) -> NDArray[Any]:
    rng = np.random.default_rng(4)
    return rng.integers(0, np.iinfo(dtype).max, (301, 217), endpoint=True).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_pixel_once(tmp_path: Path, layout: str, dtype: type[np.uint8 | np.uint16]) -> None:
    path, pixels = tmp_path / "scan.tif", image(dtype)
    tifffile.imwrite(path, pixels, **LAYOUTS[layout])
    strips = open_strips(path)
    assert strips.shape == (301, 217)
    assert strips.dtype == dtype
    for max_mb, rows in ((32.0, None), (32.0, 7), (0.2, 64), (32.0, 333)):
        read = [strip.copy() for strip in strips.read(max_mb, rows)]
        assert all(strip.dtype == dtype and strip.dtype.isnative for strip in read)
        assert all(strip.flags.c_contiguous for strip in read)
        np.testing.assert_array_equal(np.concatenate(read), pixels)
        if rows:
            whole = min(rows, 301, int(max_mb * 2**20) // (217 * pixels.itemsize))
            assert {len(strip) for strip in read[:-1]} <= {whole}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_box_of_the_plane(tmp_path: Path, layout: str) -> None:
    path, pixels = tmp_path / "scan.tif", image()
    tifffile.imwrite(path, pixels, **LAYOUTS[layout])
    strips = open_strips(path)
    for top, left, bottom, right in ((0, 0, 301, 217), (60, 5, 131, 90), (300, 216, 301, 217)):
        for max_mb in (0.13, 32.0):
            box = strips.window(top, left, bottom, right, max_mb)
            np.testing.assert_array_equal(box, pixels[top:bottom, left:right])


def test_memory_of_a_strip_is_bounded(tmp_path: Path) -> None:
    path, pixels = tmp_path / "scan.tif", image()
    for layout in ({}, {"tile": (16, 16)}, {"compression": "lzw", "rowsperstrip": 8}):
        tifffile.imwrite(path, pixels, **layout)
        for strip in open_strips(path).read(max_strip_mb=0.02):
            assert strip.nbytes <= 0.02 * 2**20


def test_white_stored_as_zero_is_turned(tmp_path: Path) -> None:
    path, pixels = tmp_path / "scan.tif", image(np.uint8)
    tifffile.imwrite(path, pixels, photometric="miniswhite")
    (read,) = open_strips(path).read()
    np.testing.assert_array_equal(read, ~pixels)


def test_another_page(tmp_path: Path) -> None:
    path, pixels = tmp_path / "scan.tif", image()
    with tifffile.TiffWriter(path) as tif:
        tif.write(pixels)
        tif.write(pixels[::-1, :100], compression="zlib", tile=(32, 32))
    (read,) = open_strips(path, page=1).read()
    np.testing.assert_array_equal(read, pixels[::-1, :100])
    with pytest.raises(ImageError, match="has 2 pages and none numbered 2 from 0"):
        open_strips(path, page=2)


def test_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image(), resolution=(20_000, 20_000), resolutionunit="CENTIMETER")
    assert open_strips(path).pixel_size.um == pytest.approx(0.5)
    assert open_strips(path, 0.7).pixel_size.um == 0.7
    tifffile.imwrite(path, image())
    assert open_strips(path).pixel_size.um is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cut_file_is_refused_before_a_pixel_is_read(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image(), **LAYOUTS[layout])
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0].aspage()
        end = page.dataoffsets[-1] + page.databytecounts[-1]
    path.write_bytes(whole[: end - 1])
    with pytest.raises(ImageError, match=r"scan\.tif ends before its .* copy it again") as caught:
        open_strips(path)
    assert caught.value.reason == "truncated"


def test_a_file_cut_after_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image())
    strips = open_strips(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ImageError, match="ends before its row 301: copy it again") as caught:
        list(strips.read())
    assert caught.value.reason == "truncated"
    path.unlink()
    with pytest.raises(ImageError, match="is not there any more"):
        list(strips.read())


def test_damaged_tiles_are_named(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image(), compression="zlib", tile=(64, 64))
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].aspage().dataoffsets[3]
    damaged = bytearray(path.read_bytes())
    damaged[at : at + 40] = bytes(40)
    path.write_bytes(damaged)
    with pytest.raises(ImageError, match=r"scan\.tif is damaged") as caught:
        list(open_strips(path).read())
    assert caught.value.reason == "unreadable"


def test_what_is_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    for pixels, words in (
        (image().astype(np.float32), "holds float32 values"),
        (image().astype(np.int16), "holds int16 values"),
        (np.zeros((20, 30, 3), np.uint8), "has 3 samples a pixel"),
    ):
        photometric = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(path, pixels, photometric=photometric)
        with pytest.raises(ImageError, match=words) as caught:
            open_strips(path)
        assert caught.value.reason == "unsupported"
    path.write_bytes(b"no image at all")
    with pytest.raises(ImageError, match="is not a TIFF"):
        open_strips(path)
    with pytest.raises(ImageError, match="is not there"):
        open_strips(tmp_path / "absent.tif")
    png = tmp_path / "scan.png"
    png.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageError, match="is a PNG image: store the scan as TIFF"):
        open_strips(png)


def test_a_band_beyond_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image(), compression="zlib", rowsperstrip=301)
    with pytest.raises(
        ImageError, match=r"301 rows at a time, 0\.1 MiB where .* is 0\.05"
    ) as caught:
        list(open_strips(path).read(0.05))
    assert caught.value.reason == "strip_too_large"
