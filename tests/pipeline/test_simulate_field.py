"""One simulated field: exact truth, the physics of light and camera, the same bits each time."""

import math
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import measure

from monolayer.simulate import (
    DebrisSettings,
    NucleiSettings,
    OpticsSettings,
    SimulatedField,
    SimulateSettings,
    simulate_field,
)
from monolayer.simulate.draws import Draws
from monolayer.simulate.nuclei import Nucleus, outline_patch, place_cells
from monolayer.simulate.optics import blur, expose, illumination, lens_sigma_px, smooth_noise
from monolayer.simulate.scene import label_nuclei

regionprops: Any = measure.regionprops

CLEAN = DebrisSettings(specks_per_mm2=0, smears_per_mm2=0, floating_per_mm2=0)


def make(seed: int = 1, size: int = 256, **groups: Any) -> SimulatedField:
    nuclei = {"density_cells_per_cm2": 90_000} | groups.pop("nuclei", {})
    settings = SimulateSettings(
        height_px=size, width_px=size + 40, nuclei=NucleiSettings(**nuclei), **groups
    )
    return simulate_field(settings, seed)


@pytest.fixture(scope="module")
def field() -> SimulatedField:
    return make()


def test_same_seed_same_bits(field: SimulatedField) -> None:
    again = make()
    np.testing.assert_array_equal(field.pixels, again.pixels)
    np.testing.assert_array_equal(field.labels, again.labels)
    for name, column in field.truth.items():
        np.testing.assert_array_equal(column, again.truth[name])


def test_other_seed_or_index_other_field(field: SimulatedField) -> None:
    settings = SimulateSettings(
        height_px=256, width_px=296, nuclei=NucleiSettings(density_cells_per_cm2=90_000)
    )
    assert np.array_equal(simulate_field(settings, 1, 0).pixels, field.pixels)
    for other in (simulate_field(settings, 2), simulate_field(settings, 1, 1)):
        assert np.mean(other.pixels == field.pixels) < 0.3


def test_truth_describes_the_labels(field: SimulatedField) -> None:
    props = regionprops(field.labels)
    truth = field.truth
    assert [p.label for p in props] == truth["label"].tolist()
    assert len(props) > 15
    assert [p.area for p in props] == truth["area_px"].tolist()
    centroids = np.column_stack((truth["centroid_y_px"], truth["centroid_x_px"]))
    np.testing.assert_allclose(centroids, [p.centroid for p in props])
    np.testing.assert_allclose(truth["area_um2"], [p.area * 0.65**2 for p in props])
    height, width = field.labels.shape
    border = [
        b[0] == 0 or b[1] == 0 or b[2] == height or b[3] == width for b in (p.bbox for p in props)
    ]
    assert truth["touches_border"].tolist() == border
    assert any(border)
    assert not all(border)


@pytest.mark.parametrize("seed", range(4))
def test_each_nucleus_is_one_piece_numbered_by_first_pixel(seed: int) -> None:
    labels = make(seed, nuclei={"touching_fraction": 0.8, "density_cells_per_cm2": 200_000}).labels
    present, first = np.unique(labels[labels > 0], return_index=True)
    assert present.tolist() == list(range(1, labels.max() + 1))
    assert np.all(np.diff(first) > 0)
    # The field's border may cut a bent nucleus in two.
    inner = [p.image for p in regionprops(labels) if min(p.bbox) > 0 and max(p.bbox[2:]) < 256]
    assert inner
    assert all(cv2.connectedComponents(i.astype(np.uint8), connectivity=4)[0] == 2 for i in inner)


def test_nuclei_shine_where_the_truth_says(field: SimulatedField) -> None:
    away = np.asarray(blur((field.labels > 0).astype(float), 3) < 1e-6)
    dark, bright = field.pixels[away], field.pixels[field.labels > 0]
    assert np.median(bright) > np.median(dark) + 20 * np.std(dark[dark < np.percentile(dark, 90)])


def test_light_follows_the_dna() -> None:
    optics = OpticsSettings(
        vignetting=0, haze_fraction=0, background_electrons=0, read_noise_electrons=0, bit_depth=16
    )
    nuclei = {"density_cells_per_cm2": 25_000, "touching_fraction": 0, "texture": 0}
    one = make(3, 400, optics=optics, debris=CLEAN, nuclei=nuclei)
    electrons = (one.pixels.astype(float) - 100) * optics.electrons_per_grey_level
    ratios = []
    for nucleus, expected in zip(
        regionprops(one.labels), one.truth["intensity_electrons"], strict=True
    ):
        window = _window(nucleus.bbox)
        alone = len(np.unique(one.labels[window])) == 2
        if alone and not one.truth["touches_border"][nucleus.label - 1]:
            ratios.append(electrons[window].sum() / expected)
    assert len(ratios) > 8
    # Nucleoli take a few percent of the light away.
    assert ratios == pytest.approx([0.97] * len(ratios), abs=0.1)


def _window(bbox: tuple[int, int, int, int]) -> tuple[slice, slice]:
    top, left, bottom, right = bbox
    return slice(max(0, top - 6), bottom + 6), slice(max(0, left - 6), right + 6)


def test_expected_density() -> None:
    nuclei = {"density_cells_per_cm2": 40_000, "dividing_fraction": 0, "touching_fraction": 0}
    settings = NucleiSettings(**nuclei)
    shape = (600, 600)
    counts = [len(place_cells(settings, Draws(5, i), 0.65, shape)) for i in range(30)]
    expected = 40_000 * 600 * 600 * 0.65e-4**2
    assert np.mean(counts) == pytest.approx(expected, abs=4 * math.sqrt(expected / 30))


def test_counts_are_of_whole_and_cut_nuclei_alike() -> None:
    few = make(2, 300, nuclei={"density_cells_per_cm2": 0})
    assert few.labels.max() == 0
    assert all(len(column) == 0 for column in few.truth.values())
    assert few.pixels.std() > 1


def test_touching_fraction_makes_contacts() -> None:
    def contacts(fraction: float) -> int:
        one = make(4, 400, nuclei={"touching_fraction": fraction, "density_cells_per_cm2": 50_000})
        a, b = one.labels[:, :-1], one.labels[:, 1:]
        touching = (a != b) & (a > 0) & (b > 0)
        return len(np.unique(np.column_stack((a[touching], b[touching])), axis=0))

    assert contacts(0.9) > 2 * contacts(0)


def test_dividing_cells() -> None:
    one = make(6, 500, nuclei={"dividing_fraction": 1, "density_cells_per_cm2": 30_000})
    truth = one.truth
    assert np.all(truth["dividing"])
    assert set(truth["phase"]) == {"metaphase", "anaphase"}
    assert np.all((truth["mother_pair"] > 0) == (truth["phase"] == "anaphase"))
    pairs, sizes = np.unique(truth["mother_pair"][truth["phase"] == "anaphase"], return_counts=True)
    assert len(pairs) > 3
    assert sizes.max() == 2
    whole = pairs[sizes == 2][0]
    y, x = (
        truth[name][truth["mother_pair"] == whole] for name in ("centroid_y_px", "centroid_x_px")
    )
    apart_um = 0.65 * math.hypot(float(y[0]) - float(y[1]), float(x[0]) - float(x[1]))
    assert 6 < apart_um < 14


def test_no_division_where_none_is_asked() -> None:
    assert not make(nuclei={"dividing_fraction": 0}).truth["dividing"].any()


def test_outline_of_a_plain_ellipse() -> None:
    plain = Nucleus(50.3, 60.7, 20, 12, 0.4, ((0, 0),) * 4, "interphase", 1, 1, 0.3)
    area = int(np.sum(outline_patch(plain, (100, 120)).r < 1))
    assert area == pytest.approx(math.pi * 20 * 12, rel=0.01)
    off = outline_patch(plain.moved(500, 0), (100, 120))
    assert off.r.size == 0
    assert plain.radius(0.4) == pytest.approx(20)
    assert plain.radius(0.4 + math.pi / 2) == pytest.approx(12)


def test_overlaps_are_shared_along_the_middle() -> None:
    left = Nucleus(50, 40, 15, 15, 0, ((0, 0),) * 4, "interphase", 1, 1, 0.3)
    labels = label_nuclei([left, left.moved(0, 20)], (100, 100))
    assert labels[50, 49] == 1
    assert labels[50, 51] == 2
    assert abs(np.sum(labels == 1) - np.sum(labels == 2)) <= 2 * 30


def test_camera_noise_is_poisson_plus_read_noise() -> None:
    optics = OpticsSettings(electrons_per_grey_level=1, read_noise_electrons=3, bit_depth=16)
    for mean in (12.0, 80.0, 900.0):
        grey = expose(np.full((400, 400), mean), optics, Draws(1, 0)).astype(float) - 100
        assert grey.mean() == pytest.approx(mean, abs=5 * math.sqrt((mean + 9) / 160_000))
        assert grey.var() == pytest.approx(mean + 9, rel=0.02)
    skew = ((grey - grey.mean()) ** 3).mean() / grey.std() ** 3
    assert skew == pytest.approx(1 / math.sqrt(900), abs=0.02)


def test_camera_saturates_and_never_goes_below_zero() -> None:
    optics = OpticsSettings(bit_depth=12, offset_grey_levels=0)
    assert expose(np.full((9, 9), 1e6), optics, Draws(1, 0)).min() == 4095
    assert expose(np.zeros((99, 99)), optics, Draws(1, 0)).min() == 0


def test_lens_by_hand() -> None:
    thin = OpticsSettings(section_thickness_um=0, numerical_aperture=0.5, emission_nm=500)
    assert lens_sigma_px(thin) == pytest.approx(0.21 / 0.65)
    far = thin.model_copy(update={"defocus_um": 30.0})
    assert lens_sigma_px(far) == pytest.approx(math.hypot(0.21, 30 * 0.57735 / 2) / 0.65, rel=1e-4)


def test_blur_keeps_the_light_and_its_width() -> None:
    point = np.zeros((61, 61))
    point[30, 30] = 1000
    seen = blur(point, 3.0)
    y = np.arange(61) - 30
    assert seen.sum() == pytest.approx(1000)
    assert (seen.sum(axis=1) * y**2).sum() / 1000 == pytest.approx(9, rel=0.01)


def test_defocus_takes_the_detail_away() -> None:
    def detail(defocus_um: float) -> float:
        optics = OpticsSettings(defocus_um=defocus_um, read_noise_electrons=0)
        smooth = blur(make(8, debris=CLEAN, optics=optics).pixels.astype(float), 1)
        return float(np.var(np.diff(smooth, axis=0)))

    assert detail(0) > 3 * detail(15) > 3 * detail(45)


def test_vignetting_darkens_the_corners() -> None:
    shade = illumination(OpticsSettings(vignetting=0.3), Draws(3, 0), (200, 300))
    corners = [shade[0, 0], shade[0, -1], shade[-1, 0], shade[-1, -1]]
    assert np.mean(corners) == pytest.approx(0.7, abs=0.04)
    assert 0.98 < shade.max() <= 1


def test_smooth_noise_has_unit_variance() -> None:
    for sigma in (1.0, 2.5):
        noise = smooth_noise(Draws(1, 0), (500, 500), sigma)
        assert noise.std() == pytest.approx(1, abs=0.06)
        assert noise.mean() == pytest.approx(0, abs=0.05)


def test_draws_follow_their_laws() -> None:
    draws = Draws(11, 0)
    normal = draws.normals((200_000,))
    assert normal.mean() == pytest.approx(0, abs=0.01)
    assert normal.std() == pytest.approx(1, abs=0.01)
    assert np.mean(np.abs(normal) > 1.959964) == pytest.approx(0.05, abs=0.002)
    for mean in (0.4, 6.0, 120.0):
        counts = np.array([draws.count(mean) for _ in range(4000)])
        assert counts.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / 4000))
        assert counts.var() == pytest.approx(mean, rel=0.12)
    sizes = np.array([draws.log_normal(19, 0.2) for _ in range(4000)])
    assert np.median(sizes) == pytest.approx(19, rel=0.02)
    assert sizes.std() / sizes.mean() == pytest.approx(0.2, abs=0.012)
    picks = np.bincount([draws.index(5) for _ in range(5000)], minlength=5)
    assert picks.min() > 850


def test_bad_calls_name_the_culprit() -> None:
    with pytest.raises(ValueError, match="seed -1 and index 0"):
        simulate_field(SimulateSettings(), -1)
    with pytest.raises(ValueError, match="pixel_size_um"):
        OpticsSettings(pixel_size_um=0)
    with pytest.raises(ValueError, match="colour"):
        SimulateSettings(colour="red")  # type: ignore[call-arg]
