"""Manifests and masks: what is read, what is refused, and how the refusal reads."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from monolayer.errors import ConfigError, ImageError
from monolayer.evaluate import read_manifest, read_mask


def manifest(folder: Path, text: str) -> Path:
    for name in ("a.tif", "a mask.png", "b.tif"):
        (folder / name).write_bytes(b"x")
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_with_all_columns(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "\ufeffpath,mask,modality,dataset,pixel_size_um,notes\n"
        "a.tif,a mask.png,fluorescence nuclei (Hoechst),BBBC,0.65,x\n"
        "b.tif,a mask.png,phase contrast,BBBC,,\n"
        'b.tif,a mask.png,,,,"two\nlines"\n'
        "b.tif,a mask.png,Fluorescence Nuclei,,,\n",
    )
    found = read_manifest(path)
    assert found.n_skipped == 1
    assert [row.line for row in found.rows] == [2, 5, 6]
    assert [row.dataset for row in found.rows] == ["BBBC", "all", "all"]
    assert [row.pixel_size_um for row in found.rows] == [0.65, None, None]
    assert found.rows[0].path == tmp_path / "a.tif"
    assert found.rows[0].mask_text == "a mask.png"


def test_two_columns_suffice(tmp_path: Path) -> None:
    found = read_manifest(manifest(tmp_path, "mask,path\na mask.png,a.tif\n"))
    assert found.rows[0].path.name == "a.tif"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: column 'path' is missing; the header has nothing"),
        ("path,masks\na.tif,b.tif\n", r"line 1: column 'mask' is missing; .* path, masks"),
        ("path,mask\na.tif,b.tif\nc.tif,b.tif\n", r"line 3: path 'c.tif' is no file in"),
        ("path,mask\na.tif,\n", r"line 2: 'mask' is empty"),
        ("path,mask\na.tif\n", r"line 2: the number of columns"),
        ("path,mask\na.tif,b.tif,c.tif\n", r"line 2: the number of columns"),
        ("path,mask,pixel_size_um\na.tif,b.tif,big\n", r"line 2: pixel_size_um 'big'"),
        ("path,mask,pixel_size_um\na.tif,b.tif,0\n", r"line 2: pixel_size_um '0'"),
        ("path,mask\n", r"holds no row"),
        ("path,mask,modality\na.tif,b.tif,phase\n", r"holds no row of modality"),
    ],
)
def test_bad_manifests_are_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_manifest(manifest(tmp_path, text))


def test_unreadable_manifests(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv cannot be read"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "bin.csv").write_bytes(b"path,mask\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"bin\.csv cannot be read"):
        read_manifest(tmp_path / "bin.csv")


LABELS = np.kron(np.arange(6).reshape(2, 3), np.ones((4, 4), int)).astype(np.uint16)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.TIFF"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_masks_come_back(tmp_path: Path, name: str, dtype: str) -> None:
    path = tmp_path / name
    if name.endswith("png"):
        path.write_bytes(imagecodecs.png_encode(LABELS.astype(dtype)))
    else:
        tifffile.imwrite(path, LABELS.astype(dtype), compression="zlib")
    np.testing.assert_array_equal(read_mask(path), LABELS)


def test_float_labels_of_imagej(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", LABELS.astype(np.float32))
    mask = read_mask(tmp_path / "m.tif")
    assert mask.dtype.kind == "i"
    np.testing.assert_array_equal(mask, LABELS)


def two_squares(value: int, dtype: Any) -> Any:
    mask = np.zeros((9, 9), dtype)
    mask[1:3, 1:3] = mask[5:8, 5:8] = value
    return mask


@pytest.mark.parametrize(
    ("mask", "reason", "sentence"),
    [
        (two_squares(255, np.uint8), "mask_binary", "give each object its own number"),
        (two_squares(65535, np.uint16), "mask_binary", "one value"),
        (two_squares(1, np.uint8), "mask_binary", "one value"),
        (np.zeros((9, 9, 3), np.uint8), "mask_kind", r"shape \(9, 9, 3\)"),
        (np.full((9, 9), 0.5, np.float32), "mask_kind", "float32"),
        (np.full((9, 9), -1, np.int16), "mask_kind", "no labels"),
    ],
)
def test_masks_that_are_no_labels(tmp_path: Path, mask: Any, reason: str, sentence: str) -> None:
    tifffile.imwrite(tmp_path / "m.tif", mask)
    with pytest.raises(ImageError, match=sentence) as caught:
        read_mask(tmp_path / "m.tif")
    assert caught.value.reason == reason


def test_one_object_or_none_is_a_label_image(tmp_path: Path) -> None:
    one = np.zeros((9, 9), np.uint8)
    tifffile.imwrite(tmp_path / "none.tif", one)
    one[2:5, 2:5] = 1
    tifffile.imwrite(tmp_path / "one.tif", one)
    assert read_mask(tmp_path / "none.tif").max() == 0
    assert read_mask(tmp_path / "one.tif").max() == 1


@pytest.mark.parametrize("name", ["bad.png", "bad.tif"])
def test_broken_masks(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(ImageError, match=f"{name} cannot be read") as caught:
        read_mask(tmp_path / name)
    assert caught.value.reason == "unreadable"


@pytest.mark.data
def test_the_annotated_sets(data_folder: Path) -> None:
    found = read_manifest(data_folder / "manifest.csv")
    per_set = {
        name: sum(r.dataset == name for r in found.rows) for name in ("MNFinder", "BBBC039v1")
    }
    assert per_set == {"MNFinder": 13, "BBBC039v1": 40}
    assert len(found.rows) == 217
    assert found.n_skipped == 233
    masks = [read_mask(row.mask) for row in found.rows if row.dataset == "MNFinder"]
    assert sum(len(np.unique(mask)) - 1 for mask in masks) == 1354
