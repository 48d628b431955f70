"""Nuclei of a plane in windows: nothing depends on how much is read at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import monolayer
from monolayer.errors import ConfigError
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.segment import Segmentation, SegmentSettings, segment_nuclei
from monolayer.segment import tiles as segment_tiles_module
from monolayer.segment.tiles import TileBand, fix_scale, segment_tiles
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.objects import join_objects, paint_runs

from .scan_plane import plane

TOLD = SegmentSettings(expected_diameter_um=16.0)


def bands_of(image: NDArray[Any], settings: SegmentSettings, **how: Any) -> list[TileBand]:
    def read_window(top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        return image[top:bottom, left:right]

    size = 1.0 if settings.expected_diameter_um else None
    return list(segment_tiles(read_window, image.shape, settings, size, **how))


def runs_of(bands: list[TileBand]) -> Runs:
    return join_objects([band.runs for band in bands])


def same(a: list[TileBand], b: list[TileBand]) -> bool:
    scores = [np.concatenate([band.scores for band in bands]) for bands in (a, b)]
    one, other = runs_of(a), runs_of(b)
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Runs._fields)
    return equal and np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize("window_px", [150, 256])
def test_nothing_depends_on_how_much_is_read_at_once(window_px: int) -> None:
    image, count = plane()
    found = [bands_of(image, TOLD, window_px=window_px, tile_px=px) for px in (1, 300, 5_000)]
    assert same(found[0], found[1])
    assert same(found[0], found[2])
    assert runs_of(found[0]).label.size == count


def test_separate_nuclei_are_counted_once_in_windows_of_any_size() -> None:
    image, count = plane()
    for window_px in (90, 128, 200, 333, 1_000):
        bands = bands_of(image, TOLD, window_px=window_px)
        assert sum(band.n_cut for band in bands) == 0
        runs = runs_of(bands)
        assert runs.label.size == count
        labels = paint_runs(runs, image.shape)
        painted = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        np.testing.assert_array_equal(
            painted, np.add.reduceat(runs.stop - runs.start, runs.first[:-1])
        )


def test_one_window_is_the_field_itself() -> None:
    image, _ = plane()
    (band,) = bands_of(image, TOLD, window_px=1_000)
    field = segment_nuclei(image, TOLD, 1.0)
    np.testing.assert_array_equal(paint_runs(band.runs, image.shape), field.labels)
    np.testing.assert_array_equal(band.scores, field.scores)


def test_labels_and_order_go_on_from_band_to_band() -> None:
    bands = bands_of(plane()[0], TOLD, window_px=150)
    assert len(bands) == 5
    labels = np.concatenate([band.runs.label for band in bands])
    np.testing.assert_array_equal(labels, np.arange(1, labels.size + 1))
    for k, band in enumerate(bands):
        first = band.runs.first[:-1]
        y, x = band.runs.row[first], band.runs.start[first]
        assert ((y >= 150 * k) & (y < 150 * (k + 1))).all()
        np.testing.assert_array_equal(np.lexsort((x, y)), np.arange(y.size))


def test_objects_larger_than_the_margin_are_named() -> None:
    bands = bands_of(plane()[0], TOLD, window_px=150, margin_px=4)
    assert sum(band.n_cut for band in bands) > 0


def test_a_nucleus_that_two_windows_keep_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outlines that depend on the window: each window sees the object a pixel lower."""
    shown = iter(range(100))

    def fake(pixels: NDArray[Any], *_: Any) -> Any:
        labels = np.zeros(pixels.shape, np.int32)
        shift = next(shown)
        y = 49 if shift == 0 else 15
        labels[y : y + 8, 20:28] = 1
        return Segmentation(labels, np.array([0.5]), 8.0)

    monkeypatch.setattr(segment_tiles_module, "segment_nuclei", fake)
    image = np.zeros((100, 50), np.uint16)
    bands = bands_of(image, TOLD, window_px=50, margin_px=15)
    # Rows 49 to 56, and seen from the second window, which begins at row 35, rows 50 to 57.
    assert [band.runs.label.size for band in bands] == [1, 0]
    assert [band.n_doubles for band in bands] == [0, 1]


def test_the_size_is_found_in_samples_of_the_plane() -> None:
    image, count = plane()
    found = [bands_of(image, SegmentSettings(), window_px=200, tile_px=px) for px in (1, 400)]
    assert same(*found)
    assert runs_of(found[0]).label.size == pytest.approx(count, rel=0.02)


@pytest.mark.parametrize("name", ["li", "otsu"])
def test_one_threshold_for_all_windows(name: Any) -> None:
    """A window of background alone has no nuclei, whatever its own histogram says."""
    image, _ = plane()
    image[310:] = np.random.default_rng(3).normal(200, 8, image[310:].shape).astype(np.uint16)
    settings = SegmentSettings(method="threshold", threshold=name, expected_diameter_um=16.0)
    fixed = fix_scale(lambda t, le, b, r: image[t:b, le:r], image.shape, settings, 1.0)
    level = fixed.settings.threshold
    assert isinstance(level, float)
    assert 100 < level < 600
    # One sample is the whole plane here: the level is that of the plane's own histogram.
    one, several = (
        bands_of(image, settings, window_px=1_000),
        bands_of(image, settings, window_px=160),
    )
    assert runs_of(several).label.size == runs_of(one).label.size > 150
    assert runs_of(several).row.max() < 320


def test_what_cannot_be_known_is_asked_for() -> None:
    image, _ = plane(200, 200)
    with pytest.raises(ConfigError, match="no nucleus was found in the plane's samples"):
        bands_of(np.full((200, 200), 9, np.uint16), SegmentSettings())
    with pytest.raises(ConfigError, match="min_area_um2 is set but the pixel size is unknown"):
        bands_of(image, SegmentSettings(min_area_um2=3.0))
    with pytest.raises(ConfigError, match="expected_diameter_um is set but the pixel size"):
        list(segment_tiles(lambda *_: image, image.shape, TOLD))


def test_count_scan_by_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_tiles_module.segment_tiles, "__kwdefaults__", {
        **(segment_tiles_module.segment_tiles.__kwdefaults__ or {}), "window_px": 200,
    })  # fmt: skip
    image, count = plane()
    contents = set()
    layouts: list[dict[str, Any]] = [{}, {"compression": "zlib", "tile": (64, 64)}]
    for i, layout in enumerate(layouts):
        path, output = tmp_path / f"{i}.tif", tmp_path / f"{i}.parquet"
        tifffile.imwrite(path, image, **layout)
        for max_strip_mb in (0.1, 32.0):
            table = monolayer.count_scan(
                path, output, pixel_size_um=0.5, method="tree", expected_diameter_um=8.0,
                max_strip_mb=max_strip_mb,
            )  # fmt: skip
            contents.add(output.read_bytes())
    assert len(contents) == 1
    assert len(table) == count
    rows = table.arrow()
    labels = paint_runs(runs_of(bands_of(image, TOLD, window_px=200)), image.shape)
    wanted = measure_objects(labels, {"scan": image}, MeasureSettings(), 0.5)
    assert set(wanted) - set(rows.column_names) == {
        "nearest_neighbour_distance_px", "nearest_neighbour_distance_um",
        "neighbours_within_radius", "intensity_local_background_scan", "intensity_contrast_scan",
        "edge_sharpness_per_px_scan",
    }  # fmt: skip
    for name in set(rows.column_names) & set(wanted):
        values = rows[name].to_numpy()
        np.testing.assert_allclose(values, wanted[name], rtol=1e-12, atol=1e-12, err_msg=name)
    assert rows["segmentation_score"].null_count == 0


def test_an_unknown_method_is_named(tmp_path: Path) -> None:
    wrong: Any = "watershed"
    with pytest.raises(ConfigError, match="method is 'watershed': give 'threshold' or 'tree'"):
        monolayer.count_scan(tmp_path / "s.tif", tmp_path / "o.parquet", method=wrong)
    with pytest.raises(ConfigError, match="'expected_diameter_um' is -1"):
        monolayer.count_scan(
            tmp_path / "s.tif", tmp_path / "o.parquet", method="tree", expected_diameter_um=-1
        )


@pytest.mark.data
def test_real_nuclei_in_windows(data_folder: Path) -> None:
    """What is the same and what is not: any reading, to the bit; other windows, nearly."""
    paths = sorted((data_folder / "nuclei_fluo" / "bbbc039" / "images").glob("*.tif"))[:4]
    fields = [tifffile.imread(path) for path in paths]
    image = np.vstack([np.hstack(fields[:2]), np.hstack(fields[2:])])
    settings = SegmentSettings(expected_diameter_um=28.0)
    found = [bands_of(image, settings, window_px=400, tile_px=px) for px in (1, 900, 5_000)]
    assert same(found[0], found[1])
    assert same(found[0], found[2])
    whole = segment_nuclei(image, settings, 1.0).scores.size
    assert runs_of(found[0]).label.size == pytest.approx(whole, rel=0.03)
