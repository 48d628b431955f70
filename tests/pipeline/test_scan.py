"""Counting scans: the numbers of the in-memory road, whatever the strips."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

import monolayer
from monolayer.engine import scan as engine_scan
from monolayer.errors import ConfigError, ImageError
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.measure.scan import measure_scan
from monolayer.segment import scan as segment_scan
from monolayer.segment.scan import ScanSettings, find_objects, find_threshold
from monolayer_kernels.stream import concatenate_scans

EIGHT = np.ones((3, 3), bool)


def blobs(height: int = 400, width: int = 260, seed: int = 2) -> NDArray[np.uint16]:
    noise = np.random.default_rng(seed).random((height, width))
    smooth = ndimage.gaussian_filter(noise, 3.0)
    scaled: NDArray[np.float64] = np.round(smooth / smooth.max() * 3_000)
    return scaled.astype(np.uint16)


def cut(image: NDArray[Any], rows: int) -> list[NDArray[Any]]:
    return [image[y : y + rows] for y in range(0, len(image), rows)]


def columns_of(
    image: NDArray[Any], rows: int, settings: ScanSettings, size: float | None
) -> dict[str, NDArray[Any]]:
    threshold = find_threshold(cut(image, rows), settings)
    found = list(find_objects(cut(image, rows), image.shape[1], threshold, settings, size))
    shape = (image.shape[0], image.shape[1])
    return measure_scan(concatenate_scans(found), shape, size, "dna")


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("size", [None, 0.65])
@pytest.mark.parametrize("rows", [1, 7, 64, 333, 8192])
def test_columns_are_those_of_the_label_image(
    rows: int, size: float | None, connectivity: Any
) -> None:
    image = blobs()
    threshold = float(np.median(image)) + 60
    settings = ScanSettings(threshold=threshold, connectivity=connectivity)
    got = columns_of(image, rows, settings, size)
    labels, count = ndimage.label(image > threshold, EIGHT if connectivity == 8 else None)
    wanted = measure_objects(labels.astype(np.int32), {"dna": image}, MeasureSettings(), size)
    assert count > 100
    order = np.lexsort((first_columns(labels), wanted["bbox_min_y_px"]))
    assert set(got) <= set(wanted)
    for name, values in got.items():
        if name != "label":
            np.testing.assert_array_equal(values, wanted[name][order], name)
            assert values.dtype == wanted[name].dtype
    assert got["label"].tolist() == list(range(1, count + 1))
    assert list(got) == [name for name in wanted if name in got]


def first_columns(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Column of each object's first pixel."""
    _, first = np.unique(labels, return_index=True)
    columns: NDArray[np.intp] = first[1:] % labels.shape[1]
    return columns


def test_what_a_scan_can_tell() -> None:
    """A column that is added to objects but not to scans is left out on purpose or not at all."""
    got = columns_of(blobs(), 50, ScanSettings(threshold=2_550), 0.5)
    assert {
        "area_px", "bbox_max_x_px", "centroid_y_px", "axis_major_length_um", "eccentricity",
        "orientation_rad", "perimeter_crofton_um", "euler_number", "extent", "form_factor",
        "equivalent_diameter_area_um", "intensity_mean_dna", "intensity_std_dna",
        "intensity_min_dna", "intensity_max_dna", "intensity_sum_dna", "touches_border", "weight",
    } <= set(got)  # fmt: skip


def test_smallest_objects_are_left_out() -> None:
    image = blobs()
    every = columns_of(image, 64, ScanSettings(threshold=2_550), 0.5)
    in_px = columns_of(image, 64, ScanSettings(threshold=2_550, min_area_px=40), 0.5)
    in_um2 = columns_of(image, 64, ScanSettings(threshold=2_550, min_area_um2=10.0), 0.5)
    assert 0 < len(in_px["area_px"]) < len(every["area_px"])
    kept = every["area_px"] >= 40
    np.testing.assert_array_equal(every["centroid_x_px"][kept], in_px["centroid_x_px"])
    np.testing.assert_array_equal(in_um2["area_px"], in_px["area_px"])
    with pytest.raises(ConfigError, match="min_area_um2 is 10 but the pixel size is unknown"):
        columns_of(image, 64, ScanSettings(threshold=2_550, min_area_um2=10.0), None)


@pytest.mark.parametrize("rows", [3, 50, 400])
def test_batches_do_not_depend_on_the_strips(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_scan, "BATCH", 25)
    image = blobs()
    # One object reaches from top to bottom and holds up all others.
    image[:, 100] = 3_000
    settings = ScanSettings(threshold=2_550)
    found = list(find_objects(cut(image, rows), 260, 2_550, settings))
    sizes = [len(part.n_runs) for part in found]
    assert sizes[:-1] == [25] * (len(sizes) - 1)
    assert len(sizes) > 3
    origins = np.concatenate([part.sums.origin for part in found])
    order = np.lexsort((origins[:, 1], origins[:, 0]))
    np.testing.assert_array_equal(order, np.arange(len(origins)))


def test_batches_are_handed_out_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_scan, "BATCH", 10)
    taken = []

    def strips() -> Any:
        for y, strip in enumerate(cut(blobs(), 20)):
            taken.append(y)
            yield strip

    next(find_objects(strips(), 260, 2_550, ScanSettings()))
    assert len(taken) < 10


@pytest.mark.parametrize("name", ["otsu", "li", "triangle"])
def test_a_threshold_is_found_for_the_whole_scan(name: Any) -> None:
    filters = pytest.importorskip("skimage.filters")
    image = blobs()
    image[:200] //= 2
    settings = ScanSettings(threshold=name)
    found = {find_threshold(cut(image, rows), settings) for rows in (7, 64, 400)}
    assert len(found) == 1
    assert len({find_threshold([half], settings) for half in (image[:200], image[200:])}) == 2
    wanted = getattr(filters, f"threshold_{name}")(image)
    above = int((image > found.pop()).sum())
    assert above == pytest.approx(int((image > wanted).sum()), rel=0.02)


def test_a_blank_scan_has_no_threshold_of_its_own() -> None:
    with pytest.raises(ConfigError, match="holds 1 different grey levels, so otsu finds no"):
        find_threshold([np.full((5, 5), 7, np.uint16)], ScanSettings())


def test_count_scan_from_file_to_table(tmp_path: Path) -> None:
    image, path = blobs(), tmp_path / "scan.tif"
    tifffile.imwrite(path, image, compression="zlib", tile=(64, 64))
    files = []
    for i, max_strip_mb in enumerate((0.04, 0.1, 32.0)):
        output = tmp_path / f"{i}.parquet"
        table = monolayer.count_scan(
            path, output, threshold=2_550, pixel_size_um=0.5, max_strip_mb=max_strip_mb
        )
        files.append(output.read_bytes())
    assert files[0] == files[1] == files[2]
    labels, count = ndimage.label(image > 2_550, EIGHT)
    assert len(table) == count
    rows = table.arrow()
    assert rows["area_px"].to_pylist() == np.bincount(labels.ravel())[1:].tolist()
    assert rows["label"].to_pylist() == list(range(1, count + 1))
    notes = json.loads(rows.schema.metadata[b"monolayer_scan"])
    assert notes["threshold"] == 2_550
    assert (notes["height_px"], notes["width_px"], notes["pixel_size_um"]) == (400, 260, 0.5)


def test_um_columns_are_null_without_a_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, blobs())
    table = monolayer.count_scan(path, tmp_path / "objects.parquet", threshold=2_550).arrow()
    assert table["area_um2"].null_count == len(table) > 0
    assert table["area_px"].null_count == 0


def test_a_scan_without_objects_is_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, blobs())
    empty = monolayer.count_scan(path, tmp_path / "none.parquet", threshold=60_000)
    full = monolayer.count_scan(path, tmp_path / "some.parquet", threshold=2_550)
    assert len(empty) == 0
    assert empty.arrow().schema.equals(full.arrow().schema)


def test_labels_go_on_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_scan, "BATCH", 25)
    monkeypatch.setattr(engine_scan, "BATCH", 25)
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, blobs())
    table = monolayer.count_scan(path, tmp_path / "objects.parquet", threshold=2_550)
    assert table.arrow()["label"].to_pylist() == list(range(1, len(table) + 1))


def test_a_scan_that_fails_leaves_the_old_table(tmp_path: Path) -> None:
    path, output = tmp_path / "scan.tif", tmp_path / "objects.parquet"
    tifffile.imwrite(path, blobs(), compression="zlib", tile=(64, 64))
    monolayer.count_scan(path, output, threshold=2_550)
    before = output.read_bytes()
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].aspage().dataoffsets[-2]
    damaged = bytearray(path.read_bytes())
    damaged[at : at + 40] = bytes(40)
    path.write_bytes(damaged)
    with pytest.raises(ImageError, match="damaged"):
        monolayer.count_scan(path, output, threshold=2_550)
    assert output.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["objects.parquet", "scan.tif"]


def test_bad_settings_are_named(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"threshold": "otsus"}, "'threshold' is 'otsus'"),
        ({"connectivity": 6}, "'connectivity' is 6"),
        ({"min_area_px": 0}, "'min_area_px' is 0"),
        ({"threshold": float("nan")}, "'threshold' is nan"),
    ]
    for values, words in bad:
        with pytest.raises(ConfigError, match=words):
            monolayer.count_scan(tmp_path / "scan.tif", tmp_path / "o.parquet", **values)
