"""Bad input: each costs its own row, with a reason and a sentence that names the file."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError

from monolayer.cli import _exit_code as cli
from monolayer.errors import ConfigError, ImageError, InputError
from monolayer.field import Field, Plane
from monolayer.read import ReadSettings, find_fields, read_field
from monolayer.read import image as image_module


def pixels(seed: int = 0, dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 250, (40, 50)).astype(dtype)


def plain(path: Path) -> Field:
    return Field("p", "", path.stem, "", {"ch1": (Plane(path.name),)})


def reason(path: Path, **settings: Any) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught:
        read_field(plain(path), path.parent, ReadSettings(**settings))
    assert path.name in caught.value.detail
    assert caught.value.detail.endswith(".")
    return caught.value.reason, caught.value.detail


def zero_byte(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is a note, not an image")


def truncated(path: Path) -> None:
    tifffile.imwrite(path, pixels())
    path.write_bytes(path.read_bytes()[:-700])


def truncated_compressed(path: Path) -> None:
    tifffile.imwrite(path, pixels(), compression="zlib", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[:-40])


def truncated_header(path: Path) -> None:
    tifffile.imwrite(path, pixels())
    path.write_bytes(path.read_bytes()[:60])


def truncated_second_page(path: Path) -> None:
    tifffile.imwrite(path, np.stack([pixels(), pixels(1)]), photometric=1, metadata=None)
    path.write_bytes(path.read_bytes()[:-1000])


def directory_at_end(path: Path) -> None:
    """As libtiff writes: the directory follows the pixels, and is lost first."""
    tifffile.imwrite(path, pixels())
    raw = bytearray(path.read_bytes())
    raw[4:8] = (len(raw) + 500).to_bytes(4, "little")
    path.write_bytes(bytes(raw))


def empty_strip(path: Path) -> None:
    tifffile.imwrite(path, pixels(), rowsperstrip=8, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tag = tif.pages.first.tags["StripByteCounts"]
        tag.overwrite((0, *tag.value[1:]))


def bit_flipped_in_the_width(path: Path) -> None:
    tifffile.imwrite(path, pixels(), compression="zlib", rowsperstrip=40)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["ImageWidth"].overwrite(2**31)


def png_as_tif(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(pixels(dtype="uint8")))


def colour(path: Path) -> None:
    rgb = np.stack([pixels(i, "uint8") for i in range(3)], axis=-1)
    tifffile.imwrite(path, rgb, photometric="rgb")


def not_a_number(path: Path) -> None:
    image = pixels().astype(np.float32)
    image[3, 4:7] = np.nan
    tifffile.imwrite(path, image)


def infinite(path: Path) -> None:
    image = pixels().astype(np.float64)
    image[3, 4] = 1e300  # beyond float32, in which the pixels are kept
    tifffile.imwrite(path, image)


def complex_numbers(path: Path) -> None:
    tifffile.imwrite(path, pixels().astype(np.complex64))


def volume(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((16, 32, 32), np.uint8), volumetric=True, tile=(16, 16, 16))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (zero_byte, "empty_file"),
        (text, "unreadable"),
        (truncated, "truncated"),
        (truncated_compressed, "truncated"),
        (truncated_header, "truncated"),
        (directory_at_end, "truncated"),
        (empty_strip, "truncated"),
        (bit_flipped_in_the_width, "unreadable"),
        (png_as_tif, "wrong_extension"),
        (colour, "rgb"),
        (not_a_number, "non_finite"),
        (infinite, "non_finite"),
        (complex_numbers, "unsupported"),
        (volume, "unsupported"),
    ],
)
def test_bad_tiff(tmp_path: Path, make: Callable[[Path], None], expected: str) -> None:
    path = tmp_path / "bad.tif"
    make(path)
    assert reason(path)[0] == expected


def test_every_bad_file_is_a_field_of_its_own(tmp_path: Path) -> None:
    makers = [zero_byte, text, truncated, truncated_header, truncated_second_page, empty_strip,
              png_as_tif, colour, not_a_number, complex_numbers]  # fmt: skip
    for make in makers:
        make(tmp_path / f"{make.__name__}.tif")
    for i in range(20):
        tifffile.imwrite(tmp_path / f"good{i}.tif", pixels(i))
    listing = find_fields(tmp_path, ReadSettings())
    assert {f.field for f in listing.fields} == {
        *(m.__name__ for m in makers), *(f"good{i}" for i in range(20))}  # fmt: skip
    good = 0
    for field in listing.fields:
        try:
            read_field(field, tmp_path, ReadSettings())
            good += 1
        except ImageError:
            assert not field.field.startswith("good")
    assert good == 20


def test_a_stack_that_lost_its_last_page_is_truncated(tmp_path: Path) -> None:
    truncated_second_page(tmp_path / "a.tif")
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    with pytest.raises(ImageError, match="ends before its TIFF directory does"):
        read_field(field, tmp_path, ReadSettings())


def test_a_stack_of_one_directory_that_lost_its_last_image(tmp_path: Path) -> None:
    data = np.stack([pixels(), pixels(1)])
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, truncate=True)
    raw = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(raw[:-1000])
    (field,) = find_fields(tmp_path, ReadSettings(z=1)).fields
    with pytest.raises(ImageError) as caught:
        read_field(field, tmp_path, ReadSettings(z=1))
    assert caught.value.reason in ("truncated", "unreadable")


def test_decoders_do_not_talk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What tifffile logs about a damaged file would run through the progress display."""
    tifffile.imwrite(tmp_path / "a.tif", np.stack([pixels(), pixels(1)]), metadata=None)
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-10])
    code = (
        "import sys; from pathlib import Path\n"
        "from monolayer.read import *\n"
        "root, settings = Path(sys.argv[1]), ReadSettings()\n"
        "read_field(find_fields(root, settings).fields[0], root, settings)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert capfd.readouterr() == ("", "")


def test_wrong_extension_says_how_to_rename(tmp_path: Path) -> None:
    png_as_tif(tmp_path / "a.tif")
    assert "rename it to a.png" in reason(tmp_path / "a.tif")[1]
    tifffile.imwrite(tmp_path / "b.tif", pixels())
    (tmp_path / "b.tif").rename(tmp_path / "b.jpg")
    found, detail = reason(tmp_path / "b.jpg")
    assert found == "wrong_extension"
    assert "rename it to b.tif" in detail


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.98])
def test_truncated_png_and_jpeg(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a{suffix}"
    encode = imagecodecs.png_encode if suffix == ".png" else imagecodecs.jpeg_encode
    raw = encode(pixels(dtype="uint8"))
    path.write_bytes(raw[: int(kept * len(raw))])
    assert reason(path)[0] == "truncated"


def test_missing_and_vanished(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels())
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    (tmp_path / "a.tif").unlink()
    with pytest.raises(ImageError, match=r"a\.tif is not there any more") as caught:
        read_field(field, tmp_path, ReadSettings())
    assert caught.value.reason == "missing_file"


def test_broken_link_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.tif").symlink_to(tmp_path / "gone.tif")
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    with pytest.raises(ImageError) as caught:
        read_field(field, tmp_path, ReadSettings())
    assert caught.value.reason == "missing_file"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels())
    os.mkfifo(tmp_path / "b.tif")
    (tmp_path / "c.tif").symlink_to(tmp_path / "b.tif")
    listing = find_fields(tmp_path, ReadSettings())
    assert [field.field for field in listing.fields] == ["a"]
    assert {path for path, why in listing.ignored if "pipe" in why} == {"b.tif", "c.tif"}


def test_names_that_are_no_utf8_cost_their_rows(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels())
    try:
        (tmp_path / os.fsdecode(b"K\xe4fig")).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    for name in (b"K\xe4fig/b.tif", b"\xff.tif"):
        (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "a.tif").read_bytes())
    run = tmp_path / "RUN"
    assert cli(["run", str(tmp_path), "-o", str(run), "--workers", "1"]) == 3
    rows = pq.read_table(run / "fields.parquet").to_pylist()
    found = {row["field_id"].split("/", 1)[1]: (row["state"], row["reason"]) for row in rows}
    bad = ("failed", "bad_name")
    assert found == {"a": ("ok", None), r"K\xe4fig/b.tif": bad, r"\xff.tif": bad}
    with pytest.raises(InputError, match=r"K\\xe4fig: its name is not in UTF-8"):
        find_fields(tmp_path / os.fsdecode(b"K\xe4fig"), ReadSettings())
    assert cli(["run", str(tmp_path), "-o", str(tmp_path / os.fsdecode(b"\xe4"))]) == 2


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels())
    if os.geteuid() != 0:
        (tmp_path / "a.tif").chmod(0)
    else:  # root may read everything

        def refuse(*args: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(image_module, "probe_image", refuse)
    assert reason(tmp_path / "a.tif")[0] == "permission"


def test_other_disk_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels())

    def fail(*args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(image_module, "probe_image", fail)
    found, detail = reason(tmp_path / "a.tif")
    assert found == "unreadable"
    assert "Input/output error" in detail


def test_folder_named_like_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    assert reason(tmp_path / "a.tif")[0] == "unreadable"


def test_channels_of_different_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "P_A01_s1_w1.tif", pixels())
    tifffile.imwrite(tmp_path / "P_A01_s1_w2.tif", pixels()[:30])
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    with pytest.raises(ImageError, match="w1 40 x 50, w2 30 x 50 px") as caught:
        read_field(field, tmp_path, ReadSettings())
    assert caught.value.reason == "shape_mismatch"


@pytest.mark.parametrize("z", ["max", "best_focus"])
def test_planes_of_different_size(tmp_path: Path, z: str) -> None:
    for i in (1, 2):
        (tmp_path / f"ZStep_{i}").mkdir()
        tifffile.imwrite(tmp_path / f"ZStep_{i}" / "P_A01_s1_w1.tif", pixels()[: 40 - i])
    settings = ReadSettings.model_validate({"z": z})
    (field,) = find_fields(tmp_path, settings).fields
    with pytest.raises(ImageError) as caught:
        read_field(field, tmp_path, settings)
    assert caught.value.reason == "shape_mismatch"


def test_plane_that_does_not_exist(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([pixels()] * 3), metadata={"axes": "ZYX"}, photometric=1
    )
    settings = ReadSettings(z=3)
    (field,) = find_fields(tmp_path, settings).fields
    with pytest.raises(ImageError, match="none with index 3: set z to max, best_focus or 0 to 2"):
        read_field(field, tmp_path, settings)


def test_unknown_axis_is_a_row_of_the_plan(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": "PZYX"}, photometric=1)
    (field,) = find_fields(tmp_path, ReadSettings()).fields
    assert field.problem is not None
    assert field.problem[0] == "unsupported"
    with pytest.raises(ImageError, match="axis 'P'"):
        read_field(field, tmp_path, ReadSettings())


def test_identical_copies_of_a_position(tmp_path: Path) -> None:
    for name in ("P_A01_s1_w1.tiff", "P_A01_s1_w1.tif", "P_A01_s2_w1.tif"):
        tifffile.imwrite(tmp_path / name, pixels())
    listing = find_fields(tmp_path, ReadSettings())
    assert {f.field: (f.problem and f.problem[0], f.paths) for f in listing.fields} == {
        "1": (None, ("P_A01_s1_w1.tif",)),
        "1 (P_A01_s1_w1.tiff)": ("duplicate_position", ("P_A01_s1_w1.tiff",)),
        "2": (None, ("P_A01_s2_w1.tif",)),
    }
    (copy,) = [f for f in listing.fields if f.problem]
    assert copy.problem == (
        "duplicate_position",
        "P_A01_s1_w1.tiff is identical to P_A01_s1_w1.tif, which is used: remove one of them.",
    )
    assert listing.missing == ()


def test_different_files_of_a_position_are_both_refused(tmp_path: Path) -> None:
    for i, name in enumerate(("P_A01_s01_w1.tif", "P_A01_s1_w1.tif", "P_A01_s2_w1.tif")):
        tifffile.imwrite(tmp_path / name, pixels(i))
    listing = find_fields(tmp_path, ReadSettings())
    by_name = {f.field: f.problem for f in listing.fields}
    assert by_name["2"] is None
    for name in ("1", "1 (P_A01_s1_w1.tif)"):
        problem = by_name[name]
        assert problem is not None
        assert problem[0] == "duplicate_position"
        assert "claim the same position and differ" in problem[1]
    (first,) = [f for f in listing.fields if f.field == "1"]
    with pytest.raises(ImageError, match="claim the same position"):
        read_field(first, tmp_path, ReadSettings())


def test_a_field_that_lost_the_segmented_channel(tmp_path: Path) -> None:
    for well in ("A01", "A02", "A03"):
        for w in (1, 2):
            tifffile.imwrite(tmp_path / f"P_{well}_s1_w{w}.tif", pixels(w))
    (tmp_path / "P_A02_s1_w1.tif").unlink()
    (tmp_path / "P_A03_s1_w2.tif").unlink()
    listing = find_fields(tmp_path, ReadSettings())
    assert [f.problem and f.problem[0] for f in listing.fields] == [None, "missing_channel", None]
    assert listing.incomplete == (
        ("P/A02/1", "Field P/A02/1 has no image of channel w1."),
        ("P/A03/1", "Field P/A03/1 has no image of channel w2."),
    )
    asked = find_fields(tmp_path, ReadSettings(channel="w2"))
    assert [f.problem and f.problem[0] for f in asked.fields] == [None, None, "missing_channel"]
    with pytest.raises(ConfigError, match=r"'w3' is not among those found \(w1, w2\)"):
        find_fields(tmp_path, ReadSettings(channel="w3"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere", "does not exist: check the path"),
        (lambda p: p, "holds no image"),
        (lambda p: p / "note.txt", "neither an image"),
    ],
)
def test_folders_that_cannot_be_used(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(InputError, match=message):
        find_fields(make(tmp_path), ReadSettings())


@pytest.mark.parametrize(
    "settings",
    [{"z": "min"}, {"z": -1}, {"rgb": "grey"}, {"pixel_size_um": 0}, {"pixel_size_um": 1000},
     {"chanel": "w1"}],
)  # fmt: skip
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadSettings(**settings)


@pytest.mark.parametrize("kind", ["tif", "ome.tif", "lzw.tif", "png", "jpg"])
def test_damage_anywhere_is_an_image_error_or_an_image(tmp_path: Path, kind: str) -> None:
    """Cut and flip bytes of good files: never any other exception, never a wrong shape."""
    path = tmp_path / f"a.{kind}"
    if kind in ("png", "jpg"):
        encode = imagecodecs.png_encode if kind == "png" else imagecodecs.jpeg_encode
        path.write_bytes(encode(pixels(dtype="uint8")))
    else:
        data = np.stack([pixels(), pixels(1)])
        options: dict[str, Any] = {"compression": "lzw"} if kind == "lzw.tif" else {}
        tifffile.imwrite(path, data, metadata={"axes": "ZYX"}, **options)
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for trial in range(150):
        raw = bytearray(good)
        if trial % 3 == 0:
            del raw[rng.integers(len(raw)) :]
        for _ in range(3):
            at = int(rng.integers(min(len(raw), 700))) if raw else 0
            raw[at : at + 1] = rng.bytes(1)
        path.write_bytes(bytes(raw))
        for field in find_fields(tmp_path, ReadSettings()).fields:
            try:
                image = read_field(field, tmp_path, ReadSettings())
            except ImageError:
                refused += 1
            else:
                assert all(c.ndim == 2 and c.size > 0 for c in image.channels.values())
    assert refused > 40


def test_the_first_of_identical_copies_is_the_first_in_natural_order(tmp_path: Path) -> None:
    for folder in ("scan10", "scan9"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "A01.tif", pixels())
    listing = find_fields(tmp_path, ReadSettings(), layout=r"(?P<well>\w\d\d)\.tif")
    assert {f.paths[0]: f.problem and f.problem[0] for f in listing.fields} == {
        "scan9/A01.tif": None, "scan10/A01.tif": "duplicate_position"}  # fmt: skip
