"""Nuclei: drawn fields with known truth, empty fields, invariances, real annotated images."""

import csv
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage.io import imread

from monolayer.errors import ImageError
from monolayer.segment import SegmentSettings, scale, segment_nuclei
from monolayer.segment.contrast import Pyramid
from monolayer.segment.scale import bin_factor, find_scales, look_at_scale
from monolayer_kernels.objects import Levels


def draw(shape: Any, centres: Any, radius: Any, heights: Any, soft: Any = 1.2) -> Any:
    """Noiseless discs blurred by the optics; where two overlap, the higher shows."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    out = np.zeros(shape)
    for (cy, cx), height in zip(centres, np.broadcast_to(heights, len(centres)), strict=True):
        out = np.maximum(out, height * ((y - cy) ** 2 + (x - cx) ** 2 < radius**2))
    return ndimage.gaussian_filter(out, soft)


def grid(side: Any, pitch: Any, margin: Any) -> Any:
    ticks = range(margin, side - margin + 1, pitch)
    return [(y, x) for y in ticks for x in ticks]


def field(
    seed: Any = 0,
    background: Any = 150,
    heights: Any = 600,
    side: Any = 256,
    pitch: Any = 40,
    radius: Any = 11,
) -> Any:
    rng = np.random.default_rng(seed)
    centres = grid(side, pitch, 28)
    clean = background + draw((side, side), centres, radius, heights)
    return rng.poisson(clean).astype(np.uint16), len(centres)


def matched(truth: Any, found: Any) -> Any:
    """Objects found with IoU above 0.5: such matches are one to one."""
    n, m = int(truth.max()), int(found.max())
    pairs = np.bincount(truth.ravel() * (m + 1) + found.ravel(), minlength=(n + 1) * (m + 1))
    both = pairs.reshape(n + 1, m + 1)
    union = both.sum(1)[:, None] + both.sum(0)[None] - both
    return int((both / np.maximum(union, 1) > 0.5)[1:, 1:].sum())


def test_drawn_nuclei_are_all_found_and_outlined() -> None:
    image, count = field()
    found = segment_nuclei(image)
    assert len(found.scores) == found.labels.max() == count
    assert found.diameter_px == pytest.approx(22, rel=0.1)
    truth, _ = ndimage.label(draw((256, 256), grid(256, 40, 28), 11, 1) > 0.5)
    assert matched(truth, found.labels) == count
    areas = np.bincount(found.labels.ravel())[1:]
    # Outlined at half height a blurred disc keeps its area.
    assert np.median(areas) == pytest.approx(np.pi * 121, rel=0.06)
    assert found.labels.dtype == np.int32
    assert ((found.scores > 0.8) & (found.scores <= 1)).all()


def test_labels_follow_the_first_pixels() -> None:
    image, count = field()
    labels = segment_nuclei(image).labels.ravel()
    values, first = np.unique(labels, return_index=True)
    assert values.tolist() == list(range(count + 1))
    assert (np.diff(first[1:]) > 0).all()


@pytest.mark.parametrize(
    ("side", "pitch", "radius", "margin"),
    [(256, 14, 4, 10), (512, 40, 12, 30), (900, 220, 75, 110)],
    ids=["8 px", "24 px", "150 px"],
)
def test_the_scale_is_found_by_itself(side: Any, pitch: Any, radius: Any, margin: Any) -> None:
    centres = grid(side, pitch, margin)
    clean = 100 + draw((side, side), centres, radius, 400, soft=max(1.0, radius / 25))
    found = segment_nuclei(np.random.default_rng(1).poisson(clean).astype(np.uint16))
    assert len(found.scores) == len(centres)
    assert found.diameter_px == pytest.approx(2 * radius, rel=0.12)


@pytest.mark.parametrize(("columns", "n_seen"), [(4, 96), (1, 144)])
def test_the_scale_of_a_large_field_is_that_of_strips_where_they_show_enough(
    columns: Any, n_seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of drawn fields has fewer nuclei in its strip than are believed."""
    tile, _ = field()
    image = np.tile(tile, (4, columns))
    whole = find_scales(Pyramid(image))[0]
    assert whole.objects == 36 * 4 * columns
    monkeypatch.setattr(scale, "_LARGE", image.size - 1)
    found = find_scales(Pyramid(image))[0]
    assert found.objects == n_seen
    assert found.diameter == pytest.approx(whole.diameter, rel=0.02)
    assert found.brightness == pytest.approx(whole.brightness, rel=0.02)
    seen = look_at_scale(Pyramid(image), bin_factor(22))
    assert seen is not None
    assert seen.objects == n_seen


def test_heights_are_counts_unless_one_hot_pixel_makes_them_coarse() -> None:
    image, count = field()
    assert isinstance(Pyramid(image).full(2, 22.0).height, Levels)
    image[5, 5] = 65535
    assert isinstance(Pyramid(image).full(2, 22.0).height, np.ndarray)
    assert len(segment_nuclei(image).scores) == count


def test_a_single_nucleus_in_a_tiny_image() -> None:
    clean = 100 + draw((16, 16), [(8, 8)], 4, 400)
    assert len(segment_nuclei(np.random.default_rng(2).poisson(clean).astype("u2")).scores) == 1


def test_nuclei_cut_by_the_border_are_found() -> None:
    centres = [(0, 60), (128, 0), (255, 180), (100, 255), (128, 128), (60, 180), (200, 60)]
    clean = 150 + draw((256, 256), centres, 12, 500)
    found = segment_nuclei(np.random.default_rng(3).poisson(clean).astype("u2"))
    assert len(found.scores) == len(centres)


def test_dim_nuclei_beside_bright_ones() -> None:
    centres = grid(400, 40, 30)
    heights = np.where(np.arange(len(centres)) % 2, 300, 1500)
    clean = 200 + draw((400, 400), centres, 12, heights)
    found = segment_nuclei(np.random.default_rng(4).poisson(clean).astype("u2"))
    assert len(found.scores) == len(centres)
    areas = np.bincount(found.labels.ravel())[1:]
    assert areas.max() / areas.min() < 1.3


def test_dim_nuclei_alone_are_found() -> None:
    image, count = field(background=200, heights=60)
    assert len(segment_nuclei(image).scores) == count


def test_uneven_background_changes_nothing() -> None:
    image, count = field()
    slope = np.linspace(0, 400, 256)[None, :].astype(np.uint16)
    assert len(segment_nuclei(image + slope).scores) == count


def test_touching_nuclei_are_parted() -> None:
    centres = [(y, x + dx) for y, x in grid(320, 80, 40) for dx in (0, 21)]
    clean = 100 + draw((320, 320), centres, 12, 500)
    found = segment_nuclei(np.random.default_rng(5).poisson(clean).astype("u2"))
    assert len(found.scores) == len(centres)


def test_debris_is_left_out_unless_asked_for() -> None:
    centres, specks = grid(320, 60, 40), [(70, 70), (130, 190), (250, 130)]
    clean = 100 + draw((320, 320), centres, 13, 500) + draw((320, 320), specks, 3, 900)
    image = np.random.default_rng(6).poisson(clean).astype("u2")
    assert len(segment_nuclei(image).scores) == len(centres)
    all_of_them = SegmentSettings(min_relative_area=0.01, min_score=0.0)
    assert len(segment_nuclei(image, all_of_them).scores) == len(centres) + len(specks)
    in_um = SegmentSettings(min_area_um2=60.0, min_relative_area=0.0)
    assert len(segment_nuclei(image, in_um, 0.5).scores) == len(centres)


# Empty fields ---------------------------------------------------------------------------------


def empty_field(seed: Any, dust: Any, dtype: Any) -> Any:
    """Offset, light with vignetting and a slope, dust out of focus, shot and read noise."""
    rng = np.random.default_rng(seed)
    height, width = shape = (300, 380)
    y, x = np.mgrid[:height, :width]
    light = 10 ** rng.uniform(1.5, 3.0)
    radius = ((y - height / 2) / height) ** 2 + ((x - width / 2) / width) ** 2
    clean = light * (1 - rng.uniform(0, 0.8) * radius) + light * rng.uniform(0, 1) * x / width
    for _ in range(dust):
        width_px, share = rng.uniform(8, 30), rng.uniform(-0.3, 0.3)
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        clean = clean + light * share * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width_px**2))
    gain = 10 ** rng.uniform(-0.5, 0.5)
    noisy = rng.poisson(np.maximum(clean, 0) / gain) * gain + rng.normal(0, 3, shape) + 20
    top = np.iinfo(dtype).max
    if noisy.max() > top:
        noisy *= top / noisy.max()
    return np.clip(noisy, 0, top).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("dust", [0, 1, 4])
def test_no_object_on_an_empty_field(dust: Any, dtype: Any) -> None:
    counts = [len(segment_nuclei(empty_field(seed, dust, dtype)).scores) for seed in range(8)]
    assert counts == [0] * 8


@pytest.mark.parametrize("value", [0, 7, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (64, 48)])
def test_a_constant_image_has_no_object_and_no_diameter(value: Any, shape: Any) -> None:
    found = segment_nuclei(np.full(shape, value, np.uint16))
    assert found.labels.shape == shape
    assert not found.labels.any()
    assert len(found.scores) == 0
    assert found.diameter_px is None
    assert found.figures["segment_noise"] is None


@pytest.mark.parametrize("top", [0, 400])
@pytest.mark.parametrize(
    ("dtype", "dark", "values"),
    [
        (np.uint8, 0, [255, 255, 255]),
        (np.uint8, 0, [1, 1, 1]),
        (np.uint16, 100, [1000, 400, 1500]),
        (np.float32, 0.0, [0.5, 1.0, 0.3]),
    ],
)
def test_a_drawing_is_not_taken_for_coarse_counts(
    dtype: Any, dark: Any, values: Any, top: Any
) -> None:
    """Values far apart, and no noise: the step between them was taken for noise, and 0 found."""
    image = np.full((top + 220, 256), dark, dtype)
    y, x = np.mgrid[: top + 220, :256]
    for (cy, cx, radius), value in zip(
        [(60, 60, 10), (60, 150, 9), (150, 70, 8)], values, strict=True
    ):
        image[(y - top - cy) ** 2 + (x - cx) ** 2 <= radius**2] = value
    assert segment_nuclei(image).labels.max() == 3


@pytest.mark.parametrize("share", [1e-3, 0.01, 0.05, 0.2])
def test_flicker_of_the_last_bit_is_no_drawing(share: Any) -> None:
    image = (np.random.default_rng(1).random((1024, 512)) < share).astype(np.uint16)
    assert segment_nuclei(image).labels.max() == 0
    assert segment_nuclei(image * 16).labels.max() == 0


def test_one_dead_or_hot_pixel_is_no_nucleus() -> None:
    image = np.random.default_rng(8).poisson(200, (200, 200)).astype(np.uint16)
    image[50, 60], image[120, 30] = 60000, 0
    assert len(segment_nuclei(image).scores) == 0


# Invariances ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.float64),
        lambda a: a.astype(np.int32),
        np.asfortranarray,
        lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
        lambda a: a * np.uint16(16),
        lambda a: a / np.float32(4096),
    ],
    ids=["float32", "float64", "int32", "fortran", "strided", "12 in 16 bits", "scaled"],
)
def test_storage_changes_nothing(same: Any) -> None:
    image, _ = field(9)
    expected, found = segment_nuclei(image), segment_nuclei(same(image))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_twice_the_same_to_the_last_bit_and_the_input_untouched() -> None:
    image, _ = field(10)
    before = image.copy()
    first, second = segment_nuclei(image), segment_nuclei(image)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.figures == second.figures
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_turns_the_objects(turns: Any) -> None:
    # 256 is a multiple of every block, so blocks turn onto blocks; what is left is the order of
    # float sums and of the flood, which moves single pixels of an outline.
    image, count = field(11)
    turned = segment_nuclei(np.ascontiguousarray(np.rot90(image, turns)))
    back = np.rot90(turned.labels, -turns)
    straight = segment_nuclei(image).labels
    assert len(turned.scores) == count
    assert matched(straight, np.ascontiguousarray(back)) == count
    assert ((straight > 0) != (back > 0)).mean() < 0.003


def test_shifting_the_content_shifts_the_objects() -> None:
    big = (
        np.random.default_rng(12)
        .poisson(150 + draw((320, 320), grid(320, 40, 60), 11, 500))
        .astype(np.uint16)
    )
    first = segment_nuclei(np.ascontiguousarray(big[:300, :300]))
    second = segment_nuclei(np.ascontiguousarray(big[20:, 20:]))
    assert len(first.scores) == len(second.scores)
    # Blocks fall elsewhere: the same objects, outlines equal to a pixel here and there.
    overlap = (first.labels[20:, 20:] > 0) != (second.labels[:280, :280] > 0)
    assert overlap.mean() < 0.003


# Settings and bad calls -----------------------------------------------------------------------


def test_a_given_diameter_is_used() -> None:
    image, count = field()
    found = segment_nuclei(image, SegmentSettings(expected_diameter_um=11.0), 0.5)
    assert found.diameter_px == 22.0
    assert len(found.scores) == count


@pytest.mark.parametrize("name", ["expected_diameter_um", "min_area_um2"])
def test_um_without_a_pixel_size_is_refused(name: Any) -> None:
    with pytest.raises(ImageError, match=f"{name} is 9 but the pixel size is unknown"):
        segment_nuclei(field()[0], SegmentSettings.model_validate({name: 9.0}))


def test_pixels_that_are_not_finite_are_counted() -> None:
    image = field()[0].astype(np.float32)
    image[3, 4:7] = np.nan
    with pytest.raises(ImageError, match="3 pixels are NaN"):
        segment_nuclei(image)


@pytest.mark.parametrize(
    ("pixels", "error", "words"),
    [
        (np.zeros((2, 3, 4), np.uint8), ValueError, r"\(2, 3, 4\)"),
        (np.zeros((0, 4), np.uint8), ValueError, r"\(0, 4\)"),
        (np.zeros((4, 4), bool), TypeError, "bool"),
        (np.zeros((4, 4), complex), TypeError, "complex128"),
    ],
)
def test_what_is_not_a_plane_is_refused(pixels: Any, error: Any, words: Any) -> None:
    with pytest.raises(error, match=words):
        segment_nuclei(pixels)


# Real images ----------------------------------------------------------------------------------

# Floors on every sixth image, about .02 below what was measured when they were set.
FLOORS = {"bbbc039": 0.915, "dsb2018": 0.81, "mnfinder": 0.89}
COUNT_ERRORS = {"bbbc039": 0.08, "dsb2018": 0.15, "mnfinder": 0.10}


def read(path: Any) -> Any:
    return tifffile.imread(path) if path.suffix == ".tif" else imread(path)


def pooled_f1(folder: Any, name: Any) -> Any:
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith(f"nuclei_fluo/{name}/")]
    hits = truths = founds = 0
    errors = []
    for row in sorted(rows, key=lambda r: r["path"])[::6]:
        truth = np.unique(read(folder / row["mask"]), return_inverse=True)[1]
        truth = truth.reshape(read(folder / row["mask"]).shape)
        found = segment_nuclei(read(folder / row["path"]))
        hits += matched(truth, found.labels)
        truths += int(truth.max())
        founds += len(found.scores)
        errors.append(abs(len(found.scores) - truth.max()) / truth.max())
    return 2 * hits / (truths + founds), float(np.median(errors))


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(FLOORS))
def test_real_nuclei_with_one_setting(name: Any, data_folder: Any) -> None:
    f1, count_error = pooled_f1(data_folder, name)
    assert f1 >= FLOORS[name]
    assert count_error <= COUNT_ERRORS[name]
