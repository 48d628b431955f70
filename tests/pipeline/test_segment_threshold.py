"""The method threshold: counts of drawn nuclei, empty fields, dtypes, settings, real images."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import ndimage

from monolayer.errors import ImageError
from monolayer.measure import MeasureSettings, measure_objects, measure_runs
from monolayer.segment import SegmentSettings, segment_nuclei
from monolayer_kernels import objects
from monolayer_kernels.measure_runs import Runs, find_runs
from monolayer_kernels.objects import paint_runs

ROOT = Path(__file__).parents[2]


def discs(shape: tuple[int, int] = (240, 320), diameter: float = 20) -> NDArray[np.uint16]:
    """Twenty nuclei on noise and an uneven background."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    scene = np.zeros(shape)
    for cy in range(30, 230, 55):
        for cx in range(30, 310, 60):
            scene[(y - cy) ** 2 + (x - cx) ** 2 <= diameter**2 / 4] = 200
    rng = np.random.default_rng(1)
    ground = 100 + 0.1 * x
    scene = ndimage.gaussian_filter(scene, 1.0) + ground + rng.normal(0, 4, shape)
    image: NDArray[np.uint16] = np.rint(scene).astype(np.uint16)
    return image


def by(threshold: Any = "otsu", **more: Any) -> SegmentSettings:
    return SegmentSettings(method="threshold", threshold=threshold, **more)


@pytest.mark.parametrize("threshold", ["otsu", "li", "local", 60.0])
def test_separate_nuclei_are_found_one_by_one(threshold: Any) -> None:
    found = segment_nuclei(discs(), by(threshold))
    assert found.labels.max() == len(found.scores) == 20
    assert found.diameter_px == pytest.approx(20, rel=0.15)
    assert (found.scores > 0.8).all()
    areas = np.bincount(found.labels.ravel())[1:]
    assert np.median(areas) == pytest.approx(np.pi * 100, rel=0.3)


def test_a_level_at_the_foot_of_the_nuclei_finds_them_but_believes_fewer() -> None:
    # The triangle's outlines run where the edge has faded: too soft for some to be believed.
    assert 10 <= len(segment_nuclei(discs(), by("triangle")).scores) <= 20


@pytest.mark.parametrize("threshold", ["otsu", "li", "triangle", "local"])
def test_an_empty_field_has_no_objects(threshold: Any) -> None:
    rng = np.random.default_rng(2)
    for image in (
        rng.poisson(100, (300, 400)).astype(np.uint16),
        (ndimage.gaussian_filter(rng.normal(0, 1, (300, 400)), 40) * 900 + 500).astype(np.uint16),
        np.full((50, 60), 7, np.uint16),
        np.zeros((1, 1), np.uint16),
    ):
        assert len(segment_nuclei(image, by(threshold)).scores) == 0


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float32, np.float64, ">u2"])
def test_counts_give_the_same_result_in_any_dtype(dtype: Any) -> None:
    image = discs()
    expected = segment_nuclei(image, by()).labels
    np.testing.assert_array_equal(segment_nuclei(image.astype(dtype), by()).labels, expected)


def test_floats_are_stretched_to_15_bits() -> None:
    image = discs()
    expected = segment_nuclei(image, by()).labels > 0
    found = segment_nuclei(image.astype(np.float64) / 7e4 - 0.3, by()).labels > 0
    assert (found != expected).mean() < 0.002


def test_memory_order_does_not_matter() -> None:
    image = discs()
    expected = segment_nuclei(image, by()).labels
    np.testing.assert_array_equal(segment_nuclei(np.asfortranarray(image), by()).labels, expected)


def test_a_fixed_threshold_is_in_grey_values_above_the_background() -> None:
    image = discs()
    assert len(segment_nuclei(image, by(150.0)).scores) == 20
    assert len(segment_nuclei(image, by(400.0)).scores) == 0
    shifted = segment_nuclei(image + np.uint16(50), by(150.0, min_signal_to_noise=1))
    assert len(shifted.scores) == 20


def touching_pair() -> NDArray[np.uint16]:
    y, x = np.mgrid[:240, :320]
    image = discs()
    image[(y - 55) ** 2 + (x - 62) ** 2 <= 100] += 190
    image[(y - 55) ** 2 + (x - 80) ** 2 <= 100] += 190
    return image


def test_clumps_are_cut_unless_told_not_to() -> None:
    whole = segment_nuclei(touching_pair(), by(threshold_split=False))
    parted = segment_nuclei(touching_pair(), by())
    assert len(parted.scores) > len(whole.scores)


def test_the_smallest_area_is_honoured() -> None:
    image = discs()
    image[200:208, 2:10] += 200
    assert len(segment_nuclei(image, by(min_relative_area=0.02, min_score=0.0)).scores) == 21
    assert len(segment_nuclei(image, by(min_relative_area=0.4, min_score=0.0)).scores) == 20
    assert len(segment_nuclei(image, by(min_area_um2=400.0), 1.0).scores) == 0


def test_a_diameter_in_um_needs_the_pixel_size() -> None:
    settings = by(expected_diameter_um=10.0)
    assert segment_nuclei(discs(), settings, 0.5).diameter_px == 20
    with pytest.raises(ImageError, match="expected_diameter_um is 10"):
        segment_nuclei(discs(), settings)


@pytest.mark.parametrize(("sigma", "diameter"), [(0.0, 20), (0.4, 20), (3.0, 20), (5.0, 44)])
def test_any_smoothing_finds_the_nuclei(sigma: float, diameter: float) -> None:
    settings = by(threshold_smoothing_px=sigma)
    assert len(segment_nuclei(discs(diameter=diameter), settings).scores) == 20


@pytest.mark.parametrize("value", ["mean", 0.0, -3.0, float("inf"), float("nan")])
def test_thresholds_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="threshold"):
        by(value)


@pytest.mark.data
@pytest.mark.parametrize("threshold", ["otsu", "li"])
def test_a_real_field_is_counted_within_15_percent(data_folder: Path, threshold: Any) -> None:
    image = data_folder / "nuclei_fluo/bbbc039/images/IXMtest_G06_s3_w19ABE30.tif"
    found = segment_nuclei(tifffile.imread(image), by(threshold))
    # 169 outlined by experts, 6 of them below 30 pixels.
    assert len(found.scores) == pytest.approx(169, rel=0.15)


@pytest.mark.parametrize("method", ["tree", "threshold"])
def test_the_runs_handed_on_are_those_of_the_labels(method: str) -> None:
    """So that whoever measures need not walk over the labels again, and gets the same."""
    image = tifffile.imread(ROOT / "sample_data" / "plate" / "sample_B03_s1_w1.tif")
    found = segment_nuclei(image, SegmentSettings(method=method))
    assert found.sums is not None
    assert found.runs.label.size > 10
    for own, expected in zip(found.runs, find_runs(found.labels), strict=True):
        np.testing.assert_array_equal(own, expected)
    args = ({"dna": image}, MeasureSettings(), 0.65)
    spared = measure_runs(found.runs, image.shape, *args, sums=found.sums)
    walked = measure_objects(found.labels, *args)
    assert list(spared) == list(walked)
    for name, values in walked.items():
        np.testing.assert_array_equal(spared[name], values, err_msg=name)


def test_a_label_image_is_painted_only_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[tuple[int, ...]] = []

    def paint(runs: Runs, shape: tuple[int, ...]) -> Any:
        painted.append(shape)
        return paint_runs(runs, shape)

    monkeypatch.setattr(objects, "paint_runs", paint)
    image = discs()
    found = segment_nuclei(image, by())
    measure_runs(found.runs, image.shape, {}, MeasureSettings(), 0.65, sums=found.sums)
    sent = pickle.loads(pickle.dumps(found))
    assert painted == []
    assert len(pickle.dumps(found)) < image.size
    assert found.labels is found.labels
    assert painted == [image.shape]
    np.testing.assert_array_equal(sent.labels, found.labels)
    np.testing.assert_array_equal(sent.scores, found.scores)


def test_sums_of_other_runs_are_refused() -> None:
    found, other = (segment_nuclei(discs(diameter=d), by()) for d in (20, 24))
    with pytest.raises(ValueError, match="sums are not those of the runs"):
        measure_runs(found.runs, discs().shape, {}, MeasureSettings(), None, sums=other.sums)
